"""Daily costs made from a seed: what an organization's series look like, and anomalies whose place is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from app.costs.outlook.series import DailySeries

FloatArray = npt.NDArray[np.float64]

FIRST_DAY: Final = date(2025, 1, 6)
SATURDAY: Final = 5
LEVEL: Final = 100.0
PURCHASE: Final = 1500.0


class Background(StrEnum):
    """How costs go when nothing unusual happens."""

    STEADY = "steady"
    MONTH_START = "month-start purchases"
    GROWTH = "growth of 0.3 % a day"
    WANDERING = "wandering level"
    INTERMITTENT = "a charge every third day"


class Injection(StrEnum):
    """What is put into a series."""

    NOTHING = "nothing"
    SPIKE = "spike"
    STEP = "step"
    RAMP = "slow ramp"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Injected:
    """A series and the days in it (end-exclusive) that are out of line; `sign` is +1 or -1, 0 for nothing."""

    series: DailySeries
    start: date
    end: date
    sign: int


def exact_series(start: date, values: FloatArray) -> DailySeries:
    """The values as cents."""
    return DailySeries(start, tuple(Decimal(f"{value:.2f}") for value in values))


def is_month_start(start: date, days: int) -> npt.NDArray[np.bool_]:
    """Which days are the first of a month."""
    return np.array([(start + timedelta(day)).day == 1 for day in range(days)])


def background(
    chance: np.random.Generator, kind: Background, days: int, start: date, noise: float, weekend: float = 0.3
) -> FloatArray:
    """Costs around 100 a day with log-normal noise; on weekends the given part is missing."""
    day = np.arange(days)
    rest = np.array([(start + timedelta(int(offset))).weekday() >= SATURDAY for offset in day])
    drift = {Background.GROWTH: 0.003}.get(kind, 0.0) * day
    if kind is Background.WANDERING:
        drift = np.cumsum(chance.normal(0, 0.01, days))
    values = LEVEL * np.exp(drift + chance.normal(0, noise, days)) * np.where(rest, 1 - weekend, 1.0)
    if kind is Background.MONTH_START:
        values += is_month_start(start, days) * PURCHASE * np.exp(chance.normal(0, 0.05, days))
    if kind is Background.INTERMITTENT:
        values *= chance.random(days) < 1 / 3
    return np.asarray(values, dtype=np.float64)


def inject(chance: np.random.Generator, kind: Injection, values: FloatArray, start: date) -> Injected:
    """Change the values somewhere after the first six weeks.

    spike: one or two days, +50 to +200 % of the level; step: +30 to +100 % for good; slow ramp: two weeks that each
    day add 2 to 5 %, which stay; drop: one to five days with 50 to 80 % less.
    """
    days, changed, level = len(values), values.copy(), float(np.median(values))
    first = int(chance.integers(45, days - 15))
    last, sign = days, 1
    if kind is Injection.SPIKE:
        last = first + int(chance.integers(1, 3))
        changed[first:last] += level * chance.uniform(0.5, 2.0)
    elif kind is Injection.STEP:
        changed[first:] += level * chance.uniform(0.3, 1.0)
    elif kind is Injection.RAMP:
        changed[first:] *= 1 + chance.uniform(0.02, 0.05) * np.minimum(np.arange(1, days - first + 1), 14)
    elif kind is Injection.DROP:
        last, sign = first + int(chance.integers(1, 6)), -1
        changed[first:last] *= chance.uniform(0.2, 0.5)
    else:
        last, sign = first, 0
    return Injected(exact_series(start, changed), start + timedelta(first), start + timedelta(last), sign)


def injected_case(
    seed: int, number: int, kind: Injection, ground: Background, noise: float, days: int = 120
) -> Injected:
    """One case of the set: the same arguments give the same case."""
    kinds = (list(Injection).index(kind), list(Background).index(ground))
    chance = np.random.default_rng([seed, number, *kinds, round(noise * 1000)])
    start = FIRST_DAY + timedelta(int(chance.integers(0, 365)))
    return inject(chance, kind, background(chance, ground, days, start, noise), start)


def _grown(chance: np.random.Generator, days: int, rate: float) -> FloatArray:
    values = background(chance, Background.STEADY, days, FIRST_DAY, 0.05)
    return np.asarray(values * np.exp(rate * np.arange(days)), dtype=np.float64)


def _shifted(chance: np.random.Generator, days: int, origin: int) -> FloatArray:
    values = background(chance, Background.STEADY, days, FIRST_DAY, 0.05)
    values[max(origin - int(chance.integers(3, 50)), 0) :] *= 1.6
    return values


def _begun(chance: np.random.Generator, days: int, first: int) -> FloatArray:
    values = background(chance, Background.STEADY, days, FIRST_DAY, 0.05)
    values[:first] = 0
    return values


def _with_events(chance: np.random.Generator, days: int, rate: float, amount: float) -> FloatArray:
    values = background(chance, Background.STEADY, days, FIRST_DAY, 0.05)
    return values + amount * (chance.random(days) < rate)


class Course(StrEnum):
    """What a forecast has to cope with."""

    STEADY = "steady, noise 5 %"
    WEEKLY = "weekends -40 %, noise 10 %"
    GROWING = "grows 0.3 % a day"
    SHRINKING = "shrinks 0.3 % a day"
    WANDERING = "level wanders 1 % a day"
    SHIFTED = "+60 % 3 to 50 days ago"
    MONTH_START = "month-start purchases"
    ONE_OFF = "one-off purchases (1 % of days)"
    CREDITS = "credits (3 % of days)"
    INTERMITTENT = "a charge every third day"
    NEW = "a new service: nothing until 10 days ago"
    WORKDAYS = "workdays only, nothing on weekends"


def course(chance: np.random.Generator, kind: Course, history: int, ahead: int) -> DailySeries:
    """A series of `history` days, from which a forecast is made, and the days `ahead` that come true."""
    days = history + ahead
    made: dict[Course, Callable[[], FloatArray]] = {
        Course.STEADY: lambda: background(chance, Background.STEADY, days, FIRST_DAY, 0.05, 0.0),
        Course.WEEKLY: lambda: background(chance, Background.STEADY, days, FIRST_DAY, 0.1, 0.4),
        Course.GROWING: lambda: _grown(chance, days, 0.003),
        Course.SHRINKING: lambda: _grown(chance, days, -0.003),
        Course.WANDERING: lambda: background(chance, Background.WANDERING, days, FIRST_DAY, 0.05),
        Course.SHIFTED: lambda: _shifted(chance, days, history),
        Course.MONTH_START: lambda: background(chance, Background.MONTH_START, days, FIRST_DAY, 0.05),
        Course.ONE_OFF: lambda: _with_events(chance, days, 0.01, 800),
        Course.CREDITS: lambda: _with_events(chance, days, 0.03, -300),
        Course.INTERMITTENT: lambda: background(chance, Background.INTERMITTENT, days, FIRST_DAY, 0.3),
        Course.NEW: lambda: _begun(chance, days, history - 10),
        Course.WORKDAYS: lambda: background(chance, Background.STEADY, days, FIRST_DAY, 0.05, 1.0),
    }
    return exact_series(FIRST_DAY, made[kind]())
