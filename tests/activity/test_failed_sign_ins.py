"""Sign-ins that failed: counted without a gap, told once, and no flood of them floods the chain."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import orjson
import pytest
from sqlalchemy import text

from app.activity.failed_sign_ins import MOST_PEOPLE, tell_failed_sign_ins
from app.activity.verify_audit import verify
from app.auth.failed_sign_ins import FailedSignIns, Way, window_start
from app.database import Database
from app.models import now
from app.records import Role
from app.records.audit import FAILURE_WINDOW
from app.repositories.failed_sign_ins import count_failures
from app.repositories.memberships import add_membership
from app.repositories.organizations import add_organization, enter_from_system
from app.repositories.users import add_user

LATER = FAILURE_WINDOW * 2


async def people(database: Database, count: int) -> tuple[UUID, list[UUID]]:
    """An organization with so many members."""
    organization_id = uuid4()
    ids = []
    async with database.system() as session:
        for number in range(count):
            user = await add_user(
                session,
                email=f"{number}-{organization_id}@example.com",
                name="N",
                password_hash="x",
                email_is_verified=True,
            )
            assert user is not None
            ids.append(user["id"])
        await enter_from_system(session, organization_id)
        await add_organization(session, organization_id, slug=f"o-{organization_id}", name="O", currency="USD")
        for each in ids:
            await add_membership(session, organization_id, each, Role.MEMBER)
    return organization_id, ids


async def summaries(owner: Database, organization_id: UUID) -> list[dict[str, object]]:
    async with owner.engine.connect() as connection:
        found = await connection.execute(
            text("SELECT summary FROM audit_details WHERE organization_id = :id ORDER BY number"),
            {"id": organization_id},
        )
        return [orjson.loads(each)["arguments"] for each in found.scalars()]


async def test_a_flood_leaves_a_few_rows(database: Database, owner: Database) -> None:
    organization_id, ids = await people(database, 25)
    counted = FailedSignIns(database)
    for number, each in enumerate(ids):
        for _ in range(1_000 + number):
            counted.count(each, Way.PASSWORD)
    await counted.close()
    assert await tell_failed_sign_ins(database, now() + LATER) == MOST_PEOPLE + 1
    told = await summaries(owner, organization_id)
    assert [each["times"] for each in told] == [*range(1_024, 1_014, -1), sum(range(1_000, 1_015))]
    assert told[-1]["people"] == 15
    assert (await verify(database, organization_id)).rows == MOST_PEOPLE + 1


async def test_many_processes_count_together_and_each_failure_once(database: Database, owner: Database) -> None:
    organization_id, (ada, ben) = await people(database, 2)
    processes = [FailedSignIns(database) for _ in range(5)]
    for process in processes:
        for _ in range(20):
            process.count(ada, Way.PASSWORD)
            process.count(ben, Way.SECOND_FACTOR)
    await asyncio.gather(*(process.close() for process in processes))
    told = await asyncio.gather(*(tell_failed_sign_ins(database, now() + LATER) for _ in range(5)))
    assert sum(told) == 2
    assert [each["ways"] for each in await summaries(owner, organization_id)] in (
        [{"PASSWORD": 100}, {"SECOND_FACTOR": 100}],
        [{"SECOND_FACTOR": 100}, {"PASSWORD": 100}],
    )


async def test_each_window_is_told_by_itself(database: Database, owner: Database) -> None:
    organization_id, (ada,) = await people(database, 1)
    first = window_start(now()) - 3 * FAILURE_WINDOW
    for number in range(3):
        moment = first + number * FAILURE_WINDOW + timedelta(minutes=5)
        async with database.system() as session:
            await count_failures(session, ada, Way.PASSWORD.value, number + 1, window_start(moment), moment)
    assert await tell_failed_sign_ins(database, first + FAILURE_WINDOW) == 0, "the next process may be late"
    assert await tell_failed_sign_ins(database, first + FAILURE_WINDOW + timedelta(minutes=2)) == 1
    assert await tell_failed_sign_ins(database, first + 4 * FAILURE_WINDOW) == 2
    assert [each["times"] for each in await summaries(owner, organization_id)] == [1, 2, 3]


async def test_nothing_is_kept_of_who_belongs_nowhere(database: Database, owner: Database) -> None:
    async with database.system() as session:
        user = await add_user(session, email="a@example.com", name="A", password_hash="x", email_is_verified=True)
    assert user is not None
    counted = FailedSignIns(database)
    counted.count(user["id"], Way.PASSWORD)
    await counted.close()
    async with owner.engine.connect() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM failed_sign_ins"))).scalar_one() == 0


async def test_it_is_written_within_seconds_and_kept_while_the_database_is_away(
    database: Database, owner: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    organization_id, (ada,) = await people(database, 1)
    counted = FailedSignIns(database)
    with monkeypatch.context() as patch:
        patch.setattr(database, "system", away)
        counted.count(ada, Way.PASSWORD)
        await asyncio.sleep(1.5)
    counted.count(ada, Way.PASSWORD)
    await asyncio.sleep(1.5)
    async with owner.engine.connect() as connection:
        assert (await connection.execute(text("SELECT sum(times) FROM failed_sign_ins"))).scalar_one() == 2
    await counted.close()
    assert organization_id


def away() -> None:
    raise OSError
