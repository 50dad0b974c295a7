"""Forecasts in `organization.costs`, through the graph."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from app.context import Runtime
from app.costs.analysis import report_forecasts
from app.costs.analysis.periods import today
from app.costs.analysis.step_forecasts import forecast_periods
from app.costs.outlook.aside import ASIDE
from app.costs.outlook.forecast import INTERVAL
from app.costs.outlook.series import DailySeries
from app.database import Database
from app.records.costs import ImportMode
from app.schema.node import parse_id
from tests.clients import GraphQL, Person, register
from tests.costs.analysis.store import Store
from tests.costs.analysis.store import charge as stored
from tests.costs.watch.deliveries import Deliveries, charge, daily
from tests.house.statements import counted
from tests.resolvers.company import code_of

TODAY = today()
STILL_OPEN = TODAY - timedelta(3)
"""The day on which deliveries are closed: in the first days of a month its provider is not done with the last one."""
SETTLED = TODAY - timedelta(2)
"""Charges of the last two days that were delivered are still arriving."""
AFTER_IT = (TODAY + timedelta(20), TODAY + timedelta(21))
EXPECTED = "{ actual expected lower upper }"
FORECAST = f"""{{ reason start totalReason interval method historyDays widened unconverted {{ currency amount }}
  total {EXPECTED} error {{ origins }} }}"""
COSTS = f"""query ($slug: String!, $period: CostPeriodInput!, $granularity: CostGranularity! = DAY,
    $metric: CostMeasure! = EFFECTIVE_COST, $groupBy: [CostGrouping!], $where: CostFilter, $topN: Int,
    $forecast: CostReportForecastInput) {{
  organization(slug: $slug) {{
    costs(period: $period, granularity: $granularity, metric: $metric, groupBy: $groupBy, where: $where, topN: $topN,
        forecast: $forecast) {{
      start end total currency forecast {FORECAST}
      points {{ start end amount forecast {EXPECTED} }}
      groups {{ key total forecast {FORECAST} points {{ start forecast {EXPECTED} }} }}
      other {{ total forecast {{ reason }} points {{ forecast {EXPECTED} }} }}
    }}
  }}
}}"""


class Caller:
    """Somebody whose organization, in USD, has its costs delivered."""

    def __init__(self, graphql: GraphQL, database: Database, person: Person, folder: Path) -> None:
        self.graphql = graphql
        self.person = person
        self.deliveries = Deliveries(database, parse_id(person.organization_id).id, folder, STILL_OPEN)

    async def report(self, start: date, end: date, **variables: Any) -> dict[str, Any]:
        """A report of a period, with a forecast unless said otherwise; asked again while that is being computed."""
        days = {"start": start.isoformat(), "end": end.isoformat()}
        found: dict[str, Any] = (await self.ask(COSTS, **{"period": days, "forecast": {}, **variables}))["costs"]
        return found

    async def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """Fields of the organization, `reason` among those of a forecast: asked until that is computed."""
        values = {"slug": self.person.slug, **variables}
        async with asyncio.timeout(60):
            while True:
                answer = await self.graphql.data(query, values, token=self.person.token)
                found: dict[str, Any] = answer["organization"]
                if "The forecast is still being computed" not in str(found):
                    return found


@pytest.fixture
async def caller(graphql: GraphQL, database: Database, tmp_path: Path) -> Caller:
    """One without costs; the process that forecasts has started."""
    await ASIDE.answer(forecast_periods, DailySeries(TODAY, (Decimal(1),) * 20), INTERVAL, (AFTER_IT,))
    return Caller(graphql, database, await register(graphql, "Olga"), tmp_path)


def cost_of(day: date) -> Decimal:
    """Ten, on Saturdays and Sundays four, and some change that differs."""
    return Decimal(4 if day.weekday() > 4 else 10) + Decimal(day.day % 3) / 10


def steps_of(points: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Decimal]]]:
    for point in points:
        if point["forecast"] is not None:
            yield point["start"], {name: Decimal(amount) for name, amount in point["forecast"].items()}


async def test_a_period_that_reaches_beyond_the_known_days(caller: Caller) -> None:
    """Points to come have bounds; the total is what is known and what is expected; all of it as `costForecast` says."""
    await caller.deliveries.deliver(list(daily(TODAY - timedelta(90), TODAY, cost_of)))
    start, end = TODAY - timedelta(20), TODAY + timedelta(12)
    found = await caller.report(start, end)
    forecast = found["forecast"]
    assert (forecast["reason"], forecast["start"], forecast["historyDays"]) == (None, SETTLED.isoformat(), 88)
    assert (forecast["interval"], forecast["unconverted"]) == ("0.80", [])
    assert forecast["error"]["origins"] > 0
    known = sum((cost_of(start + timedelta(offset)) for offset in range((SETTLED - start).days)), Decimal(0))
    total = {name: Decimal(amount) for name, amount in forecast["total"].items()}
    assert total["actual"] == known
    assert total["actual"] < total["lower"] <= total["expected"] <= total["upper"]
    steps = dict(steps_of(found["points"]))
    assert list(steps) == [(SETTLED + timedelta(offset)).isoformat() for offset in range((end - SETTLED).days)]
    assert all(step["actual"] == 0 and step["lower"] <= step["expected"] <= step["upper"] for step in steps.values())
    assert sum(step["expected"] for step in steps.values()) == total["expected"] - known
    assert all(point["amount"] is not None for point in found["points"] if point["start"] < TODAY.isoformat())
    assert all(point["amount"] is None for point in found["points"] if point["start"] >= TODAY.isoformat())

    query = """query ($slug: String!, $days: Int!) { organization(slug: $slug) { costForecast(days: $days) {
      total { expected lower upper } points { day expected lower upper } } } }"""
    values = {"slug": caller.person.slug, "days": (end - SETTLED).days}
    alone = (await caller.graphql.data(query, values, token=caller.person.token))["organization"]["costForecast"]
    assert {name: Decimal(amount) + known for name, amount in alone["total"].items()} == {
        name: amount for name, amount in total.items() if name != "actual"
    }
    assert {point["day"]: Decimal(point["upper"]) for point in alone["points"]} == {
        day: step["upper"] for day, step in steps.items()
    }


async def test_longer_steps_join_known_days_and_those_to_come(caller: Caller) -> None:
    await caller.deliveries.deliver(list(daily(TODAY - timedelta(60), TODAY, cost_of)))
    start, end = SETTLED - timedelta(SETTLED.weekday() + 14), SETTLED + timedelta(21 - SETTLED.weekday())
    by_week = await caller.report(start, end, granularity="WEEK")
    steps = dict(steps_of(by_week["points"]))
    this_week = SETTLED - timedelta(SETTLED.weekday())
    assert list(steps) == [(this_week + timedelta(7 * number)).isoformat() for number in range(3)]
    known = [this_week + timedelta(offset) for offset in range(SETTLED.weekday())]
    assert steps[this_week.isoformat()]["actual"] == sum(map(cost_of, known), Decimal(0))
    whole = await caller.report(start, end, granularity="TOTAL")
    assert (whole["points"], whole["forecast"]) == ([], by_week["forecast"])
    fourteen = sum((cost_of(start + timedelta(offset)) for offset in range(14)), Decimal(0))
    assert sum(step["expected"] for step in steps.values()) + fourteen == Decimal(
        whole["forecast"]["total"]["expected"]
    )


async def test_the_month_that_goes_on_ends_alike_in_every_report(caller: Caller) -> None:
    """As `monthEnd` says, and a report of that month alone; months after it are in no figure of it."""
    await caller.deliveries.deliver(list(daily(TODAY - timedelta(90), TODAY, cost_of)))
    query = """query ($slug: String!) { organization(slug: $slug) { costForecast(days: 60) {
      reason monthEnd { start end expected lower upper } } } }"""
    alone = (await caller.ask(query))["costForecast"]["monthEnd"]
    start, end = (date.fromisoformat(alone.pop(name)) for name in ("start", "end"))
    expected = {name: Decimal(amount) for name, amount in alone.items()}
    month = await caller.report(start, end, granularity="TOTAL")
    assert {name: Decimal(month["forecast"]["total"][name]) for name in expected} == expected
    for later in (end + timedelta(1), end + timedelta(75)):
        longer = await caller.report(start, later, granularity="MONTH")
        first = longer["points"][0]
        # Where the month's last charges have arrived there is nothing to forecast of it.
        told = first["forecast"] or dict.fromkeys(expected, first["amount"])
        assert {name: Decimal(told[name]) for name in expected} == expected
    steps = [step["expected"] for _, step in steps_of(longer["points"])]
    known = Decimal(0) if longer["points"][0]["forecast"] else Decimal(longer["points"][0]["amount"])
    assert known + sum(steps) == Decimal(longer["forecast"]["total"]["expected"])


async def test_appended_rows_of_a_new_account_move_no_forecast(caller: Caller) -> None:
    """Reports and forecasts begin to forecast on the same day as before."""
    await caller.deliveries.deliver(list(daily(TODAY - timedelta(60), TODAY, cost_of)))
    row = charge(TODAY - timedelta(7), 3, BillingAccountId="new")
    await caller.deliveries.deliver([row], dataset="ledger", mode=ImportMode.APPEND)
    found = await caller.report(TODAY - timedelta(20), TODAY + timedelta(5))
    assert found["forecast"]["start"] == SETTLED.isoformat()
    query = "query ($slug: String!) { organization(slug: $slug) { costForecast(days: 5) { reason points { day } } } }"
    assert (await caller.ask(query))["costForecast"]["points"][0]["day"] == SETTLED.isoformat()


async def test_without_a_forecast_a_period_to_come_has_actuals_alone(caller: Caller) -> None:
    await caller.deliveries.deliver(list(daily(TODAY - timedelta(30), TODAY, cost_of)))
    found = await caller.report(TODAY - timedelta(3), TODAY + timedelta(3), groupBy=[SERVICE], forecast=None)
    assert (found["forecast"], found["groups"][0]["forecast"]) == (None, None)
    assert [point["forecast"] for point in found["points"]] == [None] * 6
    assert found["points"][-1]["amount"] is None


SERVICE = {"dimension": "SERVICE_NAME"}


async def test_two_currencies(caller: Caller) -> None:
    """What a rate converts is forecast in one currency; what none does is told and in no figure."""
    days = (TODAY - timedelta(60), TODAY)
    await caller.deliveries.deliver(list(daily(*days, lambda _day: 10)))
    await caller.deliveries.deliver(list(daily(*days, lambda _day: 20, BillingCurrency="EUR")), dataset="euros")
    await caller.deliveries.deliver(list(daily(*days, lambda _day: 300, BillingCurrency="JPY")), dataset="yen")
    set_ = """mutation ($input: SetCurrencyRatesInput!) { setCurrencyRates(input: $input) { __typename } }"""
    rate = {"fromCurrency": "EUR", "toCurrency": "USD", "validFrom": "2020-01-01", "rate": "1.5"}
    values = {"organizationId": caller.person.organization_id, "rates": [rate]}
    await caller.graphql.data(set_, {"input": values}, token=caller.person.token)
    found = await caller.report(TODAY - timedelta(12), TODAY + timedelta(8))
    forecast = found["forecast"]
    assert {name: Decimal(amount) for name, amount in forecast["total"].items()} == {
        "actual": 40 * 10,
        "expected": 40 * 20,
        "lower": 40 * 20,
        "upper": 40 * 20,
    }
    assert forecast["unconverted"] == [{"currency": "JPY", "amount": str(300 * 58)}]
    yen = await caller.report(TODAY - timedelta(12), TODAY + timedelta(8), where={"billingCurrency": {"eq": "JPY"}})
    assert yen["forecast"]["reason"] == "No currency rate converts any of it; see `unconverted`."


async def test_why_there_is_none(caller: Caller) -> None:
    period = (TODAY - timedelta(5), TODAY + timedelta(5))
    empty = await caller.report(*period)
    assert (empty["total"], empty["forecast"]["reason"]) == (None, "Nothing was imported yet.")
    assert (empty["forecast"]["total"], empty["forecast"]["start"]) == (None, None)
    await caller.deliveries.deliver(list(daily(TODAY - timedelta(2), TODAY, cost_of)))
    arriving = await caller.report(*period)
    assert arriving["forecast"]["reason"] == "The charges of the imported days are still arriving."
    await caller.deliveries.deliver(list(daily(TODAY - timedelta(5), TODAY, cost_of)))
    short = await caller.report(*period)
    assert short["forecast"]["reason"] == "3 days of history; a forecast needs 14"
    assert (short["forecast"]["historyDays"], short["forecast"]["totalReason"]) == (3, short["forecast"]["reason"])
    assert [point["forecast"] for point in short["points"]] == [None] * 10
    await caller.deliveries.deliver(list(daily(TODAY - timedelta(40), TODAY, cost_of)))
    for variables, reason in (
        ({"metric": "CHARGE_COUNT"}, "Only costs are forecast, and CHARGE_COUNT is none"),
        ({"where": {"regionId": {"eq": "nowhere"}}}, "There are no such charges in the last half year"),
    ):
        found = await caller.report(*period, **variables)
        assert found["forecast"]["reason"].startswith(reason)
    far = await caller.report(TODAY, TODAY + timedelta(400), granularity="MONTH")
    assert far["forecast"]["reason"].startswith("A forecast reaches 366 days ahead: ask for a `period` to ")
    further = await caller.report(TODAY, TODAY + timedelta(300), granularity="MONTH")
    assert "allow a forecast of" in further["forecast"]["reason"]


async def test_what_is_known_and_what_is_not_imported(caller: Caller) -> None:
    first = TODAY - timedelta(50)
    await caller.deliveries.deliver(list(daily(first, TODAY, cost_of)))
    past = await caller.report(TODAY - timedelta(9), TODAY - timedelta(4))
    amount = sum((cost_of(TODAY - timedelta(back)) for back in range(5, 10)), Decimal(0))
    assert (past["forecast"]["start"], past["forecast"]["reason"], past["forecast"]["method"]) == (None, None, None)
    assert {Decimal(one) for one in past["forecast"]["total"].values()} == {amount, Decimal(past["total"])}
    nowhere = await caller.report(
        TODAY - timedelta(9), TODAY - timedelta(4), where={"regionId": {"eq": "nowhere"}}, granularity="TOTAL"
    )
    assert nowhere["forecast"]["total"] == {"actual": "0", "expected": "0", "lower": "0", "upper": "0"}
    partly = await caller.report(first - timedelta(40), TODAY - timedelta(4), granularity="MONTH")
    assert (partly["forecast"]["total"], partly["forecast"]["start"]) == (None, None)
    assert "nothing was imported" in partly["forecast"]["totalReason"]
    before = await caller.report(first - timedelta(40), TODAY + timedelta(3), granularity="MONTH")
    assert (before["forecast"]["reason"], before["forecast"]["total"]) == (None, None)
    assert "nothing was imported" in before["forecast"]["totalReason"]
    assert before["points"][-1]["forecast"] is not None
    ahead = await caller.report(TODAY + timedelta(5), TODAY + timedelta(8))
    assert ahead["forecast"]["start"] == (TODAY + timedelta(5)).isoformat()
    assert Decimal(ahead["forecast"]["total"]["actual"]) == 0
    assert sum(step["expected"] for _, step in steps_of(ahead["points"])) == Decimal(
        ahead["forecast"]["total"]["expected"]
    )


async def test_the_first_groups(caller: Caller) -> None:
    """Each has a forecast of its own history, a group without a key too; the others say why they have none."""
    days = (TODAY - timedelta(60), TODAY)
    rows = [
        *daily(*days, lambda _day: 10, ServiceName="EC2"),
        *daily(*days, lambda _day: 5, ServiceName=""),
        *daily(*days, lambda _day: 2, ServiceName="S3"),
        *daily(*days, lambda _day: 1, ServiceName="SQS"),
    ]
    await caller.deliveries.deliver(rows)
    found = await caller.report(
        TODAY - timedelta(12), TODAY + timedelta(8), groupBy=[SERVICE], topN=3, forecast={"topGroups": 2}
    )
    first, unnamed, third = found["groups"]
    assert [Decimal(group["forecast"]["total"]["expected"]) for group in (first, unnamed)] == [200, 100]
    assert (unnamed["key"], len(list(steps_of(unnamed["points"])))) == (None, 10)
    reason = "Only the first groups are forecast, as many as `topGroups` says: at most 5."
    assert third["forecast"]["reason"] == found["other"]["forecast"]["reason"] == reason
    assert list(steps_of(third["points"])) == list(steps_of(found["other"]["points"])) == []
    assert Decimal(found["forecast"]["total"]["expected"]) == 360


async def test_a_filter_that_only_charges_know(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """The history is read by the same conditions; not from more single charges than an answer may wait for."""
    days = (TODAY - timedelta(60), TODAY)
    await caller.deliveries.deliver(
        [*daily(*days, lambda _day: 10, SkuId="a"), *daily(*days, lambda _day: 3, SkuId="b")]
    )
    period = (TODAY - timedelta(12), TODAY + timedelta(8))
    found = await caller.report(*period, where={"skuId": {"notIn": ["a"]}})
    assert Decimal(found["forecast"]["total"]["expected"]) == 60
    monkeypatch.setattr(report_forecasts, "MOST_CHARGES", 100)
    refused = await caller.report(*period, where={"skuId": {"notIn": ["a"]}})
    assert "120 single charges are too many" in refused["forecast"]["reason"]
    assert refused["total"] is not None
    by_resource = await caller.report(*period, where={"resourceId": {"eq": "i-1"}})
    assert by_resource["forecast"]["reason"] is None, "these are sought by an index"


async def test_days_are_those_of_utc(caller: Caller) -> None:
    """A charge that starts at one in Berlin starts on the day before; one second to midnight is today's."""
    rows = list(daily(TODAY - timedelta(40), TODAY, lambda _day: 10))
    first = TODAY - timedelta(10)
    rows.append(charge(first, 7, ChargePeriodStart=f"{first}T01:00:00+02:00", ChargePeriodEnd=f"{first}T00:00:00Z"))
    last = SETTLED - timedelta(1)
    rows.append(charge(last, 3, ChargePeriodStart=f"{last}T23:59:59Z"))
    rows.append(charge(SETTLED, 100))
    await caller.deliveries.deliver(rows)
    found = await caller.report(first, TODAY + timedelta(2))
    assert found["forecast"]["start"] == SETTLED.isoformat()
    assert Decimal(found["forecast"]["total"]["actual"]) == 10 * 8 + 3
    earlier = await caller.report(first - timedelta(1), TODAY + timedelta(2))
    assert Decimal(earlier["forecast"]["total"]["actual"]) == 10 * 9 + 3 + 7


async def test_days_without_the_metric_are_no_days_without_costs(graphql: GraphQL, runtime: Runtime) -> None:
    """The history begins after them, and a total over them is unknown."""
    person = await register(graphql, "Olga")
    day = TODAY - timedelta(1)  # charges of it and of the day before are still arriving
    charges = [
        stored(day - timedelta(back), "10", **({"effective_cost": None} if back > 20 else {})) for back in range(40)
    ]
    await Store(parse_id(person.organization_id).id).fill(runtime.database, charges)
    caller = Caller(graphql, runtime.database, person, Path())
    found = await caller.report(day - timedelta(30), TODAY + timedelta(40), granularity="TOTAL")
    assert (found["forecast"]["reason"], found["forecast"]["historyDays"]) == (None, 19)
    assert found["forecast"]["total"] is None
    assert found["forecast"]["totalReason"].startswith("On 10 of the days before ")


async def test_named_periods_to_come(caller: Caller) -> None:
    await caller.deliveries.deliver(list(daily(TODAY - timedelta(60), TODAY, cost_of)))
    for name in ("THIS_MONTH", "THIS_QUARTER", "THIS_YEAR"):
        found = await caller.report(TODAY, TODAY, period={"name": name}, granularity="TOTAL")
        assert found["start"] <= TODAY.isoformat() < found["end"]
        assert found["start"].endswith("-01")
        assert found["end"].endswith("-01")


async def test_statements(caller: Caller, runtime: Runtime) -> None:
    """Two more for a period that is over, four where some days are to come, one for each group that is asked for."""
    await caller.deliveries.deliver(list(daily(TODAY - timedelta(40), TODAY, cost_of)))
    numbers = []
    for end, forecast in (
        (TODAY - timedelta(5), None),
        (TODAY - timedelta(5), {}),
        (TODAY + timedelta(5), {}),
        (TODAY + timedelta(5), {"topGroups": 1}),
    ):
        await caller.report(TODAY - timedelta(9), end, groupBy=[SERVICE], forecast=forecast)  # it is computed
        with counted(runtime.database) as statements:
            await caller.report(TODAY - timedelta(9), end, groupBy=[SERVICE], forecast=forecast)
        numbers.append(len([one for one in statements if "cost_import_periods" in one or "WITH facts" in one]))
    assert [number - numbers[0] for number in numbers] == [0, 2, 4, 5]


async def test_arguments_are_checked(caller: Caller) -> None:
    for forecast, path in (({"interval": "0.3"}, "interval"), ({"topGroups": 6}, "topGroups")):
        days = {"start": "2026-10-01", "end": "2026-11-01"}
        values = {"slug": caller.person.slug, "period": days, "forecast": forecast}
        answer = await caller.graphql(COSTS, values, token=caller.person.token)
        assert code_of(answer) == "BAD_USER_INPUT"
        assert f"`{path}` must be from" in answer["errors"][0]["message"]


async def test_one_operation_asks_for_so_many_forecasts_and_no_more(caller: Caller) -> None:
    """Each of the groups counts as one; fields within the bound are answered."""
    months = [
        f"m{number}: costs(period: {{name: THIS_MONTH}}, forecast: {{topGroups: 5}}) {{ end }}" for number in (1, 2)
    ]
    more = "last: costForecast { reason }"
    query = f"query ($slug: String!) {{ organization(slug: $slug) {{ {' '.join(months)} %s }} }}"
    values = {"slug": caller.person.slug}
    found = (await caller.graphql.data(query % "", values, token=caller.person.token))["organization"]
    assert [one["end"] for one in found.values()] == [found["m1"]["end"]] * 2
    answer = await caller.graphql(query % more, values, token=caller.person.token)
    assert code_of(answer) == "BAD_USER_INPUT"
    assert "12 forecasts" in answer["errors"][0]["message"]
    assert answer["errors"][0]["path"][-1] in {"m1", "m2", "last"}
