"""SQL of users. The password hash is for the system role only; the tenant's role has no right to that column."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from asyncpg import Record
from sqlalchemy import RowMapping, Table, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.models import User, new_id, now

USERS: Table = User.__table__  # type: ignore[assignment]
_COLUMNS = ("id", "email", "name", "email_verified_at", "is_platform_admin", "created_at")
_OWN = f"SELECT {', '.join(_COLUMNS)} FROM users WHERE id = $1"  # noqa: S608  (our own names)
_FELLOWS = f"SELECT {', '.join(_COLUMNS)} FROM users WHERE id = ANY($1)"  # noqa: S608  (the same)
_SHOWN = tuple(USERS.c[name] for name in _COLUMNS)


async def add_user(
    session: AsyncSession, *, email: str, name: str, password_hash: str | None, email_is_verified: bool = False
) -> RowMapping | None:
    """Add a user and return the row; None when the e-mail address is taken. System role."""
    values = {
        "id": new_id(),
        "email": email,
        "name": name,
        "password_hash": password_hash,
        "email_verified_at": now() if email_is_verified else None,
        "is_platform_admin": False,
        "created_at": now(),
    }
    statement = insert(USERS).values(values).on_conflict_do_nothing().returning(*_SHOWN)
    return (await session.execute(statement)).mappings().one_or_none()


async def sign_in_row(session: AsyncSession, email: str) -> RowMapping | None:
    """A user with the password hash, by the normal form of the e-mail address. System role."""
    statement = select(*_SHOWN, USERS.c.password_hash).where(USERS.c.email == email)
    return (await session.execute(statement)).mappings().one_or_none()


async def is_known(session: AsyncSession, email: str) -> bool:
    """Whether somebody has this e-mail address, in its normal form. System role."""
    return (await session.execute(select(USERS.c.id).where(USERS.c.email == email))).first() is not None


async def lock_password(session: AsyncSession, user_id: UUID, password_hash: str) -> bool:
    """Whether the user's password still has this hash; held until the transaction ends. System role."""
    statement = select(USERS.c.id).where(USERS.c.id == user_id, USERS.c.password_hash == password_hash)
    return (await session.execute(statement.with_for_update())).first() is not None


async def set_password_hash(session: AsyncSession, user_id: UUID, password_hash: str | None) -> None:
    """Replace the password hash; without one no password is right. System role."""
    await session.execute(update(USERS).where(USERS.c.id == user_id).values(password_hash=password_hash))


async def lock_user(session: AsyncSession, user_id: UUID) -> RowMapping | None:
    """A user with the password hash, held until the transaction ends. System role."""
    statement = select(*_SHOWN, USERS.c.password_hash).where(USERS.c.id == user_id).with_for_update()
    return (await session.execute(statement)).mappings().one_or_none()


async def verify_email(session: AsyncSession, user_id: UUID) -> None:
    """Note that the user's address is theirs, unless that is known already. System role."""
    unverified = (USERS.c.id == user_id, USERS.c.email_verified_at.is_(None))
    await session.execute(update(USERS).where(*unverified).values(email_verified_at=now()))


async def set_verified_email(session: AsyncSession, user_id: UUID, email: str) -> bool:
    """Give a user another address, which is known to be theirs; False when it is taken. System role."""
    statement = update(USERS).where(USERS.c.id == user_id).values(email=email, email_verified_at=now())
    try:
        async with session.begin_nested():
            await session.execute(statement)
    except IntegrityError:
        return False
    return True


async def fellows_by_id(database: Database, organization_id: UUID, user_ids: Collection[UUID]) -> list[Record]:
    """The users among these whom the organization may see: its members."""
    return await database.fetch(_FELLOWS, (list(user_ids),), organization_id=organization_id)


async def get_user(session: AsyncSession, user_id: UUID) -> RowMapping | None:
    """One user, when the transaction may see them."""
    return (await session.execute(select(*_SHOWN).where(USERS.c.id == user_id))).mappings().one_or_none()


async def own_row(database: Database, user_id: UUID) -> Record | None:
    """A user's row as they see it themselves."""
    rows = await database.fetch(_OWN, (user_id,), organization_id=None, user_id=user_id)
    return rows[0] if rows else None


async def count_users(session: AsyncSession) -> int:
    """How many users there are. System role."""
    return int((await session.execute(select(func.count()).select_from(USERS))).scalar_one())


async def is_verified(session: AsyncSession, user_id: UUID) -> bool:
    """Whether a fellow's address is known to be theirs."""
    statement = select(USERS.c.email_verified_at.is_not(None)).where(USERS.c.id == user_id)
    return bool((await session.execute(statement)).scalar_one_or_none())
