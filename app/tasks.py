"""Ends background tasks, and what must not be left half-done, for certain."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

AGAIN_SECONDS = 0.5


async def end_tasks(*tasks: asyncio.Task[Any] | None) -> None:
    """Cancel tasks and wait until they have ended; what they raise is their own business.

    Cancels again and again, for one cancellation can get lost: `asyncio.wait_for` of Python 3.11, through which
    redis-py sends its commands, swallows one that comes at the moment in which what it waits for is done
    (https://github.com/python/cpython/issues/86296).
    """
    there = [task for task in tasks if task is not None]
    left = {task for task in there if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=AGAIN_SECONDS)
    for task in there:
        if not task.cancelled():
            task.exception()  # seen, or asyncio would complain of it


async def to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Do `work` whole though this task is cancelled meanwhile, then be cancelled: for closing what was opened."""
    task = asyncio.ensure_future(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise
            cancelled = True
    if cancelled:
        raise asyncio.CancelledError
    await task
