"""What is no longer needed of exports, for `app.costs.exports.purge`, which takes it away."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.costs.exports.purge import Kept
from app.exporting.fetch import stored_under
from app.exporting.start import RUN_EXPORT_JOB, end_export
from app.records import Actor, ActorKind
from app.records.exports import ExportState
from app.repositories import exports

SYSTEM: Final = Actor(ActorKind.SYSTEM)


async def _fail(session: AsyncSession, organization_id: UUID, export_id: UUID, message: str) -> bool:
    values = {"state": ExportState.FAILED, "message": message}
    return await end_export(session, organization_id, export_id, values, SYSTEM) is not None


OF_ROWS: Final = Kept(
    exports.end_expired,
    exports.delete_ended,
    exports.with_bytes,
    stored_under=stored_under,
    job=RUN_EXPORT_JOB,
    fail=_fail,
)
"""Exports of a connection's rows."""
