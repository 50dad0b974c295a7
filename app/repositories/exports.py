"""SQL of the table of exports of connections."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, Table, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Export
from app.records.exports import UNDER_WAY, ExportState

EXPORTS: Table = Export.__table__  # type: ignore[assignment]
_ENDED = (ExportState.FAILED, ExportState.CANCELLED, ExportState.EXPIRED)


async def insert_export(session: AsyncSession, values: dict[str, Any]) -> RowMapping:
    """Add an export and return its row."""
    row: RowMapping = (await session.execute(insert(EXPORTS).values(values).returning(EXPORTS))).mappings().one()
    return row


async def find_export(session: AsyncSession, organization_id: UUID, export_id: UUID) -> RowMapping | None:
    """One export."""
    statement = select(EXPORTS).where(EXPORTS.c.organization_id == organization_id, EXPORTS.c.id == export_id)
    return (await session.execute(statement)).mappings().one_or_none()


async def change_export(
    session: AsyncSession, organization_id: UUID, export_id: UUID, values: dict[str, Any]
) -> RowMapping | None:
    """Change an export that is under way; None where there is none."""
    statement = (
        update(EXPORTS)
        .where(
            EXPORTS.c.organization_id == organization_id,
            EXPORTS.c.id == export_id,
            EXPORTS.c.state.in_(UNDER_WAY),
        )
        .values(**values)
        .returning(EXPORTS)
    )
    row: RowMapping | None = (await session.execute(statement)).mappings().one_or_none()
    return row


async def count_under_way(session: AsyncSession, organization_id: UUID) -> int:
    """How many exports are queued or running."""
    statement = select(func.count()).where(EXPORTS.c.organization_id == organization_id, EXPORTS.c.state.in_(UNDER_WAY))
    return int((await session.execute(statement)).scalar_one())


async def end_expired(session: AsyncSession, organization_id: UUID, most: int) -> Sequence[RowMapping]:
    """Mark up to `most` files whose time is over as expired; returns their rows, whose bytes can go."""
    overdue = (
        select(EXPORTS.c.id)
        .where(
            EXPORTS.c.organization_id == organization_id,
            EXPORTS.c.expires_at < func.now(),
            EXPORTS.c.state == ExportState.SUCCEEDED,
        )
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    statement = (
        update(EXPORTS)
        .where(EXPORTS.c.organization_id == organization_id, EXPORTS.c.id.in_(overdue))
        .values(state=ExportState.EXPIRED)
        .returning(EXPORTS)
    )
    rows: Sequence[RowMapping] = (await session.execute(statement)).mappings().all()
    return rows


async def delete_ended(session: AsyncSession, organization_id: UUID, before: datetime, most: int) -> int:
    """Delete up to `most` rows of exports that expired or came to no file whose time was over before a moment."""
    chosen = (
        select(EXPORTS.c.id)
        .where(
            EXPORTS.c.organization_id == organization_id,
            EXPORTS.c.expires_at < before,
            EXPORTS.c.state.in_(_ENDED),
        )
        .limit(most)
    )
    statement = delete(EXPORTS).where(EXPORTS.c.organization_id == organization_id, EXPORTS.c.id.in_(chosen))
    return len((await session.execute(statement.returning(EXPORTS.c.id))).all())


async def with_bytes(session: AsyncSession, organization_id: UUID, file_ids: Collection[UUID]) -> set[UUID]:
    """Those of these files that a finished export has a right to."""
    statement = select(EXPORTS.c.file_id).where(
        EXPORTS.c.organization_id == organization_id,
        EXPORTS.c.file_id.in_(file_ids),
        EXPORTS.c.state == ExportState.SUCCEEDED,
    )
    return set((await session.execute(statement)).scalars())
