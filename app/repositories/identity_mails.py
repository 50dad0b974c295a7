"""SQL of the mails about sign-ins. All of it is the system role's."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import RowMapping, Table, and_, delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import IdentityMail, User, new_id, now

MAILS: Table = IdentityMail.__table__  # type: ignore[assignment]
_USERS: Table = User.__table__  # type: ignore[assignment]


async def add_mail(session: AsyncSession, *, kind: str, email: str, user_id: UUID | None, expires_at: datetime) -> UUID:
    """Note a mail that is to be sent; returns its id."""
    values = {
        "id": new_id(),
        "kind": kind,
        "email": email,
        "user_id": user_id,
        "created_at": now(),
        "expires_at": expires_at,
    }
    await session.execute(insert(MAILS).values(values))
    mail_id: UUID = values["id"]  # type: ignore[assignment]
    return mail_id


async def get_mail(session: AsyncSession, mail_id: UUID) -> RowMapping | None:
    """One mail."""
    return (await session.execute(select(MAILS).where(MAILS.c.id == mail_id))).mappings().one_or_none()


async def lock_mail(session: AsyncSession, mail_id: UUID) -> RowMapping | None:
    """One mail, locked: a second use of its token waits and then sees it used."""
    return (
        (await session.execute(select(MAILS).where(MAILS.c.id == mail_id).with_for_update())).mappings().one_or_none()
    )


async def belongs_to(session: AsyncSession, mail_id: UUID, user_id: UUID) -> None:
    """Note whose the address is that a mail goes to."""
    await session.execute(update(MAILS).where(MAILS.c.id == mail_id).values(user_id=user_id))


async def mark_sent(session: AsyncSession, mail_id: UUID) -> None:
    """Note that a mail was handed over."""
    await session.execute(update(MAILS).where(MAILS.c.id == mail_id).values(sent_at=now()))


async def use_mails(session: AsyncSession, user_id: UUID, kind: str) -> None:
    """End the tokens of all mails of a kind that a user was sent, or is about to be; those are not sent any more."""
    email = select(_USERS.c.email).where(_USERS.c.id == user_id).scalar_subquery()
    own = or_(MAILS.c.user_id == user_id, and_(MAILS.c.user_id.is_(None), MAILS.c.email == email))
    unused = (own, MAILS.c.kind == kind, MAILS.c.used_at.is_(None))
    await session.execute(update(MAILS).where(*unused).values(used_at=now()))


async def delete_mail(session: AsyncSession, mail_id: UUID) -> None:
    """Forget a mail, the address with it."""
    await session.execute(delete(MAILS).where(MAILS.c.id == mail_id))


async def delete_expired_mails(session: AsyncSession, before: datetime, limit: int) -> int:
    """Forget up to `limit` mails whose tokens ended before a moment; returns how many."""
    old = select(MAILS.c.id).where(MAILS.c.expires_at < before).limit(limit).with_for_update(skip_locked=True)
    return len((await session.execute(delete(MAILS).where(MAILS.c.id.in_(old)).returning(MAILS.c.id))).all())
