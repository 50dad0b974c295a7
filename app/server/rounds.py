"""Gives each of many its turn again and again, with one timer for all of them."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable


class Turn:
    """A place in the rounds, until `leave`."""

    __slots__ = ("_rounds", "due", "take")

    def __init__(self, rounds: Rounds, take: Callable[[], None]) -> None:
        self._rounds, self.take = rounds, take
        self.due = 0.0

    def leave(self) -> None:
        """Take no more turns."""
        self._rounds.forget(self)


class Rounds:
    """Calls each who has joined every `seconds`, counted from when they joined.

    Who has had a turn goes to the end of the line. A task that sleeps for each takes 1 KiB, and each sleep leaves four
    objects that have lived long enough to bring about full collections (`app.server.garbage`).
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._line: OrderedDict[Turn, None] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._line)

    def join(self, take: Callable[[], None]) -> Turn:
        """Call this again and again; it must not raise."""
        turn = Turn(self, take)
        turn.due = asyncio.get_running_loop().time() + self._seconds
        self._line[turn] = None
        self._set_timer()
        return turn

    def forget(self, turn: Turn) -> None:
        """Call it no more."""
        self._line.pop(turn, None)
        if not self._line and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set_timer(self) -> None:
        if self._timer is None and self._line:
            first = next(iter(self._line))
            self._timer = asyncio.get_running_loop().call_at(first.due, self._go_on)

    def _go_on(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        while self._line and (turn := next(iter(self._line))).due <= now:
            turn.due = now + self._seconds
            self._line.move_to_end(turn)
            turn.take()
        self._set_timer()
