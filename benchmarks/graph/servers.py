"""Starts contestants, each on its core, and waits until they have nothing left to do but to answer."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.embedded import EngineUrls
from benchmarks.graph.contestants import Contestant, Place
from benchmarks.graph.dataset import Facts
from benchmarks.graph.documents import Question
from benchmarks.graph.load import ask_once, cpu_of

SERVER_CORE, OTHER_CORE = 0, 1
_START_SECONDS = 60.0
_STOP_SECONDS = 15.0
_IDLE_SHARE = 0.05
"""Of a core: a server that takes less has settled."""
_SETTLE_LIMIT = 60.0


@dataclass(frozen=True)
class Server:
    """A contestant that runs."""

    contestant: Contestant
    place: Place
    process: int

    def request(self, question: Question) -> bytes:
        """What is sent to it."""
        return self.contestant.request(question).raw(self.place.port, self.place.facts.token())

    async def body(self, question: Question) -> bytes:
        """What it answers, as it comes over the wire. Raises AnswerError."""
        return (await ask_once(self.place.port, self.request(question)))[0]

    async def data(self, question: Question) -> Any:
        """The same in the shape of Skyledger's `data`. Raises AnswerError and ValueError."""
        return self.contestant.read(question, (await ask_once(self.place.port, self.request(question)))[1])


def pin(core: int) -> None:
    """Keep this process, and all that it starts, on one core; where there is only one, nothing can be kept apart."""
    os.sched_setaffinity(0, {core} if core in os.sched_getaffinity(0) else os.sched_getaffinity(0))


@contextmanager
def serving(
    contestants: Sequence[Contestant], urls: EngineUrls, facts: Facts, folder: Path
) -> Iterator[dict[str, Server]]:
    """All of them, each a process of its own on the servers' core, settled."""
    with ExitStack() as stack:
        servers = {one.name: stack.enter_context(_started(one, urls, facts, folder)) for one in contestants}
        begun = time.monotonic()
        for server in servers.values():
            _settle(server, begun)
        yield servers


@contextmanager
def _started(contestant: Contestant, urls: EngineUrls, facts: Facts, folder: Path) -> Iterator[Server]:
    place = Place(_free_port(), urls, folder / contestant.name, facts)
    place.folder.mkdir(parents=True, exist_ok=True)
    environment = os.environ | place.environment | dict(contestant.environment)
    with (place.folder / "log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603  (our own contestants)
            contestant.command(place),
            env=environment,
            stdout=log,
            stderr=log,
            preexec_fn=lambda: os.sched_setaffinity(0, {SERVER_CORE}),  # noqa: PLW1509  (no thread was started yet)
        )
        try:
            _await_port(place, process)
            yield Server(contestant, place, process.pid)
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await_port(place: Place, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", place.port), timeout=1).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                log = (place.folder / "log").read_text(encoding="utf-8", errors="replace")
                message = f"{place.folder.name} did not start:\n{log[-2000:]}"
                raise RuntimeError(message) from None
            time.sleep(0.1)
        else:
            return


def _settle(server: Server, begun: float) -> None:
    """Ask it something, then wait until its own work is done and it is idle."""
    asyncio.run(server.body(Question.of(server.contestant.queries[0])))
    time.sleep(max(0.0, begun + server.contestant.settle_seconds - time.monotonic()))
    deadline = time.monotonic() + _SETTLE_LIMIT
    while time.monotonic() < deadline:
        before = cpu_of(server.process)
        time.sleep(1)
        if cpu_of(server.process) - before < _IDLE_SHARE:
            return
    message = f"{server.contestant.name} never comes to rest"
    raise RuntimeError(message)
