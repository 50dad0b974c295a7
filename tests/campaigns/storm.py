"""Many tenants who ask at once, while some of them leave and connections to the database are ended at random."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from enum import StrEnum

import asyncpg

TENANTS = 50
SECONDS = 600
LEAVING, ENDING = 0.3, 0.1
"""How often an answer makes somebody else leave, and a connection end: chances."""
FRONT = 20
"""So many who have asked longest are those whose statements run: every other who leaves is one of them."""
BUSY = [1 / rank**2 for rank in range(1, TENANTS + 1)]
"""How much each tenant asks beside its first request: a connection that is wrong about whom it served shows when the
same one comes again."""
_END = """SELECT pg_terminate_backend(pid) FROM (
    SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'skyledger'
    ORDER BY random() LIMIT 1) AS victim"""


class Verdict(StrEnum):
    """What became of a request, or of one try of it."""

    RIGHT = "right"
    FOREIGN = "foreign"  # something of another tenant's is in it
    WRONG = "wrong"  # of the tenant's own, but not all of it, and no error
    UNAVAILABLE = "unavailable"  # an error that says to try again
    BROKEN = "broken"  # no answer of the graph's at all; tried again too, and told
    LEFT = "left"  # by the caller, before the answer


class Storm:
    """Ends connections as the owner of the database, and makes callers leave, each time that an answer has come.

    Both follow answers rather than a clock, so that a slow machine has as much of them as a fast one.
    """

    def __init__(self, operator: asyncpg.Connection, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311  (chance, not secrecy)
        self.tally: Counter[Verdict] = Counter()
        self.ended = 0
        self._operator = operator
        self._one_at_a_time = asyncio.Lock()
        self._asking: dict[asyncio.Task[None], None] = {}  # in the order in which they came

    async def rage(self, requests: int, ask: Callable[[int], Awaitable[Verdict]]) -> None:
        """Have so many requests made at once, `ask` telling of each try what came of it; its argument is the tenant."""
        async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as group:
            for tenant in (*range(TENANTS), *self.chance.choices(range(TENANTS), BUSY, k=requests - TENANTS)):
                self._asking[group.create_task(self._insist(tenant, ask))] = None

    async def _insist(self, tenant: int, ask: Callable[[int], Awaitable[Verdict]]) -> None:
        task = asyncio.current_task()
        assert task is not None
        try:
            while (verdict := await ask(tenant)) in {Verdict.UNAVAILABLE, Verdict.BROKEN}:
                self.tally[verdict] += 1
                await asyncio.sleep(self.chance.uniform(0, 0.2))
        except asyncio.CancelledError:
            verdict = Verdict.LEFT
        self._asking.pop(task)
        self.tally[verdict] += 1
        if verdict is not Verdict.LEFT:
            await self._blow()

    async def _blow(self) -> None:
        if self._asking and self.chance.random() < LEAVING:
            self.chance.choice(list(self._asking)[: self.chance.choice((FRONT, None))]).cancel()
        if self.chance.random() < ENDING:
            async with self._one_at_a_time:
                self.ended += len(await self._operator.fetch(_END))

    def judge(self, requests: int) -> None:
        """Fail unless everybody who stayed got their own rows, all of them and none else."""
        told = f"{requests} requests of {TENANTS} tenants, {self.ended} connections ended: {dict(self.tally)}"
        print(told)  # noqa: T201  (seen with -s)
        assert self.tally[Verdict.FOREIGN] == 0, told
        assert self.tally[Verdict.WRONG] == 0, told
        assert self.tally[Verdict.RIGHT] + self.tally[Verdict.LEFT] == requests, told
        assert self.tally[Verdict.RIGHT] > requests / 2, told
        assert self.tally[Verdict.LEFT] > 0, told
        assert self.ended > 0, told


@asynccontextmanager
async def storm(owner_url: str, seed: int) -> AsyncIterator[Storm]:
    """A storm over the database of this URL, which is that of its owner."""
    operator = await asyncpg.connect(owner_url.replace("postgresql+asyncpg", "postgresql"))
    try:
        yield Storm(operator, seed)
    finally:
        await operator.close()
