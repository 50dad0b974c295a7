"""Events get numbers that become visible in order and without a gap, whoever writes and whoever fails."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event, select
from sqlalchemy.exc import DBAPIError

from app.activity.record import record
from app.database import Database
from app.models import Account
from app.repositories import activity
from tests.activity.probes import note, seeded, write


class RegretError(Exception):
    pass


async def sequences(database: Database, organization_id: UUID) -> list[int]:
    async with database.read(organization_id) as session:
        statement = select(activity.EVENTS.c.sequence).order_by(activity.EVENTS.c.sequence)
        return list(await session.scalars(statement))


async def write_or_regret(database: Database, organization_id: UUID, chance: random.Random) -> int:
    """One transaction of one to three events that fails now and then; returns how many it left."""
    count = chance.randint(1, 3)
    with suppress(RegretError):
        async with database.write(organization_id) as session:
            await record(session, organization_id, *(note("x") for _ in range(count)))
            await asyncio.sleep(chance.random() / 200)
            if chance.random() < 0.25:
                raise RegretError
        return count
    return 0


async def test_twenty_writers_leave_no_gap_and_a_reader_never_sees_one(database: Database) -> None:
    organization_id = uuid4()
    chance = seeded(8)
    seen: list[list[int]] = []

    async def writer() -> int:
        return sum([await write_or_regret(database, organization_id, chance) for _ in range(10)])

    async def reader(done: asyncio.Event) -> None:
        while not done.is_set():
            seen.append(await sequences(database, organization_id))

    done = asyncio.Event()
    watching = asyncio.create_task(reader(done))
    written = sum(await asyncio.gather(*(writer() for _ in range(20))))
    done.set()
    await watching
    assert await sequences(database, organization_id) == list(range(1, written + 1))
    lengths = [len(snapshot) for snapshot in seen]
    assert all(snapshot == list(range(1, len(snapshot) + 1)) for snapshot in seen)
    assert lengths == sorted(lengths)
    assert len(set(lengths)) > 5, "the reader saw too few moments to prove anything"


async def test_a_rollback_gives_its_numbers_back(database: Database) -> None:
    organization_id = uuid4()
    assert await write(database, organization_id, "one") == 1
    with suppress(RegretError):
        async with database.write(organization_id) as session:
            assert await record(session, organization_id, note("two"), note("three")) == 3
            raise RegretError
    assert await write(database, organization_id, "two") == 2
    assert await sequences(database, organization_id) == [1, 2]


async def test_the_first_event_of_an_organization_may_be_written_by_many_at_once(database: Database) -> None:
    organization_id = uuid4()
    numbers = await asyncio.gather(*(write(database, organization_id, str(index)) for index in range(12)))
    assert sorted(numbers) == list(range(1, 13))


async def test_organizations_count_apart_and_do_not_wait_for_each_other(database: Database) -> None:
    one, other = uuid4(), uuid4()
    async with database.write(one) as session:
        assert await record(session, one, note("held")) == 1
        async with asyncio.timeout(60):
            assert await write(database, other, "free") == 1


async def test_a_batch_is_two_statements_and_what_was_added_goes_before_the_lock(database: Database) -> None:
    organization_id = uuid4()
    statements: list[str] = []

    def remember(_c: object, _k: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    event.listen(database.engine.sync_engine, "before_cursor_execute", remember)
    async with database.write(organization_id) as session:
        session.add(Account(organization_id=organization_id, provider="AWS", kind="MANUAL", native_id="1", name="a"))
        statements.clear()
        assert await record(session, organization_id, *(note(str(index)) for index in range(300))) == 300
        words: Sequence[str] = [statement.split()[2] for statement in statements]
        assert words == ["accounts", "activity_heads", "activity_events"]
        assert session.info["activity.recorded"] == {organization_id: 300}
    assert await sequences(database, organization_id) == list(range(1, 301))


async def test_a_foreign_organization_cannot_be_written_to(database: Database) -> None:
    mine, theirs = uuid4(), uuid4()
    with pytest.raises(DBAPIError, match="row-level security"):
        async with database.write(mine) as session:
            await record(session, theirs, note("forged"))
    assert await sequences(database, theirs) == []
