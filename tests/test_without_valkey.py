"""Two servers and a worker whose Valkey is killed, or hangs, under them: all goes on, nothing is lost, and it is told.

What asks Valkey: the log-in throttle (counts in the process instead), notices of changed reach (the cache's seconds
instead), wake-ups of jobs (the sweep), announcements of events and scans (polls). Each has its own test in its room;
here they are away together, as they are when Valkey is.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from redis import Redis
from sqlalchemy import select

from app.config import Settings
from app.database import Database
from app.embedded import EngineUrls
from app.embedded.binaries import locate
from app.models import Session, User, now
from app.repositories.scheduled_work import SCHEDULED, plan
from app.workers.schedule import schedule
from tests.activity.sockets import Follower, following
from tests.clients import PASSWORD, GraphQL, Person, register, serving
from tests.workers.probes import QUICK, put, until_state, worker

NOTE = "mutation($input: AddNoteInput!) { addNote(input: $input) { __typename } }"
LOG_IN = "mutation($input: LogInInput!) { logIn(input: $input) { __typename } }"
MOST_SECONDS = 10.0
"""Of one operation while Valkey hangs: it asks once or twice, for one or two seconds each; the machine may be busy."""


class OwnValkey:
    """A server of the test's own, which may be taken away."""

    def __init__(self, folder: Path) -> None:
        self._socket = folder / "valkey.sock"
        self.url = f"unix://{self._socket}?db=0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        program = locate().valkey_server
        self._process = subprocess.Popen(
            [program, "--port", "0", "--unixsocket", self._socket, "--save", "", "--dir", self._socket.parent],
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 60
        while not self._answers():
            assert time.monotonic() < deadline, "Valkey does not start"
            time.sleep(0.05)

    def _answers(self) -> bool:
        client = Redis.from_url(self.url, socket_timeout=1)
        with contextlib.closing(client), contextlib.suppress(Exception):
            return bool(client.ping())
        return False

    def send(self, number: signal.Signals) -> None:
        """A signal."""
        assert self._process is not None
        os.kill(self._process.pid, number)

    def kill(self) -> None:
        """SIGKILL; what it held is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
            self._socket.unlink(missing_ok=True)


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[OwnValkey]:
    """It runs."""
    found = OwnValkey(tmp_path)
    found.start()
    yield found
    found.kill()


@pytest.fixture
def sites(settings: Settings, own_valkey: OwnValkey) -> Iterator[tuple[str, str]]:
    """Two servers on it; their base URLs."""
    assert settings.database_url is not None
    urls = EngineUrls(settings.database_url, own_valkey.url)
    with serving(settings, urls) as one, serving(settings, urls) as other:
        yield one, other


@contextlib.asynccontextmanager
async def caller(url: str) -> AsyncIterator[GraphQL]:
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        yield GraphQL(client)


async def readiness(url: str) -> dict[str, Any]:
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        response = await client.get("/health/ready")
    assert response.status_code == 200, "without Valkey it serves"
    told: dict[str, Any] = response.json()
    return told


async def until_status(url: str, status: str) -> dict[str, Any]:
    async with asyncio.timeout(60):
        while (told := await readiness(url))["status"] != status:  # noqa: ASYNC110  (it is what is asked)
            await asyncio.sleep(0.1)
    return told


async def works(graphql: GraphQL, who: Person, follower: Follower, texts: list[str]) -> float:
    """Write, read, log in, sign somebody up; the events come to a subscriber of the other process. Longest seconds."""
    longest = 0.0

    async def timed(act: Callable[[], Any]) -> Any:
        nonlocal longest
        begun = time.monotonic()
        found = await act()
        longest = max(longest, time.monotonic() - begun)
        return found

    for text in texts:
        sent = {"input": {"organizationId": who.organization_id, "text": text}}
        noted = await timed(lambda sent=sent: graphql.data(NOTE, sent, token=who.token))  # type: ignore[misc]
        assert noted["addNote"]["__typename"] == "AddNotePayload"
    read = await timed(
        lambda: graphql.data("query($s: String!) { organization(slug: $s) { slug } }", {"s": who.slug}, token=who.token)
    )
    assert read["organization"]["slug"] == who.slug
    sent = {"input": {"email": who.email, "password": PASSWORD}}
    assert (await timed(lambda: graphql.data(LOG_IN, sent)))["logIn"]["__typename"] == "LogInPayload"
    assert (await timed(lambda: register(graphql, "Grace"))).token
    assert [event["data"]["text"] for event in await follower.events(len(texts))] == texts
    return longest


@pytest.mark.parametrize("how", ["killed", "hung"])
async def test_everything_works_without_valkey_and_with_it_again(
    how: str, sites: tuple[str, str], own_valkey: OwnValkey, database: Database, settings: Settings
) -> None:
    here, there = sites
    assert settings.database_url is not None

    async def nothing(_job: object) -> None:
        return None

    urls = EngineUrls(settings.database_url, own_valkey.url)
    async with caller(here) as graphql, worker(settings, urls, {"probe": nothing}, QUICK):
        ada = await register(graphql)
        async with following(there, ada.organization_id, accessToken=ada.token) as follower:
            await follower.message()  # where it begins
            assert (await until_status(here, "ready"))["checks"]["valkey"] == "ok"
            await works(graphql, ada, follower, ["with 1", "with 2"])

            if how == "killed":
                await asyncio.to_thread(own_valkey.kill)
            else:
                own_valkey.send(signal.SIGSTOP)
            for site in sites:
                told = await until_status(site, "degraded")
                assert told["checks"] == {"postgresql": "ok", "migrations": "ok", "valkey": told["checks"]["valkey"]}
                assert told["checks"]["valkey"] == ("failed" if how == "killed" else told["checks"]["valkey"]) != "ok"
            longest = await works(graphql, ada, follower, [f"without {number}" for number in range(5)])
            assert longest < MOST_SECONDS
            await until_state(database, await put(database), "SUCCEEDED")

            if how == "killed":
                await asyncio.to_thread(own_valkey.start)
            else:
                own_valkey.send(signal.SIGCONT)
            for site in sites:
                await until_status(site, "ready")
            await works(graphql, ada, follower, ["again 1", "again 2"])
            await until_state(database, await put(database), "SUCCEEDED")


async def test_what_is_due_by_the_clock_is_done_without_valkey(
    own_valkey: OwnValkey, database: Database, settings: Settings
) -> None:
    """All of it, by a whole worker that finds no Valkey when it starts: what yesterday missed, and what comes next."""
    assert settings.database_url is not None
    await asyncio.to_thread(own_valkey.kill)
    works = [work.name for work in schedule()]
    async with database.system() as session:
        user = User(email="ada@skyledger.example", name="Ada", password_hash="x")
        session.add(user)
        await session.flush()
        session.add(Session(user_id=user.id, expires_at=now() - timedelta(days=1)))
        await plan(session, dict.fromkeys(works, now() - timedelta(days=1)))
    with structlog.testing.capture_logs() as logs:
        async with worker(settings, EngineUrls(settings.database_url, own_valkey.url), {}, QUICK):
            await until_done(database, works)
    assert [each for each in logs if each["event"].startswith("scheduled_work_") and each["log_level"] != "info"] == []
    assert sorted(each["work"] for each in logs if each["event"] == "scheduled_work_done") == sorted(works), "once each"
    async with database.system() as session:
        assert (await session.execute(select(Session.id))).all() == []
        due = (await session.execute(select(SCHEDULED.c.name).where(SCHEDULED.c.due_at > now()))).scalars()
        assert sorted(due) == sorted(works)


async def until_done(database: Database, names: list[str]) -> None:
    async with asyncio.timeout(60):
        while True:
            async with database.system() as session:
                done = (await session.execute(select(SCHEDULED.c.name).where(SCHEDULED.c.done_at.is_not(None)))).all()
            if len(done) == len(names):
                return
            await asyncio.sleep(0.1)
