"""SQL of business metrics and their values by day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Date, Numeric, RowMapping, Table, delete, func, literal, literal_column, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import BusinessMetric, BusinessMetricValue, new_id, now

METRICS: Table = BusinessMetric.__table__  # type: ignore[assignment]
VALUES: Table = BusinessMetricValue.__table__  # type: ignore[assignment]
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")


async def metric_names(session: AsyncSession, organization_id: UUID, *, lock: bool = False) -> dict[UUID, str]:
    """The names of all metrics by their ids; `lock` keeps others from naming one until the transaction ends."""
    if lock:
        await session.execute(_LOCK, {"name": f"metric-names:{organization_id}"})
    statement = select(METRICS.c.id, METRICS.c.name).where(METRICS.c.organization_id == organization_id)
    return {row.id: row.name for row in await session.execute(statement)}


async def get_metric(session: AsyncSession, organization_id: UUID, metric_id: UUID) -> RowMapping | None:
    """One metric, to be changed."""
    statement = select(METRICS).where(METRICS.c.organization_id == organization_id, METRICS.c.id == metric_id)
    return (await session.execute(statement.with_for_update())).mappings().one_or_none()


async def all_metrics(session: AsyncSession, organization_id: UUID) -> Sequence[RowMapping]:
    """All metrics, in the order of their ids."""
    statement = select(METRICS).where(METRICS.c.organization_id == organization_id).order_by(METRICS.c.id)
    return (await session.execute(statement)).mappings().all()


async def lock_metrics(session: AsyncSession, organization_id: UUID, metric_ids: Sequence[UUID]) -> set[UUID]:
    """Those of the metrics that are there; they stay until the transaction ends."""
    statement = select(METRICS.c.id).where(METRICS.c.organization_id == organization_id, METRICS.c.id.in_(metric_ids))
    return {*(await session.execute(statement.order_by(METRICS.c.id).with_for_update(read=True))).scalars()}


async def add_metric(session: AsyncSession, organization_id: UUID, name: str, unit: str) -> RowMapping:
    """Add a metric, whose name must be free: see metric_names."""
    moment = now()
    statement = insert(METRICS).values(
        organization_id=organization_id, id=new_id(), name=name, unit=unit, created_at=moment, updated_at=moment
    )
    row: RowMapping = (await session.execute(statement.returning(METRICS))).mappings().one()
    return row


async def delete_metric(session: AsyncSession, organization_id: UUID, metric_id: UUID) -> RowMapping | None:
    """Delete a metric with its values; returns the row as it was."""
    statement = delete(METRICS).where(METRICS.c.organization_id == organization_id, METRICS.c.id == metric_id)
    row: RowMapping | None = (await session.execute(statement.returning(METRICS))).mappings().one_or_none()
    return row


async def store_values(
    session: AsyncSession, organization_id: UUID, metric_id: UUID, values: Mapping[date, Decimal]
) -> tuple[int, int]:
    """Write quantities by day; returns how many days are new and how many were changed."""
    days = sorted(values)
    sent = func.unnest(literal(days, ARRAY(Date)), literal([values[day] for day in days], ARRAY(Numeric)))
    columns = sent.table_valued("day", "quantity", name="sent").render_derived()
    statement = insert(VALUES).from_select(
        ["organization_id", "business_metric_id", "day", "quantity"],
        select(literal(organization_id), literal(metric_id), columns.c.day, columns.c.quantity),
    )
    statement = statement.on_conflict_do_update(
        index_elements=[VALUES.c.organization_id, VALUES.c.business_metric_id, VALUES.c.day],
        set_={"quantity": statement.excluded.quantity},
        where=VALUES.c.quantity != statement.excluded.quantity,
    )
    # A row that this statement has inserted has no deleting transaction yet.
    written: Sequence[bool] = (await session.execute(statement.returning(literal_column("xmax = 0")))).scalars().all()
    if written:
        touched = update(METRICS).where(METRICS.c.organization_id == organization_id, METRICS.c.id == metric_id)
        await session.execute(touched.values(updated_at=now()))
    added = sum(1 for is_new in written if is_new)
    return added, len(written) - added


async def values_between(
    session: AsyncSession, organization_id: UUID, metric_id: UUID, start: date, end: date
) -> dict[date, Decimal]:
    """Quantities by day from `start` to before `end`."""
    statement = select(VALUES.c.day, VALUES.c.quantity).where(
        VALUES.c.organization_id == organization_id,
        VALUES.c.business_metric_id == metric_id,
        VALUES.c.day >= start,
        VALUES.c.day < end,
    )
    return {row.day: row.quantity for row in await session.execute(statement)}


async def all_values_between(
    session: AsyncSession, organization_id: UUID, start: date, end: date
) -> dict[UUID, dict[date, Decimal]]:
    """Of each metric with any its quantities by day from `start` to before `end`."""
    statement = select(VALUES).where(
        VALUES.c.organization_id == organization_id, VALUES.c.day >= start, VALUES.c.day < end
    )
    found: dict[UUID, dict[date, Decimal]] = {}
    for row in await session.execute(statement):
        found.setdefault(row.business_metric_id, {})[row.day] = row.quantity
    return found


async def value_ranges(
    session: AsyncSession, organization_id: UUID, metric_ids: Sequence[UUID]
) -> dict[UUID, RowMapping]:
    """For each metric with values `first_day`, `last_day` and `value_count`."""
    statement = (
        select(
            VALUES.c.business_metric_id,
            func.min(VALUES.c.day).label("first_day"),
            func.max(VALUES.c.day).label("last_day"),
            func.count().label("value_count"),
        )
        .where(VALUES.c.organization_id == organization_id, VALUES.c.business_metric_id.in_(metric_ids))
        .group_by(VALUES.c.business_metric_id)
    )
    return {row["business_metric_id"]: row for row in (await session.execute(statement)).mappings()}
