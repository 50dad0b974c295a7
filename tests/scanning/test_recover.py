"""A scan outlives its workers, and one whose job is dead does not stay under way."""

from __future__ import annotations

import asyncio

from app.dead_jobs import recover
from app.repositories import jobs
from app.scanning.recover import RECOVERIES
from app.workers.runner import RunningJob
from tests.scanning.engine import Engine
from tests.scanning.local_cloud import DISK, SERVER, World
from tests.scanning.test_cancel import hanging
from tests.workers.probes import job_row, make_runner, until


async def test_the_scan_of_a_dead_job_fails_with_the_reason(engine: Engine) -> None:
    await engine.connect()
    (started,) = (await engine.start()).scans
    for _ in range(5):  # workers that claim and die
        async with engine.database.system() as session:
            assert await jobs.claim_job(session, ["run_scan"], lease=0.0, most_attempts=5) is not None
    runner = engine.runner()
    runner._on_dead = lambda: recover(engine.database, RECOVERIES)
    await runner.sweep()
    scan = await engine.row(started["id"])
    assert (scan["state"], scan["failure"]) == (
        "FAILED",
        "The scan was given up. The worker that ran it ended without a word, on attempt 5 of 5.",
    )
    assert scan["remedy"].startswith("Start the scan again.")
    (event,) = await engine.events("SCAN_FINISHED")
    assert event["data"]["state"] == "FAILED"
    assert await recover(engine.database, RECOVERIES) == 0
    assert (await job_row(engine.database, started["job_id"]))["state"] == "DEAD"
    assert len((await engine.start()).scans) == 1, "the account is free again"


async def test_a_scan_that_fails_in_its_last_attempt_ends_at_once(engine: Engine) -> None:
    await engine.connect()
    (started,) = (await engine.start()).scans
    async with engine.database.write(engine.organization_id) as session:
        await session.execute(jobs.JOBS.update().values(attempts=4))

    async def fail(_: RunningJob) -> None:
        message = "a fault of ours"
        raise RuntimeError(message)

    runner = make_runner(engine.database, engine.redis_url, {"run_scan": fail})
    runner._on_dead = lambda: recover(engine.database, RECOVERIES)
    await runner.run(started["job_id"])
    scan = await engine.row(started["id"])
    assert (scan["state"], scan["failure"]) == (
        "FAILED",
        "The scan was given up. Attempt 5 of 5 failed: RuntimeError, see the worker's log",
    )


async def test_the_next_worker_goes_on_where_the_last_one_was_stopped(engine: Engine, world: World) -> None:
    await engine.connect()
    with hanging(world, DISK) as reached:
        (started,) = (await engine.start()).scans
        runner = engine.runner()
        running = asyncio.create_task(runner.run(started["job_id"]))
        await until(reached.is_set)
        await _until_done(engine, started["id"], 5)
        await _until_collected(engine, started["id"], SERVER)
        await runner.stop(5)
        await running
    world.fault = World().fault
    before = world.pages_read.copy()
    job = await job_row(engine.database, started["job_id"])
    assert (job["state"], job["attempts"]) == ("QUEUED", 0)
    await engine.runner().run(started["job_id"])
    scan = await engine.row(started["id"])
    assert scan["state"] == "SUCCEEDED"
    assert await engine.counts(scan["id"]) == {"found": 40, "added": 40, "changed": 0, "removed": 0, "unchanged": 0}
    again = {place[0] for place, pages in (world.pages_read - before).items() if pages}
    assert again == {DISK}, "what had ended was read again"


async def test_what_a_scan_has_swept_before_it_is_given_up_makes_it_partial(engine: Engine, world: World) -> None:
    """FAILED means that every resource stays as it was."""
    await engine.connect()
    with hanging(world, DISK) as reached:
        (started,) = (await engine.start()).scans
        runner = engine.runner()
        running = asyncio.create_task(runner.run(started["job_id"]))
        await until(reached.is_set)
        await _until_done(engine, started["id"], 5)
        await runner.stop(5)
        await running
    async with engine.database.write(engine.organization_id) as session:
        await session.execute(jobs.JOBS.update().values(state="DEAD", failure="Attempt 5 of 5 failed."))
    assert await recover(engine.database, RECOVERIES) == 1
    scan = await engine.row(started["id"])
    assert (scan["state"], scan["failure"]) == ("PARTIAL", "The scan was given up. Attempt 5 of 5 failed.")
    assert (await engine.events("SCAN_FINISHED"))[-1]["data"]["state"] == "PARTIAL"


async def test_attempts_are_forgotten_when_a_scan_goes_on(engine: Engine) -> None:
    await engine.connect()
    (started,) = (await engine.start()).scans
    async with engine.database.write(engine.organization_id) as session:
        await session.execute(jobs.JOBS.update().values(attempts=4))
    await engine.runner().run(started["job_id"])
    assert (await engine.row(started["id"]))["state"] == "SUCCEEDED"
    assert (await job_row(engine.database, started["job_id"]))["attempts"] == 1


async def _until_done(engine: Engine, scan_id: object, count: int) -> None:
    async with asyncio.timeout(60):
        while True:
            steps = await engine.steps(scan_id)  # type: ignore[arg-type]
            if sum(step["finished_at"] is not None for step in steps.values()) == count:
                return
            await asyncio.sleep(0.02)


async def _until_collected(engine: Engine, scan_id: object, collector: str) -> None:
    async with asyncio.timeout(60):
        while True:
            steps = await engine.steps(scan_id)  # type: ignore[arg-type]
            if sum(collector in step["collected"] for step in steps.values()) == 2:
                return
            await asyncio.sleep(0.02)
