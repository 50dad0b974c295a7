"""Real worker processes: killed, stopped, with an emptied Valkey; the scan ends as if nothing had been."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from subprocess import Popen
from uuid import UUID

import pytest
from redis.asyncio import Redis

from app.config import Settings
from app.embedded import EngineUrls
from app.scanning.cancel import cancel_scan
from tests.scanning.engine import ADA, Engine
from tests.scanning.local_cloud import World
from tests.scanning.scan_worker import scan_worker
from tests.workers.probes import job_row

Start = Callable[[], "Popen[bytes]"]


@pytest.fixture
def start(settings: Settings, engine_urls: EngineUrls, world: World, tmp_path: Path) -> Iterator[Start]:
    """Starts worker processes over the slow world, and ends those that are left."""
    world.seconds = 0.3
    world.save(tmp_path / "world")
    urls = EngineUrls(str(settings.database_url), engine_urls.redis_url)
    with ExitStack() as stack:
        yield lambda: stack.enter_context(scan_worker(settings, urls, tmp_path / "world", tmp_path / "log"))


async def until_some_steps(engine: Engine, scan_id: UUID, count: int) -> None:
    """Wait until so many steps have ended."""
    async with asyncio.timeout(60):
        while True:
            steps = (await engine.steps(scan_id)).values()
            if sum(step["finished_at"] is not None for step in steps) >= count:
                return
            await asyncio.sleep(0.02)


async def test_a_scan_whose_worker_is_killed_ends_with_the_same_result(engine: Engine, start: Start) -> None:
    await engine.connect()
    (started,) = (await engine.start()).scans
    first = start()
    await until_some_steps(engine, started["id"], 2)
    assert (await engine.row(started["id"]))["state"] == "RUNNING"
    first.kill()
    ended = {key for key, step in (await engine.steps(started["id"])).items() if step["finished_at"]}
    moments = {key: (await engine.steps(started["id"]))[key]["finished_at"] for key in ended}
    start()
    scan = await engine.until(started["id"], "SUCCEEDED", "PARTIAL", "FAILED")
    assert scan["state"] == "SUCCEEDED"
    assert await engine.counts(scan["id"]) == {"found": 40, "added": 40, "changed": 0, "removed": 0, "unchanged": 0}
    steps = await engine.steps(started["id"])
    assert {key: steps[key]["finished_at"] for key in ended} == moments, "a step that had ended was run again"
    job = await job_row(engine.database, started["job_id"])
    assert job["fencing_token"] == 2
    assert len(await engine.events("SCAN_FINISHED")) == 1


async def test_a_stopped_worker_gives_its_scan_back_and_another_goes_on(engine: Engine, start: Start) -> None:
    await engine.connect()
    (started,) = (await engine.start()).scans
    first = start()
    await until_some_steps(engine, started["id"], 1)
    first.terminate()
    assert await asyncio.to_thread(first.wait, 60) == 0
    assert (await job_row(engine.database, started["job_id"]))["state"] == "QUEUED"
    start()
    scan = await engine.until(started["id"], "SUCCEEDED", "PARTIAL", "FAILED")
    assert (scan["state"], (await engine.counts(scan["id"]))["added"]) == ("SUCCEEDED", 40)


async def test_an_emptied_valkey_delays_at_most(engine: Engine, start: Start, valkey: Redis) -> None:
    await engine.connect()
    start()
    (started,) = (await engine.start()).scans  # nobody is woken: the sweep finds it
    await until_some_steps(engine, started["id"], 1)
    await valkey.flushall()
    scan = await engine.until(started["id"], "SUCCEEDED", "PARTIAL", "FAILED")
    assert (scan["state"], (await engine.counts(scan["id"]))["added"]) == ("SUCCEEDED", 40)


async def test_a_cancellation_reaches_another_process(engine: Engine, start: Start) -> None:
    await engine.connect()
    (started,) = (await engine.start()).scans
    start()
    await until_some_steps(engine, started["id"], 1)
    await cancel_scan(engine.database, engine.organization_id, ADA, started["id"])
    async with asyncio.timeout(60):
        await engine.until(started["id"], "CANCELLED")
