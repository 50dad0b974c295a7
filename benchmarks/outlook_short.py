"""How often bounds hold that are made of few days, of which no back-test says how wide they are to be.

Few days: a drift that they leave open is drawn for each simulated course (app/costs/outlook/futures.py); "left out"
lines are of the same series before it was. Ten series of each kind. Purchases at month starts are shown apart: the
few days of most such histories have no month start, so that nothing can know of them, and the forecast says so
(`monthStartUnseen`).
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Final

import numpy as np

from app.costs.outlook.forecast import Forecast, forecast
from app.costs.outlook.series import exact_sum
from benchmarks.cost_series import Course, course

SEED: Final = 5
REPEATS: Final = 10
SPANS: Final = ((14, 30), (20, 30), (28, 30), (40, 30), (20, 60), (40, 90))
INTERVALS: Final = (Decimal("0.80"), Decimal("0.95"))
Key = tuple[int, int]
BEFORE: Final[dict[Key, tuple[str, str, str, str, str]]] = {
    (14, 30): ("57%", "63%", "70%", "76%", "8%"),
    (20, 30): ("67%", "73%", "72%", "79%", "9%"),
    (28, 30): ("76%", "79%", "89%", "91%", "12%"),
    (40, 30): ("86%", "86%", "95%", "95%", "13%"),
    (20, 60): ("56%", "61%", "66%", "72%", "10%"),
    (40, 90): ("75%", "79%", "85%", "87%", "23%"),
}
"""The same columns where no drift was drawn that few days leave open: of the same series, before it was."""


@dataclass(frozen=True)
class Held:
    """What became of the bounds of one forecast."""

    kind: Course
    total: bool
    width: float


def held(kind: Course, history: int, ahead: int, number: int, interval: Decimal) -> Held:
    """Forecast one series and compare with what came."""
    chance = np.random.default_rng([SEED, list(Course).index(kind), history, ahead, number])
    series = course(chance, kind, history, ahead)
    made = forecast(series.until(series.start + timedelta(history)), ahead, interval=interval)
    if not isinstance(made, Forecast):
        raise TypeError(made.reason)
    whole = exact_sum(series.values[history:])
    width = float((made.total.upper - made.total.lower) / abs(whole))
    return Held(kind, made.total.lower <= whole <= made.total.upper, width)


def short_rows() -> list[list[str]]:
    """Coverage of 80 and 95 % by history and days ahead, as it is and as it was."""
    heads = ["history", "ahead", "drift", "totals in 80 %", "without month starts", "totals in 95 %"]
    heads += ["without month starts", "width of 80 %"]
    rows = [heads]
    for history, ahead in SPANS:
        found = {
            interval: [held(kind, history, ahead, number, interval) for kind in Course for number in range(REPEATS)]
            for interval in INTERVALS
        }
        figures = [part for interval in INTERVALS for part in shares(found[interval])]
        width = f"{statistics.median(one.width for one in found[INTERVALS[0]]):.0%}"
        rows.append([str(history), str(ahead), "left out, as it was", *BEFORE[history, ahead]])
        rows.append([str(history), str(ahead), "drawn", *figures, width])
    return rows


def shares(found: Sequence[Held]) -> tuple[str, str]:
    """The part of totals within bounds: of all series, and without those that purchase at month starts."""
    others = [one.total for one in found if one.kind is not Course.MONTH_START]
    return f"{statistics.fmean(one.total for one in found):.0%}", f"{statistics.fmean(others):.0%}"
