"""Pages of charges against an oracle in Python: every condition, both orders, both directions, and the counts."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from operator import itemgetter
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import RowMapping

from app.database import Database
from app.paging import PageRequest
from app.records.charge_ids import ChargeKey, decode_charge_id, encode_charge_id
from app.records.criteria import (
    AmountRange,
    ChargeOrderField,
    Condition,
    Criteria,
    Direction,
    MomentRange,
    TagMatch,
    TextMatch,
)
from app.repositories.charge_rows import charge_page, count_charges
from app.repositories.whole_charges import charges_by_keys
from tests.costs.deliveries import COSTS, deliver, rows_of, sum_of, written
from tests.house.statements import counted

ORGANIZATION = UUID("00000000-0000-7000-8000-0000000000c1")
OTHER = UUID("00000000-0000-7000-8000-0000000000c2")
Order = tuple[ChargeOrderField, Direction]
LATEST: Order = (ChargeOrderField.CHARGE_PERIOD_START, Direction.DESC)
OCTOBER = MomentRange(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))
CUT = MomentRange(datetime(2026, 10, 3, 12, tzinfo=UTC), datetime(2026, 10, 20, 1, tzinfo=UTC))


def wanted(*columns: tuple[str, Condition], tags: tuple[TagMatch, ...] = ()) -> Criteria:
    return Criteria(columns, tags)


CRITERIA = {
    "none": wanted(),
    "a service": wanted(("service_name", TextMatch(eq="Amazon Relational Database Service"))),
    "services by part": wanted(("service_name", TextMatch(contains="aMAZON"))),
    "no such service": wanted(("service_name", TextMatch(eq="nothing"))),
    "categories": wanted(("charge_category", TextMatch(in_=("Tax", "Credit", "Purchase")))),
    "a region": wanted(("region_id", TextMatch(eq="eu-central-1"))),
    "a dataset": wanted(("dataset", TextMatch(eq="second"))),
    "a dataset and a region": wanted(("dataset", TextMatch(eq="second")), ("region_id", TextMatch(eq="eu-central-1"))),
    "resources": wanted(("resource_id", TextMatch(contains="customers"))),
    "a type": wanted(("resource_type", TextMatch(eq="RDS database"))),
    "a text": wanted(("charge_description", TextMatch(contains="hours"))),
    "amounts": wanted(("billed_cost", AmountRange(Decimal(1), Decimal(5)))),
    "effective": wanted(("effective_cost", AmountRange(Decimal(-1), Decimal(0)))),
    "a month": wanted(("charge_period_start", OCTOBER)),
    "cut days": wanted(("charge_period_start", CUT), ("service_provider_name", TextMatch(eq="AWS"))),
    "a billing period": wanted(("billing_period_start", OCTOBER), ("charge_category", TextMatch(eq="Usage"))),
    "a tag": wanted(tags=(TagMatch("team", ("data", "web")),)),
    "a tag there": wanted(tags=(TagMatch("team", exists=True),)),
    "a tag not there": wanted(("charge_category", TextMatch(eq="Usage")), tags=(TagMatch("team", exists=False),)),
    "tags that exclude each other": wanted(tags=(TagMatch("team", ("data",), exists=False),)),
    "all at once": wanted(
        ("charge_period_start", OCTOBER),
        ("service_provider_name", TextMatch(eq="AWS")),
        ("resource_type", TextMatch(contains="e")),
        ("charge_description", TextMatch(contains="o")),
        ("billed_cost", AmountRange(Decimal("0.01"), None)),
        tags=(TagMatch("team", exists=True), TagMatch("nothing", exists=False)),
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


async def pages(database: Database, criteria: Criteria, order: Order, size: int, *, backwards: bool) -> list[Any]:
    """All rows page by page from one end, in the connection's order."""
    rows: list[RowMapping] = []
    request = PageRequest(size, backwards=backwards)
    async with database.read(ORGANIZATION) as session:
        while True:
            page = await charge_page(session, ORGANIZATION, criteria, order, request)
            rows = [*page.rows, *rows] if backwards else [*rows, *page.rows]
            assert len(page.rows) <= size
            if not (page.has_previous if backwards else page.has_next):
                return rows
            key = tuple(page.rows[0 if backwards else -1][name] for name in order[0].key)
            request = PageRequest(
                size, after=None if backwards else key, before=key if backwards else None, backwards=backwards
            )


def meets(row: RowMapping, criteria: Criteria) -> bool:
    """What the conditions say, in Python."""
    return all(_meets(row[name], condition) for name, condition in criteria.columns) and all(
        _has(row["tags"] or {}, tag) for tag in criteria.tags
    )


def _meets(value: Any, condition: Condition) -> bool:
    if value is None:
        return False
    match condition:
        case TextMatch(eq, in_, contains):
            return (
                (eq is None or value == eq)
                and (in_ is None or value in in_)
                and (contains is None or contains.lower() in value.lower())
            )
        case MomentRange(gte, lt):
            return (gte is None or value >= gte) and (lt is None or value < lt)
        case AmountRange(gte, lte):
            return (gte is None or value >= gte) and (lte is None or value <= lte)
    raise AssertionError(condition)


def _has(tags: dict[str, Any], tag: TagMatch) -> bool:
    there = tag.exists is None or (tag.key in tags) is tag.exists
    return there and (tag.in_ is None or tags.get(tag.key) in tag.in_)


def keys(rows: list[Any]) -> list[tuple[int, int]]:
    return [(row["import_period_id"], row["line_no"]) for row in rows]


async def test_every_row_is_there_once_with_the_sums_of_the_file(filled: Database, some: list[dict[str, str]]) -> None:
    rows = await pages(filled, Criteria(), LATEST, 1_000, backwards=False)
    assert len(rows) == len(set(keys(rows))) == 2 * 489
    for column, name in (("billed_cost", "BilledCost"), ("effective_cost", "EffectiveCost"), ("list_cost", "ListCost")):
        assert sum(row[column] for row in rows) == 2 * sum_of(some, name)


async def test_conditions_orders_and_directions(filled: Database) -> None:
    """The dimensions are few here, so each way of finding charges is taken: day by day, by resource, in one walk."""
    everything = await pages(filled, Criteria(), LATEST, 1_000, backwards=False)
    met = set()
    for name, criteria in CRITERIA.items():
        expected = [row for row in everything if meets(row, criteria)]
        met.add(len(expected) > 0)
        async with filled.read(ORGANIZATION) as session:
            assert await count_charges(session, ORGANIZATION, criteria) == len(expected), name
        for field in ChargeOrderField:
            inorder = sorted(expected, key=itemgetter(*field.key))
            for direction, backwards in ((Direction.ASC, False), (Direction.DESC, False), (Direction.DESC, True)):
                found = await pages(filled, criteria, (field, direction), 300, backwards=backwards)
                wanted_keys = keys(inorder if direction is Direction.ASC else inorder[::-1])
                assert keys(found) == wanted_keys, (name, field, direction, backwards)
    assert met == {True, False}


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
    for criteria in CRITERIA.values():
        with counted(filled) as statements:
            async with filled.read(ORGANIZATION) as session:
                await charge_page(session, ORGANIZATION, criteria, LATEST, PageRequest(25))
        asked = [
            statement
            for statement in statements
            if statement.lstrip().startswith("SELECT") and "app_set_org" not in statement
        ]
        assert len(asked) <= 3
