"""SQL of stored answers: claiming a key, keeping the answer, giving it again."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, Table, delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import StoredAnswer

ANSWERS: Table = StoredAnswer.__table__  # type: ignore[assignment]


class AnswerKey(NamedTuple):
    """Which call it is: `organization_id` is the organization, or the user where none is concerned yet."""

    organization_id: UUID
    principal: str
    mutation: str
    idempotency_key: str


async def find_answer(session: AsyncSession, key: AnswerKey, moment: datetime) -> RowMapping | None:
    """The stored answer that has not expired at the moment."""
    statement = select(ANSWERS).where(*_is(key), ANSWERS.c.expires_at > moment)
    return (await session.execute(statement)).mappings().one_or_none()


async def claim(session: AsyncSession, key: AnswerKey, id_: UUID, moment: datetime, expires_at: datetime) -> bool:
    """Make the row of an answer; False where there is one already.

    Where another transaction is making it, this waits for its end: after a rollback, and so after the death of its
    process, the claim is ours.
    """
    values = {"id": id_, "key_id": None, "wrapped_key": None, "sealed": None, "expires_at": expires_at}
    statement = insert(ANSWERS).values(**key._asdict(), **values)
    statement = statement.on_conflict_do_update(
        index_elements=list(ANSWERS.primary_key), set_=values, where=ANSWERS.c.expires_at <= moment
    )
    return (await session.execute(statement.returning(ANSWERS.c.id))).one_or_none() is not None


async def keep_answer(session: AsyncSession, key: AnswerKey, *, key_id: str, wrapped_key: bytes, sealed: bytes) -> None:
    """Put the sealed answer into the row that was claimed."""
    values = {"key_id": key_id, "wrapped_key": wrapped_key, "sealed": sealed}
    await session.execute(update(ANSWERS).where(*_is(key)).values(**values))


async def delete_expired_answers(session: AsyncSession, before: datetime, limit: int) -> int:
    """Delete up to `limit` answers that expired before a moment; returns how many. System role."""
    expired = ANSWERS.c.expires_at < before
    chosen = select(ANSWERS.c.id).where(expired).limit(limit)
    statement = delete(ANSWERS).where(expired, ANSWERS.c.id.in_(chosen))
    return len((await session.execute(statement.returning(ANSWERS.c.id))).all())


def _is(key: AnswerKey) -> list[ColumnElement[bool]]:
    return [ANSWERS.c[name] == value for name, value in key._asdict().items()]
