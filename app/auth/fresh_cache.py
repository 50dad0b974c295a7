"""A small cache of values that are never more than seconds old."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextvars import Context
from math import inf
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class FreshCache(Generic[Key, Value]):
    """Keeps at most `size` looked-up values for `seconds` from the start of their look-up.

    `look_up` finds what there is of some keys. Callers who ask for one key at a time share one look-up. What is not
    there is not kept, so that made-up keys push nothing out.
    """

    def __init__(
        self,
        look_up: Callable[[Collection[Key]], Awaitable[Mapping[Key, Value]]],
        *,
        seconds: float,
        size: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look_up = look_up
        self._seconds = seconds
        self._size = size
        self._clock = clock
        self._kept: OrderedDict[Key, tuple[float, Value]] = OrderedDict()
        self._running: dict[Key, asyncio.Task[Mapping[Key, Value]]] = {}

    def __contains__(self, key: Key) -> bool:
        """Whether the value was looked up not long ago, be it fresh or not."""
        return key in self._kept

    async def get(self, key: Key) -> Value | None:
        """The value, looked up when there is none that is fresh enough."""
        kept = self._kept.get(key)
        if kept is not None and kept[0] > self._clock():
            self._kept.move_to_end(key)
            return kept[1]
        running = self._running.get(key)
        if running is None:
            running = self._begin((key,))
        # Shielded: one caller that gives up does not take the answer from the others.
        return (await asyncio.shield(running)).get(key)

    async def get_now(self, keys: Collection[Key]) -> Mapping[Key, Value]:
        """What there is of some keys now, by one look-up that begins after this is called."""
        return await asyncio.shield(self._begin(keys))

    def drop(self, key: Key) -> None:
        """Let nobody have this value any more; its look-up under way no longer counts either."""
        if key in self._kept:
            self._kept[key] = (-inf, self._kept[key][1])
        self._running.pop(key, None)

    def forget(self, which: Callable[[Key, Value], bool]) -> None:
        """Drop the values that `which` is true for; look-ups under way no longer count either."""
        self._running.clear()
        for key in [key for key, (_, value) in self._kept.items() if which(key, value)]:
            del self._kept[key]

    def _begin(self, keys: Collection[Key]) -> asyncio.Task[Mapping[Key, Value]]:
        # Shared by callers, it is no part of what the first of them is in the middle of, such as a held transaction.
        running = asyncio.create_task(self._fetch(keys), context=Context())
        self._running.update(dict.fromkeys(keys, running))
        running.add_done_callback(_take_exception)
        return running

    async def _fetch(self, keys: Collection[Key]) -> Mapping[Key, Value]:
        task = asyncio.current_task()
        until = self._clock() + self._seconds
        values: Mapping[Key, Value] = {}
        try:
            values = await self._look_up(keys)
            return values
        finally:
            for key in keys:
                if self._running.get(key) is task:
                    del self._running[key]
                    if key in values:
                        self._keep(key, until, values[key])

    def _keep(self, key: Key, until: float, value: Value) -> None:
        self._kept[key] = (until, value)
        self._kept.move_to_end(key)
        while len(self._kept) > self._size:
            self._kept.popitem(last=False)


def _take_exception(task: asyncio.Task[Mapping[Key, Value]]) -> None:
    # Whoever still waits gets it; when all have given up nobody does, and asyncio would complain in the log.
    if not task.cancelled():
        task.exception()
