"""What days to come will cost, step by step: pure mathematics, which the process beside the server computes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from app.costs.outlook.forecast import (
    MOST_DAYS_AHEAD,
    Forecast,
    ForecastTotal,
    ForecastUnavailable,
    forecast,
    period_rest,
)
from app.costs.outlook.series import DailySeries, exact_sum
from app.records.cost_analysis import DateRange


@dataclass(frozen=True)
class ExpectedCost:
    """What days will have cost when they are over: `actual`, exact, of those before the forecast, and all of them.

    The other amounts are the sum of that and of estimates, which have six digits behind the point.
    """

    days: DateRange
    actual: Decimal
    expected: Decimal
    lower: Decimal
    upper: Decimal


def forecast_periods(
    history: DailySeries,
    interval: Decimal,
    periods: tuple[tuple[date, date], ...],
    alone: tuple[date, date] | None = None,
) -> Forecast | ForecastUnavailable:
    """Forecast the days after the history up to the end of the last period; none begins before the history's end.

    The one that is `alone` is forecast by itself, as a budget's period and the end of a month are: its bounds are the
    same whatever comes after it. Where something does, that takes as long again.
    """
    end = periods[-1][1]
    days = (end - history.end).days
    if days > MOST_DAYS_AHEAD:
        last = history.end + timedelta(MOST_DAYS_AHEAD)
        return ForecastUnavailable(f"A forecast reaches {MOST_DAYS_AHEAD} days ahead: ask for a `period` to {last}")
    made = forecast(history, days, interval=interval, periods=periods)
    if isinstance(made, ForecastUnavailable) or alone is None or alone[1] == end:
        return made
    rest = period_rest(history, *alone, interval)
    if isinstance(rest, ForecastUnavailable):
        return rest
    totals = tuple(rest if (total.start, total.end) == alone else total for total in made.period_totals)
    return replace(made, period_totals=totals)


def rest_of(days: DateRange, until: date) -> tuple[date, date] | None:
    """The part of these days that is not known yet, those from `until` on; None where all of them are."""
    return (max(days.start, until), days.end) if days.end > until else None


def expected_of(days: DateRange, actual: Decimal, rest: ForecastTotal | None) -> ExpectedCost:
    """What is known of days and what is expected of the rest, if there is any, together."""
    if rest is None:
        return ExpectedCost(days, actual, actual, actual, actual)
    return ExpectedCost(days, actual, *(exact_sum((actual, one)) for one in (rest.expected, rest.lower, rest.upper)))
