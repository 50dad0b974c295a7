"""Over which days the saving of something resolved is measured. Pure: what the ledger says in, days out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from app.records.cost_analysis import DateRange
from app.records.months import next_month

BEFORE_DAYS: Final = 30
"""The complete days before the waste was last found whose costs are the measure."""
AFTER_DAYS: Final = 365
"""A saving is counted for a year: later nobody knows what would have been."""
_DAY: Final = timedelta(days=1)
NO_SUBJECT: Final = "It is about nothing whose charges are its own."
SHARED: Final = "A dearer recommendation on the same resource was resolved on the same day and has its saving."
NO_BEFORE: Final = "No complete day before it was resolved is known."
NO_AFTER: Final = "No complete day after it was resolved is known yet."
OVERTAKEN: Final = "Another recommendation on the same resource was resolved soon after, and has its saving."


@dataclass(frozen=True, slots=True)
class Resolved:
    """A recommendation that is done, as far as windows go; days are in UTC."""

    id: UUID
    about: UUID | str | None
    """The resource, or what tells the subject of charges; None where no charge is of it alone."""
    last_found_on: date
    resolved_on: date
    converted: Decimal | None
    created_on: date | None = None
    """When its resource was made, where that is known."""
    begins_on: date | None = None
    """The first day of which charges of its account were ever imported."""

    @property
    def before_end(self) -> date:
        """The day that is no longer before."""
        return min(self.last_found_on, self.resolved_on)


@dataclass(frozen=True, slots=True)
class Windows:
    """Days before, and those after by calendar month; or why there are none."""

    before: DateRange | None = None
    after: tuple[DateRange, ...] = ()
    reason: str | None = None


def windows_of(resolved: Sequence[Resolved], until: date) -> dict[UUID, Windows]:
    """The windows of recommendations, with all that are resolved of the same resources; `until` is the first open day.

    No day's money is saved twice: of those that were resolved on one day the dearest has the saving, and the days after
    it end where the next is resolved.
    """
    found = {one.id: Windows(reason=NO_SUBJECT) for one in resolved if one.about is None}
    by_subject: dict[UUID | str, list[Resolved]] = defaultdict(list)
    for one in resolved:
        if one.about is not None:
            by_subject[one.about].append(one)
    for each in by_subject.values():
        for one, following in _in_turn(each, found):
            found[one.id] = _windows(one, following, until)
    return found


def _in_turn(each: Sequence[Resolved], found: dict[UUID, Windows]) -> Iterator[tuple[Resolved, Resolved | None]]:
    """Those that have a saving, by the day, each with the next."""
    first: list[Resolved] = []
    for one in sorted(each, key=lambda one: (one.resolved_on, -(one.converted or Decimal(0)), one.id)):
        if first and first[-1].resolved_on == one.resolved_on:
            found[one.id] = Windows(reason=SHARED)
        else:
            first.append(one)
    for place, one in enumerate(first):
        yield one, first[place + 1] if place + 1 < len(first) else None


def _windows(one: Resolved, following: Resolved | None, until: date) -> Windows:
    starts = [one.before_end - timedelta(BEFORE_DAYS), one.begins_on or date.min]
    starts.append(date.min if one.created_on is None else one.created_on + _DAY)
    before = DateRange(max(starts), min(one.before_end, until))
    start = one.resolved_on + _DAY
    end = min(start + timedelta(AFTER_DAYS), until)
    if before.days <= 0:
        return Windows(reason=NO_BEFORE)
    if end <= start:
        return Windows(before, reason=NO_AFTER)
    if following is not None and following.before_end <= start:
        return Windows(before, reason=OVERTAKEN)
    if following is not None:
        end = min(end, following.before_end)
    return Windows(before, tuple(_months(start, end)))


def _months(start: date, end: date) -> Iterator[DateRange]:
    while start < end:
        after = min(next_month(start.replace(day=1)), end)
        yield DateRange(start, after)
        start = after
