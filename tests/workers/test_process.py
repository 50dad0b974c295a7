"""Real worker processes: killed, paused, stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

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


async def test_a_paused_worker_loses_its_job_and_does_not_end_it(
    database: Database, notes: Path, start: Start
) -> None:
    first = start()
    job_id = await put(database, "slow")
    await until(lambda: len(words(notes)) == 1)
    first.send_signal(signal.SIGSTOP)
    second = start()
    row = await until_state(database, job_id, "SUCCEEDED")
    first.send_signal(signal.SIGCONT)
    await until(lambda: ["asked", str(job_id), str(first.pid)] in words(notes) or first.poll() is not None or _slept(row))
    assert (await job_row(database, job_id)) == row
    assert ["ended", str(job_id), str(second.pid)] in words(notes)
    assert ["ended", str(job_id), str(first.pid)] not in words(notes)


def _slept(_row: object, since: float = time.monotonic()) -> bool:
    return time.monotonic() - since > 3
