"""Clients that partners use speak with a real server: queries, mutations, subscriptions, and errors as they tell."""

from __future__ import annotations

import importlib.util
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.clients import GraphQL, register
from tests.node import install, run
from tests.resolvers.company import CREATE_KEY

CLIENTS = Path(__file__).parent / "clients"
SCOPES = ["ORGANIZATION_READ", "ACTIVITY_WRITE"]
QUERY = "query ($slug: String!) { organization(slug: $slug) { slug } }"
MUTATION = """mutation ($input: AddNoteInput!) { addNote(input: $input) {
  __typename ... on AddNotePayload { event { id } } ... on UserError { code path } } }"""
FOLLOW = """subscription ($organizationId: ID!) {
  activity(organizationId: $organizationId) { cursor event { data } } }"""


@dataclass(frozen=True)
class Partner:
    url: str
    api_key: str
    organization_id: str
    slug: str


@pytest.fixture
async def partner(live_server: str) -> Partner:
    async with httpx.AsyncClient(base_url=live_server, timeout=60) as client:
        graphql = GraphQL(client)
        person = await register(graphql)
        wanted = {"organizationId": person.organization_id, "name": "partner", "scopes": SCOPES}
        made = await graphql.data(CREATE_KEY, {"input": wanted}, token=person.token)
    return Partner(f"{live_server}/graphql", made["createApiKey"]["key"], person.organization_id, person.slug)


def judge(partner: Partner, seen: dict[str, Any]) -> None:
    """What every client has to have seen."""
    assert seen["query"] == partner.slug
    assert seen["mutation"] == "AddNotePayload"
    assert seen["userError"] == {"__typename": "InvalidInput", "code": "BAD_USER_INPUT", "path": ["input", "text"]}
    assert seen["topLevel"] == "BAD_USER_INPUT"
    assert seen["subscription"] == ["one", "two"]
    assert seen["refused"] == "BAD_USER_INPUT"


@pytest.mark.parametrize("name", ["urql", "apollo", "graphql-ws", "graphql-sse"])
async def test_a_client_of_node(partner: Partner, name: str) -> None:
    installed = await install(CLIENTS)
    program = installed / "program.mjs"
    shutil.copy(CLIENTS / program.name, program)
    printed = await run(
        installed,
        "node",
        program.name,
        name,
        SKYLEDGER_URL=partner.url,
        SKYLEDGER_API_KEY=partner.api_key,
        ORGANIZATION_ID=partner.organization_id,
        SLUG=partner.slug,
    )
    seen = json.loads(printed)
    judge(partner, seen)
    if name == "urql":
        assert seen["get"] == partner.slug, "a query by GET with a key needs no header of its own"


async def test_gql_of_python(partner: Partner) -> None:
    if importlib.util.find_spec("gql") is None:
        pytest.skip("gql is not installed (make setup)")
    from gql import Client, gql  # noqa: PLC0415  (not everywhere)
    from gql.transport.exceptions import TransportQueryError  # noqa: PLC0415
    from gql.transport.httpx import HTTPXAsyncTransport  # noqa: PLC0415
    from gql.transport.websockets import WebsocketsTransport  # noqa: PLC0415

    def request(document: str, **variables: Any) -> Any:
        made = gql(document)
        made.variable_values = variables
        return made

    def note(text: str) -> Any:
        return request(MUTATION, input={"organizationId": partner.organization_id, "text": text})

    http = HTTPXAsyncTransport(url=partner.url, headers={"X-API-Key": partner.api_key}, timeout=60)
    socket = WebsocketsTransport(url=partner.url.replace("http", "ws"), init_payload={"apiKey": partner.api_key})
    seen: dict[str, Any] = {"subscription": []}
    async with Client(transport=http) as session, Client(transport=socket) as following:
        seen["query"] = (await session.execute(request(QUERY, slug=partner.slug)))["organization"]["slug"]
        seen["mutation"] = (await session.execute(note("zero")))["addNote"]["__typename"]
        seen["userError"] = (await session.execute(note("")))["addNote"]
        with pytest.raises(TransportQueryError) as wrong:
            await session.execute(gql('{ node(id: "x") { id } }'))
        assert wrong.value.errors is not None
        seen["topLevel"] = wrong.value.errors[0]["extensions"]["code"]
        async for message in following.subscribe(request(FOLLOW, organizationId=partner.organization_id)):
            event = message["activity"]["event"]
            if event is None:
                await session.execute(note("one"))
                await session.execute(note("two"))
            else:
                seen["subscription"].append(event["data"]["text"])
            if len(seen["subscription"]) == 2:
                break
        with pytest.raises(TransportQueryError) as refused:
            async for _ in following.subscribe(gql('subscription { activity(organizationId: "x") { cursor } }')):
                pass
        assert refused.value.errors is not None
        seen["refused"] = refused.value.errors[0]["extensions"]["code"]
    judge(partner, seen)
