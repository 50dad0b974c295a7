"""Of which days costs are known, and of which of them all charges have probably arrived.

Rows that are appended say nothing of other days: what a dataset has of a billing account by such rows alone is not
waited for, and may have gaps.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from app.costs.analysis.coverage import partly_covered
from app.records.cost_analysis import CostCoverage, DateRange
from app.repositories.cost_series import ImportedDays

ARRIVING_DAYS = 2
"""Charges of the last days of a billing period that is not final are still arriving."""
LATE_DAYS = 10
"""An account that is further behind than this has probably ended, and is not waited for."""
MATERIAL_CHARGES = 20
"""A billing account with less than 1/20 of all charges may have months without any, which nobody delivers."""
_DAY = timedelta(1)
_PARTLY = (
    "Of {0} of the {1} days the charges of some billing account were not imported and are not in it: `costs` tells of "
    "which, under `coverage`."
)


@dataclass(frozen=True)
class KnownDays:
    """The last stretch of imported days without a gap, from `start` to before `end`.

    A gap is where nothing was imported of a billing account that has charges before and after it, and more than a few:
    what all cost together is unknown there. One that begins or ends makes none, nor does one with appended rows alone.

    From `settled_until` on charges are still arriving: those of the slowest billing account that is delivered whole,
    or of the slowest of all where none is any more. `import_id` is the newest delivery; `deliveries` tells one state of
    the deliveries in force from another.
    """

    start: date
    end: date
    settled_until: date
    import_id: UUID
    deliveries: tuple[int, int]


def deliveries_of(periods: Sequence[ImportedDays]) -> tuple[int, int]:
    """What tells one state of the deliveries in force from another: each new one has a higher id."""
    return max((period.id for period in periods), default=0), len(periods)


def known_days(periods: Sequence[ImportedDays], today: date) -> KnownDays | None:
    """The days that the deliveries in force speak of, up to today; None where there are none."""
    newest: dict[tuple[str, str], ImportedDays] = {}
    oldest: dict[tuple[str, str], ImportedDays] = {}
    for period in sorted(periods, key=lambda period: period.period_start):
        newest[period.billing_account] = period
        oldest.setdefault(period.billing_account, period)
    if not newest:
        return None
    ranges = [
        (
            _start(period, is_oldest=period is oldest[period.billing_account]),
            _end(period, is_newest=period is newest[period.billing_account]),
        )
        for period in periods
    ]
    start, end = _last_stretch(ranges)
    end = min(end, today + _DAY)
    current = [period for period in newest.values() if _end(period, is_newest=True) >= end - timedelta(LATE_DAYS)]
    whole = {period.billing_account for period in periods if not period.is_appended}
    lacking = {period.billing_account[1] for period in current} & {account for _, account in whole}
    start = max([start, *_resumed(periods, ranges, lacking)])
    awaited = [period for period in current if period.billing_account in whole] or current
    settled = min([end, *(_settled(period, end) for period in awaited)])
    last = max(periods, key=lambda period: period.id)
    return KnownDays(min(start, end), end, max(settled, min(start, end)), last.import_id, deliveries_of(periods))


def partly_known(days: DateRange, coverage: CostCoverage) -> str | None:
    """What is said of days of which some billing accounts were delivered and others were not; None without such days.

    A figure of these days is what was delivered, in reports as here; of days of which nothing was delivered there is
    none.
    """
    count = partly_covered(days, coverage)
    return _PARTLY.format(count, days.days) if count else None


def _start(period: ImportedDays, *, is_oldest: bool) -> date:
    """The first day that a delivery speaks of. Exports begin within a month, so the oldest starts with a charge.

    Never a day before its billing period: a correction of an earlier month makes nothing else of that month known.
    """
    return max(period.first_day, period.period_start) if is_oldest else period.period_start


def _end(period: ImportedDays, *, is_newest: bool) -> date:
    """The day after those that a delivery speaks of; a period with a successor is there to its end."""
    after = period.last_day + _DAY
    return min(after, period.period_end) if is_newest and not period.is_final else period.period_end


def _settled(period: ImportedDays, end: date) -> date:
    """The day from which on charges of a billing account are still arriving; purchases may lie in days to come."""
    after = min(_end(period, is_newest=True), end)
    return after if period.is_final else after - timedelta(ARRIVING_DAYS)


def _resumed(
    periods: Sequence[ImportedDays], ranges: Sequence[tuple[date, date]], current: Collection[str]
) -> Iterator[date]:
    """The days on which these billing accounts were there again after a gap, whichever datasets have them."""
    of_account: dict[str, list[tuple[date, date]]] = {}
    charges: dict[str, int] = {}
    for period, days in zip(periods, ranges, strict=True):
        account = period.billing_account[1]
        of_account.setdefault(account, []).append(days)
        charges[account] = charges.get(account, 0) + period.charges
    for account in current:
        start, _ = _last_stretch(of_account[account])
        is_material = charges[account] * MATERIAL_CHARGES >= sum(charges.values())
        if is_material and start > min(of_account[account])[0]:
            yield start


def _last_stretch(ranges: list[tuple[date, date]]) -> tuple[date, date]:
    ordered = sorted(ranges)
    start, end = ordered[0]
    for first, after in ordered[1:]:
        if first > end:
            start = first
        end = max(end, after)
    return start, end
