"""Accounts and resources through the graph: filters, orders, pages, totals, nodes, callers, statements."""

from __future__ import annotations

import base64
from typing import Any

import orjson
import pytest

from app.context import Runtime
from tests.clients import GraphQL, Person, register
from tests.house.statements import counted
from tests.resolvers.inventory_room import (
    CHARGES,
    INGEST_COSTS,
    INGEST_RESOURCES,
    RESOURCES,
    charge,
    fill,
    names,
    resource,
    resources_of,
)


async def test_a_page_tells_where_it_lies(graphql: GraphQL) -> None:
    person = await register(graphql)
    await fill(graphql, person)
    page = await resources_of(graphql, person, first=4)
    assert names(page) == ["name-01", "name-02", "name-03", "name-04"]
    assert page["totalCount"] == 9
    assert (page["pageInfo"]["hasNextPage"], page["pageInfo"]["hasPreviousPage"]) == (True, False)
    assert [edge["node"]["name"] for edge in page["edges"]] == names(page)
    assert page["pageInfo"]["endCursor"] == page["edges"][-1]["cursor"]
    page = await resources_of(graphql, person, first=10, after=page["pageInfo"]["endCursor"])
    assert names(page) == ["name-05", "name-06", "name-07", "name-08", "name-09"]
    assert (page["pageInfo"]["hasNextPage"], page["pageInfo"]["hasPreviousPage"]) == (False, True)
    page = await resources_of(graphql, person, last=2, before=page["pageInfo"]["startCursor"])
    assert names(page) == ["name-03", "name-04"]


async def test_filters_and_orders(graphql: GraphQL) -> None:
    person = await register(graphql)
    await fill(graphql, person)
    page = await resources_of(graphql, person, where={"tags": [{"key": "team", "eq": "data"}]})
    assert names(page) == ["name-02", "name-04", "name-06", "name-08"]
    account = page["nodes"][0]["account"]
    page = await resources_of(graphql, person, where={"accountId": {"eq": account["id"]}})
    assert (names(page), page["totalCount"]) == (["name-02", "name-05", "name-08"], 3)
    where = {"name": {"contains": "NAME-0"}, "nativeId": {"in": ["i-03", "i-04"]}, "provider": {"eq": "AWS"}}
    page = await resources_of(graphql, person, where=where, orderBy={"field": "NAME", "direction": "DESC"})
    assert names(page) == ["name-04", "name-03"]


@pytest.mark.parametrize(
    ("variables", "path"),
    [
        ({"first": 0}, "first"),
        ({"first": 1_001}, "first"),
        ({"last": -1}, "last"),
        ({"first": 1, "last": 1}, "last"),
        ({"after": "nonsense"}, "after"),
        ({"after": "bnVsbA"}, "after"),
        ({"before": "WyJuYW1lOkFTQyJd"}, "before"),
        ({"where": {"accountId": {"eq": "nonsense"}}}, "accountId"),
        ({"where": {"accountId": {"in": ["x"] * 201}}}, "at most 200"),
    ],
)
async def test_bad_arguments_are_told_apart_from_faults(graphql: GraphQL, variables: dict[str, Any], path: str) -> None:
    person = await register(graphql)
    answer = await graphql(RESOURCES, {"slug": person.slug, **variables}, token=person.token)
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert path in error["message"]


async def test_a_cursor_of_another_order_is_refused(graphql: GraphQL) -> None:
    person = await register(graphql)
    await fill(graphql, person)
    cursor = (await resources_of(graphql, person, first=1))["pageInfo"]["endCursor"]
    variables = {"slug": person.slug, "after": cursor, "orderBy": {"field": "LAST_SEEN_AT"}}
    answer = await graphql(RESOURCES, variables, token=person.token)
    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


HOSTILE_TEXTS = ["\x00", "a\x00b"]
UNSTORABLE: list[dict[str, Any]] = [
    *({"name": {operator: text}} for operator in ("eq", "contains") for text in HOSTILE_TEXTS),
    {"name": {"in": ["\x00"]}},
    {"tags": [{"key": "\x00", "exists": True}]},
    {"tags": [{"key": "a", "eq": "\x00"}]},
]


@pytest.mark.parametrize("where", UNSTORABLE)
async def test_text_that_no_row_can_hold_is_refused(graphql: GraphQL, where: dict[str, Any]) -> None:
    person = await register(graphql)
    answer = await graphql(RESOURCES, {"slug": person.slug, "where": where}, token=person.token)
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["BAD_USER_INPUT"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("NAME", "a\x00b"),
        ("NAME", None),
        ("NAME", {}),
        ("LAST_SEEN_AT", "0001-01-01T00:00:00+23:00"),
        ("LAST_SEEN_AT", "9999-12-31T23:59:59-23:00"),
        ("LAST_SEEN_AT", 5),
    ],
)
async def test_forged_cursors_are_refused(graphql: GraphQL, field: str, value: object) -> None:
    person = await register(graphql)
    key = [f"{field.lower()}:ASC", value, "01a201e9-4a46-766e-a1ea-613a1877000f"]
    cursor = base64.urlsafe_b64encode(orjson.dumps(key)).decode()
    variables = {"slug": person.slug, "after": cursor, "orderBy": {"field": field}}
    answer = await graphql(RESOURCES, variables, token=person.token)
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["BAD_USER_INPUT"]


async def test_a_failing_mutation_takes_no_other_answer_along(graphql: GraphQL) -> None:
    """The key is made and its secret shown once: the failure beside it must not swallow it."""
    person = await register(graphql)
    document = """mutation ($key: CreateApiKeyInput!, $logIn: LogInInput!) {
      made: createApiKey(input: $key) { ... on CreateApiKeyPayload { key } }
      failed: logIn(input: $logIn) { __typename }
    }"""
    key = {"organizationId": person.organization_id, "name": "reader", "scopes": ["ORGANIZATION_READ"]}
    variables = {"key": key, "logIn": {"email": person.email, "password": "not the password"}}
    answer = await graphql(document, variables, token=person.token)
    assert answer["data"]["made"]["key"].startswith("sky_")
    assert answer["data"]["failed"] is None
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["UNAUTHENTICATED"]


async def test_bad_rows_are_reported_and_good_ones_land(graphql: GraphQL) -> None:
    person = await register(graphql)
    rows = [resource(1), resource(2, provider="IBM"), resource(3, tags="x")]
    variables = {"input": {"organizationId": person.organization_id, "rows": rows}}
    data = await graphql.data(INGEST_RESOURCES, variables, token=person.token)
    result = data["ingestResources"]
    assert (result["received"], result["added"], result["accountsAdded"]) == (3, 1, 1)
    assert [(issue["rowNumber"], issue["column"], issue["value"]) for issue in result["issues"]] == [
        (2, "provider", "IBM"),
        (3, "tags", "x"),
    ]
    rows = [charge(1), charge(2, BilledCost="NaN"), charge(3, ChargePeriodEnd=None)]
    variables = {"input": {"organizationId": person.organization_id, "rows": rows}}
    data = await graphql.data(INGEST_COSTS, variables, token=person.token)
    result = data["ingestCosts"]
    assert (result["received"], result["added"], result["rejected"]) == (3, 1, 2)
    assert [(issue["rowNumber"], issue["column"]) for issue in result["issues"]] == [
        (2, "BilledCost"),
        (3, "ChargePeriodEnd"),
    ]


async def test_a_batch_has_at_most_5000_rows(graphql: GraphQL) -> None:
    person = await register(graphql)
    rows = [{"resourceId": "x"}] * 5_001
    variables = {"input": {"organizationId": person.organization_id, "rows": rows}}
    data = await graphql.data(INGEST_RESOURCES, variables, token=person.token)
    assert data["ingestResources"]["__typename"] == "InvalidInput"
    assert data["ingestResources"]["path"] == ["input", "rows"]


async def test_nodes_are_found_again_and_foreign_ones_are_absent(graphql: GraphQL) -> None:
    person, stranger = await register(graphql), await register(graphql, "Eve")
    await fill(graphql, person, resources=3, charges=1)
    page = await resources_of(graphql, person)
    charges = await graphql.data(CHARGES, {"slug": person.slug}, token=person.token)
    ids = [
        page["nodes"][0]["id"],
        charges["organization"]["charges"]["nodes"][0]["id"],
        page["nodes"][0]["account"]["id"],
        person.organization_id,
    ]
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"
    own = (await graphql.data(query, {"ids": ids}, token=person.token))["nodes"]
    assert [node["__typename"] for node in own] == ["Resource", "Charge", "Account", "Organization"]
    assert [node["id"] for node in own] == ids
    assert (await graphql.data(query, {"ids": ids}, token=stranger.token))["nodes"] == [None] * 4
    answer = await graphql('{ node(id: "T3JnYW5pemF0aW9uOg") { id } }', token=person.token)
    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    people = """query ($s: String!) { organization(slug: $s) { members { nodes { id } } activity { nodes { id } } } }"""
    found = (await graphql.data(people, {"s": person.slug}, token=person.token))["organization"]
    ids = [found["members"]["nodes"][0]["id"], found["activity"]["nodes"][0]["id"]]
    own = (await graphql.data(query, {"ids": ids}, token=person.token))["nodes"]
    assert [node["__typename"] for node in own] == ["Member", "ActivityEvent"]
    assert (await graphql.data(query, {"ids": ids}, token=stranger.token))["nodes"] == [None] * 2
    answer = await graphql(query, {"ids": ids})
    assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


CREATE_ACCOUNT = """
mutation CreateAccount($input: CreateAccountInput!) {
  createAccount(input: $input) {
    __typename
    ... on CreateAccountPayload { account { id name nativeId provider kind } }
    ... on UserError { code message path }
  }
}
"""
UPDATE_ACCOUNT = """
mutation UpdateAccount($input: UpdateAccountInput!) {
  updateAccount(input: $input) {
    __typename
    ... on UpdateAccountPayload { account { id name } }
    ... on UserError { code message path }
  }
}
"""


async def test_accounts_are_added_and_named(graphql: GraphQL) -> None:
    person = await register(graphql)
    variables = {"input": {"organizationId": person.organization_id, "provider": "GCP", "nativeId": " p-1 "}}
    made = (await graphql.data(CREATE_ACCOUNT, variables, token=person.token))["createAccount"]
    expected = {"name": "p-1", "nativeId": "p-1", "provider": "GCP", "kind": "MANUAL"}
    assert {key: made["account"][key] for key in expected} == expected
    again = (await graphql.data(CREATE_ACCOUNT, variables, token=person.token))["createAccount"]
    assert (again["__typename"], again["code"]) == ("Conflict", "CONFLICT")
    variables = {"input": {"id": made["account"]["id"], "name": "Main"}}
    named = (await graphql.data(UPDATE_ACCOUNT, variables, token=person.token))["updateAccount"]
    assert named["account"] == {"id": made["account"]["id"], "name": "Main"}
    variables = {"input": {"id": made["account"]["id"], "name": "  "}}
    refused = (await graphql.data(UPDATE_ACCOUNT, variables, token=person.token))["updateAccount"]
    assert (refused["__typename"], refused["path"]) == ("InvalidInput", ["input", "name"])


def acts(person: Person, account_id: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """Every act of these rooms on the person's organization."""
    organization = {"organizationId": person.organization_id}
    return {
        "ingestResources": (INGEST_RESOURCES, {"input": organization | {"rows": [resource(1)]}}),
        "ingestCosts": (INGEST_COSTS, {"input": organization | {"rows": [charge(1)]}}),
        "createAccount": (CREATE_ACCOUNT, {"input": organization | {"provider": "AWS", "nativeId": "new"}}),
        "updateAccount": (UPDATE_ACCOUNT, {"input": {"id": account_id, "name": "new"}}),
    }


READ_KEY = """
mutation ($input: CreateApiKeyInput!) {
  createApiKey(input: $input) { ... on CreateApiKeyPayload { key } ... on UserError { message } }
}
"""


@pytest.mark.parametrize("act", ["ingestResources", "ingestCosts", "createAccount", "updateAccount"])
async def test_four_callers_of_each_act(graphql: GraphQL, act: str) -> None:
    person, stranger = await register(graphql), await register(graphql, "Eve")
    variables = {"input": {"organizationId": person.organization_id, "provider": "AWS", "nativeId": "old"}}
    made = await graphql.data(CREATE_ACCOUNT, variables, token=person.token)
    query, act_variables = acts(person, made["createAccount"]["account"]["id"])[act]
    key_input = {"organizationId": person.organization_id, "name": "reader", "scopes": ["ORGANIZATION_READ"]}
    reader = (await graphql.data(READ_KEY, {"input": key_input}, token=person.token))["createApiKey"]["key"]

    anonymous = await graphql(query, act_variables)
    assert anonymous["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    weak = await graphql(query, act_variables, api_key=reader)
    assert weak["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    foreign = await graphql.data(query, act_variables, token=stranger.token)
    assert foreign[act]["__typename"] == "NotFound"
    count = """query ($s: String!) { organization(slug: $s) {
        resources { totalCount } charges { totalCount } accounts { totalCount nodes { name } }
    } }"""
    untouched = await graphql.data(count, {"s": person.slug}, token=person.token)
    assert untouched["organization"] == {
        "resources": {"totalCount": 0},
        "charges": {"totalCount": 0},
        "accounts": {"totalCount": 1, "nodes": [{"name": "old"}]},
    }
    allowed = await graphql.data(query, act_variables, token=person.token)
    assert allowed[act]["__typename"] == f"{act[0].upper()}{act[1:]}Payload"


async def test_the_number_of_statements_does_not_depend_on_the_page(graphql: GraphQL, runtime: Runtime) -> None:
    person = await register(graphql)
    await fill(graphql, person, resources=28, charges=28)
    query = """
    query ($slug: String!, $first: Int!) {
      organization(slug: $slug) {
        accounts(first: $first) { totalCount nodes { name } }
        resources(first: $first) { totalCount nodes { name account { name } } }
        charges(first: $first) { totalCount nodes { billedCost resource { name account { name } } account { name } } }
        members(first: $first) { totalCount nodes { user { name } } }
        invitations(first: $first) { totalCount nodes { email } }
        apiKeys(first: $first) { totalCount nodes { name } }
        activity(first: $first) { totalCount nodes { kind actor { user { name } } } }
      }
    }
    """
    numbers = []
    for first in (1, 28):
        await graphql.data(query, {"slug": person.slug, "first": first}, token=person.token)  # caches are warm
        with counted(runtime.database) as statements:
            await graphql.data(query, {"slug": person.slug, "first": first}, token=person.token)
        numbers.append(len([statement for statement in statements if "SET TRANSACTION" not in statement]))
    assert numbers[0] == numbers[1]
    assert numbers[1] <= 50
