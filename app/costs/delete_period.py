"""Removes what counts of one billing account in one billing period: of an account that ended, or taken by mistake."""

from __future__ import annotations

from datetime import date
from typing import Final
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.activity.record import record
from app.costs.allocation.allocate import allocate_month
from app.costs.allocation.figures import want_figures
from app.costs.watch import request_check
from app.database import Database
from app.errors import NotFoundError
from app.records import Actor, EventKind, NewEvent
from app.records.months import months_of
from app.repositories import cost_imports
from app.repositories.cost_locks import lock_costs
from app.repositories.cost_store import CostStore

WAIT_SECONDS: Final = 3.0
"""How long a caller waits for an import of its organization before it is asked to try again."""


async def delete_billing_period(
    database: Database,
    organization_id: UUID,
    actor: Actor,
    *,
    dataset: str,
    billing_account_id: str | None,
    billing_period_start: date,
) -> RowMapping:
    """Delete the charges of a billing period in force with all that is summed from them; its row, now superseded.

    `billing_account_id` is None where its charges name none. All in one transaction: readers see it or they do not. A
    million charges take about a second. Raises NotFoundError where nothing is in force, and UnavailableError while
    another import is being stored.
    """
    account = billing_account_id or ""
    async with database.write(organization_id) as session:
        await lock_costs(session, organization_id, WAIT_SECONDS)
        found = await cost_imports.active_periods(session, organization_id, dataset, [(account, billing_period_start)])
        if not found:
            message = (
                "Nothing counts of this billing period in the dataset. `billingPeriods` lists what does: give the "
                "dataset, the billing account and the start as it has them."
            )
            raise NotFoundError(message)
        (period,) = found
        await _remove(session, organization_id, period)
        (superseded,) = await cost_imports.supersede(session, organization_id, [period["id"]])
        await request_check(session, organization_id)
        await want_figures(session, organization_id)
        await record(session, organization_id, _event(period, actor))
    return superseded


async def _remove(session: AsyncSession, organization_id: UUID, period: RowMapping) -> None:
    store = await CostStore.open(session, organization_id)
    await store.drop_charges([period["id"]], period["first_day"], period["last_day"])
    await store.drop_roll_ups([period["id"]])
    months = list(months_of(period["first_day"], period["last_day"]))
    await store.merge(months)
    for month in months:
        await allocate_month(session, organization_id, month)


def _event(period: RowMapping, actor: Actor) -> NewEvent:
    data = {
        "dataset": period["dataset"],
        "billingAccountId": period["billing_account_id"] or None,
        "billingPeriodStart": period["billing_period_start"].isoformat(),
        "chargeCount": period["charge_count"],
        "billedCost": f"{period['billed_cost']:f}" if period["billing_currency"] else None,
        "billingCurrency": period["billing_currency"],
    }
    kind = EventKind.BILLING_PERIOD_DELETED
    return NewEvent(kind, actor, subject_type="CostImport", subject_id=period["import_id"], data=data)
