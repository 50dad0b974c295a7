"""The row door: whose rows it shows, whatever becomes of statements, connections and callers."""

from __future__ import annotations

from uuid import UUID, uuid4

import asyncpg
import pytest

from app.database import Database

A, B = uuid4(), uuid4()
WHO = "SELECT app_org() AS organization, app_user() AS person, pg_backend_pid() AS pid"


async def whose(database: Database, tenant: UUID | None, user: UUID | None = None) -> tuple[UUID | None, UUID | None]:
    (row,) = await database.fetch(WHO, (), organization_id=tenant, user_id=user)
    return row["organization"], row["person"]


async def test_each_caller_sees_as_its_own_tenant(database: Database) -> None:
    user = uuid4()
    for tenant, person in ((A, user), (A, user), (A, None), (B, None), (None, user), (None, None), (B, user)):
        assert await whose(database, tenant, person) == (tenant, person)


async def test_it_runs_as_the_role_that_row_security_binds_and_only_reads(database: Database) -> None:
    (row,) = await database.fetch(
        "SELECT current_user AS role, current_setting('timezone') AS zone, '{\"a\":1}'::jsonb AS json",
        (),
        organization_id=A,
    )
    assert dict(row) == {"role": "skyledger_app", "zone": "UTC", "json": '{"a": 1}'}
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        await database.fetch("DELETE FROM resources", (), organization_id=A)
    assert await whose(database, A) == (A, None)
