"""Writes the file of an export under its job's lease, and says how it went."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.activity.record import record
from app.costs.exports.files import ExportTools
from app.costs.exports.writing import write_file
from app.errors import BadUserInputError
from app.models import now
from app.queue import HeldJob
from app.records import Actor, ActorKind, EventKind, NewEvent
from app.records.cost_exports import CostExportFormat, CostExportOrder, CostExportState, FocusVersion
from app.records.stored_conditions import conditions_of_json
from app.repositories import cost_exports

SYSTEM = Actor(ActorKind.SYSTEM)


async def run_export(job: HeldJob, tools: ExportTools) -> None:
    """Write the file of the export that the job names, anew whatever an earlier worker left of it."""
    if job.organization_id is None or "exportId" not in job.arguments:
        message = "run_cost_export needs an organization and an export"
        raise BadUserInputError(message)
    organization_id, export_id = job.organization_id, UUID(job.arguments["exportId"])
    async with job.database.write(organization_id) as session:
        await job.hold(session)
        begun = {"state": CostExportState.RUNNING, "started_at": now()}
        row = await cost_exports.change_export(session, organization_id, export_id, begun)
    if row is None:
        return
    values = await _made(job, tools, row)
    async with job.database.write(organization_id) as session:
        await job.hold(session)
        await end_export(session, organization_id, export_id, values)
    structlog.get_logger(__name__).info(
        "cost_export_ended",
        organization_id=str(organization_id),
        export_id=str(export_id),
        state=values["state"].value,
        rows=values.get("rows"),
    )


async def _made(job: HeldJob, tools: ExportTools, row: RowMapping) -> dict[str, Any]:
    """What there is to note of the file, or why there is none."""
    organization_id: UUID = row["organization_id"]
    with tools.files.scratch() as (_, path):
        try:
            written = await write_file(job.database, organization_id, order_of(row), path, tools.files.scratch)
        except BadUserInputError as error:
            return {"state": CostExportState.FAILED, "message": error.message}
        stored = await tools.files.keep(organization_id, row["id"], path)
    return {
        "state": CostExportState.SUCCEEDED,
        "rows": written.rows,
        "omitted": list(written.omitted),
        "size": stored.size,
        "sha256": stored.sha256,
        "storage": stored.storage,
        "multipart_id": stored.multipart_id,
        "expires_at": now() + tools.keep,
    }


async def end_export(
    session: AsyncSession, organization_id: UUID, export_id: UUID, values: Mapping[str, Any]
) -> RowMapping | None:
    """Write the ending of an export that is under way, with its event; None where it has ended already."""
    row = await cost_exports.change_export(session, organization_id, export_id, {**values, "finished_at": now()})
    if row is not None:
        data = {"state": row["state"], "rows": row["rows"], "bytes": row["size"], "message": row["message"]}
        event = NewEvent(EventKind.COST_EXPORT_FINISHED, SYSTEM, "CostExport", export_id, data)
        await record(session, organization_id, event)
    return row


def order_of(row: Mapping[Any, Any]) -> CostExportOrder:
    """What a row of `cost_exports` asks for."""
    return CostExportOrder(
        row["period_start"],
        row["period_end"],
        FocusVersion(row["focus_version"]),
        CostExportFormat(row["format"]),
        row["dataset"],
        conditions_of_json(row["criteria"]),
    )
