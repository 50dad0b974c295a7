"""Rows a second of the inventory store against a plain COPY of the same rows: `python -m benchmarks.inventory_store`.

The COPY is the strictest there is: one statement of the tables' owner, without row security, of records made before
the clock starts, into a table with the same columns, keys, indexes, checks and foreign key. The store goes through
the door of the product (row security on), in transactions the size of a scan's pages, from values as a provider
gives them, and also compares, counts sightings, writes relationships (half of the resources have two) and history.
Both wait for the disk (fsync). The engines are the embedded ones in a folder of their own.

The promise is about rows a second. On a busy machine they tell more of its other work, so the CPU time of both sides
(this process and the backend of its connection) stands beside them.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import random
import statistics
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import asyncpg
import orjson
from rich.console import Console
from rich.table import Table
from sqlalchemy import text

from app.database import Database
from app.embedded import engines
from app.models import new_id
from app.repositories.inventory_store import Outcome, clear_sightings, prepare_batch, store_batch
from app.repositories.resources import ResourceValues, content_hash
from app.upgrade import upgrade

ORGANIZATION = uuid.UUID(int=1)
ACCOUNT = uuid.UUID(int=2)
PROMISE = 0.4
START = datetime(2026, 1, 1, tzinfo=UTC)
COLUMNS = (
    "organization_id",
    "id",
    "account_id",
    "provider",
    "service",
    "resource_type",
    "native_id",
    "name",
    "region",
    "availability_zone",
    "status",
    "tags",
    "properties",
    "provider_created_at",
    "content_hash",
    "first_seen_at",
    "last_seen_at",
    "updated_at",
    "last_used_at",
)
COPY = "plain COPY"
Batch = list[ResourceValues]

_ACCOUNT = text("""
    INSERT INTO accounts (organization_id, id, provider, kind, native_id, name, created_at, updated_at)
    VALUES (:organization_id, :id, 'AWS', 'CONNECTED', '111122223333', 'Production', :now, :now)
""")


def resource(number: int, version: int) -> ResourceValues:
    """A made-up instance with some 1,100 bytes of tags and properties; every tenth differs from version to version.

    Native ids are random, as providers' are.
    """
    chance = random.Random(number)  # noqa: S311  (no secret)
    changed = version if number % 10 == 0 else 0
    key = f"{chance.getrandbits(68):017x}"
    vpc, subnet = f"vpc-{number % 40:017x}", f"subnet-{number % 200:017x}"
    properties = {
        "arn": f"arn:aws:ec2:eu-central-1:111122223333:instance/i-{key}",
        "instanceType": chance.choice(("m7g.large", "c6i.xlarge", "r5.2xlarge")),
        "imageId": f"ami-{chance.getrandbits(68):017x}",
        "launchTime": (START + timedelta(seconds=number)).isoformat(),
        "privateIpAddress": f"10.{number // 65536 % 256}.{number // 256 % 256}.{number % 256}",
        "vpcId": vpc,
        "subnetId": subnet,
        "cpuOptions": {"coreCount": 2, "threadsPerCore": 1, "amdSevSnp": None},
        "ebsOptimized": True,
        "stateTransitionReason": f"User initiated ({changed})",
        "securityGroups": [{"groupId": f"sg-{chance.getrandbits(68):017x}", "groupName": "web"} for _ in range(3)],
        "blockDevices": [
            {"deviceName": f"/dev/sd{letter}", "volumeId": f"vol-{chance.getrandbits(68):017x}", "deleteOnEnd": True}
            for letter in "abc"
        ],
        "metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 2, "state": "applied"},
    }
    tags = {"Name": f"web-{number}", "team": f"team-{number % 30}", "environment": "production", "costCenter": "4711"}
    return ResourceValues(
        account_id=ACCOUNT,
        provider="AWS",
        service="AmazonEC2",
        resource_type="AWS::EC2::Instance",
        native_id=f"i-{key}",
        name=f"web-{number}",
        region="eu-central-1",
        availability_zone=f"eu-central-1{'abc'[number % 3]}",
        status="stopped" if changed % 2 else "running",
        tags=tags,
        properties=properties,
        provider_created_at=START + timedelta(seconds=number),
        last_used_at=START,
        relations=(("IN_NETWORK", vpc), ("IN_NETWORK", subnet)) if number % 2 else (),
    )


def batches(rows: int, size: int, version: int) -> Iterator[Batch]:
    """All resources of a version in batches."""
    for first in range(0, rows, size):
        yield [resource(number, version) for number in range(first, min(first + size, rows))]


def copy_records(rows: int) -> list[tuple[Any, ...]]:
    """The same resources as COPY takes them."""
    records: list[tuple[Any, ...]] = []
    for number in range(rows):
        values = resource(number, 0)
        named = {name: getattr(values, name, None) for name in COLUMNS} | {
            "organization_id": ORGANIZATION,
            "id": new_id(),
            "tags": orjson.dumps(values.tags).decode(),
            "properties": orjson.dumps(values.properties).decode(),
            "content_hash": content_hash(values),
            **dict.fromkeys(("first_seen_at", "last_seen_at", "updated_at"), START),
        }
        records.append(tuple(named[name] for name in COLUMNS))
    return records


@dataclass(frozen=True)
class Effort:
    """Seconds on the clock, and of CPU in this process and in the backend."""

    clock: float
    cpu: float

    def __add__(self, other: Effort) -> Effort:
        return Effort(self.clock + other.clock, self.cpu + other.cpu)


class Stopwatch:
    """Adds up the effort of what is done inside it with one backend."""

    def __init__(self, backend: int) -> None:
        self.schedule = Path(f"/proc/{backend}/schedstat")
        self.total = Effort(0.0, 0.0)

    def __enter__(self) -> Self:
        self.start = self._now()
        return self

    def __exit__(self, *error: object) -> None:
        clock, cpu = self._now()
        self.total += Effort(clock - self.start[0], cpu - self.start[1])

    def _now(self) -> tuple[float, float]:
        backend = int(self.schedule.read_text().split()[0]) / 1e9
        return time.perf_counter(), time.process_time() + backend


class Course:
    """A migrated database on which the contestants run by turns."""

    def __init__(self, url: str, rows: int) -> None:
        self.rows = rows
        self.url = url.replace("postgresql+asyncpg", "postgresql")
        self.door = Database.connect(url, pool_size=1)
        self.records = copy_records(rows)
        self.backend = 0

    async def prepare(self) -> None:
        """The account, and a table like `resources` for the plain COPY."""
        async with self.door.write(ORGANIZATION) as session:
            values = {"organization_id": ORGANIZATION, "id": ACCOUNT, "now": START}
            await session.execute(_ACCOUNT, values)
            self.backend = (await session.execute(text("SELECT pg_backend_pid()"))).scalar_one()
        await self.as_owner(
            "CREATE TABLE plain_resources (LIKE resources INCLUDING ALL)",
            "ALTER TABLE plain_resources ADD FOREIGN KEY (organization_id, account_id) "
            "REFERENCES accounts (organization_id, id) ON DELETE CASCADE",
        )

    async def as_owner(self, *statements: str) -> None:
        """Run statements one by one as the owner."""
        connection = await asyncpg.connect(self.url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    async def copy(self) -> Effort:
        """One COPY of all rows into an empty table."""
        await self.as_owner("TRUNCATE plain_resources", "CHECKPOINT")
        connection = await asyncpg.connect(self.url)
        try:
            with Stopwatch(connection.get_server_pid()) as watch:
                await connection.copy_records_to_table("plain_resources", columns=COLUMNS, records=self.records)
            return watch.total
        finally:
            await connection.close()

    async def empty(self) -> None:
        """Take all resources away, and what hangs on them."""
        await self.as_owner("TRUNCATE resources, resource_relationships, resource_changes, scan_sightings")

    async def store(self, version: int, size: int, expected: Outcome) -> Effort:
        """All rows of a version in batches, each in a transaction of its own, as one step."""
        await self.as_owner("CHECKPOINT")
        step, total, watch = new_id(), Outcome(), Stopwatch(self.backend)
        found = list(batches(self.rows, size, version))
        with watch:
            # As in a scan: while one batch is stored, what another step has found is prepared in a thread.
            preparing = asyncio.create_task(asyncio.to_thread(prepare_batch, found[0]))
            for following in [*found[1:], []]:
                rows = await preparing
                preparing = asyncio.create_task(asyncio.to_thread(prepare_batch, following))
                async with self.door.write(ORGANIZATION) as session:
                    total += await store_batch(session, ORGANIZATION, rows, step_id=step, scan_id=step)
            await preparing
        if total != expected:
            message = f"The store counted {total}, not {expected}."
            raise RuntimeError(message)
        async with self.door.write(ORGANIZATION) as session:
            await clear_sightings(session, ORGANIZATION, [step])
        return watch.total


Efforts = dict[tuple[str, int], list[Effort]]


async def race(url: str, rows: int, sizes: Sequence[int], rounds: int) -> Efforts:
    """Efforts by contestant and batch size, of some rounds in which all run by turns."""
    course = Course(url, rows)
    changed = -(-rows // 10)
    runs = (
        ("all new", 0, Outcome(rows, added=rows)),
        ("all unchanged", 0, Outcome(rows, unchanged=rows)),
        ("10 % changed", 1, Outcome(rows, changed=changed, unchanged=rows - changed)),
    )
    efforts: Efforts = {}
    try:
        await course.prepare()
        for _ in range(rounds):
            for size in sizes:
                efforts.setdefault((COPY, rows), []).append(await course.copy())
                await course.empty()
                for name, version, expected in runs:
                    efforts.setdefault((name, size), []).append(await course.store(version, size, expected))
    finally:
        await course.door.close()
    return efforts


def show(efforts: Efforts, rows: int) -> None:
    """Print medians and their ratios to the COPY."""
    table = Table(title=f"{rows:,} resources: medians, and ratios to the plain COPY (promise: {PROMISE:.0%} of rows/s)")
    for name in ("", "rows a batch", "seconds", "rows/s", "ratio", "promise", "CPU µs a row", "CPU ratio"):
        table.add_column(name, justify="right" if name else "left")
    medians = {
        key: Effort(statistics.median(one.clock for one in all_), statistics.median(one.cpu for one in all_))
        for key, all_ in efforts.items()
    }
    copy = medians[COPY, rows]
    for (name, size), median in medians.items():
        ratio = copy.clock / median.clock
        kept = "" if name == COPY else "kept" if ratio >= PROMISE else "MISSED"
        speed = (f"{median.clock:.2f}", f"{rows / median.clock:,.0f}", f"{ratio:.0%}", kept)
        table.add_row(name, f"{size:,}", *speed, f"{median.cpu / rows * 1e6:.0f}", f"{copy.cpu / median.cpu:.0%}")
    Console(width=120).print(table)


def main() -> None:
    """Start the engines, race, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--batch", type=int, nargs="+", default=[1_000, 2_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--profile", type=Path, help="write a cProfile of this process here")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="skyledger-benchmark-", ignore_cleanup_errors=True) as folder,
        engines(Path(folder) / "data") as urls,
    ):
        upgrade(urls.database_url)
        profile = cProfile.Profile()
        if options.profile:
            profile.enable()
        efforts = asyncio.run(race(urls.database_url, options.rows, options.batch, options.rounds))
        if options.profile:
            profile.disable()
            profile.dump_stats(options.profile)
    show(efforts, options.rows)


if __name__ == "__main__":
    main()
