"""The time limit of a job: one that hangs gives its slot back, is tried again, and dies with the reason."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from app.database import Database
from app.embedded import EngineUrls
from app.queue import JobQueue
from app.workers.runner import JobRunner, RunningJob
from tests.workers.probes import QUICK, put, running, until_state


async def test_a_job_that_hangs_is_cut_off(database: Database, engine_urls: EngineUrls) -> None:
    begun = []

    async def hangs(job: RunningJob) -> None:
        begun.append(job.attempt)
        await asyncio.sleep(3_600)

    async def is_quick(_: RunningJob) -> None:
        return

    settings = replace(QUICK, slots=1, most_attempts=2)
    runner = JobRunner(
        database,
        {"hangs": hangs, "quick": is_quick},
        JobQueue(database, engine_urls.redis_url),
        settings,
        longest={"hangs": 0.3},
    )
    async with running(runner):
        hanging, quick = await put(database, "hangs"), await put(database, "quick")
        await until_state(database, quick, "SUCCEEDED")
        dead = await until_state(database, hanging, "DEAD")
    assert begun == [1, 2]
    assert "Attempt 2 of 2 failed: It was cut off after 0 seconds" in dead["failure"]


async def test_a_time_limit_of_its_own_is_no_cut_off(database: Database, engine_urls: EngineUrls) -> None:
    """What a job itself gave up waiting for is told as its own failure."""

    async def gives_up(_: RunningJob) -> None:
        async with asyncio.timeout(0.01):
            await asyncio.sleep(1)

    queue = JobQueue(database, engine_urls.redis_url)
    runner = JobRunner(database, {"probe": gives_up}, queue, replace(QUICK, most_attempts=1, longest=60))
    async with running(runner):
        dead = await until_state(database, await put(database), "DEAD")
    assert "TimeoutError, see the worker's log" in dead["failure"]
