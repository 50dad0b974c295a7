"""Old scans and old history go; the newest scan of each account and what is younger stay."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from app.database import Database
from app.models import now
from app.repositories.scans import SCANS
from app.scanning.retention import Purged, purge_expired_scans
from tests.scanning.engine import Engine
from tests.scanning.local_cloud import SERVER, World

OTHER = UUID("00000000-0000-7000-8000-0000000000bb")


@pytest.fixture
async def engine(engine: Engine, owner: Database) -> Engine:
    """The engine in an organization that is listed, as another is."""
    async with owner.engine.begin() as connection:
        for organization_id in (engine.organization_id, OTHER):
            await connection.execute(
                text(
                    "INSERT INTO organizations (id, slug, name, currency, created_at, updated_at) "
                    "VALUES (:id, :slug, 'x', 'USD', now(), now())"
                ),
                {"id": organization_id, "slug": f"slug-{organization_id}"},
            )
    return engine


def id_of(moment: datetime, number: int) -> UUID:
    """An id as it was made at a moment: a UUIDv7."""
    return UUID(int=(int(moment.timestamp() * 1000) << 80) | (7 << 76) | (2 << 62) | number)


async def age(engine: Engine, scan_id: UUID, days: float) -> UUID:
    """Let a scan, its steps and the history that it wrote be that old; the scan's new id."""
    moment = now() - timedelta(days=days)
    new = id_of(moment, scan_id.int & 0xFFFF)
    values = {"old": scan_id, "new": new, "moment": moment}
    columns = ", ".join(column.name for column in SCANS.c if column.name not in {"id", "queued_at", "finished_at"})
    async with engine.database.write(engine.organization_id) as session:
        copied = f"SELECT :new, :moment, :moment, {columns} FROM scans WHERE id = :old"  # noqa: S608 - our own names
        for statement in (
            f"INSERT INTO scans (id, queued_at, finished_at, {columns}) {copied}",
            "UPDATE scan_steps SET scan_id = :new WHERE scan_id = :old",
            "UPDATE resource_changes SET scan_id = :new, changed_at = :moment WHERE scan_id = :old",
            "DELETE FROM scans WHERE id = :old",
        ):
            wanted = {name: value for name, value in values.items() if f":{name}" in statement}
            await session.execute(text(statement), wanted)
        changed = await session.scalars(text("SELECT id FROM resource_changes WHERE scan_id = :new"), {"new": new})
        for number, id_ in enumerate(changed):
            moved = text("UPDATE resource_changes SET id = :id WHERE id = :before")
            await session.execute(moved, {"id": id_of(moment, number), "before": id_})
    return new


async def test_ended_scans_go_with_their_steps_and_the_newest_of_each_account_stays(engine: Engine) -> None:
    first, second = await engine.connect("1"), await engine.connect("2")
    old = [await age(engine, (await engine.scan(account_ids=[first]))["id"], days) for days in (300, 200, 95)]
    kept = [await age(engine, (await engine.scan(account_ids=[first]))["id"], days) for days in (85, 1)]
    kept.append(await age(engine, (await engine.scan(account_ids=[second]))["id"], 400))
    engine.organization_id, here = OTHER, engine.organization_id
    await engine.connect("3")
    foreign = [await age(engine, (await engine.scan())["id"], days) for days in (100, 91)]
    engine.organization_id = here
    (under_way,) = (await engine.start(account_ids=[second])).scans
    async with engine.database.write(engine.organization_id) as session:
        moment = now() - timedelta(days=200)
        await session.execute(SCANS.update().where(SCANS.c.id == under_way["id"]).values(queued_at=moment))
    purged = await purge_expired_scans(engine.database, 90, 400, scans_at_once=2)
    assert purged == Purged(scans=len(old) + 1, changes=0)
    left = {row[0] for row in await engine.rows("SELECT id FROM scans")}
    assert left == {*kept, under_way["id"]}
    assert {row[0] for row in await engine.rows("SELECT scan_id FROM scan_steps")} == set(kept)
    engine.organization_id = OTHER
    assert await engine.rows("SELECT id FROM scans") == [(foreign[1],)]
    assert await purge_expired_scans(engine.database, 90, 400) == Purged()


async def test_history_goes_later_than_the_scan_that_wrote_it(engine: Engine, world: World) -> None:
    await engine.connect()
    await engine.scan()
    for size, days in (("large", 410), ("huge", 390), ("tiny", 5)):
        world.put(SERVER, "eu-west-1", *(f"server-{number}" for number in range(4)), size=size)
        await age(engine, (await engine.scan(services=["compute"]))["id"], days)
    purged = await purge_expired_scans(engine.database, 90, 400, batch=3)
    assert purged.changes == 4
    sizes = "SELECT DISTINCT changes -> 'properties' -> 'size' ->> 'to' FROM resource_changes ORDER BY 1"
    assert await engine.rows(sizes) == [("huge",), ("tiny",)]
    assert len(await engine.inventory()) == 40, "what is there stays whatever its history"
