"""What many checks reckon alike: the busiest day of some metrics, and whether a resource did nothing for a window."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Final

from app.detection.check import LOOKBACK_DAYS
from app.detection.facts import Facts, Subject, UnknownFactError
from app.detection.finding import Evidence

GIB: Final = Decimal(2**30)
_ROUNDING: Final = 1e-12


def exact(value: float) -> Decimal:
    """A measured value as the decimal number that it is written as."""
    return Decimal(str(value))


def required(subject: Subject, name: str) -> str:
    """A property that is text and has to be there. Raises UnknownFactError."""
    value = subject.text(name)
    if not value:
        message = f"`{name}` of {subject.native_id} is not known."
        raise UnknownFactError(message)
    return value


def busiest_day(facts: Facts, *keys: str) -> Decimal:
    """The most that some metrics came to together on a day. Raises UnknownFactError."""
    rows = set(zip(*(facts.usage(key).values for key in keys), strict=True))  # days that are alike once
    days = [[value for value in row if value is not None] for row in rows]
    # Decimals are exact and slow: only for days that come within rounding of the busiest one.
    about = [math.fsum(row) for row in days]
    least = max(about) - abs(max(about)) * _ROUNDING
    busiest = (row for row, sum_ in zip(days, about, strict=True) if sum_ >= least)
    return max(sum(map(exact, row), Decimal(0)) for row in busiest)


def has_lived(facts: Facts) -> bool:
    """Whether the resource is old enough to be judged by the window: what is new had no time to be used."""
    since = facts.subject.created_at or facts.subject.first_seen_at
    return facts.age_days(since) >= facts.threshold(LOOKBACK_DAYS)


def unused(facts: Facts, *keys: str, unit: str, upto: Decimal = Decimal(0)) -> tuple[Evidence, ...] | None:
    """What shows that no day of the window had more than so much work; None where one had, or where it is too new."""
    if not has_lived(facts) or busiest_day(facts, *keys) > upto:
        return None
    return quiet_days(facts, *keys, unit=unit)


def quiet_days(facts: Facts, *keys: str, unit: str) -> tuple[Evidence, ...]:
    """What shows how much work the busiest day of the window had."""
    most = busiest_day(facts, *keys)
    return (Evidence("busiest day", f"{most:f}", unit), Evidence("days", f"{facts.threshold(LOOKBACK_DAYS):f}"))


def latest(facts: Facts, key: str) -> Decimal:
    """The last known value of what only changes slowly, such as a size, however few days are known."""
    usage = facts.usages.get(key)
    if usage is None or not usage.known:
        raise UnknownFactError(facts.missing(f"The metric {key} is not known.", key))
    return exact(usage.known[-1])
