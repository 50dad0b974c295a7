"""One transaction of several parts: roles and tenants do not leak from one to the next, undone parts tell nothing."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import APP_ROLE, ORGANIZATION, SYSTEM_ROLE, Database, before_commit
from app.queue import ENQUEUED, enqueue
from app.repositories.organizations import add_organization, enter_from_system

A, B = uuid4(), uuid4()
_WHO = text("SELECT current_user, app_org(), app_user()")


async def who(session: AsyncSession) -> tuple[str, UUID | None, UUID | None]:
    role, organization, user = (await session.execute(_WHO)).one()
    return role, organization, user


async def nothing(_: AsyncSession) -> None:
    return


async def transaction_of(session: AsyncSession) -> int:
    found: int = (await session.execute(text("SELECT pg_current_xact_id()::text::bigint"))).scalar_one()
    return found


async def test_both_roles_share_one_transaction_and_neither_leaks(database: Database) -> None:
    numbers = set()
    async with database.hold(nothing) as held:
        async with database.system() as session:
            assert await who(session) == (SYSTEM_ROLE, None, None)
            numbers.add(await transaction_of(session))
        assert await who(session) == (APP_ROLE, None, None)
        async with database.write(A, user_id=B) as session:
            assert await who(session) == (APP_ROLE, A, B)
            numbers.add(await transaction_of(session))
        async with database.system() as session:
            assert await who(session) == (SYSTEM_ROLE, None, None), "nothing of the tenant before"
            numbers.add(await transaction_of(session))
        assert await who(session) == (APP_ROLE, A, None)
        assert session.info[ORGANIZATION] == A, "whose audit gets the act"
        async with database.system() as session:
            await enter_from_system(session, B)
            assert await who(session) == (APP_ROLE, B, None)
        assert await who(session) == (APP_ROLE, B, None)
        assert session is await held.session()
    assert len(numbers) == 1
    async with database.write(A) as session:
        assert await who(session) == (APP_ROLE, A, None)
    async with database.system() as session:
        assert await who(session) == (SYSTEM_ROLE, None, None)
        assert await transaction_of(session) not in numbers


async def test_after_a_part_of_the_system_a_tenant_sees_its_rows_alone(database: Database) -> None:
    for id_, slug in ((A, "one"), (B, "other")):
        async with database.write(id_) as session:
            await add_organization(session, id_, slug=slug, name=slug, currency="EUR")
    every = text("SELECT id FROM organizations")
    async with database.hold(nothing):
        async with database.system() as session:
            assert set((await session.execute(every)).scalars()) == {A, B}
        async with database.write(A) as session:
            assert set((await session.execute(every)).scalars()) == {A}


@pytest.mark.parametrize("door", ["write", "system"])
async def test_an_undone_part_leaves_neither_rows_nor_role_nor_jobs_to_wake(
    database: Database, owner: Database, door: str
) -> None:
    woken: list[Any] = []

    async def listen(info: dict[Any, Any]) -> None:
        woken.extend(info.get(ENQUEUED, ()))

    async def refuse(_: AsyncSession) -> None:
        pytest.fail("the check of a part that was undone")

    database.commit_listeners.append(listen)
    async with database.hold(nothing):
        async with database.write(A) as session:
            kept = await enqueue(session, "probe", A)
        with pytest.raises(ZeroDivisionError):  # noqa: PT012  (the part that fails)
            async with database.system() if door == "system" else database.write(B) as session:
                await enqueue(session, "probe", None if door == "system" else B)
                await enter_from_system(session, B)
                before_commit(session, refuse)
                raise ZeroDivisionError
        assert await who(session) == (APP_ROLE, A, None)
        assert session.info[ORGANIZATION] == A
    assert woken == [(kept, 0)]
    async with owner.engine.connect() as connection:
        assert (await connection.execute(text("SELECT id FROM jobs"))).scalars().all() == [kept]


async def test_a_failure_undoes_what_both_doors_have_done(database: Database, owner: Database) -> None:
    with pytest.raises(ZeroDivisionError):  # noqa: PT012  (the block that fails)
        async with database.hold(nothing):
            async with database.system() as session:
                await enqueue(session, "probe", None)
            async with database.write(A) as session:
                await enqueue(session, "probe", A)
            raise ZeroDivisionError
    async with owner.engine.connect() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM jobs"))).scalar_one() == 0


async def test_a_task_that_outlives_the_block_has_transactions_of_its_own(database: Database, owner: Database) -> None:
    may_go = asyncio.Event()

    async def later() -> None:
        await may_go.wait()
        async with database.system() as session:
            await enqueue(session, "probe", None)

    async with database.hold(nothing):
        task = asyncio.create_task(later())
    may_go.set()
    await task
    async with owner.engine.connect() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM jobs"))).scalar_one() == 1
