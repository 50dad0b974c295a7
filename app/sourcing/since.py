"""From which month on a cost source is read."""

from __future__ import annotations

from datetime import UTC, datetime

MONTHS = 13
"""Whole months before the current one where nothing else is wanted: a year, and what it is compared with."""


def first_month(since: str | None, moment: datetime) -> datetime:
    """The first moment of the month in UTC; `since` is as `2026-01`."""
    if since is not None:
        year, month = since.split("-")
        return datetime(int(year), int(month), 1, tzinfo=UTC)
    months = moment.year * 12 + moment.month - 1 - MONTHS
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)
