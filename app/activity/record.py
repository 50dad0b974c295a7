"""Records events in the transaction that causes them, under numbers that become visible in order and without a gap."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.models import new_id, now
from app.records import NewEvent
from app.repositories import activity

# Where `record` leaves {organization: last number} in a session's `info`, for the commit listener.
RECORDED = "activity.recorded"
# And the events themselves, in their order, for the audit of the act.
EVENTS = "activity.events"


async def record(session: AsyncSession, organization_id: UUID, *events: NewEvent) -> int:
    """Record events in the caller's transaction; returns the number of the last of them.

    Call it late: it takes the lock of the organization's head, which is held until the transaction ends, so all
    other writers of the organization's events wait for what the transaction does after this call. A transaction that
    records in several organizations takes them in the order of their ids, or two of them could wait for each other.
    """
    if not events:
        message = "record() was called without an event"
        raise ValueError(message)
    await session.flush()  # what the caller has added goes out before the lock, not under it
    last = await activity.take_sequences(session, organization_id, len(events))
    moment = now()
    await activity.insert_events(
        session,
        [
            _row(organization_id, sequence, event) | {"occurred_at": moment}
            for sequence, event in enumerate(events, start=last - len(events) + 1)
        ],
    )
    session.info.setdefault(RECORDED, {})[organization_id] = last
    session.info.setdefault(EVENTS, []).extend(events)
    return last


def _row(organization_id: UUID, sequence: int, event: NewEvent) -> dict[str, Any]:
    return {
        "organization_id": organization_id,
        "sequence": sequence,
        "id": new_id(),
        "kind": event.kind.value,
        "actor_kind": event.actor.kind.value,
        "actor_id": event.actor.id,
        "subject_type": event.subject_type,
        "subject_id": event.subject_id,
        "data": event.data,
    }
