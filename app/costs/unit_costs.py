"""Unit costs: what one of something that the business counts costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.costs.analysis.periods import steps_of
from app.costs.known_days import is_known
from app.costs.money_series import MoneySeries, Rates
from app.costs.outlook.series import exact_difference, exact_sum, ratio
from app.costs.scopes import check_tags
from app.records.budgets import CostGranularity, CostScope
from app.records.cost_analysis import DateRange
from app.records.costs import CostMetric
from app.repositories.business_metrics import values_between
from app.repositories.cost_series import AskedSeries, ImportedDays, daily_costs, imported_days, rates_into

UNIT_COST_SCALE = 10


@dataclass(frozen=True)
class UnitCost:
    """The days of a step, what they cost, how much there was, and the one divided by the other.

    Each is None where it is unknown; `reason` says why the unit cost is. `quantity_days` tells on how many days a
    quantity is known. `change` is the part by which it differs from the step before.
    """

    days: DateRange
    cost: Decimal | None
    quantity: Decimal | None
    quantity_days: int
    unit_cost: Decimal | None
    change: Decimal | None
    reason: str | None
    unconverted: Mapping[str, Decimal]


async def read_unit_costs(
    session: AsyncSession,
    organization_id: UUID,
    business_metric_id: UUID,
    period: DateRange,
    *,
    granularity: CostGranularity,
    scope: CostScope,
    metric: CostMetric,
    currency: str,
) -> list[UnitCost]:
    """Unit costs of the steps of a period. Raises BadUserInputError for too many, or a tag that is not promoted."""
    await check_tags(session, organization_id, scope, ("where",))
    steps = steps_of(period, granularity)
    quantities = await values_between(session, organization_id, business_metric_id, period.start, period.end)
    asked = AskedSeries(scope, metric, period.start, period.end)
    (costs,) = await daily_costs(session, organization_id, [asked])
    rates = Rates(await rates_into(session, organization_id, [currency]))
    money = MoneySeries.of(costs, currency, rates.into(currency))
    return unit_costs(steps, money, quantities, await imported_days(session, organization_id))


def unit_costs(
    steps: Sequence[DateRange],
    money: MoneySeries,
    quantities: Mapping[date, Decimal],
    imported: Sequence[ImportedDays],
) -> list[UnitCost]:
    """The unit costs of steps, in their order."""
    found: list[UnitCost] = []
    for days in steps:
        known = [quantity for day, quantity in sorted(quantities.items()) if days.start <= day < days.end]
        quantity = exact_sum(known) if known else None
        cost, why = _cost(money, days, imported)
        unit_cost = ratio(cost, quantity, UNIT_COST_SCALE) if cost is not None and quantity else None
        if cost is not None and not quantity:
            why = "No quantity is recorded for these days." if quantity is None else "The quantity is 0."
        before = found[-1].unit_cost if found else None
        change = None
        if unit_cost is not None and before:
            change = ratio(exact_difference(unit_cost, before), abs(before))
        found.append(UnitCost(days, cost, quantity, len(known), unit_cost, change, why, money.unconverted(days)))
    return found


def _cost(money: MoneySeries, days: DateRange, imported: Sequence[ImportedDays]) -> tuple[Decimal | None, str | None]:
    if not is_known(imported, days.start, days.end):
        return None, "Nothing was imported for these days."
    if money.lacks(days) and not money.has_any(days):
        return None, "No charge of these days has the metric."
    if money.unconverted(days) and not money.has_any(days):
        return None, f"No rate converts these days' charges into {money.currency}."
    return money.total(days), "Some charges lack the metric and are not in the cost." if money.lacks(days) else None
