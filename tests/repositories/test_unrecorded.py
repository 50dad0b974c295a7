"""What is written and is no history: what moves by itself, and what could not be read."""

from __future__ import annotations

from typing import Any

import pytest

from app.database import Database
from app.models import new_id
from app.repositories.inventory_store import Outcome
from app.repositories.resources import ResourceValues, content_hash
from tests.repositories.found import add_accounts, history, inventory, store, sweep_volumes, volume


@pytest.fixture(autouse=True)
async def accounts(database: Database) -> None:
    """The accounts that the resources are of."""
    await add_accounts(database)


async def test_what_moves_by_itself_is_stored_and_is_no_change(database: Database) -> None:
    def table(**properties: Any) -> ResourceValues:
        return volume("orders", resource_type="AWS::DynamoDB::Table", properties={"billingMode": "x", **properties})

    def index(items: int, units: int) -> list[dict[str, Any]]:
        return [{"name": "by-day", "items": items, "readCapacityUnits": units}]

    await store(database, table(items=1, sizeBytes=10, globalIndexes=index(1, 5)))
    grown = table(items=2, sizeBytes=20, globalIndexes=index(2, 5))
    assert await store(database, grown, step=new_id()) == Outcome(1, unchanged=1)
    after = (await inventory(database))["orders"]
    assert after.properties == grown.properties
    assert after.content_hash == content_hash(grown)
    assert await history(database) == []
    # Beside a change they are stored too, and told in no part of it.
    changed = table(items=3, sizeBytes=30, globalIndexes=index(3, 6))
    assert await store(database, changed, step=new_id()) == Outcome(1, changed=1)
    assert (await inventory(database))["orders"].properties == changed.properties
    expected = {"globalIndexes": {"from": [{"name": "by-day", "readCapacityUnits": 5}]}}
    expected["globalIndexes"]["to"] = [{"name": "by-day", "readCapacityUnits": 6}]
    assert await history(database) == [("orders", "CHANGED", {"properties": expected})]
    # Of another type the same names are what somebody has set.
    await store(database, volume("disk", properties={"sizeBytes": 1}))
    assert await store(database, volume("disk", properties={"sizeBytes": 2}), step=new_id()) == Outcome(1, changed=1)


async def test_what_could_not_be_read_is_not_lost(database: Database) -> None:
    read = volume(properties={"size": 8, "encrypted": True})
    denied = volume(
        tags={},
        status=None,
        properties={"size": 8, "encrypted": None, "unreadable": ["encrypted", "status", "tags"]},
    )
    await store(database, read)
    for _ in range(2):  # the second time by its hash
        assert await store(database, denied, step=new_id()) == Outcome(1, unchanged=1)
        kept = (await inventory(database))["vol-1"]
        known = {**denied.properties, "encrypted": True}
        assert (kept.tags, kept.status, kept.properties) == (read.tags, read.status, known)
    assert await store(database, read, step=new_id()) == Outcome(1, unchanged=1)
    assert (await inventory(database))["vol-1"].properties == read.properties
    assert await history(database) == []


async def test_a_change_that_could_not_be_read_at_first_is_told_when_it_can(database: Database) -> None:
    await store(database, volume(properties={"versioning": "Enabled"}))
    await store(database, volume(properties={"versioning": None, "unreadable": ["versioning"]}), step=new_id())
    suspended = volume(properties={"versioning": "Suspended"})
    assert await store(database, suspended, step=new_id()) == Outcome(1, changed=1)
    expected = {"properties": {"versioning": {"from": "Enabled", "to": "Suspended"}}}
    assert await history(database) == [("vol-1", "CHANGED", expected)]


async def test_a_change_beside_what_could_not_be_read_is_told_alone(database: Database) -> None:
    await store(database, volume(properties={"size": 8}))
    other = volume(tags={}, properties={"size": 9, "unreadable": ["tags"]})
    assert await store(database, other, step=new_id()) == Outcome(1, changed=1)
    assert (await inventory(database))["vol-1"].tags == {"team": "web"}
    expected = {"properties": {"size": {"from": 8, "to": 9}}}
    assert await history(database) == [("vol-1", "CHANGED", expected)]


async def test_what_could_not_be_read_of_a_returned_resource_is_kept(database: Database) -> None:
    await store(database, volume())
    await sweep_volumes(database, new_id())
    denied = volume(tags={}, properties={**volume().properties, "unreadable": ["tags"]})
    assert await store(database, denied, step=new_id()) == Outcome(1, returned=1)
    returned = (await inventory(database))["vol-1"]
    assert (returned.tags, returned.gone_at) == ({"team": "web"}, None)
    assert (await history(database))[-1] == ("vol-1", "RETURNED", {})


async def test_a_new_resource_with_unreadable_tags_has_none(database: Database) -> None:
    denied = volume(tags={}, properties={"unreadable": ["tags"]})
    assert await store(database, denied) == Outcome(1, added=1)
    assert (await inventory(database))["vol-1"].tags == {}
    assert await store(database, volume(properties={}), step=new_id()) == Outcome(1, changed=1)
    assert (await inventory(database))["vol-1"].tags == {"team": "web"}
