"""Background tasks end for certain, also those that lose a cancellation."""

from __future__ import annotations

import asyncio

import pytest

from app import tasks


async def test_ends_tasks_that_swallow_a_cancellation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "AGAIN_SECONDS", 0.01)
    swallowed = 0

    async def stubborn() -> None:
        nonlocal swallowed
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                swallowed += 1
                if swallowed == 3:
                    raise

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await tasks.end_tasks(task, None)
    assert task.cancelled()
    assert swallowed == 3


async def test_what_an_ended_task_raised_is_nobodys_business() -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    task = asyncio.create_task(fail())
    await asyncio.wait([task])
    await tasks.end_tasks(task)
    await tasks.end_tasks()
