"""Many wait for one value, and some of them give up."""

from __future__ import annotations

import asyncio

import pytest

from app.loaders.batching import DataLoader


async def test_who_gives_up_takes_the_value_from_nobody() -> None:
    asked: list[list[int]] = []
    is_asked, may_answer = asyncio.Event(), asyncio.Event()

    async def read(keys: list[int]) -> list[str]:
        asked.append(keys)
        is_asked.set()
        await may_answer.wait()
        return [f"value {key}" for key in keys]

    loader: DataLoader[int, str] = DataLoader(load_fn=read)

    async def wait_for(key: int) -> str:
        return await loader.load(key)

    impatient, patient = asyncio.create_task(wait_for(1)), asyncio.create_task(wait_for(1))
    many, leaving = (asyncio.create_task(loader.load_many(keys)) for keys in ([2, 1, 2], [3, 2]))
    await is_asked.wait()
    for task in (impatient, leaving):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    may_answer.set()
    assert await patient == "value 1"
    assert await many == ["value 2", "value 1", "value 2"]
    assert await loader.load(2) == "value 2"
    assert asked == [[1, 2, 3]], "who asks meanwhile is asked for too, whether for one value or for many"


async def test_an_error_reaches_all_who_wait() -> None:
    async def read(_keys: list[int]) -> list[str]:
        await asyncio.sleep(0)
        message = "broken"
        raise ValueError(message)

    loader: DataLoader[int, str] = DataLoader(load_fn=read)
    first, second = await asyncio.gather(loader.load(1), loader.load(1), return_exceptions=True)
    assert (type(first), type(second)) == (ValueError, ValueError)
    with pytest.raises(ValueError, match="broken"):
        await loader.load_many([3, 4])
