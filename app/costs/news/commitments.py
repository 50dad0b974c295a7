"""Commitments of which little is used, told when that begins and ends, and months of which less is covered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.costs.anomalies.look import SYSTEM
from app.costs.commitments import Commitment, Coverage, read_any, read_commitments, read_coverage
from app.costs.known_days import KnownDays
from app.costs.news.figures import (
    Kept,
    News,
    Told,
    is_recent,
    key_of,
    last_whole_months,
    text_of,
    told_days,
)
from app.costs.outlook.series import exact_difference
from app.records import EventKind, NewEvent
from app.records.budgets import WatchedFigure
from app.records.cost_analysis import DateRange
from app.repositories.told_figures import Key

WINDOW_DAYS: Final = 7
"""The last whole days that a commitment is judged by: a weekend is no week."""
LEAST_USED: Final = Decimal("0.90")
"""A commitment of which less is used is underused; as the catalogue's `aws.commitment.underused` has it."""
COVERAGE_POINTS: Final = Decimal("0.10")
"""Coverage that falls by this much from one month to the next is told."""
MOST_COMMITMENTS: Final = 1_000
"""That are judged: the costliest."""


@dataclass(frozen=True)
class Utilization:
    """How much of a commitment was used in the last days; see app.costs.news.figures.Seen."""

    commitment: Commitment
    days: DateRange
    value: Decimal

    @property
    def key(self) -> Key:
        """A commitment is billed in one row for each currency."""
        one = self.commitment
        return key_of(WatchedFigure.UTILIZATION, one.commitment_id, one.provider, one.currency)

    def news(self, told: Told | None) -> News | None:
        """It has fallen below what is enough, or is enough again."""
        if told is None and self.value < LEAST_USED:
            return News(self._event(EventKind.COMMITMENT_UNDERUSED), Kept(self.days.start, self.value))
        if told is not None and self.value >= LEAST_USED:
            return News(self._event(EventKind.COMMITMENT_RECOVERED, previous=text_of(told["value"])), None)
        return None

    def _event(self, kind: EventKind, **more: Any) -> NewEvent:
        one = self.commitment
        data = {
            "commitmentDiscountId": one.commitment_id,
            "name": one.name,
            "type": one.type,
            "category": one.category,
            "provider": one.provider,
            **told_days(self.days),
            "utilization": text_of(self.value),
            "threshold": text_of(LEAST_USED),
            "usedEffectiveCost": text_of(one.use.used.value),
            "unusedEffectiveCost": text_of(one.use.unused.value),
            "currency": one.currency,
            **more,
        }
        return NewEvent(kind, SYSTEM, data=data)


@dataclass(frozen=True)
class CoverageFall:
    """How much of a month's usage in a currency commitments covered, less than before; see Seen."""

    organization_id: UUID
    before: DateRange
    month: DateRange
    previous: Decimal
    coverage: Coverage
    value: Decimal

    @property
    def key(self) -> Key:
        """One for each billing currency."""
        return key_of(WatchedFigure.COVERAGE, self.coverage.currency)

    def news(self, told: Told | None) -> News | None:
        """Once for a month."""
        if told is not None and told["period_start"] >= self.month.start:
            return None
        covered, standard = self.coverage.effective.covered.value, self.coverage.effective.standard.value
        data = {
            **told_days(self.month),
            "coverage": text_of(self.value),
            "previous": text_of(self.previous),
            "previousPeriodStart": self.before.start.isoformat(),
            "change": text_of(exact_difference(self.value, self.previous)),
            "coveredEffectiveCost": text_of(covered),
            "standardEffectiveCost": text_of(standard),
            "currency": self.coverage.currency,
        }
        event = NewEvent(EventKind.COMMITMENT_COVERAGE_FELL, SYSTEM, "Organization", self.organization_id, data)
        return News(event, Kept(self.month.start, self.value))


async def read_use(
    session: AsyncSession, organization_id: UUID, known: KnownDays, today: date
) -> list[Utilization | CoverageFall]:
    """The use of each commitment where it is known, and coverage that fell.

    One statement without commitments, else four at most.
    """
    if not await read_any(session, organization_id):
        return []
    utilizations = await _utilizations(session, organization_id, known, today)
    return [*utilizations, *await _falls(session, organization_id, known, today)]


async def _utilizations(
    session: AsyncSession, organization_id: UUID, known: KnownDays, today: date
) -> list[Utilization]:
    days = DateRange(known.settled_until - timedelta(WINDOW_DAYS), known.settled_until)
    if known.start > days.start or not is_recent(days.end, today):
        return []
    found = await read_commitments(session, organization_id, days.start, days.end, MOST_COMMITMENTS)
    judged = [(one, one.use.utilization.value) for one in found]
    return [Utilization(one, days, value) for one, value in judged if value is not None]


async def _falls(session: AsyncSession, organization_id: UUID, known: KnownDays, today: date) -> list[CoverageFall]:
    months = last_whole_months(known, today)
    if months is None:
        return []
    before, month = months
    earlier = await read_coverage(session, organization_id, before.start, before.end)
    previous = {one.currency: one.effective.coverage.value for one in earlier}
    falls = []
    for one in await read_coverage(session, organization_id, month.start, month.end):
        was, value = previous.get(one.currency), one.effective.coverage.value
        if was is not None and value is not None and was - value >= COVERAGE_POINTS:
            falls.append(CoverageFall(organization_id, before, month, was, one, value))
    return falls
