"""A wake-up starts a job at once; a lost wake-up delays it; what stands in Valkey is JSON and no secret."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import UUID

import orjson
import pytest
from redis.asyncio import Redis

from app.config import Settings
from app.database import Database
from app.embedded import EngineUrls
from app.queue import QUEUE_NAME, JobQueue, connect_arq, enqueue
from app.repositories import jobs
from app.workers.runner import RunningJob
from tests.workers.probes import IDLE, QUICK, job_row, put, until, until_state, worker


@pytest.fixture
async def queue(database: Database, engine_urls: EngineUrls) -> JobQueue:
    return JobQueue(database, engine_urls.redis_url)


@pytest.fixture
def urls(settings: Settings, engine_urls: EngineUrls) -> EngineUrls:
    """The fresh database and the emptied Valkey."""
    return EngineUrls(str(settings.database_url), engine_urls.redis_url)


async def nothing(_: RunningJob) -> None:
    return


async def test_a_commit_wakes_a_worker_that_never_sweeps(
    database: Database, valkey: Redis, settings: Settings, urls: EngineUrls, queue: JobQueue
) -> None:
    await queue.start()
    async with worker(settings, urls, {"probe": nothing}, replace(IDLE, sweep=3600)):
        await until_connected(valkey)
        await until_state(database, await put(database), "SUCCEEDED")
        await until_state(database, await put(database), "SUCCEEDED")
    await queue.stop()
    assert await valkey.zcard(QUEUE_NAME) == 0


async def test_what_stands_in_valkey_is_json_with_an_id(database: Database, valkey: Redis, queue: JobQueue) -> None:
    await queue.start()
    job_id = await put(database, account="secret of the row")
    await until_queued(valkey, 1)
    stored = orjson.loads(await valkey.get(f"arq:job:{job_id}:0"))
    assert stored.pop("et") > 0
    assert stored == {"t": None, "f": "run_job", "a": [str(job_id)], "k": {}}
    await queue.stop()


async def test_a_rolled_back_transaction_wakes_nobody(database: Database, valkey: Redis, queue: JobQueue) -> None:
    await queue.start()
    with pytest.raises(ZeroDivisionError):
        await _regret(database)
    kept = await put(database)
    await until_queued(valkey, 1)
    await queue.stop()
    assert await valkey.keys("arq:job:*") == [f"arq:job:{kept}:0".encode()]


async def _regret(database: Database) -> None:
    async with database.system() as session:
        await enqueue(session, "probe", None)
        raise ZeroDivisionError


async def test_a_lost_wake_up_only_delays(
    database: Database, valkey: Redis, settings: Settings, urls: EngineUrls
) -> None:
    """Nobody is told of the first job, as after a kill between commit and wake-up; the others' wake-ups are wiped."""
    silent = await put(database)
    async with worker(settings, urls, {"probe": nothing}, QUICK):
        await until_state(database, silent, "SUCCEEDED")
        queue = JobQueue(database, urls.redis_url)
        await queue.start()
        for _ in range(10):
            job_id = await put(database)
            await valkey.flushall()
            await until_state(database, job_id, "SUCCEEDED")
        await queue.stop()


async def test_a_worker_outlives_lost_connections_to_valkey_and_its_jobs_do_too(
    database: Database, valkey: Redis, settings: Settings, urls: EngineUrls, queue: JobQueue
) -> None:
    begun: list[UUID] = []
    gate = asyncio.Event()

    async def wait(job: RunningJob) -> None:
        begun.append(job.id)
        await gate.wait()

    await queue.start()
    async with worker(settings, urls, {"probe": nothing, "long": wait}) as task:
        await until_connected(valkey)
        long = await put(database, "long")
        await until(lambda: begun == [long])
        for _ in range(3):
            for _ in range(20):  # so often that one more try of a command does not save it
                await valkey.client_kill_filter(_type="normal", skipme=True)
                await asyncio.sleep(0.01)
            await until_state(database, await put(database), "SUCCEEDED")
        assert not task.done()
        gate.set()
        row = await until_state(database, long, "SUCCEEDED")
    await queue.stop()
    assert (begun, row["attempts"]) == ([long], 1)


async def test_a_worker_without_valkey_works_by_the_sweep(
    database: Database, settings: Settings, urls: EngineUrls
) -> None:
    nowhere = replace(urls, redis_url="unix:///nonexistent/valkey.sock?db=0")
    queue = JobQueue(database, nowhere.redis_url)
    await queue.start()
    async with worker(settings, nowhere, {"probe": nothing}, QUICK):
        for _ in range(3):
            await until_state(database, await put(database), "SUCCEEDED")
    await until(lambda: not queue.announcing)
    async with asyncio.timeout(60):
        await queue.stop()


async def test_a_stopped_worker_hands_its_job_over_at_once(
    database: Database, valkey: Redis, settings: Settings, urls: EngineUrls, queue: JobQueue
) -> None:
    begun: list[int] = []

    async def wait(job: RunningJob) -> None:
        begun.append(job.attempt)
        if len(begun) == 1:
            await asyncio.Event().wait()

    await queue.start()
    hurried = settings.model_copy(update={"shutdown_seconds": 1})
    async with worker(hurried, urls, {"probe": wait}):
        await until_connected(valkey)
        job_id = await put(database)
        await until(lambda: begun == [1])
    assert (await job_row(database, job_id))["state"] == "QUEUED"
    async with worker(hurried, urls, {"probe": wait}):  # its sweep at the start, or the wake-up
        row = await until_state(database, job_id, "SUCCEEDED")
    await queue.stop()
    assert (begun, row["attempts"]) == ([1, 1], 1)


async def test_two_workers_empty_a_full_outbox(
    database: Database, valkey: Redis, settings: Settings, urls: EngineUrls, queue: JobQueue
) -> None:
    done: list[UUID] = []

    async def note(job: RunningJob) -> None:
        done.append(job.id)

    await queue.start()
    async with database.system() as session:
        wanted = [await enqueue(session, "probe", None) for _ in range(300)]
    async with worker(settings, urls, {"probe": note}), worker(settings, urls, {"probe": note}):
        await until(lambda: len(done) >= len(wanted))
        await until_queued(valkey, 0)  # the wake-ups of jobs that the sweep took are used up as well
    await queue.stop()
    assert sorted(done) == sorted(wanted)
    async with database.system() as session:
        open_jobs = await session.scalars(jobs.JOBS.select().where(jobs.JOBS.c.state != "SUCCEEDED"))
    assert open_jobs.all() == []


async def test_a_pipeline_that_is_cancelled_over_and_over_keeps_no_connection(engine_urls: EngineUrls) -> None:
    arq = connect_arq(engine_urls.redis_url)
    pipeline, watching = arq.pipeline(), asyncio.Event()

    async def wait() -> None:
        async with pipeline:
            await pipeline.watch("some key")
            watching.set()
            await pipeline.immediate_execute_command("BLPOP", "no list", 60)  # type: ignore[no-untyped-call]

    waiting = asyncio.create_task(wait())
    await watching.wait()
    await asyncio.sleep(0)
    while not waiting.done():
        waiting.cancel()
        await asyncio.sleep(0)
    assert waiting.cancelled()
    assert pipeline.connection is None
    assert await arq.ping()
    await arq.aclose(close_connection_pool=True)


def test_both_kinds_of_address_are_understood() -> None:
    socket = connect_arq("unix:///run/valkey/valkey.sock?db=3").connection_pool.connection_kwargs
    assert (socket["path"], socket["db"]) == ("/run/valkey/valkey.sock", 3)
    network = connect_arq("redis://:secret@valkey.example:6380/2").connection_pool.connection_kwargs
    assert (network["host"], network["port"], network["db"]) == ("valkey.example", 6380, 2)


async def until_connected(valkey: Redis) -> None:
    """Wait until a worker polls for wake-ups."""
    async with asyncio.timeout(60):
        while not any(  # noqa: ASYNC110 - Valkey tells nobody
            client["cmd"] == "zrangebyscore" for client in await valkey.client_list()
        ):
            await asyncio.sleep(0.02)


async def until_queued(valkey: Redis, count: int) -> None:
    """Wait until so many wake-ups stand in Valkey."""
    async with asyncio.timeout(60):
        while await valkey.zcard(QUEUE_NAME) != count:  # noqa: ASYNC110 - Valkey tells nobody
            await asyncio.sleep(0.02)
