"""Budgets through the graph: made, changed, refused; how they stand, page by page."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.context import Runtime
from app.costs.budgets.kept import NOT_MADE
from app.costs.budgets.standing import NOT_IMPORTED
from app.costs.outlook.aside import ASIDE
from app.costs.scopes import SPREADING
from tests.costs.watch.deliveries import daily
from tests.house.statements import counted
from tests.resolvers.cost_caller import BUDGET, TODAY, Caller, jobs_of

UPDATE = f"""mutation ($input: UpdateBudgetInput!) {{ updateBudget(input: $input) {{ __typename
  ... on UpdateBudgetPayload {{ budget {{ {BUDGET} }} }} ... on UserError {{ code message path }} }} }}"""
PROMOTE = """mutation ($input: SetPromotedTagKeysInput!) { setPromotedTagKeys(input: $input) { __typename
  ... on SetPromotedTagKeysPayload { run { id } } ... on UserError { message } } }"""
DELETE = """mutation ($input: DeleteBudgetInput!) { deleteBudget(input: $input) { __typename
  ... on DeleteBudgetPayload { deletedBudgetId } ... on UserError { code message path } } }"""
STATE = """periodStart periodEnd actual reason remaining spent elapsed unconverted { amount currency }
  thresholds { percent basis amount crossed }"""
FORECAST = "forecast { expected lower upper expectedOver likelihood reason asOf madeAt }"
BUDGETS = f"""query ($slug: String!, $first: Int, $after: String, $at: Date) {{ organization(slug: $slug) {{
  budgets(first: $first, after: $after) {{ totalCount pageInfo {{ endCursor hasNextPage }}
    nodes {{ {BUDGET} state(at: $at) {{ {STATE} {FORECAST} }} history(first: 3) {{ periodStart actual reason }}
      alerts {{ periodStart percent basis value crossedAt recoveredAt }} }} }} }} }}"""
MOST_STATEMENTS = 22
"""Of a page of budgets with all that hangs on them; a third of them set the tenant of a transaction."""


@pytest.fixture(scope="module", autouse=True)
def loaded() -> None:
    """Forecasts, whose libraries take as long to load as an operation may where nine people share two cores."""
    ASIDE.warm().result()


async def test_a_budget_is_made_changed_and_deleted(caller: Caller) -> None:
    where = {"serviceName": {"eq": "EC2"}, "regionId": {"notIn": ["b", "a"], "exists": True}}
    made = (await caller.create(where=where))["budget"]
    assert made["where"] == {
        "filter": {"regionId": {"notIn": ["a", "b"], "exists": True}, "serviceName": {"in": ["EC2"]}}
    }
    again = (await caller.create(name="again", where=made["where"]["filter"]))["budget"]
    assert again["where"] == made["where"]
    await caller.act(DELETE, id=again["id"])
    assert made["thresholds"] == [
        {"percent": "80", "basis": "ACTUAL"},
        {"percent": "100", "basis": "ACTUAL"},
        {"percent": "100", "basis": "FORECAST"},
    ]
    assert (made["currency"], made["metric"], made["enabled"], made["endsOn"]) == ("USD", "EFFECTIVE_COST", True, None)
    before = await jobs_of(caller)
    assert (await caller.create())["__typename"] == "Conflict"
    changed = (await caller.act(UPDATE, id=made["id"], amount="1500.50", where=None, currency="eur"))["budget"]
    assert changed == {**made, "amount": "1500.50", "currency": "EUR", "where": {"filter": {}}}
    assert await jobs_of(caller) == before + 1
    await caller.act(UPDATE, id=made["id"], amount="1500.5")  # nothing to change, nothing to check
    assert await jobs_of(caller) == before + 1
    node = "query ($id: ID!) { node(id: $id) { ... on Budget { name } } }"
    read = await caller.graphql.data(node, {"id": made["id"]}, token=caller.person.token)
    assert read == {"node": {"name": "all"}}
    assert (await caller.act(DELETE, id=made["id"]))["deletedBudgetId"] == made["id"]
    assert (await caller.act(DELETE, id=made["id"]))["__typename"] == "NotFound"
    activity = "query ($slug: String!) { organization(slug: $slug) { activity { nodes { kind } } } }"
    kinds = [node["kind"] for node in (await caller.read(activity))["activity"]["nodes"]]
    assert kinds[:5] == ["BUDGET_DELETED", "BUDGET_UPDATED", "BUDGET_DELETED", "BUDGET_CREATED", "BUDGET_CREATED"]


async def test_a_name_of_a_budget_is_taken_whatever_the_case(caller: Caller) -> None:
    await caller.create()
    second = (await caller.create(name="Straße"))["budget"]
    for name in ("ALL", " All ", "STRASSE"):
        assert (await caller.create(name=name))["__typename"] == "Conflict"
    assert (await caller.act(UPDATE, id=second["id"], name="ALL"))["__typename"] == "Conflict"
    assert (await caller.act(UPDATE, id=second["id"], name="STRASSE"))["budget"]["name"] == "STRASSE"


async def test_what_a_tag_cost_is_unknown_until_past_months_know_it(caller: Caller) -> None:
    last = TODAY.replace(day=1) - timedelta(1)
    first = last.replace(day=1)
    await caller.deliveries.deliver([*daily(first, last, lambda _: "10.10", Tags='{"Team": "web"}')])
    promoted = await caller.act(PROMOTE, organizationId=caller.person.organization_id, keys=["team"])
    await caller.create(startsOn=first.isoformat(), where={"tags": [{"key": "team", "eq": "web"}]})
    (budget,) = (await caller.read(BUDGETS))["budgets"]["nodes"]
    assert budget["history"][1] == {
        "periodStart": first.isoformat(),
        "actual": None,
        "reason": SPREADING.format("team"),
    }
    checks = await jobs_of(caller)
    await caller.allocated(promoted["run"])
    assert await jobs_of(caller) == checks + 1
    (budget,) = (await caller.read(BUDGETS))["budgets"]["nodes"]
    assert Decimal(budget["history"][1]["actual"]) == Decimal("10.10") * (last - first).days
    assert budget["history"][1]["reason"] is None


async def test_a_tag_key_that_a_budget_uses_stays(caller: Caller) -> None:
    organization = {"organizationId": caller.person.organization_id}
    await caller.act(PROMOTE, **organization, keys=["team", "env"])
    made = (await caller.create(name="Web", where={"tags": [{"key": "Team", "eq": "web"}]}))["budget"]
    message = "The budget 'Web' uses the tag key `team`. Change or delete the budget first."
    assert await caller.act(PROMOTE, **organization, keys=[]) == {"__typename": "Conflict", "message": message}
    assert (await caller.act(PROMOTE, **organization, keys=["team"]))["__typename"] == "SetPromotedTagKeysPayload"
    assert (await caller.act(UPDATE, id=made["id"], where={}))["__typename"] == "UpdateBudgetPayload"
    assert (await caller.act(PROMOTE, **organization, keys=[]))["__typename"] == "SetPromotedTagKeysPayload"


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"name": " "}, ["input", "name"]),
        ({"amount": "0"}, ["input", "amount"]),
        ({"currency": "XYZ"}, ["input", "currency"]),
        ({"recurrence": "FIXED"}, ["input", "endsOn"]),
        ({"endsOn": "2026-01-01"}, ["input", "endsOn"]),
        ({"startsOn": "1999-12-31"}, ["input", "startsOn"]),
        ({"recurrence": "FIXED", "endsOn": "2026-02-01"}, ["input", "endsOn"]),
        ({"thresholds": [{"percent": "0"}]}, ["input", "thresholds", "0", "percent"]),
        ({"thresholds": [{"percent": "1000"}, {"percent": "1000.01"}]}, ["input", "thresholds", "1", "percent"]),
        ({"thresholds": [{"percent": str(n)} for n in range(1, 12)]}, ["input", "thresholds"]),
        ({"where": {"serviceName": {"in": []}}}, ["input", "where", "serviceName"]),
        ({"where": {"serviceName": {}}}, ["input", "where", "serviceName"]),
        ({"where": {"serviceName": {"in": ["x"] * 201}}}, ["input", "where", "serviceName", "in"]),
        ({"where": {"resourceId": {"eq": "i-1"}}}, ["input", "where", "resourceId"]),
        ({"where": {"billedCost": {"gt": "1"}}}, ["input", "where", "billedCost"]),
        ({"where": {"tags": [{"key": "team", "eq": "a"}]}}, ["input", "where", "tags"]),
        ({"where": {"regionId": {"eq": "r"}, "tags": [{"key": "team", "eq": "a"}]}}, ["input", "where", "regionId"]),
    ],
)
async def test_a_budget_that_cannot_work_is_refused_in_clear_words(
    caller: Caller, values: dict[str, Any], path: list[str]
) -> None:
    result = await caller.create(**values)
    assert (result["__typename"], result["path"]) == ("InvalidInput", path), result
    assert "service_name" not in result["message"]


async def test_how_budgets_stand(caller: Caller) -> None:
    month = TODAY.replace(day=1)
    start = (month - timedelta(70)).replace(day=1)
    await caller.deliveries.deliver([*daily(start, TODAY, lambda _: "10.10")])
    await caller.create(startsOn=start.isoformat(), amount="100")
    await caller.checked()
    (budget,) = (await caller.read(BUDGETS))["budgets"]["nodes"]
    spent = Decimal("10.10") * (TODAY - month).days
    if TODAY.day == 1:
        assert budget["state"]["actual"] is None
        assert budget["state"]["reason"] == NOT_IMPORTED
        return
    state = budget["state"]
    assert (Decimal(state["actual"]), Decimal(state["remaining"])) == (spent, 100 - spent)
    assert [each["crossed"] for each in state["thresholds"][:2]] == [spent >= 80, spent >= 100]
    assert state["forecast"]["reason"] is None
    if TODAY.day > 2:  # two days are still arriving
        assert state["forecast"]["asOf"] == (TODAY - timedelta(2)).isoformat()
    assert state["forecast"]["madeAt"] is not None
    assert Decimal(state["forecast"]["expected"]) >= spent
    assert [each["periodStart"] for each in budget["history"]][1:] == [
        (month - timedelta(1)).replace(day=1).isoformat(),
        ((month - timedelta(1)).replace(day=1) - timedelta(1)).replace(day=1).isoformat(),
    ]
    assert all(each["actual"] is not None for each in budget["history"][1:])
    assert all(each["reason"] is None for each in budget["history"][1:])
    assert {alert["periodStart"] for alert in budget["alerts"]} <= {month.isoformat()}
    past = await caller.read(BUDGETS, at=start.isoformat())
    assert past["budgets"]["nodes"][0]["state"]["periodStart"] == start.isoformat()
    before = await caller.read(BUDGETS, at="2020-01-01")
    assert before["budgets"]["nodes"][0]["state"] is None


async def test_statements_do_not_grow_with_the_page(caller: Caller, runtime: Runtime) -> None:
    start = (TODAY.replace(day=1) - timedelta(70)).replace(day=1)
    await caller.deliveries.deliver([*daily(start, TODAY, lambda _: 10)])
    for number in range(5):
        where = {"serviceName": {"in": ["EC2"]}} if number % 2 else {"regionId": {"in": ["eu-west-1"]}}
        await caller.create(name=f"budget {number}", startsOn=start.isoformat(), where=where)
    (unmade, *_) = (await caller.read(BUDGETS, first=5))["budgets"]["nodes"]
    if TODAY.day > 1:
        assert (unmade["state"]["forecast"]["expected"], unmade["state"]["forecast"]["reason"]) == (None, NOT_MADE)
        assert [each["crossed"] for each in unmade["state"]["thresholds"]][2] is None
    await caller.checked()
    numbers = []
    for first in (2, 5):
        with counted(runtime.database) as statements:
            page = (await caller.read(BUDGETS, first=first))["budgets"]
        assert ([node["name"] for node in page["nodes"]], page["totalCount"]) == (
            [f"budget {number}" for number in range(first)],
            5,
        )
        assert all(node["state"]["forecast"]["reason"] != NOT_MADE for node in page["nodes"])
        numbers.append(len(statements))
    assert numbers[0] == numbers[1]
    assert numbers[0] <= MOST_STATEMENTS
