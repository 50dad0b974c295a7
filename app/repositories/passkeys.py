"""SQL of passkeys and of registrations under way. All of it is the system role's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, Table, delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Passkey, PasskeyRegistration, new_id, now

PASSKEYS: Table = Passkey.__table__  # type: ignore[assignment]
REGISTRATIONS: Table = PasskeyRegistration.__table__  # type: ignore[assignment]


async def passkeys_of(session: AsyncSession, user_id: UUID) -> Sequence[RowMapping]:
    """A user's passkeys, the oldest first; there are few."""
    statement = select(PASSKEYS).where(PASSKEYS.c.user_id == user_id).order_by(PASSKEYS.c.id)
    return (await session.execute(statement)).mappings().all()


async def add_passkey(session: AsyncSession, user_id: UUID, values: Mapping[str, Any]) -> RowMapping | None:
    """Add a passkey and return the row; None where somebody has it already."""
    row = {"id": new_id(), "user_id": user_id, "created_at": now(), "last_used_at": None, **values}
    statement = insert(PASSKEYS).values(row).on_conflict_do_nothing().returning(*PASSKEYS.c)
    return (await session.execute(statement)).mappings().one_or_none()


async def rename_passkey(session: AsyncSession, user_id: UUID, passkey_id: UUID, name: str) -> RowMapping | None:
    """Give a user's passkey another name; None where there is no such of theirs."""
    statement = update(PASSKEYS).where(PASSKEYS.c.user_id == user_id, PASSKEYS.c.id == passkey_id).values(name=name)
    return (await session.execute(statement.returning(*PASSKEYS.c))).mappings().one_or_none()


async def delete_passkey(session: AsyncSession, user_id: UUID, passkey_id: UUID) -> bool:
    """Forget a user's passkey; False where there is no such of theirs."""
    statement = delete(PASSKEYS).where(PASSKEYS.c.user_id == user_id, PASSKEYS.c.id == passkey_id)
    return (await session.execute(statement.returning(PASSKEYS.c.id))).first() is not None


async def delete_passkeys(session: AsyncSession, user_id: UUID) -> None:
    """Forget all passkeys of a user, and one that is being registered."""
    for table in (PASSKEYS, REGISTRATIONS):
        await session.execute(delete(table).where(table.c.user_id == user_id))


async def note_use(session: AsyncSession, passkey_id: UUID, sign_count: int) -> None:
    """Note that a passkey was used, and how often it says that it was."""
    values = {"sign_count": sign_count, "last_used_at": now()}
    await session.execute(update(PASSKEYS).where(PASSKEYS.c.id == passkey_id).values(values))


async def put_registration(session: AsyncSession, user_id: UUID, challenge: bytes, expires_at: datetime) -> None:
    """Note what a new passkey has to answer, in the place of what one before had to."""
    values = {"challenge": challenge, "expires_at": expires_at}
    statement = insert(REGISTRATIONS).values(user_id=user_id, **values)
    await session.execute(statement.on_conflict_do_update(index_elements=[REGISTRATIONS.c.user_id], set_=values))


async def take_registration(session: AsyncSession, user_id: UUID) -> bytes | None:
    """What the user's new passkey has to answer, once; None where nothing is under way or it took too long."""
    statement = delete(REGISTRATIONS).where(REGISTRATIONS.c.user_id == user_id)
    row = (await session.execute(statement.returning(*REGISTRATIONS.c))).mappings().one_or_none()
    return None if row is None or row["expires_at"] <= now() else bytes(row["challenge"])


async def delete_expired_registrations(session: AsyncSession, before: datetime, limit: int) -> int:
    """Forget up to `limit` registrations that ended before a moment; returns how many."""
    key = REGISTRATIONS.c.user_id
    old = select(key).where(REGISTRATIONS.c.expires_at < before).limit(limit).with_for_update(skip_locked=True)
    return len((await session.execute(delete(REGISTRATIONS).where(key.in_(old)).returning(key))).all())
