"""Anomalies: runs of days that cost far more or far less than the days before them let expect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum, StrEnum
from itertools import groupby
from typing import TYPE_CHECKING, Final

from app.costs.outlook.series import DailySeries, exact_difference, exact_sum, rounded

if TYPE_CHECKING:
    from app.costs.outlook.baseline import FloatArray, Judgement

MINIMUM_HISTORY_DAYS: Final = 14
LARGEST_SCORE: Final = 100.0
"""Where nothing ever varied, any change is infinitely far off; such scores are cut here."""

_WEEK: Final = 7
_WEEK_NOISE: Final = 0.5
"""Noise of the mean of seven days' errors in units of one day's: 1/7 for the days, the rest for their expectation."""
_CLIPPED: Final = 3.0
"""No single day counts for more in the mean of a week, so that a spike is no drift."""
_PART_OF_DRIFT: Final = 1.0
_CONTINUES: Final = 2.0
_BETWEEN: Final = 0.5
_SCORE_SCALE: Final = 2
_NOTHING: Final = 1e-9


class Sensitivity(Enum):
    """How far off, in standard deviations of the noise, a day must be: more sensitive finds more and errs more."""

    LOW = 6.0
    MEDIUM = 4.5
    HIGH = 3.5


class Direction(StrEnum):
    """Whether more or less was spent than expected."""

    INCREASE = "increase"
    DECREASE = "decrease"


@dataclass(frozen=True, slots=True)
class JudgedDay:
    """What a day cost, exactly, and what it was expected to cost."""

    day: date
    expected: Decimal
    actual: Decimal

    @property
    def excess(self) -> Decimal:
        """How much more was spent, negative where less was."""
        return exact_difference(self.actual, self.expected)


@dataclass(frozen=True, slots=True)
class Anomaly:
    """Days from `start` to `end` (exclusive) that were all out of line in one direction.

    `actual` is the exact sum of the days, `expected` an estimate with six digits after the point, `excess` exactly
    their difference (negative for a decrease). `score` is that of the worst day in standard deviations, at most 100.
    """

    start: date
    end: date
    expected: Decimal
    actual: Decimal
    excess: Decimal
    score: Decimal
    direction: Direction
    days: tuple[JudgedDay, ...]

    @classmethod
    def of(cls, days: Sequence[JudgedDay], score: Decimal) -> Anomaly:
        """The anomaly of these days, at least one, in order."""
        expected, actual = exact_sum(day.expected for day in days), exact_sum(day.actual for day in days)
        excess = exact_difference(actual, expected)
        return cls(
            start=days[0].day,
            end=days[-1].day + timedelta(1),
            expected=expected,
            actual=actual,
            excess=excess,
            score=score,
            direction=Direction.INCREASE if excess > 0 else Direction.DECREASE,
            days=tuple(days),
        )


@dataclass(frozen=True, slots=True)
class JudgementUnavailable:
    """Why nothing can be said about a series."""

    reason: str


def find_anomalies(
    series: DailySeries,
    *,
    sensitivity: Sensitivity = Sensitivity.MEDIUM,
    minimum_amount: Decimal = Decimal(0),
    explained: Mapping[date, Decimal] | None = None,
) -> list[Anomaly] | JudgementUnavailable:
    """The anomalies of a series, oldest first; half a millisecond for 120 days.

    Each day is judged by the days before it: the level of the last three weeks, its weekday, the noise, and what was
    bought at earlier month starts. The first 14 days are not judged; days whose charges are still arriving are to be
    left out by the caller (`DailySeries.until`). A run of days is kept when its excess is at least `minimum_amount`
    either way. `explained`: how much of the excess of days has a cause that is known already, and is expected here.
    """
    # numpy takes a quarter of a second to import and the start of the server does not need it.
    from app.costs.outlook.baseline import judge  # noqa: PLC0415

    if series.days <= MINIMUM_HISTORY_DAYS:
        reason = f"{series.days} complete days; judging a day needs {MINIMUM_HISTORY_DAYS} days before it"
        return JudgementUnavailable(reason)
    judgement = judge(series)
    if explained:
        _expect(judgement, [float(explained.get(day, 0)) for day in series.dates()])
    scores = _scores(judgement)
    signs = _out_of_line(scores, sensitivity.value)
    found = []
    for sign, days in groupby(range(series.days), key=lambda day: signs[day]):
        run = list(days)
        if sign:
            anomaly = _anomaly(series, judgement, scores, run)
            if anomaly.excess and anomaly.excess.copy_abs() >= minimum_amount:
                found.append(anomaly)
    return found


def judged_days(series: DailySeries, start: date, end: date) -> list[JudgedDay]:
    """What the days of a series from `start` to before `end` were expected to cost, out of line or not.

    Days that the series does not have, and its first 14, are left out.
    """
    from app.costs.outlook.baseline import judge  # noqa: PLC0415 - as above

    if series.days <= MINIMUM_HISTORY_DAYS:
        return []
    days = zip(series.dates(), judge(series).expected, series.values, strict=True)
    judged = [JudgedDay(day, rounded(expected), actual) for day, expected, actual in days]
    return [one for one in judged[MINIMUM_HISTORY_DAYS:] if start <= one.day < end]


def _expect(judgement: Judgement, amounts: Sequence[float]) -> None:
    """Expect these amounts too. What rounding leaves of a day is nothing: where nothing ever varied it would count."""
    import numpy as np  # noqa: PLC0415 - as above

    expected = judgement.expected + amounts
    nothing = np.abs(judgement.actual - expected) <= _NOTHING * np.abs(amounts)
    judgement.expected[:] = np.where(nothing, judgement.actual, expected)


def _scores(judgement: Judgement) -> FloatArray:
    """How many standard deviations each day is off; 0 in the first two weeks."""
    import numpy as np  # noqa: PLC0415 - as above

    errors = judgement.actual - judgement.expected
    errors[:MINIMUM_HISTORY_DAYS] = 0.0
    silent = judgement.noise <= 0
    known = np.where(silent | np.isnan(judgement.noise), 1.0, judgement.noise)
    scores = np.where(silent, np.sign(errors) * LARGEST_SCORE, errors / known)
    return np.asarray(np.clip(scores, -LARGEST_SCORE, LARGEST_SCORE), dtype=np.float64)


def _out_of_line(scores: FloatArray, limit: float) -> list[int]:
    """+1 or -1 for each day that is part of an anomaly, else 0.

    A day alone must pass the limit. A week whose days are all somewhat off passes it together: that is how small
    steps and slow ramps are found. A run goes on while its days stay clearly off, and over one that is less so.
    """
    import numpy as np  # noqa: PLC0415 - as above

    signs = [int(sign) for sign in np.sign(scores) * (np.abs(scores) > limit)]
    sums = np.concatenate([[0.0], np.cumsum(np.clip(scores, -_CLIPPED, _CLIPPED))])
    first = MINIMUM_HISTORY_DAYS + _WEEK - 1
    for day in range(first, len(scores)):
        drift = (sums[day + 1] - sums[day + 1 - _WEEK]) / _WEEK / _WEEK_NOISE
        if abs(drift) > limit and drift * scores[day] > 0:
            sign = 1 if drift > 0 else -1
            for earlier in range(day, day - _WEEK, -1):
                if scores[earlier] * sign <= _PART_OF_DRIFT:
                    break
                signs[earlier] = sign
    for day in range(1, len(signs)):
        if not signs[day] and scores[day] * signs[day - 1] > _CONTINUES:
            signs[day] = signs[day - 1]
    for day in range(1, len(signs) - 1):
        if not signs[day] and signs[day - 1] == signs[day + 1] and scores[day] * signs[day - 1] > _BETWEEN:
            signs[day] = signs[day - 1]
    return signs


def _anomaly(series: DailySeries, judgement: Judgement, scores: FloatArray, run: Sequence[int]) -> Anomaly:
    days = [
        JudgedDay(series.start + timedelta(day), rounded(judgement.expected[day]), series.values[day]) for day in run
    ]
    return Anomaly.of(days, rounded(max(abs(scores[day]) for day in run), _SCORE_SCALE))
