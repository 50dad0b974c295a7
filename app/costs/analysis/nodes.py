"""What accounts and resources of the inventory cost: two statements for any number of accounts, one of resources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from app.costs.analysis.coverage import PeriodCoverage, of_payers, period_coverage
from app.costs.analysis.plan import unchecked_plan
from app.costs.analysis.report import amount_of
from app.database import Database
from app.records.cost_analysis import (
    NO_UNIT,
    CostAmount,
    CostCoverage,
    CostDimension,
    CostMeasure,
    CostQuestion,
    DateRange,
    Grouping,
    TextCondition,
)
from app.records.costs import CostMetric
from app.repositories.cost_coverage import account_days, coverage_of_accounts
from app.repositories.cost_reports import read_costs
from app.repositories.cost_rows import COST_COLUMNS, CostForm, CostsBeside, cost_rows, read_cost_rows
from app.repositories.kept_statements import Wanted

_PROVIDER = Grouping(CostDimension.PROVIDER)
_ACCOUNT = Grouping(CostDimension.ACCOUNT)
NOTHING_IMPORTED = "Nothing was imported for any day of the period."
NOT_DELIVERED = "Nothing was imported of its billing account, or of its provider, for any day of the period."
NO_CHARGE_OF_RESOURCE = "No charge names this resource: its service bills without, or nobody imported it."
NO_METRIC = "None of the charges has this amount."
NO_UNITS = "Some of the charges with a quantity do not say its unit, so that it has no sum: group by the unit."
NO_RATE = "No currency rate converts any of it; see `unconverted`."
_REASONS = {
    "not_delivered": NOT_DELIVERED,
    "no_charge": NO_CHARGE_OF_RESOURCE,
    "no_rate": NO_RATE,
    "no_metric": NO_METRIC,
}


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
    """By our id of resources; one statement."""
    measure = CostMeasure(metric.value)
    rows = await read_cost_rows(session, organization_id, resource_ids, period, measure, _REASONS)
    return dict(zip(resource_ids, node_costs(rows, period), strict=True))


async def costs_of_resources_rows(
    database: Database,
    organization_id: UUID,
    resource_ids: Sequence[UUID],
    period: DateRange,
    metric: CostMetric,
    wanted: Wanted = COST_COLUMNS,
) -> Sequence[Any]:
    """The same in the order of the ids, as rows of the wanted columns: see app.repositories.cost_rows."""
    measure = CostMeasure(metric.value)
    return await cost_rows(database, organization_id, resource_ids, period, measure, _REASONS, wanted)


def costs_beside(period: DateRange, metric: CostMetric, prefix: str) -> CostsBeside:
    """What is asked of resources whose rows are read at the same time; see app.repositories.beside."""
    return CostsBeside(CostForm(CostMeasure(metric.value)), period, _REASONS, prefix)


def node_costs(rows: Sequence[Mapping[Any, Any]], period: DateRange) -> list[NodeCost]:
    """The figures of rows with all columns of app.repositories.cost_rows."""
    accounts = account_days(rows[0]["accounts"]) if rows else ()
    known: dict[str | None, PeriodCoverage] = {}
    found = []
    for row in rows:
        payers = row["payers"]
        if payers not in known:  # many of a page have the same billing accounts
            named = frozenset(orjson.loads(payers or "null") or ())
            known[payers] = period_coverage(period, [one for one in accounts if one.billing_account_id in named])
        found.append(NodeCost(row["currency"], _sum_of(row), row["reason"], known[payers]))
    return found


def _sum_of(row: Mapping[Any, Any]) -> CostAmount | None:
    if row["charges"] is None:
        return None
    amount = None if row["amount"] is None else Decimal(row["amount"])
    apart = {} if row["apart"] is None else orjson.loads(row["apart"])
    money = tuple((one, (None if apart[one] is None else Decimal(apart[one]),)) for one in sorted(apart))
    return CostAmount((amount,), row["charges"], money)


def _known(period: DateRange, coverage: CostCoverage, ids: Iterable[UUID]) -> dict[UUID, PeriodCoverage]:
    """What is known of each account or resource; many of a page have the same billing accounts."""
    payers = {id_: coverage.payers.get(id_, frozenset()) for id_ in ids}
    found = {one: period_coverage(period, of_payers(coverage, one).accounts) for one in set(payers.values())}
    return {id_: found[one] for id_, one in payers.items()}


def _cost(coverage: CostCoverage, known: PeriodCoverage, found: CostAmount) -> NodeCost:
    """A figure; unknown without any charge where nothing of its billing accounts was imported for the period."""
    if known.known_from is None and not found.charges:
        return NodeCost(coverage.currency, None, NOT_DELIVERED, known)
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
