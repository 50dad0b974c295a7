"""Real workers that write exports: killed, paused, called off. One whole file comes of it, or none."""

from __future__ import annotations

import asyncio
import gzip
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from app.config import Settings
from app.context import Runtime
from tests.clients import GraphQL, Person, register
from tests.resolvers.test_exports import CANCEL, asked, fill, found

PROJECT = Path(__file__).resolve().parents[2]
Start = Callable[[], subprocess.Popen[bytes]]
ROWS = 3_000
PATIENCE = 90.0
# The bucket of the export has 1,500 points and gets 600 in a second: 3,000 rows of 2 points take some eight seconds.
SLOW = {"cost_maximum": 1_500, "cost_restored": 600}


@pytest.fixture
def start(settings: Settings) -> Iterator[Start]:
    """Starts workers, and ends those that are left."""
    values = {**SLOW, "data_dir": str(settings.data_dir), "log_level": "INFO"}
    values |= {"database_url": settings.database_url, "redis_url": settings.redis_url}
    with ExitStack() as stack:
        yield lambda: stack.enter_context(_process(orjson.dumps(values).decode(), settings.data_dir.parent))


@contextmanager
def _process(settings: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "tests.exporting.worker_process", settings]
    with (folder / "worker.log").open("ab") as log, subprocess.Popen(command, cwd=PROJECT, stderr=log) as process:
        try:
            yield process
        finally:
            process.kill()


async def until(
    graphql: GraphQL, person: Person, export: dict[str, Any], condition: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    """The export when a condition holds; fails when that does not come in 90 s."""
    async with asyncio.timeout(PATIENCE):
        while not condition(export):
            await asyncio.sleep(0.1)
            export = await found(graphql, person, export)
    return export


def is_writing(export: dict[str, Any]) -> bool:
    assert export["state"] in {"QUEUED", "RUNNING"}, export
    return bool(export["rows"])


def has_ended(export: dict[str, Any]) -> bool:
    return export["finishedAt"] is not None


async def names_in(graphql: GraphQL, export: dict[str, Any]) -> list[str]:
    content = (await graphql.client.get(export["url"])).content
    return [json.loads(line)["name"] for line in gzip.decompress(content).splitlines()]


async def test_what_a_killed_worker_began_another_makes_whole(graphql: GraphQL, start: Start) -> None:
    person = await register(graphql)
    await fill(graphql, person, ROWS)
    first = start()
    export = await until(graphql, person, await asked(graphql, person), is_writing)
    assert 0 < export["progress"] < 1
    first.kill()
    await asyncio.to_thread(first.wait)
    start()
    export = await until(graphql, person, export, has_ended)
    assert (export["state"], export["rows"], export["error"]) == ("SUCCEEDED", ROWS, None)
    assert await names_in(graphql, export) == [f"volume {index:06}" for index in range(ROWS)]


async def test_a_paused_worker_spoils_nothing_when_it_wakes(graphql: GraphQL, runtime: Runtime, start: Start) -> None:
    person = await register(graphql)
    await fill(graphql, person, ROWS)
    first = start()
    export = await until(graphql, person, await asked(graphql, person), is_writing)
    first.send_signal(signal.SIGSTOP)
    start()
    export = await until(graphql, person, export, has_ended)
    first.send_signal(signal.SIGCONT)
    await asyncio.sleep(3)
    assert (export["state"], export["rows"]) == ("SUCCEEDED", ROWS)
    assert {**await found(graphql, person, export), "url": None} == {**export, "url": None}
    assert await names_in(graphql, export) == [f"volume {index:06}" for index in range(ROWS)]
    folder = runtime.settings.data_dir / "uploads" / "bulk-exports"
    assert len(list(folder.glob("*-*-*/*"))) == 1


async def test_a_cancelled_export_stops_within_five_seconds(graphql: GraphQL, runtime: Runtime, start: Start) -> None:
    person = await register(graphql)
    await fill(graphql, person, ROWS)
    start()
    export = await until(graphql, person, await asked(graphql, person), is_writing)
    begun = time.monotonic()
    answer = (await graphql.data(CANCEL, {"input": {"id": export["id"]}}, token=person.token))["cancelExport"]
    assert answer["export"] == {
        "id": export["id"],
        "state": "CANCELLED",
        "error": "It was cancelled; start another export.",
    }
    scratch = runtime.settings.data_dir / "uploads" / "bulk-exports" / "reading"
    while list(scratch.iterdir()):
        assert time.monotonic() - begun < 5
        await asyncio.sleep(0.05)
    export = await found(graphql, person, export)
    assert (export["state"], export["url"]) == ("CANCELLED", None)
