"""The soak: an hour of mixed load leaves memory flat, and afterwards nothing is open that was not open before.

`pytest -m campaign --minutes 60 -s tests/campaigns/test_soak.py` is the full form; rehearsals leave it out, since pools
of connections and threads fill lazily, so that a run of seconds tells little. Of a run below five minutes memory is not
judged, only that the load is answered as it has to be and that nothing is left behind.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from rich.console import Console

from app.cli.example import fill
from app.cli.operator import OPERATOR, announcing_database
from app.database import Database
from app.demo.top_up import record_orders, today
from app.embedded import attach
from app.schema.node import parse_id
from app.sealing.vault import Vault
from app.server.documents import KEPT_DOCUMENTS
from app.tasks import end_tasks
from app.upgrade import upgrade
from tests.activity.probes import seeded
from tests.campaigns.soak_acts import ACTS, add_note, different_query, import_costs, known_query, scan, wrong_query
from tests.campaigns.soak_load import Load, Tenant
from tests.campaigns.soak_samples import (
    FEWEST,
    Left,
    Record,
    Sample,
    faults,
    left_behind,
    left_of,
    results,
)
from tests.campaigns.soak_site import APIS, POOL_SIZE, Site
from tests.clients import GraphQL, register
from tests.scanning.engine import Engine
from tests.scanning.local_cloud import SERVER, World, filled_world, local_clouds

MIB = 2**20
SHORTEST_JUDGED = 5.0
"""Minutes, below which memory is not judged: it takes a while to become flat."""
SETTLE_SECONDS = 60
"""What was open is closed within that: pauses of job runners, sockets whose loss has to be noticed."""


@dataclass(frozen=True)
class Plan:
    """How long and how much."""

    minutes: float

    @property
    def full(self) -> bool:
        """Whether memory is judged."""
        return self.minutes >= SHORTEST_JUDGED

    @property
    def tenants(self) -> int:
        return 4 if self.full else 2

    @property
    def grown(self) -> int:
        """Tenants that have the example's 21,000 charges; the others have what they send."""
        return self.tenants // 2

    @property
    def warm_documents(self) -> int:
        """Accepted and refused documents for each API process, to fill its caches."""
        return 2 * KEPT_DOCUMENTS if self.full else 20

    @property
    def warm_jobs(self) -> int:
        """Scans and imports by each API process, to fill what workers keep: after 300 such acts they grow no more."""
        return 75 if self.full else 1

    @property
    def warm_seconds(self) -> float:
        return min(180, self.minutes * 12)

    @property
    def rate(self) -> float:
        """Acts a second."""
        return 3.0 if self.full else 8.0

    @property
    def sample_seconds(self) -> float:
        return min(30.0, self.minutes * 60 / 30)


@pytest.fixture
async def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """A site of its own, ready, with empty tables."""
    if not request.config.getoption("--minutes"):
        pytest.skip("a soak takes minutes: `make campaign`, or --minutes 5")
    folder = tmp_path_factory.mktemp("soak")
    (folder / "data").mkdir()
    with attach(folder / "data") as engines, ExitStack() as stack:
        made = Site(engines.urls, folder, stack)
        await asyncio.to_thread(upgrade, engines.urls.database_url)
        made.save(filled_world())
        try:
            await made.start()
            yield made
        finally:
            ends = await asyncio.to_thread(made.stop)
    assert not ends, ends


@pytest.mark.campaign
async def test_nothing_grows_and_nothing_is_left_behind(request: pytest.FixtureRequest, site: Site) -> None:
    plan = Plan(request.config.getoption("--minutes"))
    record = Record(Path(request.config.getoption("--soak-folder") or site.folder) / "soak.csv")
    console = Console(width=160)
    console.print(f"Samples: {record.path}", highlight=False)
    load = Load(list(site.apis.values()), await settle_in(site, plan), ACTS, seeded(int(plan.minutes)))
    await warm_up(site, load, plan)
    before, files = await at_rest(site), site.open_files()
    waving = asyncio.create_task(change_world(site, load.chance))
    sampling = asyncio.create_task(sample_for_ever(site, record, plan.sample_seconds))
    try:
        await load.each(*ACTS)
        await load.run(plan.minutes * 60, plan.rate)
    finally:
        died = sampling.done()  # it ends by itself only where something is wrong
        await end_tasks(sampling, waving)
    after = await at_rest(site, before)
    complaints = site.complaints()
    more = {name: dict(now - files[name]) for name, now in site.open_files().items() if now - files[name]}
    console.print("More descriptors than after the warm-up:", more)
    console.print(results(record.samples, before, after))
    console.print(f"{load.done.total()} acts in {plan.minutes:g} minutes:", dict(load.done))
    console.print("Slowest, in seconds:", {name: round(seconds, 2) for name, seconds in load.slowest.items()})
    console.print(f"{load.waited} acts waited for others. Logged:", complaints)
    found = [*load.faults(), *left_behind(before, after)]
    found += [f"logged as {level}: {dict(events)}" for level, events in complaints.items() if level != "warning"]
    found += faults(record.samples) if plan.full else unsampled(site, record.samples)
    if died:
        found.append(f"sampling ended: {sampling.exception()!r}")
    if found:
        pytest.fail("\n".join([*found, f"Logs: {site.folder}"]), pytrace=False)


async def settle_in(site: Site, plan: Plan) -> list[Tenant]:
    """Tenants with a cloud that can be scanned, some with the example's inventory and costs."""
    tenants = []
    database = Database.connect(site.urls.database_url)
    async with httpx.AsyncClient(base_url=site.apis[APIS[0]], timeout=60) as client:
        for number in range(plan.tenants):
            person = await register(GraphQL(client), f"Soak{number}")
            organization_id = parse_id(person.organization_id).id
            if number < plan.grown:
                async with announcing_database(site.urls) as announced:
                    await fill(announced, organization_id)
            else:  # an example query asks for this metric
                await record_orders(database, organization_id, OPERATOR, today())
            vault, clouds = Vault.from_settings(site.settings), local_clouds(filled_world())
            await Engine(database, vault, site.urls.redis_url, clouds, organization_id).connect()
            tenants.append(Tenant(number, person.email, person.token, person.organization_id, person.slug))
    await database.close()
    return tenants


async def warm_up(site: Site, load: Load, plan: Plan) -> None:
    """Fill document caches, plans and pools of connections, and do everything that is done later."""
    await load.each(*ACTS)
    # Not for nobody's organization, which would be cheaper: prepared statements and what they read take memory too.
    await load.each(different_query, wrong_query, times=plan.warm_documents)
    await load.each(scan, import_costs, times=plan.warm_jobs)
    await load.run(plan.warm_seconds, plan.rate)
    await load.each(known_query, add_note, times=5 * POOL_SIZE)
    if load.errors:
        pytest.fail("\n".join(["The warm-up:", *load.errors, f"Logs: {site.folder}"]), pytrace=False)
    if plan.full:
        for name in APIS:
            assert await site.misses(name) > 2 * KEPT_DOCUMENTS, f"the caches of {name} are not full"
    load.done.clear()
    load.slowest.clear()
    load.waited = 0


async def change_world(site: Site, chance: random.Random) -> None:
    """Let servers of the cloud come, go and change."""
    while True:
        world: World = filled_world(chance.randint(4, 40))
        for region in world.regions:
            world.put(SERVER, region, "server-0", size=str(chance.random()))
        site.save(world)
        await asyncio.sleep(5)


async def sample_for_ever(site: Site, record: Record, seconds: float) -> None:
    """A sample now and then; it ends where a process has ended."""
    begun = time.monotonic()
    for number in range(1_000_000):
        await asyncio.sleep(max(0.0, begun + number * seconds - time.monotonic()))
        record.add(await site.sample(begun))


async def at_rest(site: Site, goal: Left | None = None) -> Left:
    """What is open once nothing goes on: when it stays the same for a while, or is no more than the goal."""
    last, since, deadline = Left(), time.monotonic(), time.monotonic() + SETTLE_SECONDS
    while True:
        found = left_of(await site.sample(0))
        if found != last:
            last, since = found, time.monotonic()
        steady = time.monotonic() - since > 5
        if time.monotonic() > deadline or (steady if goal is None else not left_behind(goal, found)):
            return found
        await asyncio.sleep(1)


def unsampled(site: Site, samples: list[Sample]) -> list[str]:
    """Of a run that is too short to be judged: processes of which there are not enough samples."""
    return [
        f"{name} has {count} samples"
        for name in site.processes
        if (count := sum(sample.process == name and sample.private is not None for sample in samples)) < FEWEST
    ]
