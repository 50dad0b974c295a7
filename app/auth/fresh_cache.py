"""A small cache of values that are never more than seconds old."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class FreshCache(Generic[Key, Value]):
    """Keeps at most `size` looked-up values for `seconds` from the start of their look-up.

    Callers who ask for one key at a time share one look-up. What is not there is not kept, so that made-up keys push
    nothing out.
    """

    def __init__(
        self,
        look_up: Callable[[Key], Awaitable[Value | None]],
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
        self._running: dict[Key, asyncio.Task[Value | None]] = {}

    async def get(self, key: Key) -> Value | None:
        """The value, looked up when there is none that is fresh enough."""
        kept = self._kept.get(key)
        if kept is not None and kept[0] > self._clock():
            self._kept.move_to_end(key)
            return kept[1]
        running = self._running.get(key)
        if running is None:
            running = asyncio.create_task(self._fetch(key))
            self._running[key] = running
            running.add_done_callback(_take_exception)
        # Shielded: one caller that gives up does not take the answer from the others.
        return await asyncio.shield(running)

    def drop(self, key: Key) -> None:
        """Drop one value; its look-up under way no longer counts either."""
        self._kept.pop(key, None)
        self._running.pop(key, None)

    def forget(self, which: Callable[[Key, Value], bool]) -> None:
        """Drop the values that `which` is true for; look-ups under way no longer count either."""
        self._running.clear()
        for key in [key for key, (_, value) in self._kept.items() if which(key, value)]:
            del self._kept[key]

    async def _fetch(self, key: Key) -> Value | None:
        task = asyncio.current_task()
        until = self._clock() + self._seconds
        try:
            value = await self._look_up(key)
            if value is not None and self._running.get(key) is task:
                self._kept[key] = (until, value)
                self._kept.move_to_end(key)
                while len(self._kept) > self._size:
                    self._kept.popitem(last=False)
            return value
        finally:
            if self._running.get(key) is task:
                del self._running[key]


def _take_exception(task: asyncio.Task[Value | None]) -> None:
    # Whoever still waits gets it; when all have given up nobody does, and asyncio would complain in the log.
    if not task.cancelled():
        task.exception()
