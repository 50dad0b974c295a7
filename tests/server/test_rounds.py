"""Each who has joined has a turn every so many seconds, until they leave."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from app.server.rounds import Rounds
from tests.server.toy_server import eventually


async def test_turns_come_in_order_and_at_the_pace_of_who_joined() -> None:
    rounds = Rounds(0.2)
    loop = asyncio.get_running_loop()
    taken: list[tuple[str, float]] = []
    first = rounds.join(lambda: taken.append(("first", loop.time())))
    await asyncio.sleep(0.1)
    second = rounds.join(lambda: taken.append(("second", loop.time())))
    await eventually(lambda: len(taken) >= 6)
    first.leave()
    second.leave()
    assert [name for name, _ in taken[:6]] == 3 * ["first", "second"]
    for name in ("first", "second"):
        moments = [moment for each, moment in taken if each == name]
        assert all(later - earlier >= 0.199 for earlier, later in pairwise(moments))


async def test_who_leaves_has_no_more_turns_also_when_it_is_in_a_turn() -> None:
    rounds = Rounds(0.02)
    taken = {"once": 0, "never": 0, "again": 0}

    def take_once() -> None:
        taken["once"] += 1
        once.leave()
        never.leave()

    def take_again() -> None:
        taken["again"] += 1

    once = rounds.join(take_once)
    never = rounds.join(lambda: taken.update(never=1))
    again = rounds.join(take_again)
    await eventually(lambda: taken["again"] >= 3)
    assert (taken["once"], taken["never"], len(rounds)) == (1, 0, 1)
    again.leave()
    last = taken["again"]
    await asyncio.sleep(0.1)
    assert (taken["again"], len(rounds)) == (last, 0)
    joined = rounds.join(take_again)
    await eventually(lambda: taken["again"] > last)
    joined.leave()
