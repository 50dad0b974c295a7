"""A scan that is cancelled ends soon, whatever it is waiting for, and keeps what it has found."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from app.errors import ConflictError, NotFoundError
from app.models import now
from app.repositories.accounts import get_account
from app.repositories.jobs import JOBS
from app.scanning.cancel import cancel_scan, cancel_scans_of_account
from tests.scanning.engine import ADA, Engine
from tests.scanning.local_cloud import DISK, SERVER, World
from tests.workers.probes import job_row, until, until_state


@contextmanager
def hanging(world: World, resource_type: str) -> Iterator[threading.Event]:
    """Readers of the type hang until the test is over; the event tells that one does."""
    reached, over = threading.Event(), threading.Event()

    def fault(read_type: str, _region: str, _page: int) -> None:
        if read_type == resource_type:
            reached.set()
            over.wait(60)

    world.fault = fault
    try:
        yield reached
    finally:
        over.set()


async def test_a_queued_scan_is_cancelled_at_once(engine: Engine, world: World) -> None:
    await engine.connect()
    (started,) = (await engine.start()).scans
    row = await cancel_scan(engine.database, engine.organization_id, ADA, started["id"])
    assert row["state"] == "CANCELLED"
    assert row["finished_at"] is not None
    await engine.runner().run(started["job_id"])
    assert await engine.row(started["id"]) == row
    assert not world.pages_read
    (event,) = await engine.events("SCAN_FINISHED")
    assert (event["data"]["state"], event["actor_id"]) == ("CANCELLED", ADA.id)
    with pytest.raises(ConflictError, match="ended already: CANCELLED"):
        await cancel_scan(engine.database, engine.organization_id, ADA, started["id"])


async def test_a_running_scan_is_cancelled_although_a_call_hangs(engine: Engine, world: World) -> None:
    await engine.connect()
    with hanging(world, DISK) as reached:
        (started,) = (await engine.start()).scans
        running = asyncio.create_task(engine.runner().run(started["job_id"]))
        await until(reached.is_set)
        await _until_ended(engine, started["id"], "tables")
        row = await cancel_scan(engine.database, engine.organization_id, ADA, started["id"])
        assert (row["state"], row["cancel_requested_at"] is not None) == ("CANCELLED", True)
        async with asyncio.timeout(40):  # the call hangs for 60 seconds
            await running
    states = {key: step["state"] for key, step in (await engine.steps(started["id"])).items()}
    assert states["compute", "eu-west-1"] == "CANCELLED"
    assert states["tables", "us-east-1"] == "SUCCEEDED"
    assert set(states.values()) == {"CANCELLED", "SUCCEEDED"}
    assert (row["failure"], row["remedy"]) == (None, None)
    present = await engine.inventory()
    assert sum(native_id.startswith(SERVER) for native_id in present) == 16, "what was found stays"
    assert not any(values[4] for values in present.values())
    assert await engine.rows("SELECT count(*) FROM scan_sightings") == [(0,)]
    assert (await until_state(engine.database, started["job_id"], "SUCCEEDED"))["attempts"] == 1
    assert await engine.row(started["id"]) == row, "the worker wrote after the end"
    assert len(await engine.events("SCAN_FINISHED")) == 1
    assert (await engine.start()).scans, "the account is free again"


async def test_a_scan_whose_job_waits_for_a_worker_is_cancelled_at_once(engine: Engine, world: World) -> None:
    await engine.connect()
    with hanging(world, DISK) as reached:
        (started,) = (await engine.start()).scans
        runner = engine.runner()
        running = asyncio.create_task(runner.run(started["job_id"]))
        await until(reached.is_set)
        await runner.stop(5)  # the worker goes down and gives the job back
        await running
    assert (await engine.row(started["id"]))["state"] == "RUNNING"
    row = await cancel_scan(engine.database, engine.organization_id, ADA, started["id"])
    assert row["state"] == "CANCELLED"


@pytest.mark.parametrize("lease", [-1, 3600])
async def test_a_scan_whose_worker_has_died_is_cancelled_at_once(engine: Engine, world: World, lease: float) -> None:
    """Whether its lease has ended or not, and with no worker left to notice."""
    await engine.connect()
    (started,) = (await engine.start()).scans
    async with engine.database.write(engine.organization_id) as session:
        until_then = now() + timedelta(seconds=lease)
        await session.execute(JOBS.update().values(state="RUNNING", attempts=1, lease_until=until_then))
    row = await cancel_scan(engine.database, engine.organization_id, ADA, started["id"])
    assert row["state"] == "CANCELLED"
    await engine.runner().sweep()
    assert await engine.row(started["id"]) == row
    assert (await job_row(engine.database, started["job_id"]))["state"] == "SUCCEEDED"
    assert not world.pages_read
    assert (await engine.start()).scans, "the account is free again"


async def test_a_cancellation_by_flag_outlives_the_worker(engine: Engine, world: World) -> None:
    account_id = await engine.connect()
    (started,) = (await engine.start()).scans
    async with engine.database.write(engine.organization_id) as session:
        await session.execute(text("UPDATE scans SET state = 'RUNNING'"))  # by a worker that dies
        await cancel_scans_of_account(session, engine.organization_id, account_id, ADA)
    assert (await engine.row(started["id"]))["state"] == "RUNNING"
    await engine.runner().run(started["job_id"])
    assert (await engine.row(started["id"]))["state"] == "CANCELLED"
    assert not world.pages_read


async def test_a_scan_and_its_account_are_stopped_at_the_same_time(engine: Engine) -> None:
    """Disconnecting holds the account and waits for the scan that the cancellation has locked."""
    account_id = await engine.connect()
    (started,) = (await engine.start()).scans
    locked, cancelled = asyncio.Event(), asyncio.Event()

    async def disconnect() -> None:
        async with engine.database.write(engine.organization_id) as session:
            await get_account(session, engine.organization_id, account_id)
            locked.set()
            await cancelled.wait()
            await cancel_scans_of_account(session, engine.organization_id, account_id, ADA)

    disconnecting = asyncio.create_task(disconnect())
    await locked.wait()
    async with asyncio.timeout(60):  # it does not wait for the account
        row = await cancel_scan(engine.database, engine.organization_id, ADA, started["id"])
    cancelled.set()
    await disconnecting
    assert row["state"] == "CANCELLED"
    assert len(await engine.events("SCAN_FINISHED")) == 1


async def test_the_scans_of_an_account_stop_with_its_connection(engine: Engine, world: World) -> None:
    accounts = [await engine.connect("1"), await engine.connect("2")]
    with hanging(world, DISK) as reached:
        (started,) = (await engine.start(account_ids=accounts[:1])).scans
        running = asyncio.create_task(engine.runner().run(started["job_id"]))
        await until(reached.is_set)
        (queued,) = (await engine.start(account_ids=accounts[1:])).scans
        async with engine.database.write(engine.organization_id) as session:
            for account_id in accounts:
                await cancel_scans_of_account(session, engine.organization_id, account_id, ADA)
        assert (await engine.row(queued["id"]))["state"] == "CANCELLED"
        await running
    assert (await engine.row(started["id"]))["state"] == "CANCELLED"


async def test_an_absent_scan_is_not_found(engine: Engine) -> None:
    with pytest.raises(NotFoundError):
        await cancel_scan(engine.database, engine.organization_id, ADA, uuid4())
    await engine.connect()
    (started,) = (await engine.start()).scans
    with pytest.raises(NotFoundError):
        await cancel_scan(engine.database, uuid4(), ADA, started["id"])


async def _until_ended(engine: Engine, scan_id: object, service: str) -> None:
    async with asyncio.timeout(60):
        while True:
            steps = await engine.steps(scan_id)  # type: ignore[arg-type]
            ended = [step for key, step in steps.items() if key[0] == service and step["finished_at"]]
            if len(ended) == 2:
                return
            await asyncio.sleep(0.02)
