"""Keyset pages: every row once in each direction, bounded work, filters that mean what they say."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text

from app.database import Database
from app.paging import PageRequest
from app.records import Actor, ActorKind
from app.records.criteria import Condition, Criteria, Direction, MomentRange, TagMatch, TextMatch
from app.repositories.kept_statements import count_rows
from app.repositories.resources import RESOURCES
from app.repositories.selection import fetch_page
from app.scanning.ingest import ingest_resources
from tests.house.statements import counted

ORGANIZATION = uuid.UUID(int=1)
OTHER = uuid.UUID(int=2)
ACTOR = Actor(ActorKind.SYSTEM)


def row(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "provider": "AWS",
        "account_id": "1",
        "resource_type": "vm",
        "resource_id": f"i-{number:03}",
        "resource_name": f"name-{number % 4}",  # many equal names: the id decides among them
        "region": "eu" if number % 2 else None,
        "tags": {"team": "web", "n": str(number)} if number % 3 else {"owner%": "x_y"},
    } | changes


@pytest.fixture
async def filled(database: Database) -> Database:
    await ingest_resources(database, ORGANIZATION, ACTOR, [(n, row(n)) for n in range(1, 31)])
    await ingest_resources(database, OTHER, ACTOR, [(n, row(n)) for n in range(1, 6)])
    return database


async def page(database: Database, request: PageRequest, direction: Direction, criteria: Criteria | None = None) -> Any:
    async with database.read(ORGANIZATION) as session:
        return await fetch_page(
            session, RESOURCES, ORGANIZATION, criteria or Criteria(), ("name", "id"), direction, request
        )


@pytest.mark.parametrize("direction", list(Direction))
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("size", [1, 7, 30, 31])
async def test_pages_hold_every_row_once_in_order(
    filled: Database, direction: Direction, backwards: bool, size: int
) -> None:
    whole = [r["id"] for r in (await page(filled, PageRequest(size=100), direction)).rows]
    assert len(whole) == 30
    met: list[Any] = []
    request = PageRequest(size=size, backwards=backwards)
    for _ in range(31):
        found = await page(filled, request, direction)
        ids = [r["id"] for r in found.rows]
        met = ids + met if backwards else met + ids
        if not (found.has_previous if backwards else found.has_next):
            break
        edge = found.rows[0] if backwards else found.rows[-1]
        key = (edge["name"], edge["id"])
        request = PageRequest(
            size=size,
            after=None if backwards else key,
            before=key if backwards else None,
            backwards=backwards,
        )
    assert met == whole


@pytest.mark.parametrize(
    ("column", "condition", "expected"),
    [
        ("name", TextMatch(eq="name-1"), 8),
        ("name", TextMatch(in_=("name-1", "name-2")), 16),
        ("name", TextMatch(in_=()), 0),
        ("name", TextMatch(contains="E-1"), 8),
        ("name", TextMatch(contains="%"), 0),
        ("name", TextMatch(contains="_"), 0),
        ("name", TextMatch(eq="name-1", contains="2"), 0),
        ("region", TextMatch(eq="eu"), 15),
        ("last_seen_at", MomentRange(gte=datetime(2000, 1, 1, tzinfo=UTC)), 30),
        ("last_seen_at", MomentRange(lt=datetime(2000, 1, 1, tzinfo=UTC)), 0),
    ],
)
async def test_filters_on_columns(filled: Database, column: str, condition: Condition, expected: int) -> None:
    criteria = Criteria(columns=((column, condition),))
    assert await count_rows(filled, RESOURCES, ORGANIZATION, criteria) == expected
    assert len((await page(filled, PageRequest(size=100), Direction.ASC, criteria)).rows) == expected


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        (TagMatch("team", exists=True), 20),
        (TagMatch("team", exists=False), 10),
        (TagMatch("team", in_=("web", "x")), 20),
        (TagMatch("n", in_=("1",)), 1),
        (TagMatch("owner%", in_=("x_y",)), 10),
        (TagMatch("nobody", in_=("x",)), 0),
    ],
)
async def test_filters_on_tags(filled: Database, tag: TagMatch, expected: int) -> None:
    assert await count_rows(filled, RESOURCES, ORGANIZATION, Criteria(tags=(tag,))) == expected


async def test_a_late_page_reads_no_more_rows_than_the_first(filled: Database, owner: Database) -> None:
    """The plan of a page in the middle starts inside the index: it touches its own rows, not those before it."""
    async with owner.engine.begin() as connection:
        await connection.execute(
            text("""
                INSERT INTO resources (organization_id, id, account_id, provider, service, resource_type, native_id,
                    name, tags, properties, content_hash, first_seen_at, last_seen_at, updated_at)
                SELECT organization_id, gen_random_uuid(), account_id, provider, service, resource_type, 'n' || number,
                    'name-' || lpad(number::text, 6, '0'), '{}', '{}', '', now(), now(), now()
                FROM generate_series(1, 20000) AS number,
                    (SELECT * FROM resources WHERE organization_id = :organization LIMIT 1) AS one
            """),
            {"organization": ORGANIZATION},
        )
        await connection.execute(text("ANALYZE resources"))
    request = PageRequest(size=25, after=("name-010000", uuid.UUID(int=0)))
    with counted(filled) as statements:
        async with filled.read(ORGANIZATION) as session:
            page = await fetch_page(
                session, RESOURCES, ORGANIZATION, Criteria(), ("name", "id"), Direction.ASC, request
            )
    assert [row["name"] for row in page.rows][::24] == ["name-010000", "name-010024"]
    # The very statement that was sent, with the values in its order.
    values = [ORGANIZATION, "name-010000", uuid.UUID(int=0), 26]
    async with owner.engine.connect() as connection:
        raw = await connection.get_raw_connection()
        explained = await raw.driver_connection.fetchval(  # type: ignore[union-attr]
            f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON, TIMING OFF) {statements[-1]}", *values
        )
    scan = explained[0]["Plan"]["Plans"][0]
    assert scan["Node Type"] == "Index Scan"
    assert (scan["Actual Rows"], scan.get("Rows Removed by Filter", 0)) == (26, 0)
    # A block of the table for each row at most, and a few of the index, which up to here has many more.
    assert scan["Shared Hit Blocks"] + scan["Shared Read Blocks"] < 26 + 10
