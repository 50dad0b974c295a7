"""The scan campaign: kill -9 of workers while they scan; every scan ends, and as if nobody had been killed.

`pytest -m campaign --kills 200 -s tests/campaigns/test_scan_kills.py` does half as many kills; the rehearsal does five.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from subprocess import Popen
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.config import Settings
from app.database import Database
from app.embedded import EngineUrls
from app.repositories.jobs import JOBS
from app.sealing.vault import Vault
from tests.activity.probes import seeded
from tests.campaigns.record import Recorder, Row
from tests.scanning.engine import Engine
from tests.scanning.local_cloud import BUCKET, DISK, SERVER, TABLE, World, local_clouds
from tests.scanning.scan_worker import scan_worker

FULL = 100
ACCOUNTS, WORKERS = 3, 2
ROUND_SECONDS = 180  # a scan waits for a lease after each kill
GOT_OVER = 1 / 2  # of the kills; the others come on top of the last one
ENDED = ("SUCCEEDED", "PARTIAL", "FAILED", "CANCELLED")


@dataclass(eq=False)
class Crew:
    """Worker processes, each replaced when it is killed."""

    settings: Settings
    urls: EngineUrls
    folder: Path
    chance: random.Random
    stack: ExitStack = field(default_factory=ExitStack)
    processes: list[tuple[Popen[bytes], Path]] = field(default_factory=list)
    kills: int = 0
    hired: int = 0

    def hire(self) -> None:
        """Fill the crew up."""
        while len(self.processes) < WORKERS:
            self.hired += 1
            log = self.folder / f"worker-{self.hired}.log"
            worker = scan_worker(self.settings, self.urls, self.folder / "world", log)
            self.processes.append((self.stack.enter_context(worker), log))

    def kill(self) -> None:
        """Kill -9 one of those that have begun to work, if there is one."""
        ready = [member for member in self.processes if b'"worker_ready"' in member[1].read_bytes()]
        if not ready:
            return
        member = self.chance.choice(ready)
        assert member[0].poll() is None, "a worker died by itself"
        member[0].kill()
        self.processes.remove(member)
        self.kills += 1
        self.hire()


@pytest.mark.campaign
async def test_no_kill_changes_what_a_scan_finds(
    request: pytest.FixtureRequest,
    recorder: Recorder,
    database: Database,
    settings: Settings,
    engine_urls: EngineUrls,
    tmp_path: Path,
) -> None:
    kills: int = request.config.getoption("--kills") // 2
    chance = seeded(kills)
    world = big_world(chance)
    engine = Engine(database, Vault.from_settings(settings), engine_urls.redis_url, local_clouds(world))
    undisturbed = replace(engine, organization_id=uuid4())
    for number in range(ACCOUNTS):
        await engine.connect(str(number))
        await undisturbed.connect(str(number))
    crew = Crew(settings, EngineUrls(str(settings.database_url), engine_urls.redis_url), tmp_path, chance)
    with recorder.campaign("kill of scans", kills, FULL, "kills") as telling:
        rounds = 0
        with crew.stack:
            while crew.kills < kills:
                rounds += 1
                change(world, chance)
                world.seconds = 0.05
                world.save(tmp_path / "world")
                crew.hire()
                found = await disturbed_round(engine, crew, kills)
                world.seconds = 0.0
                world.save(tmp_path / "world")
                assert found == await quiet_round(undisturbed), f"round {rounds} differs"
                assert await engine.inventory() == await undisturbed.inventory(), f"round {rounds} left other rows"
        tokens = [token for (token,) in await engine.rows("SELECT fencing_token FROM jobs WHERE kind = 'run_scan'")]
        telling.show("kill of scans", crew.kills, results(rounds, tokens))
        assert await engine.rows("SELECT count(*) FROM scan_sightings") == [(0,)]
        assert (
            len(await engine.events("SCAN_FINISHED")) == len(await engine.events("SCAN_STARTED")) == rounds * ACCOUNTS
        )
        assert sum(tokens) > len(tokens), "no kill hit a scan"


async def disturbed_round(engine: Engine, crew: Crew, kills: int) -> list[dict[str, Any]]:
    """Scan every account while workers are killed; what the scans say, by account."""
    started = (await engine.start()).scans
    assert len(started) == ACCOUNTS
    scan_ids = [scan["id"] for scan in started]
    async with asyncio.timeout(ROUND_SECONDS):
        while not await _ended(engine, scan_ids):
            await asyncio.sleep(crew.chance.uniform(0.05, 1.5))
            if crew.kills < kills and await _busy(engine):
                crew.kill()
                if crew.chance.random() < GOT_OVER:
                    await _go_on(engine, scan_ids)
    return await verdicts(engine, scan_ids)


async def quiet_round(engine: Engine) -> list[dict[str, Any]]:
    """The same without a kill, in an organization of its own."""
    started = (await engine.start()).scans
    for scan in started:
        await engine.until(scan["id"], *ENDED)
    return await verdicts(engine, [scan["id"] for scan in started])


async def verdicts(engine: Engine, scan_ids: list[UUID]) -> list[dict[str, Any]]:
    """What scans say of themselves, in the order of their accounts."""
    found = []
    for scan_id in scan_ids:
        scan = await engine.row(scan_id)
        steps = await engine.steps(scan_id)
        columns = ("state", "found", "added", "changed", "removed", "unchanged", "problems")
        values = {key: tuple(step[column] for column in columns) for key, step in steps.items()}
        found.append({"state": scan["state"], "failure": scan["failure"], "steps": values})
    return found


async def _ended(engine: Engine, scan_ids: list[UUID]) -> bool:
    return all([(await engine.row(scan_id))["state"] in ENDED for scan_id in scan_ids])


async def _go_on(engine: Engine, scan_ids: list[UUID]) -> None:
    """Wait until a step of each scan that has not ended has ended since."""
    before = {scan_id: await _steps_ended(engine, scan_id) for scan_id in scan_ids}
    for scan_id, count in before.items():
        while (await engine.row(scan_id))["state"] not in ENDED and await _steps_ended(engine, scan_id) == count:  # noqa: ASYNC110 - other processes end it
            await asyncio.sleep(0.05)


async def _steps_ended(engine: Engine, scan_id: UUID) -> int:
    return sum(step["finished_at"] is not None for step in (await engine.steps(scan_id)).values())


async def _busy(engine: Engine) -> bool:
    """Whether a worker holds a scan now."""
    async with engine.database.read(engine.organization_id) as session:
        found = await session.execute(JOBS.select().where(JOBS.c.state == "RUNNING", JOBS.c.kind == "run_scan"))
        return found.first() is not None


def big_world(chance: random.Random) -> World:
    """Steps of many pages, so that a kill meets one in the middle."""
    world = World(page_size=20)
    for region in world.regions:
        for resource_type in (SERVER, DISK):
            world.put(resource_type, region, *(f"{number:04}" for number in range(200)), size=chance.randint(1, 9))
        world.put(TABLE, region, "table-0")
        world.put(BUCKET, "global", f"bucket-{region}", region=region)
    return world


def change(world: World, chance: random.Random) -> None:
    """Let some resources go, change, come, and come back."""
    for place, there in world.things.items():
        names = [values["name"] for values in there.values()]
        world.take(*place, *chance.sample(names, len(names) // 10))
        extra = {"region": chance.choice(world.regions)} if place[0] == BUCKET else {}
        world.put(*place, *chance.sample(names, len(names) // 5), size=chance.randint(1, 9), **extra)
        world.put(*place, f"new-{chance.randint(0, 9)}", size=1, **extra)


def results(rounds: int, tokens: list[int]) -> list[Row]:
    """The figures of the campaign."""
    return [
        ("scans", f"{rounds * ACCOUNTS} in {rounds} rounds, all ended as undisturbed ones"),
        ("times a scan was taken over", str(sum(tokens) - len(tokens))),
        ("most workers of one scan", str(max(tokens))),
    ]
