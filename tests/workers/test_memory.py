"""Workers give back to the system what jobs have let go, where its C library can do that."""

from __future__ import annotations

import asyncio
import ctypes
import subprocess
import sys

import pytest

from app.config import Settings
from app.embedded import EngineUrls
from tests.workers.probes import until, worker

_GIVES_BACK = """
import asyncio
from pathlib import Path
from app.workers import memory

def private():
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024

async def until_private_is_below(mebibytes):
    async with asyncio.timeout(60):
        while private() > mebibytes:
            await asyncio.sleep(0.01)

async def main():
    begun = private()
    # The smaller of each pair stays: what is free then lies in holes, and the top of the heap does not shrink.
    pairs = [(bytes([1]) * 100_000, bytes([1]) * size) for size in range(1_000, 2_000)]
    kept = [small for _, small in pairs]
    del pairs
    assert private() > begun + 90, "malloc keeps no holes: then nothing has to be given back"
    memory.GIVE_BACK_SECONDS = 0.01
    giving_back = asyncio.create_task(memory.give_back_for_ever())
    await until_private_is_below(begun + 20)
    giving_back.cancel()
    assert len(kept) == 1_000

asyncio.run(main())
print("ok")
"""


@pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="the C library is not glibc: nothing can be given back"
)
def test_what_was_let_go_between_what_is_held_is_given_back() -> None:
    """In a process of its own, whose heap has no holes from before."""
    done = subprocess.run([sys.executable, "-c", _GIVES_BACK], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == "ok\n", done.stderr


async def test_a_worker_does_so_for_as_long_as_it_works(settings: Settings, engine_urls: EngineUrls) -> None:
    assert settings.database_url is not None

    def giving_back() -> list[asyncio.Task[object]]:
        return [task for task in asyncio.all_tasks() if task.get_name() == "memory-give-back"]

    async with worker(settings, EngineUrls(settings.database_url, engine_urls.redis_url), {}):
        await until(lambda: len(giving_back()) == 1)
    assert not giving_back()
