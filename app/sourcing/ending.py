"""The end of an import of costs that has changed nothing, and its event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.activity.record import record
from app.models import now
from app.records import Actor, EventKind, NewEvent
from app.records.costs import ImportState
from app.repositories import cost_imports
from app.sourcing.schedule import SYSTEM


async def close_import(session: AsyncSession, row: RowMapping, state: ImportState, message: str) -> bool:
    """End an import that is under way, in the caller's transaction; False where it has ended meanwhile."""
    # While it ran it told what it was about to add, and nothing of that is there.
    values = {"state": state, "message": message, "finished_at": now(), "added": 0, "unchanged": 0}
    return await cost_imports.change_import(session, row["organization_id"], row["id"], values)


async def fail_import(session: AsyncSession, row: RowMapping, message: str, actor: Actor = SYSTEM) -> bool:
    """The same as FAILED, with its event. Takes the lock of the activity's head: call it last."""
    if not await close_import(session, row, ImportState.FAILED, message):
        return False
    data = {"dataset": row["dataset"], "added": 0, "rejected": 0, "message": message}
    await record(session, row["organization_id"], event_of(EventKind.COST_IMPORT_FAILED, row["id"], actor, data))
    return True


def event_of(kind: EventKind, import_id: UUID, actor: Actor, data: Mapping[str, Any]) -> NewEvent:
    """An event about an import."""
    return NewEvent(kind, actor, subject_type="CostImport", subject_id=import_id, data=dict(data))
