"""Accounts, resources and charges through the graph: filters, orders, pages, totals, nodes, callers, statements."""

from __future__ import annotations

import base64
from typing import Any

import orjson
import pytest

from app.context import Runtime
from tests.clients import GraphQL, Person, register
from tests.house.statements import counted

INGEST_RESOURCES = """
mutation IngestResources($input: IngestResourcesInput!) {
  ingestResources(input: $input) {
    __typename
    ... on IngestResourcesPayload {
      received added changed unchanged accountsAdded issues { rowNumber column value reason }
    }
    ... on UserError { code message path }
  }
}
"""
INGEST_COSTS = """
mutation IngestCosts($input: IngestCostsInput!) {
  ingestCosts(input: $input) {
    __typename
    ... on IngestCostsPayload {
      received added unchanged rejected issues { rowNumber column value reason } conformanceNotes { column detail }
    }
    ... on UserError { code message path }
  }
}
"""
RESOURCES = """
query Resources($slug: String!, $where: ResourceFilter, $orderBy: ResourceOrder, $first: Int, $after: String,
                $last: Int, $before: String) {
  organization(slug: $slug) {
    resources(where: $where, orderBy: $orderBy, first: $first, after: $after, last: $last, before: $before) {
      totalCount
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      edges { cursor node { name } }
      nodes { id name provider region status tags account { id name } }
    }
  }
}
"""
CHARGES = """
query Charges($slug: String!, $where: CostFilter, $orderBy: ChargeOrder, $first: Int) {
  organization(slug: $slug) {
    charges(where: $where, orderBy: $orderBy, first: $first) {
      totalCount
      nodes { id billedCost effectiveCost listCost serviceName tags extra resource { name } account { name } }
    }
  }
}
"""


def resource(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "provider": "AWS",
        "accountId": f"{number % 3}",
        "resourceType": "vm",
        "resourceId": f"i-{number:02}",
        "resourceName": f"name-{number:02}",
        "region": "eu",
        "tags": {"team": "web" if number % 2 else "data"},
    } | changes


def charge(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "BilledCost": f"{number}.10",
        "BillingCurrency": "EUR",
        "ChargePeriodStart": f"2026-10-{number:02}T00:00:00Z",
        "ChargePeriodEnd": f"2026-10-{number + 1:02}T00:00:00Z",
        "ServiceName": "Compute",
        "ResourceId": f"i-{number:02}",
        "SubAccountId": f"{number % 3}",
        "Color": "blue",
    } | changes


async def fill(graphql: GraphQL, person: Person, resources: int = 9, charges: int = 9) -> None:
    rows = [resource(number) for number in range(1, resources + 1)]
    variables = {"input": {"organizationId": person.organization_id, "rows": rows}}
    data = await graphql.data(INGEST_RESOURCES, variables, token=person.token)
    assert data["ingestResources"]["added"] == resources
    rows = [charge(number) for number in range(1, charges + 1)]
    variables = {"input": {"organizationId": person.organization_id, "rows": rows}}
    data = await graphql.data(INGEST_COSTS, variables, token=person.token)
    assert data["ingestCosts"]["added"] == charges


async def resources_of(graphql: GraphQL, person: Person, **variables: Any) -> dict[str, Any]:
    data = await graphql.data(RESOURCES, {"slug": person.slug, **variables}, token=person.token)
    found: dict[str, Any] = data["organization"]["resources"]
    return found


def names(connection: dict[str, Any]) -> list[str]:
    return [node["name"] for node in connection["nodes"]]


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


async def test_amounts_are_exact_text_and_unknown_is_null(graphql: GraphQL) -> None:
    person = await register(graphql)
    row = charge(1, BilledCost="0.00000080000", EffectiveCost="123456789012345678.90123456789")
    variables = {"input": {"organizationId": person.organization_id, "rows": [row]}}
    await graphql.data(INGEST_COSTS, variables, token=person.token)
    data = await graphql.data(CHARGES, {"slug": person.slug}, token=person.token)
    (node,) = data["organization"]["charges"]["nodes"]
    assert node["billedCost"] == "0.0000008"  # the same number: zeros behind it say nothing
    assert node["effectiveCost"] == "123456789012345678.90123456789"
    assert node["listCost"] is None
    assert node["extra"] == {"x_Color": "blue"}


async def test_charges_meet_resources_and_accounts_by_the_provider_s_ids(graphql: GraphQL) -> None:
    person = await register(graphql)
    await fill(graphql, person, resources=2, charges=3)
    variables = {"slug": person.slug, "orderBy": {"field": "BILLED_COST", "direction": "ASC"}}
    data = await graphql.data(CHARGES, variables, token=person.token)
    nodes = data["organization"]["charges"]["nodes"]
    assert [node["resource"] for node in nodes] == [{"name": "name-01"}, {"name": "name-02"}, None]
    assert [node["account"] for node in nodes] == [{"name": "1"}, {"name": "2"}, None]


async def test_ids_that_two_providers_share_are_told_apart(graphql: GraphQL) -> None:
    """The charge's own provider and account decide; where they do not, the answer is null and never a guess."""
    person = await register(graphql)
    rows = [
        resource(1, provider="AZURE", resourceName="theirs", accountName="azure"),
        resource(1, resourceName="ours", accountName="aws"),
        resource(1, resourceName="elsewhere", accountId="9"),
    ]
    variables = {"input": {"organizationId": person.organization_id, "rows": rows}}
    await graphql.data(INGEST_RESOURCES, variables, token=person.token)
    rows = [
        charge(1, ProviderName="AWS"),
        charge(2, ProviderName="Microsoft", ResourceId="i-01", SubAccountId="1"),
        charge(3, ProviderName="Elsewhere Inc.", ResourceId="i-01", SubAccountId="1"),
    ]
    variables = {"input": {"organizationId": person.organization_id, "rows": rows}}
    await graphql.data(INGEST_COSTS, variables, token=person.token)
    ordered: dict[str, Any] = {"slug": person.slug, "orderBy": {"field": "BILLED_COST", "direction": "ASC"}}
    nodes = (await graphql.data(CHARGES, ordered, token=person.token))["organization"]["charges"]["nodes"]
    assert [node["account"] for node in nodes] == [{"name": "aws"}, {"name": "azure"}, None]
    assert [node["resource"] for node in nodes] == [{"name": "ours"}, {"name": "theirs"}, None]


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


@pytest.mark.parametrize("amount", ["1e200000", "1e-20000", "1e999999", "NaN", "Infinity", "x", 0.5])
async def test_amounts_that_no_row_can_hold_are_refused(graphql: GraphQL, amount: object) -> None:
    person = await register(graphql)
    variables = {"slug": person.slug, "where": {"billedCost": {"gte": amount}}}
    answer = await graphql(CHARGES, variables, token=person.token)
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


async def test_charges_can_be_filtered(graphql: GraphQL) -> None:
    person = await register(graphql)
    await fill(graphql, person)
    where = {"chargePeriodStart": {"gte": "2026-10-03T00:00:00Z", "lt": "2026-10-07T00:00:00Z"}}
    where |= {"billedCost": {"gte": "4.10", "lte": "5.10"}}
    data = await graphql.data(CHARGES, {"slug": person.slug, "where": where}, token=person.token)
    assert data["organization"]["charges"]["totalCount"] == 2
    assert [node["billedCost"] for node in data["organization"]["charges"]["nodes"]] == ["5.1", "4.1"]


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
