"""SQL that looks for a person in the notes that people type: on recommendations, in their history, beside prices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, Table, Text, cast, false, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import PriceOverride, Recommendation, RecommendationHistory
from app.repositories.webhook_texts import Sought

_BATCH = 200


@dataclass(frozen=True)
class Notes:
    """A column of text or JSON that people type into; `author` is whose word it is, where that is kept."""

    table: Table
    column: str
    author: str | None


NOTES = (
    Notes(Recommendation.__table__, "note", "decided_by"),  # type: ignore[arg-type]
    Notes(RecommendationHistory.__table__, "data", "actor_id"),  # type: ignore[arg-type]
    Notes(PriceOverride.__table__, "note", None),  # type: ignore[arg-type]
)


async def notes_naming(session: AsyncSession, notes: Notes, sought: Sought, after: UUID | None) -> Sequence[RowMapping]:
    """The next `id` and `told` behind one of those that may name a person; empty at the end."""
    columns = notes.table.c
    own = false() if notes.author is None else columns[notes.author] == sought.user_id
    named = sought.named_in(cast(columns[notes.column], Text), own)
    of_organization = columns.organization_id == sought.organization_id
    statement = select(columns.id, columns[notes.column].label("told")).where(of_organization, named)
    if after is not None:
        statement = statement.where(columns.id > after)
    return (await session.execute(statement.order_by(columns.id).limit(_BATCH))).mappings().all()


async def set_note(session: AsyncSession, notes: Notes, organization_id: UUID, id_: UUID, told: Any) -> None:
    """Replace what is told there."""
    columns = notes.table.c
    of_row = (columns.organization_id == organization_id, columns.id == id_)
    await session.execute(update(notes.table).where(*of_row).values({notes.column: told}))
