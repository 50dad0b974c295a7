"""`_entities` and `_service`: the reach of `nodes`, asked as gateways ask."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from graphql import GraphQLObjectType, GraphQLUnionType

from app.config import Settings
from app.context import Runtime
from app.main import create_app
from app.resolvers.nodes import MOST_NODES
from app.resolvers.roots import make_schema, schema_text
from app.schema.node import global_id
from tests.clients import GraphQL, register
from tests.resolvers.company import company, create_key, invite

SCHEMA_FILE = Path(__file__).parents[2] / "schema.graphql"
ENTITIES = """query ($of: [_Any!]!) { _entities(representations: $of) {
  __typename ... on Organization { id slug } ... on Member { id role } ... on Invitation { id email }
  ... on ApiKey { id name } } }"""
NOBODY = UUID(int=7)


def named(type_name: str, id_: str, **more: Any) -> dict[str, Any]:
    return {"__typename": type_name, "id": id_, **more}


async def ask(graphql: GraphQL, *of: object, **who: Any) -> list[Any]:
    found: list[Any] = (await graphql.data(ENTITIES, {"of": of}, **who))["_entities"]
    return found


def test_every_node_is_an_entity() -> None:
    types = make_schema()._schema.type_map
    union = types["_Entity"]
    assert isinstance(union, GraphQLUnionType)
    nodes = {
        name
        for name, type_ in types.items()
        if isinstance(type_, GraphQLObjectType) and "Node" in {each.name for each in type_.interfaces}
    }
    assert {member.name for member in union.types} == nodes
    keyed = {line.split()[1] for line in SCHEMA_FILE.read_text().splitlines() if '@key(fields: "id")' in line}
    assert keyed == nodes


async def test_they_have_the_reach_of_nodes(graphql: GraphQL) -> None:
    made = await company(graphql)
    key_id, key = await create_key(graphql, made, "ORGANIZATION_READ")
    invitation_id, _ = await invite(graphql, made, "ina@skyledger.example", "VIEWER")
    of = (
        named("Organization", made.organization_id, name="what else a gateway knows"),
        named("Member", made.members["ADMIN"]),
        named("Invitation", invitation_id),
        named("ApiKey", key_id),
        named("Member", global_id("Member", NOBODY, NOBODY)),
    )
    organization = {"__typename": "Organization", "id": made.organization_id, "slug": made.slug}
    member = {"__typename": "Member", "id": made.members["ADMIN"], "role": "ADMIN"}
    invitation = {"__typename": "Invitation", "id": invitation_id, "email": "ina@skyledger.example"}
    api_key = {"__typename": "ApiKey", "id": key_id, "name": "feed"}
    assert await ask(graphql, *of, token=made.token("OWNER")) == [organization, member, invitation, api_key, None]
    assert await ask(graphql, *of, token=made.token("VIEWER")) == [organization, member, None, None, None]
    assert await ask(graphql, *of, api_key=key) == [organization, member, None, None, None]
    # What is another's and what is absent are not told apart.
    assert await ask(graphql, *of, token=made.stranger.token) == [None] * 5
    answer = await graphql(ENTITIES, {"of": of})
    assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_the_same_object_may_be_asked_for_twice(graphql: GraphQL) -> None:
    ada = await register(graphql)
    one = named("Organization", ada.organization_id)
    found = await ask(graphql, one, one, token=ada.token)
    assert found[0] == found[1] != None  # noqa: E711


@pytest.mark.parametrize(
    ("wrong", "path", "message"),
    [
        ({"id": "x"}, "__typename", "must be the name of a type with `@key`"),
        (named("Viewer", "x"), "__typename", "this is 'Viewer'"),
        (named("Nonsense", "x"), "__typename", "this is 'Nonsense'"),
        ({"__typename": ["Team"], "id": "x"}, "__typename", "this is ['Team']"),
        ({"__typename": "Team"}, "id", "is missing, or no text: it is the key of Team"),
        ({"__typename": "Team", "id": 3}, "id", "is missing, or no text: it is the key of Team"),
        (named("Team", "x"), "id", "this is no global id"),
        (named("Team", global_id("Budget", NOBODY, NOBODY)), "id", "this is the id of a Budget"),
    ],
)
async def test_a_wrong_representation_is_refused_at_its_place(
    graphql: GraphQL, wrong: dict[str, Any], path: str, message: str
) -> None:
    ada = await register(graphql)
    answer = await graphql(ENTITIES, {"of": [named("Organization", ada.organization_id), wrong]}, token=ada.token)
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["path"] == ["_entities"]
    assert error["extensions"]["inputPath"] == ["representations", "1", path]
    assert error["message"].startswith(f"`representations.1.{path}`")
    assert message in error["message"]


async def test_what_is_no_object_is_refused_before_anything_runs(graphql: GraphQL) -> None:
    ada = await register(graphql)
    answer = await graphql(ENTITIES, {"of": ["Organization"]}, token=ada.token)
    assert "data" not in answer
    assert "representations" in str(answer["errors"]) or "$of" in str(answer["errors"])
    assert "A representation is an object" in answer["errors"][0]["message"]


@pytest.mark.parametrize("number", [MOST_NODES, MOST_NODES + 1])
async def test_at_most_a_hundred_are_answered_at_a_time(graphql: GraphQL, number: int) -> None:
    ada = await register(graphql)
    of = [named("Organization", ada.organization_id)] * number
    answer = await graphql(ENTITIES, {"of": of}, token=ada.token)
    if number == MOST_NODES:
        assert len(answer["data"]["_entities"]) == MOST_NODES
    else:
        assert answer["errors"][0]["message"] == (
            "`representations` has 101 items; at most 100 are answered at a time."
        )


@pytest.mark.parametrize(
    ("policy", "signed_in", "code"),
    [
        ("authenticated", False, "UNAUTHENTICATED"),
        ("authenticated", True, None),
        ("public", False, None),
        ("off", True, "FORBIDDEN"),
    ],
)
async def test_the_schema_is_told_to_those_who_may_introspect(
    graphql: GraphQL, runtime: Runtime, policy: str, signed_in: bool, code: str | None
) -> None:
    schema_text()  # two seconds of processor time, which a busy machine may not have within an operation's time limit
    ada = await register(graphql)
    settings = Settings(**{**runtime.settings.model_dump(), "introspection": policy})
    app, _ = create_app(replace(runtime, settings=settings))
    graphql.client._transport = httpx.ASGITransport(app)
    query = "query { ...service } fragment service on Query { _service { sdl } }"
    answer = await graphql(query, token=ada.token if signed_in else None)
    if code is None:
        assert answer["data"]["_service"]["sdl"] == SCHEMA_FILE.read_text()
    else:
        assert "data" not in answer
        assert answer["errors"][0]["extensions"]["code"] == code
