"""How statements are planned where the planner is wrong about organizations, and the driver under a session.

Every index begins with the organization. An organization that the table's statistics have not met counts as empty, and
a plan from when the table was empty lives on in its connection. In both cases the planner sees no difference between
an index that leads to one row and one that leads to all of the organization's, and a join that reads the latter for
each of a thousand rows made a first scan of 10,000 resources thirty times slower, and relationships time out.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession


async def plan_for_average(session: AsyncSession) -> None:
    """Plan the rest of the transaction's statements for an organization of average size, not for the one at hand."""
    await (await driver_of(session)).execute("SET LOCAL plan_cache_mode = force_generic_plan")


async def plan_afresh(session: AsyncSession) -> None:
    """The same, and forget plans from before: for transactions that fill tables."""
    await (await driver_of(session)).execute("SET LOCAL plan_cache_mode = force_generic_plan; DISCARD PLANS")


async def plan_for_sets(session: AsyncSession) -> None:
    """Join by hashing in the rest of the transaction: for statements that read many rows of an organization.

    What joins three hundred rows to as many, three times over, took longer than fifteen seconds where the planner
    took each side for one row.
    """
    await (await driver_of(session)).execute("SET LOCAL enable_nestloop = off")


async def plan_for_sifting(session: AsyncSession) -> None:
    """Run the rest of the transaction's statements in one process, in memory, and make no machine code of them.

    A sift of 100,000 resources takes half a second: compiling takes longer, workers more time together, and sorting
    them on disk took a tenth of it.
    """
    settings = "SET LOCAL jit = off; SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL work_mem = '64MB'"
    await (await driver_of(session)).execute(settings)


async def driver_of(session: AsyncSession) -> Any:
    """The asyncpg connection of the session's transaction."""
    return (await (await session.connection()).get_raw_connection()).driver_connection
