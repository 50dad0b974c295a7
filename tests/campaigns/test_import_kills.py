"""The import campaign: kill -9 of the worker and of PostgreSQL during imports, while a reader looks at the totals.

Readers see one whole delivery, in charges and roll-ups alike, never a mixture and never nothing; and each import ends.
`pytest -m campaign --kills 200 -s tests/campaigns/test_import_kills.py` is the full form; the rehearsal does ten kills.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from subprocess import Popen
from typing import Any

import asyncpg
import httpx
import pytest

from app.config import Settings
from app.embedded import EngineUrls, attach, status
from app.main import create_app, make_runtime, running
from app.repositories.cost_store import FINE, MERGED
from app.schema.node import parse_id
from app.upgrade import upgrade
from tests.activity.probes import seeded
from tests.campaigns.record import Recorder, Row
from tests.clients import GraphQL, register
from tests.sourcing.import_worker import import_worker
from tests.sourcing.importing import Importing, focus_file
from tests.uploads.senders import Sender

FULL = 200
ROWS = 40_000
"""Several chunks of the reader, so that a kill meets an import between two of them too."""
KINDS = ("worker", "postgres")
ROUND_SECONDS = 240
MOST_KILLS_A_ROUND = 6
LONGEST_START = 0.9
"""Of a worker's time from its begin to store until it is killed, in seconds."""
ROLL_UPS = (*FINE, *MERGED)
# One statement has one snapshot: all figures are of the same moment.
_OF_ROLL_UP = "(SELECT ARRAY[coalesce(sum(billed_cost), 0), coalesce(sum(charge_count), 0)] FROM {})"
FIGURES = ", ".join(
    (
        "SELECT (SELECT ARRAY[coalesce(sum(billed_cost), 0), count(*)] FROM charges)",
        *(_OF_ROLL_UP.format(table) for table in ROLL_UPS),
    )
)
BEGUN = "SELECT count(*) FROM pg_locks WHERE relation = 'cost_import_periods'::regclass AND mode = 'RowExclusiveLock'"
# What asyncpg raises while a server is killed: the last one where the loss is noticed between two messages.
AWAY = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
UNDER_WAY = ("QUEUED", "RUNNING")
STATES = "SELECT state FROM cost_imports WHERE id = $1"
Total = tuple[Decimal, Decimal]


@dataclass(eq=False)
class Site:
    """Engines of this campaign's own, a worker that is replaced when it is killed, and what a reader has seen."""

    urls: EngineUrls
    data_dir: Path
    folder: Path
    chance: random.Random
    stack: ExitStack = field(default_factory=ExitStack)
    worker: Popen[bytes] | None = None
    hired: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    seen: Counter[Total] = field(default_factory=Counter)
    torn: list[list[Total]] = field(default_factory=list)
    unanswered: int = 0

    def hire(self) -> None:
        """Start a worker if there is none."""
        if self.worker is None:
            self.hired += 1
            log = self.folder / f"worker-{self.hired}.log"
            self.worker = self.stack.enter_context(import_worker(self.urls, self.data_dir, log))

    async def kill(self, victim: str) -> bool:
        """Kill -9; whether there was something to kill."""
        if victim == "worker":
            if self.worker is None:
                return False
            assert self.worker.poll() is None, "the worker died by itself"
            killed, self.worker = self.worker, None
            killed.kill()
            self.hire()  # before anything is awaited: the round may end here, and the next one needs a worker
            await asyncio.to_thread(killed.wait)
        else:
            pid = (await asyncio.to_thread(status, self.data_dir)).postgres_pid
            if pid is None:
                return False
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.kills[victim] += 1
        return True

    async def ask(self, statement: str, *values: Any) -> Any:
        """One row; waits while PostgreSQL is away."""
        while True:
            try:
                async with self._connected() as connection:
                    return await connection.fetchrow(statement, *values)
            except AWAY:
                await asyncio.sleep(0.1)

    async def read_for_ever(self) -> None:
        """Look at all totals every few milliseconds."""
        while True:
            try:
                async with self._connected() as connection:
                    while True:
                        self._look(await connection.fetchrow(FIGURES))
                        await asyncio.sleep(0.003)
            except AWAY:
                self.unanswered += 1
                await asyncio.sleep(0.05)

    def _look(self, row: Any) -> None:
        totals = [(figure[0], figure[1]) for figure in row]
        self.seen[totals[0]] += 1
        if len(set(totals)) > 1:
            self.torn.append(totals)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[asyncpg.Connection]:
        connection = await asyncpg.connect(self.urls.database_url.replace("+asyncpg", ""), timeout=5)
        try:
            yield connection
        finally:
            with contextlib.suppress(Exception):
                await connection.close(timeout=1)


@pytest.fixture
async def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """A site of its own, with tables and nobody in it."""
    folder = tmp_path_factory.mktemp("import-kills")
    data_dir = folder / "data"
    data_dir.mkdir()
    with attach(data_dir) as engines, ExitStack() as stack:
        urls = engines.urls
        await asyncio.to_thread(upgrade, urls.database_url)
        made = Site(urls, data_dir, folder, seeded(request.config.getoption("--kills")), stack)
        yield made


@asynccontextmanager
async def importer(site: Site) -> AsyncIterator[Importing]:
    """Ada, who imports at an API in this process."""
    settings = Settings(
        data_dir=site.data_dir, database_url=site.urls.database_url, redis_url=site.urls.redis_url, log_level="ERROR"
    )
    runtime = make_runtime(settings, site.urls)
    async with running(runtime):
        app, _ = create_app(runtime)
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test", timeout=120) as client:
            yield Importing(Sender(client, await register(GraphQL(client))), runtime, settings, site.urls.redis_url)


@pytest.mark.campaign
async def test_no_kill_shows_half_a_delivery(request: pytest.FixtureRequest, recorder: Recorder, site: Site) -> None:
    wanted: int = request.config.getoption("--kills")
    amounts = {"1.25": ROWS, "2.75": ROWS - 777}
    totals = {amount: (Decimal(amount) * rows, Decimal(rows)) for amount, rows in amounts.items()}
    outcomes: Counter[str] = Counter()
    with recorder.campaign("kill of imports", wanted, FULL, "kills") as telling:
        async with importer(site) as ada:
            uploads = {amount: await ada.sent(focus_file(rows, amount)) for amount, rows in amounts.items()}
            site.hire()
            await until_ended(site, await ada.started(uploads["1.25"]))
            reading = asyncio.create_task(site.read_for_ever(), name="reader")
            in_force, rounds = "1.25", 0
            while site.kills.total() < wanted:
                rounds += 1
                following = "2.75" if in_force == "1.25" else "1.25"
                import_id = await try_for_long(lambda following=following: ada.started(uploads[following]))  # type: ignore[misc]
                killing = asyncio.create_task(kill_at_times(site, wanted), name="killer")
                state = await until_ended(site, import_id)
                killing.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await killing
                outcomes[state] += 1
                in_force = following if state == "SUCCEEDED" else in_force
                assert tuple((await site.ask(FIGURES))[0]) == totals[in_force], f"round {rounds} ended {state}"
                await until_seen(site, totals[in_force])
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reading
        telling.show("kill of imports", site.kills.total(), results(site, rounds, outcomes))
        assert site.torn == [], "charges and roll-ups were of different deliveries"
        assert site.seen.keys() == set(totals.values()), "a reader saw what no delivery says"
        assert outcomes.keys() == {"SUCCEEDED"}
        jobs = await site.ask("SELECT sum(fencing_token), count(*) FROM jobs WHERE kind = 'import_costs'")
        assert jobs[0] > jobs[1], "no kill hit an import"


async def kill_at_times(site: Site, wanted: int) -> None:
    """Kill in the middle of the import, again and again, and let it get through now and then.

    At the latest after six kills: on a machine that is busy with other things an import takes longer than any pause.
    """
    most = min(wanted, site.kills.total() + MOST_KILLS_A_ROUND)
    while site.kills.total() < most:
        while not (await site.ask(BEGUN))[0]:  # noqa: ASYNC110 - another process begins
            await asyncio.sleep(0.02)
        await asyncio.sleep(site.chance.uniform(0, LONGEST_START))
        victim = KINDS[site.kills.total() % len(KINDS)]
        if await site.kill(victim) and site.chance.random() < 1 / 2:
            await asyncio.sleep(site.chance.uniform(2, 5))


async def until_ended(site: Site, import_id: str) -> str:
    """The state in which an import ends."""
    async with asyncio.timeout(ROUND_SECONDS):
        while (state := (await site.ask(STATES, parse_id(import_id).id))[0]) in UNDER_WAY:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    found: str = state
    return found


async def until_seen(site: Site, total: Total) -> None:
    """Wait until the reader has seen a total, which may take a busy machine a while."""
    async with asyncio.timeout(ROUND_SECONDS):
        while total not in site.seen:  # noqa: ASYNC110 - another task looks
            await asyncio.sleep(0.01)


async def try_for_long(act: Callable[[], Any]) -> Any:
    """Do it again until PostgreSQL is back."""
    async with asyncio.timeout(ROUND_SECONDS):
        while True:
            try:
                return await act()
            except AssertionError:
                await asyncio.sleep(0.2)


def results(site: Site, rounds: int, outcomes: Counter[str]) -> list[Row]:
    """The figures of the campaign."""
    return [
        ("kills", ", ".join(f"{count} of {victim}" for victim, count in sorted(site.kills.items()))),
        ("imports", f"{rounds}: " + ", ".join(f"{count} {state}" for state, count in outcomes.items())),
        ("looks at the totals", f"{site.seen.total()}, of a mixture: {len(site.torn)}"),
        ("totals seen", ", ".join(f"{amount} ({count} times)" for (amount, _), count in site.seen.items())),
        ("times the reader had to connect again", str(site.unanswered)),
    ]
