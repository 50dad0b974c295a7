"""What accounts and resources of the inventory cost: two statements for any number of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.costs.analysis.periods import touches, whole_months
from app.costs.analysis.plan import unchecked_plan
from app.costs.analysis.report import amount_of
from app.records.cost_analysis import (
    CostAmount,
    CostDimension,
    CostMeasure,
    CostPlan,
    CostQuestion,
    DateRange,
    Grouping,
    TextCondition,
)
from app.records.costs import CostMetric
from app.repositories.cost_coverage import cost_coverage
from app.repositories.cost_of_resources import resource_costs
from app.repositories.cost_reports import read_costs

_PROVIDER = Grouping(CostDimension.PROVIDER)
_ACCOUNT = Grouping(CostDimension.ACCOUNT)
NOTHING_IMPORTED = "Nothing was imported for any day of the period."
NO_CHARGE_OF_ACCOUNT = "No charge of this account starts in the period: it has none, or nobody imported it."
NO_CHARGE_OF_RESOURCE = "No charge names this resource: its service bills without, or nobody imported it."
NO_METRIC = "None of the charges has this amount."
NO_RATE = "No currency rate converts any of it; see `unconverted`."


@dataclass(frozen=True)
class NodeCost:
    """What something cost in a currency: `sum` is None where that is unknown, for the `reason`."""

    currency: str
    sum: CostAmount | None
    reason: str | None


async def costs_of_accounts(
    session: AsyncSession,
    organization_id: UUID,
    accounts: Mapping[UUID, tuple[str, str]],
    period: DateRange,
    metric: CostMetric,
) -> dict[UUID, NodeCost]:
    """By our id of accounts, given with their (provider, native id)."""
    coverage = await cost_coverage(session, organization_id, period)
    natives = tuple(sorted({native_id for _, native_id in accounts.values()}))
    question = CostQuestion(
        period,
        coverage.currency,
        measures=(CostMeasure(metric.value),),
        groupings=(_PROVIDER, _ACCOUNT),
        conditions=(TextCondition(_ACCOUNT, in_=natives),),
        top=2**31 - 1,  # every account that is asked for
    )
    rows = await read_costs(session, organization_id, unchecked_plan(question, coverage))
    is_known = touches(period, coverage.covered)
    found = {}
    for id_, key in accounts.items():
        own = amount_of([row for row in rows if row.key == key], question.measures)
        found[id_] = _cost(coverage.currency, own if own.charges else None, is_known, NO_CHARGE_OF_ACCOUNT)
    return found


async def costs_of_resources(
    session: AsyncSession, organization_id: UUID, resource_ids: Sequence[UUID], period: DateRange, metric: CostMetric
) -> dict[UUID, NodeCost]:
    """By our id of resources."""
    coverage = await cost_coverage(session, organization_id, period)
    question = CostQuestion(period, coverage.currency, measures=(CostMeasure(metric.value),))
    plan = CostPlan(question, (), converts=not coverage.currencies <= {coverage.currency})
    months = whole_months(period, coverage.held)
    rows = await resource_costs(session, organization_id, plan, resource_ids, months)
    is_known = touches(period, coverage.covered)
    return {
        id_: _cost(
            coverage.currency,
            amount_of(rows[id_], question.measures) if rows[id_] else None,
            is_known,
            NO_CHARGE_OF_RESOURCE,
        )
        for id_ in resource_ids
    }


def _cost(currency: str, found: CostAmount | None, is_known: bool, none: str) -> NodeCost:
    if not is_known and (found is None or not found.charges):
        return NodeCost(currency, None, NOTHING_IMPORTED)
    if found is None:
        return NodeCost(currency, None, none)
    return NodeCost(currency, found, reason_of(found))


def reason_of(found: CostAmount) -> str | None:
    """Why the main measure of a sum is unknown; None where it is known."""
    if found.amounts[0] is not None:
        return None
    return NO_RATE if found.apart else NO_METRIC
