"""From what a provider tells of a metric to one value a day: pure, and unknown where anything is missing.

A day has a value where all of it was told: the day itself, or each of its 24 hours, and that of every series where the
metric is kept in several. A metric that is silent at zero use has 0 where the provider answered, did not cut its answer
short, and the resource was there; the day on which it came to be counts. Days before that are never 0 but unknown, and
the window keeps its length: it is known for 5 of 14 days, so that no check takes five quiet days for fourteen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from app.detection.check import Daily, Metric
from app.detection.usage import Usage
from app.providers.metrics import MetricSeries, MetricWindow
from app.recommendations.usage_plan import BY_HOURS, STATISTICS, Wanted
from app.records.usage import StoredUsage

_HOURS = range(24)
_RANKS: Mapping[Daily, int] = {
    Daily.P95_HOURS: math.ceil(0.95 * len(_HOURS)),
    Daily.P99_HOURS: math.ceil(0.99 * len(_HOURS)),
}
"""Which of a day's hours, the quietest first, tells a percentile."""
_MOST_SAMPLES = 2**15 - 1
_LATE = timedelta(days=1)
"""How old the end of a window may be: it is read before midnight, and looked at after it."""
_TOGETHER: Mapping[Daily, Callable[[Sequence[float]], float]] = {
    Daily.AVERAGE: math.fsum,
    Daily.SUM: math.fsum,
    Daily.MINIMUM: min,
    Daily.MAXIMUM: max,
    Daily.P95: max,
    Daily.P99: max,
    Daily.P95_HOURS: max,
    Daily.P99_HOURS: max,
    # The busiest hours of several series need not be the same one: together they are the most that it can have been.
    Daily.PEAK_HOUR: math.fsum,
    Daily.QUIET_HOURS: lambda hours: float(_quiet_in_all(hours)),
}
"""What the values of several series amount to on a day."""


@dataclass(frozen=True, slots=True)
class Days:
    """Values by day from a first one, and of how many values of the provider each was made."""

    first: date
    daily: tuple[float | None, ...]
    samples: tuple[int, ...]

    def on(self, day: date) -> tuple[float | None, int]:
        """The value of a day and its samples; unknown outside."""
        place = (day - self.first).days
        return (self.daily[place], self.samples[place]) if 0 <= place < len(self.daily) else (None, 0)


def fold(series: MetricSeries, window: MetricWindow, metric: Metric, since: date) -> Days:
    """The days of a window as one series tells them; `since` is when the resource is known to have been there."""
    statistic = STATISTICS[metric.daily]
    told: dict[date, dict[int, float]] = {}
    for point in series.points:
        value = point.values.get(statistic)
        if value is not None:
            told.setdefault(point.begin.date(), {})[point.begin.hour] = value
    is_silent = metric.silent_at_zero and not series.is_cut and statistic not in series.not_offered
    days = _days(window.begin.date(), window.end.date())
    values = [_value(told.get(day, {}), metric, 0.0 if is_silent and day >= since else None) for day in days]
    samples = [min(len(told.get(day, ())), _MOST_SAMPLES) for day in days]
    return Days(window.begin.date(), tuple(values), tuple(samples))


def _value(told: Mapping[int, float], metric: Metric, otherwise: float | None) -> float | None:
    """The value of one day; `otherwise` stands for a period that was not told."""
    if metric.daily not in BY_HOURS:
        return told.get(0, otherwise)
    hours = [told.get(hour, otherwise) for hour in _HOURS]
    known = [value for value in hours if value is not None]
    if len(known) < len(hours):
        return None
    if metric.daily is Daily.PEAK_HOUR:
        return max(known)
    if metric.daily in _RANKS:
        return sorted(known)[_RANKS[metric.daily] - 1]
    below = metric.below or 0.0
    return float(sum(1 << hour for hour, value in zip(_HOURS, known, strict=True) if value < below))


def together(parts: Sequence[Days], daily: Daily) -> Days:
    """The days of several series as one: unknown where one of them is."""
    first = min(part.first for part in parts)
    end = max(part.first + timedelta(days=len(part.daily)) for part in parts)
    values: list[float | None] = []
    samples: list[int] = []
    for day in _days(first, end):
        of_the_day = [part.on(day) for part in parts]
        known = [value for value, _ in of_the_day if value is not None]
        values.append(_TOGETHER[daily](known) if len(known) == len(parts) else None)
        samples.append(min(sum(count for _, count in of_the_day), _MOST_SAMPLES))
    return Days(first, tuple(values), tuple(samples))


def stored_with(
    wanted: Wanted,
    key: str,
    before: StoredUsage | None,
    told: Days | None,
    read_at: datetime,
    today: date,
    problem: str | None,
) -> StoredUsage:
    """The row of a metric after it was asked for: what is told now goes before what was known.

    Where nothing was told the row does not go on to today, so that it is asked for again from where it ends.
    """
    kept = None if before is None else Days(before.first_day, tuple(before.daily), tuple(before.samples))
    start = today - timedelta(days=wanted.days)
    if told is None:
        left = kept or Days(today, (), ())
        return StoredUsage(wanted.subject.id, key, left.first, left.daily, left.samples, read_at, problem)
    values: list[float | None] = []
    samples: list[int] = []
    for day in _days(start, today):
        value, count = told.on(day)
        if value is None and kept is not None:
            value, count = kept.on(day)
        values.append(value)
        samples.append(count)
    return StoredUsage(wanted.subject.id, key, start, tuple(values), tuple(samples), read_at, problem)


def usage_or_why(stored: StoredUsage | None, days: int, today: date) -> Usage | str:
    """What a check is given of a row, or why it is given nothing."""
    if stored is None:
        return "Nothing has been read of it yet; only connected accounts are read."
    if stored.problem is not None:
        return stored.problem
    if stored.end < today - _LATE:
        return f"It was last read on {stored.read_at.astimezone(UTC).date()}."
    end = min(stored.end, today)
    first = end - timedelta(days=days)
    start, stop = (first - stored.first_day).days, (end - stored.first_day).days
    before = (None,) * (min(-start, days) if start < 0 else 0)  # the window keeps its length
    start, stop = max(start, 0), max(stop, 0)
    return Usage(first, (*before, *stored.daily[start:stop]), sum(stored.samples[start:stop]))


def problem_of(series: MetricSeries, metric: Metric) -> str | None:
    """Why a series does not tell all there is; None where it does, also where the provider has no samples."""
    statistic = STATISTICS[metric.daily]
    if statistic in series.not_offered:
        return f"The provider does not offer {statistic.value} of {metric.name} here."
    return f"The provider did not tell all it has of {metric.name}." if series.is_cut else None


def _quiet_in_all(hours: Sequence[float]) -> int:
    quiet = (1 << len(_HOURS)) - 1
    for each in hours:
        quiet &= int(each)
    return quiet


def _days(first: date, end: date) -> list[date]:
    return [first + timedelta(days=count) for count in range((end - first).days)]
