"""Calendar months of days."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date


def next_month(day: date) -> date:
    """The first day of the month after that of a day."""
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


def months_of(first_day: date, last_day: date) -> Iterator[date]:
    """The first days of the months from that of one day to that of another, both included."""
    month = first_day.replace(day=1)
    while month <= last_day:
        yield month
        month = next_month(month)
