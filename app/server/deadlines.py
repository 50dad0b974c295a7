"""Time limits that cost next to nothing while nobody exceeds them."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self


def is_asked_to_end() -> bool:
    """Whether somebody has cancelled the running task.

    Otherwise a CancelledError in it is a failure like any other: a driver raises one where a connection dies, and one
    is left over where a limit ends in the moment in which the work does.
    """
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


class Deadlines:
    """Limits of one length: what began first is over first, so one timer watches all of them.

    `asyncio.timeout` sets a timer for each, which takes 5 µs; this takes less than one.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._running: dict[Deadline, None] = {}
        self._watching: asyncio.AbstractEventLoop | None = None

    def limit(self) -> Deadline:
        """A limit for the block of `with`, which ends with TimeoutError when it takes longer."""
        return Deadline(self)

    def begin(self, deadline: Deadline, loop: asyncio.AbstractEventLoop) -> None:
        """Watch a block that begins."""
        deadline.ends = loop.time() + self.seconds
        self._running[deadline] = None
        if self._watching is not loop:
            self._watch(loop, deadline)

    def end(self, deadline: Deadline) -> None:
        """Watch a block no longer."""
        self._running.pop(deadline, None)

    def _watch(self, loop: asyncio.AbstractEventLoop, oldest: Deadline) -> None:
        self._watching = loop
        loop.call_at(oldest.ends, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Stop what has run too long, and look again when the next will have."""
        self._watching = None
        now = loop.time()
        for deadline in list(self._running):
            if deadline.ends > now:
                self._watch(loop, deadline)
                return
            del self._running[deadline]
            deadline.expire()


class Deadline:
    """A block of one task that may only take so long; `expired` tells whether that was why it ended."""

    __slots__ = ("_deadlines", "_requests", "_task", "ends", "expired")

    def __init__(self, deadlines: Deadlines) -> None:
        self._deadlines = deadlines
        self.ends = 0.0
        self.expired = False

    def __enter__(self) -> Self:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        if task is None:
            message = "a deadline is for the block of a task"
            raise RuntimeError(message)
        self._task, self._requests = task, task.cancelling()
        self._deadlines.begin(self, loop)
        return self

    def expire(self) -> None:
        """The time is over: cancel what the task waits for."""
        self.expired = True
        self._task.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._deadlines.end(self)
        # As in asyncio.timeout: when somebody else has cancelled the task as well, theirs goes on.
        if self.expired and self._task.uncancel() <= self._requests and kind is asyncio.CancelledError:
            raise TimeoutError from error
