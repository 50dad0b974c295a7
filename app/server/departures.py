"""Callers who hang up before they have their answer: what they asked for is stopped."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from starlette.types import Receive


class ClientGoneError(Exception):
    """The caller hung up before the answer."""


class Departures:
    """Watches requests that take long, all by one timer, for a caller who hangs up.

    A task for each request that waits for its end would take 15 µs; this takes less than one where the answer is there
    within `seconds`, and that task is started for the others.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._running: dict[Departure, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, receive: Receive) -> Departure:
        """A block of `with`, which ends with ClientGoneError when the caller hangs up. The body has been read."""
        return Departure(self, receive)

    def begin(self, departure: Departure, loop: asyncio.AbstractEventLoop) -> None:
        """Watch a block that begins."""
        departure.since = loop.time()
        self._running[departure] = None
        if self._timer is None:
            self._timer = loop.call_later(self._seconds, self._look, loop)

    def end(self, departure: Departure) -> None:
        """Watch a block no longer."""
        self._running.pop(departure, None)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        long_ago = loop.time() - self._seconds
        for departure in list(self._running):
            if departure.since > long_ago:
                self._timer = loop.call_at(departure.since + self._seconds, self._look, loop)
                return
            del self._running[departure]
            departure.listen()


class Departure:
    """One request while it is executed; `gone` tells whether the caller has hung up."""

    __slots__ = ("_departures", "_listening", "_receive", "_requests", "_task", "gone", "since")

    def __init__(self, departures: Departures, receive: Receive) -> None:
        self._departures, self._receive = departures, receive
        self._listening: asyncio.Task[None] | None = None
        self.since = 0.0
        self.gone = False

    def __enter__(self) -> Self:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        if task is None:
            message = "departures are watched for the block of a task"
            raise RuntimeError(message)
        self._task, self._requests = task, task.cancelling()
        self._departures.begin(self, loop)
        return self

    def listen(self) -> None:
        """It takes long: wait for the caller to hang up from now on."""
        self._listening = asyncio.get_running_loop().create_task(self._until_gone())

    async def _until_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.gone = True
        self._task.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._departures.end(self)
        if self._listening is not None and not self.gone:
            self._listening.cancel()
        # As in asyncio.timeout: when somebody else has cancelled the task as well, theirs goes on.
        if self.gone and self._task.uncancel() <= self._requests and kind is asyncio.CancelledError:
            raise ClientGoneError from error
