"""SQL of anomalies."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, Table, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import CostAnomaly, new_id

ANOMALIES: Table = CostAnomaly.__table__  # type: ignore[assignment]
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")


async def lock_watch(session: AsyncSession, organization_id: UUID) -> None:
    """Be the only one who writes what the watch over the organization's costs found, until the transaction ends."""
    await session.execute(_LOCK, {"name": f"cost-watch:{organization_id}"})


async def anomalies_since(
    session: AsyncSession, organization_id: UUID, start: date, metric: str
) -> Sequence[RowMapping]:
    """Anomalies that end after a day, in whatever state, the oldest first."""
    statement = (
        select(ANOMALIES)
        .where(
            ANOMALIES.c.organization_id == organization_id, ANOMALIES.c.ends_on > start, ANOMALIES.c.metric == metric
        )
        .order_by(ANOMALIES.c.starts_on, ANOMALIES.c.id)
    )
    return (await session.execute(statement)).mappings().all()


async def insert_anomaly(session: AsyncSession, organization_id: UUID, **values: Any) -> RowMapping:
    """Add an anomaly."""
    statement = insert(ANOMALIES).values(organization_id=organization_id, id=new_id(), **values).returning(ANOMALIES)
    row: RowMapping = (await session.execute(statement)).mappings().one()
    return row


async def get_anomaly(session: AsyncSession, organization_id: UUID, anomaly_id: UUID) -> RowMapping | None:
    """One anomaly, to be changed."""
    statement = select(ANOMALIES).where(ANOMALIES.c.organization_id == organization_id, ANOMALIES.c.id == anomaly_id)
    return (await session.execute(statement.with_for_update())).mappings().one_or_none()


async def update_anomaly(session: AsyncSession, organization_id: UUID, anomaly_id: UUID, **values: Any) -> RowMapping:
    """Write columns of an anomaly; returns the row."""
    statement = update(ANOMALIES).where(ANOMALIES.c.organization_id == organization_id, ANOMALIES.c.id == anomaly_id)
    row: RowMapping = (await session.execute(statement.values(**values).returning(ANOMALIES))).mappings().one()
    return row
