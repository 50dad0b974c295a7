"""Unit costs of the last whole month that differ from those of the month before, told once for a month."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.costs.anomalies.look import SYSTEM
from app.costs.known_days import KnownDays
from app.costs.news.figures import Kept, News, Told, key_of, last_whole_months, text_of, told_days
from app.costs.unit_costs import UnitCost, read_costs, unit_costs
from app.records import EventKind, NewEvent
from app.records.budgets import WatchedFigure
from app.records.cost_analysis import DateRange
from app.records.cost_scopes import CostScope
from app.records.costs import CostMetric
from app.repositories.business_metrics import all_metrics, all_values_between
from app.repositories.told_figures import Key

MOVED_PART: Final = Decimal("0.20")
"""A unit cost that differs from that of the month before by this part of it is told."""
COUNTED_DAYS: Final = 7
"""A month without a quantity on its last days is still being counted. Not on the last alone: some have no Sundays."""
METRIC: Final = CostMetric.EFFECTIVE_COST


@dataclass(frozen=True)
class UnitCostMove:
    """What one unit of a business metric cost in a month and in the one before; see app.costs.news.figures.Seen."""

    metric: Mapping[Any, Any]
    currency: str
    before: UnitCost
    month: UnitCost

    @property
    def key(self) -> Key:
        """One for each business metric."""
        return key_of_metric(self.metric["id"])

    def news(self, told: Told | None) -> News | None:
        """Once for a month."""
        month, value = self.month, self.month.unit_cost
        if value is None or (told is not None and told["period_start"] >= month.days.start):
            return None
        data = {
            "name": self.metric["name"],
            "unit": self.metric["unit"],
            **told_days(month.days),
            "metric": METRIC.value.upper(),
            "unitCost": text_of(value),
            "previous": text_of(self.before.unit_cost),
            "previousPeriodStart": self.before.days.start.isoformat(),
            "change": text_of(month.change),
            "matchedDays": month.matched_days,
            "matchedCost": text_of(month.matched_cost),
            "matchedQuantity": text_of(month.matched_quantity),
            "reason": month.reason,
            "previousReason": self.before.reason,
            "currency": self.currency,
        }
        event = NewEvent(EventKind.UNIT_COST_MOVED, SYSTEM, "BusinessMetric", self.metric["id"], data)
        return News(event, Kept(month.days.start, value, self.currency))


def key_of_metric(metric_id: UUID) -> Key:
    """By which it is known what was told of a business metric."""
    return key_of(WatchedFigure.UNIT_COST, str(metric_id))


async def read_moves(
    session: AsyncSession, organization_id: UUID, known: KnownDays, currency: str, today: date
) -> list[UnitCostMove]:
    """The unit costs that have moved, as `unitCosts` tells them of months.

    One statement without business metrics, else five at most, however many there are. What no rate converts may be any
    amount: where there is some, nothing is told.
    """
    months = last_whole_months(known, today)
    metrics = await all_metrics(session, organization_id) if months else ()
    if months is None or not metrics:
        return []
    period = DateRange(months[0].start, months[1].end)
    quantities = await all_values_between(session, organization_id, period.start, period.end)
    counted = [one for one in metrics if _is_counted(quantities.get(one["id"], {}), period.end)]
    if not counted:
        return []
    money, coverage = await read_costs(
        session, organization_id, period, scope=CostScope(), metric=METRIC, currency=currency
    )
    if money.unconverted(period):
        return []
    moves = []
    for one in counted:
        before, month = unit_costs(months, money, quantities[one["id"]], coverage)
        if month.change is not None and abs(month.change) >= MOVED_PART:
            moves.append(UnitCostMove(one, currency, before, month))
    return moves


def _is_counted(quantities: Mapping[date, Decimal], end: date) -> bool:
    return any(day >= end - timedelta(COUNTED_DAYS) for day in quantities)
