"""SQL of the audit: adding to an organization's chain, and reading it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, Table, delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import AuditDetail, AuditEvent, AuditHead
from app.records.audit import FIRST_HASH

HEADS: Table = AuditHead.__table__  # type: ignore[assignment]
EVENTS: Table = AuditEvent.__table__  # type: ignore[assignment]
DETAILS: Table = AuditDetail.__table__  # type: ignore[assignment]
# Not the defaults of the heads: a transaction that has changed nothing gets no number.
_TAKE = text("""
    INSERT INTO audit_heads AS h (organization_id, last_number, last_hash)
    SELECT :organization_id, 1, :first_hash WHERE app_has_changed()
    ON CONFLICT (organization_id) DO UPDATE SET last_number = h.last_number + 1
    RETURNING last_number, last_hash
""")
_COLUMNS = ", ".join(EVENTS.c.keys())
_VALUES = ", ".join(f":{name}" for name in EVENTS.c.keys())  # noqa: SIM118  (of columns, in their order)
_ADD = text(f"""
    WITH details AS (
        INSERT INTO audit_details (organization_id, number, salt, client_address, summary)
        VALUES (:organization_id, :number, :salt, :client_address, :summary)
    ), head AS (
        UPDATE audit_heads SET last_hash = :hash WHERE organization_id = :organization_id
    )
    INSERT INTO audit_events ({_COLUMNS}) VALUES ({_VALUES})
""")  # noqa: S608  (names of columns)


@dataclass(frozen=True)
class Place:
    """The next place in a chain: its number, and the hash of the row before."""

    number: int
    previous: bytes


async def take_place(session: AsyncSession, organization_id: UUID) -> Place | None:
    """The next place in the organization's chain; None for a transaction that has changed nothing.

    The head's row stays locked until the transaction ends, so the next taker waits for our commit or rollback.
    """
    values = {"organization_id": organization_id, "first_hash": FIRST_HASH}
    row = (await session.execute(_TAKE, values)).one_or_none()
    return None if row is None else Place(row.last_number, bytes(row.last_hash))


async def add_event(session: AsyncSession, event: Mapping[str, Any], details: Mapping[str, Any]) -> None:
    """Add a row at the place that was taken, with what may be erased of it, and move the head's hash: one statement."""
    await session.execute(_ADD, {**event, **details})


async def chain_rows(session: AsyncSession, organization_id: UUID, after: int, limit: int) -> Sequence[RowMapping]:
    """The next rows of a chain in order, each with its details; `salt` is null where they were erased."""
    statement = (
        select(EVENTS, DETAILS.c.salt, DETAILS.c.client_address, DETAILS.c.summary)
        .outerjoin(
            DETAILS, (DETAILS.c.organization_id == EVENTS.c.organization_id) & (DETAILS.c.number == EVENTS.c.number)
        )
        .where(EVENTS.c.organization_id == organization_id, EVENTS.c.number > after)
        .order_by(EVENTS.c.number)
        .limit(limit)
    )
    return (await session.execute(statement)).mappings().all()


async def get_head(session: AsyncSession, organization_id: UUID) -> RowMapping | None:
    """`last_number` and `last_hash` of a chain; None before its first row."""
    statement = select(HEADS).where(HEADS.c.organization_id == organization_id)
    return (await session.execute(statement)).mappings().one_or_none()


async def last_row(session: AsyncSession, organization_id: UUID) -> RowMapping | None:
    """The last row of a chain; None before its first."""
    statement = select(EVENTS).where(EVENTS.c.organization_id == organization_id)
    return (await session.execute(statement.order_by(EVENTS.c.number.desc()).limit(1))).mappings().one_or_none()


async def orphaned_details(session: AsyncSession, organization_id: UUID) -> int | None:
    """The first number that has details and no row; None where there is none."""
    rows = select(EVENTS.c.number).where(
        EVENTS.c.organization_id == organization_id, EVENTS.c.number == DETAILS.c.number
    )
    statement = select(func.min(DETAILS.c.number)).where(DETAILS.c.organization_id == organization_id, ~rows.exists())
    found: int | None = (await session.execute(statement)).scalar_one()
    return found


async def details_of(session: AsyncSession, organization_id: UUID, numbers: Sequence[int]) -> dict[int, RowMapping]:
    """The details of rows by their number, without those that were erased."""
    statement = select(DETAILS).where(DETAILS.c.organization_id == organization_id, DETAILS.c.number.in_(numbers))
    return {row["number"]: row for row in (await session.execute(statement)).mappings()}


async def erase_details(session: AsyncSession, organization_id: UUID, actor_id: UUID) -> int:
    """Delete the details of a person's acts in an organization; returns of how many."""
    of_person = select(EVENTS.c.number).where(
        EVENTS.c.organization_id == organization_id, EVENTS.c.actor_id == actor_id
    )
    statement = delete(DETAILS).where(DETAILS.c.organization_id == organization_id, DETAILS.c.number.in_(of_person))
    return len((await session.execute(statement.returning(DETAILS.c.number))).all())


async def erase_rows(session: AsyncSession, organization_id: UUID, numbers: Sequence[int]) -> None:
    """Delete the details of some rows."""
    statement = delete(DETAILS).where(DETAILS.c.organization_id == organization_id, DETAILS.c.number.in_(numbers))
    await session.execute(statement)
