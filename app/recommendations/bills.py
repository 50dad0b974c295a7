"""What resources cost, for checks: the sum of a whole month's charges, and what tells it from a usual month."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.costs.analysis.coverage import missing_in, of_payers
from app.costs.analysis.periods import whole_months
from app.costs.analysis.report import amount_of
from app.detection.facts import ActualCost
from app.records.cost_analysis import CostCoverage, CostMeasure, CostPlan, CostQuestion, DateRange
from app.repositories.cost_coverage import coverage_of_resources
from app.repositories.cost_of_resources import Bill, resource_bills, resource_costs

MONTHS_BACK: Final = 2
"""Of so many months that are over, the newest that was delivered completely is taken."""
LEAST_DAYS: Final = 3
"""Of so many days, with the one on which it was made, a resource has to be charged before they tell of a month."""
_MEASURE: Final = CostMeasure.EFFECTIVE_COST


async def bills_of(
    session: AsyncSession, organization_id: UUID, ids: Sequence[UUID], today: date
) -> dict[UUID, ActualCost]:
    """What resources cost in the newest whole month that is complete, where it converts into one currency.

    A month and not any 30 days: it is there as a sum, and thirty days of hourly charges of 100,000 resources are
    seventy million rows. In the first days of a month, while charges of the last one are still arriving, it is the one
    before, so that money does not change its basis twice a month. Three statements, however many resources; two more
    where some have their charges from a billing account that is behind the others.
    """
    months = months_before(today)
    if not ids:
        return {}
    coverage = await coverage_of_resources(session, organization_id, DateRange(months[-1].start, months[0].end), ids)
    of_month: dict[DateRange, list[UUID]] = {}
    complete = {payers: _complete(months, coverage, payers) for payers in set(coverage.payers.values())}
    for id_ in ids:
        month = complete.get(coverage.payers.get(id_, frozenset()))
        if month is not None:
            of_month.setdefault(month, []).append(id_)
    found: dict[UUID, ActualCost] = {}
    for month, own in of_month.items():
        found |= await _bills_in(session, organization_id, own, month, coverage)
    return found


def months_before(today: date) -> list[DateRange]:
    """The months that are over and may be taken, the newest first."""
    months: list[DateRange] = []
    end = today.replace(day=1)
    for _ in range(MONTHS_BACK):
        start = (end - timedelta(days=1)).replace(day=1)
        months.append(DateRange(start, end))
        end = start
    return months


def _complete(months: Sequence[DateRange], coverage: CostCoverage, payers: frozenset[str]) -> DateRange | None:
    """The newest month of which no day is missing of any of these billing accounts."""
    accounts = of_payers(coverage, payers).accounts
    return next((month for month in months if not missing_in(month, accounts)), None)


async def _bills_in(
    session: AsyncSession, organization_id: UUID, ids: Sequence[UUID], month: DateRange, coverage: CostCoverage
) -> dict[UUID, ActualCost]:
    question = CostQuestion(month, coverage.currency, measures=(CostMeasure(_MEASURE),))
    plan = CostPlan(question, (), converts=not coverage.currencies <= {coverage.currency})
    rows = await resource_costs(session, organization_id, plan, ids, whole_months(month, coverage.held))
    bills = await resource_bills(session, organization_id, ids, month)
    found: dict[UUID, ActualCost] = {}
    for id_, own in rows.items():
        cost = amount_of(own, question.measures)
        if cost.amounts[0] is None or not cost.charges or cost.apart:
            continue
        bill = bills.get(id_)
        days = month.days if bill is None else days_there(month, bill)
        if days:
            covered = Decimal(0) if bill is None else bill.covered
            found[id_] = ActualCost(cost.amounts[0], coverage.currency, days, covered)
    return found


def days_there(month: DateRange, bill: Bill) -> int:
    """On how many days of a month a resource was there to be charged; 0 for too few to tell what a month costs.

    What the provider says when it was made tells that, and else when a scan saw it first. Charges from before that say
    that it was there already: scans begin late, and names are given again. One charge for the whole month says nothing.
    """
    since = (bill.created_at or bill.first_seen_at).astimezone(UTC).date()
    if bill.first is not None:
        start, end = (moment.astimezone(UTC) for moment in bill.first)
        if bill.created_at is None or end <= bill.created_at:
            since = min(since, start.date())
    days = (month.end - max(month.start, since)).days
    return days if days >= LEAST_DAYS else 0
