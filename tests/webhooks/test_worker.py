"""A whole worker sends what happens; killed between a request and its note, the next sends it again under its id."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.config import Settings
from app.database import Database
from tests.webhooks.office import Office
from tests.webhooks.receiver import Answering
from tests.workers.probes import until


@asynccontextmanager
async def worker_of(settings: Settings) -> AsyncIterator[asyncio.subprocess.Process]:
    """`skyledger worker` as a process of its own."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("SKYLEDGER_")},
        "SKYLEDGER_DATA_DIR": str(settings.data_dir),
        "SKYLEDGER_DATABASE_URL": str(settings.database_url),
        "SKYLEDGER_REDIS_URL": str(settings.redis_url),
        "SKYLEDGER_OUTGOING_NETWORKS": "127.0.0.0/8",
        "SKYLEDGER_LOG_LEVEL": "WARNING",
    }
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "app", "worker", env=environment)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(process.wait(), 60)


async def _until_taken(office: Office, webhook_id: str) -> None:
    async with asyncio.timeout(60):
        states = {"PENDING"}
        while states != {"SUCCEEDED"}:
            await asyncio.sleep(0.1)
            states = {node["state"] for node in await office.deliveries(webhook_id)}


async def test_killed_between_the_request_and_its_note(office: Office, settings: Settings, owner: Database) -> None:
    made = await office.create()
    office.receiver.answers = [Answering(200, seconds=30)]
    async with worker_of(settings) as first:
        await office.note("one")
        await until(lambda: len(office.receiver.received) == 1)
        first.kill()
        await first.wait()
    (delivery,) = await office.deliveries(made["webhook"]["id"])
    assert (delivery["state"], delivery["attempts"]) == ("PENDING", [])
    # As if the lease of the dead worker and its claim were over.
    await office.behind(owner, "UPDATE jobs SET lease_until = now() - interval '1 second' WHERE state = 'RUNNING'")
    await office.behind(owner, "UPDATE webhook_deliveries SET claimed_until = now() - interval '1 second'")
    async with worker_of(settings):
        await until(lambda: len(office.receiver.received) == 2)
        await office.note("two")
        await until(lambda: len(office.receiver.received) == 3)
        await _until_taken(office, made["webhook"]["id"])
    once, again, other = office.receiver.received
    assert (once.id, once.body) == (again.id, again.body)
    assert other.id != once.id
    assert all(received.is_signed_with(made["secret"]) for received in office.receiver.received)
