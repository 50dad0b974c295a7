"""Places for calls to providers, shared fairly: no organization takes them all, none waits behind another's queue."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Hashable

SHARE = 0.75
"""The part of all places that one owner may hold: with 16 places four are left when its calls hang."""


class Places:
    """A bounded number of places, each held for an owner; calls without an owner have no limit of their own.

    Of the owners that wait, the one that holds the fewest places is next, and of several the one that has waited
    longest; within an owner it is first come, first served.
    """

    def __init__(self, places: int) -> None:
        self._free = places
        self._most = max(1, int(places * SHARE))
        self._held: Counter[Hashable] = Counter()
        self._waiting: dict[Hashable, deque[asyncio.Future[None]]] = {}

    async def take(self, owner: Hashable | None, seconds: float) -> bool:
        """Take a place; False when none has come within `seconds`."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(owner, deque()).append(turn)
        self._hand_out()
        try:
            async with asyncio.timeout(seconds):
                await turn
        except TimeoutError:
            return self._leave(owner, turn)
        except asyncio.CancelledError:
            if self._leave(owner, turn):
                self.give_back(owner)
            raise
        return True

    def give_back(self, owner: Hashable | None) -> None:
        """Let the next one have a place."""
        self._free += 1
        self._held[owner] -= 1
        if not self._held[owner]:
            del self._held[owner]
        self._hand_out()

    def _leave(self, owner: Hashable | None, turn: asyncio.Future[None]) -> bool:
        """Wait no longer; True where the place came at the same moment."""
        if turn.done() and not turn.cancelled():
            return True
        queue = self._waiting.get(owner, deque())
        if turn in queue:
            queue.remove(turn)
        if not queue:
            self._waiting.pop(owner, None)
        return False

    def _hand_out(self) -> None:
        while self._free:
            # A dict keeps its order, and `min` takes the first of several: who has waited longest.
            owners = [owner for owner in self._waiting if owner is None or self._held[owner] < self._most]
            if not owners:
                return
            owner = min(owners, key=self._held.__getitem__)
            queue = self._waiting.pop(owner)
            turn = queue.popleft()
            if queue:
                self._waiting[owner] = queue  # behind the others
            if not turn.done():
                self._free -= 1
                self._held[owner] += 1
                turn.set_result(None)
