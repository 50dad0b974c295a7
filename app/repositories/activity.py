"""SQL of the activity stream: an organization's events in their order, and the heads that give out the order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import ARRAY, RowMapping, Table, Uuid, any_, delete, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.models import ActivityEvent, ActivityHead

EVENTS: Table = ActivityEvent.__table__  # type: ignore[assignment]
HEADS: Table = ActivityHead.__table__  # type: ignore[assignment]
# The row comparison is the index's own order, whatever plan is chosen (see selection.fetch_page).
_EVENTS_AFTER = """
SELECT * FROM activity_events WHERE organization_id = $1 AND (organization_id, sequence) > ($1, $2)
ORDER BY organization_id, sequence LIMIT $3
"""


@dataclass(frozen=True)
class Head:
    """Where an organization's order stands: the last number given out, and the first that is still kept."""

    last_sequence: int = 0
    first_kept_sequence: int = 1


async def take_sequences(session: AsyncSession, organization_id: UUID, count: int) -> int:
    """Take the next `count` sequence numbers; returns the last of them.

    The head's row stays locked until the transaction ends, so the next taker waits for our commit or rollback.
    """
    statement = upsert(HEADS).values(organization_id=organization_id, last_sequence=count, first_kept_sequence=1)
    statement = statement.on_conflict_do_update(
        index_elements=[HEADS.c.organization_id], set_={"last_sequence": HEADS.c.last_sequence + count}
    )
    return int((await session.execute(statement.returning(HEADS.c.last_sequence))).scalar_one())


async def insert_events(session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert events with their numbers: one statement, prepared once, sent with all rows at once."""
    await session.execute(insert(EVENTS), list(rows))


async def get_head(session: AsyncSession, organization_id: UUID) -> Head:
    """The head of one organization; one without events stands before its first."""
    statement = select(HEADS.c.last_sequence, HEADS.c.first_kept_sequence).where(
        HEADS.c.organization_id == organization_id
    )
    row = (await session.execute(statement)).one_or_none()
    return Head(*row) if row else Head()


async def last_sequences(session: AsyncSession, organization_ids: Sequence[UUID]) -> dict[UUID, int]:
    """The last number given out in each of these organizations, in one statement; for the system door."""
    statement = select(HEADS.c.organization_id, HEADS.c.last_sequence).where(
        HEADS.c.organization_id == any_(literal(list(organization_ids), ARRAY(Uuid)))
    )
    return {row.organization_id: row.last_sequence for row in await session.execute(statement)}


async def list_organizations(session: AsyncSession, after: UUID | None, limit: int) -> list[UUID]:
    """The next organizations that keep events, by id; for the system door."""
    statement = select(HEADS.c.organization_id).where(HEADS.c.last_sequence >= HEADS.c.first_kept_sequence)
    if after is not None:
        statement = statement.where(HEADS.c.organization_id > after)
    return list(await session.scalars(statement.order_by(HEADS.c.organization_id).limit(limit)))


async def read_events(
    database: Database, organization_id: UUID, sequence: int, limit: int
) -> Sequence[Mapping[str, Any]]:
    """The next events after a number, oldest first."""
    rows = await database.fetch(_EVENTS_AFTER, (organization_id, sequence, limit), organization_id=organization_id)
    return [{**row, "data": orjson.loads(row["data"])} for row in rows]


async def next_events(
    session: AsyncSession, organization_id: UUID, sequence: int, limit: int
) -> Sequence[Mapping[Any, Any]]:
    """Number and kind of the next events after a number, oldest first, in the caller's transaction."""
    statement = (
        select(EVENTS.c.sequence, EVENTS.c.kind)
        .where(EVENTS.c.organization_id == organization_id, EVENTS.c.sequence > sequence)
        .order_by(EVENTS.c.organization_id, EVENTS.c.sequence)
        .limit(limit)
    )
    return (await session.execute(statement)).mappings().all()


async def get_event(session: AsyncSession, organization_id: UUID, sequence: int) -> RowMapping | None:
    """One event by its number."""
    statement = select(EVENTS).where(EVENTS.c.organization_id == organization_id, EVENTS.c.sequence == sequence)
    return (await session.execute(statement)).mappings().one_or_none()


async def delete_oldest(session: AsyncSession, organization_id: UUID, before: datetime, limit: int) -> int:
    """Delete up to `limit` of the oldest events that happened before a moment and move the head's first kept number.

    Only a run from the first kept number on is deleted, so that what is kept has no hole even where clocks of
    several machines disagree. Returns how many went.
    """
    head = await get_head(session, organization_id)
    oldest = (
        select(EVENTS.c.sequence, EVENTS.c.occurred_at)
        .where(EVENTS.c.organization_id == organization_id, EVENTS.c.sequence >= head.first_kept_sequence)
        .order_by(EVENTS.c.sequence)
        .limit(limit)
        .cte("oldest")
    )
    first_young = select(func.min(oldest.c.sequence)).where(oldest.c.occurred_at >= before).scalar_subquery()
    last_old = select(func.max(oldest.c.sequence)).where(
        oldest.c.sequence < func.coalesce(first_young, head.last_sequence + 1)
    )
    through = (await session.execute(last_old)).scalar_one_or_none()
    if through is None:
        return 0
    await session.execute(
        delete(EVENTS).where(EVENTS.c.organization_id == organization_id, EVENTS.c.sequence <= through)
    )
    # Last, because writers of the organization wait for this row.
    await session.execute(
        update(HEADS)
        .where(HEADS.c.organization_id == organization_id, HEADS.c.first_kept_sequence <= through)
        .values(first_kept_sequence=through + 1)
    )
    return int(through - head.first_kept_sequence + 1)
