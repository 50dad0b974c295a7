"""Business metrics and unit costs through the graph."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from app.costs.scopes import SPREADING
from tests.costs.watch.deliveries import daily
from tests.resolvers.company import code_of
from tests.resolvers.cost_caller import TODAY, Caller

RECORD = """mutation ($input: RecordBusinessMetricsInput!) { recordBusinessMetrics(input: $input) { __typename
  ... on RecordBusinessMetricsPayload { received added changed unchanged issues { rowNumber column value reason }
    metric { id name unit firstDay lastDay valueCount } } ... on UserError { code message path } } }"""
UNIT_COSTS = """query ($slug: String!, $metric: String!, $period: CostPeriodInput!, $granularity: CostGranularity!) {
  organization(slug: $slug) { unitCosts(metric: $metric, period: $period, granularity: $granularity) {
    metric { name } currency points { start end cost quantity quantityDays matchedDays matchedCost matchedQuantity
      unitCost change reason } } } }"""
PROMOTE = """mutation ($input: SetPromotedTagKeysInput!) { setPromotedTagKeys(input: $input) {
  ... on SetPromotedTagKeysPayload { run { id } } } }"""
TAGGED = """query ($slug: String!, $period: CostPeriodInput!) { organization(slug: $slug) {
  costForecast(where: {tags: {key: "team", eq: "web"}}) { reason }
  unitCosts(metric: "orders", period: $period, granularity: TOTAL, where: {tags: {key: "team", eq: "web"}}) {
    points { cost unitCost reason } } } }"""


async def test_unit_costs(caller: Caller) -> None:
    first = date(2026, 10, 1)
    await caller.deliveries.deliver([*daily(first, date(2026, 10, 4), lambda _: 30)])
    values = [
        {"day": "2026-10-01", "quantity": "10"},
        {"day": "2026-10-02", "quantity": "20.5"},
        {"day": "2026-10-04", "quantity": "0"},
        {"day": "2026-10-02", "quantity": "1"},
        {"day": "yesterday", "quantity": "1"},
        {"day": "2026-10-06", "quantity": "-1"},
        {"quantity": "1"},
        {"day": "2999-01-01", "quantity": "1"},
    ]
    organization = {"organizationId": caller.person.organization_id, "name": "orders"}
    unknown = await caller.act(RECORD, **organization, values=values)
    assert (unknown["__typename"], unknown["path"]) == ("InvalidInput", ["input", "unit"])
    result = await caller.act(RECORD, **organization, unit="orders", values=values)
    assert [result[name] for name in ("received", "added", "changed", "unchanged")] == [8, 3, 0, 0]
    assert [(issue["rowNumber"], issue["column"]) for issue in result["issues"]] == [
        (4, "day"),
        (5, "day"),
        (6, "quantity"),
        (7, "day"),
        (8, "day"),
    ]
    assert result["issues"][1]["reason"] == "`day` must be a day, such as 2026-11-01."
    assert {**result["metric"], "id": None} == {
        "id": None,
        "name": "orders",
        "unit": "orders",
        "firstDay": "2026-10-01",
        "lastDay": "2026-10-04",
        "valueCount": 3,
    }
    again = await caller.act(RECORD, **organization, values=[{"day": "2026-10-02", "quantity": "20"}, values[0]])
    assert [again[name] for name in ("received", "added", "changed", "unchanged")] == [2, 0, 1, 1]
    same = await caller.act(RECORD, **{**organization, "name": "ORDERS"}, values=[values[0]])
    assert (same["metric"]["id"], same["unchanged"]) == (result["metric"]["id"], 1)
    other = await caller.act(RECORD, **organization, unit="parcels", values=[])
    assert other["__typename"] == "Conflict"
    period = {"start": "2026-10-01", "end": "2026-10-06"}
    variables = {"metric": "orders", "period": period}
    costs = (await caller.read(UNIT_COSTS, **variables, granularity="DAY"))["unitCosts"]
    points = costs["points"]
    assert (costs["currency"], len(points)) == ("USD", 5)
    found = [(p["cost"], p["quantity"], p["unitCost"] and Decimal(p["unitCost"]), p["change"]) for p in points]
    assert found[0] == ("30", "10", 3, None)
    assert found[1] == ("30", "20", Decimal("1.5"), "-0.5000")
    assert (found[2][2], points[2]["reason"]) == (None, "No quantity is recorded for these days.")
    total = (await caller.read(UNIT_COSTS, **variables, granularity="TOTAL"))["unitCosts"]["points"]
    (whole,) = total
    assert (whole["cost"], whole["quantity"], whole["quantityDays"]) == ("90", "30", 3)
    # Of the 4th a quantity is known, and that it cost nothing: October is over, and all of it was delivered.
    assert (whole["matchedDays"], whole["matchedCost"], whole["matchedQuantity"]) == (3, "60", "30")
    assert Decimal(whole["unitCost"]) == Decimal(2)
    assert (
        whole["reason"]
        == "Both the cost and the quantity are known on 3 of 5 days; the unit cost is that of these days."
    )
    other_case = (await caller.read(UNIT_COSTS, **{**variables, "metric": " Orders"}, granularity="DAY"))["unitCosts"]
    assert other_case == costs
    missing = await caller.graphql(
        UNIT_COSTS,
        {"slug": caller.person.slug, "metric": "parcels", "period": period, "granularity": "DAY"},
        token=caller.person.token,
    )
    assert code_of(missing) == "BAD_USER_INPUT"


async def test_what_a_tag_cost_is_unknown_until_past_months_know_it(caller: Caller) -> None:
    """0 would be a unit cost too, and a history of nothing a forecast."""
    last = TODAY.replace(day=1) - timedelta(1)
    first = last.replace(day=1)
    await caller.deliveries.deliver([*daily(first, last, lambda _: 30, Tags='{"Team": "web"}')])
    organization = {"organizationId": caller.person.organization_id}
    values = [{"day": first.isoformat(), "quantity": "10"}]
    await caller.act(RECORD, **organization, name="orders", unit="orders", values=values)
    promoted = await caller.act(PROMOTE, **organization, keys=["team"])
    period = {"start": first.isoformat(), "end": last.isoformat()}
    found = await caller.read(TAGGED, period=period)
    unknown = SPREADING.format("team")
    assert found["costForecast"] == {"reason": unknown}
    assert found["unitCosts"]["points"] == [{"cost": None, "unitCost": None, "reason": unknown}]
    await caller.allocated(promoted["run"])
    found = await caller.read(TAGGED, period=period)
    assert found["costForecast"]["reason"] != unknown
    (point,) = found["unitCosts"]["points"]
    assert Decimal(point["cost"]) == 30 * (last - first).days
    assert Decimal(point["unitCost"]) == Decimal(3)


async def test_a_metric_is_listed_and_deleted(caller: Caller) -> None:
    made = await caller.act(
        RECORD,
        organizationId=caller.person.organization_id,
        name="orders",
        unit="orders",
        values=[{"day": "2026-10-01", "quantity": "1"}],
    )
    document = "query ($slug: String!) { organization(slug: $slug) { businessMetrics { totalCount nodes { name } } } }"
    assert (await caller.read(document))["businessMetrics"] == {"totalCount": 1, "nodes": [{"name": "orders"}]}
    delete = """mutation ($input: DeleteBusinessMetricInput!) { deleteBusinessMetric(input: $input) { __typename
      ... on DeleteBusinessMetricPayload { deletedBusinessMetricId } } }"""
    assert (await caller.act(delete, id=made["metric"]["id"]))["deletedBusinessMetricId"] == made["metric"]["id"]
    assert (await caller.act(delete, id=made["metric"]["id"]))["__typename"] == "NotFound"
    assert (await caller.read(document))["businessMetrics"] == {"totalCount": 0, "nodes": []}
