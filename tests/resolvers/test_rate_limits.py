"""What callers meet of the limits, through the whole application."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import orjson
import pytest
from redis.asyncio import Redis
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from app.config import Settings, insecurities
from app.context import Runtime
from app.main import create_app
from tests.clients import PASSWORD, GraphQL, Person, register
from tests.resolvers.company import CREATE_KEY

RESOURCES = "query ($slug: String!, $n: Int!) { organization(slug: $slug) { resources(first: $n) { nodes { id } } } }"
RATE_LIMIT = "{ rateLimit { maximum available restoreRate requested } }"
MAXIMUM, OPERATION = 2_000, 1_500


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """A small bucket, into which hardly anything flows."""
    return settings.model_copy(
        update={"cost_maximum": MAXIMUM, "cost_restored": 10, "cost_operation": OPERATION},
    )


async def ask(graphql: GraphQL, person: Person, rows: int) -> httpx.Response:
    """A page of resources, which there are none of."""
    body = {"query": RESOURCES, "variables": {"slug": person.slug, "n": rows}}
    return await graphql.client.post("/graphql", json=body, headers={"authorization": f"Bearer {person.token}"})


async def test_answers_and_headers_tell_the_cost(graphql: GraphQL) -> None:
    person = await register(graphql)
    answer = await ask(graphql, person, 100)
    cost = answer.json()["extensions"]["cost"]
    assert (cost["requested"], cost["actual"]) == (102, 2)
    left = cost["throttle"]["available"]
    assert cost["throttle"] == {"maximum": MAXIMUM, "available": left, "restoreRate": 10}
    assert MAXIMUM - 20 <= left <= MAXIMUM - 2
    assert answer.headers["ratelimit-limit"] == str(MAXIMUM)
    assert answer.headers["ratelimit-remaining"] == str(left)
    assert answer.headers["ratelimit-reset"] == str(-(-(MAXIMUM - left) // 10))
    found = (await graphql.data(RATE_LIMIT, token=person.token))["rateLimit"]
    assert found["maximum"] == MAXIMUM
    assert found["requested"] == 1
    assert left - 1 <= found["available"] <= left + 1  # what was not used has been given back


async def test_what_was_not_used_is_given_back(graphql: GraphQL) -> None:
    person = await register(graphql)
    for _ in range(30):  # 30 times 1,002 would be fifteen buckets
        assert (await ask(graphql, person, 1_000)).status_code == 200
        await asyncio.sleep(0)


async def test_many_at_once_are_refused_until_points_are_back(graphql: GraphQL) -> None:
    """Each is charged its estimate while it runs."""
    person = await register(graphql)
    answers = await asyncio.gather(*(ask(graphql, person, 900) for _ in range(6)))
    refused = [answer for answer in answers if answer.status_code == 429]
    assert 1 <= len(refused) < 6
    (fault,) = refused[0].json()["errors"]
    assert "data" not in refused[0].json()
    assert fault["extensions"]["code"] == "RATE_LIMITED"
    wait = fault["extensions"]["retryAfter"]
    assert refused[0].headers["retry-after"] == str(wait)
    assert "ratelimit-remaining" in refused[0].headers
    assert f"Wait {wait} second" in fault["message"]
    assert "902 points" in fault["message"]
    assert fault["extensions"]["cost"]["requested"] == 902
    await asyncio.sleep(0.1)
    assert (await ask(graphql, person, 900)).status_code == 200


async def test_an_operation_that_is_too_dear_says_where_it_comes_from(graphql: GraphQL) -> None:
    person = await register(graphql)
    document = '{ organization(slug: "%s") { resources(first: 100) { nodes { history(first: 200) { kind } } } } }'
    answer = await graphql.client.post(
        "/graphql", json={"query": document % person.slug}, headers={"authorization": f"Bearer {person.token}"}
    )
    assert answer.status_code == 429
    assert "retry-after" not in answer.headers  # to wait does not help
    (fault,) = answer.json()["errors"]
    assert fault["extensions"]["code"] == "RATE_LIMITED"
    assert "20,102 points; one may cost 1,500 at most" in fault["message"]
    assert "`organization.resources.nodes.history` 20,000" in fault["message"]
    cost = fault["extensions"]["cost"]
    assert (cost["requested"], cost["most"]) == (20_102, OPERATION)
    assert cost["parts"][0] == {"path": "organization.resources.nodes.history", "cost": 20_000}


async def test_a_wrong_variable_is_its_own_error_and_costs_nothing(graphql: GraphQL) -> None:
    person = await register(graphql)
    before = (await graphql.data(RATE_LIMIT, token=person.token))["rateLimit"]["available"]
    for _ in range(3):
        answer = await graphql(RESOURCES, {"slug": person.slug, "n": "many"}, token=person.token)
        assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert (await graphql.data(RATE_LIMIT, token=person.token))["rateLimit"]["available"] >= before - 2


async def test_callers_have_buckets_of_their_own(graphql: GraphQL) -> None:
    """People, keys, and the strangers of an address together, with a tenth."""
    ada, bob = await register(graphql), await register(graphql, "Bob")
    values = {"input": {"organizationId": ada.organization_id, "name": "ci", "scopes": ["ORGANIZATION_READ"]}}
    made = (await graphql.data(CREATE_KEY, values, token=ada.token))["createApiKey"]
    await asyncio.gather(*(ask(graphql, ada, 900) for _ in range(2)))
    found = {
        "bob": (await graphql.data(RATE_LIMIT, token=bob.token))["rateLimit"],
        "key": (await graphql.data(RATE_LIMIT, api_key=made["key"]))["rateLimit"],
        "root": (await graphql.data(RATE_LIMIT, root_key="root-key-of-the-tests-0123456789abcdef"))["rateLimit"],
    }
    assert {name: (each["maximum"], each["available"]) for name, each in found.items()} == dict.fromkeys(
        found, (MAXIMUM, MAXIMUM - 1)
    )
    stranger = (await graphql.data(RATE_LIMIT))["rateLimit"]
    assert stranger["maximum"] == MAXIMUM / 10
    assert stranger["available"] < MAXIMUM / 10  # two people registered from there


async def test_strangers_can_sign_in_after_their_bucket_was_empty(graphql: GraphQL) -> None:
    person = await register(graphql)
    aliases = " ".join(f"a{number}: __schema {{ queryType {{ name }} }}" for number in range(2))
    for _ in range(3):
        await graphql("{ %s }" % aliases)  # noqa: UP031 - braces of GraphQL
    document = """mutation ($input: LogInInput!) { logIn(input: $input) {
      ... on LogInPayload { accessToken } ... on UserError { message } } }"""
    values = {"input": {"email": person.email, "password": PASSWORD}}
    for _ in range(40):
        answer = await graphql(document, values)
        if "errors" not in answer:
            return
        assert answer["errors"][0]["extensions"]["retryAfter"] <= 12
        await asyncio.sleep(0.5)
    pytest.fail("nobody can sign in")


async def test_introspection_and_the_explorer_pass(graphql: GraphQL) -> None:
    from graphql import get_introspection_query  # noqa: PLC0415 - here alone

    person = await register(graphql)
    for _ in range(5):
        answer = await graphql(get_introspection_query(), token=person.token)
        assert answer["extensions"]["cost"]["requested"] == 101
        assert "errors" not in answer


async def test_sockets_and_streams_are_charged_alike(live_server: str) -> None:
    """A query its cost, a subscription that of one event when it begins; its events are free and shared."""
    async with httpx.AsyncClient(base_url=live_server) as client:
        graphql = GraphQL(client)
        person = await register(graphql)
        address = live_server.replace("http", "ws") + "/graphql"
        async with connect(address, subprotocols=[Subprotocol("graphql-transport-ws")]) as socket:

            async def say(**message: Any) -> None:
                await socket.send(orjson.dumps(message).decode())

            async def hear() -> dict[str, Any]:
                heard: dict[str, Any] = orjson.loads(await asyncio.wait_for(socket.recv(), 20))
                return heard

            await say(type="connection_init", payload={"token": person.token})
            assert (await hear())["type"] == "connection_ack"
            variables = {"slug": person.slug, "n": 200}
            await say(type="subscribe", id="1", payload={"query": RESOURCES, "variables": variables})
            assert (await hear())["payload"]["extensions"]["cost"]["requested"] == 202
            assert (await hear())["type"] == "complete"
            before = (await graphql.data(RATE_LIMIT, token=person.token))["rateLimit"]["available"]
            follow = "subscription ($id: ID!) { activity(organizationId: $id) { cursor event { kind } } }"
            payload = {"query": follow, "variables": {"id": person.organization_id}}
            await say(type="subscribe", id="2", payload=payload)
            opening = await hear()
            assert opening["type"] == "next"
            assert "extensions" not in opening["payload"]
            after = (await graphql.data(RATE_LIMIT, token=person.token))["rateLimit"]["available"]
            assert before - 6 <= after <= before - 2
            dear = "subscription ($id: ID!) { scanProgress(scanId: $id) { steps(first: 2000) { id } } }"
            payload = {"query": dear, "variables": {"id": person.organization_id}}
            await say(type="subscribe", id="3", payload=payload)
            refused = await hear()
            assert (refused["id"], refused["type"]) == ("3", "error")
            assert refused["payload"][0]["extensions"]["code"] == "RATE_LIMITED"
        stream = {"accept": "text/event-stream", "authorization": f"Bearer {person.token}"}
        body = {"query": RESOURCES, "variables": {"slug": person.slug, "n": 1_000}}
        streamed = (await client.post("/graphql", json=body, headers=stream)).text
        assert '"extensions":{"cost":{"requested":1002,"actual":2' in streamed
        body["variables"] = {"slug": person.slug, "n": 1_600}
        streamed = (await client.post("/graphql", json=body, headers=stream)).text
        assert '"code":"RATE_LIMITED"' in streamed


async def test_limits_hold_while_valkey_is_away_and_metrics_say_so(runtime: Runtime, graphql: GraphQL) -> None:
    person = await register(graphql)
    rate_limits = runtime.rate_limits
    rate_limits._valkey = Redis(port=1)
    assert rate_limits._pipe is not None
    rate_limits._pipe.close()
    statuses = [(await ask(graphql, person, 400)).status_code for _ in range(2)]
    refused = await asyncio.gather(*(ask(graphql, person, 400) for _ in range(4)))
    assert statuses == [200, 200]
    assert 429 in {answer.status_code for answer in refused}
    assert refused[0].headers["ratelimit-limit"] == str(MAXIMUM)
    metrics = (await graphql.client.get("/metrics")).text
    assert 'skyledger_rate_limit_takes_total{store="memory"}' in metrics


def test_production_refuses_operations_without_limits(settings: Settings) -> None:
    free = settings.model_copy(update={"cost_maximum": 0})
    assert any("SKYLEDGER_COST_MAXIMUM" in each for each in insecurities(free))
    assert not any("SKYLEDGER_COST_MAXIMUM" in each for each in insecurities(settings))


async def test_without_limits_answers_say_nothing_of_cost(runtime: Runtime) -> None:
    free = runtime.settings.model_copy(update={"cost_maximum": 0})
    object.__setattr__(runtime, "settings", free)
    app, _ = create_app(runtime)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        answer = await client.post("/graphql", json={"query": RATE_LIMIT})
    assert answer.json() == {"data": {"rateLimit": None}}
    assert "ratelimit-limit" not in answer.headers
