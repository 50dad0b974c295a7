"""Adds acts to the audit: each transaction that an act commits in an organization leaves one row of its chain.

What people do with their own sign-in belongs to no organization, and leaves a row in each that they belong to.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.activity.record import EVENTS
from app.database import ORGANIZATION, Database, acting
from app.models import now
from app.records import Actor, ActorKind, NewEvent
from app.records.audit import (
    ERASE,
    PERSONAL_ACT,
    SALT_BYTES,
    AuditOutcome,
    PersonalAct,
    canonical,
    digest,
    row_hash,
    shortened,
)
from app.repositories import audit
from app.repositories.memberships import organizations_of
from app.repositories.organizations import beside_tenant, enter_from_system

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
        organization_id: UUID | None = session.info.get(ORGANIZATION)
        personal: PersonalAct | None = session.info.get(PERSONAL_ACT)
        if personal is not None:
            await self._leave_traces(session, organization_id, personal)
        elif organization_id is not None:
            events: Sequence[NewEvent] = session.info.get(EVENTS, ())
            actor = self.actor or (events[0].actor if events else Actor(ActorKind.SYSTEM))
            subject = self._subject(events) or ("Organization", organization_id)
            await self._add(session, organization_id, actor, subject, self._summary(events))

    async def _leave_traces(self, session: AsyncSession, entered: UUID | None, personal: PersonalAct) -> None:
        """Add a row in each organization of a person, and in the one that was entered, which alone has the arguments.

        The chains' heads are locked in the order of the ids: two such acts wait for each other, and never in a circle.
        """
        events: Sequence[NewEvent] = session.info.get(EVENTS, ())
        actor = Actor(ActorKind.USER, personal.user_id) if personal.by_person else Actor(ActorKind.SYSTEM)
        async with beside_tenant(session):
            places = set(await organizations_of(session, personal.user_id))
        if entered is not None:
            places.add(entered)
        act = replace(self, session_id=personal.session_id or self.session_id, arguments=personal.facts)
        if not personal.by_person:
            act = replace(act, client_address=None)  # whose it is nobody knows, so nobody could have it erased
        for organization_id in sorted(places):
            await enter_from_system(session, organization_id)
            if organization_id == entered:
                own = replace(act, arguments={**self.arguments, **personal.facts})
                subject = self._subject(events) or ("User", personal.user_id)
                await own._add(session, organization_id, actor, subject, own._summary(events))  # noqa: SLF001
            else:
                subject = self.subject or ("User", personal.user_id)
                await act._add(session, organization_id, actor, subject, act._summary(()))  # noqa: SLF001
        session.info[ORGANIZATION] = entered

    async def _add(
        self,
        session: AsyncSession,
        organization_id: UUID,
        actor: Actor,
        subject: tuple[str, UUID],
        summary: Mapping[str, Any],
    ) -> None:
        await add_row(
            session,
            organization_id,
            act=self.name,
            actor=actor,
            subject=subject,
            summary=summary,
            session_id=self.session_id,
            request_id=self.request_id,
            client_address=self.client_address,
        )

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


async def add_row(
    session: AsyncSession,
    organization_id: UUID,
    *,
    act: str,
    actor: Actor,
    subject: tuple[str, UUID],
    summary: Mapping[str, Any],
    session_id: UUID | None = None,
    request_id: str | None = None,
    client_address: str | None = None,
    outcome: AuditOutcome = AuditOutcome.SUCCEEDED,
) -> None:
    """Add a row to an organization's chain, unless the transaction has changed nothing. `summary` is plain JSON."""
    place = await audit.take_place(session, organization_id)
    if place is None:
        return
    salt, text = secrets.token_bytes(SALT_BYTES), canonical(summary).decode()
    row = {
        "organization_id": organization_id,
        "number": place.number,
        "act": act,
        "outcome": outcome.value,
        "actor_kind": actor.kind.value,
        "actor_id": actor.id,
        "session_id": session_id,
        "subject_type": subject[0],
        "subject_id": subject[1],
        "request_id": request_id,
        "client_address_digest": digest(salt, "clientAddress", client_address),
        "summary_digest": digest(salt, "summary", text),
        "occurred_at": now(),
    }
    details = {"salt": salt, "client_address": client_address, "summary": text}
    await audit.add_event(session, {**row, "hash": row_hash(place.previous, row)}, details)


async def erase_details(database: Database, organization_id: UUID, user_id: UUID, actor: Actor) -> int:
    """Erase what the audit tells of a person's acts beyond their ids; returns of how many acts.

    The chain stays whole, and says in a row of its own that this was done, or a missing detail would be a fault.
    """
    act = AuditedAct(ERASE, actor, subject=("User", user_id))
    with acting(act):
        async with database.write(organization_id) as session:
            return await audit.erase_details(session, organization_id, user_id)
