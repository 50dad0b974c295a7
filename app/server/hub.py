"""The hub: all who follow the same thing with the same rights are given the same bytes, which are made once.

A channel has what one key (document, operation, variables, permission scope) tells: it follows the source, has each
event executed and encoded once, and offers the bytes to all who have joined. Who begins, comes back with a cursor or
was too slow catches up alone and joins at the exact event, for every event has a place in the order of its source.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Hashable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import structlog

from app.errors import SkyledgerError, UnavailableError
from app.server.identity import Identity
from app.server.metrics import Metrics

RECHECK_SECONDS = 0.75
"""How old the answer of a follower's check may be: what it rests on may be 4 s old, and 5 s are promised."""
CHECKERS = 16
"""Checks at a time, so that one which has to look something up does not hold up the others."""
PATIENCE_SECONDS = 60.0
"""How long a follower outlasts a store that cannot answer its check."""
KEPT_SECONDS = 10.0
KEPT_EVENTS = 64
KEPT_BYTES = 1_048_576
"""What a channel keeps of what it told, for those who join a little behind. Not for long: its fields are as of then."""
BURST = 500
"""Offers in a row before others have a turn: 3 ms."""
MOST_FORMS = 16
"""Of one result: most clients count their operations; those that draw an id at random each need another form."""

Message = TypeVar("Message")
Check = Callable[[], Awaitable[None]]
Make = Callable[[bytes, bytes], bytes]


class Event(NamedTuple, Generic[Message]):
    """One message of a source, and where somebody stands who has it; an `opening` only tells where they begin."""

    place: int
    payload: Message
    opening: bool = False


@dataclass(frozen=True, eq=False, slots=True)
class SharedSource(Generic[Message]):
    """What the resolver of a subscription returns, so that its events are executed once for all who may share them.

    `scope` has everything of the caller that the fields of an event may depend on, and `identity` is whom events are
    executed for: somebody who has the scope and nothing else. `follow` gives the events after a place (None: from now
    on) in their order; it holds nothing of the caller, for others go on with it. `check` raises when the caller may
    no longer follow; one check counts for all sources with an equal `caller`.
    """

    scope: Hashable
    identity: Identity
    follow: Callable[[int | None], AsyncGenerator[Event[Message]]]
    caller: Hashable
    check: Check
    after: int | None = None

    async def __aiter__(self) -> AsyncIterator[Message]:
        """The messages for this caller alone, as any executor of GraphQL takes them."""
        async with aclosing(self.follow(self.after)) as events:
            async for event in events:
                yield event.payload


class Encoded:
    """A result as JSON bytes, and the forms in which transports send it."""

    __slots__ = ("_forms", "payload")

    def __init__(self, payload: bytes) -> None:
        self.payload = payload
        self._forms: dict[tuple[Make, bytes], bytes] = {}

    def form(self, head: bytes, make: Make) -> bytes:
        """`make(head, payload)`, kept for others who ask for the same."""
        found = self._forms.get((make, head))
        if found is None:
            found = make(head, self.payload)
            if len(self._forms) < MOST_FORMS:
                self._forms[make, head] = found
        return found


class Sink(Protocol):
    """Where the results of an operation go."""

    def offer(self, result: Encoded) -> bool:
        """Take a result, unless there is no room for it now."""

    async def put(self, result: Encoded) -> None:
        """Take a result, waiting for room; SlowConsumerError when there is none in time."""


Encode = Callable[[Event[Any]], Awaitable[Encoded]]


class _Told(NamedTuple):
    """An event that a channel has told: the place before it, its own place, the bytes, and when."""

    before: int
    place: int
    result: Encoded
    at: float


class _Follower:
    """Who follows a channel: served by `task`, at `place`; `parted` is there while it has joined."""

    __slots__ = ("error", "parted", "place", "sink", "source", "task")

    def __init__(self, source: SharedSource[Any], sink: Sink, task: asyncio.Task[object]) -> None:
        self.source, self.sink, self.task = source, sink, task
        self.place = -1
        self.parted: asyncio.Future[None] | None = None
        self.error: Exception | None = None

    def part(self) -> None:
        """Let it look after itself again."""
        if self.parted is not None and not self.parted.done():
            self.parted.set_result(None)

    def end(self, error: Exception) -> None:
        """Have it end with an error, whatever it waits for."""
        if self.error is None:
            self.error = error
            self.task.cancel()


class Channel:
    """What one key tells, and to whom."""

    def __init__(self, source: SharedSource[Any], encode: Encode, metrics: Metrics) -> None:
        self._follow, self._encode, self._metrics = source.follow, encode, metrics
        self._place: int | None = None
        self._followers: set[_Follower] = set()
        self._joined: dict[_Follower, None] = {}
        self._told: deque[_Told] = deque()
        self._told_bytes = 0
        self._results: OrderedDict[tuple[int, bool], tuple[asyncio.Task[Encoded], float]] = OrderedDict()
        self._opened = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self.ended = False
        self._pump = asyncio.create_task(self._tell_all(), name="hub-channel")

    def __len__(self) -> int:
        return len(self._followers)

    def leave(self, follower: _Follower) -> None:
        """Forget a follower; the source is left with the last one."""
        self._followers.discard(follower)
        self._joined.pop(follower, None)
        if not self._followers:
            self.ended = True
            self._pump.cancel()
            for task, _ in self._results.values():
                task.cancel()

    async def serve(self, follower: _Follower) -> None:
        """Give a follower everything after its place, until the source ends."""
        self._followers.add(follower)
        going_on = await self._replay(follower)
        while going_on:
            if not await self._catch_up(follower):
                going_on = await self._replay(follower)
            elif self.ended:
                return
            else:
                await self._join(follower)

    async def _join(self, follower: _Follower) -> None:
        """Wait while the channel gives this follower what it tells; nothing may be awaited since it has caught up."""
        follower.parted = self._loop.create_future()
        self._joined[follower] = None
        try:
            await follower.parted
        finally:
            follower.parted = None
            self._joined.pop(follower, None)

    async def _catch_up(self, follower: _Follower) -> bool:
        """Give a follower what it lacks of what was told lately; whether it lacks nothing now."""
        while missed := self._missed(follower.place):
            for told in missed:
                await follower.sink.put(told.result)
                follower.place = told.place
            self._metrics.deliveries.inc(len(missed))
        return missed is not None

    def _missed(self, place: int) -> list[_Told] | None:
        """What was told after a place; None when not all of it is kept."""
        if self._place is None:
            return None
        if place >= self._place:
            return []
        self._forget_old()
        if not self._told or self._told[0].before > place:
            return None
        return [told for told in self._told if told.place > place]

    async def _replay(self, follower: _Follower) -> bool:
        """Give a follower the events after its place from a source of its own, the first time with the opening.

        Until the channel can go on with it (True), or the source ends.
        """
        begins = follower.place < 0
        async with aclosing(follower.source.follow(follower.source.after if begins else follower.place)) as events:
            async for event in events:
                if not event.opening or begins:
                    await follower.sink.put(await self._encoded(event))
                    self._metrics.deliveries.inc()
                begins = False
                follower.place = event.place
                await self._opened.wait()
                if self._missed(follower.place) is not None:
                    return True
        return False

    async def _tell_all(self) -> None:
        """Follow the source for everybody."""
        try:
            async with aclosing(self._follow(None)) as events:
                async for event in events:
                    if event.opening:
                        self._place = event.place
                        self._opened.set()
                    else:
                        await self._tell(event)
        except Exception as error:  # noqa: BLE001 - whatever broke, each follower tells its client
            self._end(error)
        else:
            self._end(None)

    async def _tell(self, event: Event[Any]) -> None:
        result = await self._encoded(event)
        before = event.place if self._place is None else self._place
        self._place = event.place  # from here on, who joins has the event or catches up with it
        self._told.append(_Told(before, event.place, result, self._loop.time()))
        self._told_bytes += len(result.payload)
        self._forget_old()
        self._opened.set()
        joined = list(self._joined)
        for start in range(0, len(joined), BURST):
            if start:
                await asyncio.sleep(0)
            self._offer(event.place, result, joined[start : start + BURST])

    def _offer(self, place: int, result: Encoded, followers: list[_Follower]) -> None:
        given = 0
        for follower in followers:
            if follower.place >= place or follower not in self._joined:
                continue
            if follower.sink.offer(result):
                follower.place = place
                given += 1
            else:
                del self._joined[follower]
                follower.part()
        self._metrics.deliveries.inc(given)

    def _forget_old(self) -> None:
        told, oldest = self._told, self._loop.time() - KEPT_SECONDS
        while told and (told[0].at < oldest or len(told) > KEPT_EVENTS or self._told_bytes > KEPT_BYTES):
            self._told_bytes -= len(told.popleft().result.payload)

    async def _encoded(self, event: Event[Any]) -> Encoded:
        """An event's bytes, made once also for those who replay it at about the same time."""
        key, now = (event.place, event.opening), self._loop.time()
        found = self._results.get(key)
        if found is None or found[1] < now - KEPT_SECONDS:
            found = (asyncio.create_task(self._execute(event)), now)
            self._results[key] = found
            self._results.move_to_end(key)
            if len(self._results) > KEPT_EVENTS:
                self._results.popitem(last=False)
        # Shielded: a follower that leaves does not take the result from the others.
        return found[0].result() if found[0].done() else await asyncio.shield(found[0])

    async def _execute(self, event: Event[Any]) -> Encoded:
        self._metrics.executions.inc()
        return await self._encode(event)

    def _end(self, error: Exception | None) -> None:
        self.ended = True
        self._opened.set()
        for follower in self._followers:
            if error is None:
                follower.part()
            else:
                follower.end(error)


class _Caller:
    """The followers of one caller, who are checked together."""

    __slots__ = ("followers", "unchecked_since")

    def __init__(self) -> None:
        self.followers: set[_Follower] = set()
        self.unchecked_since: float | None = None


class Hub:
    """The channels of one process, and the checks of all who follow them."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._channels: dict[Hashable, Channel] = {}
        self._callers: dict[Hashable, _Caller] = {}
        self._checking: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._channels)

    async def run(self, key: Hashable, source: SharedSource[Any], encode: Encode, sink: Sink) -> None:
        """Give the sink every result of the source until it ends; `encode` makes one of an event.

        Two calls with one key must have sources that tell the same. Raises what the check or the source raises, and
        SlowConsumerError.
        """
        await source.check()
        task = asyncio.current_task()
        if task is None:
            message = "the hub serves tasks"
            raise RuntimeError(message)
        channel = self._channels.get(key)
        if channel is None or channel.ended:
            channel = self._channels[key] = Channel(source, encode, self._metrics)
        follower = _Follower(source, sink, task)
        caller = self._callers.setdefault(source.caller, _Caller())
        caller.followers.add(follower)
        self._metrics.channels.set(len(self._channels))
        if self._checking is None:
            self._checking = asyncio.create_task(self._check_all(), name="hub-checks")
        try:
            await channel.serve(follower)
        except asyncio.CancelledError:
            if follower.error is None or task.uncancel() > 0:
                raise
            raise follower.error from None
        finally:
            caller.followers.discard(follower)
            if not caller.followers:
                self._callers.pop(source.caller, None)
            channel.leave(follower)
            if channel.ended and self._channels.get(key) is channel:
                del self._channels[key]
            self._metrics.channels.set(len(self._channels))

    async def _check_all(self) -> None:
        """Check every caller again and again, while there are any."""
        while self._callers:
            await asyncio.sleep(RECHECK_SECONDS)
            waiting = iter(tuple(self._callers.values()))
            await asyncio.gather(*(self._check_each(waiting) for _ in range(CHECKERS)))
        self._checking = None

    async def _check_each(self, waiting: Iterator[_Caller]) -> None:
        loop = asyncio.get_running_loop()
        for caller in waiting:
            some = next(iter(caller.followers), None)
            if some is None:  # the last one has left meanwhile
                continue
            try:
                await some.source.check()
            except Exception as error:  # noqa: BLE001 - a check that breaks ends its caller, never the checks
                refused = isinstance(error, SkyledgerError) and not isinstance(error, UnavailableError)
                if not refused and caller.unchecked_since is None:
                    caller.unchecked_since = loop.time()
                    structlog.get_logger("skyledger.server").warning("check_failed", error=type(error).__name__)
                if refused or loop.time() - (caller.unchecked_since or 0.0) > PATIENCE_SECONDS:
                    for follower in caller.followers:
                        follower.end(error)
            else:
                caller.unchecked_since = None
