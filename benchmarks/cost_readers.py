"""What readers notice of a month that is imported again: errors, wrong totals, how much later slow answers are.

`python -m benchmarks.cost_readers [--rows 200000] [--readers 32] [--seconds 15] [--rounds 3]`. Each reader asks for the
cost by service of the month and its daily series by provider, in one transaction, over and over: in each round first
undisturbed, then while the month is imported again in two versions in turn. Every answer must have the total of one
version in both.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import polars as pl
from sqlalchemy import text

from app.costs.imports.run import import_files
from app.database import Database
from app.embedded import engines
from app.models import new_id
from app.records import Actor, ActorKind
from app.records.costs import ImportMode, ImportSource, ImportSourceKind
from app.upgrade import upgrade
from benchmarks import focus_files

_BY_SERVICE = text("""
    SELECT service_name, sum(billed_cost) FROM service_monthly
    WHERE organization_id = :organization_id AND month = '2026-10-01' GROUP BY 1
""")
_BY_DAY = text("""
    SELECT day, provider, sum(billed_cost) FROM provider_daily
    WHERE organization_id = :organization_id AND day >= '2026-10-01' AND day < '2026-11-01' GROUP BY 1, 2
""")


@dataclass
class Looks:
    """What the readers saw in one phase."""

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    wrong: list[tuple[Decimal, Decimal]] = field(default_factory=list)

    def row(self, name: str) -> str:
        """As a row of markdown."""
        ordered = sorted(self.seconds)
        p50, p99 = statistics.median(ordered), ordered[int(len(ordered) * 0.99)]
        answers = f"{len(ordered):,} | {p50 * 1000:.1f} | {p99 * 1000:.1f}"
        return f"| {name} | {answers} | {len(self.errors)} | {len(self.wrong)} |"

    @property
    def p99(self) -> float:
        """Seconds that one answer in a hundred takes longer than."""
        return sorted(self.seconds)[int(len(self.seconds) * 0.99)]


async def _read(
    database: Database, organization_id: UUID, right: set[Decimal], looks: Looks, done: asyncio.Event
) -> None:
    values = {"organization_id": organization_id}
    while not done.is_set():
        began = time.perf_counter()
        try:
            async with database.read(organization_id, one_state=True) as session:
                by_service = sum((row[1] for row in await session.execute(_BY_SERVICE, values)), Decimal(0))
                by_day = sum((row[2] for row in await session.execute(_BY_DAY, values)), Decimal(0))
        except Exception as error:  # noqa: BLE001  (any is one too many, and is told)
            looks.errors.append(repr(error))
            continue
        looks.seconds.append(time.perf_counter() - began)
        if by_service != by_day or by_service not in right:
            looks.wrong.append((by_service, by_day))
        await asyncio.sleep(0.02)


async def _phase(
    database: Database, organization_id: UUID, right: set[Decimal], readers: int, work: Awaitable[None]
) -> Looks:
    looks, done = Looks(), asyncio.Event()
    tasks = [asyncio.create_task(_read(database, organization_id, right, looks, done)) for _ in range(readers)]
    await work
    done.set()
    await asyncio.gather(*tasks)
    return looks


async def _import(database: Database, organization_id: UUID, path: Path) -> None:
    source = ImportSource(ImportSourceKind.FILE)
    actor = Actor(ActorKind.SYSTEM)
    outcome = await import_files(
        database, organization_id, actor, [path], dataset="month", mode=ImportMode.REPLACE, source=source
    )
    if outcome.state not in {"SUCCEEDED", "UNCHANGED"}:  # the latter where a round begins with what the last ended with
        raise RuntimeError(outcome)


async def _again(url: str, organization_id: UUID, paths: list[Path], seconds: float) -> None:
    """Import versions in turn, in a process of their own as a worker is."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.cost_readers", "--import-into", url, str(organization_id),
        *map(str, paths), "--seconds", str(seconds),
    )  # fmt: skip
    if await child.wait():
        message = "an import failed"
        raise RuntimeError(message)


async def _child(url: str, organization_id: UUID, paths: list[Path], seconds: float) -> None:
    database = Database.connect(url)
    ends, turn = time.monotonic() + seconds, 0
    while time.monotonic() < ends:
        turn += 1
        await _import(database, organization_id, paths[turn % len(paths)])
    print(f"{turn} imports")  # noqa: T201
    await database.close()


async def _measure(url: str, folder: Path, rows: int, readers: int, seconds: float, rounds: int) -> str:
    paths = [folder / "one.csv", folder / "two.csv"]
    for seed, path in enumerate(paths):
        await asyncio.to_thread(focus_files.write_csv, path, rows, seed)
    right = {_billed(path) for path in paths}
    organization_id, owner, database = (
        new_id(),
        Database.connect(url, role=None),
        Database.connect(url, pool_size=readers),
    )
    async with owner.engine.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO organizations (id, slug, name, currency, created_at, updated_at) "
                "VALUES (:id, 'readers', 'Readers', 'USD', now(), now())"
            ),
            {"id": organization_id},
        )
    await _import(database, organization_id, paths[0])
    await _phase(database, organization_id, right, readers, asyncio.sleep(2))
    gc.collect()
    gc.freeze()  # as the API does: one look at all that was loaded took 0.13 s, and was the p99 of either phase
    lines = ["| readers | answers | p50 ms | p99 ms | errors | wrong totals |", "| --- | --- | --- | --- | --- | --- |"]
    ratios = []
    for _ in range(rounds):
        calm = await _phase(database, organization_id, right, readers, asyncio.sleep(seconds))
        busy = await _phase(database, organization_id, right, readers, _again(url, organization_id, paths, seconds))
        lines += [calm.row("undisturbed"), busy.row("while the month is imported again")]
        ratios.append(busy.p99 / calm.p99)
    await owner.close()
    await database.close()
    told = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    return "\n".join(
        [*lines, f"p99 while importing is {told} x that undisturbed; median {statistics.median(ratios):.2f} x."]
    )


def _billed(path: Path) -> Decimal:
    amounts = pl.scan_csv(path, infer_schema=False).select(pl.col("BilledCost").cast(pl.Decimal(38, 12)).sum())
    return Decimal(amounts.collect().item())


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--readers", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--import-into", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.import_into:
        url, organization_id, *paths = arguments.import_into
        asyncio.run(_child(url, UUID(organization_id), [Path(path) for path in paths], arguments.seconds))
        return
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name, engines(Path(name) / "data") as urls:
        upgrade(urls.database_url)
        url, folder = urls.database_url, Path(name)
        measured = _measure(url, folder, arguments.rows, arguments.readers, arguments.seconds, arguments.rounds)
        print(asyncio.run(measured))  # noqa: T201


if __name__ == "__main__":
    main()
