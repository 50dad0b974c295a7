"""SQL that deletes sign-ins whose time is over."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Session


async def delete_expired_sessions(session: AsyncSession, before: datetime, limit: int) -> int:
    """Delete up to `limit` sessions that ended before a moment, their refresh tokens with them; returns how many.

    A revoked session stays until its time is over: its used tokens prove the reuse of a stolen one.
    """
    ended = select(Session.id).where(Session.expires_at < before).limit(limit).with_for_update(skip_locked=True)
    result = await session.execute(delete(Session).where(Session.id.in_(ended)).returning(Session.id))
    return len(result.all())
