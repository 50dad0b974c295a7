"""Places are shared fairly, lines are bounded, and no place is lost however somebody stops waiting."""

from __future__ import annotations

import asyncio
import random

import pytest

from app.turns import LineFullError, Turns


async def test_who_comes_late_waits_for_one_place_and_not_for_a_whole_line() -> None:
    turns, served = Turns(4, waiting=1_000), list[str]()

    async def ask(caller: str) -> None:
        if not turns.enter(caller):
            await turns.wait(caller, 60)
        served.append(caller)
        await asyncio.sleep(0)
        turns.leave(caller)

    flood = [asyncio.create_task(ask("flood")) for _ in range(300)]
    await asyncio.sleep(0)
    others = [asyncio.create_task(ask(f"other {number}")) for number in range(10)]
    await asyncio.gather(*flood, *others)
    assert max(served.index(f"other {number}") for number in range(10)) < 40
    assert served.count("flood") == 300


async def test_nobody_has_all_places() -> None:
    turns = Turns(8, waiting=10)
    assert [turns.enter("flood") for _ in range(8)] == [True] * 6 + [False] * 2
    assert turns.enter("other")


async def test_lines_are_bounded_for_each_and_for_all() -> None:
    turns = Turns(1, waiting=4)
    assert turns.enter("holder")
    waiting = [asyncio.create_task(turns.wait("one", 60)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(LineFullError) as own:
        await turns.wait("one", 60)
    assert own.value.own
    waiting += [asyncio.create_task(turns.wait("two", 60)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(LineFullError) as all_:
        await turns.wait("three", 60)
    assert not all_.value.own
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert turns.waiting == 0


async def test_a_wait_ends_in_time() -> None:
    turns = Turns(1, waiting=4)
    assert turns.enter("holder")
    with pytest.raises(TimeoutError):
        await turns.wait("other", 0.01)
    assert turns.waiting == 0
    turns.leave("holder")
    assert turns.enter("other")


async def test_no_place_is_lost_however_somebody_stops_waiting() -> None:
    turns, inside, most = Turns(5, waiting=10_000), 0, 0
    chance = random.Random(7)  # noqa: S311  (chance, not secrecy)

    async def ask(caller: str) -> None:
        nonlocal inside, most
        if not turns.enter(caller):
            await turns.wait(caller, chance.uniform(0, 0.05))
        inside += 1
        most = max(most, inside)
        try:
            await asyncio.sleep(chance.uniform(0, 0.002))
        finally:
            inside -= 1
            turns.leave(caller)

    tasks = [asyncio.create_task(ask(chance.choice("abcdef"))) for _ in range(2_000)]
    for _ in range(200):
        await asyncio.sleep(0.0005)
        chance.choice(tasks).cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert (turns.waiting, inside, most) == (0, 0, 5)
    assert [turns.enter(str(number)) for number in range(6)] == [True] * 5 + [False]
