"""Asking for an export: in one transaction its row, the event and the job that writes the file."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import RowMapping

from app.activity.record import record
from app.costs.datasets import checked_dataset
from app.database import Database
from app.errors import BadUserInputError, ConflictError, NotFoundError
from app.models import new_id, now
from app.queue import enqueue_all
from app.records import Actor, EventKind, NewEvent
from app.records.cost_exports import CostExportOrder, CostExportState
from app.records.stored_conditions import conditions_to_json
from app.repositories import cost_exports
from app.repositories.organizations import lock_organization

RUN_EXPORT_JOB = "run_cost_export"
MOST_UNDER_WAY = 10
FIRST_DAY = date(2000, 1, 1)  # charges begin in the years 2000 to 2049, see app_charge_partition
LAST_DAY = date(2050, 1, 1)


async def start_export(
    database: Database, organization_id: UUID, actor: Actor, order: CostExportOrder, *, keep: timedelta
) -> RowMapping:
    """Queue an export, whose file is kept for `keep`; returns its row.

    Raises BadUserInputError for a period or dataset that cannot be, ConflictError while ten are under way.
    """
    order = checked_order(order)
    export_id, job_id, moment = new_id(), new_id(), now()
    async with database.write(organization_id) as session:
        if await lock_organization(session, organization_id) is None:
            message = "There is no such organization within your reach."
            raise NotFoundError(message)
        if await cost_exports.count_under_way(session, organization_id) >= MOST_UNDER_WAY:
            message = f"The organization has {MOST_UNDER_WAY} exports under way. Wait until one of them has ended."
            raise ConflictError(message)
        row = await cost_exports.insert_export(
            session,
            {
                "organization_id": organization_id,
                "id": export_id,
                "period_start": order.start,
                "period_end": order.end,
                "dataset": order.dataset,
                "criteria": conditions_to_json(order.where),
                "focus_version": order.focus_version,
                "format": order.format,
                "state": CostExportState.QUEUED,
                "omitted": [],
                "job_id": job_id,
                "actor_kind": actor.kind,
                "actor_id": actor.id,
                "created_at": moment,
                "expires_at": moment + keep,
            },
        )
        await enqueue_all(session, RUN_EXPORT_JOB, organization_id, {job_id: {"exportId": str(export_id)}})
        await record(session, organization_id, _event(row, actor))
    return row


def checked_order(order: CostExportOrder) -> CostExportOrder:
    """The order with its dataset as it is stored. Raises BadUserInputError for a period or dataset that cannot be."""
    if not FIRST_DAY <= order.start < order.end <= LAST_DAY:
        message = (
            f"`period` must end after it starts, and lie between {FIRST_DAY} and {LAST_DAY}; its end is exclusive. "
            f"It is {order.start} to {order.end}."
        )
        raise BadUserInputError(message, path=("input", "period"))
    return order if order.dataset is None else replace(order, dataset=checked_dataset(order.dataset))


def _event(row: RowMapping, actor: Actor) -> NewEvent:
    data = {
        "periodStart": row["period_start"].isoformat(),
        "periodEnd": row["period_end"].isoformat(),
        "dataset": row["dataset"],
        "focusVersion": row["focus_version"],
        "format": row["format"],
    }
    return NewEvent(EventKind.COST_EXPORT_STARTED, actor, "CostExport", row["id"], data)
