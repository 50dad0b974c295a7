"""No answer has a row of another tenant's, whoever asks at the same time, leaves, or loses a connection."""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid5

import httpx
import orjson
import pytest
from sqlalchemy import insert
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from app.database import Database
from app.errors import UnavailableError
from app.models import Base
from app.schema.node import parse_id
from tests.campaigns.storm import TENANTS, Verdict, storm
from tests.clients import ACCEPT, GraphQL, Person, register
from tests.house.rows import row_of
from tests.resolvers.company import CREATE_KEY

TABLES = Base.metadata.tables
ROWS = 5
"""Resources of each tenant."""
SEED = 20261123
QUERY = """query ($slug: String!) {
  viewer { user { email } organizations { nodes { id name } } }
  organization(slug: $slug) {
    id name viewerRole
    resources(first: 50) { totalCount nodes { id name account { name } } pageInfo { endCursor } }
    members { nodes { user { email name } } }
  }
}"""
MARK = re.compile(rb"tenant(\d\d)x", re.IGNORECASE)
AWAY = b'{"errors": [{"extensions": {"code": "SERVICE_UNAVAILABLE"}}]}'
PASSING = {"SERVICE_UNAVAILABLE", "INTERNAL_SERVER_ERROR", "TIMEOUT"}


def marks(answer: bytes) -> list[int]:
    """Whose names are in an answer, one for each."""
    return [int(number) for number in MARK.findall(answer)]


async def insert_inventory(owner: Database, tenants: dict[int, UUID]) -> None:
    """An account and some resources of each tenant, who can be told by every name."""
    accounts, resources = [], []
    for number, tenant in tenants.items():
        mark = f"tenant{number:02}x"
        accounts.append(row_of(TABLES["accounts"], tenant) | {"name": f"{mark} account", "method": None})
        resources += [
            row_of(TABLES["resources"], tenant)
            | {"id": uuid5(tenant, str(row)), "native_id": f"{row}", "name": f"{mark} resource {row}", "gone_at": None}
            for row in range(ROWS)
        ]
    async with owner.engine.begin() as connection:
        await connection.execute(insert(TABLES["accounts"]), accounts)
        await connection.execute(insert(TABLES["resources"]), resources)


async def test_no_fetch_shows_a_row_of_another_tenants(
    database: Database, owner: Database, fresh_database_url: str
) -> None:
    """Through the row door itself; some of the statements take a moment, so that there is something to break."""
    tenants = {number: UUID(int=number + 1) for number in range(TENANTS)}
    async with owner.engine.begin() as connection:
        await connection.execute(
            insert(TABLES["organizations"]), [row_of(TABLES["organizations"], tenant) for tenant in tenants.values()]
        )
    await insert_inventory(owner, tenants)
    at_once = "SELECT organization_id, name, app_org(), app_user() FROM resources"
    slowly = f"{at_once}, pg_sleep(0.002)"
    users, requests = (None, UUID(int=1)), 1000

    async with storm(fresh_database_url, SEED) as raging:

        async def ask(number: int) -> Verdict:
            tenant, user = tenants[number], raging.chance.choice(users)
            try:
                rows = await database.fetch(
                    slowly if raging.chance.random() < 1 / 10 else at_once, (), organization_id=tenant, user_id=user
                )
            except UnavailableError:
                return Verdict.UNAVAILABLE
            seen = {(row[0], row[1].partition(" ")[0], row[2], row[3]) for row in rows}
            if seen - {(tenant, f"tenant{number:02}x", tenant, user)}:
                return Verdict.FOREIGN
            return Verdict.RIGHT if len(rows) == ROWS else Verdict.WRONG

        await raging.rage(requests, ask)
        raging.judge(requests)


@dataclass(frozen=True)
class Caller:
    """A tenant's own caller, and the answer that it gets when nothing disturbs."""

    number: int
    url: str
    slug: str
    token: str
    answer: bytes = b""

    @property
    def asked(self) -> dict[str, Any]:
        """The operation, which is the same for all but for whose organization it reads."""
        return {"query": QUERY, "variables": {"slug": self.slug}}

    async def over_http(self, client: httpx.AsyncClient) -> bytes:
        """The answer to a POST."""
        headers = {"authorization": f"Bearer {self.token}", "accept": ACCEPT}
        return (await client.post("/graphql", json=self.asked, headers=headers)).content

    async def over_websocket(self) -> bytes:
        """The answer on a socket of its own: leaving closes it, which cancels the operation in the server."""
        async with connect(
            self.url.replace("http", "ws", 1) + "/graphql",
            subprotocols=[Subprotocol("graphql-transport-ws")],
            open_timeout=None,
            ping_interval=None,
        ) as socket:
            await socket.send(orjson.dumps({"type": "connection_init", "payload": {"token": self.token}}).decode())
            await socket.send(orjson.dumps({"type": "subscribe", "id": "1", "payload": self.asked}).decode())
            async for frame in socket:
                message = orjson.loads(frame)
                if message["type"] in {"next", "error"}:
                    return orjson.dumps(message["payload"])
        return AWAY

    def verdict(self, answer: bytes) -> Verdict:
        """What the answer is worth."""
        if set(marks(answer)) - {self.number}:
            return Verdict.FOREIGN
        try:
            read = orjson.loads(answer)
        except orjson.JSONDecodeError:
            return Verdict.BROKEN
        errors = read if isinstance(read, list) else read.get("errors", [])
        if errors and {error["extensions"]["code"] for error in errors} <= PASSING:
            return Verdict.UNAVAILABLE
        # Beside the data an answer says how many points its caller has left.
        is_right = isinstance(read, dict) and not errors and read["data"] == orjson.loads(self.answer)["data"]
        return Verdict.RIGHT if is_right else Verdict.WRONG


async def callers(url: str, client: httpx.AsyncClient, owner: Database) -> list[Caller]:
    """A tenant each, with rows; every other one comes with an API key."""
    graphql = GraphQL(client)
    people = [await register(graphql, f"Tenant{number:02}x") for number in range(TENANTS)]
    await insert_inventory(owner, {number: parse_id(person.organization_id).id for number, person in enumerate(people)})
    found = []
    for number, person in enumerate(people):
        token = person.token if number % 2 else await key_of(graphql, person)
        calm = Caller(number, url, person.slug, token)
        answer = await calm.over_http(client)
        assert b'"errors"' not in answer, answer
        assert marks(answer).count(number) >= 2 * ROWS, answer
        found.append(replace(calm, answer=answer))
    return found


async def key_of(graphql: GraphQL, person: Person) -> str:
    """An API key of the person's organization."""
    wanted = {"organizationId": person.organization_id, "name": "storm", "scopes": ["ORGANIZATION_READ"]}
    made = await graphql.data(CREATE_KEY, {"input": wanted}, token=person.token)
    key: str = made["createApiKey"]["key"]
    return key


@pytest.fixture
def collected() -> Iterator[None]:
    """Afterwards the garbage is collected, while warnings about it are still those of the test."""
    yield
    gc.collect()


@pytest.mark.campaign
# What graphql-core has begun for an operation that is cancelled, it does not await; what clients of HTTP and WebSockets
# have opened when they are cancelled, they do not close.
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
@pytest.mark.filterwarnings("ignore:unclosed (transport|<socket):ResourceWarning")
async def test_no_answer_shows_a_row_of_another_tenants(
    collected: None,  # noqa: ARG001  (after the server has stopped)
    live_server: str,
    owner: Database,
    fresh_database_url: str,
    pytestconfig: pytest.Config,
) -> None:
    """Through the whole server, half over HTTP and half over WebSockets, whose operations end when a caller leaves."""
    requests = pytestconfig.getoption("requests")
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=live_server, timeout=None, limits=limits) as client:  # noqa: S113
        tenants = await callers(live_server, client, owner)
        async with storm(fresh_database_url, SEED) as raging:

            async def ask(number: int) -> Verdict:
                caller = tenants[number]
                try:
                    if raging.chance.random() < 1 / 2:
                        return caller.verdict(await caller.over_http(client))
                    return caller.verdict(await caller.over_websocket())
                except (httpx.TransportError, WebSocketException, OSError):  # no answer
                    return Verdict.UNAVAILABLE

            await raging.rage(requests, ask)
            raging.judge(requests)
