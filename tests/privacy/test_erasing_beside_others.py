"""Erasing while others act: who is refused holds nobody up, and what changes at the same moment is seen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.auth.authenticator import Authenticator
from app.auth.sessions import SignIn
from app.database import Database
from app.errors import ConflictError
from app.organizations.create import create_organization
from app.organizations.invitations import accept_invitation, invite_member
from app.privacy.erasing import erase_account, erase_due_accounts
from app.privacy.erasure import keep_account
from app.records import Role
from tests.auth.people import Team, principal_of, sign_up, team

# The last owners of an organization with another member each, due before everybody else.
HELD_UP = """
    WITH people AS (
        INSERT INTO users (id, email, name, is_platform_admin, created_at)
        SELECT gen_random_uuid(), 'held-' || number || '@example.com', 'Held', false, now()
        FROM generate_series(1, :count) AS number RETURNING id
    ), places AS (
        INSERT INTO organizations (id, slug, name, currency, created_at, updated_at)
        SELECT id, 'held-' || id, 'Held', 'USD', now(), now() FROM people RETURNING id
    ), members AS (
        INSERT INTO memberships (organization_id, id, user_id, role, created_at)
        SELECT id, gen_random_uuid(), id, 'OWNER', now() FROM places
        UNION ALL SELECT id, gen_random_uuid(), :other, 'VIEWER', now() FROM places RETURNING 1
    )
    INSERT INTO account_erasures (user_id, requested_at, due_at)
    SELECT id, now() - interval '40 days', now() - interval '10 days' FROM people
"""
WAITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
"""
ORGANIZATION = "SELECT 1 FROM organizations WHERE id = :id FOR UPDATE"
ROLE = "UPDATE memberships SET role = :role WHERE organization_id = :organization AND user_id = :user"
JOIN = """
    INSERT INTO memberships (organization_id, id, user_id, role, created_at)
    VALUES (:organization, gen_random_uuid(), :user, :role, now())
"""


async def do(owner: Database, statement: str, **values: Any) -> list[Any]:
    """One statement as the owner of all tables; the first column of its rows."""
    async with owner.engine.begin() as connection:
        done = await connection.execute(text(statement), values)
        return list(done.scalars()) if done.returns_rows else []


async def make_due(owner: Database, user_id: UUID) -> None:
    """Have an account that is to be erased today."""
    statement = "INSERT INTO account_erasures (user_id, requested_at, due_at) VALUES (:id, now(), now())"
    await do(owner, statement, id=user_id)


async def is_there(owner: Database, table: str, id_: UUID) -> bool:
    """Whether there is a living row."""
    living = "AND deleted_at IS NULL" if table == "organizations" else ""
    return bool(await do(owner, f"SELECT 1 FROM {table} WHERE id = :id {living}", id=id_))  # noqa: S608  (our own)


async def events(owner: Database, organization_id: UUID) -> list[str]:
    """The kinds of events of an organization, in order."""
    statement = "SELECT kind FROM activity_events WHERE organization_id = :id ORDER BY sequence"
    return await do(owner, statement, id=organization_id)


async def mails(owner: Database) -> list[str]:
    """The kinds of mails about erasures."""
    return await do(owner, "SELECT kind FROM identity_mails WHERE kind LIKE 'ACCOUNT%' ORDER BY created_at")


async def waits(owner: Database, task: asyncio.Task[Any], number: int) -> None:
    """Until work waits for a lock, as the last of so many."""
    for _ in range(3_000):
        if (await do(owner, WAITING))[0] >= number:
            return
        assert not task.done(), "it waits for nothing"
        await asyncio.sleep(0.02)
    pytest.fail("nothing waits")


@asynccontextmanager
async def stopped_at(
    owner: Database, work: Coroutine[Any, Any, Any], statement: str, **values: Any
) -> AsyncIterator[tuple[AsyncConnection, asyncio.Task[Any]]]:
    """Work that waits for what a statement holds: on leaving the block what was done in it is there, and it goes on."""
    async with owner.engine.connect() as connection:
        await connection.execute(text(statement), values)
        task = asyncio.create_task(work)
        await waits(owner, task, 1)
        yield connection, task
        await connection.commit()


async def single(authenticator: Authenticator, name: str) -> tuple[SignIn, UUID]:
    """Somebody with a verified address, and an organization of theirs alone."""
    found = await sign_up(authenticator, name)
    row = await create_organization(authenticator.database, await principal_of(authenticator, found), name="Own")
    async with authenticator.database.system() as session:
        statement = text("UPDATE users SET email_verified_at = now() WHERE id = :id")
        await session.execute(statement, {"id": found.user["id"]})
    return found, row["id"]


async def test_those_that_are_refused_hold_nobody_up(
    authenticator: Authenticator, database: Database, owner: Database
) -> None:
    ada, _ = await single(authenticator, "ada")
    bob, _ = await single(authenticator, "bob")
    await do(owner, HELD_UP, count=60, other=bob.user["id"])
    await make_due(owner, ada.user["id"])
    assert await erase_due_accounts(database) == 1
    assert not await is_there(owner, "users", ada.user["id"])
    assert await do(owner, "SELECT count(*) FROM account_erasures") == [60]


async def test_who_joins_at_that_moment_keeps_the_organization(
    authenticator: Authenticator, database: Database, owner: Database
) -> None:
    ada, organization_id = await single(authenticator, "ada")
    bob = await sign_up(authenticator, "bob")
    principal = await principal_of(authenticator, ada)
    _, token = await invite_member(
        database, organization_id, principal, email="bob@example.com", role=Role.VIEWER, days=7
    )
    await make_due(owner, ada.user["id"])
    joining = accept_invitation(database, await principal_of(authenticator, bob), token=token)
    # Whoever comes first waits for the organization, and the other behind.
    async with stopped_at(owner, joining, ORGANIZATION, id=organization_id) as (_, joined):
        erasing = asyncio.create_task(erase_account(database, ada.user["id"]))
        await waits(owner, erasing, 2)
    await joined
    with pytest.raises(ConflictError, match="last owner"):
        await erasing
    assert await is_there(owner, "organizations", organization_id)
    assert await is_there(owner, "users", ada.user["id"])
    assert "ORGANIZATION_DELETED" not in await events(owner, organization_id)
    await do(owner, ROLE, role="OWNER", organization=organization_id, user=bob.user["id"])
    assert await erase_due_accounts(database) == 1
    assert await is_there(owner, "organizations", organization_id)
    assert (await events(owner, organization_id))[-1] == "MEMBER_REMOVED"


async def test_who_becomes_the_last_owner_at_that_moment_is_refused(
    authenticator: Authenticator, database: Database, owner: Database
) -> None:
    made: Team = await team(authenticator, ada=Role.OWNER)
    ada, olga = (made.sign_ins[name].user["id"] for name in ("ada", "olga"))
    await make_due(owner, ada)
    work = erase_account(database, ada)
    async with stopped_at(owner, work, ORGANIZATION, id=made.organization_id) as (connection, erasing):
        await connection.execute(text(ROLE), {"role": "VIEWER", "organization": made.organization_id, "user": olga})
    with pytest.raises(ConflictError, match="last owner"):
        await erasing
    assert await is_there(owner, "users", ada)
    owners = "SELECT user_id FROM memberships WHERE organization_id = :id AND role = 'OWNER'"
    assert await do(owner, owners, id=made.organization_id) == [ada]


async def test_what_was_taken_back_is_not_erased(
    authenticator: Authenticator, database: Database, owner: Database
) -> None:
    """It was read as due, and kept before anything was gone."""
    ada, organization_id = await single(authenticator, "ada")
    await make_due(owner, ada.user["id"])
    held = "SELECT 1 FROM users WHERE id = :id FOR UPDATE"
    async with stopped_at(owner, erase_account(database, ada.user["id"]), held, id=ada.user["id"]) as (kept, erasing):
        await kept.execute(text("DELETE FROM account_erasures WHERE user_id = :id"), {"id": ada.user["id"]})
    assert await erasing is False
    assert await is_there(owner, "users", ada.user["id"])
    assert await is_there(owner, "organizations", organization_id)
    assert await mails(owner) == []


async def test_an_erasure_that_has_begun_is_not_taken_back(
    authenticator: Authenticator, database: Database, owner: Database
) -> None:
    ada, organization_id = await single(authenticator, "ada")
    await make_due(owner, ada.user["id"])
    principal = await principal_of(authenticator, ada)
    work = erase_account(database, ada.user["id"])
    async with stopped_at(owner, work, ORGANIZATION, id=organization_id) as (_, erasing):
        with pytest.raises(ConflictError, match="has begun"):
            await keep_account(authenticator, principal, email="ada@example.com")
    assert await erasing is True
    assert not await is_there(owner, "users", ada.user["id"])
    assert await mails(owner) == ["ACCOUNT_ERASED"]


@pytest.mark.parametrize("change", ["a place that was passed already", "another address", "another name"])
async def test_what_changes_before_the_end_is_looked_at_again(
    authenticator: Authenticator, database: Database, owner: Database, change: str
) -> None:
    """Nobody is forgotten in an organization, and no address or name that was not looked for."""
    passed = await team(authenticator)
    shared = await create_organization(database, await passed.principal("olga"), name="Shared")
    ada, _ = await single(authenticator, "ada")
    await do(owner, JOIN, organization=shared["id"], user=ada.user["id"], role="VIEWER")
    await make_due(owner, ada.user["id"])
    statements = {
        "a place that was passed already": JOIN,
        "another address": "UPDATE users SET email = 'new@example.com' WHERE id = :user",
        "another name": "UPDATE users SET name = 'Augusta' WHERE id = :user",
    }
    values = {"organization": passed.organization_id, "user": ada.user["id"], "role": "ADMIN"}
    head = "SELECT 1 FROM activity_heads WHERE organization_id = :id FOR UPDATE"
    work = erase_account(database, ada.user["id"])
    async with stopped_at(owner, work, head, id=shared["id"]) as (connection, erasing):
        used = {name: value for name, value in values.items() if f":{name}" in statements[change]}
        await connection.execute(text(statements[change]), used)
    with pytest.raises(ConflictError, match="again"):
        await erasing
    assert await is_there(owner, "users", ada.user["id"])
    assert await mails(owner) == []
    assert await erase_due_accounts(database) == 1
    assert not await is_there(owner, "users", ada.user["id"])
    removed = (await events(owner, passed.organization_id)).count("MEMBER_REMOVED")
    assert removed == (change == "a place that was passed already")


async def test_two_processes_erase_once(authenticator: Authenticator, database: Database, owner: Database) -> None:
    ada, organization_id = await single(authenticator, "ada")
    await make_due(owner, ada.user["id"])
    outcomes = await asyncio.gather(*(erase_account(database, ada.user["id"]) for _ in range(3)))
    assert sorted(outcomes) == [False, False, True]
    assert await mails(owner) == ["ACCOUNT_ERASED"]
    assert (await events(owner, organization_id)).count("ORGANIZATION_DELETED") == 1
