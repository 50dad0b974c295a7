"""A scan of EC2 against plain boto3 that lists the same pages: `python -m benchmarks.scan`.

Both read the same moto (`benchmarks.far_side`) with the same calls, one after the other, and run by turns. The scan is
the product's: queued as `startScan` does, run by a worker process, stored in the embedded PostgreSQL with history and
relationships; its clock runs from the queueing to the end that followers see. boto3 throws its pages away, and its
clock starts when its client is made. That both made the very same calls is checked each time.

Each instance has two volumes and a network interface: 5,000 instances are 20,000 resources. The most memory that a
worker ever had is told for accounts of several sizes, each scanned by a fresh worker for an organization of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

import boto3
from rich.console import Console
from rich.table import Table

from app.accounts.connect import NewConnection, connect_accounts
from app.accounts.credentials import AwsCredentials
from app.auth.authenticator import Authenticator
from app.auth.sessions import Origin
from app.config import Settings
from app.database import Database
from app.embedded import EngineUrls, engines
from app.organizations.create import register_with_organization
from app.providers.calls import ProviderPool
from app.queue import JobQueue
from app.records import Actor, ActorKind, ScanState
from app.repositories import scans
from app.scanning.start import start_scans
from app.sealing.vault import Vault
from app.upgrade import upgrade
from benchmarks.contestants import Calls, Contestant, FarSide, PlainBoto3, moto, plain_boto3, worker

REGION = "eu-west-1"
PROMISE = 1.25
MEMORY_PROMISE = 300
"""MiB."""
RESERVATION = 50
"""Instances that are started by one call; a page of a thousand has twenty such reservations."""
VOLUMES = 2
PATIENCE = 1800.0
SYSTEM = Actor(ActorKind.SYSTEM)


@dataclass(frozen=True)
class Effort:
    """Seconds on the clock and of CPU in the contestant's process, and the most memory it has had, in MiB.

    `moto` are the seconds of CPU that moto took for it: the same work for all, so they tell how busy the machine was.
    """

    clock: float
    cpu: float
    moto: float
    memory: float
    calls: Calls


class Company:
    """An organization with one connected account, all of which is at the far side."""

    def __init__(self, course: Course, organization_id: UUID, account_id: UUID) -> None:
        self.course = course
        self.organization_id = organization_id
        self.account_id = account_id

    async def scan(self, by: Contestant, *, found: int, added: int) -> Effort:
        """Scan EC2 in the region and wait for the end. Raises RuntimeError unless it found just that."""
        course, begin = self.course, self.course.begin(by)
        started = await start_scans(
            course.database,
            self.organization_id,
            SYSTEM,
            account_ids=[self.account_id],
            regions=[REGION],
            services=["ec2"],
        )
        (scan,) = started.scans
        async with asyncio.timeout(PATIENCE):
            while scan["state"] in scans.UNDER_WAY:
                await asyncio.sleep(0.05)
                async with course.database.read(self.organization_id) as session:
                    scan = await scans.get_scan(session, self.organization_id, scan["id"]) or scan
        effort = course.end(by, begin)
        async with course.database.read(self.organization_id) as session:
            totals = (await scans.totals(session, self.organization_id, [scan["id"]]))[scan["id"]]
            steps = await scans.steps_of(session, self.organization_id, scan["id"])
        if scan["state"] != ScanState.SUCCEEDED or (totals.found, totals.added) != (found, added):
            message = f"The scan ended as {scan['state']} with {totals}, not {found} found: {steps[0]['problems']}"
            raise RuntimeError(message)
        return effort


class Course:
    """Where the contestants run: moto, the engines, organizations."""

    def __init__(self, far_side: FarSide, settings: Settings, urls: EngineUrls) -> None:
        self.far_side = far_side
        self.settings = settings
        self.database = Database.connect(urls.database_url, pool_size=4)
        self.queue = JobQueue(self.database, urls.redis_url)
        self.authenticator = Authenticator(settings, self.database)
        self.threads = ProviderPool(4)
        self.instances = 0

    async def close(self) -> None:
        """Let go of everything."""
        self.threads.close()
        await self.authenticator.close()
        await self.queue.stop()
        await self.database.close()

    async def grow(self, instances: int) -> None:
        """Start instances until there are so many."""
        await asyncio.to_thread(start_instances, self.far_side.url, self.instances, instances)
        self.instances = instances

    async def found(self) -> Company:
        """A new organization with the account, connected as `connectAccount` does."""
        name = f"Company {time.monotonic_ns()}"
        email = f"{time.monotonic_ns()}@example.com"
        _, organization = await register_with_organization(
            self.authenticator,
            Origin(),
            email=email,
            name="Ada",
            password="a race over pages",  # noqa: S106 - of nobody
            organization_name=name,
        )
        organization_id = organization["id"]
        keys = AwsCredentials(access_key_id="AKIA0123456789EXAMPLE", secret_access_key="example-of-a-secret")  # noqa: S106
        new = NewConnection(
            keys.check(organization_id),
            regions=[REGION],
            endpoints=[("*", self.far_side.url)],
            hosts=self.settings.endpoint_hosts,
        )
        vault = Vault.from_settings(self.settings)
        (account,) = await connect_accounts(self.database, vault, self.threads, organization_id, SYSTEM, new)
        return Company(self, organization_id, account["id"])

    def begin(self, by: Contestant) -> tuple[float, float, float]:
        """Start the clock: what `end` wants to know."""
        self.far_side.calls()
        return time.perf_counter(), by.cpu, self.far_side.cpu

    def end(self, by: Contestant, begin: tuple[float, float, float]) -> Effort:
        """What it took since the beginning."""
        now = (time.perf_counter(), by.cpu, self.far_side.cpu)
        clock, cpu, far_cpu = (end - start for end, start in zip(now, begin, strict=True))
        return Effort(clock, cpu, far_cpu, by.memory, self.far_side.calls())

    async def list_plainly(self, by: PlainBoto3) -> Effort:
        """Let boto3 list everything once."""
        begin = self.begin(by)
        seconds = await asyncio.to_thread(by.list_all)
        return replace(self.end(by, begin), clock=seconds)


def start_instances(url: str, now: int, wanted: int) -> None:
    """Start what is wanting of the instances, each with two volumes, spread over the zones."""
    client = _client(url)
    subnets = [subnet["SubnetId"] for subnet in client.describe_subnets()["Subnets"]]
    disks = [
        {"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 20, "VolumeType": "gp3", "DeleteOnTermination": True}},
        {"DeviceName": "/dev/sdb", "Ebs": {"VolumeSize": 100, "VolumeType": "gp3"}},
    ]
    for number in range(now, wanted, RESERVATION):
        count = min(RESERVATION, wanted - number)
        named = {"Name": f"web-{number}", "team": f"team-{number % 30}", "environment": "production"}
        pairs = [{"Key": key, "Value": value} for key, value in named.items()]
        client.run_instances(
            ImageId="ami-0123456789abcdef0",
            InstanceType="m5.large",
            MinCount=count,
            MaxCount=count,
            SubnetId=subnets[number // RESERVATION % len(subnets)],
            BlockDeviceMappings=disks[:VOLUMES],
            TagSpecifications=[{"ResourceType": kind, "Tags": pairs} for kind in ("instance", "volume")],
        )


def count_defaults(url: str) -> int:
    """How many resources of EC2 were there before any instance: the network that every region begins with."""
    client = _client(url)
    lists = {
        "describe_vpcs": "Vpcs",
        "describe_subnets": "Subnets",
        "describe_security_groups": "SecurityGroups",
        "describe_route_tables": "RouteTables",
    }
    return sum(len(getattr(client, operation)()[key]) for operation, key in lists.items())


def _client(url: str) -> Any:
    return boto3.client(
        "ec2",
        region_name=REGION,
        endpoint_url=url,
        aws_access_key_id="seeding",
        aws_secret_access_key="seeding",  # noqa: S106 - any will do for moto
    )


@dataclass(frozen=True)
class Results:
    """Efforts in the order of the rounds, with a plain one before and after each round.

    `memory` is by number of instances: MiB of a worker before, and after its first scan.
    """

    plain: list[Effort]
    first: list[Effort]
    later: list[Effort]
    memory: dict[int, tuple[float, float]]
    resources: int


async def race(course: Course, sizes: Sequence[int], rounds: int) -> Results:
    """Scan accounts of growing size with fresh workers; at the largest the contestants take turns."""
    results, found = Results([], [], [], {}, 0), 0
    defaults = await asyncio.to_thread(count_defaults, course.far_side.url)
    await course.queue.start()
    for instances in sizes:
        await course.grow(instances)
        found, largest = defaults + instances * (2 + VOLUMES), instances == sizes[-1]
        with worker(course.settings) as by, plain_boto3(course.far_side.url, REGION) as contestant:
            before = by.memory
            if largest:
                results.plain.append(await course.list_plainly(contestant))
            for _ in range(rounds if largest else 1):
                company = await course.found()
                first = await company.scan(by, found=found, added=found)
                results.memory.setdefault(instances, (before, first.memory))
                if largest:
                    results.first.append(first)
                    results.later.append(await company.scan(by, found=found, added=0))
                    results.plain.append(await course.list_plainly(contestant))
    _check_calls(results)
    return replace(results, resources=found)


def _check_calls(results: Results) -> None:
    """Raises RuntimeError unless all contestants made the same calls each time."""
    expected = results.plain[0].calls
    for effort in (*results.plain, *results.first, *results.later):
        if effort.calls != expected:
            message = f"Calls differ: {effort.calls - expected} more, {expected - effort.calls} fewer."
            raise RuntimeError(message)


def show(results: Results) -> None:
    """Print medians (of memory the most), ratios to the plain lists of their round, and the memory of the workers."""
    console = Console(width=120)
    pages = sum(results.plain[0].calls.values())
    instances = max(results.memory)
    table = Table(
        title=f"{instances:,} instances, {instances * VOLUMES:,} volumes: {results.resources:,} resources of EC2 on "
        f"{pages} pages; medians (promise: at most {PROMISE} x the seconds of plain boto3)"
    )
    for name in ("", "runs", "seconds", "ratio", "promise", "own CPU s", "ratio of CPU", "moto's CPU s", "most MiB"):
        table.add_column(name, justify="right" if name else "left")
    plain = _median(results.plain)
    contestants = {"plain boto3": results.plain, "first scan, all new": results.first}
    for name, efforts in (contestants | {"later scans, all unchanged": results.later}).items():
        median = _median(efforts)
        rivals = pairwise(effort.clock for effort in results.plain)
        ratios = [effort.clock / statistics.mean(pair) for effort, pair in zip(efforts, rivals, strict=False)]
        told = ("", "")
        if efforts is not results.plain:
            ratio = statistics.median(ratios)
            told = (f"{ratio:.2f} ({min(ratios):.2f}-{max(ratios):.2f})", "kept" if ratio <= PROMISE else "MISSED")
        cpu = (f"{median.cpu:.1f}", f"{median.cpu / plain.cpu:.2f}", f"{median.moto:.1f}", f"{median.memory:.0f}")
        table.add_row(name, str(len(efforts)), f"{median.clock:.1f}", *told, *cpu)
    console.print(table)
    table = Table(title=f"Most memory of a fresh worker, MiB (promise: at most {MEMORY_PROMISE}, flat)")
    for name in ("instances", "resources", "before", "after its first scan", "promise"):
        table.add_column(name, justify="right")
    for size, (idle, after) in results.memory.items():
        kept = "kept" if after <= MEMORY_PROMISE else "MISSED"
        table.add_row(f"{size:,}", f"{size * (2 + VOLUMES):,}", f"{idle:.0f}", f"{after:.0f}", kept)
    console.print(table)


def _median(efforts: Sequence[Effort]) -> Effort:
    return Effort(
        statistics.median(effort.clock for effort in efforts),
        statistics.median(effort.cpu for effort in efforts),
        statistics.median(effort.moto for effort in efforts),
        max(effort.memory for effort in efforts),
        efforts[0].calls,
    )


async def run(far_side: FarSide, settings: Settings, urls: EngineUrls, sizes: Sequence[int], rounds: int) -> Results:
    """The race, and the end of all that it needs."""
    course = Course(far_side, settings, urls)
    try:
        return await race(course, sizes, rounds)
    finally:
        await course.close()


def main() -> None:
    """Start moto and the engines, race, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--instances", type=int, default=5_000)
    parser.add_argument("--smaller", type=int, nargs="*", default=[500, 1_000], help="sizes for the worker's memory")
    parser.add_argument(
        "--rounds", type=int, default=3, help="each with a new organization: a first scan, a later one, a plain list"
    )
    options = parser.parse_args()
    sizes = sorted({size for size in options.smaller if size < options.instances} | {options.instances})
    with tempfile.TemporaryDirectory(prefix="skyledger-benchmark-", ignore_cleanup_errors=True) as folder:
        data = Path(folder) / "data"
        with engines(data) as urls, moto() as far_side:
            upgrade(urls.database_url)
            settings = Settings(data_dir=data, endpoint_hosts=("127.0.0.1",))
            results = asyncio.run(run(far_side, settings, urls, sizes, options.rounds))
    show(results)


if __name__ == "__main__":
    main()
