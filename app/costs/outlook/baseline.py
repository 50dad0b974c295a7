"""What a day was expected to cost, judged by the days before it alone: medians of whole weeks and of equal weekdays.

A day's expectation is the median of the last three whole weeks plus what its weekday usually adds to that. Both are
medians, so a spike changes neither and a step becomes the new normal after about eleven days; and because only
earlier days count, a judgement does not change when more days arrive. Measured against STL and against plain
medians by weekday in benchmarks/OUTLOOK.md. Loads numpy: imported only by functions that need it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

import numpy as np
import numpy.typing as npt

from app.costs.outlook.series import DailySeries

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

WEEK: Final = 7
WARM_UP: Final = 2 * WEEK
"""Days before the first one that is judged: every weekday has been seen twice."""

_LEVEL_DAYS: Final = 3 * WEEK
_SEASON_WEEKS: Final = 8
_SCALE_DAYS: Final = 8 * WEEK
_GAUSSIAN: Final = 1.4826
"""A median of absolute deviations times this is the standard deviation where noise is Gaussian."""
_GAUSSIAN_MEAN: Final = 1.2533
"""The same for a mean of absolute deviations."""
_MEDIAN_VARIANCE: Final = 1.57
"""Variance of a median of n values, in units of that of one value divided by n (pi / 2)."""
_MEAN_PART: Final = 0.8
_FLOOR: Final = 0.02
"""Noise is never taken for less than this part of the level: 2 % more is no news, however regular the costs are."""
_OUTLIER: Final = 4.0
_OUTLIER_DAYS: Final = 3
_GOES_ON: Final = 2.0
"""A day after an outlier is one too if it is this far off in the same direction."""
_WARM_UP_OUTLIER: Final = 6.0
_RARE_AT_FIRST: Final = 2
_RARE_DAYS: Final = 4 * WEEK
_RARE: Final = 4
_MONTHS: Final = 3
_PURCHASE_TOLERANCE: Final = 0.1


@dataclass(frozen=True, slots=True)
class Judgement:
    """Arrays with one entry a day: what was expected, and by how much that may be off (standard deviations).

    The first `WARM_UP` days have an expectation for want of a better one; they are not to be judged.
    """

    actual: FloatArray
    expected: FloatArray
    noise: FloatArray


def judge(series: DailySeries) -> Judgement:
    """What each day of the series was expected to cost. Half a millisecond for 120 days."""
    actual = as_floats(series.values)
    clean = _calm_beginning(actual)
    expected, noise = _expectation(clean)
    expected, noise = _expectation(_without_spikes(clean, expected, noise))
    early = min(WARM_UP, len(actual))
    if early:
        expected[:early] = np.median(clean[:early])
    expected, noise = _with_purchases(actual, expected, noise, month_starts(series.start, len(actual)))
    return Judgement(actual, expected, noise)


def as_floats(values: Sequence[Decimal]) -> FloatArray:
    """The amounts as binary floating point, 15 to 17 digits."""
    return np.array([float(value) for value in values], dtype=np.float64)


def month_starts(start: date, days: int) -> BoolArray:
    """Which of the days from `start` on are the first of a month."""
    return np.array([(start + timedelta(offset)).day == 1 for offset in range(days)], dtype=np.bool_)


def trailing(values: FloatArray, window: int) -> FloatArray:
    """For every day a row of the `window` days before it, not a number where there was none."""
    padded = np.concatenate([np.full(window, np.nan), values])
    return np.array(np.lib.stride_tricks.sliding_window_view(padded, window)[: len(values)])


def medians(rows: FloatArray) -> FloatArray:
    """The median of each row's numbers. numpy's nanmedian takes twenty times as long for rows this short."""
    ordered = np.sort(rows, axis=1)
    counts = _counts(rows)
    row = np.arange(len(rows))
    lower = np.maximum(counts - 1, 0) // 2
    upper = np.minimum(counts // 2, rows.shape[1] - 1)
    return np.asarray((ordered[row, lower] + ordered[row, upper]) / 2, dtype=np.float64)


def _counts(rows: FloatArray) -> npt.NDArray[np.intp]:
    return np.asarray(np.count_nonzero(~np.isnan(rows), axis=1), dtype=np.intp)


def _calm_beginning(actual: FloatArray) -> FloatArray:
    """The series with spikes of its first two weeks replaced by the same weekday's other value.

    Each weekday is there twice; where the two differ far more than such pairs usually do, the one farther from the
    middle is the spike.
    """
    if len(actual) < WARM_UP:
        return actual
    first = actual[:WARM_UP]
    twin = np.roll(first, WEEK)
    middle = np.median(first)
    apart = np.abs(first - twin)
    usual = np.maximum(_WARM_UP_OUTLIER * _GAUSSIAN * np.median(apart), _FLOOR * abs(middle))
    spike = (apart > usual) & (np.abs(first - middle) > np.abs(twin - middle))
    if np.count_nonzero(spike) > _RARE_AT_FIRST:
        return actual
    return np.concatenate([np.where(spike, twin, first), actual[WARM_UP:]])


def _expectation(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The expectation of every day from the days before it, and its standard deviation; not a number at first."""
    days = len(values)
    rows = trailing(values, _LEVEL_DAYS)
    whole_weeks = np.minimum(np.arange(days) // WEEK * WEEK, _LEVEL_DAYS)
    rows[np.arange(_LEVEL_DAYS)[None, :] < (_LEVEL_DAYS - whole_weeks)[:, None]] = np.nan
    level = medians(rows)
    above = values - level
    same_weekday = np.full((days, _SEASON_WEEKS), np.nan)
    for weeks in range(1, _SEASON_WEEKS + 1):
        same_weekday[WEEK * weeks :, weeks - 1] = above[: max(days - WEEK * weeks, 0)]
    expected = level + medians(same_weekday)
    spread = 1 + _MEDIAN_VARIANCE / np.maximum(_counts(same_weekday), 1) + _MEDIAN_VARIANCE / np.maximum(whole_weeks, 1)
    return expected, _noise(values, values - expected, level, np.sqrt(spread))


def _noise(values: FloatArray, errors: FloatArray, level: FloatArray, spread: FloatArray) -> FloatArray:
    """The larger of two estimates: from differences between weeks, there from the start, and from past errors.

    Estimates from few values are raised, as a small sample often understates. Where most errors are 0 the median
    says nothing (a series with a charge every third day), so the mean speaks too.
    """
    days = np.arange(len(values))
    between_weeks = np.full(len(values), np.nan)
    between_weeks[WEEK:] = np.abs(values[WEEK:] - values[: max(len(values) - WEEK, 0)])
    differences = np.clip(days - WEEK, 1, _SCALE_DAYS)
    noise = medians(trailing(between_weeks, _SCALE_DAYS)) * _GAUSSIAN / np.sqrt(2) * spread * (1 + 2.5 / differences)
    past = trailing(np.abs(errors), _SCALE_DAYS)
    judged = np.clip(days - WARM_UP, 0, _SCALE_DAYS)
    from_errors = medians(past) * _GAUSSIAN * (1 + 1.5 / np.maximum(judged, 1))
    surprises = np.where(np.isnan(errors), between_weeks / np.sqrt(2), np.abs(errors))
    known = np.clip(days - WEEK, 1, _SCALE_DAYS)
    from_mean = np.nansum(trailing(surprises, _SCALE_DAYS), axis=1) / known * _GAUSSIAN_MEAN * (1 + 2.5 / known)
    noise = np.where(judged >= WARM_UP, np.fmax(noise, from_errors), noise)
    noise = np.where(noise < _MEAN_PART * from_mean, from_mean, noise)
    return np.asarray(np.fmax(noise, _FLOOR * np.abs(level)), dtype=np.float64)


def _without_spikes(values: FloatArray, expected: FloatArray, noise: FloatArray) -> FloatArray:
    """The series with the first days of every deviation replaced by what was expected of them.

    A deviation that lasts longer is taken for the new normal, so its later days stay; and what happens often is
    how the series is.
    """
    scores = (values - expected) / np.where(noise > 0, noise, np.nan)
    outlying = np.abs(values - expected) > _OUTLIER * noise
    for late in range(1, len(values)):
        # The first days of a deviation raise the noise that the next ones are measured by.
        same = outlying[late - 1] and scores[late] * np.sign(values[late - 1] - expected[late - 1]) > _GOES_ON
        outlying[late] = outlying[late] or same
    day = np.arange(len(values))
    last_calm = np.maximum.accumulate(np.where(outlying, -1, day))
    often = np.nansum(trailing(outlying.astype(np.float64), _RARE_DAYS), axis=1) > _RARE
    return np.where(outlying & (day - last_calm <= _OUTLIER_DAYS) & ~often, expected, values)


def _with_purchases(
    actual: FloatArray, expected: FloatArray, noise: FloatArray, starts: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """Expectation and noise with what is bought on the first of a month.

    Anything up to what the last three month starts had above or below the usual is expected. The first month start
    of a series has nothing to be compared with, so all of it is.
    """
    expected, noise = expected.copy(), noise.copy()
    firsts = [int(day) for day in np.flatnonzero(starts)]
    above = {day: float(actual[day] - expected[day]) for day in firsts}
    for place, day in enumerate(firsts):
        seen = [above[earlier] for earlier in firsts[max(0, place - _MONTHS) : place]]
        bought = min(max(above[day], min(0.0, *seen)), max(0.0, *seen)) if seen else above[day]
        expected[day] += bought
        noise[day] += _PURCHASE_TOLERANCE * abs(bought)
    return expected, noise
