"""One filter: what `where` chooses is the same wherever costs are asked for, and can be sent again as it is told."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tests.costs.watch.deliveries import daily
from tests.resolvers.cost_caller import Caller

FIRST, END = date(2026, 10, 1), date(2026, 11, 1)
PERIOD = {"start": "2026-10-01", "end": "2026-11-01"}
REPORT = """query ($slug: String!, $where: CostFilter, $period: CostPeriodInput!) { organization(slug: $slug) {
  costs(period: $period, where: $where) { total chargeCount }
  charges(where: $where) { totalCount nodes { effectiveCost } } } }"""
UNITS = """query ($slug: String!, $where: CostFilter, $period: CostPeriodInput!) { organization(slug: $slug) {
  unitCosts(metric: "orders", period: $period, granularity: TOTAL, where: $where) { points { cost } }
  costForecast(where: $where, days: 1) { reason } } }"""
PREVIEW = """query ($slug: String!, $input: PreviewAllocationRuleInput!) { organization(slug: $slug) {
  previewAllocationRule(input: $input) { moves { before after team { name } } } } }"""
STATE = """query ($id: ID!) { node(id: $id) { ... on Budget { where { filter conditions { field key in notIn contains
  exists gt } } state(at: "2026-10-15") { actual } } } }"""
EXPORT = """mutation ($input: ExportCostsInput!) { exportCosts(input: $input) { __typename
  ... on ExportCostsPayload { export { periodStart periodEnd where { filter conditions { field in gt lt } } } }
  ... on UserError { message path } } }"""
TEAM = """mutation ($input: CreateTeamInput!) { createTeam(input: $input) {
  ... on CreateTeamPayload { team { id } } } }"""
PROMOTE = """mutation ($input: SetPromotedTagKeysInput!) { setPromotedTagKeys(input: $input) {
  ... on SetPromotedTagKeysPayload { run { id } } } }"""
RECORD = "mutation ($input: RecordBusinessMetricsInput!) { recordBusinessMetrics(input: $input) { __typename } }"
S3 = {"ServiceName": "Amazon S3", "ServiceCategory": "Storage", "SubAccountId": "222", "RegionId": "us-east-1"}
EVERYWHERE: list[dict[str, Any]] = [
    {},
    {"serviceName": {"eq": "Amazon S3"}},
    {"serviceName": {"in": ["Amazon S3", "EC2"], "notIn": ["EC2"]}},
    {"serviceName": {"notIn": ["EC2"]}},
    {"serviceName": {"contains": "AMAZON"}},
    {"serviceName": {"contains": "nothing"}},
    {"serviceCategory": {"exists": False}},
    {"account": {"in": ["222"]}, "provider": {"eq": "AWS"}},
    {"tags": [{"key": " TEAM", "eq": "web"}]},
    {"tags": [{"key": "team", "eq": "Web"}]},
    {"tags": [{"key": "team", "notIn": ["web"]}]},
    {"tags": [{"key": "Team", "exists": False}]},
    {"tags": [{"key": "team", "contains": "E"}], "serviceName": {"eq": "EC2"}},
]
ALL_BUT_RULES: list[dict[str, Any]] = [
    {"regionId": {"eq": "us-east-1"}},
    {"regionId": {"notIn": ["us-east-1"]}},
    {"pricingCategory": {"eq": "Standard"}, "regionId": {"exists": True}},
    {"chargeClass": {"exists": False}, "account": {"contains": "2"}},
]
REPORTS_AND_CHARGES: list[dict[str, Any]] = [
    {"resourceId": {"notIn": ["i-1"]}},
    {"resourceId": {"exists": False}},
    {"effectiveCost": {"gt": "5", "lt": "100"}},
    {"chargePeriodStart": {"gte": "2026-10-03T00:00:00Z", "lte": "2026-10-20T00:00:00Z"}},
    {"tags": [{"key": "STAGE", "eq": "live"}]},
    {"tags": [{"key": "team", "exists": True}], "regionId": {"eq": "us-east-1"}},
    {"dataset": {"contains": "BILL"}},
]


@pytest.fixture
async def billed(caller: Caller) -> Caller:
    """A month of three services, two of them with the tag that is promoted."""
    promoted = await caller.act(PROMOTE, organizationId=caller.person.organization_id, keys=["team"])
    await caller.allocated(promoted["run"])
    values = {"name": "orders", "unit": "orders", "values": [{"day": "2026-10-01", "quantity": "1"}]}
    await caller.act(RECORD, organizationId=caller.person.organization_id, **values)
    await caller.deliveries.deliver(
        [
            *daily(FIRST, END, lambda _: 100, Tags='{"Team ": "web", "stage": "live"}'),
            *daily(FIRST, END, lambda _: 10, Tags='{"team": "data"}', ResourceId="", **S3),
            *daily(FIRST, END, lambda _: 1, ServiceName="AWS Support", ServiceCategory="", RegionId=""),
        ]
    )
    return caller


async def chosen(caller: Caller, where: dict[str, Any]) -> Decimal:
    """What `costs` makes of a filter; `charges` must choose the same."""
    found = await caller.read(REPORT, where=where, period=PERIOD)
    costs, charges = found["costs"], found["charges"]
    assert costs["chargeCount"] == charges["totalCount"], where
    if charges["totalCount"] <= 25:
        total = sum(Decimal(node["effectiveCost"]) for node in charges["nodes"])
        assert total == Decimal(costs["total"]), where
    return Decimal(costs["total"])


async def test_the_same_filter_chooses_the_same_charges_everywhere(billed: Caller) -> None:
    made = await billed.act(TEAM, organizationId=billed.person.organization_id, name="Web")
    team, amounts = made["team"]["id"], set()
    for number, where in enumerate([*EVERYWHERE, *ALL_BUT_RULES]):
        total = await chosen(billed, where)
        amounts.add(total)
        units = await billed.read(UNITS, where=where, period=PERIOD)
        assert Decimal(units["unitCosts"]["points"][0]["cost"]) == total, where
        assert units["costForecast"] is not None
        budget = (await billed.create(name=f"{number}", where=where))["budget"]
        node = (await billed.graphql.data(STATE, {"id": budget["id"]}, token=billed.person.token))["node"]
        assert Decimal(node["state"]["actual"]) == total, where
        again = (await billed.create(name=f"{number} again", where=node["where"]["filter"]))["budget"]
        assert again["where"] == budget["where"]
        if where not in EVERYWHERE:
            continue
        rule = {"name": "x", "method": "DIRECT", "targets": [{"teamId": team}], "where": where}
        moves = (await billed.read(PREVIEW, input={"month": "2026-10-01", "rule": rule}))["previewAllocationRule"]
        borne = [Decimal(move["after"]) for move in moves["moves"] if move["team"] is not None]
        assert sum(borne) == total, where
    assert len(amounts) > 6


async def test_reports_and_charges_know_more(billed: Caller) -> None:
    amounts = [await chosen(billed, where) for where in REPORTS_AND_CHARGES]
    assert 0 < min(amounts) < max(amounts)


async def test_kept_filters_are_told_in_their_own_words(billed: Caller) -> None:
    where = {"serviceName": {"eq": "EC2", "exists": True}, "tags": [{"key": " Team", "notIn": ["x"]}]}
    budget = (await billed.create(where=where))["budget"]
    node = (await billed.graphql.data(STATE, {"id": budget["id"]}, token=billed.person.token))["node"]
    nothing = {"key": None, "in": None, "notIn": None, "contains": None, "exists": None, "gt": None}
    assert node["where"]["conditions"] == [
        nothing | {"field": "serviceName", "in": ["EC2"], "exists": True},
        nothing | {"field": "tags", "key": "team", "notIn": ["x"]},
    ]
    more = {
        "billedCost": {"gt": "1.50"},
        "chargePeriodEnd": {"lt": "2026-10-20T00:00:00Z"},
        "skuId": {"in": ["a", "b"]},
    }
    values = {"organizationId": billed.person.organization_id, "period": {"name": "LAST_MONTH"}, "where": more}
    export = (await billed.act(EXPORT, **values))["export"]
    assert export["where"]["filter"] == more
    assert [(one["field"], one["in"], one["gt"], one["lt"]) for one in export["where"]["conditions"]] == [
        ("skuId", ["a", "b"], None, None),
        ("chargePeriodEnd", None, None, "2026-10-20T00:00:00Z"),
        ("billedCost", None, "1.50", None),
    ]


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"period": {}}, ["input", "period"]),
        ({"period": {"start": "2026-02-01", "end": "2026-01-01"}}, ["input", "period"]),
        ({"where": {"team": {"exists": True}}}, ["input", "where", "team"]),
        ({"where": {"tags": [{"key": ""}]}}, ["input", "where", "tags"]),
    ],
)
async def test_an_export_refuses_by_name(caller: Caller, values: dict[str, Any], path: list[str]) -> None:
    usual = {"organizationId": caller.person.organization_id, "period": {"name": "ALL_TIME"}}
    refused = await caller.act(EXPORT, **usual | values)
    assert (refused["__typename"], refused["path"]) == ("InvalidInput", path), refused
