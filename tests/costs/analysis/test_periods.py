"""Periods by name, periods to compare with, steps, and months that a stretch of days has wholly."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.costs.analysis.periods import (
    add_months,
    checked_period,
    compared_period,
    named_period,
    spanning,
    steps_of,
    touches,
    whole_months,
)
from app.errors import BadUserInputError
from app.records.budgets import CostGranularity
from app.records.cost_analysis import CostComparison, CostPeriodName, DateRange

_days = st.dates(date(2001, 1, 1), date(2049, 1, 1))


def days(start: str, end: str) -> DateRange:
    return DateRange(date.fromisoformat(start), date.fromisoformat(end))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("MONTH_TO_DATE", days("2026-05-01", "2026-05-19")),
        ("LAST_MONTH", days("2026-04-01", "2026-05-01")),
        ("QUARTER_TO_DATE", days("2026-04-01", "2026-05-19")),
        ("THIS_MONTH", days("2026-05-01", "2026-06-01")),
        ("THIS_QUARTER", days("2026-04-01", "2026-07-01")),
        ("THIS_YEAR", days("2026-01-01", "2027-01-01")),
        ("LAST_QUARTER", days("2026-01-01", "2026-04-01")),
        ("YEAR_TO_DATE", days("2026-01-01", "2026-05-19")),
        ("LAST_YEAR", days("2025-01-01", "2026-01-01")),
        ("LAST_7_DAYS", days("2026-05-11", "2026-05-18")),
        ("LAST_30_DAYS", days("2026-04-18", "2026-05-18")),
        ("LAST_90_DAYS", days("2026-02-17", "2026-05-18")),
        ("LAST_12_MONTHS", days("2025-05-01", "2026-05-01")),
        ("ALL_TIME", days("2026-05-18", "2026-05-19")),
    ],
)
def test_periods_by_name(name: str, expected: DateRange) -> None:
    assert named_period(CostPeriodName(name), date(2026, 5, 18)) == expected


def test_all_time_is_what_is_held() -> None:
    held = [days("2026-02-03", "2026-03-01"), days("2025-12-30", "2026-01-02")]
    assert named_period(CostPeriodName.ALL_TIME, date(2026, 5, 18), held) == days("2025-12-30", "2026-03-01")


@pytest.mark.parametrize(
    ("period", "name", "expected"),
    [
        (days("2026-05-01", "2026-06-01"), None, days("2026-04-01", "2026-05-01")),
        (days("2026-04-01", "2026-07-01"), None, days("2026-01-01", "2026-04-01")),
        (days("2026-05-10", "2026-05-20"), None, days("2026-04-30", "2026-05-10")),
        (days("2026-05-01", "2026-05-19"), CostPeriodName.MONTH_TO_DATE, days("2026-04-01", "2026-04-19")),
        (days("2026-03-01", "2026-03-31"), CostPeriodName.MONTH_TO_DATE, days("2026-02-01", "2026-03-01")),
        (days("2026-04-01", "2026-05-19"), CostPeriodName.QUARTER_TO_DATE, days("2026-01-01", "2026-02-18")),
        (days("2026-01-01", "2026-05-19"), CostPeriodName.YEAR_TO_DATE, days("2025-01-01", "2025-05-19")),
    ],
)
def test_the_period_before(period: DateRange, name: CostPeriodName | None, expected: DateRange) -> None:
    assert compared_period(period, CostComparison.PREVIOUS_PERIOD, name) == expected


def test_a_year_before_is_the_same_dates() -> None:
    before = compared_period(days("2024-02-29", "2024-03-01"), CostComparison.PREVIOUS_YEAR)
    assert before == days("2023-02-28", "2023-03-01")
    assert compared_period(days("2024-02-28", "2024-02-29"), CostComparison.PREVIOUS_YEAR).days == 1


def test_weeks_are_those_of_iso_and_quarters_of_the_calendar() -> None:
    weeks = steps_of(days("2026-01-01", "2026-01-14"), CostGranularity.WEEK)
    assert weeks == [
        days("2026-01-01", "2026-01-05"),
        days("2026-01-05", "2026-01-12"),
        days("2026-01-12", "2026-01-14"),
    ]
    quarters = steps_of(days("2025-11-05", "2026-04-02"), CostGranularity.QUARTER)
    assert quarters == [
        days("2025-11-05", "2026-01-01"),
        days("2026-01-01", "2026-04-01"),
        days("2026-04-01", "2026-04-02"),
    ]


@given(_days, st.integers(1, 1_000), st.sampled_from(CostGranularity))
def test_steps_are_the_period_without_a_gap(start: date, length: int, granularity: CostGranularity) -> None:
    period = DateRange(start, date.fromordinal(start.toordinal() + length))
    steps = steps_of(period, granularity)
    assert (steps[0].start, steps[-1].end) == (period.start, period.end)
    assert all(one.end == following.start for one, following in pairwise(steps))
    assert all(one.days > 0 for one in steps)


@given(_days, st.integers(1, 700), st.sampled_from(CostComparison), st.sampled_from([None, *CostPeriodName]))
def test_what_is_compared_lies_before(
    start: date, length: int, comparison: CostComparison, name: CostPeriodName | None
) -> None:
    before = compared_period(DateRange(start, date.fromordinal(start.toordinal() + length)), comparison, name)
    assert before.start < before.end
    assert before.start < start
    if comparison is CostComparison.PREVIOUS_PERIOD:
        assert before.end <= start


@given(_days, st.integers(-500, 500))
def test_months_there_and_back(day: date, months: int) -> None:
    there = add_months(day.replace(day=1), months)
    assert add_months(there, -months) == day.replace(day=1)
    assert add_months(day, months).day <= day.day


@pytest.mark.parametrize(
    ("period", "held", "expected"),
    [
        (days("2026-04-01", "2026-06-01"), days("2026-01-01", "2026-12-01"), days("2026-04-01", "2026-06-01")),
        (days("2026-04-02", "2026-06-30"), days("2026-01-01", "2026-12-01"), days("2026-05-01", "2026-06-01")),
        (days("2026-04-02", "2026-06-30"), days("2026-04-02", "2026-06-30"), days("2026-04-01", "2026-07-01")),
        (days("2026-05-01", "2026-05-19"), days("2026-04-01", "2026-05-18"), days("2026-05-01", "2026-06-01")),
        (days("2026-05-01", "2026-05-19"), days("2026-04-01", "2026-05-25"), None),
        (days("2026-05-03", "2026-05-19"), days("2026-04-01", "2026-05-18"), None),
    ],
)
def test_whole_months(period: DateRange, held: DateRange, expected: DateRange | None) -> None:
    """A month counts as whole where the period has all of its days on which there are charges."""
    assert whole_months(period, [held]) == expected


def test_touching_and_spanning() -> None:
    assert touches(days("2026-05-01", "2026-05-02"), [days("2026-05-01", "2026-05-02")])
    assert not touches(days("2026-05-01", "2026-05-02"), [days("2026-05-02", "2026-05-03")])
    assert spanning(days("2026-05-01", "2026-05-02"), days("2025-05-01", "2025-05-02")) == days(
        "2025-05-01", "2026-05-02"
    )
    assert spanning(days("2026-05-01", "2026-05-02"), None) == days("2026-05-01", "2026-05-02")


@pytest.mark.parametrize(
    ("start", "end"), [("2026-05-02", "2026-05-02"), ("1999-12-31", "2026-01-01"), ("2049-01-01", "2050-01-02")]
)
def test_periods_that_are_none(start: str, end: str) -> None:
    with pytest.raises(BadUserInputError, match="`period` must end after it starts"):
        checked_period(date.fromisoformat(start), date.fromisoformat(end))
