"""The audit: one row for each act that changed something, in a chain in which every change shows."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.activity.audit import AuditedAct, erase_details
from app.activity.record import record
from app.activity.verify_audit import Verdict, anchor, verify
from app.database import Database, acting
from app.models import AuditDetail, AuditEvent, AuditHead, now
from app.queue import enqueue
from app.records import Actor, ActorKind
from app.records.audit import DELETE_ORGANIZATION, Anchor
from app.repositories import activity, audit
from tests.activity.probes import note, seeded

ROWS = 6
KEYS = {"organization_id"}
SYSTEM = Actor(ActorKind.SYSTEM)


class RegretError(Exception):
    pass


def act_of(name: str = "addNote", actor: Actor = SYSTEM) -> AuditedAct:
    return AuditedAct(
        name,
        actor,
        session_id=uuid4(),
        request_id="a-request",
        client_address="203.0.113.7",
        subject=("Account", uuid4()),
        arguments={"text": "hello"},
    )


async def write_note(database: Database, organization_id: UUID, act: AuditedAct | None = None) -> None:
    with acting(act or act_of()):
        async with database.write(organization_id) as session:
            await record(session, organization_id, note("x"))


async def chain(database: Database, rows: int = ROWS) -> UUID:
    """An organization with so many rows in its audit."""
    organization_id = uuid4()
    for _ in range(rows):
        await write_note(database, organization_id)
    return organization_id


async def numbers(database: Database, organization_id: UUID) -> list[int]:
    async with database.read(organization_id) as session:
        return list(await session.scalars(select(audit.EVENTS.c.number).order_by(audit.EVENTS.c.number)))


@asynccontextmanager
async def as_forger(owner: Database) -> AsyncIterator[AsyncConnection]:
    """The owner of the tables, who has switched their triggers off."""
    async with owner.engine.begin() as connection:
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        yield connection


async def forge(owner: Database, *statements: str) -> None:
    async with as_forger(owner) as connection:
        for statement in statements:
            await connection.execute(text(statement))


async def first_bad(database: Database, organization_id: UUID, *anchors: Anchor) -> int | None:
    verdict = await verify(database, organization_id, anchors)
    assert (verdict.bad_number is None) == (verdict.problem is None)
    return verdict.bad_number


async def test_fifty_writers_leave_a_whole_chain(database: Database) -> None:
    organization_id, chance = uuid4(), seeded(50)

    async def writer(number: int) -> int:
        await asyncio.sleep(chance.random() / 50)
        with suppress(RegretError), acting(act_of(f"act{number}")):
            async with database.write(organization_id) as session:
                await record(session, organization_id, note("x"))
                await asyncio.sleep(chance.random() / 200)
                if number % 5 == 0:
                    raise RegretError
            return 1
        return 0

    written = sum(await asyncio.gather(*(writer(number) for number in range(50))))
    assert written == 40
    assert await numbers(database, organization_id) == list(range(1, 41))
    assert await verify(database, organization_id) == Verdict(organization_id, rows=40)


def another(value: Any, chance: random.Random) -> Any:
    """A value of the same type that is not this one."""
    if value is None or isinstance(value, UUID):
        return uuid4()
    if isinstance(value, bytes):
        place = chance.randrange(len(value))
        return value[:place] + bytes([value[place] ^ (1 << chance.randrange(8))]) + value[place + 1 :]
    if isinstance(value, str):
        place = chance.randrange(len(value))
        return value[:place] + chr(ord(value[place]) ^ 1) + value[place + 1 :]
    if isinstance(value, int):
        return value + chance.choice([-1, 1]) * chance.randint(ROWS, 99)
    return value + timedelta(microseconds=chance.choice([-1, 1]))


@pytest.mark.parametrize("model", [AuditEvent, AuditDetail, AuditHead], ids=lambda model: model.__tablename__)
async def test_a_change_of_any_field_is_found(database: Database, owner: Database, model: Any) -> None:
    organization_id, chance, table = await chain(database), seeded(7), model.__table__
    tried = 0
    for column in table.c:
        if column.name in KEYS:
            continue
        for number in range(1, ROWS + 1) if "number" in table.c else [ROWS]:
            where = (table.c.organization_id == organization_id) & (
                table.c.number == number if "number" in table.c else True
            )
            async with as_forger(owner) as connection:
                before = (await connection.execute(select(column).where(where))).scalar_one()
                forged = another(before, chance)
                await connection.execute(table.update().where(where).values({column: forged}))
            found = await first_bad(database, organization_id)
            assert found == number or (column.name in {"number", "last_number"} and found is not None), column
            async with as_forger(owner) as connection:
                if column.name == "number":
                    where = (table.c.organization_id == organization_id) & (table.c.number == forged)
                await connection.execute(table.update().where(where).values({column: before}))
            tried += 1
    assert tried == (len(table.c) - 1) * (ROWS if "number" in table.c else 1)
    assert await first_bad(database, organization_id) is None


async def test_a_row_of_another_organization_does_not_pass_for_one_of_this(database: Database, owner: Database) -> None:
    mine, other = await chain(database), await chain(database)
    for table in ("audit_events", "audit_details"):
        await forge(
            owner,
            f"DELETE FROM {table} WHERE organization_id = '{mine}'",  # noqa: S608
            f"UPDATE {table} SET organization_id = '{mine}' WHERE organization_id = '{other}'",  # noqa: S608
        )
    assert await first_bad(database, mine) == 1
    assert await first_bad(database, other) is not None


@pytest.mark.parametrize("number", [1, 3, ROWS])
async def test_a_deleted_row_is_found(database: Database, owner: Database, number: int) -> None:
    organization_id = await chain(database)
    await forge(
        owner,
        f"DELETE FROM audit_events WHERE organization_id = '{organization_id}' AND number = {number}",  # noqa: S608
    )
    assert await first_bad(database, organization_id) == number


async def test_rows_deleted_at_the_end_are_found_by_an_anchor(database: Database, owner: Database) -> None:
    organization_id = await chain(database)
    anchored = await anchor(database, organization_id)
    assert anchored is not None
    assert (anchored.number, Anchor.read(anchored.line())) == (ROWS, anchored)
    rest = f"organization_id = '{organization_id}'"
    await forge(
        owner,
        f"DELETE FROM audit_events WHERE {rest} AND number > 4",  # noqa: S608
        f"DELETE FROM audit_details WHERE {rest} AND number > 4",  # noqa: S608
        "UPDATE audit_heads h SET last_number = 4, last_hash = e.hash FROM audit_events e"  # noqa: S608
        f" WHERE h.{rest} AND e.{rest} AND e.number = 4",
    )
    assert await first_bad(database, organization_id) is None, "nothing in the database knows of them"
    assert await first_bad(database, organization_id, anchored) == 5
    # Others in their place do not help either.
    await write_note(database, organization_id)
    await write_note(database, organization_id)
    assert await first_bad(database, organization_id) is None
    assert await first_bad(database, organization_id, anchored) == ROWS
    for table in ("audit_events", "audit_details", "audit_heads"):
        await forge(owner, f"DELETE FROM {table} WHERE {rest}")  # noqa: S608
    assert await first_bad(database, organization_id, anchored) == 1


async def test_rows_in_another_order_are_found(database: Database, owner: Database) -> None:
    organization_id = await chain(database)
    for table in ("audit_events", "audit_details"):
        moves = ((2, 99), (4, 2), (99, 4))
        await forge(
            owner,
            *(
                f"UPDATE {table} SET number = {to} WHERE organization_id = '{organization_id}' AND number = {source}"  # noqa: S608
                for source, to in moves
            ),
        )
    assert await first_bad(database, organization_id) == 2


async def test_an_act_that_fails_leaves_no_row(database: Database) -> None:
    organization_id = await chain(database, 2)
    with suppress(RegretError), acting(act_of()):
        async with database.write(organization_id) as session:
            await record(session, organization_id, note("x"))
            raise RegretError
    await write_note(database, organization_id)
    assert await numbers(database, organization_id) == [1, 2, 3]
    assert await first_bad(database, organization_id) is None


async def test_without_its_row_there_is_no_act(database: Database, owner: Database) -> None:
    organization_id = await chain(database, 2)
    refuse = "CREATE FUNCTION pg_temp.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$"
    async with owner.engine.connect() as connection:
        await connection.execute(text(refuse))
        await connection.execute(
            text("CREATE TRIGGER refuse BEFORE INSERT ON audit_events FOR EACH ROW EXECUTE FUNCTION pg_temp.refuse()")
        )
        await connection.commit()
        try:
            with pytest.raises(DBAPIError, match="no"):
                await write_note(database, organization_id)
        finally:
            await connection.execute(text("DROP TRIGGER refuse ON audit_events"))
            await connection.commit()
    async with database.read(organization_id) as session:
        head = await activity.get_head(session, organization_id)
    assert head.last_sequence == 2, "the note is undone"
    await write_note(database, organization_id)
    assert await numbers(database, organization_id) == [1, 2, 3]
    assert await first_bad(database, organization_id) is None


async def test_what_changes_nothing_leaves_no_row(database: Database) -> None:
    organization_id = await chain(database, 1)
    with acting(act_of()):
        async with database.write(organization_id) as session:
            await session.execute(text("SELECT last_sequence FROM activity_heads FOR UPDATE"))
            number = (await session.execute(text("SELECT pg_current_xact_id_if_assigned() IS NOT NULL"))).scalar()
            assert number, "it has locked a row"
    assert await numbers(database, organization_id) == [1]


@pytest.mark.parametrize("way", ["write", "system"])
async def test_what_was_written_before_on_the_connection_is_nothing_of_an_act(
    fresh_database_url: str, way: Literal["write", "system"]
) -> None:
    """An act that only locks a row comes after a transaction of nobody, whose figures PostgreSQL holds for a while."""
    database, organization_id = Database.connect(fresh_database_url, pool_size=1), uuid4()
    await write_note(database, organization_id)
    async with database.write(organization_id) if way == "write" else database.system() as session:
        if way == "write":
            await record(session, organization_id, note("of nobody"))
        else:
            await enqueue(session, "nothing", organization_id, {})
    with acting(act_of()):
        async with database.write(organization_id) as session:
            assert (await session.execute(text("SELECT last_sequence FROM activity_heads FOR UPDATE"))).all()
    assert await numbers(database, organization_id) == [1]
    await database.close()


async def test_what_is_written_beside_an_act_is_a_part_of_it(database: Database) -> None:
    organization_id = uuid4()
    with acting(act_of()):
        async with database.write(organization_id) as session:
            async with database.write(organization_id) as beside:
                await beside.execute(text("INSERT INTO activity_heads VALUES (app_org(), 0, 1)"))
            await record(session, organization_id, note("x"))
    assert await numbers(database, organization_id) == [1]


@pytest.mark.parametrize("statement", ["UPDATE audit_events SET act = 'x'", "DELETE FROM audit_events"])
async def test_nobody_changes_a_row(database: Database, owner: Database, statement: str) -> None:
    organization_id = await chain(database, 1)
    doors: Sequence[Database] = (database, owner)
    for door in doors:
        with pytest.raises(DBAPIError, match=r"permission denied|never changed"):
            async with door.write(organization_id) as session:
                await session.execute(text(statement))
    with pytest.raises(DBAPIError, match="permission denied"):
        async with database.write(organization_id) as session:
            await session.execute(text("TRUNCATE audit_events"))


async def test_a_tenant_adds_to_no_chain_of_another(database: Database) -> None:
    mine, other = await chain(database, 1), await chain(database, 1)
    assert await numbers(database, mine) == [1]
    async with database.read(mine) as session:
        assert await audit.chain_rows(session, other, 0, 10) == []
        assert await audit.get_head(session, other) is None
    async with database.write(mine) as session:
        await record(session, mine, note("x"))
        with pytest.raises(DBAPIError, match="row-level security"):
            await audit.take_place(session, other)
        await session.rollback()
    assert (await verify(database, other)).problem is None


async def test_a_person_is_erased_and_the_chain_holds(database: Database, owner: Database) -> None:
    organization_id, person = await chain(database, 2), Actor(ActorKind.USER, uuid4())
    assert person.id is not None
    for _ in range(2):
        await write_note(database, organization_id, act_of(actor=person))
    before = await anchor(database, organization_id)
    assert before is not None
    assert await erase_details(database, organization_id, person.id, SYSTEM) == 2
    assert await verify(database, organization_id, [before]) == Verdict(organization_id, rows=5, erased=2)
    assert await erase_details(database, organization_id, uuid4(), SYSTEM) == 0
    await write_note(database, organization_id, act_of(actor=person))
    assert await first_bad(database, organization_id) is None
    # What nobody said to have been erased is missing: later acts of the person, and those of others.
    for number in (6, 1):
        await forge(
            owner,
            f"DELETE FROM audit_details WHERE organization_id = '{organization_id}' AND number = {number}",  # noqa: S608
        )
        assert await first_bad(database, organization_id) == number


async def test_a_deleted_organization_keeps_its_chain(database: Database, owner: Database) -> None:
    organization_id = await chain(database, 3)
    await write_note(database, organization_id, act_of(DELETE_ORGANIZATION))
    await forge(owner, f"DELETE FROM audit_details WHERE organization_id = '{organization_id}'")  # noqa: S608
    assert await verify(database, organization_id) == Verdict(organization_id, rows=4, erased=4)


async def test_moments_and_batches(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.activity.verify_audit.BATCH", 2)
    began = now()
    organization_id = await chain(database, 5)
    assert (await verify(database, organization_id)).rows == 5
    async with database.read(organization_id) as session:
        rows = await audit.chain_rows(session, organization_id, 0, 10)
    assert all(began <= row["occurred_at"] <= now() for row in rows)
    assert rows[0]["summary"] == (
        '{"arguments":{"text":"hello"},"eventCount":1,'
        '"events":[{"data":{"text":"x"},"kind":"NOTE_ADDED","subjectId":null,"subjectType":null}]}'
    )
