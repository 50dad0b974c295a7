"""The product on one machine: two API processes, two workers and the embedded engines, all of them mortal."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Self

import httpx

from app.config import Settings
from app.embedded import EngineStatus, EngineUrls, attach, status, wait_stopped
from app.tasks import end_tasks
from tests.campaigns.soak_samples import children_of

PROJECT = Path(__file__).resolve().parents[2]
RESTART_SECONDS = 0.3
READY_SECONDS = 240
STOP_SECONDS = 60
READY_WORDS = re.compile(rb'"(listening|worker_ready)"')
ENGINES = ("supervisor", "postgres", "valkey")
LEASE_SECONDS = 3.0
"""Of a job in this fleet, where the product's is 20: whoever is paused for longer is not paused for half a minute."""
LATE_WORKER = b'"job_lease_lost"'


class Way(StrEnum):
    """How a process is hit."""

    KILL = "SIGKILL"
    PAUSE = "SIGSTOP"  # and SIGCONT when a lease is over


@dataclass(eq=False)
class Member:
    """One process of the fleet, started again whenever it is gone, as an init system would."""

    name: str
    arguments: tuple[str, ...]
    environment: dict[str, str]
    log: Path
    url: str | None = None
    code: Path = PROJECT
    """The folder of the version that it runs."""
    process: subprocess.Popen[bytes] | None = None
    killed: bool = False
    log_start: int = 0
    died_alone: list[int] = field(default_factory=list)  # exit codes of ends that nobody caused
    failed_starts: int = 0  # it said no before it was ready, because the engines were being killed

    def tend(self) -> None:
        """Start it if it is gone, and note an end that nobody caused."""
        if self.process is not None and self.process.poll() is not None:
            if not self.killed and READY_WORDS.search(self.log.read_bytes()[self.log_start :]):
                self.died_alone.append(self.process.returncode)
            elif not self.killed:
                self.failed_starts += 1
            self.process = None
        if self.process is None:
            self.killed = False
            self.log_start = self.log.stat().st_size if self.log.exists() else 0
            with self.log.open("ab") as log:
                self.process = subprocess.Popen(
                    [sys.executable, "-m", *self.arguments],
                    cwd=self.code,
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )

    def kill(self) -> bool:
        """Kill -9; whether there was something to kill."""
        if self.process is None or self.process.poll() is not None:
            return False
        self.killed = True
        self.process.kill()
        return True

    def signal(self, number: signal.Signals) -> bool:
        """Pause it or let it go on; whether it was there."""
        if self.process is None or self.process.poll() is not None:
            return False
        self.process.send_signal(number)
        return True


class Fleet:
    """Keeps the processes running, kills and pauses them. Its workers scan the cloud in `world`, a file.

    Engines of somebody else's, in `engines`, are used and not hit; members are added by hand then.
    """

    def __init__(
        self, folder: Path, *, workers: int = 2, lease: float = LEASE_SECONDS, engines: EngineUrls | None = None
    ) -> None:
        self.data_dir = folder / "data"
        self.data_dir.mkdir(exist_ok=True)
        self.folder = folder
        self.world = folder / "world"
        self.lease = lease
        self.members: dict[str, Member] = {}
        self._engines = engines
        self._tending: asyncio.Task[None] | None = None
        self._pauses = set[asyncio.Task[None]]()
        if engines is None:
            for number in (1, 2):
                self.add_api(f"api-{number}")
            for number in range(1, workers + 1):
                self.add(f"worker-{number}", "tests.campaigns.worker", str(self.world), "--lease", str(lease))

    def add_api(self, name: str, code: Path = PROJECT) -> str:
        """An API process; its base URL."""
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        self.add(name, "app", "serve", "--port", str(port), url=url, code=code)
        return url

    def add(self, name: str, *arguments: str, url: str | None = None, code: Path = PROJECT) -> None:
        """A process that runs a module of the version in a folder, once the fleet is tended."""
        log = self.folder / f"{name}.log"
        self.members[name] = Member(name, arguments, self.environment, log, url, code)

    async def retire(self, name: str) -> int:
        """SIGTERM, and nobody in its place; the exit code."""
        process = self.members.pop(name).process
        assert process is not None
        process.terminate()
        return await asyncio.to_thread(process.wait, STOP_SECONDS)

    @property
    def environment(self) -> dict[str, str]:
        """Of every process."""
        found = {
            "PATH": os.environ["PATH"],
            "SKYLEDGER_DATA_DIR": str(self.data_dir),
            "SKYLEDGER_LOG_FORMAT": "json",
            "SKYLEDGER_COST_MAXIMUM": "1000000000",  # one key asks for everybody
            "SKYLEDGER_STREAMS_PER_CALLER": "1000",  # and follows, again before a stopped process knows of the last
        }
        if self._engines is not None:
            found["SKYLEDGER_DATABASE_URL"] = self._engines.database_url
            found["SKYLEDGER_REDIS_URL"] = self._engines.redis_url
        return found

    @property
    def settings(self) -> Settings:
        """As the processes have them: with the same keys."""
        return Settings(data_dir=self.data_dir)

    @property
    def urls(self) -> list[str]:
        """Base URLs of the API processes."""
        return [member.url for member in self.members.values() if member.url is not None]

    @property
    def killed(self) -> list[tuple[str, Way]]:
        """What can be killed."""
        return [(name, Way.KILL) for name in (*self.members, *ENGINES)]

    @property
    def paused(self) -> list[tuple[str, Way]]:
        """What can be paused: all but the supervisor, which does nothing but look after the others."""
        return [(name, Way.PAUSE) for name, _ in self.killed if name != "supervisor"]

    async def __aenter__(self) -> Self:
        # Its own lease ends at once: the campaign must not be what keeps the engines alive.
        with await asyncio.to_thread(attach, self.data_dir) if self._engines is None else contextlib.nullcontext():
            for member in self.members.values():
                member.tend()
            for url in self.urls:
                await until_ready(url)
        self._tending = asyncio.create_task(self._tend_for_ever())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._tending is not None:
            self._tending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._tending
        await end_tasks(*self._pauses)
        running = [member.process for member in self.members.values() if member.process is not None]
        for process in running:
            process.terminate()
        for process in running:
            try:
                await asyncio.to_thread(process.wait, STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._engines is None:
            assert await asyncio.to_thread(wait_stopped, self.data_dir), "engines were left behind"

    async def _tend_for_ever(self) -> None:
        while True:
            await asyncio.sleep(RESTART_SECONDS)
            for member in list(self.members.values()):
                member.tend()

    async def hit(self, victim: str, way: Way, seconds: float) -> bool:
        """Kill -9 a victim by its name, or pause it for so long; whether it was alive."""
        if victim in self.members:
            member = self.members[victim]
            if way is Way.KILL:
                return member.kill()
            return self._pause(member.signal, seconds)
        pid = getattr(await self.engines(), f"{victim}_pid")
        if pid is None:  # it is being started again
            return False
        if way is Way.KILL:
            return _send(pid, signal.SIGKILL)
        return self._pause(Family(pid).signal, seconds)

    def _pause(self, send: Callable[[signal.Signals], bool], seconds: float) -> bool:
        if not send(signal.SIGSTOP):
            return False

        task = asyncio.create_task(asyncio.sleep(seconds))
        self._pauses.add(task)
        task.add_done_callback(self._pauses.discard)
        task.add_done_callback(lambda _: send(signal.SIGCONT))  # also of one that is ended before it begins
        return True

    async def engines(self) -> EngineStatus:
        """How the engines are."""
        return await asyncio.to_thread(status, self.data_dir)

    async def engine_urls(self) -> EngineUrls:
        """Addresses of the engines, once they are ready."""
        if self._engines is not None:
            return self._engines
        async with asyncio.timeout(READY_SECONDS):
            while True:
                urls = (await self.engines()).urls
                if urls is not None:
                    return urls
                await asyncio.sleep(0.1)

    def died_alone(self) -> dict[str, list[int]]:
        """Exit codes of processes that were ready and ended without having been killed."""
        return {member.name: member.died_alone for member in self.members.values() if member.died_alone}

    def failed_starts(self) -> int:
        """How often a process gave up before it was ready; it was started again."""
        return sum(member.failed_starts for member in self.members.values())

    def late_workers(self) -> int:
        """How often a worker came back to a job that another one had taken, and let it be."""
        return sum(member.log.read_bytes().count(LATE_WORKER) for member in self.members.values() if member.url is None)

    def last_words(self) -> str:
        """The ends of all logs."""
        logs = sorted([*self.folder.glob("*.log"), *(self.data_dir / "engines").glob("*.log")])
        return "\n".join(f"--- {log.name}\n" + "\n".join(log.read_text().splitlines()[-40:]) for log in logs)


async def until_ready(url: str) -> float:
    """Wait until an API process says that it is ready; returns the seconds."""
    begun = time.monotonic()
    async with asyncio.timeout(READY_SECONDS), httpx.AsyncClient(timeout=5) as client:
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if (await client.get(f"{url}/health/ready")).status_code == httpx.codes.OK:
                    return time.monotonic() - begun
            await asyncio.sleep(0.1)


@dataclass(eq=False)
class Family:
    """An engine's first process and those that it has made: one for each connection in PostgreSQL."""

    pid: int
    children: list[int] = field(default_factory=list)

    def signal(self, number: signal.Signals) -> bool:
        """Pause all of them or let them go on; whether the first was there."""
        there = _send(self.pid, number)
        if number is signal.SIGSTOP:  # only now: it makes no more
            with contextlib.suppress(FileNotFoundError):
                self.children = children_of(self.pid)
        for child in self.children:
            _send(child, number)
        return there


def _send(pid: int, number: signal.Signals) -> bool:
    """Send a signal; whether there was a process."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
        return True
    return False


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
