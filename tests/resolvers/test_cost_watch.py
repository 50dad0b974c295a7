"""Budgets, anomalies, forecasts, commitments and unit costs through the graph."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app.context import Runtime
from app.costs.budgets.kept import NOT_MADE
from app.costs.budgets.standing import NOT_IMPORTED
from app.costs.outlook.aside import ASIDE
from app.costs.watch import CHECK_COSTS_JOB, check_costs, request_daily_checks
from app.database import Database
from app.models import new_id, now
from app.repositories.jobs import JOBS
from app.schema.node import global_id, parse_id
from app.workers.jobs import make_handlers
from tests.clients import GraphQL, Person, register
from tests.costs.watch.deliveries import Deliveries, charge, daily
from tests.house.statements import counted
from tests.resolvers.company import code_of

BUDGET = """id name recurrence startsOn endsOn amount currency metric enabled
  scope { dimensions { name values } tags { name values } } thresholds { percent basis }"""
CREATE = f"""mutation ($input: CreateBudgetInput!) {{ createBudget(input: $input) {{ __typename
  ... on CreateBudgetPayload {{ budget {{ {BUDGET} }} }} ... on UserError {{ code message path }} }} }}"""
UPDATE = f"""mutation ($input: UpdateBudgetInput!) {{ updateBudget(input: $input) {{ __typename
  ... on UpdateBudgetPayload {{ budget {{ {BUDGET} }} }} ... on UserError {{ code message path }} }} }}"""
DELETE = """mutation ($input: DeleteBudgetInput!) { deleteBudget(input: $input) { __typename
  ... on DeleteBudgetPayload { deletedBudgetId } ... on UserError { code message path } } }"""
STATE = """periodStart periodEnd actual reason remaining spent elapsed unconverted { amount currency }
  thresholds { percent basis amount crossed }"""
FORECAST = "forecast { expected lower upper expectedOver likelihood reason asOf madeAt }"
BUDGETS = f"""query ($slug: String!, $first: Int, $after: String, $at: Date) {{ organization(slug: $slug) {{
  budgets(first: $first, after: $after) {{ totalCount pageInfo {{ endCursor hasNextPage }}
    nodes {{ {BUDGET} state(at: $at) {{ {STATE} {FORECAST} }} history(first: 3) {{ periodStart actual reason }}
      alerts {{ periodStart percent basis value crossedAt recoveredAt }} }} }} }} }}"""
CAUSES = "{ contributions { key name actual expected excess share isNew } others otherCount unexplained }"
ANOMALIES = f"""query ($slug: String!, $where: CostAnomalyFilter, $orderBy: CostAnomalyOrder, $first: Int,
  $after: String) {{ organization(slug: $slug) {{
  anomalies(where: $where, orderBy: $orderBy, first: $first, after: $after) {{
    totalCount pageInfo {{ endCursor }} nodes {{ id series serviceName subAccountId startsOn endsOn expected actual
      excess currency score state stateReason account {{ nativeId }} services {CAUSES} resources {CAUSES} }} }} }} }}"""
RECORD = """mutation ($input: RecordBusinessMetricsInput!) { recordBusinessMetrics(input: $input) { __typename
  ... on RecordBusinessMetricsPayload { received added changed unchanged issues { rowNumber column value reason }
    metric { id name unit firstDay lastDay valueCount } } ... on UserError { code message path } } }"""
UNIT_COSTS = """query ($slug: String!, $metric: String!, $period: DaysInput!, $granularity: CostGranularity!) {
  organization(slug: $slug) { unitCosts(metric: $metric, period: $period, granularity: $granularity) {
    metric { name } currency points { start end cost quantity quantityDays matchedDays matchedCost matchedQuantity
      unitCost change reason } } } }"""
TODAY = now().date()
MOST_STATEMENTS = 21
"""Of a page of budgets with all that hangs on them; a third of them set the tenant of a transaction."""


class Caller:
    """Somebody with an organization whose costs are delivered up to yesterday."""

    def __init__(self, graphql: GraphQL, database: Database, person: Person, folder: Path) -> None:
        self.graphql = graphql
        self.database = database
        self.person = person
        self.organization_id: UUID = parse_id(person.organization_id).id
        self.deliveries = Deliveries(database, self.organization_id, folder, TODAY)

    async def act(self, document: str, **values: Any) -> dict[str, Any]:
        """Run a mutation with an input; gives its result."""
        answer = await self.graphql.data(document, {"input": values}, token=self.person.token)
        (result,) = answer.values()
        found: dict[str, Any] = result
        return found

    async def create(self, **values: Any) -> dict[str, Any]:
        """Make a budget."""
        usual = {"name": "all", "recurrence": "MONTHLY", "startsOn": "2026-01-01", "amount": "1000"}
        return await self.act(CREATE, organizationId=self.person.organization_id, **{**usual, **values})

    async def read(self, document: str, **values: Any) -> dict[str, Any]:
        """Fields of the organization."""
        variables = {"slug": self.person.slug, **values}
        answer = await self.graphql.data(document, variables, token=self.person.token)
        found: dict[str, Any] = answer["organization"]
        return found

    async def checked(self) -> None:
        """Run the check as a worker does."""
        await check_costs(Job(self.organization_id, self.database))


class Job:
    """A job as a verb room knows it."""

    def __init__(self, organization_id: UUID | None, database: Database) -> None:
        self.id = new_id()
        self.organization_id = organization_id
        self.arguments: Mapping[str, Any] = {}
        self.database = database

    def should_stop(self) -> bool:
        return False

    async def hold(self, session: object) -> None:
        """Nobody else wants it."""

    async def progressed(self, session: object) -> None:
        """As above."""


@pytest.fixture(scope="module", autouse=True)
def loaded() -> None:
    """Forecasts, whose libraries take as long to load as an operation may where nine people share two cores."""
    ASIDE.warm().result()


@pytest.fixture
async def caller(graphql: GraphQL, database: Database, tmp_path: Path) -> Caller:
    return Caller(graphql, database, await register(graphql), tmp_path)


def reads(statements: list[str]) -> int:
    """How many statements a field cost: without those that look, every few seconds, whether a sign-in still holds."""
    return len([each for each in statements if "skyledger_system" not in each and "FROM sessions" not in each])


async def jobs_of(caller: Caller) -> int:
    """How many checks are queued."""
    async with caller.database.read(caller.organization_id) as session:
        rows = await session.execute(JOBS.select().where(JOBS.c.kind == CHECK_COSTS_JOB))
        return len(rows.all())


async def test_a_budget_is_made_changed_and_deleted(caller: Caller) -> None:
    made = (await caller.create(scope={"serviceName": ["EC2"], "provider": ["AWS"]}))["budget"]
    assert made["scope"] == {
        "dimensions": [{"name": "provider", "values": ["AWS"]}, {"name": "serviceName", "values": ["EC2"]}],
        "tags": [],
    }
    assert made["thresholds"] == [
        {"percent": "80", "basis": "ACTUAL"},
        {"percent": "100", "basis": "ACTUAL"},
        {"percent": "100", "basis": "FORECAST"},
    ]
    assert (made["currency"], made["metric"], made["enabled"], made["endsOn"]) == ("USD", "EFFECTIVE_COST", True, None)
    assert await jobs_of(caller) == 1
    assert (await caller.create())["__typename"] == "Conflict"
    changed = (await caller.act(UPDATE, id=made["id"], amount="1500.50", scope=None, currency="eur"))["budget"]
    empty: dict[str, list[Any]] = {"dimensions": [], "tags": []}
    assert changed == {**made, "amount": "1500.50", "currency": "EUR", "scope": empty}
    assert await jobs_of(caller) == 2
    await caller.act(UPDATE, id=made["id"], amount="1500.5")  # nothing to change, nothing to check
    assert await jobs_of(caller) == 2
    node = "query ($id: ID!) { node(id: $id) { ... on Budget { name } } }"
    read = await caller.graphql.data(node, {"id": made["id"]}, token=caller.person.token)
    assert read == {"node": {"name": "all"}}
    assert (await caller.act(DELETE, id=made["id"]))["deletedBudgetId"] == made["id"]
    assert (await caller.act(DELETE, id=made["id"]))["__typename"] == "NotFound"
    activity = "query ($slug: String!) { organization(slug: $slug) { activity { nodes { kind } } } }"
    kinds = [node["kind"] for node in (await caller.read(activity))["activity"]["nodes"]]
    assert kinds[:3] == ["BUDGET_DELETED", "BUDGET_UPDATED", "BUDGET_CREATED"]


async def test_a_name_of_a_budget_is_taken_whatever_the_case(caller: Caller) -> None:
    await caller.create()
    second = (await caller.create(name="Straße"))["budget"]
    for name in ("ALL", " All ", "STRASSE"):
        assert (await caller.create(name=name))["__typename"] == "Conflict"
    assert (await caller.act(UPDATE, id=second["id"], name="ALL"))["__typename"] == "Conflict"
    assert (await caller.act(UPDATE, id=second["id"], name="STRASSE"))["budget"]["name"] == "STRASSE"


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
        ({"scope": {"serviceName": []}}, ["input", "scope"]),
        ({"scope": {"tags": [{"key": "team", "values": ["a"]}]}}, ["input", "scope"]),
        ({"scope": {"regionId": ["r"], "tags": [{"key": "team", "values": ["a"]}]}}, ["input", "scope"]),
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
        scope = {"serviceName": ["EC2"]} if number % 2 else {"regionId": ["eu-west-1"]}
        await caller.create(name=f"budget {number}", startsOn=start.isoformat(), scope=scope)
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
        numbers.append(reads(statements))
    assert numbers[0] == numbers[1]
    assert numbers[0] <= MOST_STATEMENTS


SPIKE = TODAY - timedelta(8)


def spiky(day: date) -> int:
    return 500 if day == SPIKE else 100


async def spike(caller: Caller) -> list[dict[str, Any]]:
    """Deliver costs with a spike, have them checked; the anomalies."""
    await caller.deliveries.deliver([*daily(TODAY - timedelta(90), TODAY, spiky)])
    await caller.checked()
    found: list[dict[str, Any]] = (await caller.read(ANOMALIES))["anomalies"]["nodes"]
    return found


async def test_anomalies_are_listed_filtered_and_ordered(caller: Caller, runtime: Runtime) -> None:
    assert {node["series"] for node in await spike(caller)} == {"TOTAL", "SERVICE", "ACCOUNT", "SERVICE_ACCOUNT"}
    total = (await caller.read(ANOMALIES, where={"series": {"eq": "TOTAL"}}))["anomalies"]
    (node,) = total["nodes"]
    assert (node["startsOn"], node["endsOn"], node["actual"], node["currency"]) == (
        SPIKE.isoformat(),
        (SPIKE + timedelta(1)).isoformat(),
        "500",
        "USD",
    )
    assert node["services"]["contributions"][0]["key"] == "EC2"
    assert node["resources"]["contributions"][0]["key"] == "i-1"
    assert (await caller.read(ANOMALIES, where={"excess": {"lte": "0"}}))["anomalies"]["totalCount"] == 0
    for field in ("FOUND_AT", "STARTS_ON", "EXCESS"):
        order = {"field": field, "direction": "ASC"}
        first = (await caller.read(ANOMALIES, orderBy=order, first=3))["anomalies"]
        rest = await caller.read(ANOMALIES, orderBy=order, after=first["pageInfo"]["endCursor"])
        assert len({node["id"] for node in first["nodes"] + rest["anomalies"]["nodes"]}) == 4
    for currency, count in (("USD", 4), ("EUR", 0)):
        found = (await caller.read(ANOMALIES, where={"currency": {"eq": currency}}))["anomalies"]
        assert found["totalCount"] == count
    numbers = []
    where = {"series": {"in": ["ACCOUNT", "SERVICE_ACCOUNT"]}}
    for size in (1, 2):
        with counted(runtime.database) as statements:
            assert len((await caller.read(ANOMALIES, where=where, first=size))["anomalies"]["nodes"]) == size
        numbers.append(reads(statements))
    assert numbers[0] == numbers[1]


@pytest.mark.parametrize(
    ("field", "where"),
    [
        ("anomalies", {"state": {"eq": "NOPE"}}),
        ("anomalies", {"series": {"in": ["TOTAL", "NOPE"]}}),
        ("billingPeriods", {"finality": {"eq": "NOPE"}}),
        ("costImports", {"state": {"eq": "NOPE"}}),
    ],
)
async def test_a_word_that_is_no_value_of_the_enum_is_refused(
    caller: Caller, field: str, where: dict[str, Any]
) -> None:
    kinds = {
        "anomalies": "CostAnomalyFilter",
        "billingPeriods": "BillingPeriodFilter",
        "costImports": "CostImportFilter",
    }
    document = f"""query ($slug: String!, $where: {kinds[field]}) {{ organization(slug: $slug) {{
      {field}(where: $where) {{ totalCount }} }} }}"""
    answer = await caller.graphql(document, {"slug": caller.person.slug, "where": where}, token=caller.person.token)
    assert answer.get("data") is None
    assert "NOPE" in answer["errors"][0]["message"]


async def test_people_judge_anomalies(caller: Caller) -> None:
    anomaly = (await spike(caller))[0]["id"]
    fields = "anomaly { state stateReason stateChangedAt }"
    steps = [
        ("acknowledgeAnomaly", {}, ("ACKNOWLEDGED", None)),
        ("markAnomalyExpected", {"reason": " a load test "}, ("EXPECTED", "a load test")),
        ("reopenAnomaly", {}, ("OPEN", None)),
    ]
    for name, values, expected in steps:
        capital = name[0].upper() + name[1:]
        document = f"""mutation ($input: {capital}Input!) {{ {name}(input: $input) {{ __typename
          ... on {capital}Payload {{ {fields} }} ... on UserError {{ code message path }} }} }}"""
        found = (await caller.act(document, id=anomaly, **values))["anomaly"]
        assert (found["state"], found["stateReason"]) == expected
        assert found["stateChangedAt"] is not None
        stranger = await register(caller.graphql, "Mallory")
        forged = global_id("CostAnomaly", parse_id(anomaly).id, parse_id(stranger.organization_id).id)
        for id_ in (anomaly, forged):
            variables = {"input": {"id": id_, **values}}
            answer = (await caller.graphql.data(document, variables, token=stranger.token))[name]
            assert answer["__typename"] == "NotFound"
    listed = (await caller.read(ANOMALIES, where={"state": {"eq": "OPEN"}}))["anomalies"]["totalCount"]
    assert listed == 4


async def test_a_forecast(caller: Caller, runtime: Runtime) -> None:
    document = """query ($slug: String!, $days: Int!, $where: CostScopeInput, $interval: Decimal) {
      organization(slug: $slug) { costForecast(days: $days, where: $where, interval: $interval) {
        reason currency points { day expected lower upper } total { start end expected lower upper }
        monthEnd { start end expected } monthEndReason interval method historyDays error { origins mape coverage }
        widened unconverted { amount currency } } } }"""
    empty = (await caller.read(document, days=30))["costForecast"]
    assert (empty["reason"], empty["points"], empty["monthEnd"]) == ("Nothing was imported yet.", [], None)
    await caller.deliveries.deliver([*daily(TODAY - timedelta(120), TODAY, lambda day: 100 + day.weekday())])
    with counted(runtime.database) as statements:
        found = (await caller.read(document, days=30))["costForecast"]
    assert found["reason"] is None
    assert len(found["points"]) == 30
    assert all(Decimal(p["lower"]) <= Decimal(p["expected"]) <= Decimal(p["upper"]) for p in found["points"])
    assert Decimal(found["points"][0]["expected"]) == pytest.approx(103, abs=5)
    assert sum(Decimal(point["expected"]) for point in found["points"]) == Decimal(found["total"]["expected"])
    assert found["points"][0]["day"] == (TODAY - timedelta(2)).isoformat()  # two days are still arriving
    assert Decimal(found["error"]["mape"]) < Decimal("0.05")
    with counted(runtime.database) as again:
        assert (await caller.read(document, days=30))["costForecast"] == found
    assert reads(again) == reads(statements)
    none = (await caller.read(document, days=30, where={"serviceName": ["S3"]}))["costForecast"]
    assert none["reason"] == "There are no such charges in the last half year."
    for values, path in (({"days": 366}, ["days"]), ({"days": 5, "interval": "0.2"}, ["interval"])):
        answer = await caller.graphql(document, {"slug": caller.person.slug, **values}, token=caller.person.token)
        assert code_of(answer) == "BAD_USER_INPUT", path


async def test_commitments(caller: Caller, runtime: Runtime) -> None:
    figure = "{ value reason }"
    document = f"""query ($slug: String!, $period: DaysInput!) {{ organization(slug: $slug) {{
      commitments(period: $period) {{ commitments {{ commitmentDiscountId commitmentDiscountType provider
        purchased {{ amount currency }} usedQuantity {figure} purchasedQuantity {figure}
        use {{ usedEffectiveCost {figure} utilization {figure} listSavings {figure} }} }}
        coverage {{ currency coverage {figure} listCoverage {figure} contractedCoverage {figure}
          coveredListCost {figure} standardContractedCost {figure} }} commitmentCount reason }} }} }}"""
    day = TODAY - timedelta(5)

    def plan(name: str) -> dict[str, Any]:
        return charge(
            day,
            "3",
            CommitmentDiscountId=name,
            CommitmentDiscountStatus="Used",
            CommitmentDiscountType="RI",
            CommitmentDiscountCategory="Usage",
            CommitmentDiscountQuantity="24",
            CommitmentDiscountUnit="Hour",
            PricingCategory="Committed",
            ListCost="5",
        )

    numbers = []
    for names in (["ri-1"], ["ri-1", "ri-2", "ri-3"]):
        await caller.deliveries.deliver([*map(plan, names), charge(day, "3", CommitmentDiscountUnit="")])
        period = {"start": (TODAY - timedelta(20)).isoformat(), "end": TODAY.isoformat()}
        with counted(runtime.database) as statements:
            report = (await caller.read(document, period=period))["commitments"]
        numbers.append(reads(statements))
        assert {each["commitmentDiscountId"] for each in report["commitments"]} == set(names)
        for each in report["commitments"]:
            assert each["purchased"] == {"amount": "0", "currency": "USD"}
            assert (each["usedQuantity"]["value"], each["purchasedQuantity"]["value"]) == ("24", "0")
            use = {name: each["use"][name]["value"] for name in ("usedEffectiveCost", "utilization", "listSavings")}
            assert {name: Decimal(value) for name, value in use.items()} == {
                "usedEffectiveCost": 3,
                "utilization": 1,
                "listSavings": 2,
            }
        (coverage,) = report["coverage"]
        share = Decimal(3 * len(names)) / Decimal(3 * len(names) + 3)
        assert Decimal(coverage["coverage"]["value"]) == share
        at_list = Decimal(5 * len(names)) / Decimal(5 * len(names) + 3)
        assert Decimal(coverage["listCoverage"]["value"]) == round(at_list, 4)
        assert Decimal(coverage["contractedCoverage"]["value"]) == share
        assert Decimal(coverage["coveredListCost"]["value"]) == 5 * len(names)
        assert Decimal(coverage["standardContractedCost"]["value"]) == 3
        assert (report["commitmentCount"], report["reason"]) == (
            len(names),
            "Charges were imported for 1 of these 20 days.",
        )
    none = await caller.read(document, period={"start": "2020-01-01", "end": "2020-02-01"})
    assert none["commitments"] == {
        "commitments": [],
        "coverage": [],
        "commitmentCount": 0,
        "reason": "Nothing was imported for these days.",
    }
    assert numbers[0] == numbers[1]


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
    assert (whole["matchedDays"], whole["matchedCost"], whole["matchedQuantity"]) == (2, "60", "30")
    assert Decimal(whole["unitCost"]) == Decimal(2)
    assert (
        whole["reason"]
        == "Both the cost and the quantity are known on 2 of 5 days; the unit cost is that of these days."
    )
    other_case = (await caller.read(UNIT_COSTS, **{**variables, "metric": " Orders"}, granularity="DAY"))["unitCosts"]
    assert other_case == costs
    missing = await caller.graphql(
        UNIT_COSTS,
        {"slug": caller.person.slug, "metric": "parcels", "period": period, "granularity": "DAY"},
        token=caller.person.token,
    )
    assert code_of(missing) == "BAD_USER_INPUT"


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


async def test_the_clock_asks_for_a_check_of_who_has_something_to_check(caller: Caller, database: Database) -> None:
    await register(caller.graphql, "Idle")
    await caller.create()
    before = await jobs_of(caller)
    assert await request_daily_checks(database) == 1
    assert await jobs_of(caller) == before + 1


def test_workers_know_the_check() -> None:
    tools: Any = type("Tools", (), {"clouds": None})()
    assert make_handlers(tools)[CHECK_COSTS_JOB] is check_costs
