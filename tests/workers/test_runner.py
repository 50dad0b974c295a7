"""A job runs at least once and takes effect once, whoever dies, sleeps or answers late."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError

from app.database import Database
from app.embedded import EngineUrls
from app.errors import ConflictError
from app.queue import enqueue
from app.repositories import jobs
from app.workers.runner import LeaseLostError, RunningJob
from tests.workers.probes import IDLE, QUICK, job_row, make_runner, put, running, until, until_state


class Ledger:
    """Handlers that note what they do."""

    def __init__(self) -> None:
        self.done: list[UUID] = []
        self.attempts: list[int] = []
        self.gate = asyncio.Event()

    async def note(self, job: RunningJob) -> None:
        self.done.append(job.id)
        self.attempts.append(job.attempt)

    async def wait(self, job: RunningJob) -> None:
        self.attempts.append(job.attempt)
        await self.gate.wait()
        self.done.append(job.id)

    async def fail(self, job: RunningJob) -> None:
        self.attempts.append(job.attempt)
        message = "the bucket is gone"
        raise ConflictError(message)


@pytest.fixture
async def ledger() -> Ledger:
    return Ledger()


async def test_a_job_exists_if_and_only_if_its_transaction_commits(
    database: Database, engine_urls: EngineUrls, ledger: Ledger
) -> None:
    organization_id = uuid4()
    async with database.write(organization_id) as session:
        kept = await enqueue(session, "probe", organization_id, {"account": "7"})
    with suppress(ZeroDivisionError):
        async with database.write(organization_id) as session:
            await enqueue(session, "probe", organization_id)
            raise ZeroDivisionError
    runner = make_runner(database, engine_urls.redis_url, {"probe": ledger.note})
    await runner.sweep()
    await until_state(database, kept, "SUCCEEDED")
    assert ledger.done == [kept]
    row = await job_row(database, kept)
    assert (row["attempts"], row["arguments"], row["lease_until"]) == (1, {"account": "7"}, None)
    assert row["finished_at"] is not None


async def test_a_tenant_cannot_queue_for_another(database: Database) -> None:
    with pytest.raises(DBAPIError, match="row-level security"):
        async with database.write(uuid4()) as session:
            await enqueue(session, "probe", uuid4())


async def test_many_workers_share_the_jobs_and_none_runs_twice(
    database: Database, engine_urls: EngineUrls, ledger: Ledger
) -> None:
    wanted = [await put(database) for _ in range(60)]
    runners = [make_runner(database, engine_urls.redis_url, {"probe": ledger.note}) for _ in range(4)]
    await asyncio.gather(*(runner.sweep() for runner in runners), *(runners[0].run(job_id) for job_id in wanted[:20]))
    for runner in runners:
        await runner.sweep()
    for job_id in wanted:
        await until_state(database, job_id, "SUCCEEDED")
    assert sorted(ledger.done) == sorted(wanted)


async def test_a_crash_between_claim_and_finish_is_taken_over(
    database: Database, engine_urls: EngineUrls, ledger: Ledger
) -> None:
    job_id = await put(database)
    async with database.system() as session:  # a worker that claims and is never heard of again
        claimed = await jobs.claim_job(session, ["probe"], lease=600, most_attempts=5)
    assert claimed is not None
    runner = make_runner(database, engine_urls.redis_url, {"probe": ledger.note})
    await runner.run(job_id)
    assert ledger.done == [], "the lease still stands"
    async with database.system() as session:  # time passes
        await session.execute(jobs.JOBS.update().values(lease_until=datetime.now(UTC)))
    await runner.run(job_id)
    assert (ledger.done, ledger.attempts) == ([job_id], [2])
    assert (await job_row(database, job_id))["state"] == "SUCCEEDED"


async def test_a_heartbeat_keeps_a_long_job(database: Database, engine_urls: EngineUrls, ledger: Ledger) -> None:
    job_id = await put(database)
    patient = replace(QUICK, lease=2.0)  # of which a busy machine may take most
    async with (
        running(make_runner(database, engine_urls.redis_url, {"probe": ledger.wait}, patient)),
        running(make_runner(database, engine_urls.redis_url, {"probe": ledger.wait}, patient)),
    ):
        await until(lambda: ledger.attempts == [1])
        await asyncio.sleep(1.5 * patient.lease)
        ledger.gate.set()
        await until_state(database, job_id, "SUCCEEDED")
    assert (ledger.done, ledger.attempts) == ([job_id], [1])


async def test_a_paused_worker_that_wakes_up_late_changes_nothing(
    database: Database, engine_urls: EngineUrls, ledger: Ledger
) -> None:
    """The first holds its job past its lease without a heartbeat; a second takes it and finishes."""
    refused: list[bool] = []

    async def late(job: RunningJob) -> None:
        await ledger.gate.wait()
        try:
            async with job.database.system() as session:
                await job.hold(session)
                await enqueue(session, "effect", None)
        except LeaseLostError:
            refused.append(True)
            raise

    sleepy = make_runner(database, engine_urls.redis_url, {"probe": late}, replace(IDLE, lease=0.2))
    job_id = await put(database)
    first = asyncio.create_task(sleepy.run(job_id))
    await until(lambda: sleepy.running == 1)
    await asyncio.sleep(0.25)
    lively = make_runner(database, engine_urls.redis_url, {"probe": ledger.wait})
    second = asyncio.create_task(lively.run(job_id))
    await until(lambda: lively.running == 1)
    ledger.gate.set()
    await asyncio.gather(first, second)
    assert refused == [True]
    row = await job_row(database, job_id)
    assert (row["state"], row["attempts"], row["fencing_token"]) == ("SUCCEEDED", 2, 2)
    async with database.system() as session:
        assert await jobs.claim_job(session, ["effect"], lease=1, most_attempts=5) is None
        for late_write in (
            jobs.finish_job(session, job_id, 1),
            jobs.finish_job(session, job_id, 1, "late"),
            jobs.retry_job(session, job_id, 1, 0, "late"),
            jobs.return_job(session, job_id, 1),
        ):
            assert await late_write is False
    assert (await job_row(database, job_id)) == row


async def test_while_a_job_writes_nobody_can_take_it(
    database: Database, engine_urls: EngineUrls, ledger: Ledger
) -> None:
    writing, written = asyncio.Event(), asyncio.Event()

    async def slow_write(job: RunningJob) -> None:
        async with job.database.system() as session:
            await job.hold(session)
            writing.set()
            await ledger.gate.wait()
            await enqueue(session, "effect", None)
        written.set()

    slow = make_runner(database, engine_urls.redis_url, {"probe": slow_write}, replace(QUICK, sweep=3600))
    other = make_runner(database, engine_urls.redis_url, {"probe": ledger.note})
    job_id = await put(database)
    async with running(slow):
        await writing.wait()
        await asyncio.sleep(1.5 * QUICK.lease)  # heartbeats pass the locked row over
        await other.run(job_id)
        await other.sweep()
        assert ledger.done == []
        ledger.gate.set()
        await written.wait()
        await until_state(database, job_id, "SUCCEEDED")


async def test_a_job_taken_away_is_cancelled(database: Database, engine_urls: EngineUrls, ledger: Ledger) -> None:
    job_id = await put(database)
    runner = make_runner(database, engine_urls.redis_url, {"probe": ledger.wait}, QUICK)
    async with running(runner):
        await until(lambda: runner.running == 1)
        async with database.system() as session:
            await session.execute(jobs.JOBS.update().values(fencing_token=99))
        await until(lambda: runner.running == 0)
    assert ledger.done == []
    assert (await job_row(database, job_id))["fencing_token"] == 99


async def test_failures_are_put_off_and_in_the_end_dead_with_the_reason(
    database: Database, engine_urls: EngineUrls, ledger: Ledger
) -> None:
    job_id = await put(database)
    async with running(make_runner(database, engine_urls.redis_url, {"probe": ledger.fail}, QUICK)):
        row = await until_state(database, job_id, "DEAD")
    assert ledger.attempts == [1, 2, 3, 4, 5]
    assert row["failure"] == "Attempt 5 of 5 failed: the bucket is gone"
    assert row["finished_at"] is not None


async def test_pauses_between_attempts_grow(database: Database, engine_urls: EngineUrls, ledger: Ledger) -> None:
    job_id = await put(database)
    runner = make_runner(
        database, engine_urls.redis_url, {"probe": ledger.fail}, replace(IDLE, first_pause=100, longest_pause=300)
    )
    pauses = []
    for _ in range(4):
        before = datetime.now(UTC)
        await runner.run(job_id)
        pauses.append(((await job_row(database, job_id))["wake_at"] - before).total_seconds())
        await runner.run(job_id)  # not due: nothing happens
        async with database.system() as session:
            await session.execute(jobs.JOBS.update().values(wake_at=before))
    assert ledger.attempts == [1, 2, 3, 4]
    for pause, longest in zip(pauses, (100, 200, 300, 300), strict=True):
        assert longest / 2 <= pause <= longest + 5


async def test_a_job_that_kills_its_workers_dies_after_its_attempts(
    database: Database, engine_urls: EngineUrls, ledger: Ledger
) -> None:
    job_id = await put(database)
    for attempt in range(1, 6):
        async with database.system() as session:
            claimed = await jobs.claim_job(session, ["probe"], lease=0.0, most_attempts=5)
        assert claimed is not None
        assert claimed["attempts"] == attempt
    await make_runner(database, engine_urls.redis_url, {"probe": ledger.note}).sweep()
    row = await job_row(database, job_id)
    assert (row["state"], ledger.done) == ("DEAD", [])
    assert row["failure"] == "The worker that ran it ended without a word, on attempt 5 of 5."


async def test_the_reason_holds_no_value_of_a_foreign_error(database: Database, engine_urls: EngineUrls) -> None:
    async def leak(_: RunningJob) -> None:
        message = "password=hunter2"
        raise ValueError(message)

    job_id = await put(database)
    await make_runner(database, engine_urls.redis_url, {"probe": leak}).run(job_id)
    row = await job_row(database, job_id)
    assert (row["state"], row["failure"]) == ("QUEUED", "ValueError, see the worker's log")


async def test_a_job_for_later_waits(database: Database, engine_urls: EngineUrls, ledger: Ledger) -> None:
    async with database.system() as session:
        job_id = await enqueue(session, "probe", None, wake_at=datetime.now(UTC) + timedelta(hours=1))
        assert "queue.enqueued" not in session.info
    async with running(make_runner(database, engine_urls.redis_url, {"probe": ledger.note}, QUICK)):
        await asyncio.sleep(3 * QUICK.sweep)
        assert ledger.done == []
        async with database.system() as session:
            await session.execute(jobs.JOBS.update().values(wake_at=datetime.now(UTC)))
        await until_state(database, job_id, "SUCCEEDED")


async def test_a_kind_of_a_newer_version_is_left_to_newer_workers(
    database: Database, engine_urls: EngineUrls, ledger: Ledger
) -> None:
    job_id = await put(database, "of tomorrow")
    runner = make_runner(database, engine_urls.redis_url, {"probe": ledger.note})
    await runner.run(job_id)
    await runner.sweep()
    row = await job_row(database, job_id)
    assert (row["state"], row["attempts"]) == ("QUEUED", 0)


async def test_slots_bound_what_runs_at_a_time(database: Database, engine_urls: EngineUrls) -> None:
    most, now_running = 0, 0
    full_house = asyncio.Event()

    async def count(_: RunningJob) -> None:
        nonlocal most, now_running
        now_running += 1
        most = max(most, now_running)
        if now_running == 3:
            full_house.set()
        await full_house.wait()
        await asyncio.sleep(0.05)
        now_running -= 1

    wanted = [await put(database) for _ in range(30)]
    settings = replace(IDLE, slots=3)
    async with running(make_runner(database, engine_urls.redis_url, {"probe": count}, settings)):
        for job_id in wanted:  # one sweep at the start; each full house calls for another
            await until_state(database, job_id, "SUCCEEDED")
    assert most == 3


async def test_stopping_asks_then_cancels_then_gives_back(
    database: Database, engine_urls: EngineUrls, ledger: Ledger
) -> None:
    async def polite(job: RunningJob) -> None:
        while not job.should_stop():  # noqa: ASYNC110 - as jobs ask between their steps
            await asyncio.sleep(0.01)

    stubborn_id, polite_id = await put(database, "stubborn"), await put(database, "polite")
    runner = make_runner(database, engine_urls.redis_url, {"stubborn": ledger.wait, "polite": polite})
    await runner.sweep()
    await until(lambda: runner.running == 2)
    await runner.stop(1)
    for job_id in (stubborn_id, polite_id):
        row = await job_row(database, job_id)
        assert (row["state"], row["attempts"], row["lease_until"]) == ("QUEUED", 0, None)
    ledger.gate.set()
    other = make_runner(database, engine_urls.redis_url, {"stubborn": ledger.wait, "polite": ledger.note})
    await other.sweep()
    for job_id in (stubborn_id, polite_id):
        await until_state(database, job_id, "SUCCEEDED")


async def test_one_heartbeat_is_one_statement_however_many_jobs(
    database: Database, engine_urls: EngineUrls, ledger: Ledger
) -> None:
    for _ in range(10):
        await put(database)
    beats: list[str] = []

    def remember(_c: object, _k: object, statement: str, *_rest: object) -> None:
        if "extended" in statement:
            beats.append(statement)

    runner = make_runner(database, engine_urls.redis_url, {"probe": ledger.wait}, replace(IDLE, heartbeat=1.0))
    event.listen(database.engine.sync_engine, "before_cursor_execute", remember)
    async with running(runner):
        await until(lambda: runner.running == 10)
        await until(lambda: len(beats) == 1)
        await asyncio.sleep(0.15)
        assert len(beats) == 1
        ledger.gate.set()
        await until(lambda: runner.running == 0)
