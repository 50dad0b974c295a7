"""Does what is due by the clock. When it is due stands in PostgreSQL: it needs no Valkey, and outlives every worker.

Each kind of work is claimed by one of the workers. What was due while nobody worked is done once, by the first worker
that is back. What fails is tried again after a pause, and holds nothing else up.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app import error_reports
from app.database import Database
from app.errors import SkyledgerError
from app.records.cron import next_runs
from app.repositories import scheduled_work
from app.tasks import end_tasks

Context = Mapping[str, Any]
"""What the functions of timed work are given: `database`, `settings`, and the storages of files by their names."""
_log = structlog.stdlib.get_logger("skyledger.workers")


@dataclass(frozen=True)
class TimedWork:
    """A kind of work: its times as a cron expression in UTC, and how many seconds it may take."""

    name: str
    cron: str
    longest: float
    do: Callable[[Context], Awaitable[None]]

    def next_time(self, after: datetime) -> datetime:
        """Its first time after a moment."""
        return next_runs(self.cron, "UTC", after)[0]


@dataclass(frozen=True)
class ClockSettings:
    """Figures of the clock, in seconds where nothing else is said."""

    look: float = 10.0
    """How often PostgreSQL is asked for what is due: so late it may begin."""
    claim: float = 60.0
    """Work whose worker was silent for this long is given to another."""
    first_pause: float = 60.0
    """After the first failed attempt; it doubles with each further one, and ends at the next time of the work."""
    longest_pause: float = 3_600.0
    places: int = 4
    """Kinds of work at a time: after a long absence all of them are due."""


@dataclass(eq=False)
class _Claimed:
    """Work that is this worker's until somebody else claims it."""

    work: TimedWork
    claims: int
    failures: int
    claimed_at: datetime
    settling: bool = False
    task: asyncio.Task[None] | None = None


class Clock:
    """Does the work of a schedule for one worker process."""

    def __init__(
        self, database: Database, schedule: Sequence[TimedWork], context: Context, settings: ClockSettings | None = None
    ) -> None:
        self._database, self._context = database, context
        self._works = {work.name: work for work in schedule}
        self._settings = settings or ClockSettings()
        self._held: dict[str, _Claimed] = {}
        self._look_now = asyncio.Event()
        self._is_planned = False
        self._looking: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Look at once, then go on."""
        self._look_now.set()
        self._looking = asyncio.create_task(self._look_for_ever(), name="clock")

    async def stop(self, seconds: float) -> None:
        """Break off what is done now, and give it to others: takes so many seconds at most, beside the breaking off.

        What cannot be given back, with PostgreSQL away, is another worker's when its claim ends.
        """
        await end_tasks(self._looking)
        left = list(self._held.values())
        await end_tasks(*(each.task for each in left))
        with suppress(Exception):
            async with asyncio.timeout(seconds):
                for each in left:
                    async with self._database.system() as session:
                        await scheduled_work.give_back(session, each.work.name, each.claims)

    async def look(self) -> None:
        """Begin what is due and not another worker's, as far as there is room."""
        if not self._works:
            return
        if not self._is_planned:
            await self._plan()
        while True:
            row = None
            async with self._database.system() as session:
                await self._keep(session)
                if len(self._held) < self._settings.places:
                    row = await scheduled_work.claim(session, self._works, self._settings.claim)
            if row is None:
                return
            self._begin(row)

    async def settled(self) -> None:
        """Wait until all that was begun has ended."""
        while self._held:
            await asyncio.wait([each.task for each in self._held.values() if each.task is not None])

    async def _look_for_ever(self) -> None:
        while True:
            with suppress(TimeoutError):
                # Spread, so that workers that were started together do not look together.
                async with asyncio.timeout(self._settings.look * random.uniform(0.8, 1.2)):  # noqa: S311
                    await self._look_now.wait()
            self._look_now.clear()
            try:
                await self.look()
            except Exception as error:  # noqa: BLE001 - drivers raise many kinds while a server restarts
                _log.warning("clock_look_failed", error=type(error).__name__)

    async def _plan(self) -> None:
        """Have what no worker has ever known come at its next time."""
        async with self._database.system() as session:
            moment = await scheduled_work.moment(session)
            due = {work.name: work.next_time(moment) for work in self._works.values()}
            await scheduled_work.plan(session, due)
        self._is_planned = True

    async def _keep(self, session: AsyncSession) -> None:
        """Tell that we are there; what another worker has taken meanwhile is broken off."""
        if not self._held:
            return
        claims = {name: each.claims for name, each in self._held.items()}
        ours = await scheduled_work.keep(session, claims, self._settings.claim)
        for name in claims.keys() - ours:
            lost = self._held.get(name)
            if lost is not None and lost.claims == claims[name] and not lost.settling and lost.task is not None:
                _log.warning("scheduled_work_lost", work=name)
                lost.task.cancel()

    def _begin(self, row: RowMapping) -> None:
        claimed = _Claimed(self._works[row["name"]], row["claims"], row["failures"], row["claimed_at"])
        self._held[claimed.work.name] = claimed
        claimed.task = asyncio.create_task(self._perform(claimed), name=f"clock-{claimed.work.name}")
        claimed.task.add_done_callback(lambda _: self._ended(claimed))

    def _ended(self, claimed: _Claimed) -> None:
        if self._held.get(claimed.work.name) is claimed:
            del self._held[claimed.work.name]
        self._look_now.set()  # there is room for another

    async def _perform(self, claimed: _Claimed) -> None:
        """Do it, and note how it went."""
        work, begun = claimed.work, time.monotonic()
        log = _log.bind(work=work.name, attempt=claimed.failures + 1)
        try:
            async with asyncio.timeout(work.longest):
                await work.do(self._context)
        except Exception as error:
            log.exception("scheduled_work_failed")
            if not isinstance(error, SkyledgerError):
                error_reports.report(error, work=work.name)
            await self._settle(claimed, self._note_failure)
        else:
            await self._settle(claimed, self._note_success)
            log.info("scheduled_work_done", seconds=round(time.monotonic() - begun, 3))

    async def _settle(self, claimed: _Claimed, note: Callable[[AsyncSession, _Claimed], Awaitable[bool]]) -> None:
        """Note how it went, again and again until PostgreSQL takes it."""
        claimed.settling = True
        while True:
            try:
                async with self._database.system() as session:
                    await note(session, claimed)
            except Exception as error:  # noqa: BLE001 - drivers raise many kinds while a server restarts
                _log.warning("scheduled_work_not_noted", work=claimed.work.name, error=type(error).__name__)
                await asyncio.sleep(random.uniform(0.2, 1))  # noqa: S311 - not a secret
            else:
                return

    async def _note_success(self, session: AsyncSession, claimed: _Claimed) -> bool:
        # By when it began: what came due since then has not been looked at.
        due_at = claimed.work.next_time(claimed.claimed_at)
        return await scheduled_work.finish(session, claimed.work.name, claimed.claims, due_at)

    async def _note_failure(self, session: AsyncSession, claimed: _Claimed) -> bool:
        settings = self._settings
        pause = min(settings.longest_pause, settings.first_pause * 2 ** min(claimed.failures, 20))
        latest = claimed.work.next_time(await scheduled_work.moment(session))
        return await scheduled_work.retry(session, claimed.work.name, claimed.claims, timedelta(seconds=pause), latest)
