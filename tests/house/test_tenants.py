"""For every table: tenant B cannot read, insert, update or delete a row of A, and unique errors reveal nothing."""

from __future__ import annotations

import re
from uuid import UUID

import pytest
from sqlalchemy import Table, delete, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import SYSTEM_ROLE, Database
from app.models import Base
from tests.house.rows import insert_all, row_of

A = UUID("00000000-0000-7000-8000-00000000000a")
B = UUID("00000000-0000-7000-8000-00000000000b")
DENIED = "42501"  # insufficient_privilege, also of a row that a policy refuses
TABLES = {table.name: table for table in Base.metadata.sorted_tables}
# People and their sign-ins come before any tenant; plans, prices of providers and trusted documents are the same for
# all; the workers' clock is nobody's; what else is unique world-wide is the name of a tenant.
OF_PEOPLE = {
    "sessions",
    "refresh_tokens",
    "totp_factors",
    "recovery_codes",
    "log_in_challenges",
    "identity_mails",
    "passkeys",
    "passkey_registrations",
    "personal_exports",
    "account_erasures",
}
# A verified domain is one organization's, whose row an operator writes and others do not see.
GLOBAL = {
    *("users", *OF_PEOPLE, "organizations", "verified_domains"),
    *("plans", "prices", "price_readings", "trusted_documents", "scheduled_work"),
}
PUBLIC = {"plans", "prices", "trusted_documents"}  # what all tenants read and none writes
OF_TENANTS = sorted(set(TABLES) - GLOBAL)
CLOSED = {*OF_PEOPLE, "price_readings", "scheduled_work"}  # which no tenant reaches at all


@pytest.fixture
async def filled(owner: Database, database: Database) -> Database:
    """The doors to a database in which tenant A has a row in every table."""
    async with owner.engine.begin() as connection:
        await insert_all(connection, A)
    return database


async def _count(session: AsyncSession, table: Table) -> int:
    return (await session.execute(select(func.count()).select_from(table))).scalar_one()


async def _sqlstate(session: AsyncSession, statement: object) -> str | None:
    """The error of a statement that is rolled back in any case; None when it would have worked."""
    try:
        async with session.begin_nested() as savepoint:
            await session.execute(statement)  # type: ignore[call-overload]
            await savepoint.rollback()
    except DBAPIError as error:
        return str(error.orig.sqlstate)  # type: ignore[union-attr]
    return None


async def test_a_reads_its_own_rows(filled: Database) -> None:
    """Proves that the rows below are there to be found."""
    readable = {*OF_TENANTS, *PUBLIC}
    async with filled.read(A) as session:
        assert {name: await _count(session, TABLES[name]) for name in readable} == dict.fromkeys(readable, 1)


# Each test goes through all tables in one database: filling and emptying sixty tables takes longer than to ask them.
async def test_b_reads_nothing(filled: Database) -> None:
    for tenant in (B, None):
        async with filled.read(tenant) as session:
            found: dict[str, object] = {}
            for name, table in TABLES.items():
                if name in PUBLIC:
                    continue
                if name in CLOSED:
                    found[name] = await _sqlstate(session, select(table))
                else:
                    readable = table.c.id if "id" in table.c else table.c.organization_id
                    found[name] = (await session.execute(select(readable))).all()
        assert found == {name: DENIED if name in CLOSED else [] for name in set(TABLES) - PUBLIC}


async def test_b_inserts_nothing_for_a(filled: Database) -> None:
    for tenant in (B, None):
        async with filled.write(tenant) as session:
            found = {
                name: await _sqlstate(session, insert(table).values(_another_row(name)))
                for name, table in TABLES.items()
            }
        assert found == dict.fromkeys(TABLES, DENIED)


def _another_row(name: str) -> dict[str, object]:
    """A row of A that is another than the one that A has."""
    row = row_of(TABLES[name], A)
    for column in ("id", "slug", "native_id", "identity", "sequence"):
        if column in row and (name, column) != ("organizations", "id"):
            row[column] = {UUID: UUID(int=8), str: "other", bytes: b"8", int: 8}[type(row[column])]
    return row


async def test_b_changes_and_deletes_nothing_of_a(filled: Database, owner: Database) -> None:
    changed: dict[str, int] = {}
    for tenant in (B, None):
        async with filled.write(tenant) as session:
            for name, table in TABLES.items():
                # Any column but a key, if there is one.
                column = min(table.columns, key=lambda column: column.primary_key).name
                for statement in (update(table).values({column: table.c[column]}), delete(table)):
                    if await _sqlstate(session, statement) is None:
                        result = await session.execute(statement)
                        changed[name] = changed.get(name, 0) + result.rowcount  # type: ignore[attr-defined]
    assert set(changed.values()) == {0}
    async with owner.engine.connect() as connection:
        left = {
            name: (await connection.execute(select(func.count()).select_from(table))).scalar_one()
            for name, table in TABLES.items()
        }
    assert left == dict.fromkeys(TABLES, 1)


async def test_rows_cannot_be_moved_to_another_tenant(filled: Database) -> None:
    async with filled.write(A) as session:
        found = {name: await _sqlstate(session, update(TABLES[name]).values(organization_id=B)) for name in OF_TENANTS}
    assert found == dict.fromkeys(OF_TENANTS, DENIED)


async def test_unique_values_of_a_are_free_for_b(filled: Database, owner: Database) -> None:
    """B stores the same values as A in every table without an error that would tell of A's rows."""
    async with owner.engine.begin() as connection:
        for name in ("users", "sessions", "organizations"):
            await connection.execute(insert(TABLES[name]).values(row_of(TABLES[name], B)))
    async with filled.write(B) as session:
        for table in Base.metadata.sorted_tables:
            if table.name in OF_TENANTS:
                await session.execute(insert(table).values(row_of(table, B)))


async def test_every_unique_index_of_a_tenant_begins_with_the_organization(owner: Database) -> None:
    async with owner.engine.connect() as connection:
        rows = await connection.execute(
            text("""
                SELECT t.relname, i.relname, a.attname FROM pg_index x
                JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
                JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = x.indkey[0]
                WHERE x.indisunique AND t.relnamespace = 'public'::regnamespace
            """)
        )
        wrong = [
            (table, index)
            for table, index, first in rows
            if table not in GLOBAL | {"alembic_version", "jobs"} and first != "organization_id"
        ]
    assert wrong == []


async def test_every_table_forces_row_security(owner: Database) -> None:
    """Partitions included: a parent's policy does not guard a partition that is read directly."""
    async with owner.engine.begin() as connection:
        await connection.execute(text("SELECT app_charge_partition('2026-10-31')"))
        rows = await connection.execute(
            text("""
                SELECT relname, relrowsecurity AND relforcerowsecurity AS closed,
                       (SELECT count(*) FROM pg_policy WHERE polrelid = pg_class.oid) AS policies
                FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace
            """)
        )
        found = {name: (closed, policies > 0) for name, closed, policies in rows}
    assert found.pop("alembic_version") == (False, False)  # one row, the revision: the same for all tenants
    partitions = {name for name in found if re.fullmatch(r"charges_\d{4}_\d{2}", name)}
    assert "charges_2026_10" in partitions
    assert found == dict.fromkeys((*TABLES, *partitions), (True, True))


async def test_the_roles_own_nothing_and_bypass_nothing(owner: Database) -> None:
    async with owner.engine.connect() as connection:
        rows = await connection.execute(
            text("""
                SELECT rolname, rolsuper OR rolbypassrls OR rolcanlogin,
                       (SELECT count(*) FROM pg_class WHERE relowner = pg_roles.oid)
                FROM pg_roles WHERE rolname LIKE 'skyledger%' ORDER BY rolname
            """)
        )
        roles = rows.all()
        importer = await connection.execute(
            text("""
                SELECT table_name, privilege_type FROM information_schema.role_table_grants
                WHERE grantee = 'skyledger_importer'
            """)
        )
        # COPY refuses tables with row security: the role that passes it by can add charges and nothing else.
        assert importer.all() == [("charges", "INSERT")]
    assert roles == [("skyledger_app", False, 0), ("skyledger_importer", True, 0), ("skyledger_system", False, 0)]


async def test_the_system_role_reaches_no_inventory_and_no_cost(filled: Database) -> None:
    async with filled.system() as session:
        assert (await session.execute(text("SELECT current_user"))).scalar() == SYSTEM_ROLE
        for name in ("accounts", "resources", "charges", "activity_events"):
            assert await _sqlstate(session, select(TABLES[name])) == DENIED


async def test_password_hashes_are_out_of_reach_of_tenants(filled: Database) -> None:
    async with filled.read(A) as session:
        assert (await session.execute(text("SELECT email FROM users"))).scalar() == f"email-{A}"
        assert await _sqlstate(session, text("SELECT password_hash FROM users")) == DENIED


async def test_the_tenant_ends_with_its_transaction(filled: Database) -> None:
    """The pool hands the same connection on: nothing of A is left on it."""
    single = Database.connect(str(filled.engine.url), pool_size=1)
    try:
        async with single.read(A) as session:
            assert await _count(session, TABLES["resources"]) == 1
        async with single.read(None) as session:
            assert await _count(session, TABLES["resources"]) == 0
        async with single.engine.connect() as connection:
            assert (await connection.execute(text("SELECT count(*) FROM resources"))).scalar() == 0
    finally:
        await single.close()
