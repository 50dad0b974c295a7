"""What is refused is paid for: wrong documents and wrong credentials, through the whole application."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Collection
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import httpx
import orjson
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from app.auth.api_keys import new_api_key
from app.config import Settings
from app.context import Runtime
from app.main import create_app
from tests.clients import ACCEPT, GraphQL, Person, register
from tests.resolvers.company import CREATE_KEY

STREAM = {"accept": "text/event-stream"}
RATE_LIMIT = "{ rateLimit { available } }"
MAXIMUM = 20_000
STRANGERS = MAXIMUM // 10
LARGE = STRANGERS // 10
"""What a large document is charged from such a bucket at most: a tenth of it."""
TEN = range(9, 12)
"""How many of them are paid for: another operation may have had a point, and one flows in each second."""
SMALL = 50
"""What wrong credentials are charged."""
_numbers = count()


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """A bucket into which hardly anything flows, of ten large documents for strangers."""
    return settings.model_copy(update={"cost_maximum": MAXIMUM, "cost_restored": 10, "cost_operation": MAXIMUM})


@pytest.fixture
async def client(live_server: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a real server."""
    async with httpx.AsyncClient(base_url=live_server, timeout=60, headers={"accept": ACCEPT}) as made:
        yield made


def hostile() -> str:
    """Fifteen kilobytes of fields that there are not; no two are the same."""
    number = next(_numbers)
    return f"{{ {' '.join(f'nothing{number}x{field}' for field in range(450))} }}".ljust(14_900)


async def misses(client: httpx.AsyncClient) -> int:
    """How many documents the server has read."""
    page = (await client.get("/metrics")).text
    lines = [line for line in page.splitlines() if line.startswith("skyledger_graphql_document_lookups_total{")]
    return sum(int(float(line.split()[-1])) for line in lines if '"miss"' in line)


async def available(client: httpx.AsyncClient, **headers: str) -> int:
    found = (await client.post("/graphql", json={"query": RATE_LIMIT}, headers=headers)).json()
    return int(found["data"]["rateLimit"]["available"])


def require_wait(fault: dict[str, Any]) -> int:
    """It is for want of points, and says how long to wait."""
    extensions = fault["extensions"]
    assert extensions["code"] == "RATE_LIMITED"
    assert f"Wait {extensions['retryAfter']} second" in fault["message"]
    return int(extensions["retryAfter"])


async def test_strangers_cannot_have_documents_refused_for_ever(client: httpx.AsyncClient) -> None:
    assert (await client.post("/graphql", json={"query": RATE_LIMIT})).status_code == 200
    before = await misses(client)
    answers = [await client.post("/graphql", json={"query": hostile()}) for _ in range(25)]
    codes = [answer.json()["errors"][0]["extensions"]["code"] for answer in answers]
    read = codes.count("GRAPHQL_VALIDATION_FAILED")
    assert read in TEN
    assert codes == ["GRAPHQL_VALIDATION_FAILED"] * read + ["RATE_LIMITED"] * (25 - read)
    assert [answer.status_code for answer in answers] == [400] * read + [429] * (25 - read)
    for answer in answers[read:]:
        assert answer.headers["retry-after"] == str(require_wait(answer.json()["errors"][0]))
        assert "ratelimit-remaining" in answer.headers
    assert await misses(client) - before == read, "what nobody can pay for is not read"
    known = await client.post("/graphql", json={"query": RATE_LIMIT})
    assert known.status_code == 200, "what is known runs on"


async def test_many_at_once_are_not_read_before_the_first_is_charged(client: httpx.AsyncClient) -> None:
    before = await misses(client)
    answers = await asyncio.gather(*(client.post("/graphql", json={"query": hostile()}) for _ in range(60)))
    read = sum(answer.status_code == 400 for answer in answers)
    assert read in TEN
    assert sum(answer.status_code == 429 for answer in answers) == 60 - read
    assert await misses(client) - before == read


async def test_the_same_wrong_document_is_paid_for_once(client: httpx.AsyncClient) -> None:
    text, before = hostile(), await available(client)
    for _ in range(5):
        assert (await client.post("/graphql", json={"query": text})).status_code == 400
    assert before - LARGE - 5 <= await available(client) <= before - LARGE + 5


async def test_new_documents_that_are_valid_cost_what_they_cost(client: httpx.AsyncClient) -> None:
    before = await available(client)
    for number in range(30):
        text = f"query Number{number} {{ rateLimit {{ available }} }}".ljust(14_000)
        assert (await client.post("/graphql", json={"query": text})).status_code == 200
    assert before - 40 <= await available(client) <= before


async def test_who_is_known_pays_from_their_own_bucket(client: httpx.AsyncClient) -> None:
    person = await register(GraphQL(client))
    headers = {"authorization": f"Bearer {person.token}"}
    before, strangers = await available(client, **headers), await available(client)
    texts = [hostile() for _ in range(4)]
    for text in texts:
        assert (await client.post("/graphql", json={"query": text}, headers=headers)).status_code == 400
    paid = before - await available(client, **headers)
    assert 4 * (MAXIMUM // 10) - 40 <= paid <= 4 * (MAXIMUM // 10) + 5
    assert await available(client) >= strangers - 2


async def test_small_mistakes_cost_little(client: httpx.AsyncClient) -> None:
    before = await available(client)
    for number in range(10):
        assert (await client.post("/graphql", json={"query": f"{{ misspelled{number} }}"})).status_code == 400
    assert before - 10 * 20 - 3 <= await available(client)


async def test_event_streams_pay_alike(client: httpx.AsyncClient) -> None:
    await available(client)
    before, codes = await misses(client), []
    for _ in range(14):
        streamed = (await client.post("/graphql", json={"query": hostile()}, headers=STREAM)).text
        fault = orjson.loads(streamed.partition("data: ")[2].partition("\n")[0])["errors"][0]
        codes.append(fault["extensions"]["code"])
    read = codes.count("GRAPHQL_VALIDATION_FAILED")
    assert read in TEN
    assert codes == ["GRAPHQL_VALIDATION_FAILED"] * read + ["RATE_LIMITED"] * (14 - read)
    assert require_wait(fault)
    assert await misses(client) - before == read


class Socket:
    """A socket of a stranger."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def say(self, **message: Any) -> None:
        await self._connection.send(orjson.dumps(message).decode())

    async def hear(self) -> dict[str, Any]:
        heard: dict[str, Any] = orjson.loads(await asyncio.wait_for(self._connection.recv(), 30))
        return heard


async def test_sockets_pay_alike(client: httpx.AsyncClient, live_server: str) -> None:
    await available(client)
    before = await misses(client)
    address = live_server.replace("http", "ws") + "/graphql"
    async with connect(address, subprotocols=[Subprotocol("graphql-transport-ws")]) as connection:
        socket = Socket(connection)
        await socket.say(type="connection_init")
        assert (await socket.hear())["type"] == "connection_ack"
        for number in range(30):
            await socket.say(type="subscribe", id=str(number), payload={"query": hostile()})
        heard = [await socket.hear() for _ in range(30)]
        assert {each["type"] for each in heard} == {"error"}
        faults = [each["payload"][0] for each in heard]
        codes = [fault["extensions"]["code"] for fault in faults]
        read = codes.count("GRAPHQL_VALIDATION_FAILED")
        assert read in TEN
        assert codes.count("RATE_LIMITED") == 30 - read
        assert all(require_wait(fault) for fault in faults if fault["extensions"]["code"] == "RATE_LIMITED")
        assert await misses(client) - before == read
        await socket.say(type="subscribe", id="known", payload={"query": RATE_LIMIT})
        assert (await socket.hear())["type"] == "next"


class LookUps:
    """Counts the look-ups of API keys."""

    def __init__(self, runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
        keys = runtime.authenticator._keys
        look_up, self.keys = keys._look_up, 0

        async def counted(ids: Collection[UUID]) -> Any:
            self.keys += len(ids)
            return await look_up(ids)

        monkeypatch.setattr(keys, "_look_up", counted)


async def ask(graphql: GraphQL, **headers: str) -> httpx.Response:
    return await graphql.client.post("/graphql", json={"query": RATE_LIMIT}, headers=headers)


async def own_key(graphql: GraphQL, person: Person, name: str) -> str:
    values = {"input": {"organizationId": person.organization_id, "name": name, "scopes": ["ORGANIZATION_READ"]}}
    made = (await graphql.data(CREATE_KEY, values, token=person.token))["createApiKey"]
    return str(made["key"])


async def test_wrong_keys_are_looked_up_until_nobody_pays(
    graphql: GraphQL, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = await register(graphql)
    key, new = await own_key(graphql, person, "ci"), await own_key(graphql, person, "never used here")
    assert (await ask(graphql, **{"x-api-key": key})).status_code == 200
    look_ups = LookUps(runtime, monkeypatch)
    answers = [await ask(graphql, **{"x-api-key": new_api_key(uuid4())}) for _ in range(80)]
    wrong = sum(answer.status_code == 401 for answer in answers)
    assert STRANGERS // SMALL - 10 <= wrong <= STRANGERS // SMALL + 1
    assert {answer.status_code for answer in answers[wrong:]} == {429}
    assert look_ups.keys == wrong
    (fault,) = answers[-1].json()["errors"]
    assert answers[-1].headers["retry-after"] == str(require_wait(fault))
    for name, value in (
        ("x-api-key", new),
        ("authorization", "Bearer a.b.c"),
        ("x-root-key", "a guess"),
        ("x-api-key", "sky_"),
    ):
        assert (await ask(graphql, **{name: value})).status_code == 429
    # Those next door who are known go on, however long ago they were looked up.
    keys = runtime.authenticator._keys
    monkeypatch.setattr(keys, "_clock", lambda: time.monotonic() + 60)
    assert (await ask(graphql, authorization=f"Bearer {person.token}")).status_code == 200
    assert (await ask(graphql, **{"x-api-key": key})).status_code == 200
    assert (await ask(graphql, **{"x-root-key": "root-key-of-the-tests-0123456789abcdef"})).status_code == 200
    await asyncio.sleep(int(answers[-1].headers["retry-after"]) + 0.1)
    assert (await ask(graphql, **{"x-api-key": new})).status_code == 200


async def test_sockets_with_wrong_credentials_pay_alike(live_server: str) -> None:
    address = live_server.replace("http", "ws") + "/graphql"

    async def end_of(payload: dict[str, str] | None) -> tuple[int | None, str | None]:
        async with connect(address, subprotocols=[Subprotocol("graphql-transport-ws")]) as connection:
            await connection.send(orjson.dumps({"type": "connection_init", "payload": payload}).decode())
            await asyncio.wait_for(connection.wait_closed(), 30)
            return connection.close_code, connection.close_reason

    ends = [await end_of({"apiKey": new_api_key(uuid4())}) for _ in range(60)]
    codes = [code for code, _ in ends]
    wrong = codes.count(4403)
    assert STRANGERS // SMALL <= wrong <= STRANGERS // SMALL + 2
    assert codes == [4403] * wrong + [1013] * (60 - wrong)
    reason = ends[-1][1] or ""
    assert reason.startswith("Too many wrong credentials came from your address. Wait ")


async def test_refused_documents_are_bounded_while_valkey_is_away(runtime: Runtime) -> None:
    """Each process counts alone, to a quarter of the bucket."""
    from redis.asyncio import Redis  # noqa: PLC0415 - here alone

    runtime.rate_limits._valkey = Redis(port=1)
    app, server = create_app(runtime)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        answers = [
            await client.post("/graphql", json={"query": hostile()}, headers={"accept": ACCEPT}) for _ in range(6)
        ]
    assert [answer.status_code for answer in answers] == [400] * 2 + [429] * 4
    assert server.documents.misses == 2


async def test_what_is_free_stays_free(runtime: Runtime) -> None:
    """Without costs nothing is charged, as before."""
    object.__setattr__(runtime, "settings", runtime.settings.model_copy(update={"cost_maximum": 0}))
    app, _ = create_app(runtime)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        answers = [
            await client.post("/graphql", json={"query": hostile()}, headers={"accept": ACCEPT}) for _ in range(25)
        ]
        wrong = [await client.post("/graphql", json={"query": RATE_LIMIT}, headers={"x-api-key": "x"})]
    assert {answer.status_code for answer in answers} == {400}
    assert {answer.status_code for answer in wrong} == {401}
