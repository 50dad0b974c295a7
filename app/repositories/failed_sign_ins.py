"""SQL of sign-ins that failed: counted for each organization of the person, until the audit tells of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import RowMapping, Table, delete, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import FailedSignIn

FAILURES: Table = FailedSignIn.__table__  # type: ignore[assignment]
# In the order of the organizations: two processes that count for one person wait for each other, and never in a circle.
_COUNT = text("""
    INSERT INTO failed_sign_ins AS f (organization_id, window_start, user_id, way, times, first_at, last_at)
    SELECT m.organization_id, :window_start, m.user_id, :way, :times, :moment, :moment
    FROM memberships m JOIN organizations o ON o.id = m.organization_id AND o.deleted_at IS NULL
    WHERE m.user_id = :user_id ORDER BY m.organization_id
    ON CONFLICT (organization_id, window_start, user_id, way)
    DO UPDATE SET times = f.times + excluded.times, last_at = excluded.last_at
""")


async def count_failures(
    session: AsyncSession, user_id: UUID, way: str, times: int, window_start: datetime, moment: datetime
) -> None:
    """Add so many failures of a person in all living organizations of theirs. System role."""
    values = {"user_id": user_id, "way": way, "times": times, "window_start": window_start, "moment": moment}
    await session.execute(_COUNT, values)


async def organizations_with_failures(session: AsyncSession, before: datetime) -> Sequence[UUID]:
    """Where windows that began before a moment wait to be told. System role."""
    statement = select(FAILURES.c.organization_id).where(FAILURES.c.window_start < before).distinct()
    return (await session.execute(statement.order_by(FAILURES.c.organization_id))).scalars().all()


async def take_failures(session: AsyncSession, organization_id: UUID, before: datetime) -> Sequence[RowMapping]:
    """Take the windows of an organization that began before a moment: they are told in this transaction, or stay."""
    statement = delete(FAILURES).where(FAILURES.c.organization_id == organization_id, FAILURES.c.window_start < before)
    return (await session.execute(statement.returning(*FAILURES.c))).mappings().all()
