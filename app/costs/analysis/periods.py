"""Periods: those with a name, the one before, a year before, and the steps of a series."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

from app.errors import BadUserInputError
from app.records.budgets import CostGranularity
from app.records.cost_analysis import CostComparison, CostPeriodName, DateRange

FIRST_DAY = date(2000, 1, 1)  # charges begin in the years 2000 to 2049, see app_charge_partition
LAST_DAY = date(2050, 1, 1)
MOST_STEPS = 1_100  # three years of days
_DAY = timedelta(days=1)
_MONTHS_OF = {CostGranularity.MONTH: 1, CostGranularity.QUARTER: 3}
_LAST_DAYS = {CostPeriodName.LAST_7_DAYS: 7, CostPeriodName.LAST_30_DAYS: 30, CostPeriodName.LAST_90_DAYS: 90}
# Months that a period to date begins at the first of: this month, quarter, year.
_TO_DATE = {CostPeriodName.MONTH_TO_DATE: 1, CostPeriodName.QUARTER_TO_DATE: 3, CostPeriodName.YEAR_TO_DATE: 12}
# How many months whole ones have, and how many months before this one, quarter or year they begin.
_WHOLE = {
    CostPeriodName.THIS_MONTH: (1, 0),
    CostPeriodName.THIS_QUARTER: (3, 0),
    CostPeriodName.THIS_YEAR: (12, 0),
    CostPeriodName.LAST_MONTH: (1, 1),
    CostPeriodName.LAST_QUARTER: (3, 3),
    CostPeriodName.LAST_YEAR: (12, 12),
}


def today() -> date:
    """The day in UTC."""
    return datetime.now(UTC).date()


def checked_period(start: date, end: date) -> DateRange:
    """The days from `start` to before `end`. Raises BadUserInputError where there is none, or none of our years."""
    if not FIRST_DAY <= start < end <= LAST_DAY:
        message = (
            f"`period` must end after it starts, and lie between {FIRST_DAY} and {LAST_DAY}; its end is exclusive. "
            f"It is {start} to {end}."
        )
        raise BadUserInputError(message, path=("period",))
    return DateRange(start, end)


def named_period(name: CostPeriodName, day: date, held: Sequence[DateRange] = ()) -> DateRange:
    """The period of this name on a day. Periods to date include that day, this month, quarter or year its whole.

    The last n days end before it.

    ALL_TIME reaches from the first to the last day of `held`; without any it is that day.
    """
    tomorrow = day + _DAY
    if name in _TO_DATE:
        return DateRange(_floor(day, _TO_DATE[name]), tomorrow)
    if name in _WHOLE:
        months, before = _WHOLE[name]
        start = add_months(_floor(day, months), -before)
        return DateRange(start, add_months(start, months))
    if name in _LAST_DAYS:
        return DateRange(day - timedelta(days=_LAST_DAYS[name]), day)
    if name is CostPeriodName.LAST_12_MONTHS:
        end = _floor(day, 1)
        return DateRange(add_months(end, -12), end)
    if not held:
        return DateRange(day, tomorrow)
    return DateRange(min(one.start for one in held), max(one.end for one in held))


def compared_period(period: DateRange, comparison: CostComparison, name: CostPeriodName | None = None) -> DateRange:
    """The period with which one is compared.

    The one before whole calendar months are as many months; before a period to date, as many days of the month,
    quarter or year before, no more than it has; before any other, as many days. A year before is the same dates.
    """
    start, end = period.start, period.end
    if comparison is CostComparison.PREVIOUS_YEAR:
        return DateRange(add_months(start, -12), max(add_months(end, -12), add_months(start, -12) + _DAY))
    if name in _TO_DATE:
        before = add_months(start, -_TO_DATE[name])
        return DateRange(before, min(before + (end - start), start))
    if start.day == 1 and end.day == 1:
        return DateRange(add_months(start, -months_between(start, end)), start)
    return DateRange(start - (end - start), start)


def steps_of(period: DateRange, granularity: CostGranularity) -> list[DateRange]:
    """The steps of a period: whole days, ISO weeks from Monday, months or quarters, cut off at its two ends.

    Raises BadUserInputError for more than 1,100.
    """
    if granularity is CostGranularity.TOTAL:
        return [period]
    steps: list[DateRange] = []
    for step in _steps(period, granularity):
        if len(steps) == MOST_STEPS:
            message = (
                f"`period` has more than {MOST_STEPS} steps of `granularity` {granularity}: "
                "ask for a shorter period or longer steps."
            )
            raise BadUserInputError(message, path=("granularity",))
        steps.append(step)
    return steps


def _steps(period: DateRange, granularity: CostGranularity) -> Iterator[DateRange]:
    start = period.start
    while start < period.end:
        end = min(next_step(start, granularity), period.end)
        yield DateRange(start, end)
        start = end


def next_step(day: date, granularity: CostGranularity) -> date:
    """The first day of the step after the one that a day lies in."""
    if granularity is CostGranularity.DAY:
        return day + _DAY
    if granularity is CostGranularity.WEEK:
        return day + timedelta(days=7 - day.weekday())
    months = _MONTHS_OF[granularity]
    return add_months(_floor(day, months), months)


def add_months(day: date, months: int) -> date:
    """The same day some months on; the last of a month that is too short."""
    number = day.year * 12 + day.month - 1 + months
    year, month = number // 12, number % 12 + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def months_between(start: date, end: date) -> int:
    """How many months lie between the months of two days."""
    return (end.year - start.year) * 12 + end.month - start.month


def month_of(day: date) -> date:
    """The first day of its month."""
    return day.replace(day=1)


def whole_months(days: DateRange, held: Sequence[DateRange]) -> DateRange | None:
    """The longest run of calendar months of which these days have every charge; None where there is none.

    A month that they have only a part of counts where the other part has no charge at all.
    """
    first = month_of(days.start)
    if first < days.start and touches(DateRange(first, days.start), held):
        first = add_months(first, 1)
    last = month_of(days.end)
    if last < days.end and not touches(DateRange(days.end, add_months(last, 1)), held):
        last = add_months(last, 1)
    return DateRange(first, last) if first < last else None


def spanning(first: DateRange, other: DateRange | None) -> DateRange:
    """From the earliest to the latest day of two ranges."""
    return first if other is None else DateRange(min(first.start, other.start), max(first.end, other.end))


def touches(days: DateRange, held: Sequence[DateRange]) -> bool:
    """Whether any of the ranges has one of these days."""
    return any(one.start < days.end and days.start < one.end for one in held)


def uncovered_days(days: DateRange, covered: Sequence[DateRange]) -> int:
    """How many of these days are in none of the ranges, which do not overlap."""
    return days.days - sum(max(0, (min(one.end, days.end) - max(one.start, days.start)).days) for one in covered)


def _floor(day: date, months: int) -> date:
    """The first day of the month, quarter or year that a day lies in."""
    return date(day.year, (day.month - 1) // months * months + 1, 1)
