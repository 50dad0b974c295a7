"""How long all checks take on what is stored: `python -m benchmarks.detection 100000 200000`.

A made-up company on AWS (`waste_recipe`) is looked at as the worker does it: the first look finds everything, the
second finds it again, the third looks at no more than may have changed, after one resource of a hundred has. Promised:
100,000 resources in 20 s of one core, memory that does not grow with them. Others use the machine, so promises are held
against CPU seconds, of this process and of its PostgreSQL backend together. Memory is the largest this process had so
far.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import tempfile
import time
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from uuid import UUID

from rich.console import Console
from sqlalchemy import text

from app.database import Database
from app.embedded import engines
from app.upgrade import upgrade
from benchmarks.waste_company import change, fill, look_at_all

PROMISE = 20.0


@dataclass(frozen=True)
class Look:
    """Seconds of one look, and the most megabytes that the process had so far."""

    resources: int
    clock: float
    cpu: float
    backend: float
    megabytes: float


def cpu_of(process: int) -> float:
    """Seconds of CPU that a process has had."""
    return int(Path(f"/proc/{process}/schedstat").read_text(encoding="ascii").split()[0]) / 1e9


def peak() -> float:
    """The most megabytes that this process had, since it was started."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


async def looks(url: str, runs: int) -> list[Look]:
    """Look at all accounts, again and again, and at last at what has changed."""
    database = Database.connect(url, pool_size=1, statement_seconds=600)
    try:
        async with database.read(None) as session:
            backend = (await session.execute(text("SELECT pg_backend_pid()"))).scalar_one()
        found: list[Look] = []
        grounds: dict[UUID, str] = {}
        for number in range(runs + 1):
            if number == runs:
                await change(database)
            start, cpu, other = time.perf_counter(), time.process_time(), cpu_of(backend)
            done = await look_at_all(database, grounds, everything=number < runs)
            clock, spent = time.perf_counter() - start, time.process_time() - cpu
            resources = sum(one.looked_at for one in done)
            found.append(Look(resources, clock, spent, cpu_of(backend) - other, peak()))
        return found
    finally:
        await database.close()


def measure(url: str, runs: int) -> list[Look]:
    """The looks of a process of its own, whose memory is theirs."""
    gc.collect()
    gc.freeze()
    return asyncio.run(looks(url, runs))


def main() -> None:
    """Measure and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", type=int, nargs="*", default=[100_000, 200_000])
    parser.add_argument("--runs", type=int, default=2)
    given = parser.parse_args()
    console = Console(width=200)
    console.print("| resources | with checks | look | clock s | CPU s | PostgreSQL s | together | peak MB |")
    console.print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for size in given.sizes:
        with tempfile.TemporaryDirectory() as folder, engines(Path(folder) / "data") as urls:
            upgrade(urls.database_url)
            asyncio.run(fill(urls.database_url, size))
            with get_context("spawn").Pool(1) as pool:
                found = pool.apply(measure, (urls.database_url, given.runs))
        for number, one in enumerate(found, start=1):
            both = one.cpu + one.backend
            told = "kept" if both * 100_000 / size <= PROMISE else "MISSED"
            name = number if number <= given.runs else "what changed"
            cells = (size, one.resources, name, f"{one.clock:.1f}", f"{one.cpu:.1f}", f"{one.backend:.1f}")
            console.print(f"| {' | '.join(map(str, cells))} | {both:.1f} {told} | {one.megabytes:.0f} |")


if __name__ == "__main__":
    main()
