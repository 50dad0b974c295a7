"""Real worker processes: killed, paused, stopped."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from app.database import Database
from app.embedded import EngineUrls
from tests.workers.probes import job_row, put, until, until_state

PROJECT = Path(__file__).resolve().parents[2]
Start = Callable[[], subprocess.Popen[bytes]]


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    path = tmp_path / "notes"
    path.touch()
    return path


@pytest.fixture
def start(fresh_database_url: str, engine_urls: EngineUrls, notes: Path) -> Iterator[Start]:
    """Starts worker processes, and ends those that are left."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(_process(fresh_database_url, engine_urls.redis_url, str(notes)))


@contextmanager
def _process(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "tests.workers.worker_process", *arguments]
    with subprocess.Popen(command, cwd=PROJECT, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


def words(notes: Path) -> list[list[str]]:
    return [line.split() for line in notes.read_text().splitlines()]


async def test_the_job_of_a_killed_worker_is_run_by_another(database: Database, notes: Path, start: Start) -> None:
    first = start()
    job_id = await put(database, "slow")
    await until(lambda: len(words(notes)) == 1)
    assert words(notes)[0] == ["began", str(job_id), str(first.pid)]
    first.kill()
    second = start()
    row = await until_state(database, job_id, "SUCCEEDED")
    assert (row["attempts"], row["fencing_token"]) == (2, 2)
    assert words(notes)[1:] == [["began", str(job_id), str(second.pid)], ["ended", str(job_id), str(second.pid)]]


async def test_a_paused_worker_loses_its_job_and_does_not_end_it(database: Database, notes: Path, start: Start) -> None:
    first = start()
    job_id = await put(database, "slow")
    await until(lambda: len(words(notes)) == 1)
    first.send_signal(signal.SIGSTOP)
    second = start()
    row = await until_state(database, job_id, "SUCCEEDED")
    first.send_signal(signal.SIGCONT)
    first.terminate()
    assert await asyncio.to_thread(first.wait, 60) == 0
    assert await job_row(database, job_id) == row
    assert ["ended", str(job_id), str(second.pid)] in words(notes)
    assert ["ended", str(job_id), str(first.pid)] not in words(notes)


async def test_a_stopped_worker_gives_its_job_back_at_once(database: Database, notes: Path, start: Start) -> None:
    first = start()
    job_id = await put(database, "slow")
    await until(lambda: len(words(notes)) == 1)
    first.terminate()
    assert await asyncio.to_thread(first.wait, 60) == 0
    assert words(notes)[1] == ["asked", str(job_id), str(first.pid)]
    row = await job_row(database, job_id)
    assert (row["state"], row["attempts"], row["lease_until"]) == ("QUEUED", 0, None)


async def test_the_command_says_when_it_is_ready_and_stops_when_told(
    fresh_database_url: str, engine_urls: EngineUrls, tmp_path: Path
) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "SKYLEDGER_DATABASE_URL": fresh_database_url,
        "SKYLEDGER_REDIS_URL": engine_urls.redis_url,
        "SKYLEDGER_DATA_DIR": str(tmp_path),
        "SKYLEDGER_LOG_FORMAT": "json",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app", "worker"), cwd=PROJECT, env=environment, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    events: list[dict[str, Any]] = []
    async with asyncio.timeout(60):
        while not events or events[-1]["event"] != "worker_ready":
            events.append(orjson.loads(await process.stderr.readline()))
        assert "purge_organization" in events[-1]["kinds"]
        process.terminate()
        events += [orjson.loads(line) for line in (await process.stderr.read()).splitlines()]
        assert await process.wait() == 0
    assert [event["event"] for event in events if event["logger"] == "skyledger.workers"] == [
        "worker_ready",
        "worker_stopping",
        "worker_stopped",
    ]
    assert not [event for event in events if event["level"] in {"warning", "error"}]
