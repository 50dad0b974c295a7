"""Alerts of budgets: raised once for each threshold and period, taken back where restatements or changes do so."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert, select, update

from app.costs.budgets.change import NewBudget, create_budget, delete_budget, update_budget
from app.costs.budgets.check import check_budgets
from app.costs.budgets.kept import NOT_MADE, expected_total
from app.costs.budgets.periods import periods_until
from app.costs.budgets.standing import Standing, read_standings, state_of
from app.costs.outlook.budget_state import Likelihood
from app.costs.outlook.forecast import ForecastTotal, ForecastUnavailable
from app.costs.watch import CHECK_COSTS_JOB
from app.database import Database
from app.models import Budget, BudgetAlert, CurrencyRate, Job, Organization, new_id, now
from app.records.budgets import BudgetRecurrence, Threshold, ThresholdBasis
from app.records.cost_analysis import CostDimension, DateRange, Grouping, TextCondition
from app.records.cost_scopes import CostScope
from app.records.costs import CostMetric
from app.repositories.budgets import all_budgets, forecasts_of
from tests.costs.watch.deliveries import SYSTEM, Deliveries, daily, events, hold

TODAY = date(2026, 11, 20)
NOVEMBER = date(2026, 11, 1)
FIRST = date(2026, 8, 1)


@pytest.fixture
async def organization_id(database: Database) -> UUID:
    id_ = new_id()
    async with database.write(id_) as session:
        session.add(Organization(id=id_, slug=f"slug-{id_}", name="Acme", currency="USD"))
    return id_


@pytest.fixture
def deliveries(database: Database, organization_id: UUID, tmp_path: Path) -> Deliveries:
    return Deliveries(database, organization_id, tmp_path, TODAY)


async def budget(database: Database, organization_id: UUID, amount: int, *thresholds: str, **more: Any) -> UUID:
    """A budget; thresholds such as "80" and "100 FORECAST"."""
    wanted = []
    for text in thresholds:
        percent, _, basis = text.partition(" ")
        wanted.append(Threshold(Decimal(percent), ThresholdBasis(basis or "ACTUAL")))
    values: dict[str, Any] = {
        "name": "all",
        "recurrence": BudgetRecurrence.MONTHLY,
        "starts_on": date(2026, 1, 1),
        "ends_on": None,
        "amount": Decimal(amount),
        "currency": None,
        "metric": CostMetric.EFFECTIVE_COST,
        "scope": CostScope(),
        "thresholds": wanted,
        "enabled": True,
        **more,
    }
    made = await create_budget(database, organization_id, SYSTEM, NewBudget(**values))
    on_the_day = update(Budget).where(Budget.id == made["id"]).values(created_at=datetime(2026, 11, 20, tzinfo=UTC))
    async with database.write(organization_id) as session:
        await session.execute(on_the_day)
    return UUID(str(made["id"]))


async def standing_of(database: Database, organization_id: UUID) -> Standing:
    """How the only budget stands in November."""
    async with database.read(organization_id) as session:
        (row,) = await all_budgets(session, organization_id)
        period = DateRange(NOVEMBER, date(2026, 12, 1))
        (standing,) = (await read_standings(session, organization_id, [(row, period)], TODAY)).found
    return standing


async def expected(database: Database, standing: Standing) -> ForecastTotal | ForecastUnavailable:
    """What a page says of the standing's total."""
    organization_id, budget_id = standing.budget["organization_id"], standing.budget["id"]
    async with database.read(organization_id) as session:
        kept = await forecasts_of(session, organization_id, [budget_id])
    return expected_total(standing, kept.get((budget_id, standing.period.start)), TODAY)


async def kept(database: Database, organization_id: UUID, *budgets: UUID) -> dict[UUID, Mapping[Any, Any]]:
    """What is kept of the forecasts of budgets for November."""
    async with database.read(organization_id) as session:
        found = await forecasts_of(session, organization_id, budgets)
    return {budget_id: row for (budget_id, start), row in found.items() if start == NOVEMBER}


async def alerts(database: Database, organization_id: UUID) -> list[tuple[date, str, Decimal, bool]]:
    """First day of the period, basis, percent and whether it stands, of all alerts."""
    statement = select(BudgetAlert).order_by(BudgetAlert.period_start, BudgetAlert.basis, BudgetAlert.percent)
    async with database.read(organization_id) as session:
        rows = (await session.scalars(statement)).all()
    return [(row.period_start, row.basis, row.percent, row.recovered_at is None) for row in rows]


async def told(database: Database, organization_id: UUID) -> list[tuple[str, str, str]]:
    """Kind, percent and value of the events of alerts."""
    return [
        (kind, data["percent"], data["value"])
        for kind, data in await events(database, organization_id)
        if kind in {"BUDGET_THRESHOLD_CROSSED", "BUDGET_RECOVERED"}
    ]


async def test_each_threshold_that_is_crossed_is_told_once(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    await deliveries.deliver([*daily(FIRST, TODAY, lambda _: 100)])
    await budget(database, organization_id, 2000, "50", "95", "100")
    checked = await check_budgets(database, organization_id, TODAY, hold)
    assert len(checked.raised) == 2
    assert await alerts(database, organization_id) == [
        (NOVEMBER, "ACTUAL", Decimal(50), True),
        (NOVEMBER, "ACTUAL", Decimal(95), True),
    ]
    crossed = [("BUDGET_THRESHOLD_CROSSED", "50", "1900"), ("BUDGET_THRESHOLD_CROSSED", "95", "1900")]
    assert await told(database, organization_id) == crossed
    again = await check_budgets(database, organization_id, TODAY, hold)
    assert (again.raised, again.recovered) == ([], [])
    assert await told(database, organization_id) == crossed


async def test_a_restated_month_below_recovers_and_may_cross_again(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    await deliveries.deliver([*daily(NOVEMBER, TODAY, lambda _: 100)])
    await budget(database, organization_id, 2000, "90")
    await check_budgets(database, organization_id, TODAY, hold)
    for cost, kind, value, stands in (
        ("90.5", "BUDGET_RECOVERED", "1719.5", False),
        ("99.9999", "BUDGET_THRESHOLD_CROSSED", "1899.9981", True),
    ):
        await deliveries.deliver([*daily(NOVEMBER, TODAY, lambda _, cost=cost: cost)])  # type: ignore[misc]
        for _ in range(2):
            await check_budgets(database, organization_id, TODAY, hold)
        assert (await told(database, organization_id))[-1] == (kind, "90", value)
        assert await alerts(database, organization_id) == [(NOVEMBER, "ACTUAL", Decimal(90), stands)]
    assert len(await told(database, organization_id)) == 3


async def test_a_forecast_crosses_before_the_costs_do(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    await deliveries.deliver([*daily(FIRST, TODAY, lambda _: 100)])
    await budget(database, organization_id, 2900, "100", "100 FORECAST", "120 FORECAST")
    await check_budgets(database, organization_id, TODAY, hold)
    assert await alerts(database, organization_id) == [(NOVEMBER, "FORECAST", Decimal(100), True)]
    ((kind, percent, value),) = await told(database, organization_id)
    assert (kind, percent) == ("BUDGET_THRESHOLD_CROSSED", "100")
    assert Decimal(value) == pytest.approx(Decimal(3000), rel=Decimal("0.01"))


async def test_a_forecast_that_falls_a_little_is_no_recovery(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    budget_id = await budget(database, organization_id, 2990, "100 FORECAST")
    await deliveries.deliver([*daily(FIRST, TODAY, lambda _: 100)])
    await check_budgets(database, organization_id, TODAY, hold)
    for amount, stands in ((3050, True), (3300, False)):
        await update_budget(database, organization_id, SYSTEM, budget_id, amount=Decimal(amount))
        await check_budgets(database, organization_id, TODAY, hold)
        assert await alerts(database, organization_id) == [(NOVEMBER, "FORECAST", Decimal(100), stands)]


async def test_a_forecast_is_made_once_for_a_state_of_the_costs(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    await deliveries.deliver([*daily(FIRST, TODAY, lambda _: 100)])
    quiet = await budget(database, organization_id, 2900, name="raises no alerts", enabled=False)
    loud = await budget(database, organization_id, 2900, "100", name="loud")
    assert (await check_budgets(database, organization_id, TODAY, hold)).forecasts == 2
    before = await kept(database, organization_id, quiet, loud)
    assert {row["as_of"] for row in before.values()} == {date(2026, 11, 18)}  # the last two days may still rise
    for row in before.values():
        assert (row["expected"], row["reason"]) == (pytest.approx(Decimal(3000), rel=Decimal("0.01")), None)
        assert row["lower"] <= row["expected"] <= row["upper"]
    # Neither time nor another amount asks for another forecast; other costs and another scope do.
    await update_budget(database, organization_id, SYSTEM, loud, amount=Decimal(5000), name="louder")
    assert (await check_budgets(database, organization_id, TODAY, hold)).forecasts == 0
    assert await kept(database, organization_id, quiet, loud) == before
    scope = CostScope((TextCondition(Grouping(CostDimension.SERVICE_NAME), in_=("EC2",)),))
    await update_budget(database, organization_id, SYSTEM, quiet, scope=scope)
    assert (await check_budgets(database, organization_id, TODAY, hold)).forecasts == 1
    await deliveries.deliver([*daily(FIRST, TODAY, lambda _: 200)])
    assert (await check_budgets(database, organization_id, TODAY, hold)).forecasts == 2
    after = await kept(database, organization_id, quiet, loud)
    assert all(row["expected"] > 5900 for row in after.values())


async def test_what_is_kept_is_not_told_of_another_question(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    await deliveries.deliver([*daily(FIRST, TODAY, lambda _: 100)])
    budget_id = await budget(database, organization_id, 2900, "100 FORECAST")
    assert await expected(database, await standing_of(database, organization_id)) == ForecastUnavailable(NOT_MADE)
    await check_budgets(database, organization_id, TODAY, hold)
    assert isinstance(await expected(database, await standing_of(database, organization_id)), ForecastTotal)
    for change in ({"currency": "EUR"}, {"metric": CostMetric.BILLED_COST, "currency": "USD"}):
        await update_budget(database, organization_id, SYSTEM, budget_id, **change)  # type: ignore[arg-type]
        told_of = await expected(database, await standing_of(database, organization_id))
        assert isinstance(told_of, ForecastUnavailable), change
    await delete_budget(database, organization_id, SYSTEM, budget_id)
    assert await kept(database, organization_id, budget_id) == {}


async def test_what_was_spent_meanwhile_counts_before_the_forecast_is_made_anew(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    await deliveries.deliver([*daily(FIRST, TODAY, lambda _: 100)])
    await budget(database, organization_id, 2900)
    await check_budgets(database, organization_id, TODAY, hold)
    await deliveries.deliver([*daily(NOVEMBER, TODAY, lambda _: 1000)])
    total = await expected(database, await standing_of(database, organization_id))
    assert total == ForecastTotal(NOVEMBER, date(2026, 12, 1), *[Decimal(19_000)] * 3)


async def test_too_short_a_history_says_so_and_is_not_tried_again(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    await deliveries.deliver([*daily(TODAY - timedelta(3), TODAY, lambda _: 100)])
    await budget(database, organization_id, 2900, starts_on=TODAY - timedelta(3))
    assert (await check_budgets(database, organization_id, TODAY, hold)).forecasts == 1
    assert (await check_budgets(database, organization_id, TODAY, hold)).forecasts == 0
    async with database.read(organization_id) as session:
        (row,) = await all_budgets(session, organization_id)
        period = DateRange(TODAY - timedelta(3), date(2026, 12, 17))
        (standing,) = (await read_standings(session, organization_id, [(row, period)], TODAY)).found
    assert await expected(database, standing) == ForecastUnavailable("1 days of history; a forecast needs 14")


async def test_a_page_knows_what_the_check_knows(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    """Sums of months in place of days: in periods that begin within a month, of several currencies and rates."""
    euros = {"BillingCurrency": "EUR", "BillingAccountId": "other"}
    francs = {"BillingCurrency": "CHF", "BillingAccountId": "third"}
    rows = [*daily(FIRST, TODAY, lambda day: day.day), *daily(FIRST, TODAY, lambda _: "0.07", **euros)]
    await deliveries.deliver([*rows, *daily(FIRST, TODAY, lambda _: 1, **francs)])
    rate = {"organization_id": organization_id, "from_currency": "EUR", "to_currency": "USD", "source": "by hand"}
    dated = [(date(2026, 1, 1), "1.25"), (date(2026, 10, 2), "1.3"), (date(2026, 11, 30), "0.9")]
    async with database.write(organization_id) as session:
        values = [{**rate, "updated_at": now(), "valid_from": day, "rate": Decimal(text)} for day, text in dated]
        await session.execute(insert(CurrencyRate), values)
    for number, (first, recurrence) in enumerate(
        [(date(2026, 8, 1), "YEARLY"), (date(2026, 8, 17), "QUARTERLY"), (date(2026, 11, 5), "MONTHLY")]
    ):
        given = {"name": str(number), "starts_on": first, "recurrence": BudgetRecurrence(recurrence)}
        await budget(database, organization_id, 5, **given)
    async with database.read(organization_id) as session:
        asked = [
            (row, period) for row in await all_budgets(session, organization_id) for period in periods_until(row, TODAY)
        ]
        days = (await read_standings(session, organization_id, asked, TODAY)).found
        months = (await read_standings(session, organization_id, asked, TODAY, with_history=False)).found
    assert len(asked) == 4
    assert [replace(one, history=None) for one in days] == list(months)
    assert all(one.unconverted for one in months)


async def test_workers_at_once_raise_it_once(database: Database, organization_id: UUID, deliveries: Deliveries) -> None:
    await deliveries.deliver([*daily(FIRST, TODAY, lambda _: 100)])
    await budget(database, organization_id, 1000, "100")
    both = await asyncio.gather(*(check_budgets(database, organization_id, TODAY, hold) for _ in range(4)))
    assert sorted(len(one.raised) for one in both) == [0, 0, 0, 1]
    assert len(await told(database, organization_id)) == 1


async def test_what_was_over_before_the_budget_was_made_is_not_told(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    await deliveries.deliver([*daily(FIRST, TODAY, lambda _: 100)])
    budget_id = await budget(database, organization_id, 1000, "100")
    async with database.write(organization_id) as session:
        made = now().replace(year=2026, month=10, day=15)
        await session.execute(update(Budget).where(Budget.id == budget_id).values(created_at=made))
    await check_budgets(database, organization_id, TODAY, hold)
    assert [day for day, *_ in await alerts(database, organization_id)] == [date(2026, 10, 1), NOVEMBER]


async def test_an_old_month_that_is_restated_recovers(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    await deliveries.deliver([*daily(FIRST, TODAY, lambda _: 100)])
    budget_id = await budget(database, organization_id, 1000, "100")
    async with database.write(organization_id) as session:
        alert = BudgetAlert(
            organization_id=organization_id,
            budget_id=budget_id,
            period_start=date(2026, 8, 1),
            period_end=date(2026, 9, 1),
            basis="ACTUAL",
            percent=Decimal(100),
            value=Decimal(3100),
            budget_amount=Decimal(1000),
            currency="USD",
        )
        session.add(alert)
    await deliveries.deliver([*daily(FIRST, date(2026, 9, 1), lambda _: 10)])
    await check_budgets(database, organization_id, TODAY, hold)
    assert (date(2026, 8, 1), "ACTUAL", Decimal(100), False) in await alerts(database, organization_id)


async def test_other_currencies_count_at_their_rates(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    euros = {"BillingCurrency": "EUR", "BillingAccountId": "other"}
    rows = [*daily(NOVEMBER, TODAY, lambda _: 100), *daily(NOVEMBER, TODAY, lambda _: 10, **euros)]
    await deliveries.deliver(rows)
    await budget(database, organization_id, 2000, "100")
    await check_budgets(database, organization_id, TODAY, hold)
    assert await alerts(database, organization_id) == []  # euros without a rate are in no sum
    rate = {"from_currency": "EUR", "to_currency": "USD", "source": "by hand", "updated_at": now()}
    async with database.write(organization_id) as session:
        dated = [(date(2026, 11, 30), "1.25"), (date(2026, 12, 1), "9")]
        rows_ = [
            {**rate, "organization_id": organization_id, "valid_from": day, "rate": Decimal(value)}
            for day, value in dated
        ]
        await session.execute(insert(CurrencyRate), rows_)
    await check_budgets(database, organization_id, TODAY, hold)
    assert await told(database, organization_id) == [("BUDGET_THRESHOLD_CROSSED", "100", "2137.50")]


async def test_what_cannot_be_converted_makes_it_unknown_whether_a_threshold_holds(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    def euros(cost: str) -> dict[str, str]:
        return {"BillingCurrency": "EUR", "BillingAccountId": "other", "EffectiveCost": cost}

    rows = [*daily(FIRST, TODAY, lambda _: 100), *daily(NOVEMBER, TODAY, lambda _: 10, **euros("10.50"))]
    await deliveries.deliver(rows)
    budget_id = await budget(database, organization_id, 4000, "40", "90", "100 FORECAST")
    standing = await standing_of(database, organization_id)
    await check_budgets(database, organization_id, TODAY, hold)
    assert standing.actual == Decimal(1900)
    assert standing.reason == "199.5 EUR cannot be converted into USD and are not in the sum."
    state = state_of(standing, await expected(database, standing))
    assert state is not None
    assert state.expected is not None
    assert ([each.crossed for each in state.thresholds], state.likelihood) == ([True, None, None], None)
    await update_budget(database, organization_id, SYSTEM, budget_id, amount=Decimal(100))
    over = await standing_of(database, organization_id)
    state = state_of(over, await expected(database, over))
    assert state is not None
    assert ([each.crossed for each in state.thresholds], state.likelihood) == ([True] * 3, Likelihood.OVER)
    # Nothing in another currency is nothing, whatever the rate.
    await deliveries.deliver([*daily(FIRST, TODAY, lambda _: 100), *daily(NOVEMBER, TODAY, lambda _: 0, **euros("0"))])
    standing = await standing_of(database, organization_id)
    assert (standing.reason, standing.unconverted) == (None, {})


async def test_an_alert_is_not_taken_back_by_costs_that_can_no_longer_be_converted(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    await deliveries.deliver([*daily(NOVEMBER, TODAY, lambda _: 100)])
    await budget(database, organization_id, 1900, "100")
    await check_budgets(database, organization_id, TODAY, hold)
    euros = {"BillingCurrency": "EUR", "BillingAccountId": "other"}
    await deliveries.deliver([*daily(NOVEMBER, TODAY, lambda _: 90), *daily(NOVEMBER, TODAY, lambda _: 10, **euros)])
    assert (await check_budgets(database, organization_id, TODAY, hold)).recovered == []
    assert await alerts(database, organization_id) == [(NOVEMBER, "ACTUAL", Decimal(100), True)]


async def test_a_disabled_budget_and_one_without_costs_say_nothing(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    await budget(database, organization_id, 1, "100", name="no costs yet")
    assert (await check_budgets(database, organization_id, TODAY, hold)).raised == []
    await deliveries.deliver([*daily(NOVEMBER, TODAY, lambda _: 0)])
    await budget(database, organization_id, 1, "100", name="off", enabled=False)
    assert (await check_budgets(database, organization_id, TODAY, hold)).raised == []


async def test_a_budget_that_changes_meanwhile_is_left_to_the_next_check(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    await deliveries.deliver([*daily(NOVEMBER, TODAY, lambda _: 100)])
    budget_id = await budget(database, organization_id, 1000, "100")

    async def late(_: object) -> None:
        await update_budget(database, organization_id, SYSTEM, budget_id, amount=Decimal(5000))

    assert (await check_budgets(database, organization_id, TODAY, late)).raised == []
    assert (await check_budgets(database, organization_id, TODAY, hold)).raised == []


async def test_another_tenant_is_told_nothing(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    await deliveries.deliver([*daily(NOVEMBER, TODAY, lambda _: 100)])
    await budget(database, organization_id, 1000, "100")
    assert (await check_budgets(database, new_id(), TODAY, hold)).raised == []
    assert await alerts(database, organization_id) == []


async def test_an_import_asks_for_a_check_in_its_own_transaction(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    rows = [*daily(NOVEMBER, TODAY, lambda _: 100)]
    for delivered, requested in ((rows, 1), (rows, 1), (rows[:-1], 2)):  # the same again is no change
        await deliveries.deliver(delivered)
        async with database.read(organization_id) as session:
            jobs = await session.execute(select(Job.kind).where(Job.kind == CHECK_COSTS_JOB))
            assert len(jobs.all()) == requested


async def test_what_a_billing_account_lacks_of_the_period_is_told(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    await deliveries.deliver([*daily(FIRST, TODAY, lambda _: 100)])
    other = {"BillingAccountId": "other", "SubAccountId": "222"}
    await deliveries.deliver([*daily(FIRST, NOVEMBER, lambda _: 10, **other)])
    await budget(database, organization_id, 10_000)
    standing = await standing_of(database, organization_id)
    assert standing.actual == 1900
    assert "of the 30 days the charges of some billing account were not imported" in str(standing.reason)


async def test_a_budget_of_one_account_is_told_of_no_other(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    await deliveries.deliver([*daily(FIRST, TODAY, lambda _: 100)])
    other = {"BillingAccountId": "other", "SubAccountId": "222"}
    await deliveries.deliver([*daily(FIRST, NOVEMBER, lambda _: 10, **other)])
    account = CostDimension.SUB_ACCOUNT_ID
    await budget(database, organization_id, 10_000, scope=CostScope((TextCondition(Grouping(account), ("111",)),)))
    assert (await standing_of(database, organization_id)).reason is None
