"""The checks of graphql-cop find nothing, and find what there is in a server without our protection."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest
import strawberry
from strawberry.asgi import GraphQL as PlainGraphQL
from strawberry.schema.config import StrawberryConfig

from app.config import Settings
from app.context import Runtime
from app.main import create_app
from tests.attacks.cop import BROWSER, CHECKS, findings
from tests.clients import GraphQL

WITH_GRAPHIQL = {"GraphQL IDE"}
"""Found where GraphiQL is served, as it is unless SKYLEDGER_GRAPHIQL is off: see README.md."""
WEAK = {
    "Alias Overloading",
    "Batch Queries",
    "Directive Overloading",
    "Field Duplication",
    "Field Suggestions",
    "GET Method Query Support",
    "GraphQL IDE",
    "Introspection",
}
"""What plain Strawberry, with batching on, lets an auditor find."""


def served(runtime: Runtime, **values: object) -> httpx.AsyncClient:
    """A client of the product with other settings."""
    settings = Settings.model_validate({**runtime.settings.model_dump(), **values})
    app, _ = create_app(replace(runtime, settings=settings))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test", follow_redirects=True)


async def test_nothing_is_found_but_the_page_for_people(graphql: GraphQL) -> None:
    assert len(CHECKS) == 14
    assert await findings(graphql.client) == WITH_GRAPHIQL


async def test_nothing_at_all_is_found_with_graphiql_off(runtime: Runtime) -> None:
    async with served(runtime, graphiql=False) as client:
        assert await findings(client) == set()


async def test_the_page_for_people_tells_nothing_of_the_schema(graphql: GraphQL) -> None:
    page = (await graphql.client.get("/graphql", headers={"accept": BROWSER})).text
    assert "graphiql" in page.lower()
    assert not any(word in page for word in ("type Query", "__schema", "queryType"))


async def test_introspection_is_found_where_it_is_public(runtime: Runtime) -> None:
    async with served(runtime, graphiql=False, introspection="public") as client:
        assert await findings(client) == {"Introspection"}


@strawberry.type
class Query:
    @strawberry.field
    def hello(self) -> str:
        return "Hello"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_a_server_without_protection_is_found_out() -> None:
    """The control group: the same checks against plain Strawberry."""
    plain = strawberry.Schema(Query, config=StrawberryConfig(batching_config={"max_operations": 10}))
    app = PlainGraphQL[None, None](plain)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        assert await findings(client) == WEAK
