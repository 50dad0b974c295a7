"""SQL of deliveries of costs: the deliveries, the billing periods that they speak of, the rows they were refused."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, Table, exists, func, insert, select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import CostImport, CostImportPeriod, ImportReject, now
from app.records import RowIssue
from app.records.costs import Finality, ImportMode, ImportState

IMPORTS: Table = CostImport.__table__  # type: ignore[assignment]
PERIODS: Table = CostImportPeriod.__table__  # type: ignore[assignment]
REJECTS: Table = ImportReject.__table__  # type: ignore[assignment]

_PARTITION = text("SELECT app_charge_partition(month) FROM unnest(CAST(:months AS date[])) AS month")
_UNDER_WAY = (ImportState.QUEUED, ImportState.RUNNING)


async def add_import(session: AsyncSession, values: Mapping[str, Any]) -> None:
    """Insert a delivery."""
    await session.execute(insert(IMPORTS).values(**values))


async def change_import(
    session: AsyncSession, organization_id: UUID, import_id: UUID, values: Mapping[str, Any]
) -> bool:
    """Change a delivery that is under way; whether there is one."""
    statement = (
        update(IMPORTS)
        .where(IMPORTS.c.organization_id == organization_id, IMPORTS.c.id == import_id, IMPORTS.c.state.in_(_UNDER_WAY))
        .values(**values)
        .returning(IMPORTS.c.id)
    )
    return (await session.execute(statement)).one_or_none() is not None


async def get_import(session: AsyncSession, organization_id: UUID, import_id: UUID) -> RowMapping | None:
    """A delivery, or None."""
    statement = select(IMPORTS).where(IMPORTS.c.organization_id == organization_id, IMPORTS.c.id == import_id)
    return (await session.execute(statement)).mappings().one_or_none()


async def delivered_before(
    session: AsyncSession,
    organization_id: UUID,
    dataset: str,
    sha256: bytes,
    mode: ImportMode,
    billing_currency: str | None,
) -> UUID | None:
    """The dataset's newest delivery of this content that was read in the same way, if all it said still holds."""
    newest = (
        select(IMPORTS.c.id)
        .where(
            IMPORTS.c.organization_id == organization_id,
            IMPORTS.c.dataset == dataset,
            IMPORTS.c.sha256 == sha256,
            IMPORTS.c.state == ImportState.SUCCEEDED,
            IMPORTS.c.mode == mode,
            IMPORTS.c.billing_currency.is_not_distinct_from(billing_currency),
        )
        .order_by(IMPORTS.c.finished_at.desc())
        .limit(1)
    )
    found: UUID | None = (await session.execute(newest)).scalar_one_or_none()
    if found is None:
        return None
    of_it = (PERIODS.c.organization_id == organization_id, PERIODS.c.import_id == found)
    counts = select(func.count(), func.count().filter(PERIODS.c.status == "ACTIVE")).where(*of_it)
    periods, active = (await session.execute(counts)).one()
    return found if periods and periods == active else None


async def has_delivery_of_size(session: AsyncSession, organization_id: UUID, dataset: str, size: int) -> bool:
    """Whether a delivery that landed in the dataset has as many bytes, so that a hash of all of them is worth while."""
    statement = (
        select(IMPORTS.c.id)
        .where(
            IMPORTS.c.organization_id == organization_id,
            IMPORTS.c.dataset == dataset,
            IMPORTS.c.bytes_total == size,
            IMPORTS.c.state == ImportState.SUCCEEDED,
        )
        .limit(1)
    )
    return (await session.execute(statement)).one_or_none() is not None


async def make_partitions(session: AsyncSession, months: Collection[date]) -> None:
    """Make the partitions of charges for months, which are their first days, where there are none yet."""
    await session.execute(_PARTITION, {"months": sorted(months)})


async def add_period(session: AsyncSession, values: Mapping[str, Any]) -> int:
    """Insert an import period; returns its id. It is not ACTIVE before the import's end."""
    statement = insert(PERIODS).values(**values).returning(PERIODS.c.id)
    return int((await session.execute(statement)).scalar_one())


async def active_periods(
    session: AsyncSession, organization_id: UUID, dataset: str, keys: Collection[tuple[str, date]]
) -> Sequence[RowMapping]:
    """The periods in force of a dataset, by (billing account, start of the billing period), with their `mode`."""
    of_import = (IMPORTS.c.organization_id == PERIODS.c.organization_id) & (IMPORTS.c.id == PERIODS.c.import_id)
    statement = (
        select(*PERIODS.c, IMPORTS.c.mode)
        .join(IMPORTS, of_import)
        .where(
            PERIODS.c.organization_id == organization_id,
            PERIODS.c.dataset == dataset,
            PERIODS.c.status == "ACTIVE",
            tuple_(PERIODS.c.billing_account_id, PERIODS.c.billing_period_start).in_(list(keys)),
        )
    )
    return (await session.execute(statement)).mappings().all()


async def supersede(session: AsyncSession, organization_id: UUID, period_ids: Collection[int]) -> Sequence[RowMapping]:
    """Take import periods out of force; returns them as they are then."""
    if not period_ids:
        return []
    statement = (
        update(PERIODS)
        .where(PERIODS.c.organization_id == organization_id, PERIODS.c.id.in_(period_ids))
        .values(status="SUPERSEDED", superseded_at=now())
        .returning(PERIODS)
    )
    rows: Sequence[RowMapping] = (await session.execute(statement)).mappings().all()
    return rows


async def change_period(
    session: AsyncSession, organization_id: UUID, period_id: int, values: Mapping[str, Any]
) -> None:
    """Change an import period."""
    await session.execute(
        update(PERIODS).where(PERIODS.c.organization_id == organization_id, PERIODS.c.id == period_id).values(**values)
    )


async def in_other_datasets(
    session: AsyncSession, organization_id: UUID, dataset: str, keys: Collection[tuple[str, date]]
) -> Sequence[RowMapping]:
    """Periods in force of other datasets for the same billing accounts and billing periods: both count."""
    statement = (
        select(PERIODS.c.dataset, PERIODS.c.billing_account_id, PERIODS.c.billing_period_start, PERIODS.c.charge_count)
        .where(
            PERIODS.c.organization_id == organization_id,
            PERIODS.c.dataset != dataset,
            PERIODS.c.status == "ACTIVE",
            tuple_(PERIODS.c.billing_account_id, PERIODS.c.billing_period_start).in_(list(keys)),
        )
        .order_by(PERIODS.c.billing_period_start, PERIODS.c.dataset)
        .limit(100)
    )
    return (await session.execute(statement)).mappings().all()


async def settle_periods(session: AsyncSession, organization_id: UUID, import_id: UUID, ended_by: date) -> None:
    """Make the periods of a delivery that were over by a day final: the same delivery has come once more."""
    await session.execute(
        update(PERIODS)
        .where(
            PERIODS.c.organization_id == organization_id,
            PERIODS.c.import_id == import_id,
            PERIODS.c.status == "ACTIVE",
            PERIODS.c.billing_period_end <= ended_by,
        )
        .values(finality=Finality.FINAL)
    )


async def settle_quiet_periods(session: AsyncSession, organization_id: UUID, quiet_since: date) -> int:
    """Make final what was delivered after its billing period's end, and last before the end of a day; how many.

    Rows that are appended come when they arise, so the last of them may be older than the end of their period: they
    need only that it has been over for as long. Waits for nobody: what an import is replacing at this moment stays.
    """
    delivered = func.date(func.timezone("UTC", PERIODS.c.created_at))
    appended = exists().where(
        IMPORTS.c.organization_id == organization_id,
        IMPORTS.c.id == PERIODS.c.import_id,
        IMPORTS.c.mode == ImportMode.APPEND,
    )
    quiet = (
        select(PERIODS.c.id)
        .where(
            PERIODS.c.organization_id == organization_id,
            PERIODS.c.status == "ACTIVE",
            PERIODS.c.finality == Finality.PROVISIONAL,
            PERIODS.c.billing_period_end <= quiet_since,
            (PERIODS.c.billing_period_end <= delivered) | appended,
            delivered <= quiet_since,
        )
        .with_for_update(skip_locked=True)
    )
    result = await session.execute(
        update(PERIODS)
        .where(PERIODS.c.organization_id == organization_id, PERIODS.c.id.in_(quiet))
        .values(finality=Finality.FINAL)
        .returning(PERIODS.c.id)
    )
    return len(result.all())


async def add_rejects(
    session: AsyncSession, organization_id: UUID, import_id: UUID, rejects: Sequence[tuple[str | None, RowIssue]]
) -> None:
    """Store refused rows with their files, numbered in order."""
    rows = [
        {
            "organization_id": organization_id,
            "import_id": import_id,
            "number": number,
            "file_name": file_name,
            "line_number": issue.row_number,
            "column_name": issue.column,
            "value": issue.value,
            "reason": issue.reason,
        }
        for number, (file_name, issue) in enumerate(rejects, 1)
    ]
    for start in range(0, len(rows), 1_000):
        await session.execute(insert(REJECTS), rows[start : start + 1_000])
