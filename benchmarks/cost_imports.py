"""How fast deliveries become charges: the importer against plain COPY of the same CSV into a wide typed table.

`python -m benchmarks.cost_imports [--rows 1000000] [--rounds 3]`, or `--memory 1000000 10000000` for the peak memory of
an importing process by the rows of its file. Plain COPY validates nothing,
interns nothing and rolls nothing up: it is what a script would do that only wants the rows in. Both run on one embedded
PostgreSQL in turn; each import goes into an organization of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import asyncpg
from sqlalchemy import text

from app.costs.focus import FOCUS_COLUMNS, Kind
from app.costs.imports.run import import_files
from app.database import Database
from app.embedded import engines
from app.models import new_id
from app.records import Actor, ActorKind
from app.records.costs import ImportMode, ImportSource, ImportSourceKind, ImportState
from app.upgrade import upgrade
from benchmarks import focus_files

_TYPES = {Kind.DECIMAL: "numeric", Kind.NON_NEGATIVE_DECIMAL: "numeric", Kind.TIMESTAMP: "timestamptz"}
_JSON = {Kind.JSON_OBJECT: "jsonb", Kind.KEY_VALUE: "jsonb"}


@dataclass
class Figures:
    """Seconds by contestant, of all rounds: on the clock, and of CPU in this process."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    of_cpu: dict[str, list[float]] = field(default_factory=dict)

    async def add(self, name: str, contestant: Awaitable[float]) -> None:
        """Run a round."""
        before = time.process_time()
        self.seconds.setdefault(name, []).append(await contestant)
        self.of_cpu.setdefault(name, []).append(time.process_time() - before)

    def table(self, rows: int) -> str:
        """Medians as markdown, each against plain COPY."""
        plain = statistics.median(self.seconds["plain COPY"])
        lines = [
            "| contestant | seconds (median) | rows a second | against plain COPY | CPU s of the client (least) |",
            "| --- | --- | --- | --- | --- |",
        ]
        for name, all_seconds in self.seconds.items():
            median, of_cpu = statistics.median(all_seconds), min(self.of_cpu[name])
            lines.append(f"| {name} | {median:.2f} | {rows / median:,.0f} | {plain / median:.2f} x | {of_cpu:.1f} |")
        return "\n".join(lines)


class Contest:
    """Contestants on one embedded PostgreSQL."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.owner = Database.connect(url, role=None)
        self.database = Database.connect(url)

    async def plain_copy(self, csv: Path) -> float:
        """COPY the file as it is into a table with a typed column for each of its columns, without an index."""
        kinds = {column.name: column.kind for column in FOCUS_COLUMNS}
        columns = ", ".join(f'"{name}" {(_TYPES | _JSON).get(kinds[name], "text")}' for name in focus_files.COLUMNS)
        connection = await asyncpg.connect(self.url.replace("+asyncpg", ""))
        try:
            await connection.execute(f"DROP TABLE IF EXISTS wide; CREATE TABLE wide ({columns})")
            began = time.perf_counter()
            await connection.copy_to_table("wide", source=csv, format="csv", header=True, timeout=3600)
            seconds = time.perf_counter() - began
            await connection.execute("DROP TABLE wide; CHECKPOINT")
        finally:
            await connection.close()
        return seconds

    async def import_file(self, path: Path) -> float:
        """Import the file into a new organization: validation, interning, roll-ups, totals, all in one transaction."""
        organization_id = await self._organization()
        began = time.perf_counter()
        outcome = await import_files(
            self.database,
            organization_id,
            Actor(ActorKind.SYSTEM),
            [path],
            dataset="benchmark",
            mode=ImportMode.REPLACE,
            source=ImportSource(ImportSourceKind.FILE, names=(path.name,)),
        )
        seconds = time.perf_counter() - began
        if outcome.state is not ImportState.SUCCEEDED or outcome.rejected:
            raise RuntimeError(outcome)
        async with self.owner.engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            await connection.execute(text("TRUNCATE charges, cost_daily, service_daily, tag_daily, resource_monthly"))
            await connection.execute(text("CHECKPOINT"))
        return seconds

    async def _organization(self) -> UUID:
        organization_id = new_id()
        async with self.owner.engine.begin() as connection:
            await connection.execute(
                text(
                    "INSERT INTO organizations (id, slug, name, currency, created_at, updated_at) "
                    "VALUES (:id, :slug, 'Benchmark', 'USD', now(), now())"
                ),
                {"id": organization_id, "slug": f"benchmark-{organization_id}"},
            )
        return organization_id


async def _contest(url: str, folder: Path, rows: int, rounds: int) -> Figures:
    csv, parquet = folder / "charges.csv", folder / "charges.parquet"
    await asyncio.to_thread(focus_files.write_csv, csv, rows)
    await asyncio.to_thread(focus_files.write_parquet, csv, parquet)
    contest, figures = Contest(url), Figures()
    for number in range(rounds):
        await figures.add("plain COPY", contest.plain_copy(csv))
        await figures.add("import of CSV", contest.import_file(csv))
        await figures.add("import of Parquet", contest.import_file(parquet))
        print(f"round {number + 1}: " + ", ".join(f"{name} {s[-1]:.2f} s" for name, s in figures.seconds.items()))  # noqa: T201
    await contest.owner.close()
    await contest.database.close()
    return figures


async def _memory(url: str, folder: Path, sizes: list[int], resources: int | None) -> str:
    """The peak memory of a process that imports a file, by rows and format."""
    lines = ["| rows | format | peak MB | seconds |", "| --- | --- | --- | --- |"]
    contest = Contest(url)
    for rows in sizes:
        csv, parquet = folder / "charges.csv", folder / "charges.parquet"
        await asyncio.to_thread(focus_files.write_csv, csv, rows, resources=resources)
        await asyncio.to_thread(focus_files.write_parquet, csv, parquet)
        for path in (csv, parquet):
            command = ("-m", "benchmarks.cost_imports", "--import-one", url, str(path))
            child = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=asyncio.subprocess.PIPE)
            output, _ = await child.communicate()
            if child.returncode:
                message = f"the import of {path} failed"
                raise RuntimeError(message)
            lines.append(f"| {rows:,} | {path.suffix[1:]} | {output.decode().strip()} |")
            print(lines[-1], flush=True)  # noqa: T201
    await contest.owner.close()
    await contest.database.close()
    return "\n".join(lines)


async def _import_one(url: str, path: Path) -> str:
    contest = Contest(url)
    seconds = await contest.import_file(path)
    await contest.owner.close()
    await contest.database.close()
    return f"{_peak_memory():,.0f} | {seconds:.1f}"


def _peak_memory() -> float:
    """The most memory that this process has had, in MiB.

    Not ru_maxrss, which a process takes over from the one that started it: here from the one that wrote the file.
    """
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def main() -> None:
    """Run the contest and print its table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--memory", type=int, nargs="+")
    parser.add_argument("--resources", type=int, help="for --memory: as many in every file, not one for 50 rows")
    parser.add_argument("--import-one", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    if arguments.import_one:
        url, path = arguments.import_one
        print(asyncio.run(_import_one(url, Path(path))))  # noqa: T201
        return
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name, engines(Path(name) / "data") as urls:
        upgrade(urls.database_url)
        if arguments.memory:
            print(asyncio.run(_memory(urls.database_url, Path(name), arguments.memory, arguments.resources)))  # noqa: T201
            return
        figures = asyncio.run(_contest(urls.database_url, Path(name), arguments.rows, arguments.rounds))
        print(figures.table(arguments.rows))  # noqa: T201


if __name__ == "__main__":
    main()
