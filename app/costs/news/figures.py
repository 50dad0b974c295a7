"""Figures of the costs as they are now, held against what was last told of each."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final, Protocol

import orjson

from app.costs.known_days import KnownDays
from app.records import NewEvent
from app.records.budgets import WatchedFigure
from app.records.cost_analysis import DateRange
from app.records.months import next_month
from app.repositories.told_figures import Key

Told = Mapping[Any, Any]
"""A row of `told_figures`."""
_DAY: Final = timedelta(1)


@dataclass(frozen=True)
class Kept:
    """What is to be known of a figure when it is looked at again."""

    period_start: date
    value: Decimal
    currency: str | None = None
    ground: bytes | None = None


@dataclass(frozen=True)
class News:
    """What to tell of a figure, None where nothing is, and what to keep of it, None where that is forgotten."""

    event: NewEvent | None
    kept: Kept | None


class Seen(Protocol):
    """A figure as it is now."""

    @property
    def key(self) -> Key:
        """By which it is known what was told of it."""

    def news(self, told: Told | None) -> News | None:
        """What there is to tell or to keep, given what was told last; None where nothing has changed."""


def key_of(figure: WatchedFigure, *names: str) -> Key:
    """The key of a figure of what has these names."""
    return figure, hashlib.sha256(orjson.dumps(names)).digest()


def row_of(key: Key, kept: Kept) -> dict[str, Any]:
    """As it is stored."""
    figure, subject = key
    return {
        "figure": figure.value,
        "subject": subject,
        "period_start": kept.period_start,
        "value": kept.value,
        "currency": kept.currency,
        "ground": kept.ground,
    }


def told_days(days: DateRange) -> dict[str, str]:
    """The days that an event speaks of."""
    return {"periodStart": days.start.isoformat(), "periodEnd": days.end.isoformat()}


def text_of(amount: Decimal | None) -> str | None:
    """An amount in the data of an event."""
    return None if amount is None else f"{amount:f}"


def last_whole_months(known: KnownDays, today: date) -> tuple[DateRange, DateRange] | None:
    """The last month whose charges have all arrived and the one before it; None where one of them is not known whole.

    None too where that month ended before the last one began: what is imported of years past is no news.
    """
    end = known.settled_until.replace(day=1)
    start = (end - _DAY).replace(day=1)
    before = (start - _DAY).replace(day=1)
    if known.start > before or not is_recent(end, today):
        return None
    return DateRange(before, start), DateRange(start, end)


def is_recent(end: date, today: date) -> bool:
    """Whether days that end before `end` reach into last month, or to its beginning."""
    return next_month(end) >= today.replace(day=1)
