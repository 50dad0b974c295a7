"""What accounts and resources of the inventory cost: two statements for any number of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.costs.analysis.coverage import PeriodCoverage, of_payers, period_coverage
from app.costs.analysis.periods import whole_months
from app.costs.analysis.plan import unchecked_plan
from app.costs.analysis.report import amount_of
from app.records.cost_analysis import (
    NO_UNIT,
    CostAmount,
    CostCoverage,
    CostDimension,
    CostMeasure,
    CostPlan,
    CostQuestion,
    DateRange,
    Grouping,
    TextCondition,
)
from app.records.costs import CostMetric
from app.repositories.cost_coverage import coverage_of_accounts, coverage_of_resources
from app.repositories.cost_of_resources import resource_costs
from app.repositories.cost_reports import read_costs

_PROVIDER = Grouping(CostDimension.PROVIDER)
_ACCOUNT = Grouping(CostDimension.ACCOUNT)
NOTHING_IMPORTED = "Nothing was imported for any day of the period."
NOT_DELIVERED = "Nothing was imported of its billing account, or of its provider, for any day of the period."
NO_CHARGE_OF_RESOURCE = "No charge names this resource: its service bills without, or nobody imported it."
NO_METRIC = "None of the charges has this amount."
NO_UNITS = "Some of the charges with a quantity do not say its unit, so that it has no sum: group by the unit."
NO_RATE = "No currency rate converts any of it; see `unconverted`."


@dataclass(frozen=True)
class NodeCost:
    """What something cost in a currency: `sum` is None where that is unknown, for the `reason`.

    `coverage` is of the billing accounts that its charges come with.
    """

    currency: str
    sum: CostAmount | None
    reason: str | None
    coverage: PeriodCoverage


async def costs_of_accounts(
    session: AsyncSession,
    organization_id: UUID,
    accounts: Mapping[UUID, tuple[str, str]],
    period: DateRange,
    metric: CostMetric,
) -> dict[UUID, NodeCost]:
    """By our id of accounts, given with their (provider, native id); 0 where a delivery has no charge of one."""
    coverage = await coverage_of_accounts(session, organization_id, period, accounts)
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
    known = _known(period, coverage, accounts)
    return {
        id_: _cost(coverage, known[id_], amount_of([row for row in rows if row.key == key], question.measures))
        for id_, key in accounts.items()
    }


async def costs_of_resources(
    session: AsyncSession, organization_id: UUID, resource_ids: Sequence[UUID], period: DateRange, metric: CostMetric
) -> dict[UUID, NodeCost]:
    """By our id of resources."""
    coverage = await coverage_of_resources(session, organization_id, period, resource_ids)
    question = CostQuestion(period, coverage.currency, measures=(CostMeasure(metric.value),))
    plan = CostPlan(question, (), converts=not coverage.currencies <= {coverage.currency})
    months = whole_months(period, coverage.held)
    rows = await resource_costs(session, organization_id, plan, resource_ids, months)
    known = _known(period, coverage, resource_ids)
    return {
        id_: _cost(coverage, known[id_], amount_of(rows[id_], question.measures) if rows[id_] else None)
        for id_ in resource_ids
    }


def _known(period: DateRange, coverage: CostCoverage, ids: Iterable[UUID]) -> dict[UUID, PeriodCoverage]:
    """What is known of each account or resource; many of a page have the same billing accounts."""
    payers = {id_: coverage.payers.get(id_, frozenset()) for id_ in ids}
    found = {one: period_coverage(period, of_payers(coverage, one).accounts) for one in set(payers.values())}
    return {id_: found[one] for id_, one in payers.items()}


def _cost(coverage: CostCoverage, known: PeriodCoverage, found: CostAmount | None) -> NodeCost:
    """A figure; unknown without any charge where nothing of its billing accounts was imported for the period."""
    if known.known_from is None and (found is None or not found.charges):
        return NodeCost(coverage.currency, None, NOT_DELIVERED, known)
    if found is None:
        return NodeCost(coverage.currency, None, NO_CHARGE_OF_RESOURCE, known)
    return NodeCost(coverage.currency, found, reason_of(found), known)


def reason_of(found: CostAmount, place: int = 0) -> str | None:
    """Why a measure of a sum is unknown, the main one unless said otherwise; None where it is known."""
    if found.amounts[place] is not None:
        return None
    units = found.units_of(place)
    if NO_UNIT in units:
        return NO_UNITS
    if units:
        shown = " and ".join(f"`{unit}`" for unit in units)
        return (
            f"Quantities in several units, such as {shown}, have no sum: group by the unit, or choose one in `where`."
        )
    return NO_RATE if any(amounts[place] is not None for _, amounts in found.apart) else NO_METRIC
