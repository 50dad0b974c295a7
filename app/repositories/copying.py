"""Runs a COPY of the driver's so that it ends when its connection is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import asyncpg

from app.tasks import end_tasks


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
