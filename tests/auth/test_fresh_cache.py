"""The cache behind revocation: never older than it says, one look-up at a time, bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextvars import ContextVar

import pytest

from app.auth.fresh_cache import FreshCache

ENTERED: ContextVar[str] = ContextVar("entered", default="nothing")


class Store:
    """A store that counts its look-ups and can be held up."""

    def __init__(self) -> None:
        self.values: dict[str, int] = {}
        self.looked_up: list[str] = []
        self.open = asyncio.Event()
        self.open.set()
        self.asked = asyncio.Event()
        self.now = 0.0

    async def look_up(self, keys: Collection[str]) -> dict[str, int]:
        self.looked_up.extend(keys)
        found = {key: self.values[key] for key in keys if key in self.values}
        self.asked.set()
        await self.open.wait()
        return found

    def cache(self, *, size: int = 100) -> FreshCache[str, int]:
        return FreshCache(self.look_up, seconds=4, size=size, clock=lambda: self.now)


async def test_a_value_is_looked_up_again_after_its_seconds() -> None:
    store = Store()
    cache = store.cache()
    store.values["a"] = 1
    assert await cache.get("a") == 1
    store.values["a"] = 2
    store.now = 3.99
    assert await cache.get("a") == 1
    store.now = 4.0
    assert await cache.get("a") == 2
    assert store.looked_up == ["a", "a"]


async def test_the_seconds_count_from_the_start_of_the_look_up() -> None:
    store = Store()
    cache = store.cache()
    store.values["a"] = 1
    store.open.clear()
    store.asked.clear()
    waiting = asyncio.create_task(cache.get("a"))
    await store.asked.wait()
    store.now = 3.0
    store.open.set()
    assert await waiting == 1
    store.values["a"] = 2
    store.now = 4.0
    assert await cache.get("a") == 2


async def test_callers_at_one_time_share_a_look_up_and_one_who_gives_up_takes_nothing_away() -> None:
    store = Store()
    cache = store.cache()
    store.values["a"] = 1
    store.open.clear()
    waiting = [asyncio.create_task(cache.get("a")) for _ in range(10)]
    await store.asked.wait()
    waiting[0].cancel()
    await asyncio.sleep(0)
    store.open.set()
    assert await asyncio.gather(*waiting[1:]) == [1] * 9
    assert store.looked_up == ["a"]


async def test_what_is_not_there_is_not_kept() -> None:
    store = Store()
    cache = store.cache()
    assert await cache.get("a") is None
    store.values["a"] = 1
    assert await cache.get("a") == 1


async def test_it_keeps_no_more_than_its_size_and_the_latest_used() -> None:
    store = Store()
    cache = store.cache(size=2)
    store.values |= {"a": 1, "b": 2, "c": 3}
    for key in ("a", "b", "a", "c", "a", "b"):
        await cache.get(key)
    assert store.looked_up == ["a", "b", "c", "b"]


async def test_forgetting_also_outdates_a_look_up_under_way() -> None:
    store = Store()
    cache = store.cache()
    store.values |= {"a": 1, "b": 2}
    await cache.get("b")
    store.open.clear()
    store.asked.clear()
    waiting = asyncio.create_task(cache.get("a"))
    await store.asked.wait()
    cache.forget(lambda key, _: key == "a")
    store.values["a"] = 10
    store.open.set()
    assert await waiting == 1, "who asked before may hear what was true before"
    assert await cache.get("a") == 10
    assert await cache.get("b") == 2
    assert store.looked_up == ["b", "a", "a"]


async def test_a_look_up_is_no_part_of_what_its_first_caller_is_in_the_middle_of() -> None:
    seen: list[str] = []

    async def look_up(_: Collection[str]) -> dict[str, int]:
        seen.append(ENTERED.get())
        return {"a": 1}

    cache: FreshCache[str, int] = FreshCache(look_up, seconds=4, size=10)
    token = ENTERED.set("a transaction")
    assert await cache.get("a") == 1
    ENTERED.reset(token)
    assert seen == ["nothing"]


async def test_a_failed_look_up_fails_its_callers_and_is_tried_again() -> None:
    async def fail(_: Collection[str]) -> dict[str, int]:
        raise LookupError

    cache: FreshCache[str, int] = FreshCache(fail, seconds=4, size=10)
    for _ in range(2):
        with pytest.raises(LookupError):
            await cache.get("a")


async def test_what_is_asked_for_now_is_one_look_up_of_all_and_fresh_for_everybody() -> None:
    store = Store()
    cache = store.cache()
    store.values |= {"a": 1, "b": 2}
    assert await cache.get("a") == 1
    store.values["a"] = 10
    assert await cache.get_now(["a", "b", "c"]) == {"a": 10, "b": 2}
    assert await cache.get("a") == 10
    assert await cache.get("b") == 2
    assert store.looked_up == ["a", "a", "b", "c"]


async def test_forgetting_also_outdates_a_look_up_of_many_under_way() -> None:
    store = Store()
    cache = store.cache()
    store.values |= {"a": 1, "b": 2}
    store.open.clear()
    waiting = asyncio.create_task(cache.get_now(["a", "b"]))
    await store.asked.wait()
    cache.drop("a")
    store.values |= {"a": 10, "b": 20}
    store.open.set()
    assert await waiting == {"a": 1, "b": 2}, "who asked before may hear what was true before"
    assert await cache.get("a") == 10
    assert await cache.get("b") == 2, "which nobody has forgotten"
