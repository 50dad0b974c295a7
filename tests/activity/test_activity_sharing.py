"""Who shares the messages of an organization's activity: those with one role and the same permissions, nobody else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress

import httpx
import pytest
from graphql import GraphQLNamedType, get_named_type, is_interface_type, is_object_type, is_union_type
from websockets.exceptions import ConnectionClosed

from app.resolvers.roots import make_schema
from tests.activity.sockets import following
from tests.activity.test_activity_graph import add, api_key
from tests.clients import GraphQL, register

REVOKE = """
mutation Revoke($input: RevokeApiKeyInput!) { revokeApiKey(input: $input) { __typename } }
"""
KEYS = "query ($slug: String!) { organization(slug: $slug) { apiKeys(first: 10) { nodes { id scopes } } } }"


@pytest.fixture
async def live(live_server: str) -> AsyncIterator[GraphQL]:
    """Operations over HTTP to the live server."""
    async with httpx.AsyncClient(base_url=live_server, timeout=60) as client:
        yield GraphQL(client)


async def figure(live: GraphQL, name: str) -> float:
    """A figure of the server's metrics."""
    page = (await live.client.get("/metrics")).text
    return float(next(line.split()[1] for line in page.splitlines() if line.startswith(f"{name} ")))


async def test_scopes_share_nothing_with_each_other(live: GraphQL, live_server: str) -> None:
    ada, eve = await register(live), await register(live, "Eve")
    readers = [await api_key(live, ada, "ORGANIZATION_READ") for _ in range(3)]
    writer = await api_key(live, ada, "ORGANIZATION_READ", "ACTIVITY_WRITE")
    async with AsyncExitStack() as stack:
        followers = [
            await stack.enter_async_context(following(live_server, ada.organization_id, **who))
            for who in ({"token": ada.token}, *({"apiKey": key} for key in (*readers, writer)))
        ]
        other = await stack.enter_async_context(following(live_server, eve.organization_id, token=eve.token))
        for follower in (*followers, other):
            await follower.message()
        assert await figure(live, "skyledger_subscription_channels") == 4
        before = await figure(live, "skyledger_subscription_executions_total")
        await add(live, ada, "for Ada's people")
        events = [(await follower.events(1))[0] for follower in followers]
        assert all(event == events[0] for event in events)
        assert events[0]["actor"]["user"] == {"name": "Ada"}
        assert await figure(live, "skyledger_subscription_executions_total") == before + 3, "once for each scope"
        await add(live, eve, "for Eve")
        assert (await other.events(1))[0]["data"] == {"text": "for Eve"}


async def test_a_revoked_key_hears_no_more_while_those_of_its_scope_go_on(live: GraphQL, live_server: str) -> None:
    ada = await register(live)
    first = await api_key(live, ada, "ORGANIZATION_READ")
    nodes = (await live.data(KEYS, {"slug": ada.slug}, token=ada.token))["organization"]["apiKeys"]["nodes"]
    second = await api_key(live, ada, "ORGANIZATION_READ")
    async with (
        following(live_server, ada.organization_id, apiKey=first) as gone,
        following(live_server, ada.organization_id, apiKey=second) as other,
    ):
        await gone.message()
        await other.message()
        assert await figure(live, "skyledger_subscription_channels") == 1
        await live.data(REVOKE, {"input": {"id": nodes[0]["id"]}}, token=ada.token)
        assert (await other.events(1))[0]["kind"] == "API_KEY_REVOKED"
        heard = ""
        with suppress(ConnectionClosed):
            while True:
                heard += str(await gone.receive())
        await add(live, ada, "for whoever is left")
        assert (await other.events(1))[0]["data"] == {"text": "for whoever is left"}
        assert "for whoever is left" not in heard


def test_no_message_of_a_subscription_leads_to_what_tells_of_the_caller() -> None:
    """Messages are executed for a scope; a type that tells who is calling would have to be keyed by the caller."""
    schema = make_schema()._schema
    assert schema.subscription_type is not None
    pending: list[GraphQLNamedType] = [get_named_type(field.type) for field in schema.subscription_type.fields.values()]
    reached: set[str] = set()
    while pending:
        type_ = pending.pop()
        if type_.name in reached:
            continue
        reached.add(type_.name)
        if is_object_type(type_) or is_interface_type(type_):
            pending.extend(get_named_type(field.type) for field in type_.fields.values())
        if is_interface_type(type_) or is_union_type(type_):
            pending.extend(schema.get_possible_types(type_))
    assert {"ActivityEvent", "Recommendation", "Scan"} <= reached
    assert reached.isdisjoint({"Viewer", "Organization", "Session", "Platform", "Query"})
