"""Unit costs: what one of something that the business counts costs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.costs.analysis.coverage import narrowed
from app.costs.analysis.periods import steps_of, touches
from app.costs.known_days import partly_known
from app.costs.money_series import MoneySeries, Rates
from app.costs.outlook.series import exact_difference, exact_sum, ratio
from app.costs.scopes import check_tags, why_spreading
from app.records.budgets import CostGranularity
from app.records.cost_analysis import CostCoverage, DateRange
from app.records.cost_scopes import CostScope
from app.records.costs import CostMetric
from app.repositories.business_metrics import values_between
from app.repositories.cost_coverage import cost_coverage
from app.repositories.cost_series import AskedSeries, daily_costs, rates_into

UNIT_COST_SCALE = 10


@dataclass(frozen=True)
class UnitCost:
    """The days of a step, what they cost, how much there was, and what one cost.

    Each is None where it is unknown. `quantity_days` tells on how many days a quantity is known, `matched_days` on how
    many both it and the cost are: `unit_cost` is `matched_cost` / `matched_quantity`, those of these days alone.
    `reason` says why it is unknown or what it leaves out. `change` is the part by which it differs from the step
    before.
    """

    days: DateRange
    cost: Decimal | None
    quantity: Decimal | None
    quantity_days: int
    matched_days: int
    matched_cost: Decimal | None
    matched_quantity: Decimal | None
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
    money, coverage = await read_costs(session, organization_id, period, scope=scope, metric=metric, currency=currency)
    unknown = await why_spreading(session, organization_id, scope)
    return unit_costs(steps, money, quantities, coverage, unknown)


async def read_costs(
    session: AsyncSession,
    organization_id: UUID,
    period: DateRange,
    *,
    scope: CostScope,
    metric: CostMetric,
    currency: str,
) -> tuple[MoneySeries, CostCoverage]:
    """What the days of a period cost, and what is known of them; the same for all business metrics."""
    asked = AskedSeries(scope, metric, period.start, period.end)
    (costs,) = await daily_costs(session, organization_id, [asked])
    rates = Rates(await rates_into(session, organization_id, [currency]))
    coverage = await cost_coverage(session, organization_id, period)
    coverage = await narrowed(session, organization_id, coverage, scope.conditions)
    return MoneySeries.of(costs, currency, rates.into(currency)), coverage


def unit_costs(
    steps: Sequence[DateRange],
    money: MoneySeries,
    quantities: Mapping[date, Decimal],
    coverage: CostCoverage,
    unknown: str | None = None,
) -> list[UnitCost]:
    """The unit costs of steps, in their order; `unknown` says why nothing is known of any cost."""
    found: list[UnitCost] = []
    for days in steps:
        before = found[-1].unit_cost if found else None
        found.append(_unit_cost(days, money, quantities, coverage, before, unknown))
    return found


def _unit_cost(
    days: DateRange,
    money: MoneySeries,
    quantities: Mapping[date, Decimal],
    coverage: CostCoverage,
    before: Decimal | None,
    unknown: str | None,
) -> UnitCost:
    of_step = {day: quantity for day, quantity in sorted(quantities.items()) if days.start <= day < days.end}
    unknown = unknown or _why_unknown(money, days, coverage)
    matched = [day for day in of_step if unknown is None and _cost_is_known(money, day, coverage)]
    cost = exact_sum(money.amounts.get(day, Decimal(0)) for day in matched) if matched else None
    quantity = exact_sum(of_step[day] for day in matched) if matched else None
    unit_cost = ratio(cost, quantity, UNIT_COST_SCALE) if cost is not None and quantity else None
    change = None
    if unit_cost is not None and before:
        change = ratio(exact_difference(unit_cost, before), abs(before))
    return UnitCost(
        days=days,
        cost=money.total(days) if unknown is None else None,
        quantity=exact_sum(of_step.values()) if of_step else None,
        quantity_days=len(of_step),
        matched_days=len(matched),
        matched_cost=cost,
        matched_quantity=quantity,
        unit_cost=unit_cost,
        change=change,
        reason=unknown or _reason(money, days, of_step, matched, quantity, coverage),
        unconverted=money.unconverted(days),
    )


def _why_unknown(money: MoneySeries, days: DateRange, coverage: CostCoverage) -> str | None:
    """Why nothing is known of what a step cost."""
    if money.has_any(days):
        return None
    if not touches(days, coverage.covered) and not money.lacks(days) and not money.unconverted(days):
        return "Nothing was imported for these days."
    if money.unconverted(days):
        return f"No rate converts these days' charges in {', '.join(money.unconverted(days))} into {money.currency}."
    return "No charge of these days has the metric." if money.lacks(days) else None


def _cost_is_known(money: MoneySeries, day: date, coverage: CostCoverage) -> bool:
    """Whether the cost of a day is known, at least in part; an imported day without charges cost 0."""
    if day in money.amounts:
        return True
    alone = DateRange(day, day + timedelta(1))
    return touches(alone, coverage.covered) and not money.lacks(alone) and not money.unconverted(alone)


def _reason(
    money: MoneySeries,
    days: DateRange,
    quantities: Mapping[date, Decimal],
    matched: Collection[date],
    quantity: Decimal | None,
    coverage: CostCoverage,
) -> str | None:
    """Why a unit cost is unknown though something of the cost is known, or what it leaves out."""
    reasons = []
    if not quantities:
        reasons.append("No quantity is recorded for these days.")
    elif not matched:
        reasons.append("On no day both a cost and a quantity are known.")
    elif not quantity:
        reasons.append("The quantity is 0.")
    elif len(matched) < (days.end - days.start).days:
        reasons.append(
            f"Both the cost and the quantity are known on {len(matched)} of {(days.end - days.start).days} days; the "
            "unit cost is that of these days."
        )
    if unconverted := money.unconverted(days):
        amounts = ", ".join(f"{amount:f} {currency}" for currency, amount in unconverted.items())
        reasons.append(f"{amounts} cannot be converted into {money.currency} and are not in the cost.")
    if money.lacks(days):
        reasons.append("Some charges lack the metric and are not in the cost.")
    if partly := partly_known(days, coverage):
        reasons.append(partly)
    return " ".join(reasons) or None
