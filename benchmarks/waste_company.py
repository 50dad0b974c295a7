"""Fills a database with the made-up company of `waste_recipe`, and says what of it the benchmarks need to know."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.models import new_id
from app.pricing.book import seed_book
from app.recommendations.look import Looking, look, start_look
from app.recommendations.narrow import narrowed
from benchmarks.cost_recipe import PERIOD
from benchmarks.waste_recipe import (
    ACCOUNTS,
    CHARGES,
    COLUMNS,
    DIMS,
    MIX,
    MONTHLY,
    ORGANIZATION,
    REGIONS,
    SETUP,
    USAGE_COLUMNS,
    Usages,
    account_number,
    company,
    record,
)

BATCH = 5_000
_ACCOUNT = """INSERT INTO accounts (organization_id, id, provider, kind, native_id, name, created_at, updated_at,
        settings) VALUES ($1, $2, 'AWS', 'MANUAL', $3, 'Account', now(), now(), '{}')"""
_SCAN = """INSERT INTO scans (organization_id, id, account_id, state, actor_kind, queued_at, finished_at)
    VALUES ($1, $2, $3, 'SUCCEEDED', 'SYSTEM', now(), now())"""
_STEP = """INSERT INTO scan_steps (organization_id, id, scan_id, service, region, state, found, added, changed, removed,
        unchanged, collected, problems, finished_at)
    VALUES ($1, $2, $3, 'All', $4, 'SUCCEEDED', 0, 0, 0, 0, 0, $5, '[]', now())"""
# One resource of eight was seen to change: another status, or a property.
_CHANGES = """INSERT INTO resource_changes (organization_id, id, resource_id, scan_id, kind, changes, changed_at)
    SELECT organization_id, gen_random_uuid(), id, NULL, 'CHANGED',
        '{"status": {"from": "other", "to": "this"}, "properties": {"associationId": {"from": "a", "to": "b"}}}',
        now() - (1 + (hashtext(native_id) & 127)) * interval '1 day'
    FROM resources WHERE organization_id = $1 AND hashtext(native_id) % 8 = 0"""
_CHANGE = """UPDATE resources SET updated_at = now()
    WHERE organization_id = :organization_id AND hashtext(native_id) % 100 = 0"""


async def fill(url: str, resources: int, only: str | None = None) -> None:
    """Make a company of a size in an empty database that is migrated."""
    connection = await asyncpg.connect(url.replace("postgresql+asyncpg", "postgresql"))
    try:
        moment = datetime.now(UTC)
        await connection.execute(SETUP[0], ORGANIZATION)
        for account_id in ACCOUNTS:
            await connection.execute(_ACCOUNT, ORGANIZATION, account_id, account_number(account_id))
        await _store(connection, resources, only, moment)
        await _scan(connection)
        await connection.execute(_CHANGES, ORGANIZATION)
        for statement in SETUP[1:]:
            await connection.execute(statement, ORGANIZATION)
        await _charge(connection, moment.date())
        await connection.execute("VACUUM ANALYZE", timeout=3600)
    finally:
        await connection.close()


async def _store(connection: Any, resources: int, only: str | None, moment: datetime) -> None:
    usages = Usages(moment)
    made = company(resources, only)
    while batch := list(islice(made, BATCH)):
        ids = [new_id() for _ in batch]
        await _copy(
            connection, "resources", COLUMNS, (record(one, id_, moment) for one, id_ in zip(batch, ids, strict=True))
        )
        relations = (
            (ORGANIZATION, id_, kind, target)
            for one, id_ in zip(batch, ids, strict=True)
            for kind, target in one.relations
        )
        columns = ("organization_id", "resource_id", "kind", "target_native_id")
        await _copy(connection, "resource_relationships", columns, relations)
        used = (row for one, id_ in zip(batch, ids, strict=True) for row in usages.records(one, id_))
        await _copy(connection, "resource_usage", USAGE_COLUMNS, used)


async def _copy(connection: Any, table: str, columns: Iterable[str], records: Iterable[tuple[Any, ...]]) -> None:
    await connection.copy_records_to_table(table, columns=list(columns), records=records)


async def _scan(connection: Any) -> None:
    """Say that everything was read completely."""
    types = [kind for kind, _, _ in MIX] + ["AWS::EC2::Image"]
    for account_id in ACCOUNTS:
        scan_id = new_id()
        await connection.execute(_SCAN, ORGANIZATION, scan_id, account_id)
        for region in REGIONS:
            await connection.execute(_STEP, ORGANIZATION, new_id(), scan_id, region, types)


async def _charge(connection: Any, today: date) -> None:
    """The charges of the last whole month."""
    end = today.replace(day=1)
    month = (end - timedelta(days=1)).replace(day=1)
    values = {"import_id": new_id(), "month": month, "following": end, "last": end - timedelta(days=1)}
    statement = PERIOD.replace(":org", "$1")
    for place, name in enumerate(values, start=2):
        statement = statement.replace(f":{name}", f"${place}")
    period = await connection.fetchval(statement, ORGANIZATION, *values.values())
    await connection.execute("SELECT app_charge_partition($1)", month)
    await connection.execute(DIMS, ORGANIZATION)
    await connection.execute(MONTHLY, ORGANIZATION, period, month)
    await connection.execute("ANALYZE")
    start = datetime(month.year, month.month, 1, tzinfo=UTC)
    await connection.execute(CHARGES, ORGANIZATION, period, start, timeout=3600)


async def look_at_all(database: Database, grounds: dict[UUID, str], *, everything: bool = True) -> list[Looking]:
    """Look at all accounts as the worker does, one after the other: at everything, or at what may have changed.

    `grounds` are those of looks before, by account: what is to be looked at is found out where it is wanted only.
    """
    done: list[Looking] = []
    for account_id in ACCOUNTS:
        book = seed_book()
        looking = await start_look(database, ORGANIZATION, account_id, book, _hold)
        if looking is None:
            continue
        if everything and account_id in grounds:
            looking = replace(looking, ground=grounds[account_id])
        else:
            looking = await narrowed(looking, book)
            grounds[account_id] = looking.ground
        await look(looking)
        done.append(looking)
    return done


async def change(database: Database) -> None:
    """As if a scan had found one resource of a hundred changed."""
    async with database.write(ORGANIZATION) as session:
        await session.execute(text(_CHANGE), {"organization_id": ORGANIZATION})


async def _hold(_: AsyncSession) -> None:
    """Nobody else looks."""
