"""Relationships: read from both ends, the right one of several resources meant, followed a few steps, no circles."""

from __future__ import annotations

import uuid
from uuid import UUID

import pytest
from sqlalchemy import event, select

from app.database import Database
from app.models import new_id
from app.repositories.relationships import Related, neighbors_of, relationships_of
from app.repositories.resources import RESOURCES, ResourceValues
from tests.repositories.found import (
    ORGANIZATION,
    OTHER,
    SECOND_ACCOUNT,
    add_accounts,
    inventory,
    store,
    sweep_volumes,
    volume,
)

Told = list[tuple[str, str, str, str | None]]


@pytest.fixture(autouse=True)
async def accounts(database: Database) -> None:
    await add_accounts(database)


def thing(native_id: str, *targets: str, kind: str = "ATTACHED_TO", **changes: object) -> ResourceValues:
    """A resource that says `kind` of each target."""
    return volume(native_id, **({"relations": tuple((kind, target) for target in targets)} | changes))


def told(found: list[Related]) -> Told:
    """(→ or ←, kind, native id, name of the other end's row)."""
    return [
        ("→" if one.outgoing else "←", one.kind, one.native_id, one.resource["name"] if one.resource else None)
        for one in found
    ]


async def read(database: Database, *ids: UUID, organization: UUID = ORGANIZATION, **wishes: object) -> list[Told]:
    async with database.read(organization) as session:
        found = await relationships_of(session, organization, ids, **wishes)  # type: ignore[arg-type]
    return [told(found[id_]) for id_ in ids]


async def near(database: Database, start: UUID, depth: int, limit: int = 100) -> list[tuple[int, str]]:
    async with database.read(ORGANIZATION) as session:
        found = (await neighbors_of(session, ORGANIZATION, [start], depth=depth, limit=limit))[start]
    return sorted((neighbor.distance, neighbor.resource["native_id"]) for neighbor in found)


async def ids(database: Database) -> dict[str, UUID]:
    return {native_id: resource.id for native_id, resource in (await inventory(database)).items()}


async def test_both_ends_tell_of_it(database: Database) -> None:
    await store(database, thing("vol-1", "i-1", "i-unknown"), thing("i-1", "vpc-1", kind="IN_NETWORK"), thing("vpc-1"))
    id_of = await ids(database)
    volume_side, instance_side = await read(database, id_of["vol-1"], id_of["i-1"])
    assert volume_side == [("→", "ATTACHED_TO", "i-1", "i-1"), ("→", "ATTACHED_TO", "i-unknown", None)]
    assert instance_side == [("→", "IN_NETWORK", "vpc-1", "vpc-1"), ("←", "ATTACHED_TO", "vol-1", "vol-1")]
    assert await read(database, id_of["i-1"], outgoing=False) == [[("←", "ATTACHED_TO", "vol-1", "vol-1")]]
    assert await read(database, id_of["i-1"], incoming=False) == [[("→", "IN_NETWORK", "vpc-1", "vpc-1")]]
    assert await read(database, id_of["i-1"], kind="ATTACHED_TO") == [[("←", "ATTACHED_TO", "vol-1", "vol-1")]]
    assert await read(database, id_of["i-1"], limit=1) == [[("→", "IN_NETWORK", "vpc-1", "vpc-1")]]
    assert await read(database, uuid.uuid4()) == [[]]


async def test_the_row_of_the_other_end_has_every_column(database: Database) -> None:
    await store(database, thing("vol-1", "i-1"), thing("i-1"))
    stored = await inventory(database)
    async with database.read(ORGANIZATION) as session:
        (found,) = (await relationships_of(session, ORGANIZATION, [stored["vol-1"].id]))[stored["vol-1"].id]
    assert found.resource is not None
    expected = {column.name: getattr(stored["i-1"], column.name) for column in type(stored["i-1"]).__table__.columns}
    assert found.resource == expected


async def test_the_own_account_is_meant_before_another_and_the_own_provider_only(database: Database) -> None:
    await store(
        database,
        thing("a", "shared"),
        thing("shared", name="mine"),
        thing("b", "shared", account_id=SECOND_ACCOUNT),
        thing("shared", name="theirs", account_id=SECOND_ACCOUNT),
        thing("c", "lonely"),
        thing("lonely", account_id=SECOND_ACCOUNT),
        thing("d", "elsewhere"),
        thing("elsewhere", provider="GCP"),
    )
    async with database.read(ORGANIZATION) as session:
        found = await session.execute(select(RESOURCES.c.name, RESOURCES.c.id))
        id_of = {row.name: row.id for row in found}
    assert await read(database, id_of["a"]) == [[("→", "ATTACHED_TO", "shared", "mine")]]
    assert await read(database, id_of["b"]) == [[("→", "ATTACHED_TO", "shared", "theirs")]]
    assert await read(database, id_of["mine"]) == [[("←", "ATTACHED_TO", "a", "a")]]
    assert await read(database, id_of["theirs"]) == [[("←", "ATTACHED_TO", "b", "b")]]
    assert await read(database, id_of["c"]) == [[("→", "ATTACHED_TO", "lonely", "lonely")]]
    assert await read(database, id_of["lonely"]) == [[("←", "ATTACHED_TO", "c", "c")]]
    assert await read(database, id_of["d"]) == [[("→", "ATTACHED_TO", "elsewhere", None)]]
    assert await read(database, id_of["elsewhere"]) == [[]]


async def test_what_is_gone(database: Database) -> None:
    """What it said of others is history; what others say of it they still say."""
    await store(database, thing("kept", "gone"), thing("gone", "kept"))
    id_of = await ids(database)
    step = new_id()
    await store(database, thing("kept", "gone"), step=step)
    await sweep_volumes(database, step)
    assert await read(database, id_of["kept"]) == [[("→", "ATTACHED_TO", "gone", "gone")]]
    assert await near(database, id_of["kept"], 3) == []


async def test_another_organization_is_never_reached(database: Database) -> None:
    await store(database, thing("vol-1", "i-1"))
    await store(database, thing("i-1", "vol-1"), organization=OTHER)
    mine, theirs = (await ids(database))["vol-1"], (await inventory(database, OTHER))["i-1"].id
    assert await read(database, mine) == [[("→", "ATTACHED_TO", "i-1", None)]]
    assert await near(database, mine, 3) == []
    assert await read(database, mine, organization=OTHER) == [[]]
    assert await read(database, theirs) == [[]]


async def test_neighbors_by_distance_in_both_directions(database: Database) -> None:
    """The path is a → b → c ← d → e → f."""
    edges = {"a": ["b"], "b": ["c"], "c": [], "d": ["c", "e"], "e": ["f"], "f": []}
    await store(database, *(thing(name, *targets) for name, targets in edges.items()))
    id_of = await ids(database)
    assert await near(database, id_of["a"], 1) == [(1, "b")]
    assert await near(database, id_of["a"], 2) == [(1, "b"), (2, "c")]
    assert await near(database, id_of["a"], 3) == [(1, "b"), (2, "c"), (3, "d")]
    assert await near(database, id_of["c"], 2) == [(1, "b"), (1, "d"), (2, "a"), (2, "e")]


async def test_circles_end_and_the_shortest_way_counts(database: Database) -> None:
    """A square with a diagonal, one edge in both directions and one resource that names itself."""
    edges = {"a": ["b", "c", "a"], "b": ["c", "a"], "c": ["d"], "d": ["a"]}
    await store(database, *(thing(name, *targets) for name, targets in edges.items()))
    id_of = await ids(database)
    assert await near(database, id_of["a"], 3) == [(1, "b"), (1, "c"), (1, "d")]
    assert await near(database, id_of["b"], 3) == [(1, "a"), (1, "c"), (2, "d")]


async def test_the_nearest_are_kept_when_there_are_too_many(database: Database) -> None:
    both = (("IN_NETWORK", "hub"), ("MEMBER_OF", "hub"))
    members = [volume(f"m-{number}", relations=both) for number in range(30)]
    await store(database, thing("hub", "far"), thing("far"), thing("a", "hub"), *members)
    id_of = await ids(database)
    assert len(await near(database, id_of["a"], 3)) == 32
    assert [distance for distance, _ in await near(database, id_of["a"], 3, limit=12)] == [1] + [2] * 11
    assert await near(database, id_of["a"], 3, limit=1) == [(1, "hub")]
    assert [distance for distance, _ in await near(database, id_of["hub"], 1, limit=32)] == [1] * 32


@pytest.mark.parametrize("depth", [0, 4])
async def test_a_depth_out_of_bounds(database: Database, depth: int) -> None:
    with pytest.raises(ValueError, match="A depth is 1 to 3"):
        await near(database, uuid.uuid4(), depth)


async def test_one_statement_for_a_whole_page(database: Database) -> None:
    names = [f"vol-{number:02}" for number in range(50)]
    await store(database, *(thing(name, "i-1") for name in names), thing("i-1"))
    id_of = await ids(database)
    page = [id_of[name] for name in names]
    seen: list[str] = []
    async with database.read(ORGANIZATION) as session:
        event.listen(database.engine.sync_engine, "before_cursor_execute", lambda *a: seen.append(a[2]))
        related = await relationships_of(session, ORGANIZATION, page, limit=10)
        near_by = await neighbors_of(session, ORGANIZATION, page, depth=2, limit=10)
    assert len(seen) == 2
    assert [told(related[id_]) for id_ in page] == [[("→", "ATTACHED_TO", "i-1", "i-1")]] * 50
    assert {(len(near_by[id_]), near_by[id_][0].resource["native_id"]) for id_ in page} == {(10, "i-1")}
