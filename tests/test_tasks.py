"""Background tasks end for certain, also those that lose a cancellation; closing is not left half-done."""

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
    async with asyncio.timeout(60):
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


async def test_work_goes_to_its_end_before_a_cancellation_is_felt() -> None:
    done: list[str] = []

    async def close() -> None:
        await asyncio.sleep(0.05)
        done.append("closed")

    task = asyncio.create_task(tasks.to_the_end(close()))
    for _ in range(3):
        await asyncio.sleep(0.01)
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done == ["closed"]


async def test_what_such_work_raises_is_raised() -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await tasks.to_the_end(fail())
