"""Forecasts, commitments and unit costs that move: each move told once, to nobody else, and of known days alone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.costs.business_metrics import delete_metric, record_metrics
from app.costs.forecasts import CostOutlook, outlook_of, read_ground
from app.costs.news.look import watch_figures
from app.costs.outlook.aside import ASIDE
from app.costs.outlook.forecast import INTERVAL
from app.database import Database
from app.models import ActivityEvent, CurrencyRate, Organization, new_id, now
from app.records import EventKind
from app.records.cost_scopes import CostScope
from app.records.costs import CostMetric
from app.repositories.organizations import change_organization
from app.repositories.told_figures import told_figures
from tests.costs.watch.deliveries import SYSTEM, Deliveries, charge, daily, days, hold
from tests.house.statements import counted

TODAY = date(2026, 11, 20)
NOVEMBER = date(2026, 11, 1)
OCTOBER = date(2026, 10, 1)
SEPTEMBER = date(2026, 9, 1)
KINDS = frozenset(
    {
        EventKind.COST_FORECAST_MADE,
        EventKind.COST_FORECAST_MOVED,
        EventKind.COMMITMENT_UNDERUSED,
        EventKind.COMMITMENT_RECOVERED,
        EventKind.COMMITMENT_COVERAGE_FELL,
        EventKind.UNIT_COST_MOVED,
    }
)
FORECASTS = frozenset({EventKind.COST_FORECAST_MADE, EventKind.COST_FORECAST_MOVED})
Told = list[tuple[str, dict[str, Any]]]


@pytest.fixture(scope="module", autouse=True)
def loaded() -> None:
    """Forecasts, whose libraries take long to load."""
    ASIDE.warm().result()


@pytest.fixture
async def organization_id(database: Database) -> UUID:
    id_ = new_id()
    async with database.write(id_) as session:
        session.add(Organization(id=id_, slug=f"slug-{id_}", name="Acme", currency="USD"))
    return id_


@pytest.fixture
def deliveries(database: Database, organization_id: UUID, tmp_path: Path) -> Deliveries:
    return Deliveries(database, organization_id, tmp_path, TODAY)


async def told(database: Database, organization_id: UUID, kinds: Iterable[EventKind] = KINDS) -> Told:
    """What was told of these kinds, in order: kind and data."""
    statement = select(ActivityEvent.kind, ActivityEvent.data).order_by(ActivityEvent.sequence)
    async with database.read(organization_id) as session:
        return [(row.kind, row.data) for row in await session.execute(statement) if row.kind in set(kinds)]


async def looked(database: Database, organization_id: UUID, today: date = TODAY) -> list[EventKind]:
    """Look twice; the second time there is no news."""
    found = await watch_figures(database, organization_id, today, hold)
    assert await watch_figures(database, organization_id, today, hold) == []
    return [kind for kind in found if kind not in FORECASTS]


def plan(day: date, used: object, unused: object, name: str = "ri-1", **columns: Any) -> list[dict[str, Any]]:
    """What of a commitment was used on a day and what was not."""
    of_plan = {"CommitmentDiscountId": name, "PricingCategory": "Committed", "ResourceId": name, **columns}
    return [
        charge(day, used, CommitmentDiscountStatus="Used", **of_plan),
        charge(day, unused, CommitmentDiscountStatus="Unused", **of_plan),
    ]


def plans(start: date, end: date, used: object, unused: object, name: str = "ri-1") -> list[dict[str, Any]]:
    """The same on each of these days."""
    return [row for day in days(start, end) for row in plan(day, used, unused, name)]


async def count(
    database: Database, organization_id: UUID, start: date, end: date, quantity: object, name: str = "orders"
) -> UUID:
    """Record a quantity on each of these days; the metric's id."""
    rows: list[tuple[str | None, str | None]] = [(day.isoformat(), str(quantity)) for day in days(start, end)]
    recorded = await record_metrics(database, organization_id, SYSTEM, name=name, unit="pieces", rows=rows)
    assert recorded.issues == []
    return UUID(str(recorded.metric["id"]))


async def test_the_forecast_of_a_month_is_told_when_it_is_known_and_when_it_moves(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    """100 a day is 3,000 in November; 9 % more is no news, and 20 % more are, against what was told."""
    expected: list[tuple[str, int, str | None]] = [("COST_FORECAST_MADE", 3000, None)]
    for cost, more in (
        (100, []),
        (109, []),
        (120, [("COST_FORECAST_MOVED", 3600, "0.2")]),
        (130, []),
        (90, [("COST_FORECAST_MOVED", 2700, "-0.25")]),
    ):
        await deliveries.deliver([*daily(SEPTEMBER, TODAY, lambda _, cost=cost: cost)])  # type: ignore[misc]
        await looked(database, organization_id)
        expected += more
        found = await told(database, organization_id, FORECASTS)
        assert [kind for kind, _ in found] == [kind for kind, _, _ in expected], cost
    for (_, data), (_, amount, change) in zip(found, expected, strict=True):
        assert Decimal(data["expected"]) == pytest.approx(amount, rel=Decimal("0.01"))
        assert Decimal(data["lower"]) <= Decimal(data["expected"]) <= Decimal(data["upper"])
        assert (data["periodStart"], data["periodEnd"]) == ("2026-11-01", "2026-12-01")
        assert (data["currency"], data["metric"], data["interval"]) == ("USD", "EFFECTIVE_COST", "0.80")
        if change is not None:
            assert Decimal(data["change"]) == pytest.approx(Decimal(change), abs=Decimal("0.01"))
    for (_, before), (_, after) in pairwise(found):
        assert after["previous"] == before["expected"]


async def test_what_is_told_is_what_the_graph_forecasts(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    await deliveries.deliver([*daily(SEPTEMBER, TODAY, lambda day: 100 + 7 * day.weekday() + day.day)])
    await looked(database, organization_id)
    ((_, data),) = await told(database, organization_id)
    async with database.read(organization_id) as session:
        ground = await read_ground(session, organization_id, CostScope(), CostMetric.EFFECTIVE_COST, "USD", TODAY)
    assert ground.history is not None
    outlook = await outlook_of(organization_id, ground.history, 90, INTERVAL)
    assert isinstance(outlook, CostOutlook)
    assert outlook.month_total is not None
    total = outlook.month_total
    amounts = [Decimal(data[name]) for name in ("expected", "lower", "upper")]
    assert amounts == [total.expected, total.lower, total.upper]


async def test_each_month_is_forecast_anew_and_a_month_that_is_over_is_not(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    await deliveries.deliver([*daily(SEPTEMBER, TODAY, lambda _: 100)])
    assert await watch_figures(database, organization_id, date(2026, 12, 1), hold) == []
    await looked(database, organization_id)
    deliveries.today = date(2026, 12, 10)
    await deliveries.deliver([*daily(SEPTEMBER, deliveries.today, lambda _: 100)])
    await looked(database, organization_id, deliveries.today)
    starts = [(kind, data["periodStart"]) for kind, data in await told(database, organization_id)]
    assert starts == [("COST_FORECAST_MADE", "2026-11-01"), ("COST_FORECAST_MADE", "2026-12-01")]


async def test_another_currency_is_another_forecast(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    await deliveries.deliver([*daily(SEPTEMBER, TODAY, lambda _: 100), charge(OCTOBER, 5, BillingCurrency="JPY")])
    await looked(database, organization_id)
    async with database.write(organization_id) as session:
        await change_organization(session, organization_id, {"currency": "EUR"})
        rate = {"organization_id": organization_id, "from_currency": "USD", "to_currency": "EUR"}
        rate |= {"valid_from": SEPTEMBER, "rate": Decimal("0.5"), "source": "by hand", "updated_at": now()}
        await session.execute(insert(CurrencyRate), [rate])
    await looked(database, organization_id)
    (_, dollars), (kind, euros) = await told(database, organization_id)
    assert (kind, euros["currency"], euros.get("previous")) == ("COST_FORECAST_MADE", "EUR", None)
    assert Decimal(euros["expected"]) == pytest.approx(Decimal(dollars["expected"]) / 2, rel=Decimal("0.01"))
    assert euros["unconverted"] == dollars["unconverted"] == [{"amount": "5", "currency": "JPY"}]


async def test_a_commitment_that_falls_below_is_told_and_its_recovery(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    """The seven days end with the 17th: the 18th and 19th are still arriving."""
    first, settled = date(2026, 11, 11), date(2026, 11, 18)
    other = plans(NOVEMBER, TODAY, 95, 5, "ri-2")
    steps: list[tuple[list[dict[str, Any]], list[EventKind]]] = [
        (plans(NOVEMBER, first, 1, 99) + plans(first, settled, 90, 10) + plans(settled, TODAY, 1, 99), []),
        (plans(NOVEMBER, first, 100, 0) + plans(first, TODAY, 89, 11), [EventKind.COMMITMENT_UNDERUSED]),
        (plans(NOVEMBER, TODAY, 50, 50), []),
        (plans(NOVEMBER, TODAY, 91, 9), [EventKind.COMMITMENT_RECOVERED]),
        (plans(NOVEMBER, TODAY, 95, 5), []),
        (plans(NOVEMBER, TODAY, 80, 20), [EventKind.COMMITMENT_UNDERUSED]),
    ]
    for rows, expected in steps:
        await deliveries.deliver([*rows, *other])
        assert await looked(database, organization_id) == expected
    found = await told(database, organization_id, KINDS - FORECASTS)
    assert [(data["utilization"], data.get("previous")) for _, data in found] == [
        ("0.8900", None),
        ("0.9100", "0.8900"),
        ("0.8000", None),
    ]
    assert found[0][1] == {
        "commitmentDiscountId": "ri-1",
        "name": None,
        "type": None,
        "category": None,
        "provider": "AWS",
        "periodStart": "2026-11-11",
        "periodEnd": "2026-11-18",
        "utilization": "0.8900",
        "threshold": "0.90",
        "usedEffectiveCost": "623",
        "unusedEffectiveCost": "77",
        "currency": "USD",
    }


async def test_a_commitment_is_judged_by_seven_known_days_of_late(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    """Of six nothing is told, nor of days long past, nor where its charges say nothing of its use."""
    start = date(2026, 11, 12)
    await deliveries.deliver(plans(start, TODAY, 1, 99))
    assert await looked(database, organization_id) == []
    early = [*daily(NOVEMBER, start, lambda _: 1), *plans(start, TODAY, 1, 99)]
    untold = [charge(start, 3, CommitmentDiscountId="sp-1", ResourceId="sp-1")]
    await deliveries.deliver([*early, *untold])
    assert await looked(database, organization_id, date(2027, 1, 2)) == []
    assert await looked(database, organization_id) == [EventKind.COMMITMENT_UNDERUSED]


async def test_coverage_that_falls_by_ten_points_is_told_once_for_a_month(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    """September is covered by 50 %; what a month still under way covers is not looked at."""
    september = [*plans(SEPTEMBER, OCTOBER, 50, 0), *daily(SEPTEMBER, OCTOBER, lambda _: 50)]
    november = [*daily(NOVEMBER, TODAY, lambda _: 1)]
    steps: list[tuple[int, list[EventKind]]] = [
        (41, []),
        (40, [EventKind.COMMITMENT_COVERAGE_FELL]),
        (10, []),
    ]
    for covered, expected in steps:
        october = plans(OCTOBER, NOVEMBER, covered, 0)
        usual = [*daily(OCTOBER, NOVEMBER, lambda _, rest=100 - covered: rest)]  # type: ignore[misc]
        await deliveries.deliver([*september, *october, *usual, *november])
        assert await looked(database, organization_id) == expected
    ((_, data),) = await told(database, organization_id, KINDS - FORECASTS)
    assert data == {
        "periodStart": "2026-10-01",
        "periodEnd": "2026-11-01",
        "coverage": "0.4000",
        "previous": "0.5000",
        "previousPeriodStart": "2026-09-01",
        "change": "-0.1000",
        "coveredEffectiveCost": "1240",
        "standardEffectiveCost": "1860",
        "currency": "USD",
    }


async def test_a_unit_cost_that_moves_is_told_once_for_a_month(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    """An order cost 10 in September."""
    await deliveries.deliver([*daily(SEPTEMBER, TODAY, lambda _: 100)])
    metric_id = await count(database, organization_id, SEPTEMBER, OCTOBER, 10)
    assert await looked(database, organization_id) == []
    steps: list[tuple[object, list[EventKind]]] = [
        ("8.5", []),
        (8, [EventKind.UNIT_COST_MOVED]),
        (5, []),
    ]
    for quantity, expected in steps:
        await count(database, organization_id, OCTOBER, NOVEMBER, quantity)
        assert await looked(database, organization_id) == expected, quantity
    ((_, data),) = await told(database, organization_id, KINDS - FORECASTS)
    assert data == {
        "name": "orders",
        "unit": "pieces",
        "periodStart": "2026-10-01",
        "periodEnd": "2026-11-01",
        "metric": "EFFECTIVE_COST",
        "unitCost": "12.5000000000",
        "previous": "10.0000000000",
        "previousPeriodStart": "2026-09-01",
        "change": "0.2500",
        "matchedDays": 31,
        "matchedCost": "3100",
        "matchedQuantity": "248",
        "reason": None,
        "previousReason": None,
        "currency": "USD",
    }
    async with database.read(organization_id) as session:
        rows = await told_figures(session, organization_id)
    assert len(rows) == 2
    await delete_metric(database, organization_id, SYSTEM, metric_id)
    async with database.read(organization_id) as session:
        assert [figure for figure, _ in await told_figures(session, organization_id)] == ["FORECAST"]


async def test_a_unit_cost_of_a_month_that_is_not_whole_is_not_told(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    """Neither of quantities that stop before its last week, nor of costs that no rate converts."""
    rows = [*daily(SEPTEMBER, TODAY, lambda _: 100)]
    await count(database, organization_id, SEPTEMBER, OCTOBER, 10)
    await count(database, organization_id, OCTOBER, date(2026, 10, 25), 5)
    await deliveries.deliver([*rows, charge(OCTOBER, 5, BillingCurrency="JPY")])
    assert await looked(database, organization_id) == []
    await count(database, organization_id, OCTOBER, date(2026, 10, 26), 5)
    assert await looked(database, organization_id) == []
    await deliveries.deliver(rows)
    assert await looked(database, organization_id) == [EventKind.UNIT_COST_MOVED]
    ((_, data),) = await told(database, organization_id, KINDS - FORECASTS)
    assert (data["matchedDays"], data["unitCost"]) == (25, "20.0000000000")
    assert "on 25 of 31 days" in data["reason"]


async def test_values_of_a_business_metric_are_told_of(database: Database, organization_id: UUID) -> None:
    metric_id = await count(database, organization_id, OCTOBER, date(2026, 10, 4), 5)
    await count(database, organization_id, date(2026, 10, 3), date(2026, 10, 5), 6)
    await count(database, organization_id, date(2026, 10, 3), date(2026, 10, 5), 6)  # which changes nothing
    statement = select(ActivityEvent.kind, ActivityEvent.subject_type, ActivityEvent.subject_id, ActivityEvent.data)
    async with database.read(organization_id) as session:
        found = [tuple(row) for row in await session.execute(statement.order_by(ActivityEvent.sequence))]
    data = {"name": "orders", "unit": "pieces"}
    subject = (EventKind.BUSINESS_METRICS_RECORDED, "BusinessMetric", metric_id)
    assert found == [(*subject, data | {"added": 3, "changed": 0}), (*subject, data | {"added": 1, "changed": 1})]


async def test_workers_at_once_tell_it_once_and_another_tenant_nothing(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    usual = [*daily(SEPTEMBER, NOVEMBER, lambda day: 100 if day < OCTOBER else 200)]
    await deliveries.deliver([*usual, *plans(NOVEMBER, TODAY, 50, 50)])
    await count(database, organization_id, SEPTEMBER, NOVEMBER, 10)
    assert await watch_figures(database, new_id(), TODAY, hold) == []
    each = await asyncio.gather(*(watch_figures(database, organization_id, TODAY, hold) for _ in range(4)))
    expected = [EventKind.COMMITMENT_UNDERUSED, EventKind.COST_FORECAST_MADE, EventKind.UNIT_COST_MOVED]
    assert sorted(map(sorted, each)) == [[], [], [], expected]
    assert sorted(kind for kind, _ in await told(database, organization_id)) == expected


async def test_a_delivery_that_comes_in_meanwhile_makes_the_look_say_nothing(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    await deliveries.deliver([*daily(NOVEMBER, TODAY, lambda _: 100), *plans(NOVEMBER, TODAY, 50, 50)])

    async def late(_: AsyncSession) -> None:
        await deliveries.deliver([*daily(NOVEMBER, TODAY, lambda _: 100), *plans(NOVEMBER, TODAY, 100, 0)])

    assert await watch_figures(database, organization_id, TODAY, late) == []
    assert await told(database, organization_id) == []
    assert await looked(database, organization_id) == []


async def test_a_metric_that_is_deleted_meanwhile_is_not_told_of(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    await deliveries.deliver([*daily(SEPTEMBER, TODAY, lambda day: 100 if day < OCTOBER else 200)])
    metric_id = await count(database, organization_id, SEPTEMBER, NOVEMBER, 10)

    async def late(_: AsyncSession) -> None:
        await delete_metric(database, organization_id, SYSTEM, metric_id)

    assert await watch_figures(database, organization_id, TODAY, late) == [EventKind.COST_FORECAST_MADE]


async def test_a_look_takes_as_few_statements_whatever_there_is(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    """Beside the two that open a transaction: 8 where nothing has moved, 15 with any commitments and metrics."""
    usual = [*daily(SEPTEMBER, TODAY, lambda _: 100)]
    await deliveries.deliver(usual)
    await looked(database, organization_id)
    with counted(database) as quiet:
        await watch_figures(database, organization_id, TODAY, hold)
    numbers = []
    for most in (1, 9):
        names = [f"ri-{number}" for number in range(most)]
        await deliveries.deliver([*usual, *(row for name in names for row in plans(NOVEMBER, TODAY, 95, 5, name))])
        for name in names:
            await count(database, organization_id, SEPTEMBER, NOVEMBER, 10, name)
        await looked(database, organization_id)
        with counted(database) as statements:
            await watch_figures(database, organization_id, TODAY, hold)
        numbers.append(len(statements))
    assert (len(quiet), numbers) == (10, [17, 17])
