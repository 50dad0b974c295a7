"""Forecasts of daily costs: what each day, and what months and quarters, will cost, within which bounds.

The bounds of a total are quantiles of simulated totals, not sums of the days' bounds. How wide they are is checked
against the series' own past and corrected where that shows them too narrow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from app.costs.outlook.series import RATIO_SCALE, DailySeries, exact_sum, ratio, rounded
from app.records.months import next_month

if TYPE_CHECKING:
    from app.costs.outlook.baseline import FloatArray
    from app.costs.outlook.futures import Futures

MINIMUM_HISTORY_DAYS: Final = 14
"""Every weekday has been seen twice."""
DAYS_AHEAD_PER_DAY_OF_HISTORY: Final = 3
MOST_DAYS_AHEAD: Final = 366
INTERVAL: Final = Decimal("0.80")

_COURSES: Final = 1_000
_BACK_TEST_COURSES: Final = 200
_BACK_TEST_ORIGINS: Final = 4
_BACK_TEST_DAYS: Final = 30
_BACK_TEST_HISTORY: Final = 28
_MOST_WIDENING: Final = 2.0


@dataclass(frozen=True, slots=True)
class ForecastPoint:
    """What one day is expected to cost, and bounds that hold with the asked probability; six digits after the point."""

    day: date
    expected: Decimal
    lower: Decimal
    upper: Decimal


@dataclass(frozen=True, slots=True)
class ForecastTotal:
    """The same for the sum of the days from `start` to `end` (exclusive); `expected` is exactly that of the days."""

    start: date
    end: date
    expected: Decimal
    lower: Decimal
    upper: Decimal


@dataclass(frozen=True, slots=True)
class BackTest:
    """How forecasts made earlier in the same series turned out: `origins` of them, each of `horizon` days.

    `mape`: mean of each day's error as a part of what the day cost; None where a day cost nothing.
    `wape`: sum of the days' errors as a part of the sum of their costs; `total_wape` the same for the totals; None
    where nothing was charged. `coverage` and `total_coverage`: the part of days and of totals within their bounds,
    before any widening. Four digits after the point.
    """

    horizon: int
    origins: int
    mape: Decimal | None
    wape: Decimal | None
    total_wape: Decimal | None
    coverage: Decimal
    total_coverage: Decimal


@dataclass(frozen=True, slots=True)
class Forecast:
    """The days after the series, their total, and the totals of the periods that were asked for.

    `method` names the parts of the model, `history_days` how many days it had. `error` is None where the history is
    too short to test. `widened` is the factor, at least 1, by which intervals were stretched because forecasts in
    the past missed more often than they may. `month_start_unseen`: a first of a month lies ahead but none in the
    history, so whatever is bought on that day every month is not in the forecast.
    """

    points: tuple[ForecastPoint, ...]
    total: ForecastTotal
    period_totals: tuple[ForecastTotal, ...]
    method: str
    history_days: int
    interval: Decimal
    error: BackTest | None
    widened: Decimal
    month_start_unseen: bool


@dataclass(frozen=True, slots=True)
class ForecastUnavailable:
    """Why there is no forecast."""

    reason: str


@dataclass(frozen=True, slots=True)
class CostOutlook:
    """A forecast: the days after the history, their total, and that of the month in which the last complete day lies.

    `month_total` is the same whatever days were asked for, and None with the reason where it cannot be told. The rest
    is said in Forecast.
    """

    points: tuple[ForecastPoint, ...]
    total: ForecastTotal
    month_total: ForecastTotal | None
    month_reason: str | None
    made: Forecast


def forecast(
    series: DailySeries,
    days: int,
    *,
    interval: Decimal = INTERVAL,
    periods: Sequence[tuple[date, date]] = (),
) -> Forecast | ForecastUnavailable:
    """Forecast the `days` after the series; 0.1 to 0.4 seconds of computing, so have `outlook.aside` do it.

    Cut the series with `until` at the last day whose charges have all arrived. `periods` (end-exclusive, within the
    days ahead, else a ValueError) get totals of their own. Equal input gives equal output.
    """
    _refuse_impossible(days, interval)
    lacking = _lacking(series, days)
    if lacking is not None:
        return ForecastUnavailable(lacking)
    # statsmodels takes seconds to import and the start of the server does not need it.
    from app.costs.outlook.futures import simulate  # noqa: PLC0415

    trials = _trials(series, min(days, _BACK_TEST_DAYS), _BACK_TEST_ORIGINS)
    widened = _widening(trials, interval)
    futures = simulate(series, days, courses=_COURSES, widened=float(widened))
    points = _points(futures, series.end, interval)
    return Forecast(
        points=points,
        total=_total(futures, points, interval, series.end, series.end + timedelta(days)),
        period_totals=tuple(_total(futures, points, interval, start, end) for start, end in periods),
        method=futures.method,
        history_days=series.days,
        interval=interval,
        error=_verdict(trials, interval) if trials else None,
        widened=widened,
        month_start_unseen=any(point.day.day == 1 for point in points) and all(day.day > 1 for day in series.dates()),
    )


def cost_outlook(history: DailySeries, days: int, interval: Decimal) -> CostOutlook | ForecastUnavailable:
    """Forecast the days after the history, and its month; have `outlook.aside` do it.

    The month is forecast as a budget's is, by itself: how far a forecast looks ahead decides which courses are drawn
    and which back-test widens them, so that bounds of its first days are not those of these days alone. Where more days
    are asked for than the month has left, that takes as long again.
    """
    last = history.end - timedelta(1)
    month_start, following = last.replace(day=1), next_month(last)
    left = (following - history.end).days
    made = forecast(history, max(days, left), interval=interval, periods=[(history.end, history.end + timedelta(days))])
    if isinstance(made, ForecastUnavailable):
        return made
    points, total = made.points[:days], made.period_totals[0]
    if history.start > month_start:
        return CostOutlook(points, total, None, f"Costs before {history.start} are not imported.", made)
    actual, parts = history.between(month_start, following).total, (Decimal(0),) * 3
    if left:
        rest = made.total if left >= days else period_rest(history, history.end, following, interval)
        if isinstance(rest, ForecastUnavailable):
            return rest
        parts = (rest.expected, rest.lower, rest.upper)
    month_total = ForecastTotal(month_start, following, *(exact_sum((actual, part)) for part in parts))
    return CostOutlook(points, total, month_total, None, made)


def period_rest(
    series: DailySeries, start: date, end: date, interval: Decimal = INTERVAL
) -> ForecastTotal | ForecastUnavailable:
    """What the days from `start`, none before the series' end, to before `end` will cost together."""
    made = forecast(series, (end - series.end).days, interval=interval, periods=((start, end),))
    return made if isinstance(made, ForecastUnavailable) else made.period_totals[0]


def back_test(
    series: DailySeries, horizon: int, origins: int, *, interval: Decimal = INTERVAL
) -> BackTest | ForecastUnavailable:
    """Forecast from earlier days of the series and compare with what came: rolling origin, oldest first.

    Each origin sees only the days before it, the choice of its model included. The last one lies `horizon` days
    before the end; the others are evenly spaced before it, none with less than four weeks of history.
    """
    _refuse_impossible(horizon, interval)
    trials = _trials(series, horizon, origins)
    if not trials:
        needed = _BACK_TEST_HISTORY + horizon
        return ForecastUnavailable(f"{series.days} days; a back-test of {horizon} days needs {needed}")
    return _verdict(trials, interval)


@dataclass(frozen=True, slots=True)
class _Trial:
    """One forecast made in the past, and what came."""

    futures: Futures
    actual: FloatArray


def _refuse_impossible(days: int, interval: Decimal) -> None:
    if not 1 <= days <= MOST_DAYS_AHEAD:
        message = f"a forecast is of 1 to {MOST_DAYS_AHEAD} days, not {days}"
        raise ValueError(message)
    if not 0 < interval < 1:
        message = f"an interval is between 0 and 1, not {interval}"
        raise ValueError(message)


def _lacking(series: DailySeries, days: int) -> str | None:
    if series.days < MINIMUM_HISTORY_DAYS:
        return f"{series.days} days of history; a forecast needs {MINIMUM_HISTORY_DAYS}"
    most = DAYS_AHEAD_PER_DAY_OF_HISTORY * series.days
    if days > most:
        return f"{series.days} days of history allow a forecast of {most} days, not {days}"
    return None


def _trials(series: DailySeries, horizon: int, origins: int) -> list[_Trial]:
    from app.costs.outlook.baseline import as_floats  # noqa: PLC0415 - as above
    from app.costs.outlook.futures import simulate  # noqa: PLC0415 - as above

    last = series.days - horizon
    if last < _BACK_TEST_HISTORY or origins < 1:
        return []
    step = min(horizon, (last - _BACK_TEST_HISTORY) // max(origins - 1, 1))
    firsts = sorted({last - step * back for back in range(origins)})
    trials = []
    for first in firsts:
        origin = series.start + timedelta(first)
        futures = simulate(series.until(origin), horizon, courses=_BACK_TEST_COURSES)
        trials.append(_Trial(futures, as_floats(series.values[first : first + horizon])))
    return trials


def _bounds(futures: Futures, courses: FloatArray, interval: Decimal) -> FloatArray:
    """The lower and the upper quantile of each column, or of the courses' sums."""
    import numpy as np  # noqa: PLC0415 - as above

    outside = (1 - float(interval)) / 2
    quantiles = np.quantile(courses, [outside, 1 - outside], axis=0)
    return np.asarray(np.clip(quantiles, futures.lowest, futures.highest), dtype=np.float64)


def _points(futures: Futures, start: date, interval: Decimal) -> tuple[ForecastPoint, ...]:
    lower, upper = _bounds(futures, futures.courses, interval)
    points = []
    for offset, amount in enumerate(futures.expected):
        expected = rounded(amount)
        bounds = min(rounded(lower[offset]), expected), max(rounded(upper[offset]), expected)
        points.append(ForecastPoint(start + timedelta(offset), expected, *bounds))
    return tuple(points)


def _total(
    futures: Futures, points: Sequence[ForecastPoint], interval: Decimal, start: date, end: date
) -> ForecastTotal:
    first, last = (start - points[0].day).days, (end - points[0].day).days
    if not 0 <= first < last <= len(points):
        message = f"{start} to {end} is not within the days ahead"
        raise ValueError(message)
    expected = exact_sum(point.expected for point in points[first:last])
    lower, upper = _bounds(futures, futures.courses[:, first:last].sum(axis=1), interval)
    return ForecastTotal(start, end, expected, min(rounded(lower), expected), max(rounded(upper), expected))


def _widening(trials: Sequence[_Trial], interval: Decimal) -> Decimal:
    """By how much intervals of past totals were too narrow: what would have held the asked part of them.

    The part is that of conformal prediction, which counts the total to come among them: of four origins the one that
    missed most. Between 1 and 2: a few origins that may have met the same surprise are no ground for more.
    """
    misses = []
    for trial in trials:
        expected, actual = float(trial.futures.expected.sum()), float(trial.actual.sum())
        lower, upper = _bounds(trial.futures, trial.futures.courses.sum(axis=1), interval)
        allowed = upper - expected if actual > expected else expected - lower
        if allowed > 0:
            misses.append(abs(actual - expected) / allowed)
    rank = min(math.ceil((len(misses) + 1) * interval), len(misses))
    needed = sorted(misses)[rank - 1] if misses else 1.0
    return rounded(min(max(needed, 1.0), _MOST_WIDENING), RATIO_SCALE)


def _verdict(trials: Sequence[_Trial], interval: Decimal) -> BackTest:
    import numpy as np  # noqa: PLC0415 - as above

    actual = np.array([trial.actual for trial in trials])
    expected = np.array([trial.futures.expected for trial in trials])
    bounds = [_bounds(trial.futures, trial.futures.courses, interval) for trial in trials]
    sums = [_bounds(trial.futures, trial.futures.courses.sum(axis=1), interval) for trial in trials]
    errors, whole = np.abs(actual - expected), actual.sum(axis=1)
    inside = [(low <= days) & (days <= high) for (low, high), days in zip(bounds, actual, strict=True)]
    sums_inside = [low <= total <= high for (low, high), total in zip(sums, whole, strict=True)]
    charged = bool(np.all(actual != 0))
    return BackTest(
        horizon=actual.shape[1],
        origins=len(trials),
        mape=rounded(float(np.mean(errors / np.abs(actual))), RATIO_SCALE) if charged else None,
        wape=ratio(rounded(float(errors.sum())), rounded(float(np.abs(actual).sum()))),
        total_wape=ratio(
            rounded(float(np.abs(whole - expected.sum(axis=1)).sum())), rounded(float(np.abs(whole).sum()))
        ),
        coverage=rounded(float(np.mean(inside)), RATIO_SCALE),
        total_coverage=rounded(float(np.mean(sums_inside)), RATIO_SCALE),
    )
