"""The hub executes an event once for all of one key, and everybody gets every event once and in order."""

from __future__ import annotations

import asyncio
import random

import pytest

from app.errors import ForbiddenError
from app.server import hub as room
from app.server.hub import KEPT_EVENTS
from app.server.outbox import SlowConsumerError
from tests.server.ledger import Desk, Memory, make_desk
from tests.server.toy_server import eventually


@pytest.fixture
async def desk() -> Desk:
    return make_desk()


async def leave(*tasks: asyncio.Task[None]) -> None:
    """End followers; those that ended before may have failed."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def count(desk: Desk, name: str) -> float:
    """A figure of the metrics page."""
    return desk.metrics.registry.get_sample_value(f"skyledger_subscription_{name}") or 0.0


async def test_an_event_is_executed_once_however_many_follow(desk: Desk) -> None:
    sinks = [Memory() for _ in range(50)]
    tasks = [desk.follow(sink) for sink in sinks]
    await eventually(lambda: all(sink.given for sink in sinks))
    for _ in range(20):
        desk.ledger.add()
        await asyncio.sleep(0)
    await eventually(lambda: all(sink.given[-1] == 20 for sink in sinks))
    assert desk.executed == list(range(1, 21))
    assert all(sink.given == list(range(21)) for sink in sinks)
    assert (count(desk, "channels"), count(desk, "executions_total")) == (1, 21)
    assert count(desk, "deliveries_total") == 50 * 21
    await leave(*tasks)


@pytest.mark.parametrize("seed", range(6))
async def test_nothing_is_lost_or_told_twice_whenever_somebody_joins(desk: Desk, seed: int) -> None:
    """Followers come, go and come back with cursors while events happen; some have room for little at a time."""
    chance = random.Random(seed)  # noqa: S311 - not a secret
    most = 300

    async def happen() -> None:
        while desk.ledger.last < most:
            desk.ledger.add(chance.choice([1, 1, 1, 2, 5, 90]))
            for _ in range(chance.randint(0, 8)):
                await asyncio.sleep(0)

    async def come_and_go() -> None:
        for _ in range(chance.randint(0, 30)):
            await asyncio.sleep(0)
        seen: list[int] = []
        while not seen or seen[-1] < desk.ledger.last or desk.ledger.last < most:
            after = seen[-1] if seen else chance.choice([None, 0, desk.ledger.last])
            sink = Memory(room=1)
            task = desk.follow(sink, after)
            for _ in range(chance.randint(2, 60)):
                sink.make_room(len(sink.given) + chance.randint(0, 3))
                await asyncio.sleep(0)
            await leave(task)
            assert not sink.given or after is None or sink.given[0] == after, "the opening tells where one begins"
            seen += sink.given[1:] if seen else sink.given
        assert seen == list(range(seen[0], desk.ledger.last + 1))

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(happen())
        for _ in range(12):
            group.create_task(come_and_go())
    assert desk.ledger.open == 0
    assert len(desk.hub) == 0


async def test_a_long_replay_joins_those_who_follow_live(desk: Desk) -> None:
    desk.ledger.add(5 * KEPT_EVENTS)
    live = Memory()
    tasks = [desk.follow(live)]
    await eventually(lambda: live.given)
    late = [Memory() for _ in range(3)]
    tasks += [desk.follow(sink, 0) for sink in late]
    for _ in range(200):
        desk.ledger.add()
        await asyncio.sleep(0)
    last = desk.ledger.last
    await eventually(lambda: all(sink.given[-1] == last for sink in (live, *late)))
    assert all(sink.given == list(range(last + 1)) for sink in late)
    before = len(desk.executed)
    desk.ledger.add()
    await eventually(lambda: all(sink.given[-1] == last + 1 for sink in (live, *late)))
    assert len(desk.executed) == before + 1, "all have joined"
    assert desk.ledger.open == 1, "and have left the sources of their own"
    await leave(*tasks)


async def test_who_comes_back_at_one_time_with_one_cursor_shares_the_replay_too(desk: Desk) -> None:
    desk.ledger.add(10)
    sinks = [Memory() for _ in range(40)]
    tasks = [desk.follow(sink, 7) for sink in sinks]
    await eventually(lambda: all(sink.given == [7, 8, 9, 10] for sink in sinks))
    assert sorted(desk.executed) == [8, 9, 10]
    await leave(*tasks)


async def test_two_keys_share_nothing(desk: Desk) -> None:
    sinks = {key: Memory() for key in ("owners", "viewers")}
    tasks = [desk.follow(sink, key=key) for key, sink in sinks.items()]
    await eventually(lambda: all(sink.given for sink in sinks.values()))
    desk.ledger.add()
    await eventually(lambda: all(sink.given == [0, 1] for sink in sinks.values()))
    assert desk.executed == [1, 1]
    assert count(desk, "channels") == 2
    await leave(*tasks)


@pytest.mark.parametrize("behind", [3, 3 * KEPT_EVENTS])
async def test_a_slow_sink_holds_up_nobody_and_misses_nothing(desk: Desk, behind: int) -> None:
    slow, quick = Memory(room=2), Memory()
    tasks = [desk.follow(slow), desk.follow(quick)]
    await eventually(lambda: slow.given and quick.given)
    desk.ledger.add(1 + behind)
    await eventually(lambda: quick.given[-1] == 1 + behind)
    assert slow.given == [0, 1]
    slow.make_room(10_000)
    await eventually(lambda: slow.given == quick.given)
    desk.ledger.add()
    await eventually(lambda: slow.given == quick.given == list(range(3 + behind)))
    assert desk.ledger.open == 1
    await leave(*tasks)


async def test_a_sink_that_makes_no_room_is_given_up(desk: Desk) -> None:
    stuck, other = Memory(room=1, seconds=0.05), Memory()
    tasks = [desk.follow(stuck), desk.follow(other)]
    await eventually(lambda: stuck.given and other.given)
    desk.ledger.add()
    with pytest.raises(SlowConsumerError):
        await tasks[0]
    desk.ledger.add()
    await eventually(lambda: other.given == [0, 1, 2])
    again = Memory()
    tasks.append(desk.follow(again, stuck.given[-1]))
    await eventually(lambda: again.given == [0, 1, 2])
    await leave(*tasks)


async def test_who_may_no_longer_follow_ends_alone(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "RECHECK_SECONDS", 0.02)
    sinks = [Memory(), Memory(room=1), Memory()]
    tasks = [desk.follow(sink, who=who) for sink, who in zip(sinks, ("eve", "eve", "ada"), strict=True)]
    await eventually(lambda: all(sink.given for sink in sinks))
    desk.ledger.add()  # the second one is waiting for room
    await eventually(lambda: sinks[0].given == [0, 1])
    desk.banned.add("eve")
    for task in tasks[:2]:
        with pytest.raises(ForbiddenError):
            await task
    desk.ledger.add()
    await eventually(lambda: sinks[2].given == [0, 1, 2])
    assert [sink.given for sink in sinks[:2]] == [[0, 1], [0]]
    with pytest.raises(ForbiddenError):
        await desk.follow(Memory(), who="eve")
    await leave(*tasks)


async def test_a_check_that_cannot_be_answered_ends_nobody_before_patience_does(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "RECHECK_SECONDS", 0.01)
    sink = Memory()
    task = desk.follow(sink)
    await eventually(lambda: sink.given)
    desk.broken = True
    failures = desk.failures
    await eventually(lambda: desk.failures > failures + 3)
    desk.ledger.add()
    await eventually(lambda: sink.given == [0, 1])
    monkeypatch.setattr(room, "PATIENCE_SECONDS", 0.05)
    with pytest.raises(ConnectionError):
        await task


async def test_a_source_that_breaks_ends_all_and_the_next_one_begins_anew(desk: Desk) -> None:
    sinks = [Memory(), Memory(), Memory(room=1)]
    tasks = [desk.follow(sink) for sink in sinks]
    await eventually(lambda: all(sink.given for sink in sinks))
    desk.ledger.add()
    await eventually(lambda: sinks[0].given == [0, 1])
    desk.ledger.end(RuntimeError("broken"))
    for task in tasks:
        with pytest.raises(RuntimeError, match="broken"):
            await task
    assert (len(desk.hub), desk.ledger.open) == (0, 0)
    desk.ledger.failure, desk.ledger.closed = None, False
    again = Memory()
    task = desk.follow(again, sinks[2].given[-1])
    await eventually(lambda: again.given == [0, 1])
    await leave(task)


async def test_a_source_that_ends_completes_all_when_they_have_everything(desk: Desk) -> None:
    sinks = [Memory(), Memory(room=1)]
    tasks = [desk.follow(sink) for sink in sinks]
    await eventually(lambda: all(sink.given for sink in sinks))
    desk.ledger.add(3)
    desk.ledger.end()
    await tasks[0]
    assert not tasks[1].done()
    sinks[1].make_room(10)
    await tasks[1]
    assert [sink.given for sink in sinks] == [[0, 1, 2, 3]] * 2
    assert (len(desk.hub), desk.ledger.open, count(desk, "channels")) == (0, 0, 0)


async def test_the_source_is_left_with_the_last_follower(desk: Desk) -> None:
    sinks = [Memory() for _ in range(3)]
    tasks = [desk.follow(sink) for sink in sinks]
    await eventually(lambda: all(sink.given for sink in sinks))
    await leave(tasks[0], tasks[1])
    desk.ledger.add()
    await eventually(lambda: sinks[2].given == [0, 1])
    assert desk.ledger.open == 1
    tasks[2].cancel()
    task = desk.follow(sinks[0])  # at the very moment
    await leave(tasks[2], task)
    await eventually(lambda: desk.ledger.open == 0)
    assert len(desk.hub) == 0
    await eventually(lambda: len(asyncio.all_tasks()) == 1, seconds=10)


@pytest.mark.parametrize("failure", [None, ConnectionError()], ids=["ends", "breaks"])
@pytest.mark.parametrize("ticks", range(16))
async def test_who_joins_in_the_tick_in_which_the_source_ends_hears_of_its_end(
    desk: Desk, ticks: int, failure: Exception | None
) -> None:
    live, late = Memory(), Memory()
    tasks = [desk.follow(live)]
    await eventually(lambda: live.given == [0])
    desk.ledger.add()
    desk.ledger.end(failure)
    for _ in range(ticks):
        await asyncio.sleep(0)
    tasks.append(desk.follow(late))
    async with asyncio.timeout(20):
        ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert ends == [failure, failure]
    assert late.given in ([0, 1], [1]) if failure is None else late.given in ([0, 1], [0], [1], [])
    assert live.given == [0, 1]
    assert (len(desk.hub), desk.ledger.open) == (0, 0)
