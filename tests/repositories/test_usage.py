"""How much resources are used is stored in one row for each metric, written and read a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy.exc import IntegrityError

from app.database import Database
from app.models import new_id
from app.records.usage import StoredUsage
from app.repositories.usage import forget_usage, usage_of, write_usage
from tests.house.statements import counted
from tests.repositories.found import ACCOUNT, ORGANIZATION, OTHER, add_accounts, inventory, store, sweep_volumes, volume

READ_AT = datetime(2026, 11, 22, 5, 6, 7, 890123, tzinfo=UTC)
DAY = date(2026, 11, 20)


@pytest.fixture(autouse=True)
async def accounts(database: Database) -> None:
    await add_accounts(database)


async def volumes(database: Database, count: int) -> list[UUID]:
    await store(database, *(volume(f"vol-{number}") for number in range(count)))
    found = await inventory(database)
    return [found[f"vol-{number}"].id for number in range(count)]


def row(resource_id: UUID, metric: str = "reads", *daily: float | None, problem: str | None = None) -> StoredUsage:
    samples = [0 if value is None else 24 for value in daily]
    return StoredUsage(resource_id, metric, DAY, list(daily), samples, READ_AT, problem)


async def write(database: Database, *rows: StoredUsage) -> None:
    async with database.write(ORGANIZATION) as session:
        await write_usage(session, ORGANIZATION, rows)


async def read(database: Database, ids: Sequence[UUID], organization: UUID = ORGANIZATION) -> list[StoredUsage]:
    async with database.read(organization) as session:
        found = await usage_of(session, organization, ids)
    return [found[id_][metric] for id_ in ids if id_ in found for metric in sorted(found[id_])]


async def test_what_is_written_is_read(database: Database) -> None:
    first, second = await volumes(database, 2)
    rows = [
        row(first, "reads", 0.1, None, 12_345_678_901_234.5, 0.0),
        row(first, "writes", problem="denied"),
        row(second, "reads", 2.0**24 - 1),
    ]
    await write(database, *rows)
    assert await read(database, [first, second]) == rows
    assert await read(database, [second]) == rows[2:]
    assert await read(database, [first], OTHER) == []
    assert rows[0].end == date(2026, 11, 24)


async def test_a_row_is_replaced(database: Database) -> None:
    (one,) = await volumes(database, 1)
    await write(database, row(one, "reads", 1.0, problem="denied"), row(one, "writes", 5.0))
    await write(database, row(one, "reads", 1.0, 2.0))
    await write(database)
    assert await read(database, [one]) == [row(one, "reads", 1.0, 2.0), row(one, "writes", 5.0)]


async def test_a_page_is_one_statement(database: Database) -> None:
    ids = await volumes(database, 300)
    with counted(database) as statements:
        await write(database, *(row(id_, metric, *[1.5] * 30) for id_ in ids for metric in ("a", "b", "c")))
        written = len(statements)
        assert len(await read(database, ids)) == 900
    with counted(database) as of_one:
        await write(database, row(ids[0], "a", 1.0))
        assert written == len(of_one)
        await read(database, ids[:1])
    assert len(statements) == len(of_one)


async def test_of_what_is_not_there_nothing_is_kept(database: Database) -> None:
    with pytest.raises(IntegrityError):
        await write(database, row(new_id(), "reads", 1.0))


async def test_what_is_gone_and_what_nobody_reads_is_forgotten(database: Database) -> None:
    kept, gone = await volumes(database, 2)
    old = StoredUsage(kept, "old", DAY, [1.0], [1], READ_AT - timedelta(days=200))
    await write(database, row(kept, "reads", 1.0), row(gone, "reads", 1.0), old)
    step = new_id()
    await store(database, volume("vol-0"), step=step)
    assert await sweep_volumes(database, step) == 1
    async with database.write(ORGANIZATION) as session:
        await forget_usage(session, ORGANIZATION, new_id(), READ_AT - timedelta(days=100))
    assert len(await read(database, [kept, gone])) == 3
    async with database.write(ORGANIZATION) as session:
        await forget_usage(session, ORGANIZATION, ACCOUNT, READ_AT - timedelta(days=100))
    assert await read(database, [kept, gone]) == [row(kept, "reads", 1.0)]
