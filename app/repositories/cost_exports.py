"""SQL of the table of exports of charges."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, Table, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import CostExport
from app.records.cost_exports import UNDER_WAY, CostExportState

COST_EXPORTS: Table = CostExport.__table__  # type: ignore[assignment]
_ENDED = (CostExportState.FAILED, CostExportState.EXPIRED)


async def insert_export(session: AsyncSession, values: dict[str, Any]) -> RowMapping:
    """Add an export and return its row."""
    row: RowMapping = (
        (await session.execute(insert(COST_EXPORTS).values(values).returning(COST_EXPORTS))).mappings().one()
    )
    return row


async def find_export(session: AsyncSession, organization_id: UUID, export_id: UUID) -> RowMapping | None:
    """One export."""
    statement = select(COST_EXPORTS).where(
        COST_EXPORTS.c.organization_id == organization_id, COST_EXPORTS.c.id == export_id
    )
    return (await session.execute(statement)).mappings().one_or_none()


async def change_export(
    session: AsyncSession, organization_id: UUID, export_id: UUID, values: dict[str, Any]
) -> RowMapping | None:
    """Change an export that is under way; None where there is none."""
    statement = (
        update(COST_EXPORTS)
        .where(
            COST_EXPORTS.c.organization_id == organization_id,
            COST_EXPORTS.c.id == export_id,
            COST_EXPORTS.c.state.in_(UNDER_WAY),
        )
        .values(**values)
        .returning(COST_EXPORTS)
    )
    row: RowMapping | None = (await session.execute(statement)).mappings().one_or_none()
    return row


async def count_under_way(session: AsyncSession, organization_id: UUID) -> int:
    """How many exports are queued or running."""
    statement = select(func.count()).where(
        COST_EXPORTS.c.organization_id == organization_id, COST_EXPORTS.c.state.in_(UNDER_WAY)
    )
    return int((await session.execute(statement)).scalar_one())


async def end_expired(session: AsyncSession, organization_id: UUID, most: int) -> Sequence[RowMapping]:
    """Mark up to `most` files whose time is over as expired; returns their rows, whose bytes can go."""
    overdue = (
        select(COST_EXPORTS.c.id)
        .where(
            COST_EXPORTS.c.organization_id == organization_id,
            COST_EXPORTS.c.expires_at < func.now(),
            COST_EXPORTS.c.state == CostExportState.SUCCEEDED,
        )
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    statement = (
        update(COST_EXPORTS)
        .where(COST_EXPORTS.c.organization_id == organization_id, COST_EXPORTS.c.id.in_(overdue))
        .values(state=CostExportState.EXPIRED)
        .returning(COST_EXPORTS)
    )
    rows: Sequence[RowMapping] = (await session.execute(statement)).mappings().all()
    return rows


async def delete_ended(session: AsyncSession, organization_id: UUID, before: datetime, most: int) -> int:
    """Delete up to `most` rows of expired and failed exports whose time was over before a moment."""
    chosen = (
        select(COST_EXPORTS.c.id)
        .where(
            COST_EXPORTS.c.organization_id == organization_id,
            COST_EXPORTS.c.expires_at < before,
            COST_EXPORTS.c.state.in_(_ENDED),
        )
        .limit(most)
    )
    statement = delete(COST_EXPORTS).where(
        COST_EXPORTS.c.organization_id == organization_id, COST_EXPORTS.c.id.in_(chosen)
    )
    return len((await session.execute(statement.returning(COST_EXPORTS.c.id))).all())


async def with_bytes(session: AsyncSession, organization_id: UUID, export_ids: Collection[UUID]) -> set[UUID]:
    """Those of these exports that have a right to bytes in the storage."""
    statement = select(COST_EXPORTS.c.id).where(
        COST_EXPORTS.c.organization_id == organization_id,
        COST_EXPORTS.c.id.in_(export_ids),
        COST_EXPORTS.c.state.in_((*UNDER_WAY, CostExportState.SUCCEEDED)),
    )
    return set((await session.execute(statement)).scalars())
