"""Arrays as PostgreSQL sends them are the numbers that were stored."""

from __future__ import annotations

import pytest

from app.database import Database
from app.repositories.packed_days import PackedDays
from app.repositories.planning import driver_of
from tests.repositories.found import ORGANIZATION


@pytest.mark.parametrize("values", [[], [1.5], [0.0, -2.25, 1e9], [None], [None, 3.5, None], [1.0, None]])
async def test_numbers_and_nulls(database: Database, values: list[float | None]) -> None:
    async with database.read(ORGANIZATION) as session:
        driver = await driver_of(session)
        sent = await driver.fetchval("SELECT array_send($1::float8[])", values)
    days = PackedDays(sent, "d")
    assert (len(days), list(days), days[1:]) == (len(values), values, tuple(values[1:]))
    assert days == values


async def test_small_numbers(database: Database) -> None:
    async with database.read(ORGANIZATION) as session:
        sent = await (await driver_of(session)).fetchval("SELECT array_send('{24,0,NULL,7}'::smallint[])")
    assert list(PackedDays(sent, "h")) == [24, 0, None, 7]
