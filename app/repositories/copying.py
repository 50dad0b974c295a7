"""Runs a COPY of the driver's so that it ends when its connection is lost, or while what it copies is being made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, Final

import asyncpg

from app.tasks import end_tasks

_SLICE: Final = 2**19
"""Bytes handed to the driver at once, which copies them twice."""


class LongCopy:
    """A COPY that goes on while its pieces are made: `put` them, and `end` it for the number of rows.

    One for many pieces: while a COPY ends and the next one starts, PostgreSQL waits for four answers of a process that
    is busy. `copy` is called with the pieces, in slices. Both methods raise what it raises.
    """

    def __init__(self, copy: Callable[[AsyncIterator[memoryview]], Coroutine[Any, Any, int]]) -> None:
        self._pieces: asyncio.Queue[memoryview | None] = asyncio.Queue(1)
        self._copying = asyncio.create_task(copy(self._slices()), name="long-copy")
        self.pieces = 0

    async def put(self, piece: memoryview) -> None:
        """Hand over a piece; waits while one that was handed over before has not been begun."""
        self.pieces += 1
        await self._hand_over(piece)

    async def end(self) -> int:
        """Wait until all is stored; returns how many rows it was."""
        await self._hand_over(None)
        return await self._copying

    async def close(self) -> None:
        """Give up what is still under way."""
        await end_tasks(self._copying)

    async def _hand_over(self, piece: memoryview | None) -> None:
        putting = asyncio.create_task(self._pieces.put(piece), name="long-copy-put")
        try:
            await asyncio.wait({putting, self._copying}, return_when=asyncio.FIRST_COMPLETED)
            if self._copying.done():
                self._copying.result()
        finally:
            await end_tasks(putting)

    async def _slices(self) -> AsyncIterator[memoryview]:
        while (piece := await self._pieces.get()) is not None:
            for start in range(0, len(piece), _SLICE):
                yield piece[start : start + _SLICE]


async def copied(driver: Any, copying: Coroutine[Any, Any, str]) -> int:
    """Await a `copy_…_to_table` of the connection; returns how many rows it stored.

    asyncpg 0.32 wakes up whoever waits for an answer when a connection is lost, but not a COPY that waits for room to
    write: an import whose PostgreSQL was killed stood still for the hour of its time limit. Raises
    ConnectionDoesNotExistError then.
    """
    lost = asyncio.Event()
    driver.add_termination_listener(notice := lambda _driver: lost.set())
    task = asyncio.create_task(copying, name="copy")
    watch = asyncio.create_task(lost.wait(), name="copy-watch")
    try:
        await asyncio.wait({task, watch}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            message = "connection was lost in the middle of a COPY"
            raise asyncpg.ConnectionDoesNotExistError(message)
        return rows_of(task.result())
    finally:
        await end_tasks(task, watch)
        driver.remove_termination_listener(notice)


def rows_of(tag: str) -> int:
    """The number of rows that a command's tag ends with, such as `COPY 5`."""
    return int(tag.rpartition(" ")[2])
