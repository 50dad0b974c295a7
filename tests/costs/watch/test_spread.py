"""Charges of several days lie on all of them, so that what is billed by the week has no peaks; and our own sample."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text, update

from app.costs.anomalies.look import watch_anomalies
from app.costs.anomalies.series import daily_by_key
from app.costs.anomalies.spread import BOUGHT, arrived, by_columns, spread, with_spread
from app.costs.outlook.series import DailySeries
from app.database import Database
from app.models import new_id
from app.records.costs import CostMetric, Finality
from app.repositories.cost_anomalies import ANOMALIES
from app.repositories.cost_parts import Cut, LongPart, PartCost, long_parts
from app.repositories.cost_series import PERIODS
from tests.costs.deliveries import COSTS, deliver
from tests.costs.watch.deliveries import Deliveries, charge, daily, days, hold

TODAY = date(2026, 11, 20)
FIRST = date(2026, 8, 3)
EC2 = ("EC2",)


@pytest.fixture
def organization_id() -> UUID:
    return new_id()


@pytest.fixture
def deliveries(database: Database, organization_id: UUID, tmp_path: Path) -> Deliveries:
    return Deliveries(database, organization_id, tmp_path, TODAY)


def part(first: date, last: date, amount: str, category: str = "Usage", key: tuple[str, ...] = EC2) -> LongPart:
    return LongPart(key, first, last, category, Decimal(amount))


def added(charges: Iterable[LongPart]) -> dict[date, Decimal]:
    """What is added on each day, days without anything left out."""
    found: dict[date, Decimal] = {}
    for one in spread(charges):
        found[one.day] = found.get(one.day, Decimal(0)) + one.amount
    return {day: amount for day, amount in found.items() if amount}


def test_a_charge_lies_on_all_its_days_to_the_last_digit() -> None:
    first = date(2026, 10, 1)
    found = added([part(first, first + timedelta(3), "10.0000001")])
    assert found == {
        first: Decimal("-6.6666660"),  # of 10.0000001 that the roll-up has there 3.3333341 stay
        first + timedelta(1): Decimal("3.333333"),
        first + timedelta(2): Decimal("3.333333"),
    }


def test_months_are_left_out_and_purchases_stay_where_they_are() -> None:
    first = date(2026, 10, 1)
    month = part(first, date(2026, 11, 1), "310", "Tax")
    assert added([month, part(first, date(2027, 10, 1), "900", BOUGHT)]) == {first: Decimal(-310)}


def test_only_charges_of_the_parts_that_are_looked_at_count() -> None:
    first = date(2026, 10, 1)
    others = [part(first, first + timedelta(2), "4", key=("S3",)), part(first, first + timedelta(2), "8")]
    costs = with_spread([PartCost(EC2, first, Decimal(8))], others)
    assert daily_by_key(costs, first, first + timedelta(3)) == {
        EC2: DailySeries(first, (Decimal(4), Decimal(4), Decimal(0)))
    }


def test_charges_without_a_value_are_in_no_part() -> None:
    one = part(FIRST, TODAY, "1", key=("EC2", ""))
    assert by_columns([one], [0]) == {EC2: [one.with_key(EC2)]}
    assert by_columns([one], [1]) == {}
    assert by_columns([one], []) == {(): [one.with_key(())]}


@pytest.mark.parametrize(
    ("last", "amount", "until"),
    [
        (TODAY, "70", TODAY),
        (TODAY - timedelta(5), "70", TODAY - timedelta(5)),  # this week's charge comes when the week is over
        (TODAY + timedelta(2), "70", TODAY - timedelta(5)),  # it may grow
        (TODAY - timedelta(15), "70", TODAY),  # it has ended
        (TODAY - timedelta(5), "0.7", TODAY),  # too small to wait for
    ],
)
def test_days_whose_weekly_charges_have_not_come_are_not_judged(last: date, amount: str, until: date) -> None:
    series = DailySeries(FIRST, tuple(Decimal(10) for _ in days(FIRST, TODAY)))
    assert arrived(series, [part(last - timedelta(7), last, amount)]).end == until


def weekly(cost: int, until: date, **columns: Any) -> list[dict[str, Any]]:
    """A charge for each seven days from the first of a month on, as the days of a month's end make a shorter one."""
    rows = []
    for day in days(FIRST, until):
        if day.day in {1, 8, 15, 22, 29}:
            after = min(day + timedelta(7), (day.replace(day=1) + timedelta(32)).replace(day=1))
            amount = cost * (after - day).days
            rows.append(charge(day, amount, ChargePeriodEnd=f"{after}T00:00:00Z", **columns))
    return rows


async def found(database: Database, organization_id: UUID, today: date = TODAY) -> set[tuple[str, date, date]]:
    await watch_anomalies(database, organization_id, today, hold)
    async with database.read(organization_id) as session:
        rows = await session.execute(select(ANOMALIES.c.series, ANOMALIES.c.starts_on, ANOMALIES.c.ends_on))
        return {(row.series, row.starts_on, row.ends_on) for row in rows}


async def test_what_is_billed_by_the_week_is_no_anomaly(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    fees = [
        charge(first, 900, ServiceName="Support", ChargePeriodEnd=f"{(first + timedelta(31)).replace(day=1)}T00:00:00Z")
        for first in (date(2026, 9, 1), date(2026, 10, 1))
    ]
    await deliveries.deliver([*daily(FIRST, TODAY, lambda _: 100), *weekly(40, TODAY, ServiceName="Lambda"), *fees])
    assert await found(database, organization_id) == set()


async def test_a_week_that_costs_far_more_is_found_on_its_days(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    rows = weekly(40, TODAY, ServiceName="Lambda")
    for row in rows:
        if row["ChargePeriodStart"].startswith("2026-11-08"):
            row["EffectiveCost"] = 7 * 400
    await deliveries.deliver([*daily(FIRST, TODAY, lambda _: 100), *rows])
    week = (date(2026, 11, 8), date(2026, 11, 15))
    assert await found(database, organization_id) == {("SERVICE_ACCOUNT", *week)}
    async with database.read(organization_id) as session:
        anomaly = (await session.execute(select(ANOMALIES.c.excess, ANOMALIES.c.explanation))).one()
    (cause,) = anomaly.explanation["regions"]["contributions"]
    assert (Decimal(cause["actual"]), Decimal(cause["excess"])) == (Decimal(2800), anomaly.excess)
    assert Decimal(anomaly.explanation["regions"]["unexplained"]) == 0


async def test_long_charges_are_read_from_an_index_of_their_own(
    database: Database, organization_id: UUID, deliveries: Deliveries
) -> None:
    await deliveries.deliver([*daily(FIRST, TODAY, lambda _: 100), *weekly(40, TODAY, SubAccountId="")])
    cut = Cut(CostMetric.EFFECTIVE_COST, "USD", date(2026, 9, 5), date(2026, 9, 16))
    async with database.read(organization_id) as session:
        read = await long_parts(session, organization_id, cut, ("service_name", "sub_account_id"))
        indexes = "SELECT count(*) FROM pg_indexes WHERE tablename LIKE 'charges%' AND indexdef LIKE '%1 day%'"
        assert (await session.execute(text(indexes))).scalar_one() > 1
    spans = [(one.start.strftime("%m-%d"), (one.end - one.start).days) for one in read]
    august = [("08-08", 7), ("08-15", 7), ("08-22", 7), ("08-29", 3)]
    assert spans == [*august, ("09-01", 7), ("09-08", 7), ("09-15", 7)]
    assert {(one.key, one.category) for one in read} == {(("EC2", ""), "Usage")}


async def test_the_sample_has_the_anomaly_that_was_put_into_it_and_no_other(
    database: Database, organization_id: UUID
) -> None:
    """Three days of a NAT gateway in the account of machine learning; the sample has weekly and monthly charges too."""
    await deliver(database, organization_id, COSTS)
    async with database.write(organization_id) as session:
        await session.execute(update(PERIODS).values(finality=Finality.FINAL.value))
    storm = (date(2026, 10, 19), date(2026, 10, 22))
    assert await found(database, organization_id, date(2026, 11, 22)) == {("SERVICE_ACCOUNT", *storm)}
    async with database.read(organization_id) as session:
        row = (await session.execute(select(ANOMALIES))).mappings().one()
    assert (row["service_name"], row["sub_account_id"]) == ("Amazon Virtual Private Cloud", "000000000103")
    assert {one["series"] for one in row["also_seen_in"]} == {"ACCOUNT", "SERVICE"}
    first = row["explanation"]["resources"]["contributions"][0]
    assert "natgateway" in first["key"]
    assert Decimal(first["share"]) > Decimal("0.9")
