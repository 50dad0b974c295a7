"""Pages of charges against an oracle in Python: every condition, both orders, both directions, and the counts."""

from __future__ import annotations

import operator
from datetime import UTC, datetime
from decimal import Decimal
from operator import itemgetter
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import RowMapping, insert
from sqlalchemy import text as sql

from app.database import Database
from app.models import PromotedTagKey, now
from app.paging import PageRequest
from app.records.charge_ids import ChargeKey, decode_charge_id, encode_charge_id
from app.records.cost_analysis import (
    AmountCondition,
    Condition,
    CostDimension,
    Grouping,
    MomentCondition,
    TextCondition,
)
from app.records.criteria import ChargeOrderField, Direction
from app.repositories.charge_rows import charge_page, count_charges
from app.repositories.whole_charges import charges_by_keys
from tests.costs.deliveries import COSTS, deliver, rows_of, sum_of, written
from tests.house.statements import counted

ORGANIZATION = UUID("00000000-0000-7000-8000-0000000000c1")
OTHER = UUID("00000000-0000-7000-8000-0000000000c2")
Order = tuple[ChargeOrderField, Direction]
LATEST: Order = (ChargeOrderField.CHARGE_PERIOD_START, Direction.DESC)
BEGIN, END = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
OCTOBER = MomentCondition("charge_period_start", gte=BEGIN, lt=END)
BILLED = MomentCondition("billing_period_start", gte=BEGIN, lt=END)
CUT = MomentCondition(
    "charge_period_start", gte=datetime(2026, 10, 3, 12, tzinfo=UTC), lte=datetime(2026, 10, 20, tzinfo=UTC)
)
COMPARED = {"gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le}
Wanted = tuple[Condition, ...]


def text(name: str, **test: Any) -> TextCondition:
    """A condition on a column."""
    return TextCondition(Grouping(CostDimension(name)), **test)


def tag(key: str, **test: Any) -> TextCondition:
    """A condition on a tag."""
    return TextCondition(Grouping(tag=key), **test)


RDS = "Amazon Relational Database Service"
CRITERIA: dict[str, Wanted] = {
    "none": (),
    "a service": (text("service_name", in_=(RDS,)),),
    "services by part": (text("service_name", contains="aMAZON"),),
    "other services": (text("service_name", not_in=(RDS, "AWS Lambda")),),
    "no such service": (text("service_name", in_=("nothing",)),),
    "categories": (text("charge_category", in_=("Tax", "Credit", "Purchase")),),
    "a region": (text("region_id", in_=("eu-central-1",)),),
    "no region": (text("region_id", exists=False),),
    "a pricing category": (text("pricing_category", in_=("Committed",)),),
    "an account": (text("account", contains="1"), text("sub_account_name", exists=True)),
    "a dataset": (text("dataset", in_=("second",)),),
    "a dataset and a region": (text("dataset", in_=("second",)), text("region_id", in_=("eu-central-1",))),
    "a service in a region": (text("service_name", in_=(RDS,)), text("region_id", in_=("eu-central-1",))),
    "resources": (text("resource_id", contains="customers"),),
    "other resources": (text("resource_id", not_in=("customers",)),),
    "no resource": (text("resource_id", exists=False),),
    "a type": (text("resource_type", in_=("RDS database",)),),
    "a text": (text("charge_description", contains="hours"),),
    "amounts": (AmountCondition("billed_cost", gte=Decimal(1), lte=Decimal(5)),),
    "effective": (AmountCondition("effective_cost", gt=Decimal(-1), lte=Decimal(0)),),
    "unit prices": (AmountCondition("list_unit_price", gt=Decimal("0.01")),),
    "a month": (OCTOBER,),
    "cut days": (CUT, text("service_provider_name", in_=("AWS",))),
    "a billing period": (BILLED, text("charge_category", in_=("Usage",))),
    "a tag": (tag("team", in_=("data", "web")),),
    "no such tag": (tag("team", not_in=("data",)),),
    "a tag by part": (tag("team", contains="A"),),
    "a tag there": (tag("team", exists=True),),
    "a tag not there": (text("charge_category", in_=("Usage",)), tag("team", exists=False)),
    "tags that exclude each other": (tag("team", in_=("data",), exists=False),),
    "all at once": (
        OCTOBER,
        text("service_provider_name", in_=("AWS",)),
        text("resource_type", contains="e"),
        text("charge_description", contains="o"),
        AmountCondition("billed_cost", gte=Decimal("0.01")),
        tag("team", exists=True),
        tag("nothing", exists=False),
    ),
}


@pytest.fixture
def some() -> list[dict[str, str]]:
    """Every seventh row of the sample."""
    return rows_of(COSTS)[::7]


@pytest.fixture
async def filled(database: Database, some: list[dict[str, str]], tmp_path: Path) -> Database:
    """The rows twice, in two datasets, and once in another organization."""
    path = written(tmp_path / "some.csv", some)
    for organization_id, dataset in ((ORGANIZATION, "first"), (ORGANIZATION, "second"), (OTHER, "first")):
        outcome = await deliver(database, organization_id, path, dataset=dataset)
        assert (outcome.added, outcome.rejected) == (489, 0)
    return database


async def pages(database: Database, wanted: Wanted, order: Order, size: int, *, backwards: bool) -> list[Any]:
    """All rows page by page from one end, in the connection's order."""
    rows: list[RowMapping] = []
    request = PageRequest(size, backwards=backwards)
    async with database.read(ORGANIZATION) as session:
        while True:
            page = await charge_page(session, ORGANIZATION, wanted, order, request)
            rows = [*page.rows, *rows] if backwards else [*rows, *page.rows]
            assert len(page.rows) <= size
            if not (page.has_previous if backwards else page.has_next):
                return rows
            key = tuple(page.rows[0 if backwards else -1][name] for name in order[0].key)
            request = PageRequest(
                size, after=None if backwards else key, before=key if backwards else None, backwards=backwards
            )


def meets(row: RowMapping, wanted: Wanted) -> bool:
    """What the conditions say, in Python."""
    return all(_meets(row, condition) for condition in wanted)


def _meets(row: RowMapping, condition: Condition) -> bool:
    if not isinstance(condition, TextCondition):
        value, given = row[condition.column], vars(condition)
        tests = [(COMPARED[name], bound) for name, bound in given.items() if name != "column" and bound is not None]
        return value is not None and all(compare(value, bound) for compare, bound in tests)
    value = _value(row, condition.of)
    if condition.exists is not None and (value is not None) is not condition.exists:
        return False
    if value is None:
        return condition.in_ is None and condition.contains is None
    return (
        (condition.in_ is None or value in condition.in_)
        and value not in (condition.not_in or ())
        and (condition.contains is None or condition.contains.lower() in value.lower())
    )


def _value(row: RowMapping, of: Grouping) -> str | None:
    value: str | None
    if of.dimension is not None:
        value = row["sub_account_id" if of.dimension is CostDimension.ACCOUNT else of.dimension.value]
        return row["billing_account_id"] if value is None and of.dimension is CostDimension.ACCOUNT else value
    return next((value for key, value in (row["tags"] or {}).items() if key.strip().lower() == of.tag), None)


def keys(rows: list[Any]) -> list[tuple[int, int]]:
    return [(row["import_period_id"], row["line_no"]) for row in rows]


async def test_every_row_is_there_once_with_the_sums_of_the_file(filled: Database, some: list[dict[str, str]]) -> None:
    rows = await pages(filled, (), LATEST, 1_000, backwards=False)
    assert len(rows) == len(set(keys(rows))) == 2 * 489
    for column, name in (("billed_cost", "BilledCost"), ("effective_cost", "EffectiveCost"), ("list_cost", "ListCost")):
        assert sum(row[column] for row in rows) == 2 * sum_of(some, name)


async def test_conditions_orders_and_directions(filled: Database) -> None:
    """The dimensions are few here, so each way of finding charges is taken: day by day, by resource, in one walk."""
    everything = await pages(filled, (), LATEST, 1_000, backwards=False)
    met = set()
    for name, wanted in CRITERIA.items():
        expected = [row for row in everything if meets(row, wanted)]
        met.add(len(expected) > 0)
        async with filled.read(ORGANIZATION) as session:
            assert await count_charges(session, ORGANIZATION, wanted) == len(expected), name
        for field in ChargeOrderField:
            inorder = sorted(expected, key=itemgetter(*field.key))
            for direction, backwards in ((Direction.ASC, False), (Direction.DESC, False), (Direction.DESC, True)):
                found = await pages(filled, wanted, (field, direction), 300, backwards=backwards)
                wanted_keys = keys(inorder if direction is Direction.ASC else inorder[::-1])
                assert keys(found) == wanted_keys, (name, field, direction, backwards)
    assert met == {True, False}


async def test_promoted_tags_choose_the_same(
    database: Database, owner: Database, some: list[dict[str, str]], tmp_path: Path
) -> None:
    """By their allocation sets, and while a run writes these, by the tag sets themselves."""
    key = {"organization_id": ORGANIZATION, "key": "team", "position": 1, "created_at": now()}
    async with database.write(ORGANIZATION) as session:
        await session.execute(insert(PromotedTagKey).values(key))
    await deliver(database, ORGANIZATION, written(tmp_path / "some.csv", some), dataset="first")
    everything = await pages(database, (), LATEST, 1_000, backwards=False)
    tagged = {name: wanted for name, wanted in CRITERIA.items() if "tag" in name}
    expected = {name: [row for row in everything if meets(row, wanted)] for name, wanted in tagged.items()}
    assert len({len(rows) for rows in expected.values()}) > 3
    unset = sql("UPDATE tag_sets SET allocation_id = 0")
    run = sql(
        "INSERT INTO allocation_runs (organization_id, id, kind, state, months_done, actor_kind, created_at) "
        "VALUES (:organization_id, gen_random_uuid(), 'TAG_KEYS', 'QUEUED', 0, 'SYSTEM', now())"
    )
    for statements in ((), (unset, run)):
        async with owner.engine.begin() as connection:
            for statement in statements:
                await connection.execute(statement, {"organization_id": ORGANIZATION} if statement is run else None)
        for name, wanted in tagged.items():
            found = await pages(database, wanted, LATEST, 1_000, backwards=False)
            assert keys(found) == keys(expected[name]), (name, statements)


@pytest.mark.parametrize("name", ["a service", "resources", "a text", "cut days"])
async def test_small_pages_miss_nothing(filled: Database, name: str) -> None:
    for order in (LATEST, (ChargeOrderField.BILLED_COST, Direction.ASC)):
        whole = await pages(filled, CRITERIA[name], order, 1_000, backwards=False)
        assert keys(await pages(filled, CRITERIA[name], order, 13, backwards=False)) == keys(whole)
        assert keys(await pages(filled, CRITERIA[name], order, 13, backwards=True)) == keys(whole)


async def test_many_dimensions_are_walked_through(filled: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """With more cost dimensions than are looked up one by one the same rows come, in another way."""
    expected = await pages(filled, CRITERIA["services by part"], LATEST, 300, backwards=False)
    monkeypatch.setattr("app.repositories.charge_rows.FEW_DIMENSIONS", 2)
    assert keys(await pages(filled, CRITERIA["services by part"], LATEST, 300, backwards=False)) == keys(expected)
    assert len(expected) > 100


async def test_charges_are_found_by_their_ids_and_nobody_else_s(filled: Database) -> None:
    rows = (await pages(filled, CRITERIA["categories"], LATEST, 1_000, backwards=False))[:40]
    ids = [encode_charge_id(row["import_period_id"], row["charge_period_start"], row["line_no"]) for row in rows]
    decoded = [key for key in map(decode_charge_id, ids) if key is not None]
    strange = ChargeKey(decoded[0].import_period_id, decoded[0].day, 2**31)
    with counted(filled) as statements:
        async with filled.read(ORGANIZATION) as session:
            found = await charges_by_keys(session, ORGANIZATION, [*decoded, strange])
    assert len([statement for statement in statements if "unnest" in statement]) == 1
    assert {key: dict(row) for key, row in found.items()} == {
        key: dict(row) for key, row in zip(decoded, rows, strict=True)
    }
    async with filled.read(OTHER) as session:
        assert await charges_by_keys(session, OTHER, decoded) == {}


async def test_a_page_takes_three_statements_at_most(filled: Database) -> None:
    for wanted in CRITERIA.values():
        with counted(filled) as statements:
            async with filled.read(ORGANIZATION) as session:
                await charge_page(session, ORGANIZATION, wanted, LATEST, PageRequest(25))
        asked = [
            statement
            for statement in statements
            if statement.lstrip().startswith("SELECT") and "app_set_org" not in statement
        ]
        assert len(asked) <= 3
