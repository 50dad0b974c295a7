"""Deadlines stop what takes too long, that alone, and leave to others what others cancel."""

from __future__ import annotations

import asyncio

import pytest

from app.server.deadlines import Deadline, Deadlines

SHORT, LONG = 0.02, 600.0


async def wait_under(deadline: Deadline) -> None:
    with deadline:
        await asyncio.Event().wait()


async def test_what_takes_too_long_ends_with_timeout_error_again_and_again() -> None:
    deadlines = Deadlines(SHORT)
    for _ in range(3):
        limits = [deadlines.limit() for _ in range(3)]
        results = await asyncio.gather(*map(wait_under, limits), return_exceptions=True)
        assert [type(result) for result in results] == [TimeoutError] * 3
        assert all(limit.expired for limit in limits)
        await asyncio.sleep(2 * SHORT)  # nobody looks any more, and the next is watched all the same


async def test_what_ends_in_time_is_left_alone() -> None:
    deadlines = Deadlines(SHORT)
    with deadlines.limit() as limit:
        pass
    await asyncio.sleep(3 * SHORT)
    assert not limit.expired
    with pytest.raises(KeyError), deadlines.limit():
        raise KeyError


async def test_each_has_its_own_time() -> None:
    deadlines = Deadlines(SHORT)
    first, ended, last = deadlines.limit(), deadlines.limit(), deadlines.limit()
    waiting = asyncio.create_task(wait_under(first))
    await asyncio.sleep(0)
    with ended:
        await asyncio.sleep(0)
    with pytest.raises(TimeoutError):
        await wait_under(last)
    assert (first.expired, ended.expired, last.expired) == (True, False, True)
    assert first.ends < ended.ends < last.ends
    with pytest.raises(TimeoutError):
        await waiting


async def test_what_somebody_else_cancels_is_cancelled() -> None:
    limit = Deadlines(LONG).limit()
    task = asyncio.create_task(wait_under(limit))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not limit.expired


async def test_who_is_cancelled_as_the_time_ends_is_cancelled() -> None:
    limit = Deadlines(LONG).limit()
    task = asyncio.create_task(wait_under(limit))
    await asyncio.sleep(0)
    limit.expire()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_inner_deadline_does_not_end_the_outer() -> None:
    with Deadlines(LONG).limit() as outer:
        with pytest.raises(TimeoutError):
            await wait_under(Deadlines(SHORT).limit())
        await asyncio.sleep(0)
    assert not outer.expired
