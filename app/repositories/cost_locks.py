"""Locks of the cost store, which end with the transaction."""

from __future__ import annotations

from uuid import UUID

from asyncpg import PostgresError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import UnavailableError
from app.repositories.planning import driver_of
from app.row_door import RETRY_AFTER_SECONDS

LONGEST_WAIT_SECONDS = 3_600
_LOCK_NOT_AVAILABLE = "55P03"
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
_TRY = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 0))")


async def lock_costs(session: AsyncSession, organization_id: UUID, seconds: float | None = None) -> None:
    """Wait until nobody else writes the organization's charges and roll-ups, and be the only one until the end.

    Whoever writes with the promoted tag keys reads them after this call, in the same transaction: keys that changed
    meanwhile are then either seen here, or the job that spreads them waits for this transaction and sees its rows.
    The wait may be that for a long import, so it is bounded by the transaction's `statement_timeout` alone; with
    `seconds` it raises UnavailableError after these.
    """
    driver = await driver_of(session)
    await driver.execute(f"SET LOCAL lock_timeout = {int((seconds or 0) * 1000)}")
    statement = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))"
    try:
        await driver.execute(statement, f"costs:{organization_id}", timeout=LONGEST_WAIT_SECONDS)
    except PostgresError as error:
        if error.sqlstate != _LOCK_NOT_AVAILABLE:
            raise
        message = "Another import of this organization is being stored. Try again in some seconds."
        raise UnavailableError(message, retryAfter=RETRY_AFTER_SECONDS) from None
    await driver.execute("SET LOCAL lock_timeout = 0")


async def try_lock_costs(session: AsyncSession, organization_id: UUID) -> bool:
    """The same without waiting: whether nobody else has it. An import may take longer than a statement may wait."""
    return bool((await session.execute(_TRY, {"name": f"costs:{organization_id}"})).scalar_one())


async def lock_rules(session: AsyncSession, organization_id: UUID) -> None:
    """The same for who changes teams, promoted tag keys or allocation rules; never waits for an import."""
    await session.execute(_LOCK, {"name": f"allocation-rules:{organization_id}"})


async def lock_figures(session: AsyncSession, organization_id: UUID) -> None:
    """The same for who writes the figures on tag keys: imports in a row have them counted by several jobs at once."""
    await session.execute(_LOCK, {"name": f"tag-key-figures:{organization_id}"})


async def lock_sources(session: AsyncSession, organization_id: UUID, account_id: UUID) -> None:
    """The same for who adds a cost source to an account: of two at once, the second sees the first."""
    await session.execute(_LOCK, {"name": f"cost-sources:{organization_id}:{account_id}"})
