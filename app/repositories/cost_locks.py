"""Locks of the cost store, which end with the transaction."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.repositories.planning import driver_of

LONGEST_WAIT_SECONDS = 3_600
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
_TRY = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 0))")


async def lock_costs(session: AsyncSession, organization_id: UUID) -> None:
    """Wait until nobody else writes the organization's charges and roll-ups, and be the only one until the end.

    Whoever writes with the promoted tag keys reads them after this call, in the same transaction: keys that changed
    meanwhile are then either seen here, or the job that spreads them waits for this transaction and sees its rows.
    The wait may be that for a long import, so it is bounded by the transaction's `statement_timeout` alone.
    """
    statement = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))"
    await (await driver_of(session)).execute(statement, f"costs:{organization_id}", timeout=LONGEST_WAIT_SECONDS)


async def try_lock_costs(session: AsyncSession, organization_id: UUID) -> bool:
    """The same without waiting: whether nobody else has it. An import may take longer than a statement may wait."""
    return bool((await session.execute(_TRY, {"name": f"costs:{organization_id}"})).scalar_one())


async def lock_rules(session: AsyncSession, organization_id: UUID) -> None:
    """The same for who changes teams, promoted tag keys or allocation rules; never waits for an import."""
    await session.execute(_LOCK, {"name": f"allocation-rules:{organization_id}"})
