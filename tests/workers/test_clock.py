"""What is due by the clock: once for all workers, once for what was missed, again for what failed, never in a line."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog
from sqlalchemy import RowMapping, text

from app.config import Settings
from app.database import Database
from app.embedded import EngineUrls
from app.repositories.scheduled_work import SCHEDULED, moment, plan
from app.workers.clock import Clock, ClockSettings, Context, TimedWork
from tests.workers.probes import until, worker

HOURLY = "7 * * * *"
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
QUIET = ClockSettings(look=3_600)
"""It looks when it is told to."""


class Diary:
    """Work that notes that it was done."""

    def __init__(self) -> None:
        self.done: Counter[str] = Counter()
        self.begun: Counter[str] = Counter()
        self.failing: set[str] = set()
        self.hanging: set[str] = set()

    def work(self, name: str, cron: str = HOURLY, longest: float = 60) -> TimedWork:
        """Work of this name."""

        async def do(_context: Context) -> None:
            self.begun[name] += 1
            if name in self.hanging:
                await asyncio.sleep(3_600)
            if name in self.failing:
                raise ArithmeticError(name)
            await asyncio.sleep(0.05)
            self.done[name] += 1

        return TimedWork(name, cron, longest, do)


@pytest.fixture
def diary() -> Diary:
    return Diary()


@pytest.fixture
async def others(fresh_database_url: str) -> AsyncIterator[Database]:
    """The doors of another worker."""
    found = Database.connect(fresh_database_url)
    yield found
    await found.close()


async def missed(database: Database, *names: str, at: datetime = LONG_AGO) -> None:
    """As if these had been due at a moment at which nobody worked."""
    async with database.system() as session:
        await plan(session, dict.fromkeys(names, at))


async def row_of(database: Database, name: str) -> RowMapping:
    async with database.system() as session:
        return (await session.execute(SCHEDULED.select().where(SCHEDULED.c.name == name))).mappings().one()


async def once(clock: Clock) -> None:
    """Look, do what is due, and look again until nothing is."""
    for _ in range(10):
        await clock.look()
        await clock.settled()


async def now(database: Database) -> datetime:
    async with database.system() as session:
        return await moment(session)


async def test_what_is_new_waits_for_its_next_time(database: Database, diary: Diary) -> None:
    work = diary.work("purge", "30 4 * * 0")
    begun = await now(database)
    await once(Clock(database, [work], {}, QUIET))
    assert diary.begun == {}
    assert (await row_of(database, "purge"))["due_at"] in {work.next_time(begun), work.next_time(await now(database))}


async def test_what_was_missed_often_is_done_once(database: Database, diary: Diary) -> None:
    """Since January, by a worker that starts in November."""
    work = diary.work("look")
    await missed(database, "look")
    await once(Clock(database, [work], {}, QUIET))
    await once(Clock(database, [work], {}, QUIET))
    assert diary.done == {"look": 1}
    row = await row_of(database, "look")
    assert row["due_at"] > await now(database) > row["done_at"]
    assert row["due_at"] == work.next_time(row["done_at"])
    assert row["claimed_until"] is None


async def test_it_is_done_again_at_its_next_time(database: Database, diary: Diary, owner: Database) -> None:
    clock = Clock(database, [diary.work("look")], {}, QUIET)
    for times in (1, 2, 3):
        await once(clock)
        await behind(owner, "UPDATE scheduled_work SET due_at = now() - interval '1 second'")
        await once(clock)
        assert diary.done == {"look": times}


async def test_of_two_workers_one_does_it(database: Database, others: Database, diary: Diary) -> None:
    works = [diary.work(f"work {number}") for number in range(12)]
    await missed(database, *(work.name for work in works))
    clocks = [Clock(doors, works, {}, QUIET) for doors in (database, others)]
    await asyncio.gather(*(once(clock) for clock in clocks))
    assert diary.begun == diary.done == {work.name: 1 for work in works}


async def test_two_whole_workers_do_it_once(
    database: Database, settings: Settings, engine_urls: EngineUrls, diary: Diary
) -> None:
    """From their start on, without anybody who tells them."""
    assert settings.database_url is not None
    urls = EngineUrls(settings.database_url, engine_urls.redis_url)
    works = [diary.work(f"work {number}") for number in range(12)]
    await missed(database, *(work.name for work in works))
    async with AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(worker(settings, urls, {}, works=works))
        await until(lambda: len(diary.done) == len(works))
        await asyncio.sleep(0.5)
    assert diary.begun == diary.done == {work.name: 1 for work in works}


async def test_what_fails_is_tried_again_after_growing_pauses(
    database: Database, owner: Database, diary: Diary, error_reports_of: list[bytes]
) -> None:
    work = diary.work("erase", "0 0 1 1 *")
    diary.failing.add("erase")
    clock = Clock(database, [work], {}, QUIET)
    await missed(database, "erase")
    with structlog.testing.capture_logs() as logs:
        for failures, pause in enumerate((60, 120, 240, 480, 960, 1_920, 3_600, 3_600), start=1):
            await once(clock)
            row = await row_of(database, "erase")
            assert diary.begun["erase"] == row["failures"] == failures, "it waits for its pause"
            assert pause - 10 < (row["due_at"] - await now(database)).total_seconds() <= pause
            await behind(owner, "UPDATE scheduled_work SET due_at = now()")
    (first, *_) = [each for each in logs if each["event"] == "scheduled_work_failed"]
    assert (first["log_level"], first["work"], first["attempt"]) == ("error", "erase", 1)
    assert len(error_reports_of) == 8
    assert b"ArithmeticError" in error_reports_of[0]
    diary.failing.clear()
    await once(clock)
    row = await row_of(database, "erase")
    assert (diary.done["erase"], row["failures"]) == (1, 0)
    assert row["due_at"] == work.next_time(row["done_at"])


async def test_a_pause_is_over_at_the_next_time(database: Database, diary: Diary) -> None:
    diary.failing.add("erase")
    work = diary.work("erase", "* * * * *")
    await missed(database, "erase")
    await once(Clock(database, [work], {}, replace(QUIET, first_pause=3_600)))
    row = await row_of(database, "erase")
    assert 0 < (row["due_at"] - await now(database)).total_seconds() <= 60


async def test_what_fails_or_hangs_holds_nothing_else_up(database: Database, diary: Diary) -> None:
    """What has waited longest goes first, and here that is what fails and what hangs."""
    diary.failing.add("failing")
    diary.hanging.add("hanging")
    works = [diary.work("failing"), diary.work("hanging"), *(diary.work(f"work {n}") for n in range(6))]
    await missed(database, "failing", "hanging", at=LONG_AGO - timedelta(days=1))
    await missed(database, *(work.name for work in works))
    clock = Clock(database, works, {}, replace(QUIET, places=2))
    clock.start()
    await until(lambda: sum(diary.done.values()) == 6)
    assert (diary.begun["failing"], diary.begun["hanging"]) == (1, 1)
    await clock.stop(5)


async def test_what_hangs_is_ended_at_its_time_limit(database: Database, diary: Diary) -> None:
    diary.hanging.add("look")
    await missed(database, "look")
    await once(Clock(database, [diary.work("look", longest=0.1)], {}, QUIET))
    row = await row_of(database, "look")
    assert (diary.begun["look"], row["failures"], row["claimed_until"]) == (1, 1, None)
    assert row["due_at"] > await now(database)


async def test_the_work_of_a_silent_worker_is_taken_over_and_broken_off_there(
    database: Database, others: Database, owner: Database, diary: Diary
) -> None:
    diary.hanging.add("look")
    work = diary.work("look")
    await missed(database, "look")
    silent = Clock(database, [work], {}, QUIET)
    await silent.look()
    await until(lambda: diary.begun["look"] == 1)
    await once(Clock(others, [work], {}, QUIET))
    assert diary.begun["look"] == 1, "it is claimed"
    await behind(owner, "UPDATE scheduled_work SET claimed_until = now() - interval '1 second'")
    diary.hanging.clear()
    await once(Clock(others, [work], {}, QUIET))
    assert (diary.begun["look"], diary.done["look"]) == (2, 1)
    after = await row_of(database, "look")
    await silent.look()
    await asyncio.wait_for(silent.settled(), 10)
    assert await row_of(database, "look") == after


async def test_a_worker_that_looks_keeps_what_it_does(database: Database, others: Database, diary: Diary) -> None:
    diary.hanging.add("look")
    work = diary.work("look")
    await missed(database, "look")
    clock = Clock(database, [work], {}, ClockSettings(look=0.1, claim=1.5))
    clock.start()
    await until(lambda: diary.begun["look"] == 1)
    for _ in range(20):
        await asyncio.sleep(0.1)
        await Clock(others, [work], {}, QUIET).look()
    assert diary.begun["look"] == 1
    await clock.stop(5)


async def test_a_worker_that_stops_leaves_it_to_others_at_once(
    database: Database, others: Database, diary: Diary
) -> None:
    diary.hanging.add("look")
    work = diary.work("look")
    await missed(database, "look")
    stopping = Clock(database, [work], {}, QUIET)
    stopping.start()
    await until(lambda: diary.begun["look"] == 1)
    await stopping.stop(5)
    diary.hanging.clear()
    await once(Clock(others, [work], {}, QUIET))
    assert (diary.begun["look"], diary.done["look"]) == (2, 1)
    assert (await row_of(database, "look"))["failures"] == 0


async def test_another_time_in_a_new_version_counts_from_its_start_on(database: Database, diary: Diary) -> None:
    await once(Clock(database, [diary.work("look", "0 0 1 1 *")], {}, QUIET))
    often = diary.work("look", "*/5 * * * *")
    await once(Clock(database, [often], {}, QUIET))
    assert (await row_of(database, "look"))["due_at"] - await now(database) <= timedelta(minutes=5)


async def behind(owner: Database, statement: str) -> Any:
    """Change rows behind the doors."""
    async with owner.engine.begin() as connection:
        return await connection.execute(text(statement))
