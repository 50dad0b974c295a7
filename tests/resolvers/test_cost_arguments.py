"""Bad arguments of the fields on costs: each answers at its own path, and takes nothing else of the answer along."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from graphql import GraphQLNonNull, GraphQLObjectType, build_schema

from app.resolvers.roots import schema_text
from tests.costs.watch.deliveries import daily
from tests.resolvers.cost_caller import Caller

MONTH = "period: {name: LAST_MONTH}"
BACKWARDS = 'period: {start: "2026-02-01", end: "2026-01-01"}'
YEARS = 'period: {start: "2010-01-01", end: "2026-02-01"}'
NUL = '"\\u0000"'
LONG = "[" + ", ".join(f'"{number}"' for number in range(201)) + "]"
PAGES = [("first: 0", "first"), ("first: 1001", "first"), ("last: 0", "last"), ('after: "x"', "after")]
FILTERS = [
    (f"where: {{serviceName: {{eq: {NUL}}}}}", "where.serviceName"),
    (f"where: {{serviceName: {{notIn: {LONG}}}}}", "where.serviceName.notIn"),
    ('where: {tags: [{key: " ", exists: true}]}', "where.tags"),
    ('where: {team: {eq: "x"}}', "where.team"),
]
SUMS_OF_DAYS = [
    *FILTERS[:3],
    ('where: {resourceId: {eq: "x"}}', "where.resourceId"),
    ('where: {billedCost: {gt: "1"}}', "where.billedCost"),
    ('where: {tags: [{key: "x", exists: true}]}', "where.tags"),
    ("where: {serviceName: {in: []}}", "where.serviceName"),
]
PERIODS = [
    (BACKWARDS, "period"),
    ("period: {}", "period"),
    ('period: {name: LAST_MONTH, start: "2026-01-01", end: "2026-02-01"}', "period"),
    ('period: {start: "1999-01-01", end: "2026-02-01"}', "period"),
]
# By field: its selection, what it needs beside, and bad values with the path that they answer.
NODES = "{ totalCount }"
CONNECTIONS = (
    "anomalies", "billingPeriods", "budgets", "businessMetrics", "charges", "costExports", "costImports",
    "costSourceRuns", "costSources", "currencyRates", "teams",
)  # fmt: skip
FIELDS: dict[str, tuple[str, str, list[tuple[str, str]]]] = {
    "costs": (
        "{ total }",
        MONTH,
        [
            ("topN: 0", "topN"),
            ("topN: 1001", "topN"),
            ('currency: "XXX"', "currency"),
            ("groupBy: [{}]", "groupBy"),
            ("groupBy: [{dimension: REGION_ID}, {dimension: REGION_ID}]", "groupBy"),
            ('groupBy: [{tag: ""}]', "groupBy"),
            ("metrics: [BILLED_COST, BILLED_COST]", "metrics"),
            ("metric: PRICING_CURRENCY_EFFECTIVE_COST", "metric"),
            ("metrics: [PRICING_CURRENCY_EFFECTIVE_COST]", "metrics"),
            *FILTERS,
        ],
    ),
    "costs with a period": ("{ total }", "", PERIODS),
    "costs by day": (
        "{ total }",
        'period: {start: "2010-01-01", end: "2026-02-01"}',
        [("granularity: DAY", "granularity")],
    ),
    "costForecast": (
        "{ currency }",
        "",
        [("days: 0", "days"), ("days: 366", "days"), ('interval: "0.2"', "interval"), *SUMS_OF_DAYS],
    ),
    "unitCosts": ("{ currency }", f'metric: "orders", {MONTH}', SUMS_OF_DAYS),
    "unitCosts of nothing": ("{ currency }", MONTH, [('metric: "parcels"', "metric")]),
    "unitCosts with a period": ("{ currency }", 'metric: "orders"', PERIODS),
    "unitCosts by day": (
        "{ currency }",
        f'metric: "orders", {YEARS}',
        [("granularity: DAY", "granularity")],
    ),
    "commitments": ("{ commitmentCount }", "", PERIODS),
    "allocation": ("{ cost }", "", PERIODS),
    "allocationRuns": ("{ id }", "", [("first: 0", "first"), ("first: 101", "first")]),
    "tagKeys": ("{ key }", "", [("first: 0", "first"), ("first: 1001", "first")]),
    "previewAllocationRule": (
        "{ month }",
        "",
        [
            ('input: {month: "2026-10-02", rule: {name: "x", method: BY_TAG}}', "input.month"),
            ('input: {month: "2026-10-01", rule: {name: " ", method: BY_TAG}}', "input.rule.name"),
            ('input: {month: "2026-10-01", rule: {name: "x", method: BY_TAG}}', "input.rule.tagKey"),
            (
                'input: {month: "2026-10-01", rule: {name: "x", method: EVEN, where: {team: {eq: "x"}}}}',
                "input.rule.where.team",
            ),
            (
                'input: {month: "2026-10-01", rule: {name: "x", method: EVEN, where: {billedCost: {gt: "1"}}}}',
                "input.rule.where.billedCost",
            ),
        ],
    ),
    "charges": (NODES, "", [*PAGES, *FILTERS]),
    **{name: (NODES, "", PAGES) for name in CONNECTIONS if name != "charges"},
}
CASES = [
    pytest.param(field.split()[0], selection, ", ".join(filter(None, (beside, bad))), path, id=f"{field}-{bad[:60]}")
    for field, (selection, beside, each) in FIELDS.items()
    for bad, path in each
]
CREATE_TEAM = "mutation ($input: CreateTeamInput!) { createTeam(input: $input) { __typename } }"
RECORD = """mutation ($input: RecordBusinessMetricsInput!) { recordBusinessMetrics(input: $input) { __typename } }"""
# Arguments whose bad values GraphQL itself refuses: enums, booleans, and what a bad value of cannot be thought of.
BY_TYPE = {"metric", "costMetric", "compare", "orderBy", "includeArchived", "before", "forecast"}


async def test_each_bad_argument_is_told_at_its_path_and_the_rest_is_answered(caller: Caller) -> None:
    values = {"name": "orders", "unit": "orders", "values": [{"day": "2026-10-01", "quantity": "1"}]}
    await caller.act(RECORD, organizationId=caller.person.organization_id, **values)
    wrong = []
    for case in CASES:
        field, selection, arguments, path = (str(value) for value in case.values)
        query = f'{{ organization(slug: "{caller.person.slug}") {{ slug bad: {field}({arguments}) {selection} }} }}'
        answer = await caller.graphql(query, token=caller.person.token)
        errors = [(error["extensions"]["code"], error["extensions"].get("inputPath")) for error in answer["errors"]]
        data = answer.get("data")
        if errors != [("BAD_USER_INPUT", path.split("."))] or data != {
            "organization": {"slug": caller.person.slug, "bad": None}
        }:
            wrong.append((case.id, answer))
    assert wrong == []


def test_no_argument_is_left_out() -> None:
    """Every argument of every field on costs has a bad value above, or one that GraphQL refuses by its type."""
    organization = build_schema(schema_text()).type_map["Organization"]
    assert isinstance(organization, GraphQLObjectType)
    told: dict[str, set[str]] = {}
    for case in CASES:
        field, _, _, path = (str(value) for value in case.values)
        told.setdefault(field, set()).add(path.split(".")[0])
    for name, paths in told.items():
        by_type = BY_TYPE | ({"where"} if name in CONNECTIONS and name != "charges" else set())
        assert set(organization.fields[name].args) - by_type <= paths, name
        assert not isinstance(organization.fields[name].type, GraphQLNonNull), name


@pytest.mark.parametrize(
    ("selection", "path", "expected"),
    [
        ("budgets { nodes { name bad: history(first: 0) { actual } } }", "first", {"name": "all"}),
        ("budgets { nodes { name bad: alerts(first: 1001) { value } } }", "first", {"name": "all"}),
        (f"teams {{ nodes {{ name bad: costs({BACKWARDS}) {{ cost }} }} }}", "period", {"name": "Web"}),
        ("costImports { nodes { dataset bad: periods(first: 0) { dataset } } }", "first", {"dataset": "bills"}),
    ],
)
async def test_a_bad_argument_further_down_leaves_what_it_hangs_on(
    caller: Caller, selection: str, path: str, expected: dict[str, Any]
) -> None:
    await caller.create()
    await caller.act(CREATE_TEAM, organizationId=caller.person.organization_id, name="Web")
    await caller.deliveries.deliver([*daily(date(2026, 10, 1), date(2026, 10, 3), lambda _: 1)])
    query = f'{{ organization(slug: "{caller.person.slug}") {{ {selection} }} }}'
    answer = await caller.graphql(query, token=caller.person.token)
    assert [error["extensions"]["inputPath"] for error in answer["errors"]] == [[path]]
    (found,) = answer["data"]["organization"].values()
    assert found["nodes"] == [{**expected, "bad": None}]
