"""What frames of subscriptions cost, and how many sockets a process holds: `python -m benchmarks.graph.subscriptions`.

Notes are recorded through the product: in PostgreSQL, announced by Valkey. All sockets are of members of one
organization with one role, each person with many, and ask what a dashboard asks. First 1,000 sockets of each
contestant in turn, for what a frame costs of the server's CPU (the kernel's schedstat); then 10,000 of Skyledger's at
two events a second, for how late they come, whether all come, and what a socket takes of memory.

Each server has the first core, all else the second.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import resource
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import orjson
import uvloop
from redis.asyncio import Redis
from rich.console import Console
from rich.table import Table

from app.activity.announce import Announcer
from app.activity.notes import add_note
from app.auth.tokens import AccessTokens
from app.database import Database
from app.embedded import EngineUrls, engines
from app.records import Actor, ActorKind
from app.schema.node import global_id
from app.upgrade import upgrade
from benchmarks.contestants import started, until
from benchmarks.graph.broadcasts import CHANNEL
from benchmarks.graph.dataset import SECRET, plain_url
from benchmarks.graph.load import cpu_of
from benchmarks.graph.servers import OTHER_CORE, SERVER_CORE, pin
from benchmarks.graph.sockets import Heard, connect, masked
from benchmarks.graph.witness import witnessing

PEOPLE = 20
STEPS, WITNESSES = 20, 5
"""The crowd connects in so many steps, and after each so many sockets of the witness: they stand all along the line."""
AT_A_TIME = 5
"""Events that follow each other without waiting until all sockets have heard of them."""
SETTLE_SECONDS = 15.0
"""Ten seconds after it is ready Skyledger loads what forecasts and imports need (app/main.py)."""
DOCUMENT = """
subscription Dashboard($organizationId: ID!, $after: String) {
  activity(organizationId: $organizationId, after: $after) {
    cursor
    event { id sequence kind occurredAt subjectType subjectId data actor { kind id user { name } } }
  }
}
"""
RAW, PLAIN = "raw broadcast", "plain Strawberry"
CONTESTANTS = {
    "skyledger": [sys.executable, "-m", "app", "serve", "--port"],
    RAW: [sys.executable, "-m", "benchmarks.graph.broadcasts", "raw"],
    PLAIN: [sys.executable, "-m", "benchmarks.graph.broadcasts", "strawberry"],
}
_PEOPLE = """
INSERT INTO users (id, email, name, password_hash, is_platform_admin, created_at)
VALUES ($1, $2, $3, '', false, now())
"""
_ORGANIZATION = """
INSERT INTO organizations (id, slug, name, currency, created_at, updated_at) VALUES ($1, $2, $3, 'EUR', now(), now())
"""
_MEMBER = (
    "INSERT INTO memberships (organization_id, id, user_id, role, created_at) VALUES ($1, $2, $3, 'MEMBER', now())"
)
_SESSION = "INSERT INTO sessions (id, user_id, created_at, last_used_at, expires_at) VALUES ($1, $2, now(), now(), $3)"


@dataclass
class Writer:
    """Who lets things happen in one organization; `tokens` are those of its members."""

    urls: EngineUrls
    database: Database
    valkey: Redis
    organization: UUID
    people: list[UUID]
    tokens: list[str]
    recorded: int = 0

    async def record(self) -> None:
        """A note with the present moment in it."""
        actor = Actor(ActorKind.USER, self.people[self.recorded % PEOPLE])
        self.recorded += 1
        await add_note(self.database, actor, self.organization, _note())

    async def broadcast(self, heard: Heard) -> None:
        """A message as others have heard it for the raw server, with the present moment and the next number in it."""
        self.recorded += 1
        message = orjson.loads(heard.sample)
        event = message["payload"]["data"]["activity"]["event"]
        event["data"]["text"], event["sequence"] = _note(), self.recorded
        await self.valkey.publish(CHANNEL, orjson.dumps(message))

    def messages(self) -> list[list[bytes]]:
        """What the sockets of each person send."""
        variables = {"organizationId": global_id("Organization", self.organization)}
        subscribe = {"type": "subscribe", "id": "1", "payload": {"query": DOCUMENT, "variables": variables}}
        greetings = [{"type": "connection_init", "payload": {"token": token}} for token in self.tokens]
        return [[masked(orjson.dumps(greeting)), masked(orjson.dumps(subscribe))] for greeting in greetings]


@dataclass
class Contestant:
    """A server with its sockets; `micros` has the CPU of one frame in each round."""

    name: str
    pid: int
    heard: Heard
    happen: Callable[[], Awaitable[None]]
    micros: list[float] = field(default_factory=list)

    async def run(self, events: int) -> None:
        """Let as many things happen, some at a time, and keep what a frame cost when all have heard of all."""
        gc.collect()
        before, frames = cpu_of(self.pid), self.heard.frames
        for _ in range(events // AT_A_TIME):
            expected = self.heard.frames + self.heard.open * AT_A_TIME
            for _ in range(AT_A_TIME):
                await self.happen()
            async with asyncio.timeout(60):
                while self.heard.frames < expected:  # noqa: ASYNC110 - a count, not an event
                    await asyncio.sleep(0.005)
        self.micros.append((cpu_of(self.pid) - before) / (self.heard.frames - frames) * 1e6)


def _note() -> str:
    return f"{time.monotonic():.6f} and the ovens of the bakery in the high street are on"


ONE_CROWD = {"SKYLEDGER_STREAMS_PER_CALLER": "10000", "SKYLEDGER_STREAMS_PER_ADDRESS": "10000"}
"""All sockets are of twenty members at one address; what the process may have is the default."""


@contextmanager
def served(name: str, urls: EngineUrls, folder: Path) -> Iterator[tuple[int, int]]:
    """A contestant's server on the first core; its port and its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    place = Path(tempfile.mkdtemp(prefix=name.replace(" ", "-"), dir=folder))
    environment = os.environ | {
        "SKYLEDGER_DATABASE_URL": urls.database_url,
        "SKYLEDGER_REDIS_URL": urls.redis_url,
        "SKYLEDGER_DATA_DIR": str(place),
        "SKYLEDGER_SECRET_KEY": SECRET,
        "SKYLEDGER_LOG_FORMAT": "json",
        **ONE_CROWD,
    }
    with (
        (place / "log").open("wb") as log,
        started([*CONTESTANTS[name], str(port)], env=environment, stdout=log, stderr=log) as process,
    ):
        os.sched_setaffinity(process.pid, {SERVER_CORE})
        until(lambda: _answers(port))
        yield port, process.pid


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@asynccontextmanager
async def writing(urls: EngineUrls, name: str) -> AsyncIterator[Writer]:
    """An organization with its people, and the doors through which its events are recorded."""
    organization, people, sessions = uuid4(), [uuid4() for _ in range(PEOPLE)], [uuid4() for _ in range(PEOPLE)]
    connection = await asyncpg.connect(plain_url(urls.database_url))
    await connection.execute(_ORGANIZATION, organization, f"bakery-{organization.hex[:8]}", name)
    for number, (person, session) in enumerate(zip(people, sessions, strict=True)):
        await connection.execute(_PEOPLE, person, f"{person.hex}@example.test", f"Person {number}")
        await connection.execute(_MEMBER, organization, uuid4(), person)
        await connection.execute(_SESSION, session, person, datetime.now(UTC) + timedelta(days=1))
    await connection.close()
    tokens = AccessTokens(SECRET, seconds=86_400)
    issued = [tokens.issue(person, session)[0] for person, session in zip(people, sessions, strict=True)]
    database, valkey = Database.connect(urls.database_url), Redis.from_url(urls.redis_url)
    announcer = Announcer(database, valkey)
    await announcer.start()
    try:
        yield Writer(urls, database, valkey, organization, people, issued)
    finally:
        await announcer.stop()
        await database.close()
        await valkey.aclose()


async def race(
    urls: EngineUrls, folder: Path, names: list[str], sockets: int, rounds: int, events: int
) -> list[Contestant]:
    """Every contestant in every round."""
    found: list[Contestant] = []
    async with AsyncExitStack() as stack:
        for name in names:
            port, pid = stack.enter_context(served(name, urls, folder))
            writer = await stack.enter_async_context(writing(urls, name))
            heard = Heard()
            await connect(port, sockets, heard, [[]] if name == RAW else writer.messages(), opening=name != RAW)
            happen = partial(writer.broadcast, found[0].heard) if name == RAW else writer.record
            found.append(Contestant(name, pid, heard, happen))
            await found[-1].run(AT_A_TIME)
            found[-1].micros.clear()
        await asyncio.sleep(SETTLE_SECONDS)
        for _ in range(rounds):
            for contestant in found:
                await contestant.run(events if contestant.name != PLAIN else AT_A_TIME)
        for contestant in found:
            if contestant.heard.lost or contestant.heard.closed:
                message = f"{contestant.name} lost {contestant.heard.lost} frames, closed {contestant.heard.closed[:3]}"
                raise RuntimeError(message)
    return found


@dataclass
class Crowd:
    """What many sockets of one process did: seconds where nothing else is said."""

    sockets: int
    frames: int
    lost: int
    closed: int
    latencies: list[float]
    seen: list[float]
    """How late the client of all sockets read its frames, and how late a process that reads few sockets saw its own."""
    idle_share: float
    share: float
    """Of the server's core, while nothing happens and while events come."""
    bytes_each: float
    """Of memory, for a socket."""


async def crowd(urls: EngineUrls, folder: Path, sockets: int, seconds: float, each: float) -> Crowd:
    """So many sockets on one process of Skyledger, with an event every `each` seconds."""
    with served("skyledger", urls, folder) as (port, pid):
        async with writing(urls, "crowd") as writer, witnessing(port, writer.messages()) as witness:
            heard = Heard()
            await connect(port, 10, heard, writer.messages())
            await asyncio.sleep(SETTLE_SECONDS)
            empty = _resident(pid)
            for step in range(STEPS):
                opened = 10 + (sockets - 10) * (step + 1) // STEPS - heard.open
                await connect(port, opened, heard, writer.messages())
                await witness.join(WITNESSES)
            full = _resident(pid)
            gc.collect()
            gc.freeze()
            before = cpu_of(pid)
            await asyncio.sleep(10)
            idle = (cpu_of(pid) - before) / 10
            before, begun = cpu_of(pid), time.monotonic()
            while (passed := time.monotonic() - begun) < seconds:
                await asyncio.gather(writer.record(), asyncio.sleep(each))
            share = (cpu_of(pid) - before) / passed
            with suppress(TimeoutError):
                async with asyncio.timeout(30):
                    while heard.frames < writer.recorded * sockets:  # noqa: ASYNC110 - a count, not an event
                        await asyncio.sleep(0.05)
            lost = writer.recorded * sockets - heard.frames + heard.lost
            each_bytes = (full - empty) / (sockets - 10 + STEPS * WITNESSES)
            seen = await witness.latencies()
            return Crowd(sockets, heard.frames, lost, len(heard.closed), heard.latencies, seen, idle, share, each_bytes)


def _resident(pid: int) -> int:
    """Memory of a process in bytes."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


def show(found: list[Contestant]) -> Table:
    """CPU of a frame, and how many of them a second of CPU sends."""
    table = Table("contestant", "µs of CPU a frame", "frames per CPU second", "of the raw broadcast's")
    raw = statistics.median(next(each.micros for each in found if each.name == RAW))
    for each in found:
        micros = statistics.median(each.micros)
        spread = f"{micros:.1f} ({min(each.micros):.1f} to {max(each.micros):.1f})"
        table.add_row(each.name, spread, f"{1e6 / micros:,.0f}", f"{raw / micros:.2f}")
    return table


def show_crowd(found: Crowd) -> str:
    """In lines."""
    return (
        f"{found.sockets:,} sockets: {found.frames:,} frames, {found.lost} lost, {found.closed} closed\n"
        f"when they were read, late by {_late(found.latencies)}\n"
        f"when they were there, as a process saw it that reads {STEPS * WITNESSES} sockets only: {_late(found.seen)}\n"
        f"{found.share:.0%} of a core, {found.idle_share:.1%} while nothing happens; "
        f"{found.bytes_each / 1024:.0f} KiB a socket"
    )


def _late(latencies: list[float]) -> str:
    late = sorted(latencies)
    p50, p99 = (late[int(len(late) * part)] * 1000 for part in (0.5, 0.99))
    return f"{p50:.0f} ms (median), {p99:.0f} ms (p99), {late[-1] * 1000:.0f} ms (most)"


def main() -> int:
    """Run it; the exit code says whether everything came."""
    arguments = _arguments()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    sockets = min(arguments.crowd, hard - 500)
    pin(OTHER_CORE)
    console = Console()
    with tempfile.TemporaryDirectory() as name, engines(Path(name) / "data") as urls:
        folder = Path(name)
        upgrade(urls.database_url)
        if arguments.rounds:
            names = [name for name in CONTESTANTS if arguments.plain or name != PLAIN]
            run = race(urls, folder, names, arguments.sockets, arguments.rounds, arguments.events)
            console.print(show(uvloop.run(run)))
        if sockets <= 0:
            return 0
        found = uvloop.run(crowd(urls, folder, sockets, arguments.seconds, arguments.each))
        console.print(show_crowd(found))
        return 1 if found.lost or found.closed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sockets", type=int, default=1_000, help="of each contestant")
    parser.add_argument("--rounds", type=int, default=5, help="0: no race")
    parser.add_argument("--plain", action=argparse.BooleanOptionalAction, default=True, help="also plain Strawberry")
    parser.add_argument("--events", type=int, default=50, help="of each contestant in each round")
    parser.add_argument("--crowd", type=int, default=10_000, help="sockets of one process; 0: no crowd")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long events come to the crowd")
    parser.add_argument("--each", type=float, default=0.5, help="seconds from one event to the next")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
