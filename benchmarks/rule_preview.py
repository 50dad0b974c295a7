"""How long a preview of a detection rule takes: `python -m benchmarks.rule_preview --resources 100000`.

A made-up company on AWS (`waste_recipe`) is looked at once, then changes of rules are tried on all of it. `--only`
makes all its resources of one type. Promised: p95 of 500 ms. Others use the machine, so CPU time of this process and of
its PostgreSQL backend stands beside the clock.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import statistics
import tempfile
import time
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

from rich.console import Console
from sqlalchemy import text

from app.database import Database
from app.detection.rule import Settings, TagMatch, Tuning
from app.embedded import engines
from app.errors import BadUserInputError
from app.recommendations.preview import PreviewAsked, preview_rule
from app.upgrade import upgrade
from benchmarks.detection import cpu_of
from benchmarks.waste_company import fill, look_at_all
from benchmarks.waste_recipe import ORGANIZATION

PROMISE = 500.0
IDLE, UNATTACHED, UNUSED = "aws.ec2.idle", "aws.ebs.unattached", "aws.ebs.idle"
CHANGES: dict[str, tuple[str, Tuning]] = {
    "aws.ec2.idle: 10 % in place of 5": (IDLE, Tuning(Settings(parameters={"cpuPercent": Decimal(10)}))),
    "aws.ec2.idle: 7 days in place of 14": (IDLE, Tuning(Settings(parameters={"lookbackDays": Decimal(7)}))),
    "aws.ec2.idle: at least 20 a month": (IDLE, Tuning(Settings(minimum_saving=Decimal(20)))),
    "aws.ebs.unattached: 30 days in place of 7": (UNATTACHED, Tuning(Settings(parameters={"minAgeDays": Decimal(30)}))),
    "aws.ebs.unattached: without env=dev": (UNATTACHED, Tuning(excluded_tags=(TagMatch("env", ("dev",)),))),
    "aws.ebs.unattached: at least 20 a month": (UNATTACHED, Tuning(Settings(minimum_saving=Decimal(20)))),
    "aws.ebs.idle: 1,000 operations in place of 100": (
        UNUSED,
        Tuning(Settings(parameters={"operationsPerDay": Decimal(1000)})),
    ),
}


@dataclass
class Times:
    """Milliseconds on the clock, of CPU here and in the backend; and what came of it."""

    clock: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    backend: list[float] = field(default_factory=list)
    told: str = ""


def p95(times: list[float]) -> float:
    """95 of 100 are shorter."""
    return sorted(times)[max(0, -(-len(times) * 95 // 100) - 1)]


async def _once(database: Database, check_id: str, tuning: Tuning) -> str:
    def change(before: Tuning) -> Tuning:
        return replace(tuning, version=before.version)

    try:
        found = await preview_rule(database, ORGANIZATION, PreviewAsked(check_id, change))
    except BadUserInputError:
        return " | refused: too much at once"
    return f"{found.resources:,} | {found.totals.gained.count} gained, {found.totals.lost.count} lost"


async def ask(url: str, runs: int) -> dict[str, Times]:
    """All changes by turns."""
    database = Database.connect(url, pool_size=1, statement_seconds=600)
    found = {name: Times() for name in CHANGES}
    try:
        await look_at_all(database, {})
        gc.collect()
        gc.freeze()  # as the API does after its start
        async with database.read(None) as session:
            backend = (await session.execute(text("SELECT pg_backend_pid()"))).scalar_one()
        for number in range(runs + 1):
            for name, times in found.items():
                start, cpu, other = time.perf_counter(), time.process_time(), cpu_of(backend)
                times.told = await _once(database, *CHANGES[name])
                if times.told.startswith("0 "):
                    break  # there are none of the check's type
                if number:  # the first one of each loads and plans
                    times.clock.append((time.perf_counter() - start) * 1e3)
                    times.cpu.append((time.process_time() - cpu) * 1e3)
                    times.backend.append((cpu_of(backend) - other) * 1e3)
    finally:
        await database.close()
    return found


def main() -> None:
    """Measure and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--resources", type=int, default=100_000)
    parser.add_argument("--only", default=None)
    parser.add_argument("--runs", type=int, default=20)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, engines(Path(folder) / "data") as urls:
        upgrade(urls.database_url)
        asyncio.run(fill(urls.database_url, given.resources, given.only))
        found = asyncio.run(ask(urls.database_url, given.runs))
    console = Console(width=200)
    console.print("| change | of | came of it | CPU p50 | p95 | PostgreSQL p50 | clock p50 | p95 | promise |")
    console.print("| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | --- |")
    for name, one in ((name, one) for name, one in found.items() if one.clock):
        middle = statistics.median
        figures = (middle(one.cpu), p95(one.cpu), middle(one.backend), middle(one.clock), p95(one.clock))
        told = "kept" if p95(one.clock) <= PROMISE else "MISSED"
        console.print(f"| {name} | {one.told} | {' | '.join(f'{figure:.0f}' for figure in figures)} | {told} |")


if __name__ == "__main__":
    main()
