"""Periods of subscriptions and quotas at the ends of days, months and years."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from app.records.plans import LIMITS, QuotaPeriod, first_day, resets_at, subscription_period


@pytest.mark.parametrize(
    ("anchor", "day", "start", "end"),
    [
        ("2026-01-15", "2026-01-15", "2026-01-15", "2026-02-15"),
        ("2026-01-15", "2026-02-14", "2026-01-15", "2026-02-15"),
        ("2026-01-15", "2026-12-20", "2026-12-15", "2027-01-15"),
        ("2026-01-31", "2026-02-27", "2026-01-31", "2026-02-28"),
        ("2026-01-31", "2026-02-28", "2026-02-28", "2026-03-31"),
        ("2026-01-31", "2028-02-29", "2028-02-29", "2028-03-31"),
        ("2024-02-29", "2026-02-28", "2026-02-28", "2026-03-29"),
    ],
)
def test_the_period_of_a_subscription(anchor: str, day: str, start: str, end: str) -> None:
    found = subscription_period(date.fromisoformat(anchor), date.fromisoformat(day))
    assert tuple(each.isoformat() for each in found) == (start, end)


def test_periods_follow_each_other_without_a_gap() -> None:
    for anchor in (date(2024, 1, day) for day in range(1, 32)):
        before = subscription_period(anchor, anchor)
        for number in range(1, 800):
            day = anchor + timedelta(days=number)
            period = subscription_period(anchor, day)
            assert period[0] <= day < period[1]
            assert period == before or period[0] == before[1]
            before = period


def test_quotas_begin_anew_in_utc() -> None:
    last = datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert resets_at(QuotaPeriod.DAY, last) == resets_at(QuotaPeriod.MONTH, last) == datetime(2027, 1, 1, tzinfo=UTC)
    assert resets_at(QuotaPeriod.TOTAL, last) is None
    assert (first_day(QuotaPeriod.DAY, last), first_day(QuotaPeriod.MONTH, last)) == (
        date(2026, 12, 31),
        date(2026, 12, 1),
    )


def test_every_limit_is_a_column() -> None:
    assert len(LIMITS) == len(set(LIMITS)) == 8
