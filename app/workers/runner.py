"""Runs the outbox's jobs in one worker process: claimed under a lease, kept by a heartbeat, settled under a token."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app import error_reports, tracing
from app.database import Database
from app.errors import SkyledgerError
from app.queue import JobQueue
from app.repositories import jobs
from app.tasks import end_tasks
from app.workers.running import Handler, JobTooLongError, LeaseLostError, RunnerSettings, RunningJob

__all__ = ["Handler", "JobRunner", "JobTooLongError", "LeaseLostError", "RunnerSettings", "RunningJob"]

_log = structlog.stdlib.get_logger("skyledger.workers")


class JobRunner:
    """Runs up to `slots` jobs at a time. PostgreSQL hands them out: woken by arq, and by a sweep of its own.

    The sweep is no arq cron, because arq's schedule lives in Valkey: with Valkey down or emptied nothing would run.
    """

    def __init__(
        self,
        database: Database,
        handlers: Mapping[str, Handler],
        queue: JobQueue,
        settings: RunnerSettings | None = None,
        *,
        on_dead: Callable[[], Awaitable[object]] | None = None,
        longest: Mapping[str, float] | None = None,
    ) -> None:
        """`longest` are the seconds that jobs of a kind may take."""
        self._database = database
        self._longest = longest or {}
        self._on_dead = on_dead
        self._handlers = handlers
        self._queue = queue
        self.settings = settings or RunnerSettings()
        self._slots = asyncio.Semaphore(self.settings.slots)
        self._claiming = asyncio.Lock()
        self._running: dict[UUID, RunningJob] = {}
        self._wakes: set[asyncio.Task[Any]] = set()
        # Whether jobs may be due that were passed over, for their organization had its share or no slot was free to
        # look: whoever ends then looks for more.
        self._turned_away = False
        self._sweep_now = asyncio.Event()
        self._sweeping: asyncio.Task[None] | None = None
        self._beating: asyncio.Task[None] | None = None
        self.stopping = False

    @property
    def running(self) -> int:
        """How many jobs run now."""
        return len(self._running)

    async def start(self) -> None:
        """Sweep at once, then go on."""
        self._sweep_now.set()
        self._sweeping = asyncio.create_task(self._sweep_for_ever(), name="jobs-sweep")
        self._beating = asyncio.create_task(self._beat_for_ever(), name="jobs-heartbeat")

    async def stop(self, seconds: float) -> None:
        """Take no more jobs, ask the running ones to stop, and cancel those that have not after 3/5 of `seconds`.

        What has not ended is given back. Takes at most `seconds`; what cannot be given back in that time (PostgreSQL
        away) is taken over by another worker when its lease ends.
        """
        self.stopping = True
        await end_tasks(self._sweeping, *self._wakes)
        for job in self._running.values():
            job.stopping = True
        tasks = [job.task for job in self._running.values() if job.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=seconds * 0.6)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=seconds * 0.4)
        await end_tasks(self._beating, *tasks)

    async def run(self, job_id: UUID) -> None:
        """Run one job when a slot is free, if any is due; returns when it has been settled.

        The id says that a job became due, not which one to run: an organization that queues hundreds sends hundreds of
        wake-ups, and each of them may serve another organization. Whoever waits here may leave: the job goes on. A
        job that cannot be taken now (PostgreSQL away, worker going down) is found by a sweep.
        """
        if self.stopping:
            return
        wake = asyncio.create_task(self._try_to_take(job_id))
        self._wakes.add(wake)
        wake.add_done_callback(self._wakes.discard)
        job = await asyncio.shield(wake)
        if job is not None and job.task is not None:
            await asyncio.wait([job.task])

    async def sweep(self) -> None:
        """Take what is due and was missed, as far as slots are free; declare dead what has no attempt left."""
        async with self._system() as session:
            buried = await jobs.bury_spent_jobs(session, self._handlers, self.settings.most_attempts)
        for row in buried:
            _log.error("job_dead", job_id=str(row["id"]), kind=row["kind"], failure=row["failure"])
        if buried:
            await self._tell_of_the_dead()
        await self._fill()

    async def _fill(self) -> None:
        while not self.stopping:
            if self._slots.locked():
                self._turned_away = True  # each that holds a slot takes one job at most: whoever ends looks on
                return
            if await self._take() is None:
                return

    @asynccontextmanager
    async def _system(self) -> AsyncIterator[AsyncSession]:
        """The system door, for half a lease at most: PostgreSQL's own time limit needs a PostgreSQL that answers."""
        async with asyncio.timeout(self.settings.lease / 2), self._database.system() as session:
            yield session

    async def _tell_of_the_dead(self) -> None:
        if self._on_dead is None:
            return
        try:
            await self._on_dead()
        except Exception as error:  # noqa: BLE001 - a later round may succeed
            _log.warning("dead_jobs_not_told", error=type(error).__name__)

    def _full(self) -> set[UUID]:
        """The organizations that have their share of this worker's slots."""
        held = Counter(job.organization_id for job in self._running.values() if job.organization_id is not None)
        return {organization_id for organization_id, count in held.items() if count >= self.settings.per_organization}

    async def _try_to_take(self, job_id: UUID) -> RunningJob | None:
        try:
            return await self._take()
        except Exception as error:  # noqa: BLE001 - drivers raise many kinds while a server restarts
            _log.warning("job_wake_failed", job_id=str(job_id), error=type(error).__name__)
            return None

    async def _try_to_fill(self) -> None:
        try:
            await self._fill()
        except Exception as error:  # noqa: BLE001 - drivers raise many kinds while a server restarts
            self._turned_away = True
            _log.warning("job_refill_failed", error=type(error).__name__)

    async def _take(self) -> RunningJob | None:
        """Wait for a slot, claim a job, start it. None when nothing is due."""
        await self._slots.acquire()
        try:
            # One after the other: claims side by side would not see each other's, and all serve one organization.
            async with self._claiming, self._system() as session:
                begun, row = await self._claim(session)
        except BaseException:
            self._slots.release()
            raise
        if row is None:
            self._slots.release()
            return None
        return self._begin(row, begun)

    async def _claim(self, session: AsyncSession) -> tuple[float, RowMapping | None]:
        """When the claim began, and the job if one is due.

        Where an organization that it passed over has got a slot back in the meantime, the claim is made again: who
        ended then did not know yet that somebody would be turned away, and if it was the last of its organization
        nobody else would look. For the same reason nothing is awaited between that look and the note.
        """
        while True:
            begun, full = time.monotonic(), self._full()
            row = await jobs.claim_job(
                session,
                self._handlers,
                lease=self.settings.lease,
                most_attempts=self.settings.most_attempts,
                full=full,
            )
            if row is not None:
                return begun, row
            if full <= self._full():
                self._turned_away = self._turned_away or bool(full)
                return begun, None

    def _begin(self, row: RowMapping, begun: float) -> RunningJob:
        job = RunningJob(
            row["id"],
            row["organization_id"],
            row["kind"],
            row["arguments"],
            row["attempts"],
            row["fencing_token"],
            self._database,
            self.settings,
            begun,
            stopping=self.stopping,
        )
        before = self._running.get(job.id)
        if before is not None:  # our own, from before its lease ended
            before.lose()
        self._running[job.id] = job
        job.task = asyncio.create_task(self._perform(job), name=f"job-{job.kind}-{job.id}")
        job.task.add_done_callback(lambda _: self._ended(job))
        return job

    def _ended(self, job: RunningJob) -> None:
        if self._running.get(job.id) is job:
            del self._running[job.id]
        if self._slots.locked():  # a full house may have kept the sweep from taking more
            self._sweep_now.set()
        self._slots.release()
        if self._turned_away and not self.stopping:
            self._turned_away = False
            refill = asyncio.create_task(self._try_to_fill(), name="jobs-refill")
            self._wakes.add(refill)
            refill.add_done_callback(self._wakes.discard)

    async def _perform(self, job: RunningJob) -> None:
        span = tracing.begin_traced(f"job {job.kind}", skyledger_job_id=str(job.id), skyledger_attempt=job.attempt)
        failed = True
        try:
            failed = await self._perform_within(job)
        finally:
            if span is not None:
                span.end(failed=failed or job.lost)

    async def _perform_within(self, job: RunningJob) -> bool:
        """Run a job's function and write how it went; whether it failed."""
        job.log.info("job_started")
        try:
            await self._handle(job)
        except asyncio.CancelledError:  # only this runner cancels it
            job.stopping = True
        except LeaseLostError:
            job.lost = True
        except Exception as error:
            job.log.warning("job_failed", exc_info=error)
            if not isinstance(error, SkyledgerError):
                error_reports.report(error, job_id=str(job.id), kind=job.kind)
            await self._fail(job, error)
            return True
        if job.lost:
            job.log.warning("job_lease_lost")
        elif job.stopping:
            # It may have ended early without a word. Once too often is harmless, once too little is not.
            await self._settle(job, "job_given_back", jobs.return_job)
            self._queue.wake([(job.id, job.token)])
        else:
            await self._settle(job, "job_succeeded", jobs.finish_job)
        return False

    async def _handle(self, job: RunningJob) -> None:
        """Run a job's function, for so long at most. Raises JobTooLongError, and what the function raises."""
        longest = self._longest.get(job.kind, self.settings.longest)
        try:
            async with asyncio.timeout(longest) as limit:
                await self._handlers[job.kind](job)
        except TimeoutError:
            if not limit.expired():
                raise
            message = f"It was cut off after {longest:,.0f} seconds, the longest that a job of its kind may take."
            raise JobTooLongError(message) from None

    async def _fail(self, job: RunningJob, error: Exception) -> None:
        # The text of foreign errors may hold values of customers; it stands in the log only.
        text = error.message if isinstance(error, SkyledgerError) else f"{type(error).__name__}, see the worker's log"
        if job.attempt >= self.settings.most_attempts:
            reason = f"Attempt {job.attempt} of {self.settings.most_attempts} failed: {text}"
            await self._settle(job, "job_dead", partial(jobs.finish_job, failure=reason))
            await self._tell_of_the_dead()
            return
        pause = min(self.settings.longest_pause, self.settings.first_pause * 2 ** (job.attempt - 1))
        pause *= random.uniform(0.5, 1)  # noqa: S311 - not a secret
        await self._settle(job, "job_put_off", partial(jobs.retry_job, pause=pause, failure=text))

    async def _settle(self, job: RunningJob, event: str, write: Callable[..., Awaitable[bool]]) -> None:
        """Write how the job went, again and again for as long as it is ours."""
        job.settling = True
        while not job.lost:
            try:
                async with self._system() as session:
                    ours = await write(session, job.id, job.token)
            except Exception as error:  # noqa: BLE001 - drivers raise many kinds while a server restarts
                job.log.warning("job_settling_failed", error=type(error).__name__)
                await asyncio.sleep(random.uniform(0.2, 1))  # noqa: S311 - not a secret
                continue
            if ours:
                tell = job.log.error if event == "job_dead" else job.log.info
                tell(event, seconds=round(time.monotonic() - job.begun, 3))
                return
            job.lost = True
        job.log.warning("job_lease_lost")

    async def _beat_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self.settings.heartbeat)
            held = list(self._running.values())
            if not held:
                continue
            begun = time.monotonic()
            try:
                async with self._system() as session:
                    keys = [(job.id, job.token) for job in held]
                    ours = await jobs.extend_leases(session, keys, self.settings.lease)
            except Exception as error:  # noqa: BLE001 - drivers raise many kinds while a server restarts
                _log.warning("job_heartbeat_failed", error=type(error).__name__)
                for job in held:
                    if time.monotonic() - job.confirmed > self.settings.lease:
                        job.lose()
                continue
            for job in held:
                if job.id in ours:
                    job.confirmed = begun
                else:
                    job.lose()

    async def _sweep_for_ever(self) -> None:
        while True:
            try:
                # Spread, so that workers that were started together do not sweep together.
                async with asyncio.timeout(self.settings.sweep * random.uniform(0.8, 1.2)):  # noqa: S311
                    await self._sweep_now.wait()
            except TimeoutError:
                pass
            self._sweep_now.clear()
            try:
                await self.sweep()
            except Exception as error:  # noqa: BLE001 - drivers raise many kinds while a server restarts
                _log.warning("job_sweep_failed", error=type(error).__name__)
