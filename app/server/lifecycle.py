"""The end of a process: readiness goes first, streams are told, running mutations finish."""

from __future__ import annotations

import asyncio
from typing import Protocol


class Stream(Protocol):
    """A connection that would stay open for ever: a socket or an event stream."""

    def drain(self, seconds: float) -> None:
        """Begin to end: no new operations, subscriptions stop, queries and mutations have `seconds` to answer."""


class Lifecycle:
    """Knows whether the process is ending and which streams are still open."""

    def __init__(self) -> None:
        self.draining = False
        self._grace = 0.0
        self._streams: set[Stream] = set()
        self._idle = asyncio.Event()
        self._idle.set()

    def __len__(self) -> int:
        return len(self._streams)

    def attach(self, stream: Stream) -> None:
        """Count a stream in; when the process already ends it is told at once."""
        self._streams.add(stream)
        self._idle.clear()
        if self.draining:
            stream.drain(self._grace)

    def detach(self, stream: Stream) -> None:
        """Count a stream out."""
        self._streams.discard(stream)
        if not self._streams:
            self._idle.set()

    def announce(self) -> None:
        """Let readiness fail from now on; safe inside a signal handler."""
        self.draining = True

    def drain(self, seconds: float) -> None:
        """Announce the end and tell every stream how long its queries and mutations may still run."""
        self.announce()
        self._grace = seconds
        for stream in list(self._streams):
            stream.drain(seconds)

    async def wait_idle(self, seconds: float) -> bool:
        """Wait until no stream is open; False when some still are after `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True
