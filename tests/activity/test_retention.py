"""Old events go in batches, from the oldest on, and what is kept has no hole."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

from sqlalchemy import select, text

from app.activity.retention import purge_expired
from app.database import Database
from app.repositories import activity
from tests.activity.probes import write


async def age(owner: Database, organization_id: UUID, days: int, *sequences: int) -> None:
    async with owner.engine.begin() as connection:
        await connection.execute(
            text(
                "UPDATE activity_events SET occurred_at = now() - make_interval(days => :days) "
                "WHERE organization_id = :organization_id AND sequence = ANY(:sequences)"
            ),
            {"days": days, "organization_id": organization_id, "sequences": list(sequences)},
        )


async def kept(database: Database, organization_id: UUID) -> tuple[activity.Head, list[int]]:
    async with database.read(organization_id) as session:
        head = await activity.get_head(session, organization_id)
        numbers = await session.scalars(select(activity.EVENTS.c.sequence).order_by(activity.EVENTS.c.sequence))
        return head, list(numbers)


async def test_purges_every_organization_in_batches(database: Database, owner: Database) -> None:
    organizations = [uuid4() for _ in range(3)]
    for organization_id in organizations:
        await write(database, organization_id, *"abcdefghij")
        await age(owner, organization_id, 91, *range(1, 8))
    assert await purge_expired(database, 90, batch=3) == 21
    for organization_id in organizations:
        assert await kept(database, organization_id) == (activity.Head(10, 8), [8, 9, 10])
    assert await purge_expired(database, 90, batch=3) == 0


async def test_purges_one_organization_only_when_told_so(database: Database, owner: Database) -> None:
    one, other = uuid4(), uuid4()
    for organization_id in (one, other):
        await write(database, organization_id, "a", "b")
        await age(owner, organization_id, 91, 1)
    assert await purge_expired(database, 90, organization_id=one) == 1
    assert (await kept(database, one))[1] == [2]
    assert (await kept(database, other))[1] == [1, 2]


async def test_an_old_event_behind_a_young_one_stays(database: Database, owner: Database) -> None:
    """Clocks of two machines disagree: a hole would look like a lost event."""
    organization_id = uuid4()
    await write(database, organization_id, *"abcde")
    await age(owner, organization_id, 91, 1, 2, 4)
    assert await purge_expired(database, 90) == 2
    assert await kept(database, organization_id) == (activity.Head(5, 3), [3, 4, 5])


async def test_everything_may_go_and_numbers_go_on(database: Database, owner: Database) -> None:
    organization_id = uuid4()
    await write(database, organization_id, *"abc")
    await age(owner, organization_id, 91, 1, 2, 3)
    assert await purge_expired(database, 90) == 3
    assert await kept(database, organization_id) == (activity.Head(3, 4), [])
    assert await write(database, organization_id, "d") == 4


async def test_two_purges_and_writers_at_once(database: Database, owner: Database) -> None:
    organization_id = uuid4()
    await write(database, organization_id, *("x" for _ in range(200)))
    await age(owner, organization_id, 91, *range(1, 151))
    purged = await asyncio.gather(
        *(purge_expired(database, 90, batch=10) for _ in range(3)),
        *(write(database, organization_id, "y") for _ in range(20)),
    )
    head, numbers = await kept(database, organization_id)
    assert head == activity.Head(220, 151)
    assert numbers == list(range(151, 221))
    assert sorted(purged[3:]) == list(range(201, 221))


async def test_stops_between_batches(database: Database, owner: Database) -> None:
    organization_id = uuid4()
    await write(database, organization_id, *"abcdef")
    await age(owner, organization_id, 91, *range(1, 7))
    answers = iter((False, False, True, True))
    assert await purge_expired(database, 90, batch=2, should_stop=lambda: next(answers)) == 4
    assert await kept(database, organization_id) == (activity.Head(6, 5), [5, 6])
