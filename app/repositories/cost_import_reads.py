"""SQL of reading deliveries of costs: what each says of which billing period, what it was refused, who runs it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Final
from uuid import UUID

from sqlalchemy import BigInteger, Date, RowMapping, Text, bindparam, func, literal, select, text, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from app.paging import Page, PageRequest, page_of
from app.records.costs import DeliveredPeriod, ImportSourceKind, ImportState
from app.records.criteria import Criteria, Direction, NumberRange
from app.repositories.cost_imports import IMPORTS, PERIODS, REJECTS
from app.repositories.selection import RowsUnder, some_of_each
from app.repositories.uploads import UPLOADS

UNDER_WAY: Final = (ImportState.QUEUED, ImportState.RUNNING)
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
_LEFT_OUT = text("""
    SELECT p.* FROM cost_imports own
    JOIN cost_import_periods p ON p.organization_id = own.organization_id AND p.dataset = own.dataset
        AND p.status = 'ACTIVE' AND p.import_id <> own.id AND p.billing_period_start = ANY(:starts)
    JOIN cost_imports former ON former.organization_id = own.organization_id AND former.id = p.import_id
        AND former.mode = 'REPLACE'
    WHERE own.organization_id = :organization_id AND own.id = :import_id
        AND (own.source ->> 'kind' = 'SOURCE' AND former.source ->> 'id' = own.source ->> 'id' OR EXISTS (
            SELECT FROM cost_import_periods beside
            JOIN cost_import_periods mine ON mine.organization_id = own.organization_id AND mine.import_id = own.id
                AND mine.billing_account_id = beside.billing_account_id
                AND mine.billing_period_start = beside.billing_period_start
            WHERE beside.organization_id = own.organization_id AND beside.import_id = former.id
                AND beside.billing_period_start = p.billing_period_start))
    ORDER BY p.billing_period_start DESC, p.billing_account_id LIMIT 100
""").bindparams(bindparam("starts", type_=ARRAY(Date)))
_PERIODS_OF_IMPORT = RowsUnder(
    PERIODS, "import_id", (("billing_period_start", Direction.DESC), ("billing_account_id", Direction.ASC))
)
_TRY = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 0))")


async def lock_uploads(session: AsyncSession, organization_id: UUID, upload_ids: Collection[UUID]) -> None:
    """Let one transaction at a time begin imports of some uploads."""
    mine = (UPLOADS.c.organization_id == organization_id, UPLOADS.c.id.in_(upload_ids))
    await session.execute(select(UPLOADS.c.id).where(*mine).order_by(UPLOADS.c.id).with_for_update())


async def import_of_uploads(
    session: AsyncSession, organization_id: UUID, upload_ids: Collection[UUID], dataset: str
) -> RowMapping | None:
    """The import of these very uploads into a dataset that is under way, or None."""
    ids = [str(upload_id) for upload_id in upload_ids]
    statement = (
        select(IMPORTS)
        .where(
            IMPORTS.c.organization_id == organization_id,
            IMPORTS.c.state.in_(UNDER_WAY),
            IMPORTS.c.dataset == dataset,
            IMPORTS.c.source["uploadIds"].contains(ids),
            IMPORTS.c.source["uploadIds"].contained_by(ids),
        )
        .order_by(IMPORTS.c.id)
        .limit(1)
    )
    return (await session.execute(statement)).mappings().one_or_none()


async def jobless_imports(
    session: AsyncSession, organization_id: UUID, before: datetime, limit: int
) -> Sequence[RowMapping]:
    """Imports of files that a command began before a moment and that are under way by what is noted."""
    statement = (
        select(IMPORTS)
        .where(
            IMPORTS.c.organization_id == organization_id,
            IMPORTS.c.state.in_(UNDER_WAY),
            IMPORTS.c.source["kind"].astext == ImportSourceKind.FILE.value,
            IMPORTS.c.created_at < before,
        )
        .order_by(IMPORTS.c.id)
        .limit(limit)
    )
    return (await session.execute(statement)).mappings().all()


async def own_import(session: AsyncSession, import_id: UUID) -> None:
    """Be known, until the transaction ends, as the one that runs an import."""
    await session.execute(_LOCK, {"name": f"import:{import_id}"})


async def is_owned(session: AsyncSession, import_id: UUID) -> bool:
    """Whether some transaction runs an import."""
    return not (await session.execute(_TRY, {"name": f"import:{import_id}"})).scalar_one()


async def periods_of_imports(
    session: AsyncSession, organization_id: UUID, import_ids: Sequence[UUID], limit: int
) -> dict[UUID, list[RowMapping]]:
    """What each delivery says of which billing period, the newest period first."""
    return await some_of_each(session, _PERIODS_OF_IMPORT, organization_id, import_ids, limit)


async def superseded_periods(
    session: AsyncSession, organization_id: UUID, keys: Sequence[DeliveredPeriod], limit: int
) -> dict[DeliveredPeriod, list[RowMapping]]:
    """What earlier deliveries said of the same billing period, the newest first, in one statement."""
    columns = (
        func.unnest(
            literal([key.dataset for key in keys], ARRAY(Text)),
            literal([key.billing_account_id for key in keys], ARRAY(Text)),
            literal([key.billing_period_start for key in keys], ARRAY(Date)),
            literal([key.period_id for key in keys], ARRAY(BigInteger)),
        )
        .table_valued("dataset", "billing_account_id", "billing_period_start", "period_id", name="wanted")
        .render_derived()
    )
    wanted = columns.c
    former = (
        select(PERIODS)
        .where(
            PERIODS.c.organization_id == organization_id,
            PERIODS.c.dataset == wanted.dataset,
            PERIODS.c.billing_account_id == wanted.billing_account_id,
            PERIODS.c.billing_period_start == wanted.billing_period_start,
            PERIODS.c.superseded_at.is_not(None),
            PERIODS.c.id < wanted.period_id,
        )
        .order_by(PERIODS.c.id.desc())
        .limit(limit)
        .lateral("former")
    )
    found: dict[DeliveredPeriod, list[RowMapping]] = {key: [] for key in keys}
    by_id = {key.period_id: key for key in keys}
    statement = select(wanted.period_id.label("of"), *former.c).select_from(columns.join(former, true()))
    for row in (await session.execute(statement)).mappings():
        found[by_id[row["of"]]].append(row)
    return found


async def periods_left_out(
    session: AsyncSession, organization_id: UUID, import_id: UUID, starts: Sequence[date]
) -> Sequence[RowMapping]:
    """What is in force of billing periods that a stored delivery speaks of, and of which accounts it does not; 100.

    Of the same cost source, or of deliveries that had one of its accounts in that period too.
    """
    values = {"organization_id": organization_id, "import_id": import_id, "starts": list(starts)}
    return (await session.execute(_LEFT_OUT, values)).mappings().all()


async def reject_pages(
    session: AsyncSession, organization_id: UUID, import_ids: Sequence[UUID], request: PageRequest
) -> dict[UUID, Page[RowMapping]]:
    """The same page of the refused rows of each delivery, in their order; the key of the request is (number,)."""
    (after,), (before,) = request.after or (None,), request.before or (None,)
    rows = RowsUnder(REJECTS, "import_id", (("number", Direction.DESC if request.backwards else Direction.ASC),))
    criteria = Criteria((("number", NumberRange(after, before)),))
    found = await some_of_each(session, rows, organization_id, import_ids, request.size + 1, criteria)
    return {import_id: page_of(rows, request) for import_id, rows in found.items()}


async def reject_counts(session: AsyncSession, organization_id: UUID, import_ids: Sequence[UUID]) -> dict[UUID, int]:
    """How many refused rows are kept of each delivery."""
    statement = (
        select(REJECTS.c.import_id, func.count().label("kept"))
        .where(REJECTS.c.organization_id == organization_id, REJECTS.c.import_id.in_(import_ids))
        .group_by(REJECTS.c.import_id)
    )
    counts = {row.import_id: row.kept for row in await session.execute(statement)}
    return {import_id: counts.get(import_id, 0) for import_id in import_ids}
