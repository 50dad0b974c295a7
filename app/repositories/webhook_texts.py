"""SQL that looks for a person in what webhooks were sent and have answered."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    RowMapping,
    Select,
    Table,
    Text,
    cast,
    func,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import ActivityEvent, WebhookAttempt, WebhookDelivery

_ATTEMPTS: Table = WebhookAttempt.__table__  # type: ignore[assignment]
_DELIVERIES: Table = WebhookDelivery.__table__  # type: ignore[assignment]
_EVENTS: Table = ActivityEvent.__table__  # type: ignore[assignment]
_BATCH = 200


@dataclass(frozen=True)
class Sought:
    """A person in one organization.

    `by_address` says that what only names the address is about them too, `belongs` that so is what only has the name:
    elsewhere the name may be another's, and counts in messages of events by or about the person alone.
    """

    organization_id: UUID
    user_id: UUID
    email: str
    name: str
    by_address: bool
    belongs: bool

    def named_in(self, told: ColumnElement[str], own: ColumnElement[bool]) -> ColumnElement[bool]:
        """Whether a text, or JSON as one, may name the person; `own` says which are theirs where they do not belong."""
        own = true() if self.belongs else own
        has_email, has_name = _has(told, self.email), _has(told, self.name)
        return or_(has_email, own & has_name) if self.by_address else own & or_(has_email, has_name)


async def bodies_naming(session: AsyncSession, sought: Sought, after: UUID | None) -> Sequence[RowMapping]:
    """The next `id` and `told` of deliveries behind one whose body may name a person; empty at the end."""
    return await _next(session, _DELIVERIES, _DELIVERIES.c.body, _DELIVERIES.c.id, sought, after)


async def answers_naming(session: AsyncSession, sought: Sought, after: UUID | None) -> Sequence[RowMapping]:
    """The same of attempts and what was answered."""
    return await _next(session, _ATTEMPTS, _ATTEMPTS.c.response_body, _ATTEMPTS.c.delivery_id, sought, after)


async def set_body(session: AsyncSession, organization_id: UUID, delivery_id: UUID, body: str) -> None:
    """Replace what a delivery tells."""
    of_delivery = (_DELIVERIES.c.organization_id == organization_id, _DELIVERIES.c.id == delivery_id)
    await session.execute(update(_DELIVERIES).where(*of_delivery).values(body=body))


async def set_answer(session: AsyncSession, organization_id: UUID, attempt_id: UUID, answer: str) -> None:
    """Replace what was answered."""
    of_attempt = (_ATTEMPTS.c.organization_id == organization_id, _ATTEMPTS.c.id == attempt_id)
    await session.execute(update(_ATTEMPTS).where(*of_attempt).values(response_body=answer))


async def _next(
    session: AsyncSession,
    table: Table,
    column: ColumnElement[str],
    delivery_id: ColumnElement[UUID],
    sought: Sought,
    after: UUID | None,
) -> Sequence[RowMapping]:
    named = sought.named_in(column, delivery_id.in_(_own_deliveries(sought)))
    statement = select(table.c.id, column.label("told")).where(table.c.organization_id == sought.organization_id, named)
    if after is not None:
        statement = statement.where(table.c.id > after)
    return (await session.execute(statement.order_by(table.c.id).limit(_BATCH))).mappings().all()


def _own_deliveries(sought: Sought) -> Select[tuple[UUID]]:
    """Deliveries of events by or about the person."""
    about = func.strpos(cast(_EVENTS.c.data, Text), str(sought.user_id)) > 0
    events = select(_EVENTS.c.sequence).where(
        _EVENTS.c.organization_id == sought.organization_id, or_(_EVENTS.c.actor_id == sought.user_id, about)
    )
    return select(_DELIVERIES.c.id).where(
        _DELIVERIES.c.organization_id == sought.organization_id, _DELIVERIES.c.sequence.in_(events)
    )


def _has(column: ColumnElement[str], value: str) -> ColumnElement[bool]:
    return or_(*(func.strpos(column, form) > 0 for form in written(value)))


def written(value: str) -> list[str]:
    """A text as it stands in texts, and inside of JSON, where other letters than ASCII may be escaped."""
    return sorted({value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]})
