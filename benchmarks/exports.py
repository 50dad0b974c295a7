"""Rows a second and memory of exports: `python -m benchmarks.exports [--sizes 10000,100000,1000000] [--write]`.

A real worker process writes charges, twelve fields and the tags of each, as JSON Lines and as Parquet, out of a store
that has as many. Asked for through the graph, fetched by the signed address, counted and compared with the database.
The memory is the worker's resident set: before the export, and the most during it (VmHWM, set back before). Buckets are
so large that no page waits: what the export costs, and how long the default bucket would make it wait, stands beside.
The engines are the embedded ones in a folder of their own. To compare with: the same rows by COPY of the charges' own
columns, which is less work (it joins nothing, and knows no permissions), as the floor.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import httpx
import orjson
import polars as pl
from rich.console import Console
from sqlalchemy import text

from app.config import Settings
from app.database import Database
from app.embedded import EngineUrls, engines
from app.logging import configure_logging
from app.main import create_app, make_runtime, running
from app.models import new_id
from app.schema.node import parse_id
from app.upgrade import upgrade
from benchmarks import cost_recipe

PROJECT: Final = Path(__file__).resolve().parents[1]
REPORT: Final = PROJECT / "benchmarks" / "EXPORTS.md"
SIZES: Final = (10_000, 100_000, 1_000_000)
MONTHS: Final = tuple(date(2026, month, 1) for month in range(1, 11))
ENDLESS: Final = 1_000_000_000
HEADINGS: Final = (
    "rows",
    "form",
    "seconds",
    "rows a second",
    "CPU of the worker, s",
    "by COPY, s",
    "file, MB",
    "RSS before, MiB",
    "most, MiB",
)
FORMATS: Final = ("JSONL", "PARQUET")
FIELDS: Final = """id chargePeriodStart chargePeriodEnd provider subAccountName serviceName regionId resourceId
      chargeCategory billedCost effectiveCost billingCurrency tags"""
REGISTER: Final = """mutation ($input: RegisterInput!) { register(input: $input) {
  ... on RegisterPayload { accessToken organization { id slug } } ... on UserError { message } } }"""
KEY: Final = """mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) {
  ... on CreateApiKeyPayload { key } ... on UserError { message } } }"""
START: Final = """mutation ($input: StartExportInput!) { startExport(input: $input) {
  ... on StartExportPayload { export { id } } ... on UserError { message } } }"""
FOUND: Final = (
    "query ($id: ID!) { node(id: $id) { ... on Export { state rows bytes error url startedAt finishedAt } } }"
)
COST: Final = """{ organization(slug: "%s") { charges(first: 1000) {
  nodes { %s } pageInfo { hasNextPage endCursor } } } }"""


@dataclass(frozen=True)
class Measured:
    """What one export took; memory in MiB."""

    rows: int
    form: str
    seconds: float
    before: float
    peak: float
    size: int
    cpu: float


def cpu_of(process: int) -> float:
    """Seconds of processor time that a process has had."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_of(process: int, name: str) -> float:
    """A figure of a process' memory, in MiB."""
    for line in Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise LookupError(name)


def forget_most(process: int) -> None:
    """Set a process' VmHWM back to what it has now."""
    Path(f"/proc/{process}/clear_refs").write_text("5", encoding="ascii")


@contextmanager
def worker(settings: Settings) -> Iterator[int]:
    """A worker of the product; its process id."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(PROJECT),
        "SKYLEDGER_DATA_DIR": str(settings.data_dir),
        "SKYLEDGER_DATABASE_URL": str(settings.database_url),
        "SKYLEDGER_REDIS_URL": str(settings.redis_url),
        "SKYLEDGER_COST_MAXIMUM": str(ENDLESS),
        "SKYLEDGER_COST_RESTORED": str(ENDLESS),
        "SKYLEDGER_LOG_FORMAT": "json",
    }
    log = settings.data_dir / "worker.log"
    with (
        log.open("wb") as out,
        subprocess.Popen(
            [sys.executable, "-m", "app", "worker"], cwd=PROJECT, env=environment, stdout=out, stderr=out
        ) as process,
    ):
        try:
            while b"worker_ready" not in log.read_bytes():
                if process.poll() is not None:
                    message = f"The worker did not start: {log.read_text()}"
                    raise RuntimeError(message)
                time.sleep(0.1)
            yield process.pid
        finally:
            process.terminate()


class Caller:
    """Somebody who asks the graph, with an organization of their own."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.token = self.key = self.organization_id = self.slug = ""

    async def ask(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        """The answer; errors end the benchmark."""
        headers = {"x-api-key": self.key} if self.key else {"authorization": f"Bearer {self.token}"}
        headers = headers if self.key or self.token else {}
        response = await self.client.post("/graphql", json={"query": query, "variables": variables}, headers=headers)
        answer: dict[str, Any] = response.json()
        if "errors" not in answer:
            return answer
        if answer["errors"][0]["extensions"]["code"] != "SERVICE_UNAVAILABLE":
            raise RuntimeError(answer["errors"])
        await asyncio.sleep(answer["errors"][0]["extensions"]["retryAfter"])  # a busy machine
        return await self.ask(query, variables)

    async def register(self) -> None:
        """Sign up, and make a key: an access token lives fifteen minutes."""
        values = {"email": "b@skyledger.example", "name": "B", "password": f"{uuid4()}", "organizationName": "B"}
        made = (await self.ask(REGISTER, {"input": values}))["data"]["register"]
        self.token = made["accessToken"]
        self.organization_id, self.slug = made["organization"]["id"], made["organization"]["slug"]
        wanted = {"organizationId": self.organization_id, "name": "b", "scopes": ["ORGANIZATION_READ"]}
        self.key = (await self.ask(KEY, {"input": wanted}))["data"]["createApiKey"]["key"]

    async def export(self, form: str, process: int) -> Measured:
        """Have everything exported, and look at the worker meanwhile."""
        query = f'{{ organization(slug: "{self.slug}") {{ charges {{ nodes {{ {FIELDS} }} }} }} }}'
        before, cpu = memory_of(process, "VmRSS"), cpu_of(process)
        forget_most(process)
        values = {"organizationId": self.organization_id, "query": query, "format": form}
        started = (await self.ask(START, {"input": values}))["data"]["startExport"]
        export: dict[str, Any] = {"state": "QUEUED"}
        while export["state"] in {"QUEUED", "RUNNING"}:
            await asyncio.sleep(0.1)
            export = (await self.ask(FOUND, {"id": started["export"]["id"]}))["data"]["node"]
        peak, cpu = memory_of(process, "VmHWM"), cpu_of(process) - cpu
        if export["state"] != "SUCCEEDED":
            raise RuntimeError(export)
        took = datetime.fromisoformat(export["finishedAt"]) - datetime.fromisoformat(export["startedAt"])
        content = (await self.client.get(export["url"])).content
        if ids_in(content, form) != export["rows"]:
            message = f"The file has {ids_in(content, form)} different rows of {export['rows']}."
            raise RuntimeError(message)
        return Measured(export["rows"], form, took.total_seconds(), before, peak, export["bytes"], cpu)


def ids_in(content: bytes, form: str) -> int:
    """How many different rows a file has."""
    if form == "PARQUET":
        return pl.read_parquet(io.BytesIO(content), columns=["id"])["id"].n_unique()
    return len({orjson.loads(line)["id"] for line in gzip.decompress(content).splitlines()})


class Store:
    """Charges of an organization, more and more."""

    def __init__(self, url: str, organization_id: UUID) -> None:
        self.owner = Database.connect(url, role=None, pool_size=1, statement_seconds=3600)
        self._organization_id = organization_id
        self._held = 0
        self._periods: dict[date, int] = {}

    async def run(self, statement: str, **values: object) -> object:
        """One statement in a transaction."""
        async with self.owner.engine.begin() as connection:
            found = await connection.execute(text(statement), {"org": self._organization_id, **values})
            return found.scalar() if found.returns_rows else None

    async def prepare(self) -> None:
        """Dimensions, partitions, import periods."""
        for statement in cost_recipe.SETUP[1:]:
            await self.run(statement, **({"account": new_id()} if ":account" in statement else {}))
        for month in MONTHS:
            await self.run("SELECT app_charge_partition(:month)", month=month)
            following = (month + timedelta(days=32)).replace(day=1)
            values = {"month": month, "following": following, "last": following - timedelta(days=1)}
            self._periods[month] = int(str(await self.run(cost_recipe.PERIOD, import_id=new_id(), **values)))

    async def grow(self, charges: int) -> None:
        """To so many charges, one for a hundredth of as many resources."""
        await self.run(cost_recipe.RESOURCES, first=self._held // 100 + 1, last=charges // 100)
        for month, period in self._periods.items():
            days = ((month + timedelta(days=32)).replace(day=1) - month).days
            values = {"start": datetime(month.year, month.month, 1, tzinfo=UTC), "days": days}
            first, last = self._held // len(MONTHS) + 1, charges // len(MONTHS)
            await self.run(
                cost_recipe.CHARGES, period=period, first=first, last=last, resources=charges // 100, **values
            )
        self._held = charges
        async with self.owner.engine.connect() as connection:
            raw = (await connection.get_raw_connection()).driver_connection
            await raw.execute("VACUUM ANALYZE", timeout=3600)  # type: ignore[union-attr]

    async def copy_seconds(self) -> float:
        """Of a COPY of the charges' own columns as text, in one statement."""
        async with self.owner.engine.connect() as connection:
            raw = (await connection.get_raw_connection()).driver_connection
            begun = time.perf_counter()
            await raw.copy_from_query(  # type: ignore[union-attr]
                "SELECT * FROM charges", output=os.devnull, format="csv", timeout=3600
            )
            return time.perf_counter() - begun


async def measure(settings: Settings, urls: EngineUrls, sizes: tuple[int, ...], forms: list[str], out: Console) -> str:
    """Grow and export; returns the report's rows."""
    runtime = make_runtime(settings, urls)
    app, _ = create_app(runtime)
    transport = httpx.ASGITransport(app)
    lines = [f"| {' | '.join(HEADINGS)} |", "| ---: | --- |" + " ---: |" * (len(HEADINGS) - 2)]
    async with running(runtime), httpx.AsyncClient(transport=transport, base_url="http://b", timeout=600) as client:
        caller = Caller(client)
        await caller.register()
        store = Store(urls.database_url, parse_id(caller.organization_id).id)
        await store.prepare()
        with worker(settings) as process:
            for size in sizes:
                await store.grow(size)
                copied = await store.copy_seconds()
                for form in forms:
                    found = await caller.export(form, process)
                    lines.append(
                        f"| {found.rows:,} | {form} | {found.seconds:.1f} | {found.rows / found.seconds:,.0f} "
                        f"| {found.cpu:.1f} | {copied:.1f} | {found.size / 1e6:.1f} | {found.before:.0f} "
                        f"| {found.peak:.0f} |"
                    )
                    out.print(lines[-1], markup=False)
        cost = (await caller.ask(COST % (caller.slug, FIELDS), {}))["extensions"]["cost"]["actual"]
        await store.owner.close()
    waits = (cost * sizes[-1] / 1_000 - 400_000) / 2_000
    said = (
        f"A page of 1,000 of these rows costs {cost:,} points: with the default bucket (400,000 points, 2,000 restored "
        f"a second) {sizes[-1]:,} rows wait for {max(0.0, waits):,.0f} seconds."
    )
    lines += ["", said]
    return "\n".join(lines)


def main() -> None:
    """Measure, and write the report where that is asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    parser.add_argument("--forms", default=",".join(FORMATS))
    parser.add_argument("--write", action="store_true", help=f"write {REPORT.name}")
    arguments = parser.parse_args()
    sizes = tuple(int(size) for size in arguments.sizes.split(","))
    configure_logging("WARNING")
    out = Console()
    with tempfile.TemporaryDirectory() as folder, engines(Path(folder) / "data") as urls:
        upgrade(urls.database_url)
        settings = Settings(
            data_dir=Path(folder) / "data",
            database_url=urls.database_url,
            redis_url=urls.redis_url,
            cost_maximum=ENDLESS,
            cost_restored=ENDLESS,
            log_level="WARNING",
        )
        rows = asyncio.run(measure(settings, urls, sizes, arguments.forms.split(","), out))
    out.print(rows, markup=False)
    if arguments.write:
        method = str(__doc__).partition("\n")[2].strip()
        REPORT.write_text(f"# Exports\n\nMade by `python -m benchmarks.exports --write`.\n\n{method}\n\n{rows}\n")


if __name__ == "__main__":
    main()
