"""Calendar months of days."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.records.months import months_of, next_month

DAYS = st.dates(date(1990, 1, 1), date(2199, 11, 30))


@given(DAYS)
def test_the_next_month_begins_on_a_first(day: date) -> None:
    after = next_month(day)
    assert after.day == 1
    assert after > day
    assert (after.year * 12 + after.month) - (day.year * 12 + day.month) == 1


@given(DAYS, st.integers(0, 800))
def test_months_are_those_of_all_days_between(first: date, days: int) -> None:
    between = [first + timedelta(number) for number in range(days + 1)]
    assert list(months_of(first, between[-1])) == sorted({day.replace(day=1) for day in between})


def test_there_are_none_before_the_first_day() -> None:
    assert list(months_of(date(2026, 11, 2), date(2026, 10, 31))) == []
