"""What is known of a period: the days that the deliveries of each billing account speak of, and those they lack.

Rows that are appended say nothing of other days: a billing account that has no whole delivery lacks none.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date
from heapq import nlargest
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.records.cost_analysis import (
    AccountDays,
    Condition,
    CostCoverage,
    CostDimension,
    DateRange,
    Grouping,
    TextCondition,
)
from app.repositories.cost_coverage import Payer, payers_of

MOST_GAPS: Final = 100
"""Of one period; the longest. `gap_count` says how many there are."""
_PROVIDER = Grouping(CostDimension.PROVIDER)
_PAYER = Grouping(CostDimension.BILLING_ACCOUNT_ID)
_NAMED = (Grouping(CostDimension.ACCOUNT), Grouping(CostDimension.SUB_ACCOUNT_ID))


@dataclass(frozen=True)
class CostGap:
    """Days of which a billing account's costs are unknown; the dataset is the one that delivered it last."""

    dataset: str
    billing_account_id: str
    days: DateRange


@dataclass(frozen=True)
class PeriodCoverage:
    """What is known of a period.

    `known_from` and `known_until` (exclusive) are the first and the last day of the period of which anything was
    delivered, None where nothing was. `missing_days` counts the days of `missing_in`. `gaps` are the longest of those,
    by billing account, in the order of their days, at most 100 of `gap_count`; none of accounts with appended rows
    alone.
    """

    known_from: date | None
    known_until: date | None
    missing_days: int
    gaps: tuple[CostGap, ...] = ()
    gap_count: int = 0


def period_coverage(period: DateRange, accounts: Sequence[AccountDays]) -> PeriodCoverage:
    """What these billing accounts' deliveries say of a period."""
    known = [_within(period, account.covered) for account in accounts]
    gaps = [
        CostGap(account.dataset, account.billing_account_id, days)
        for account, own in zip(accounts, known, strict=True)
        if not account.is_appended
        for days in _missing(period, own)
    ]
    told = nlargest(MOST_GAPS, gaps, key=lambda gap: gap.days.days)
    return PeriodCoverage(
        known_from=min((days.start for own in known for days in own), default=None),
        known_until=max((days.end for own in known for days in own), default=None),
        missing_days=sum(days.days for days in missing_in(period, accounts)),
        gaps=tuple(sorted(told, key=lambda gap: (gap.days.start, gap.dataset, gap.billing_account_id))),
        gap_count=len(gaps),
    )


def missing_in(period: DateRange, accounts: Sequence[AccountDays]) -> tuple[DateRange, ...]:
    """The days of a period of which some of these billing accounts was not delivered.

    Those with appended rows alone do not count. Where there are no others: the days of which nothing was imported.
    """
    whole = [account.covered for account in accounts if not account.is_appended]
    judged = whole or [union([days for account in accounts for days in account.covered])]
    return union([days for covered in judged for days in _missing(period, _within(period, covered))])


def partly_covered(period: DateRange, coverage: CostCoverage) -> int:
    """How many days of a period were delivered of some of its billing accounts, and not of all: see `missing_in`."""
    lacking = missing_in(period, coverage.accounts)
    return sum(one.days for days in lacking for one in _within(days, coverage.covered))


def of_payers(coverage: CostCoverage, payers: Collection[str]) -> CostCoverage:
    """What is known of some billing accounts alone."""
    accounts = tuple(one for one in coverage.accounts if one.billing_account_id in payers)
    return replace(coverage, accounts=accounts, covered=union([days for one in accounts for days in one.covered]))


async def narrowed(
    session: AsyncSession, organization_id: UUID, coverage: CostCoverage, conditions: Sequence[Condition]
) -> CostCoverage:
    """What is known of the billing accounts to which these conditions can belong.

    Only conditions on providers and accounts say that. An account that no charge ever named may belong to any billing
    account of its provider. One statement, none without such a condition.
    """
    if not says_payers(conditions):
        return coverage
    return narrowed_to(await payers_of(session, organization_id, named_in(conditions)), coverage, conditions)


def says_payers(conditions: Sequence[Condition]) -> bool:
    """Whether any condition says of which billing accounts the charges are."""
    return bool(_of_payers(conditions))


def named_in(conditions: Sequence[Condition]) -> list[str]:
    """The accounts that conditions name."""
    return [value for one in _of_payers(conditions) if one.of in _NAMED for value in one.in_ or ()]


def narrowed_to(payers: Sequence[Payer], coverage: CostCoverage, conditions: Sequence[Condition]) -> CostCoverage:
    """`narrowed` by payers that were read before, at least with the accounts that the conditions name."""
    told, named = _of_payers(conditions), set(named_in(conditions))
    if not told:
        return coverage
    possible = [payer for payer in payers if all(_may_be(payer, one) for one in told)]
    owners = [payer for payer in possible if payer.named & named]
    return of_payers(coverage, {payer.billing_account_id for payer in owners or possible})


def _of_payers(conditions: Sequence[Condition]) -> list[TextCondition]:
    known = {_PROVIDER, _PAYER, *_NAMED}
    return [one for one in conditions if isinstance(one, TextCondition) and one.of in known]


def _may_be(payer: Payer, condition: TextCondition) -> bool:
    if condition.of == _PROVIDER:
        return condition.holds(payer.provider)
    return condition.of != _PAYER or condition.holds(payer.billing_account_id or None)


def union(ranges: Sequence[DateRange]) -> tuple[DateRange, ...]:
    """The same days in ranges that neither overlap nor touch, in order."""
    found: list[DateRange] = []
    for days in sorted(ranges, key=lambda one: one.start):
        if found and days.start <= found[-1].end:
            found[-1] = DateRange(found[-1].start, max(found[-1].end, days.end))
        else:
            found.append(days)
    return tuple(found)


def _within(period: DateRange, covered: Sequence[DateRange]) -> list[DateRange]:
    """The parts of ranges that lie in a period."""
    return [
        DateRange(max(days.start, period.start), min(days.end, period.end))
        for days in covered
        if days.start < period.end and period.start < days.end
    ]


def _missing(period: DateRange, known: Sequence[DateRange]) -> list[DateRange]:
    """What of a period lies between ranges of it that are in order."""
    starts = [period.start, *(days.end for days in known)]
    ends = [*(days.start for days in known), period.end]
    return [DateRange(start, end) for start, end in zip(starts, ends, strict=True) if start < end]
