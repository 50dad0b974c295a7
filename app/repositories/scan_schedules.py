"""SQL of the schedules of scans."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, Table, delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import ScanSchedule, new_id

SCHEDULES: Table = ScanSchedule.__table__  # type: ignore[assignment]


async def insert_schedule(session: AsyncSession, organization_id: UUID, **values: Any) -> RowMapping | None:
    """Add a schedule; None where the organization has one of that name."""
    statement = insert(SCHEDULES).values(organization_id=organization_id, id=new_id(), **values)
    statement = statement.on_conflict_do_nothing(index_elements=[SCHEDULES.c.organization_id, SCHEDULES.c.name])
    row: RowMapping | None = (await session.execute(statement.returning(SCHEDULES))).mappings().one_or_none()
    return row


async def get_schedule(session: AsyncSession, organization_id: UUID, schedule_id: UUID) -> RowMapping | None:
    """One schedule, to be changed."""
    statement = select(SCHEDULES).where(SCHEDULES.c.organization_id == organization_id, SCHEDULES.c.id == schedule_id)
    return (await session.execute(statement.with_for_update())).mappings().one_or_none()


async def find_schedule(session: AsyncSession, organization_id: UUID, schedule_id: UUID) -> RowMapping | None:
    """One schedule, to be read."""
    statement = select(SCHEDULES).where(SCHEDULES.c.organization_id == organization_id, SCHEDULES.c.id == schedule_id)
    return (await session.execute(statement)).mappings().one_or_none()


async def name_is_taken(session: AsyncSession, organization_id: UUID, name: str, schedule_id: UUID) -> bool:
    """Whether another schedule of the organization has the name."""
    statement = select(SCHEDULES.c.id).where(
        SCHEDULES.c.organization_id == organization_id, SCHEDULES.c.name == name, SCHEDULES.c.id != schedule_id
    )
    return (await session.execute(statement)).one_or_none() is not None


async def update_schedule(session: AsyncSession, organization_id: UUID, schedule_id: UUID, **values: Any) -> RowMapping:
    """Write columns of a schedule; returns the row."""
    statement = update(SCHEDULES).where(SCHEDULES.c.organization_id == organization_id, SCHEDULES.c.id == schedule_id)
    row: RowMapping = (await session.execute(statement.values(**values).returning(SCHEDULES))).mappings().one()
    return row


async def delete_schedule(session: AsyncSession, organization_id: UUID, schedule_id: UUID) -> None:
    """Delete a schedule; its job finds nothing to do."""
    await session.execute(
        delete(SCHEDULES).where(SCHEDULES.c.organization_id == organization_id, SCHEDULES.c.id == schedule_id)
    )
