"""The row door: whose rows it shows, whatever becomes of statements, connections, callers and the server."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import insert, text

from app import row_door
from app.database import Database
from app.errors import UnavailableError
from app.models import Base
from app.row_door import Planned, RowDoor
from app.tasks import end_tasks
from tests.house.rows import row_of
from tests.repositories.test_lost_copy import SOCKET, pass_on

A, B = uuid4(), uuid4()
WHO = "SELECT app_org() AS organization, app_user() AS person, pg_backend_pid() AS pid"
HELD = "SELECT app_org() AS organization, pg_backend_pid() AS pid, pg_advisory_xact_lock(7)"
WAITING = """SELECT pid FROM pg_stat_activity
             WHERE datname = current_database() AND wait_event_type = 'Lock' AND wait_event = 'advisory'"""
NOTHING: set[int] = set()
TENANTS = [uuid4() for _ in range(12)]


@pytest.fixture
async def single(fresh_database_url: str) -> AsyncIterator[Database]:
    """Doors with one connection each: what one caller leaves behind, the next one gets."""
    found = Database.connect(fresh_database_url, pool_size=1)
    yield found
    await found.close()


async def whose(database: Database, tenant: UUID | None, user: UUID | None = None) -> tuple[UUID | None, UUID | None]:
    """As whom PostgreSQL sees this caller."""
    (row,) = await database.fetch(WHO, (), organization_id=tenant, user_id=user)
    return row["organization"], row["person"]


async def pid_of(database: Database) -> int:
    """The process behind the connection that serves next."""
    (row,) = await database.fetch(WHO, (), organization_id=A)
    pid: int = row["pid"]
    return pid


def asking(database: Database, tenant: UUID) -> asyncio.Task[list[asyncpg.Record]]:
    """A statement that waits while `held`."""
    return asyncio.create_task(database.fetch(HELD, (), organization_id=tenant))


@asynccontextmanager
async def held(owner: Database) -> AsyncIterator[None]:
    """While inside, the statements of `asking` wait in the server."""
    async with owner.engine.begin() as connection:
        await connection.execute(text("SELECT pg_advisory_xact_lock(7)"))
        yield


async def until_waiting(owner: Database, without: set[int] = NOTHING) -> int:
    """Wait until a statement waits in the server, in another process than those; gives its process."""
    async with asyncio.timeout(60):
        while True:
            async with owner.engine.connect() as connection:
                waiting = {pid for (pid,) in await connection.execute(text(WAITING))} - without
            if waiting:
                return int(waiting.pop())
            await asyncio.sleep(0.01)


async def end(owner: Database, pid: int) -> None:
    """Have the server end a connection, as an operator does; returns when it is gone."""
    async with owner.engine.connect() as connection:
        assert (await connection.execute(text("SELECT pg_terminate_backend(:pid, 60000)"), {"pid": pid})).scalar()


async def test_each_caller_sees_as_its_own_tenant(single: Database) -> None:
    user = uuid4()
    for tenant, person in ((A, user), (A, user), (A, None), (B, None), (None, user), (None, None), (B, user)):
        assert await whose(single, tenant, person) == (tenant, person)


async def test_it_runs_as_the_role_that_row_security_binds_and_only_reads(single: Database) -> None:
    (row,) = await single.fetch(
        "SELECT current_user AS role, current_setting('timezone') AS zone, '{}'::jsonb AS json, $1::int AS number",
        (7,),
        organization_id=A,
    )
    assert dict(row) == {"role": "skyledger_app", "zone": "UTC", "json": "{}", "number": 7}
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        await single.fetch("DELETE FROM resources", (), organization_id=A)
    assert await whose(single, A) == (A, None)


async def test_the_plan_of_one_tenant_shows_another_its_own_rows(single: Database, owner: Database) -> None:
    """A statement is prepared once in a connection, and its general plan serves all."""
    table = Base.metadata.tables["organizations"]
    async with owner.engine.begin() as connection:
        await connection.execute(insert(table), [row_of(table, tenant) for tenant in (A, B)])
    statement = "SELECT id FROM organizations ORDER BY id"
    for tenant in (A, B) * 8:
        assert [row["id"] for row in await single.fetch(statement, (), organization_id=tenant)] == [tenant]
    assert await single.fetch(statement, (), organization_id=None) == []
    (known,) = await single.fetch(
        "SELECT generic_plans FROM pg_prepared_statements WHERE statement = $1", (statement,), organization_id=None
    )
    assert known["generic_plans"] > 0


async def test_a_prepared_statement_outlives_a_change_of_what_it_reads(single: Database, owner: Database) -> None:
    async def define(columns: str) -> None:
        async with owner.engine.begin() as connection:
            await connection.execute(text(f"CREATE OR REPLACE VIEW of_the_door AS SELECT {columns}"))
            await connection.execute(text("GRANT SELECT ON of_the_door TO skyledger_app"))

    try:
        for columns, wanted in (("1 AS a", {"a": 1}), ("1 AS a, 2 AS b", {"a": 1, "b": 2})):
            await define(columns)
            (row,) = await single.fetch("SELECT * FROM of_the_door", (), organization_id=A)
            assert dict(row) == wanted
            assert await whose(single, B) == (B, None)
    finally:
        async with owner.engine.begin() as connection:
            await connection.execute(text("DROP VIEW IF EXISTS of_the_door"))


async def test_the_connection_of_a_cancelled_statement_is_clean_again(single: Database, owner: Database) -> None:
    before = await pid_of(single)
    async with held(owner):
        task = asking(single, A)
        await until_waiting(owner)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await whose(single, B) == (B, None)
        assert await pid_of(single) == before


@pytest.mark.parametrize("prepared", [True, False])
@pytest.mark.parametrize("next_one", [A, B])
async def test_a_caller_that_leaves_at_any_moment_leaves_no_tenant_behind(
    single: Database, next_one: UUID, *, prepared: bool
) -> None:
    """After one step of the loop the tenant is being set, or that being prepared; later ones are in the statement."""
    for steps in (*range(8), *range(8, 200, 6)):
        assert await whose(single, A) == (A, None)
        if not prepared:
            (line,) = single.rows._idle
            await line.connection.reload_schema_state()
        task = asyncio.create_task(whose(single, B))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            assert await task == (B, None)
        assert await whose(single, next_one) == (next_one, None)


async def test_a_connection_that_ended_unused_is_replaced_unnoticed(single: Database, owner: Database) -> None:
    before = await pid_of(single)
    await end(owner, before)
    assert await whose(single, B) == (B, None)
    assert await pid_of(single) != before


async def test_what_is_lost_with_its_connection_is_read_once_more(single: Database, owner: Database) -> None:
    before = await pid_of(single)
    async with held(owner):
        task = asking(single, B)
        assert await until_waiting(owner) == before
        await end(owner, before)
        again = await until_waiting(owner)
    (row,) = await task
    assert (row["organization"], row["pid"]) == (B, again)

    async with held(owner):
        task = asking(single, B)
        for _ in range(2):
            await end(owner, await until_waiting(owner))
        with pytest.raises(UnavailableError) as told:
            await task
    assert told.value.extensions == {"retryAfter": 5}
    assert await whose(single, A) == (A, None)


async def test_a_statement_that_takes_too_long_is_no_server_that_is_away(fresh_database_url: str) -> None:
    database = Database.connect(fresh_database_url, pool_size=1, statement_seconds=0.5)
    before = await pid_of(database)
    with pytest.raises(asyncpg.QueryCanceledError):
        await database.fetch("SELECT pg_sleep(600)", (), organization_id=B)
    assert await whose(database, None) == (None, None)
    assert await pid_of(database) == before
    await database.close()


async def test_a_server_that_hangs_is_away_and_its_connection_given_up(
    single: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_door, "MEND_SECONDS", 0.5)
    hanging = RowDoor({**single.rows._parameters, "command_timeout": 0.5}, size=1)
    ((pid,),) = await hanging.fetch("SELECT pg_backend_pid()", (), (A, None, Planned.AS_FITS))
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(UnavailableError):
            await hanging.fetch(WHO, (), (B, None, Planned.AS_FITS))
        (row,) = await hanging.fetch(WHO, (), (B, None, Planned.AS_FITS))
        assert (row["organization"], row["pid"] != pid) == (B, True)
    finally:
        os.kill(pid, signal.SIGCONT)
        await hanging.close()


async def test_who_waits_too_long_for_a_connection_is_told_to_come_back(
    single: Database, owner: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_door, "WAIT_SECONDS", 0.05)
    async with held(owner):
        task = asking(single, A)
        await until_waiting(owner)
        with pytest.raises(UnavailableError):
            await whose(single, B)
    (row,) = await task
    assert row["organization"] == A
    assert await whose(single, B) == (B, None)


async def test_who_leaves_while_waiting_for_a_connection_takes_none_away(single: Database, owner: Database) -> None:
    async with held(owner):
        task = asking(single, A)
        await until_waiting(owner)
        leaving = [asyncio.create_task(whose(single, B)) for _ in range(3)]
        staying = [asyncio.create_task(whose(single, tenant)) for tenant in (B, None)]
        await asyncio.sleep(0)
        await end_tasks(*leaving)
    assert await asyncio.gather(*staying) == [(B, None), (None, None)]
    await task
    assert await whose(single, A) == (A, None)


async def test_a_server_that_comes_back_is_used_again(fresh_database_url: str, tmp_path: Path) -> None:
    before, _, sockets = fresh_database_url.partition("host=")
    database = Database.connect(f"{before}host={tmp_path}", pool_size=3)
    with pytest.raises(UnavailableError):
        await whose(database, A)
    for _ in range(2):
        async with road(Path(sockets), tmp_path):
            found = await asyncio.gather(*(whose(database, tenant) for tenant in (A, B, None) * 3))
            assert found == [(A, None), (B, None), (None, None)] * 3
        with pytest.raises(UnavailableError):
            await whose(database, A)
    await database.close()


@asynccontextmanager
async def road(sockets: Path, folder: Path) -> AsyncIterator[None]:
    """A way to PostgreSQL; leaving it cuts every connection and refuses new ones, as a restart does."""
    meetings: set[asyncio.Task[None]] = set()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_unix_connection(str(sockets / SOCKET))
        answers = asyncio.create_task(pass_on(theirs, writer))
        try:
            await pass_on(reader, ours)
        finally:
            await end_tasks(answers)
            for side in (writer, ours):
                side.transport.abort()

    def welcome(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        meetings.add(asyncio.create_task(meet(reader, writer)))

    server = await asyncio.start_unix_server(welcome, str(folder / SOCKET))
    async with server:
        yield
        server.close()
        await end_tasks(*meetings)
    (folder / SOCKET).unlink(missing_ok=True)


async def test_closing_ends_every_connection(fresh_database_url: str, owner: Database) -> None:
    database = Database.connect(fresh_database_url, pool_size=3)
    async with held(owner):
        tasks = [asking(database, tenant) for tenant in (A, B)]
        pids = {await until_waiting(owner)}
        pids.add(await until_waiting(owner, without=pids))
        await database.close()
    await asyncio.gather(*tasks)
    async with owner.engine.connect() as connection:
        there = text("SELECT count(*) FROM pg_stat_activity WHERE pid = ANY(:pids)")
        async with asyncio.timeout(60):
            while (await connection.execute(there, {"pids": list(pids)})).scalar():
                await connection.rollback()
                await asyncio.sleep(0.01)


async def test_no_more_connections_are_opened_than_allowed(fresh_database_url: str, owner: Database) -> None:
    """Also while some are mended after their callers have left, and each tenant would like one of its own."""
    database = Database.connect(fresh_database_url, pool_size=3)
    async with held(owner):
        leaving = [asking(database, tenant) for tenant in (A, B)]
        pids = {await until_waiting(owner)}
        pids.add(await until_waiting(owner, without=pids))
        await end_tasks(*leaving)  # from now on their connections are mended
        for _ in range(3):
            found = await asyncio.gather(*(whose(database, tenant) for tenant in TENANTS))
            assert found == [(tenant, None) for tenant in TENANTS]
    assert len(database.rows._idle) <= 3
    await database.close()
