"""How long tenants wait beside one that queues thousands: `python -m benchmarks.fair_queue`.

One organization queues a backlog at once. While two real workers (arq, leases, ten slots each) work on it, 99 others
queue a few jobs each at random moments. A job stands for a scan: it takes a fixed time and does nothing, so all that
is measured is the queue. What first come, first served would have cost is the time until the backlog is gone.

The wait of a job is the time from its commit to the beginning of its function. The embedded engines run in a folder
of their own. Ratios are of one run; the promise is that of the tenant that fared worst.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from rich.console import Console
from rich.table import Table
from sqlalchemy import text

from app.config import Settings
from app.database import Database
from app.embedded import EngineUrls, engines
from app.logging import configure_logging
from app.queue import JobQueue, enqueue
from app.repositories.jobs import claim_job
from app.tasks import end_tasks
from app.upgrade import upgrade
from app.workers.process import work
from app.workers.runner import RunningJob

GREEDY = UUID(int=1)
KIND = "scan"
PROMISE = 0.1
"""The worst tenant's p95 wait, as a part of the time that the backlog takes."""
QUEUED_ROWS = 10_000
CLAIMS = 200


@dataclass(frozen=True)
class Load:
    """What is queued; seconds where nothing else is said."""

    tenants: int
    jobs_each: int
    backlog: int
    job_seconds: float
    spread: float
    """The others queue their jobs within this time."""


@dataclass(eq=False)
class Clock:
    """When jobs were queued and begun, by id."""

    queued: dict[UUID, float] = field(default_factory=dict)
    begun: dict[UUID, float] = field(default_factory=dict)
    owners: dict[UUID, UUID] = field(default_factory=dict)

    def waits(self) -> dict[UUID, list[float]]:
        """The waits of every organization's jobs."""
        found: dict[UUID, list[float]] = defaultdict(list)
        for job_id, moment in self.begun.items():
            found[self.owners[job_id]].append(moment - self.queued[job_id])
        return found


async def put(database: Database, clock: Clock, organization_id: UUID, count: int) -> None:
    """Queue jobs of one organization in one transaction."""
    async with database.write(organization_id) as session:
        ids = [await enqueue(session, KIND, organization_id) for _ in range(count)]
    for job_id in ids:
        clock.queued[job_id] = time.monotonic()
        clock.owners[job_id] = organization_id


async def arrive(database: Database, clock: Clock, organization_id: UUID, load: Load, chance: random.Random) -> None:
    """A tenant's jobs, one after the other at random moments."""
    for moment in sorted(chance.uniform(0, load.spread) for _ in range(load.jobs_each)):
        await asyncio.sleep(max(0.0, moment - (time.monotonic() - clock.queued[min(clock.queued)])))
        await put(database, clock, organization_id, 1)


async def measure(settings: Settings, urls: EngineUrls, load: Load) -> tuple[Clock, float]:
    """Let two workers do it all; the clock, and how long the backlog took."""
    clock, all_done, stop = Clock(), asyncio.Event(), asyncio.Event()
    total = load.backlog + load.tenants * load.jobs_each

    async def scan(job: RunningJob) -> None:
        clock.begun[job.id] = time.monotonic()
        await asyncio.sleep(load.job_seconds)
        if len(clock.begun) == total:
            all_done.set()

    database = Database.connect(urls.database_url)
    queue = JobQueue(database, urls.redis_url)
    await queue.start()
    await put(database, clock, GREEDY, load.backlog)
    begun = time.monotonic()
    workers = [asyncio.create_task(work(settings, urls, stop, handlers={KIND: scan})) for _ in range(2)]
    chance = random.Random(7)  # noqa: S311 - not a secret
    tenants = [UUID(int=number + 2) for number in range(load.tenants)]
    await asyncio.gather(*(arrive(database, clock, tenant, load, chance) for tenant in tenants))
    await all_done.wait()
    seconds = time.monotonic() - begun
    stop.set()
    await asyncio.wait(workers, timeout=20)
    await end_tasks(*workers)
    await queue.stop()
    await database.close()
    return clock, seconds


async def claim_milliseconds(urls: EngineUrls) -> float:
    """The median time of a claim while 10,000 jobs are queued."""
    owner, database = Database.connect(urls.database_url, role=None), Database.connect(urls.database_url)
    fill = text(
        "INSERT INTO jobs (id, organization_id, kind, arguments, state, attempts, fencing_token, wake_at, created_at) "
        "SELECT gen_random_uuid(), CAST(lpad(to_hex(n % 100 + 1), 32, '0') AS uuid), :kind, '{}', 'QUEUED', 0, 0, "
        "now(), now() FROM generate_series(1, :rows) AS n"
    )
    async with owner.engine.begin() as connection:
        await connection.execute(fill, {"kind": KIND, "rows": QUEUED_ROWS})
    taken = []
    for _ in range(CLAIMS):
        begun = time.perf_counter()
        async with database.system() as session:
            await claim_job(session, [KIND], lease=60, most_attempts=5)
        taken.append(time.perf_counter() - begun)
    await owner.close()
    await database.close()
    return 1000 * statistics.median(taken)


def p95(values: Sequence[float]) -> float:
    """The value that 95 of 100 do not exceed."""
    return sorted(values)[max(0, round(0.95 * len(values)) - 1)]


def results(load: Load, clock: Clock, seconds: float, claim: float) -> tuple[Table, float]:
    """The table, and the worst tenant's p95 wait as a part of the backlog's time."""
    waits = clock.waits()
    greedy = waits.pop(GREEDY)
    each = [p95(values) for values in waits.values()]
    every = [wait for values in waits.values() for wait in values]
    table = Table(title="Fair queue", show_header=False, title_justify="left")
    table.add_row("load", f"{load.backlog} jobs of one, {load.jobs_each} of each of {load.tenants} others")
    table.add_row("a job takes", f"{load.job_seconds:.2f} s; 2 workers, 20 slots")
    table.add_row("all done in", f"{seconds:.1f} s")
    table.add_row("wait of the others", f"median {statistics.median(every):.2f} s, p95 {p95(every):.2f} s")
    table.add_row("p95 by tenant", f"median {statistics.median(each):.2f} s, worst {max(each):.2f} s")
    table.add_row("wait of the greedy one", f"median {statistics.median(greedy):.2f} s, p95 {p95(greedy):.2f} s")
    table.add_row("worst tenant / whole backlog", f"{max(each) / seconds:.3f} (promise: at most {PROMISE})")
    table.add_row(f"a claim among {QUEUED_ROWS:,} queued", f"{claim:.1f} ms with its transaction")
    return table, max(each) / seconds


def main() -> None:
    """Measure and print; exit code 1 when the promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tenants", type=int, default=99)
    parser.add_argument("--jobs-each", type=int, default=5)
    parser.add_argument("--backlog", type=int, default=2_000)
    parser.add_argument("--job-seconds", type=float, default=0.25)
    given = parser.parse_args()
    backlog_seconds = given.backlog * given.job_seconds / 20
    load = Load(given.tenants, given.jobs_each, given.backlog, given.job_seconds, backlog_seconds * 0.7)
    configure_logging("ERROR")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, engines(Path(folder) / "data") as urls:
        upgrade(urls.database_url)
        settings = Settings(data_dir=Path(folder), database_url=urls.database_url, redis_url=urls.redis_url)
        clock, seconds = asyncio.run(measure(settings, urls, load))
        claim = asyncio.run(claim_milliseconds(urls))
    table, ratio = results(load, clock, seconds, claim)
    Console().print(table)
    raise SystemExit(ratio > PROMISE)


if __name__ == "__main__":
    main()
