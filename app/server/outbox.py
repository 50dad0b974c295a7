"""The bounded queue between the operations of one socket and its wire."""

from __future__ import annotations

import asyncio
from collections import deque


class SlowConsumerError(Exception):
    """The peer did not read fast enough to make room in time."""


class Outbox:
    """Frames in the order they must be sent; `put` waits for room, but never longer than `seconds`."""

    def __init__(self, most_messages: int, most_bytes: int, seconds: float) -> None:
        self._most_messages, self._most_bytes, self._seconds = most_messages, most_bytes, seconds
        self._frames: deque[tuple[object, bytes]] = deque()
        self._bytes = 0
        self._finished = self._taken = False
        self._filled, self._emptied = asyncio.Event(), asyncio.Event()

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def idle(self) -> bool:
        """Whether everything that was queued has been sent."""
        return not self._frames and not self._taken

    async def put(self, frame: bytes, owner: object = None) -> None:
        """Queue a frame for its owner (an operation); SlowConsumerError when there is no room in time."""
        if not self.put_if_room(frame, owner):
            try:
                async with asyncio.timeout(self._seconds):
                    while not self.put_if_room(frame, owner):
                        self._emptied.clear()
                        await self._emptied.wait()
            except TimeoutError:
                raise SlowConsumerError from None

    def put_if_room(self, frame: bytes, owner: object = None) -> bool:
        """Queue a frame unless the queue is full; one frame always fits, or a large one could never be sent."""
        fits = len(self._frames) < self._most_messages and self._bytes + len(frame) <= self._most_bytes
        if self._frames and not fits:
            return False
        self._frames.append((owner, frame))
        self._bytes += len(frame)
        self._filled.set()
        return True

    async def get(self) -> bytes | None:
        """The next frame, waited for; None when the last one has been taken after `finish`.

        Whoever asks for it has sent the one before.
        """
        self._taken = False
        while not self._frames:
            if self._finished:
                return None
            self._filled.clear()
            await self._filled.wait()
        _, frame = self._frames.popleft()
        self._taken = True
        self._bytes -= len(frame)
        self._emptied.set()
        return frame

    def finish(self) -> None:
        """Let `get` end when nothing is left."""
        self._finished = True
        self._filled.set()

    def discard(self, owner: object) -> None:
        """Forget the frames of an operation that its client has stopped."""
        self._frames = deque(entry for entry in self._frames if entry[0] is not owner)
        self._bytes = sum(len(frame) for _, frame in self._frames)
        self._emptied.set()

    def clear(self) -> None:
        """Forget everything."""
        self._frames.clear()
        self._bytes = 0
        self._emptied.set()
