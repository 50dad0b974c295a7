"""Pruned rows are the rows of SQLAlchemy's way: the same ones, in the same order, with the same values and cursors."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
import pytest
from sqlalchemy import JSON, Column, DateTime, Numeric, Table, insert

from app.database import Database
from app.loaders.inventory import RowByKey, Rows, RowsByKey
from app.loaders.scans import Asked, SomeOfEach
from app.paging import PageRequest
from app.records.criteria import (
    AmountRange,
    Condition,
    Criteria,
    DayRange,
    Direction,
    Emptiness,
    IdMatch,
    MomentRange,
    TagMatch,
    TextMatch,
    Truth,
)
from app.repositories.accounts import ACCOUNTS
from app.repositories.recommendations import RECOMMENDATIONS
from app.repositories.resources import RESOURCES
from app.repositories.scans import SCANS
from app.repositories.selection import RowsUnder
from app.schema.paging import cursor_text
from tests.house.rows import row_of

TENANT, OTHER = UUID(int=1), UUID(int=2)
ROWS, CASES = 60, 40
START = datetime(2026, 10, 1, tzinfo=UTC)
TEXTS = ("a", "A", "ab", "b%", "_x", "/y", "é", "", "z" * 200)
AMOUNTS = ("0", "-1", "1E-10", "0.0000000001000", "1000000", "12.50", "1E+3", "123456789012345678.123456789")
# By table: what it can be ordered by, and the columns whose values nothing else in the table forbids.
TABLES: dict[str, tuple[Table, tuple[str, ...], str]] = {
    "resources": (
        RESOURCES,
        ("name", "first_seen_at", "last_seen_at"),
        "service resource_type name region status tags properties first_seen_at last_seen_at gone_at",
    ),
    "accounts": (
        ACCOUNTS,
        ("name", "created_at"),
        "name created_at settings missing_permissions disconnected_at allows_tagging",
    ),
    "recommendations": (
        RECOMMENDATIONS,
        ("saving_order", "found_at"),
        "check_id severity saving evidence saving_order resource_id is_counted found_at due_on decided_by note",
    ),
    "scans": (SCANS, ("queued_at",), "regions services actor_id failure queued_at started_at"),
}
UNIQUE = {"native_id", "subject_key"}


def value_of(column: Column[Any], chance: random.Random) -> Any:
    """Few different ones, so that many rows are equal in what they are ordered by."""
    if column.nullable and chance.random() < 0.3:
        return None
    kind = column.type.python_type
    if column.name in {"tags", "settings"}:
        return {chance.choice(TEXTS): chance.choice(TEXTS) for _ in range(chance.randrange(3))}
    values: dict[type, Any] = {
        str: chance.choice(TEXTS),
        UUID: UUID(int=chance.randrange(1, 6)),
        bool: chance.random() < 0.5,
        Decimal: Decimal(chance.choice(AMOUNTS)),
        datetime: START + timedelta(microseconds=chance.randrange(3), days=chance.randrange(3)),
        date: (START + timedelta(days=chance.randrange(3))).date(),
        list: chance.sample(TEXTS, chance.randrange(3)),
    }
    return values.get(kind, {"n": [chance.randrange(9), None, chance.choice(TEXTS)]})


async def fill(owner: Database, table: Table, free: Sequence[str], chance: random.Random) -> None:
    """Sixty rows of the tenant and as many of another, in an account of each."""
    async with owner.engine.begin() as connection:
        for tenant in (TENANT, OTHER):
            await connection.execute(insert(ACCOUNTS).values(row_of(ACCOUNTS, tenant)))
            rows = []
            for number in range(ROWS):
                row = row_of(table, tenant) | {"id": UUID(int=chance.getrandbits(128))}
                row |= {name: f"{name} {number}" for name in UNIQUE & set(row)}
                row |= {name: value_of(table.c[name], chance) for name in free}
                if table is SCANS:
                    row["state"] = "FAILED"  # two of an account cannot be under way
                rows.append(row)
            await connection.execute(insert(table), rows)


def condition_on(column: Column[Any], chance: random.Random) -> Condition | None:
    if column.nullable and chance.random() < 0.3:
        return Emptiness(chance.random() < 0.5)
    given = [value_of(column, chance) or value_of(column, chance) for _ in range(3)]
    one, other, *_ = [*(value for value in given if value is not None), None, None]
    kind = column.type.python_type
    if kind is str:
        among = None if chance.random() < 0.5 else tuple(value for value in given if value is not None)
        return TextMatch(one if among is None else None, among, chance.choice([None, "a", "%", "_", "/", ""]))
    if kind is UUID:
        return IdMatch(tuple(value for value in given if value is not None))
    ranges: dict[type, Callable[..., Condition]] = {datetime: MomentRange, Decimal: AmountRange, date: DayRange}
    if kind in ranges:
        return ranges[kind](*chance.choice([(one, None), (None, one), (one, other)]))
    return Truth(chance.random() < 0.5) if kind is bool else None


def criteria_on(table: Table, free: Sequence[str], chance: random.Random) -> Criteria:
    chosen = chance.sample(free, chance.choice([0, 1, 1, 2, 3]))
    found = ((name, condition_on(table.c[name], chance)) for name in chosen)
    columns = tuple((name, condition) for name, condition in found if condition is not None)
    tags: tuple[TagMatch, ...] = ()
    if "tags" in free and chance.random() < 0.3:
        tags = (TagMatch(chance.choice(TEXTS), chance.choice([None, TEXTS[:3]]), chance.choice([None, True, False])),)
    return Criteria(columns, tags)


def form(column: Column[Any], value: Any) -> Any:
    """What a pruned record has for a value, as it can be compared."""
    if value is not None and isinstance(column.type, Numeric):
        return format(value, "f")
    return value


def told(table: Table, names: Sequence[str], record: Sequence[Any]) -> list[Any]:
    """A record with its JSON and its moments read."""
    assert len(names) == len(record)
    return [_read(table.c[name], value) for name, value in zip(names, record, strict=True)]


def _read(column: Column[Any], value: Any) -> Any:
    if value is not None and isinstance(column.type, JSON):
        return orjson.loads(value)
    return datetime.fromisoformat(value) if isinstance(value, str) and isinstance(column.type, DateTime) else value


def expected(table: Table, names: Sequence[str], row: Mapping[Any, Any]) -> list[Any]:
    return [form(table.c[name], row[name]) for name in names]


@pytest.mark.parametrize("name", list(TABLES))
async def test_pruned_pages_are_the_same_pages(owner: Database, database: Database, name: str) -> None:
    table, orders, columns = TABLES[name]
    free = columns.split()
    seed = random.randrange(10**6)  # noqa: S311
    chance = random.Random(seed)  # noqa: S311
    await fill(owner, table, free, chance)
    rows = Rows(database, table)
    every = (await rows.page(TENANT, Criteria(), orders[0], Direction.ASC, PageRequest(size=1000))).rows
    assert len(every) == ROWS + (table is ACCOUNTS)
    for case in range(CASES):
        at = f"seed {seed}, case {case}"
        order, direction = chance.choice(orders), chance.choice(list(Direction))
        keys = [(row[order], row["id"]) for row in every]
        request = PageRequest(
            size=chance.choice([1, 5, 100]),
            after=chance.choice([None, chance.choice(keys)]),
            before=chance.choice([None, chance.choice(keys)]),
            backwards=chance.random() < 0.5,
        )
        criteria = criteria_on(table, free, chance)
        wanted = tuple(chance.sample([column.name for column in table.c], chance.randrange(len(table.c))))
        if chance.random() < 0.2:
            wanted += (order, "id")
        # Once where the wanted columns end with the order's, but for moments, whose text is no key of a cursor.
        once = wanted[-2:] == (order, "id") and not isinstance(table.c[order].type, DateTime)
        shown = wanted if once else (*wanted, order, "id")
        whole = await rows.page(TENANT, criteria, order, direction, request)
        pruned = await rows.page(TENANT, criteria, order, direction, request, wanted)
        assert (pruned.has_next, pruned.has_previous) == (whole.has_next, whole.has_previous), at
        assert [told(table, shown, row) for row in pruned.rows] == [
            expected(table, shown, row) for row in whole.rows
        ], at
        for one, other in zip(pruned.rows, whole.rows, strict=True):
            assert cursor_text(order, (one[-2], one[-1])) == cursor_text(order, (other[order], other["id"])), at
        assert await rows.counter(TENANT, criteria)() == len(
            (await rows.page(TENANT, criteria, order, direction, PageRequest(size=1000))).rows
        ), at


async def test_pruned_rows_by_key_are_the_same(owner: Database, database: Database) -> None:
    table, _, columns = TABLES["recommendations"]
    await fill(owner, table, columns.split(), random.Random(7))  # noqa: S311
    wanted = ("saving", "saving_order", "check_id")
    shown = (*wanted, "resource_id")
    keys = [(tenant, UUID(int=number)) for number in (3, 9, 1, 3, 2) for tenant in (TENANT, OTHER)]
    several = RowsByKey(database, table, "resource_id")
    whole, pruned = await several.load_many(keys), await several.load_many(keys, wanted)
    assert sum(map(len, whole)) > 2 * ROWS / 6
    assert [[told(table, shown, row) for row in rows] for rows in pruned] == [
        [expected(table, shown, row) for row in rows] for rows in whole
    ]
    one = RowByKey(database, table, "id")
    ids = [(TENANT, row["id"]) for row in whole[0]] + [(TENANT, UUID(int=5)), (OTHER, whole[0][0]["id"])]
    found = [None if row is None else row["check_id"] for row in await one.load_one_each(ids, wanted)]
    assert found == [None if row is None else row["check_id"] for row in await one.load_one_each(ids)]
    assert found[-2:] == [None, None]


async def test_some_pruned_rows_of_each_are_the_same(owner: Database, database: Database) -> None:
    table, _, columns = TABLES["recommendations"]
    await fill(owner, table, columns.split(), random.Random(8))  # noqa: S311
    order = (("saving_order", Direction.DESC), ("id", Direction.ASC))

    def criteria(states: tuple[str, ...]) -> Criteria:
        return Criteria((("severity", TextMatch(in_=states)),))

    loader = SomeOfEach(database, RowsUnder(table, "resource_id", order), criteria)
    wanted = ("id", "saving_order", "evidence", "resource_id")
    for limit in (1, 3, 100):
        asked = [Asked(TENANT, UUID(int=number), (TEXTS[:6], limit)) for number in (5, 9, 1, 2)]
        whole, pruned = (
            await loader.load_many(asked),
            await loader.records([one[:2] for one in asked], asked[0].arguments, wanted),
        )
        assert whole[1] == []
        assert max(map(len, whole)) == limit or limit == 100
        assert [[told(table, wanted, row[:-1]) for row in rows] for rows in pruned] == [
            [expected(table, wanted, row) for row in rows] for rows in whole
        ]
