"""The upgrade campaign: the version before this one is replaced by this one under load, and no request fails.

The version before is the newest commit of this project's history with fewer migrations; its own code serves, works, and
makes the tables that this version's `migrate` then brings up to date, with both versions at work before and after.
Requests go to every process that has been ready once and has not been taken out. Whether all of them go on saying that
they are ready is told; it is a fault where a process of this version does not.

`pytest -m campaign --upgrade-seconds 30 -s tests/campaigns/test_upgrade.py` is the full form: so long the load goes on
after each step; in the rehearsal it is half a second.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from app.embedded import attach
from app.tasks import end_tasks
from tests.activity.probes import seeded
from tests.campaigns.callers import Access, Subscriber
from tests.campaigns.fleet import PROJECT, Fleet, until_ready
from tests.campaigns.hits import Hit, get_over
from tests.campaigns.ordeal import Load, carry_out
from tests.campaigns.record import Recorder, Telling
from tests.campaigns.verdict import judge, results, told
from tests.campaigns.versions import NoHistoryError, Version, version_before

OLD_API, OLD_WORKER = "old-api", "old-worker"
LOOK_SECONDS = 0.2
LEAVING_SECONDS = 0.5
"""From the moment at which nobody sends anything to a process any more until it is told to stop."""


@pytest.fixture
def before() -> Version:
    """The version before this one."""
    try:
        return version_before()
    except NoHistoryError as reason:
        pytest.skip(f"No version before this one to upgrade from: {reason}")


@pytest.mark.campaign
async def test_an_upgrade_under_load_fails_no_request(
    request: pytest.FixtureRequest, recorder: Recorder, before: Version, tmp_path: Path
) -> None:
    seconds: float = request.config.getoption("--upgrade-seconds")
    with recorder.campaign("upgrade", 1, 1, f"upgrade with {seconds:g} s after each step") as telling:
        await upgrade_under_load(telling, before, seconds, tmp_path)


async def upgrade_under_load(telling: Telling, before: Version, seconds: float, folder: Path) -> None:
    """Replace the version before by this one, tell and judge."""
    old = before.unpack(folder / "before")
    (folder / "data").mkdir()
    with await asyncio.to_thread(attach, folder / "data") as engines:
        fleet = Fleet(folder, engines=engines.urls)
        await migrate(fleet, old)
        fleet.add_api(OLD_API, code=old)
        fleet.add(OLD_WORKER, "app", "worker", code=old)
        async with fleet:
            rollout = Rollout(fleet, seconds)
            facts = await carry_out(fleet, rollout.carry_out, seeded(1), Load(scans=False))
    of_upgrade = [
        ("version before", f"commit {before.commit[:9]}, {before.migrations} migrations before this one"),
        ("requests that failed", str(len(rollout.failures))),
        ("looks at which a process that served was not ready", told(Counter(name for name, _ in rollout.unready))),
    ]
    telling.show("upgrade", 1, [*of_upgrade, *results(facts)])
    assert rollout.failures == []
    assert rollout.codes == {OLD_API: 0, OLD_WORKER: 0}, "an old process did not end well"
    assert [answer for name, answer in rollout.unready if name != OLD_API] == [], "not ready"
    judge(facts)


@dataclass(eq=False)
class Rollout:
    """Replaces all processes, one after the other."""

    fleet: Fleet
    seconds: float
    failures: list[str] = field(default_factory=list)
    codes: dict[str, int] = field(default_factory=dict)
    """Exit codes of those that were replaced."""
    unready: list[tuple[str, str]] = field(default_factory=list)
    """Names of processes that take requests, and what they answered instead of being ready."""

    async def carry_out(self, fleet: Fleet, access: Access, _subscribers: list[Subscriber]) -> list[Hit]:
        """See `app.campaigns.ordeal.Trouble`."""
        made = list[Hit]()

        async def step(name: str, act: Callable[[], Awaitable[object]]) -> None:
            made.append(Hit(name, time.monotonic()))
            await act()
            await get_over(made[-1], access)
            await asyncio.sleep(self.seconds)

        looking = asyncio.create_task(self._look_for_ever(access))
        try:
            await step("migrate", lambda: migrate(fleet, PROJECT))
            await step("new API process", lambda: self._join("new-api", access))
            await step("new worker", lambda: self._work("new-worker"))
            await step("end of the old worker", lambda: self._leave(OLD_WORKER, access))
            await step("end of the old API process", lambda: self._leave(OLD_API, access))
        finally:
            await end_tasks(looking)
        self.failures = list(access.failures)
        return made

    async def _join(self, name: str, access: Access) -> None:
        url = self.fleet.add_api(name)
        await until_ready(url)
        access.urls.append(url)
        access.works[url] = 0.0

    async def _work(self, name: str) -> None:
        self.fleet.add(name, "app", "worker")
        log = self.fleet.members[name].log
        async with asyncio.timeout(60):
            while not (log.exists() and b'"worker_ready"' in log.read_bytes()):  # noqa: ASYNC110 - another process's
                await asyncio.sleep(0.1)

    async def _leave(self, name: str, access: Access) -> None:
        url = self.fleet.members[name].url
        if url is not None:
            access.urls.remove(url)
            del access.works[url]
            await asyncio.sleep(LEAVING_SECONDS)
        self.codes[name] = await self.fleet.retire(name)

    async def _look_for_ever(self, access: Access) -> None:
        """Ask all that take requests whether they are ready, as a balancer does."""
        async with httpx.AsyncClient(timeout=5) as client:
            while True:
                for member in list(self.fleet.members.values()):
                    if member.url in access.urls:
                        answer = await client.get(f"{member.url}/health/ready")
                        if answer.status_code != httpx.codes.OK and member.url in access.urls:
                            self.unready.append((member.name, answer.text))
                await asyncio.sleep(LOOK_SECONDS)


async def migrate(fleet: Fleet, code: Path) -> None:
    """Bring the tables to what the version in a folder needs."""
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "app", "migrate"],
        cwd=code,
        env=fleet.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
