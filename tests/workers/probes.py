"""Workers of the tests: quick leases, jobs that note what they do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping

from app.config import Settings
from app.database import Database
from app.embedded import EngineUrls
from app.queue import JobQueue, enqueue
from app.repositories import jobs
from app.workers.clock import TimedWork
from app.workers.process import work
from app.workers.runner import Handler, JobRunner, RunnerSettings

QUICK = RunnerSettings(lease=0.6, heartbeat=0.15, sweep=0.1, first_pause=0.02, longest_pause=0.05)
# Neither sweep nor heartbeat come in a test: what happens was asked for.
IDLE = RunnerSettings(sweep=3600, heartbeat=3600)


async def put(database: Database, kind: str = "probe", organization_id: UUID | None = None, **arguments: Any) -> UUID:
    """A job in a transaction of its own."""
    async with database.system() as session:
        return await enqueue(session, kind, organization_id, arguments)


async def job_row(database: Database, job_id: UUID) -> RowMapping:
    """The job as it stands."""
    async with database.system() as session:
        return (await session.execute(jobs.JOBS.select().where(jobs.JOBS.c.id == job_id))).mappings().one()


async def until_state(database: Database, job_id: UUID, *states: str) -> RowMapping:
    """Wait until the job is in one of the states; fails when it does not come in 60 s."""
    async with asyncio.timeout(60):
        row = await job_row(database, job_id)
        while row["state"] not in states:
            await asyncio.sleep(0.02)
            row = await job_row(database, job_id)
    return row


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition; fails when it does not come in 60 s."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0.01)


def make_runner(
    database: Database, redis_url: str, handlers: Mapping[str, Handler], settings: RunnerSettings = IDLE
) -> JobRunner:
    """A runner that has not started: it does what it is told."""
    return JobRunner(database, handlers, JobQueue(database, redis_url), settings)


async def run_every(database: Database, redis_url: str, kind: str, handler: Handler) -> None:
    """Run every job of a kind to its success. A runner takes what is due first, whichever job it is called for."""
    runner = make_runner(database, redis_url, {kind: handler})
    of_kind = jobs.JOBS.select().where(jobs.JOBS.c.kind == kind)
    async with database.system() as session:
        found = (await session.execute(of_kind)).mappings().all()
    for row in found:
        await runner.run(row["id"])
    async with database.system() as session:
        ended = (await session.execute(of_kind)).mappings().all()
    assert [row for row in ended if row["state"] != "SUCCEEDED"] == []


@asynccontextmanager
async def running(runner: JobRunner) -> AsyncIterator[JobRunner]:
    """A runner that works on its own."""
    await runner.start()
    try:
        yield runner
    finally:
        await runner.stop(1)


@asynccontextmanager
async def worker(
    settings: Settings,
    urls: EngineUrls,
    handlers: Mapping[str, Handler],
    runner_settings: RunnerSettings = IDLE,
    works: Sequence[TimedWork] | None = None,
) -> AsyncIterator[asyncio.Task[None]]:
    """A whole worker; `works` instead of what is done by the clock."""
    stop = asyncio.Event()
    task = asyncio.create_task(
        work(settings, urls, stop, handlers=handlers, runner_settings=runner_settings, works=works)
    )
    try:
        yield task
    finally:
        stop.set()
        with suppress(asyncio.CancelledError):
            await asyncio.wait_for(task, 60)
