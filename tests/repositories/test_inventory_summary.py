"""The summary of an inventory: counts from five sides of what is there, for the organization and criteria asked."""

from __future__ import annotations

from app.database import Database
from app.models import new_id
from app.records.criteria import Criteria, TagMatch, TextMatch
from app.repositories.inventory_summary import SIDES, InventorySummary, inventory_summary
from tests.house.statements import counted
from tests.repositories.found import ORGANIZATION, OTHER, VOLUME, add_accounts, store, sweep_volumes, volume

SNAPSHOT = "AWS::EC2::Snapshot"


async def summary(database: Database, criteria: Criteria | None = None) -> InventorySummary:
    return await inventory_summary(database, ORGANIZATION, criteria or Criteria())


async def test_counts_from_every_side(database: Database) -> None:
    await add_accounts(database)
    await store(database, volume("vol-1"), volume("vol-2", region=None, status=None), volume("gone"))
    step = new_id()
    await store(database, volume("vol-1"), volume("vol-2", region=None, status=None), step=step)
    await sweep_volumes(database, step)
    await store(database, volume("snap-1", resource_type=SNAPSHOT, status="completed", tags={"team": "db"}))
    await store(database, volume("other"), volume("another"), organization=OTHER)
    assert await summary(database) == InventorySummary(
        total=3,
        by={
            "provider": [("AWS", 3)],
            "service": [("AmazonEC2", 3)],
            "resource_type": [(VOLUME, 2), (SNAPSHOT, 1)],
            "region": [("eu-central-1", 2), (None, 1)],
            "status": [("completed", 1), ("in-use", 1), (None, 1)],
        },
    )


async def test_criteria_limit_what_is_counted_in_one_statement(database: Database) -> None:
    await add_accounts(database)
    await store(database, volume("vol-1"), volume("snap-1", resource_type=SNAPSHOT, tags={"team": "db"}))
    criteria = Criteria((("region", TextMatch(eq="eu-central-1")),), (TagMatch("team", in_=("db",)),))
    with counted(database) as seen:
        found = await inventory_summary(database, ORGANIZATION, criteria)
    assert (found.total, found.by["resource_type"], len(seen)) == (1, [(SNAPSHOT, 1)], 1)
    only = await inventory_summary(database, ORGANIZATION, criteria, ("status",))
    assert only == InventorySummary(1, {name: [] for name in SIDES} | {"status": found.by["status"]})
    assert await inventory_summary(database, ORGANIZATION, criteria, ()) == InventorySummary(
        1, {name: [] for name in SIDES}
    )


async def test_an_empty_inventory(database: Database) -> None:
    assert await summary(database) == InventorySummary(0, {name: [] for name in SIDES})
