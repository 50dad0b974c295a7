"""SQL of what was last told of figures of the costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, Table, delete, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import ToldFigure, now
from app.records.budgets import WatchedFigure

FIGURES: Table = ToldFigure.__table__  # type: ignore[assignment]
Key = tuple[WatchedFigure, bytes]


async def told_figures(session: AsyncSession, organization_id: UUID) -> dict[Key, RowMapping]:
    """All that was told, by figure and subject."""
    rows = (await session.execute(select(FIGURES).where(FIGURES.c.organization_id == organization_id))).mappings()
    return {(WatchedFigure(row["figure"]), row["subject"]): row for row in rows}


async def keep_told(session: AsyncSession, organization_id: UUID, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep what is told now in place of what was told before. The watch has to be locked."""
    if not rows:
        return
    moment = now()
    statement = insert(FIGURES).values(
        [{"organization_id": organization_id, "told_at": moment, **each} for each in rows]
    )
    key = [column.name for column in FIGURES.primary_key]
    changed = {name: column for name, column in statement.excluded.items() if name not in key}
    await session.execute(statement.on_conflict_do_update(index_elements=key, set_=changed))


async def forget_told(session: AsyncSession, organization_id: UUID, keys: Sequence[Key]) -> None:
    """Forget what was told of figures."""
    if keys:
        chosen = tuple_(FIGURES.c.figure, FIGURES.c.subject).in_(keys)
        await session.execute(delete(FIGURES).where(FIGURES.c.organization_id == organization_id, chosen))
