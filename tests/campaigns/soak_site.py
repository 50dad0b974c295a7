"""Two API processes and two workers on PostgreSQL and Valkey of their own, and what they take at a moment."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import orjson
from redis.asyncio import Redis

from app.config import Settings
from app.embedded import EngineUrls
from tests.campaigns.fleet import PROJECT, free_port, until_ready
from tests.campaigns.soak_samples import Sample, children_of, sample_of
from tests.scanning.local_cloud import World

APIS, WORKERS = ("api-1", "api-2"), ("worker-1", "worker-2")
POOL_SIZE = 4
"""Small, so that all pools are full after the warm-up, and a few lost connections would stop a process."""
STOP_SECONDS = 60
READY_SECONDS = 60
_TASKS = re.compile(r"^skyledger_event_loop_tasks (\S+)$", re.MULTILINE)
_MISSES = re.compile(r'^skyledger_graphql_document_lookups_total\{result="miss"\} (\S+)$', re.MULTILINE)
_LETTER = re.compile("(?:─){72}\nMail to .*?(?:─){72}\n".encode(), re.DOTALL)
"""A mail in the terminal, where development sends it."""
_CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'skyledger'"


@dataclass(eq=False)
class Site:
    """The processes of the soak. None of them is started again: an end before the end is a fault."""

    urls: EngineUrls
    folder: Path
    stack: ExitStack = field(default_factory=ExitStack)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    apis: dict[str, str] = field(default_factory=dict)
    """Name → base URL."""

    @property
    def data_dir(self) -> Path:
        """What all of them share."""
        return self.folder / "data"

    @property
    def settings(self) -> Settings:
        """As the processes have them: with the same keys."""
        return Settings(data_dir=self.data_dir, database_url=self.urls.database_url, redis_url=self.urls.redis_url)

    def save(self, world: World) -> None:
        """Change what scans find, at once for every worker."""
        partial = self.folder / "world.partial"
        world.save(partial)
        partial.replace(self.folder / "world")

    async def start(self) -> None:
        """Start all and wait until they are ready."""
        for name in APIS:
            port = free_port()
            self.apis[name] = f"http://127.0.0.1:{port}"
            self._start(name, "app", "serve", "--port", str(port))
        for name in WORKERS:
            world, tasks = str(self.folder / "world"), str(self._tasks_file(name))
            self._start(name, "tests.campaigns.worker", world, "--tasks", tasks)
        for url in self.apis.values():
            await until_ready(url)
        deadline = time.monotonic() + READY_SECONDS
        while not all(b"worker_ready" in self._log(name).read_bytes() for name in WORKERS):
            assert time.monotonic() < deadline, self.last_words()
            await asyncio.sleep(0.1)

    def _start(self, name: str, module: str, *arguments: str) -> None:
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(PROJECT),
            "SKYLEDGER_DATA_DIR": str(self.data_dir),
            "SKYLEDGER_DATABASE_URL": self.urls.database_url,
            "SKYLEDGER_REDIS_URL": self.urls.redis_url,
            "SKYLEDGER_DATABASE_POOL_SIZE": str(POOL_SIZE),
            # The machine may be busy with other things: what is slow is told, and is no error here.
            "SKYLEDGER_EXECUTION_SECONDS": "90",
            "SKYLEDGER_STATEMENT_SECONDS": "60",
            "SKYLEDGER_COST_MAXIMUM": "1000000000",  # the warm-up would empty the usual bucket
            "SKYLEDGER_LOGIN_ATTEMPTS_PER_ACCOUNT": "100",
            "SKYLEDGER_LOGIN_ATTEMPTS_PER_ADDRESS": "10000",
            "SKYLEDGER_REFRESH_PRICES_WEEKLY": "false",
            "SKYLEDGER_LOG_FORMAT": "json",
        } | {key: value for key, value in os.environ.items() if key.startswith("MALLOC_")}
        command = [sys.executable, "-m", module, *arguments]
        with self._log(name).open("ab") as log:
            process = subprocess.Popen(
                command, cwd=PROJECT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self.processes[name] = process

    def stop(self) -> list[str]:
        """SIGTERM to all; what was wrong with their ends."""
        faults = [f"{name} ended by itself" for name, process in self.processes.items() if process.poll() is not None]
        for process in self.processes.values():
            process.terminate()
        for name, process in self.processes.items():
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                faults.append(f"{name} did not stop within {STOP_SECONDS} s")
        return faults

    async def sample(self, begun: float) -> list[Sample]:
        """All processes now; `begun` is of time.monotonic()."""
        seconds = round(time.monotonic() - begun, 1)
        found = []
        for name, process in self.processes.items():
            found.append(sample_of(seconds, name, process.pid, await self._tasks(name)))
            for number, child in enumerate(children_of(process.pid), 1):
                with suppress(FileNotFoundError, ProcessLookupError):  # one that has just ended
                    found.append(sample_of(seconds, f"{name} child {number}", child))
        return [*found, await self._postgres(seconds), await self._valkey(seconds)]

    def open_files(self) -> dict[str, Counter[str]]:
        """What the descriptors of each process are of, without numbers: to find the kind of which there are more."""
        found = {}
        for name, process in self.processes.items():
            links = list(Path(f"/proc/{process.pid}/fd").iterdir())
            found[name] = Counter(re.sub(r"\[?\d+\]?", "", str(link.readlink())) for link in links)
        return found

    async def misses(self, name: str) -> int:
        """How many documents an API process had to examine."""
        return int(float(_MISSES.findall(await self._metrics(name))[0]))

    async def _tasks(self, name: str) -> int:
        if name in self.apis:
            return int(float(_TASKS.findall(await self._metrics(name))[0]))
        return int(self._tasks_file(name).read_text())

    async def _metrics(self, name: str) -> str:
        async with httpx.AsyncClient(timeout=30) as client:
            return (await client.get(f"{self.apis[name]}/metrics")).raise_for_status().text

    async def _postgres(self, seconds: float) -> Sample:
        connection = await asyncpg.connect(self.urls.database_url.replace("+asyncpg", ""))
        try:
            return Sample(seconds, "postgresql", 0, connections=await connection.fetchval(_CONNECTIONS))
        finally:
            await connection.close()

    async def _valkey(self, seconds: float) -> Sample:
        client = Redis.from_url(self.urls.redis_url)
        try:
            return Sample(seconds, "valkey", 0, connections=len(await client.client_list()) - 1)
        finally:
            await client.aclose()

    def complaints(self) -> dict[str, Counter[str]]:
        """Level → how often which event was logged, of warnings and what is worse, and lines that are no log at all."""
        found: dict[str, Counter[str]] = {}
        for name in self.processes:
            for line in _LETTER.sub(b"", self._log(name).read_bytes()).splitlines():
                try:
                    entry: dict[str, Any] = orjson.loads(line)
                except orjson.JSONDecodeError:
                    entry = {"level": "no log", "event": line.decode(errors="replace")[:200]}
                if entry["level"] not in {"debug", "info"}:
                    found.setdefault(entry["level"], Counter())[f"{name}: {entry['event']}"] += 1
        return found

    def last_words(self) -> str:
        """The ends of all logs."""
        return "\n".join(
            f"--- {name}\n" + "\n".join(self._log(name).read_text().splitlines()[-20:]) for name in self.processes
        )

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def _tasks_file(self, name: str) -> Path:
        return self.folder / f"{name}.tasks"
