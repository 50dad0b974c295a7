"""Asking for an export and calling it off: in one transaction its row, the event and the job that writes the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.activity.record import record
from app.database import Database
from app.errors import ConflictError, NotFoundError
from app.models import new_id, now
from app.queue import enqueue_all
from app.records import Actor, EventKind, NewEvent
from app.records.exports import ExportCaller, ExportFormat, ExportState
from app.repositories import exports
from app.repositories.organizations import lock_organization

RUN_EXPORT_JOB = "run_export"


@dataclass(frozen=True)
class ExportOrder:
    """What to write: a query that has been checked, its variables, the name of its connection, the form."""

    query: str
    variables: Mapping[str, Any]
    connection: str
    format: ExportFormat


async def start_export(
    database: Database,
    organization_id: UUID,
    caller: ExportCaller,
    order: ExportOrder,
    *,
    keep: timedelta,
    most_under_way: int,
) -> RowMapping:
    """Queue an export, whose file is kept for `keep`; returns its row.

    Raises ConflictError while the organization has as many under way as it may.
    """
    export_id, job_id, moment = new_id(), new_id(), now()
    async with database.write(organization_id) as session:
        if await lock_organization(session, organization_id) is None:
            message = "There is no such organization within your reach."
            raise NotFoundError(message)
        if await exports.count_under_way(session, organization_id) >= most_under_way:
            message = (
                f"The organization has {most_under_way} exports under way, as many as it may. Wait until one has "
                "ended, or cancel one with cancelExport."
            )
            raise ConflictError(message)
        row = await exports.insert_export(
            session,
            {
                "organization_id": organization_id,
                "id": export_id,
                "query": order.query,
                "variables": dict(order.variables),
                "connection": order.connection,
                "format": order.format,
                "state": ExportState.QUEUED,
                "job_id": job_id,
                "actor_kind": caller.actor.kind,
                "actor_id": caller.actor.id,
                "session_id": caller.session_id,
                "created_at": moment,
                "expires_at": moment + keep,
            },
        )
        await enqueue_all(session, RUN_EXPORT_JOB, organization_id, {job_id: {"exportId": str(export_id)}})
        data = {"connection": order.connection, "format": order.format.name}
        await record(
            session, organization_id, NewEvent(EventKind.EXPORT_STARTED, caller.actor, "Export", export_id, data)
        )
    return row


async def cancel_export(database: Database, organization_id: UUID, actor: Actor, export_id: UUID) -> RowMapping:
    """Cancel an export that is under way; its row. Who writes the file notices within two seconds.

    Raises NotFoundError, and ConflictError for one that has ended.
    """
    async with database.write(organization_id) as session:
        row = await end_export(
            session,
            organization_id,
            export_id,
            {"state": ExportState.CANCELLED, "message": "It was cancelled; start another export."},
            actor,
        )
        if row is not None:
            return row
        found = await exports.find_export(session, organization_id, export_id)
    if found is None:
        message = "There is no such export within your reach."
        raise NotFoundError(message)
    message = f"The export has ended already: {found['state']}."
    raise ConflictError(message)


async def end_export(
    session: AsyncSession, organization_id: UUID, export_id: UUID, values: Mapping[str, Any], actor: Actor
) -> RowMapping | None:
    """Write the ending of an export that is under way, with its event; None where it has ended already."""
    row = await exports.change_export(session, organization_id, export_id, {**values, "finished_at": now()})
    if row is not None:
        data = {"state": row["state"], "rows": row["rows"], "bytes": row["size"], "message": row["message"]}
        event = NewEvent(EventKind.EXPORT_FINISHED, actor, "Export", export_id, data)
        await record(session, organization_id, event)
    return row
