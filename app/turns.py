"""Places that many want at a time: so many are held at once, the others wait in lines, served in turns.

A caller who asks for a thousand waits for the thousand; whoever comes next waits for one place, not for all of them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Hashable


class LineFullError(Exception):
    """So many wait already that one more would wait for too long; `own` says whether they are all the caller's."""

    def __init__(self, *, own: bool) -> None:
        super().__init__("the line is full")
        self.own = own


class Turns:
    """Places of one process. Each caller has three quarters of them at most, and of the line half.

    `enter` and `leave` take 0.5 µs together where a place is free.
    """

    def __init__(self, places: int, *, waiting: int) -> None:
        """`waiting` is how many may wait in all lines together."""
        self._free = places
        self._most_each = max(1, places - places // 4)
        self._most_waiting, self._most_waiting_each = waiting, max(1, waiting // 2)
        self._held: dict[Hashable, int] = {}
        # Whose turn is next comes first. While a place is free, all who wait are callers who have their share.
        self._lines: dict[Hashable, deque[asyncio.Future[None]]] = {}
        self.waiting = 0

    def enter(self, caller: Hashable) -> bool:
        """Take a place if one is free for this caller; whoever is told no may `wait`."""
        held = self._held.get(caller, 0)
        if self._free and held < self._most_each:
            self._free -= 1
            self._held[caller] = held + 1
            return True
        return False

    async def wait(self, caller: Hashable, seconds: float) -> None:
        """Wait for a place. Raises LineFullError at once, TimeoutError after so long."""
        line = self._lines.get(caller)
        if self.waiting >= self._most_waiting:
            raise LineFullError(own=False)
        if line is None:
            line = self._lines[caller] = deque()
        elif len(line) >= self._most_waiting_each:
            raise LineFullError(own=True)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line.append(turn)
        self.waiting += 1
        try:
            async with asyncio.timeout(seconds):
                await turn
        except BaseException:
            if turn.done() and not turn.cancelled():  # the place came in the moment in which the wait ended
                self.leave(caller)
            else:
                self._forget(caller, turn)
            raise

    def leave(self, caller: Hashable) -> None:
        """Give a place back, to whose turn it is."""
        held = self._held[caller] - 1
        if held:
            self._held[caller] = held
        else:
            del self._held[caller]
        self._free += 1
        if self.waiting:
            self._call_next()

    def _call_next(self) -> None:
        """Give the free place to the first in the first line whose caller may have it."""
        for caller, line in list(self._lines.items()):
            while line and line[0].done():  # somebody who gives up at this moment
                line.popleft()
                self.waiting -= 1
            if not line:
                del self._lines[caller]
            elif self.enter(caller):
                del self._lines[caller]
                turn = line.popleft()
                self.waiting -= 1
                if line:
                    self._lines[caller] = line  # behind all others
                turn.set_result(None)
                return

    def _forget(self, caller: Hashable, turn: asyncio.Future[None]) -> None:
        line = self._lines.get(caller)
        if line is None or turn not in line:
            return
        line.remove(turn)
        self.waiting -= 1
        if not line:
            del self._lines[caller]
