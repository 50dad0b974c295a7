"""A source in memory whose events are numbered, and a sink that remembers, for the tests of the hub."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from datetime import datetime

import orjson

from app.errors import ForbiddenError
from app.server.hub import Encoded, Event, Hub, SharedSource
from app.server.metrics import Metrics
from app.server.outbox import SlowConsumerError


@dataclass(frozen=True)
class Reader:
    """Whom shared events are executed for."""

    subject: str = "reader"
    expires_at: datetime | None = None


class Ledger:
    """Events 1, 2, 3 … that can be followed from any place."""

    def __init__(self) -> None:
        self.last = 0
        self.open = 0
        self.failure: Exception | None = None
        self.closed = False
        self._news = asyncio.Event()

    def add(self, count: int = 1) -> None:
        """Let something happen."""
        self.last += count
        self._wake()

    def end(self, failure: Exception | None = None) -> None:
        """Let the source end, or break."""
        self.closed, self.failure = True, failure
        self._wake()

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def follow(self, after: int | None) -> AsyncGenerator[Event[int]]:
        """The events after a place; first where it begins."""
        self.open += 1
        try:
            await asyncio.sleep(0)  # as a read does
            place = self.last if after is None else after
            yield Event(place, place, opening=True)
            while True:
                news = self._news
                while place < self.last:
                    place += 1
                    yield Event(place, place)
                    await asyncio.sleep(0)
                if self.failure is not None:
                    raise self.failure
                if self.closed:
                    return
                await news.wait()
        finally:
            self.open -= 1


@dataclass
class Memory:
    """A sink that keeps what it is given; with `room`, only so many results until somebody makes more."""

    room: int | None = None
    seconds: float = 60.0
    given: list[int] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def offer(self, result: Encoded) -> bool:
        """See Sink."""
        if self.room is not None and len(self.given) >= self.room:
            return False
        self.given.append(orjson.loads(result.payload))
        self.changed.set()
        return True

    async def put(self, result: Encoded) -> None:
        """See Sink."""
        try:
            async with asyncio.timeout(self.seconds):
                while not self.offer(result):
                    self.changed.clear()
                    await self.changed.wait()
        except TimeoutError:
            raise SlowConsumerError from None

    def make_room(self, room: int) -> None:
        """Let it take so many in all."""
        self.room = room
        self.changed.set()


@dataclass
class Desk:
    """A hub with one ledger, and what was executed of it."""

    hub: Hub
    ledger: Ledger
    metrics: Metrics
    executed: list[int] = field(default_factory=list)
    banned: set[object] = field(default_factory=set)
    broken: bool = False
    failures: int = 0

    def follow(
        self, sink: Memory, after: int | None = None, *, key: object = "key", who: object = "somebody"
    ) -> asyncio.Task[None]:
        """Have a sink follow the ledger."""

        async def check() -> None:
            if self.broken:
                self.failures += 1
                raise ConnectionError
            if who in self.banned:
                message = "no longer"
                raise ForbiddenError(message)

        source = SharedSource(key, Reader(), self.ledger.follow, who, check, after)
        return asyncio.create_task(self.hub.run(key, source, self._encode, sink))

    async def _encode(self, event: Event[int]) -> Encoded:
        if not event.opening:
            self.executed.append(event.payload)
        await asyncio.sleep(0)
        return Encoded(orjson.dumps(event.payload))


def make_desk() -> Desk:
    """A fresh one."""
    metrics = Metrics()
    return Desk(Hub(metrics), Ledger(), metrics)
