"""SQL of sessions and their refresh tokens. All of it is the system role's."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, RowMapping, Table, Uuid, any_, func, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Membership, Organization, RefreshToken, Session, User, now

SESSIONS: Table = Session.__table__  # type: ignore[assignment]
REFRESH_TOKENS: Table = RefreshToken.__table__  # type: ignore[assignment]
_USERS: Table = User.__table__  # type: ignore[assignment]
_MEMBERSHIPS: Table = Membership.__table__  # type: ignore[assignment]
_ORGANIZATIONS: Table = Organization.__table__  # type: ignore[assignment]


async def add_session(session: AsyncSession, row: Session) -> None:
    """Add a sign-in."""
    session.add(row)
    await session.flush()


async def add_refresh_token(session: AsyncSession, session_id: UUID, token_hash: bytes) -> None:
    """Add the next refresh token of a sign-in."""
    values = {"token_hash": token_hash, "session_id": session_id, "created_at": now()}
    await session.execute(insert(REFRESH_TOKENS).values(values))


async def identity_rows(session: AsyncSession, session_ids: Collection[UUID]) -> Sequence[RowMapping]:
    """Sign-ins with their users, one row for each living organization they belong to (or one with nulls)."""
    places = _MEMBERSHIPS.join(
        _ORGANIZATIONS,
        (_ORGANIZATIONS.c.id == _MEMBERSHIPS.c.organization_id) & _ORGANIZATIONS.c.deleted_at.is_(None),
    )
    statement = (
        select(
            SESSIONS.c.id,
            SESSIONS.c.user_id,
            SESSIONS.c.expires_at,
            SESSIONS.c.revoked_at,
            _USERS.c.is_platform_admin,
            _USERS.c.email_verified_at,
            _MEMBERSHIPS.c.organization_id,
            _MEMBERSHIPS.c.role,
            _ORGANIZATIONS.c.slug,
        )
        .select_from(
            SESSIONS.join(_USERS, _USERS.c.id == SESSIONS.c.user_id).outerjoin(
                places, _MEMBERSHIPS.c.user_id == _USERS.c.id
            )
        )
        .where(SESSIONS.c.id == any_(literal(list(session_ids), ARRAY(Uuid))))
    )
    return (await session.execute(statement)).mappings().all()


async def lock_refresh_token(session: AsyncSession, token_hash: bytes) -> RowMapping | None:
    """A refresh token with its sign-in and user, locked: a second request waits and then sees it used."""
    statement = (
        select(
            REFRESH_TOKENS.c.used_at,
            SESSIONS.c.id.label("session_id"),
            SESSIONS.c.user_id,
            SESSIONS.c.expires_at,
            SESSIONS.c.revoked_at,
            SESSIONS.c.began_by,
            SESSIONS.c.provider_organization_id,
        )
        .join(SESSIONS, SESSIONS.c.id == REFRESH_TOKENS.c.session_id)
        .where(REFRESH_TOKENS.c.token_hash == token_hash)
        .with_for_update()
    )
    return (await session.execute(statement)).mappings().one_or_none()


async def use_refresh_token(session: AsyncSession, token_hash: bytes) -> None:
    """Mark a refresh token as used."""
    statement = update(REFRESH_TOKENS).where(REFRESH_TOKENS.c.token_hash == token_hash)
    await session.execute(statement.values(used_at=now()))


async def extend_session(
    session: AsyncSession, session_id: UUID, expires_at: datetime, user_agent: str | None, client_address: str | None
) -> None:
    """Note that a sign-in was used, from where, and until when it now lives."""
    values = {
        "last_used_at": now(),
        "expires_at": expires_at,
        "user_agent": user_agent,
        "client_address": client_address,
    }
    await session.execute(update(SESSIONS).where(SESSIONS.c.id == session_id).values(values))


async def revoke_sessions(session: AsyncSession, *, user_id: UUID, session_id: UUID | None, reason: str) -> list[UUID]:
    """End one sign-in of a user, or with None all of them; returns the ids of those that were alive."""
    moment = now()
    statement = update(SESSIONS).where(
        SESSIONS.c.user_id == user_id, SESSIONS.c.revoked_at.is_(None), SESSIONS.c.expires_at > moment
    )
    if session_id is not None:
        statement = statement.where(SESSIONS.c.id == session_id)
    statement = statement.values(revoked_at=moment, revoked_reason=reason)
    return list((await session.execute(statement.returning(SESSIONS.c.id))).scalars())


async def revoke_other_sessions(
    session: AsyncSession, *, user_id: UUID, keep: UUID | None, reason: str, used_before: datetime | None = None
) -> list[UUID]:
    """End all sign-ins of a user but one; with `used_before` those that were last used before that moment.

    Returns the ids of those that were alive.
    """
    moment = now()
    statement = update(SESSIONS).where(
        SESSIONS.c.user_id == user_id, SESSIONS.c.revoked_at.is_(None), SESSIONS.c.expires_at > moment
    )
    if keep is not None:
        statement = statement.where(SESSIONS.c.id != keep)
    if used_before is not None:
        statement = statement.where(SESSIONS.c.last_used_at < used_before)
    statement = statement.values(revoked_at=moment, revoked_reason=reason)
    return list((await session.execute(statement.returning(SESSIONS.c.id))).scalars())


async def living_sessions(session: AsyncSession, user_id: UUID, limit: int) -> Sequence[RowMapping]:
    """The sign-ins of a user that are neither ended nor expired, the last used first."""
    alive = (SESSIONS.c.user_id == user_id, SESSIONS.c.revoked_at.is_(None), SESSIONS.c.expires_at > now())
    statement = select(SESSIONS).where(*alive).order_by(SESSIONS.c.last_used_at.desc(), SESSIONS.c.id.desc())
    return (await session.execute(statement.limit(limit))).mappings().all()


async def count_living_sessions(session: AsyncSession) -> int:
    """How many sign-ins are neither ended nor expired."""
    alive = (SESSIONS.c.revoked_at.is_(None), SESSIONS.c.expires_at > now())
    return int((await session.execute(select(func.count()).select_from(SESSIONS).where(*alive))).scalar_one())
