"""Notes that people and programs write into an organization's activity."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import RowMapping

from app.activity.record import record
from app.database import Database
from app.errors import BadUserInputError
from app.records import Actor, EventKind, NewEvent
from app.repositories import activity

LONGEST_NOTE = 2_000


async def add_note(database: Database, actor: Actor, organization_id: UUID, text: str) -> RowMapping:
    """Write a note; returns its event. Raises BadUserInputError for an empty or too long text, or one with U+0000."""
    note = text.strip()
    if not 1 <= len(note) <= LONGEST_NOTE or "\0" in note:
        message = f"`text` must have 1 to {LONGEST_NOTE:,} characters and no U+0000; this has {len(note):,}."
        raise BadUserInputError(message, path=("input", "text"))
    async with database.write(organization_id) as session:
        sequence = await record(session, organization_id, NewEvent(EventKind.NOTE_ADDED, actor, data={"text": note}))
        event = await activity.get_event(session, organization_id, sequence)
    if event is None:
        message = "an event recorded in this transaction is not visible to it"
        raise RuntimeError(message)
    return event
