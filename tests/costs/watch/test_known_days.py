"""Which days count as known and which as settled; the periods of budgets; rates by month."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from app.costs.budgets.periods import period_at, periods_until
from app.costs.known_days import KnownDays, known_days
from app.costs.money_series import MoneySeries, Rates
from app.database import Database
from app.models import new_id
from app.records.cost_analysis import DateRange
from app.records.costs import ImportMode
from app.repositories.cost_series import DayCost, ImportedDays, imported_days
from tests.costs.watch.deliveries import Deliveries, charge, daily

TODAY = date(2026, 11, 20)
PERIOD_ENDS = {8: date(2026, 9, 1), 9: date(2026, 10, 1), 10: date(2026, 11, 1), 11: date(2026, 12, 1)}


def month(
    number: int,
    last_day: int,
    *,
    first_day: int = 1,
    final: bool = False,
    account: str = "a",
    charges: int = 1,
    appended: bool = False,
) -> ImportedDays:
    """What was imported of a month of 2026."""
    return ImportedDays(
        id=number,
        import_id=new_id(),
        billing_account=("bills", account),
        period_start=date(2026, number, 1),
        period_end=PERIOD_ENDS[number],
        first_day=date(2026, number, first_day),
        last_day=date(2026, number, last_day),
        is_final=final,
        charges=charges,
        is_appended=appended,
    )


@pytest.mark.parametrize(
    ("imported", "start", "end", "settled"),
    [
        ([month(11, 19)], "11-01", "11-20", "11-18"),
        ([month(10, 31, final=True)], "10-01", "11-01", "11-01"),
        # A month without a charge on its first days, and one without on its last.
        ([month(10, 28), month(11, 19, first_day=4)], "10-01", "11-20", "11-18"),
        # An export that was begun within the month.
        ([month(11, 19, first_day=4)], "11-04", "11-20", "11-18"),
        # A correction of September came with October: the rest of September is not known because of it.
        ([replace(month(10, 31, final=True), first_day=date(2026, 9, 26))], "10-01", "11-01", "11-01"),
        # September is not there: nothing is concluded across the gap.
        ([month(8, 31), month(10, 31), month(11, 19)], "10-01", "11-20", "11-18"),
        # The slower of two accounts decides, unless it has ended long ago.
        ([month(11, 19), month(11, 16, account="b")], "11-01", "11-20", "11-15"),
        ([month(11, 19), month(10, 31, account="b")], "10-01", "11-20", "11-18"),
        # September of one of two accounts is not there: what both cost in it is unknown.
        (
            [month(8, 31), month(10, 31), month(11, 19), *(month(each, 30, account="b") for each in (8, 9, 10))],
            "10-01",
            "11-20",
            "11-18",
        ),
        # The same of an account with few charges: it may have had none in September.
        (
            [
                *(month(each, 30, charges=1) for each in (8, 10)),
                month(11, 19, charges=1),
                *(month(each, 30, account="b", charges=100) for each in (8, 9, 10)),
            ],
            "08-01",
            "11-20",
            "11-18",
        ),
        # An account that begins in October, and one that another export delivers since, leave no gap.
        (
            [
                month(9, 30),
                month(10, 31, account="b"),
                month(10, 31),
                replace(month(11, 19), billing_account=("new", "a")),
            ],
            "09-01",
            "11-20",
            "11-18",
        ),
        # A few rows of a new account were appended: they say nothing of the days after them.
        (
            [month(11, 19), month(11, 12, first_day=11, account="b", appended=True)],
            "11-01",
            "11-20",
            "11-18",
        ),
        # Nor do rows that are appended to another dataset of an account that is delivered whole.
        (
            [month(11, 19), replace(month(11, 12, appended=True), billing_account=("more", "a"))],
            "11-01",
            "11-20",
            "11-18",
        ),
        # Rows are appended to what was delivered whole until last month: it is that delivery which goes on.
        (
            [month(10, 31, account="b"), month(11, 12, account="b", appended=True), month(11, 19)],
            "10-01",
            "11-20",
            "11-11",
        ),
        # An account with appended rows alone may have none for a month.
        (
            [*(month(each, 30) for each in (8, 9, 10)), month(11, 19)]
            + [month(each, 12, account="b", appended=True) for each in (8, 10, 11)],
            "08-01",
            "11-20",
            "11-18",
        ),
        # Where nothing is delivered whole, or nothing any more, those that are appended are waited for.
        ([month(11, 19, appended=True), month(11, 16, account="b", appended=True)], "11-01", "11-20", "11-15"),
        ([month(10, 31), month(11, 16, account="b", appended=True)], "10-01", "11-17", "11-15"),
        # A purchase of the days to come is no day that is known.
        ([month(11, 28)], "11-01", "11-21", "11-19"),
    ],
)
def test_days(imported: list[ImportedDays], start: str, end: str, settled: str) -> None:
    known = known_days(imported, TODAY)
    assert known is not None
    found = [f"{day:%m-%d}" for day in (known.start, known.end, known.settled_until)]
    assert found == [start, end, settled]


def test_nothing_imported_is_nothing_known() -> None:
    assert known_days([], TODAY) is None


async def test_appended_rows_of_a_new_account_move_no_day(database: Database, tmp_path: Path) -> None:
    organization_id = new_id()
    deliveries = Deliveries(database, organization_id, tmp_path, TODAY)
    await deliveries.deliver(list(daily(date(2026, 10, 1), TODAY, lambda _day: 10)))

    async def known() -> KnownDays:
        async with database.read(organization_id) as session:
            found = known_days(await imported_days(session, organization_id), TODAY)
        assert found is not None
        return found

    before = await known()
    assert (before.start, before.settled_until) == (date(2026, 10, 1), date(2026, 11, 18))
    row = charge(date(2026, 11, 12), 3, BillingAccountId="new")
    await deliveries.deliver([row], dataset="ledger", mode=ImportMode.APPEND)
    after = await known()
    assert after.deliveries > before.deliveries
    assert replace(after, import_id=before.import_id, deliveries=before.deliveries) == before


def budget(recurrence: str, starts_on: date, ends_on: date | None = None) -> dict[str, Any]:
    return {"recurrence": recurrence, "starts_on": starts_on, "ends_on": ends_on}


@pytest.mark.parametrize(
    ("recurrence", "starts_on", "ends_on", "day", "expected"),
    [
        ("MONTHLY", date(2026, 1, 1), None, TODAY, (date(2026, 11, 1), date(2026, 12, 1))),
        ("MONTHLY", date(2026, 1, 31), None, date(2026, 3, 1), (date(2026, 2, 28), date(2026, 3, 31))),
        ("MONTHLY", date(2026, 1, 25), None, TODAY, (date(2026, 10, 25), date(2026, 11, 25))),
        ("MONTHLY", date(2026, 1, 1), date(2026, 11, 10), date(2026, 11, 9), (date(2026, 11, 1), date(2026, 11, 10))),
        ("MONTHLY", date(2026, 1, 1), date(2026, 11, 10), TODAY, None),
        ("MONTHLY", date(2026, 12, 1), None, TODAY, None),
        ("QUARTERLY", date(2026, 2, 1), None, TODAY, (date(2026, 11, 1), date(2027, 2, 1))),
        ("YEARLY", date(2024, 12, 1), None, TODAY, (date(2025, 12, 1), date(2026, 12, 1))),
        ("FIXED", date(2026, 3, 4), date(2026, 12, 24), TODAY, (date(2026, 3, 4), date(2026, 12, 24))),
        ("FIXED", date(2026, 3, 4), date(2026, 5, 1), TODAY, None),
    ],
)
def test_the_period_of_a_day(
    recurrence: str, starts_on: date, ends_on: date | None, day: date, expected: tuple[date, date] | None
) -> None:
    found = period_at(budget(recurrence, starts_on, ends_on), day)
    assert found == (None if expected is None else DateRange(*expected))


def test_periods_join_without_a_gap() -> None:
    periods = [*periods_until(budget("MONTHLY", date(2025, 8, 31)), TODAY)]
    assert len(periods) == 15
    assert all(later.start == earlier.end for later, earlier in pairwise(periods))


def test_a_charge_is_converted_at_the_newest_rate_of_its_month() -> None:
    rates = Rates(
        [
            ("EUR", "USD", date(2026, 10, 31), Decimal("1.1")),
            ("EUR", "USD", date(2026, 11, 30), Decimal("1.2")),
            ("EUR", "GBP", date(2026, 1, 1), Decimal("0.8")),
        ]
    )
    costs = [
        DayCost(date(2026, 9, 30), "EUR", Decimal(1), incomplete=False),
        DayCost(date(2026, 10, 1), "EUR", Decimal("0.01"), incomplete=False),
        DayCost(date(2026, 11, 5), "EUR", Decimal(10), incomplete=False),
        DayCost(date(2026, 11, 5), "USD", Decimal(5), incomplete=True),
        DayCost(date(2026, 11, 6), "USD", None, incomplete=True),
    ]
    series = MoneySeries.of(costs, "USD", rates.into("USD"))
    assert series.amounts == {date(2026, 10, 1): Decimal("0.011"), date(2026, 11, 5): Decimal("17.0")}
    autumn = DateRange(date(2026, 9, 1), date(2026, 12, 1))
    assert series.unconverted(autumn) == {"EUR": Decimal(1)}
    assert series.unconverted(DateRange(date(2026, 10, 1), date(2026, 12, 1))) == {}
    assert series.lacks(autumn)
    assert not series.lacks(DateRange(date(2026, 9, 1), date(2026, 11, 1)))
