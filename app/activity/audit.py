"""Adds acts to the audit: each transaction that an act commits in an organization leaves one row of its chain."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.activity.record import EVENTS
from app.database import ORGANIZATION, Database, acting
from app.models import now
from app.records import Actor, ActorKind, NewEvent
from app.records.audit import ERASE, SALT_BYTES, AuditOutcome, canonical, digest, row_hash, shortened
from app.repositories import audit

MOST_EVENTS = 50
"""That a row tells of; an act has recorded more of them at most for that many accounts at a time."""


@dataclass(frozen=True)
class AuditedAct:
    """An act and who does it; `arguments` are plain JSON without a secret, `subject` is (type, id) if known before.

    Without an actor, such as of somebody who registers, it is the one of the first event that the act records.
    """

    name: str
    actor: Actor | None
    session_id: UUID | None = None
    request_id: str | None = None
    client_address: str | None = None
    subject: tuple[str, UUID] | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)

    async def leave_trace(self, session: AsyncSession) -> None:
        """Add the row, unless the transaction belongs to no organization or has changed nothing.

        It is called last: the lock of the chain's head is held until the commit. It comes after that of the activity's
        head, in every transaction alike.
        """
        organization_id = session.info.get(ORGANIZATION)
        if organization_id is None:
            return
        place = await audit.take_place(session, organization_id)
        if place is None:
            return
        events: Sequence[NewEvent] = session.info.get(EVENTS, ())
        actor = self.actor or (events[0].actor if events else Actor(ActorKind.SYSTEM))
        subject_type, subject_id = self._subject(events) or ("Organization", organization_id)
        salt = secrets.token_bytes(SALT_BYTES)
        summary = canonical(self._summary(events)).decode()
        row = {
            "organization_id": organization_id,
            "number": place.number,
            "act": self.name,
            "outcome": AuditOutcome.SUCCEEDED.value,
            "actor_kind": actor.kind.value,
            "actor_id": actor.id,
            "session_id": self.session_id,
            "subject_type": subject_type,
            "subject_id": subject_id,
            "request_id": self.request_id,
            "client_address_digest": digest(salt, "clientAddress", self.client_address),
            "summary_digest": digest(salt, "summary", summary),
            "occurred_at": now(),
        }
        details = {"salt": salt, "client_address": self.client_address, "summary": summary}
        await audit.add_event(session, {**row, "hash": row_hash(place.previous, row)}, details)

    def _subject(self, events: Sequence[NewEvent]) -> tuple[str, UUID] | None:
        if self.subject is not None:
            return self.subject
        for event in events:
            if event.subject_type is not None and event.subject_id is not None:
                return event.subject_type, event.subject_id
        return None

    def _summary(self, events: Sequence[NewEvent]) -> dict[str, Any]:
        told = [
            {
                "kind": event.kind.value,
                "subjectType": event.subject_type,
                "subjectId": None if event.subject_id is None else str(event.subject_id),
                "data": shortened(event.data),
            }
            for event in events[:MOST_EVENTS]
        ]
        return {"arguments": self.arguments, "events": told, "eventCount": len(events)}


async def erase_details(database: Database, organization_id: UUID, user_id: UUID, actor: Actor) -> int:
    """Erase what the audit tells of a person's acts beyond their ids; returns of how many acts.

    The chain stays whole, and says in a row of its own that this was done, or a missing detail would be a fault.
    """
    act = AuditedAct(ERASE, actor, subject=("User", user_id))
    with acting(act):
        async with database.write(organization_id) as session:
            return await audit.erase_details(session, organization_id, user_id)
