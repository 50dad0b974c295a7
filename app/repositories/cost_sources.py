"""SQL of cost sources, what has been fetched of them, and their runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, Table, and_, delete, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import CostSource, CostSourceDelivery, CostSourceRun, SummaryDim, SummaryMonthly, new_id, now
from app.records.cost_sources import CostSourceRunState
from app.records.costs import ImportSourceKind

SOURCES: Table = CostSource.__table__  # type: ignore[assignment]
DELIVERIES: Table = CostSourceDelivery.__table__  # type: ignore[assignment]
RUNS: Table = CostSourceRun.__table__  # type: ignore[assignment]

SUMMARIES: Table = SummaryDim.__table__  # type: ignore[assignment]
MONTHS: Table = SummaryMonthly.__table__  # type: ignore[assignment]

# An import without a period counts if it had nothing to say. One that was UNCHANGED has none of its own: what is
# remembered in its place is the one that it equals.
_KNOWN = text("""
    SELECT d.key, d.checksum,
        count(p.id) FILTER (WHERE p.status <> 'ACTIVE') = 0
            AND (count(p.id) > 0 OR coalesce(bool_or(i.state = 'SUCCEEDED'), false)) AS in_force,
        min(other.source ->> 'kind') AS kind, min(other.source -> 'names' ->> 0) AS name
    FROM cost_source_deliveries d
    LEFT JOIN cost_imports i ON i.organization_id = d.organization_id AND i.id = d.import_id
    LEFT JOIN cost_import_periods p ON p.organization_id = d.organization_id AND p.import_id = d.import_id
    LEFT JOIN cost_import_periods later ON p.status <> 'ACTIVE' AND later.organization_id = d.organization_id
        AND later.dataset = p.dataset AND later.billing_account_id = p.billing_account_id
        AND later.billing_period_start = p.billing_period_start AND later.status = 'ACTIVE'
    LEFT JOIN cost_imports other ON other.organization_id = d.organization_id AND other.id = later.import_id
    WHERE d.organization_id = :organization_id AND d.cost_source_id = :source_id GROUP BY d.key, d.checksum
""")
UNDER_WAY = (CostSourceRunState.QUEUED.value, CostSourceRunState.RUNNING.value)


async def insert_source(session: AsyncSession, organization_id: UUID, **values: Any) -> RowMapping | None:
    """Add a source; None where its name, or its account and dataset, are another one's."""
    statement = insert(SOURCES).values(organization_id=organization_id, id=new_id(), **values)
    found: RowMapping | None = (
        (await session.execute(statement.on_conflict_do_nothing().returning(SOURCES))).mappings().one_or_none()
    )
    return found


async def get_source(session: AsyncSession, organization_id: UUID, source_id: UUID) -> RowMapping | None:
    """One source, to be changed."""
    statement = select(SOURCES).where(SOURCES.c.organization_id == organization_id, SOURCES.c.id == source_id)
    return (await session.execute(statement.with_for_update(key_share=True))).mappings().one_or_none()


async def find_source(session: AsyncSession, organization_id: UUID, source_id: UUID) -> RowMapping | None:
    """One source, to be read."""
    statement = select(SOURCES).where(SOURCES.c.organization_id == organization_id, SOURCES.c.id == source_id)
    return (await session.execute(statement)).mappings().one_or_none()


async def sources_alike(
    session: AsyncSession, organization_id: UUID, values: Mapping[Any, Any], besides: UUID | None = None
) -> Sequence[RowMapping]:
    """The sources, beside one, that have its name, or its account and dataset."""
    same_place = (SOURCES.c.account_id == values["account_id"]) & (SOURCES.c.dataset == values["dataset"])
    statement = select(SOURCES).where(
        SOURCES.c.organization_id == organization_id, (SOURCES.c.name == values["name"]) | same_place
    )
    if besides is not None:
        statement = statement.where(SOURCES.c.id != besides)
    return (await session.execute(statement)).mappings().all()


async def other_sources(
    session: AsyncSession, organization_id: UUID, account_id: UUID, besides: UUID
) -> Sequence[RowMapping]:
    """The sources of an account, beside one, the oldest first."""
    statement = select(SOURCES).where(
        SOURCES.c.organization_id == organization_id, SOURCES.c.account_id == account_id, SOURCES.c.id != besides
    )
    return (await session.execute(statement.order_by(SOURCES.c.id))).mappings().all()


async def bills_with(session: AsyncSession, organization_id: UUID, native_id: str) -> Sequence[str]:
    """The other billing accounts, three at most, in whose bills charges of an account are in force."""
    owner = SUMMARIES.c.billing_account_id
    statement = (
        select(owner)
        .join(MONTHS, and_(MONTHS.c.organization_id == organization_id, MONTHS.c.summary_dim_id == SUMMARIES.c.id))
        .where(
            SUMMARIES.c.organization_id == organization_id, SUMMARIES.c.sub_account_id == native_id, owner != native_id
        )
    )
    return (await session.execute(statement.distinct().order_by(owner).limit(3))).scalars().all()


async def update_source(session: AsyncSession, organization_id: UUID, source_id: UUID, **values: Any) -> RowMapping:
    """Write columns of a source; returns the row."""
    statement = update(SOURCES).where(SOURCES.c.organization_id == organization_id, SOURCES.c.id == source_id)
    row: RowMapping = (await session.execute(statement.values(**values).returning(SOURCES))).mappings().one()
    return row


async def delete_source(session: AsyncSession, organization_id: UUID, source_id: UUID) -> None:
    """Delete a source with its runs; what was imported stays."""
    statement = delete(SOURCES).where(SOURCES.c.organization_id == organization_id, SOURCES.c.id == source_id)
    await session.execute(statement)


@dataclass(frozen=True)
class KnownDelivery:
    """What was last imported of a delivery, and whether all of it still counts.

    `replaced_by` is where one comes from that took its place (kind, name or none), None where nothing did.
    """

    checksum: str
    in_force: bool
    replaced_by: tuple[ImportSourceKind, str | None] | None


async def known_deliveries(session: AsyncSession, organization_id: UUID, source_id: UUID) -> dict[str, KnownDelivery]:
    """What was last imported of a source, by key."""
    values = {"organization_id": organization_id, "source_id": source_id}
    return {
        row.key: KnownDelivery(
            row.checksum, row.in_force, (ImportSourceKind(row.kind), row.name) if row.kind is not None else None
        )
        for row in await session.execute(_KNOWN, values)
    }


async def remember_delivery(
    session: AsyncSession, organization_id: UUID, source_id: UUID, key: str, checksum: str, import_id: UUID
) -> None:
    """Note what was imported of a period, in the place of what was before."""
    changed = {"checksum": checksum, "import_id": import_id, "imported_at": now()}
    statement = insert(DELIVERIES).values(organization_id=organization_id, cost_source_id=source_id, key=key, **changed)
    keys = [DELIVERIES.c.organization_id, DELIVERIES.c.cost_source_id, DELIVERIES.c.key]
    await session.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed))


async def forget_deliveries(session: AsyncSession, organization_id: UUID, source_id: UUID) -> None:
    """Have the next run fetch everything again."""
    await session.execute(
        delete(DELIVERIES).where(
            DELIVERIES.c.organization_id == organization_id, DELIVERIES.c.cost_source_id == source_id
        )
    )


async def insert_run(session: AsyncSession, organization_id: UUID, **values: Any) -> RowMapping | None:
    """Queue a run of a source; None where one is under way."""
    constant = {"state": CostSourceRunState.QUEUED.value, "steps": [], "queued_at": now()}
    counts = dict.fromkeys(("deliveries", "unchanged", "imported", "fetched_bytes"), 0)
    statement = insert(RUNS).values(organization_id=organization_id, **constant, **counts, **values)
    statement = statement.on_conflict_do_nothing(
        index_elements=[RUNS.c.organization_id, RUNS.c.cost_source_id],
        index_where=text("state IN ('QUEUED', 'RUNNING')"),
    )
    found: RowMapping | None = (await session.execute(statement.returning(RUNS))).mappings().one_or_none()
    return found


async def get_run(
    session: AsyncSession, organization_id: UUID, run_id: UUID, *, lock: bool = False
) -> RowMapping | None:
    """One run; with `lock` nobody else changes it until the transaction ends."""
    statement = select(RUNS).where(RUNS.c.organization_id == organization_id, RUNS.c.id == run_id)
    if lock:
        statement = statement.with_for_update(key_share=True)
    return (await session.execute(statement)).mappings().one_or_none()


async def run_under_way(session: AsyncSession, organization_id: UUID, source_id: UUID) -> RowMapping | None:
    """The run of a source that is queued or running."""
    statement = select(RUNS).where(
        RUNS.c.organization_id == organization_id, RUNS.c.cost_source_id == source_id, RUNS.c.state.in_(UNDER_WAY)
    )
    return (await session.execute(statement)).mappings().one_or_none()


async def update_run(session: AsyncSession, organization_id: UUID, run_id: UUID, **values: Any) -> RowMapping:
    """Write columns of a run; returns the row."""
    statement = update(RUNS).where(RUNS.c.organization_id == organization_id, RUNS.c.id == run_id)
    row: RowMapping = (await session.execute(statement.values(**values).returning(RUNS))).mappings().one()
    return row


async def delete_old_runs(session: AsyncSession, organization_id: UUID, source_id: UUID, kept: int) -> None:
    """Delete all but the newest runs of a source."""
    same = (RUNS.c.organization_id == organization_id, RUNS.c.cost_source_id == source_id)
    oldest_kept = select(RUNS.c.id).where(*same).order_by(RUNS.c.id.desc()).offset(kept - 1).limit(1).scalar_subquery()
    await session.execute(delete(RUNS).where(*same, RUNS.c.id < oldest_kept))
