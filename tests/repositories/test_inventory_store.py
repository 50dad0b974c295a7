"""The inventory store: exact outcomes whatever is repeated or killed, nothing touched that is the same, no deadlock."""

from __future__ import annotations

import asyncio
import random
import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import ProgrammingError

from app.database import Database
from app.models import new_id
from app.repositories.inventory_store import Outcome, clear_sightings, prepare_batch, step_counts, store_batch, sweep
from app.repositories.resources import ResourceValues, content_hash
from tests.repositories.found import (
    ACCOUNT,
    MOMENT,
    ORGANIZATION,
    OTHER,
    SCAN,
    SECOND_ACCOUNT,
    STEP,
    VOLUME,
    add_accounts,
    history,
    inventory,
    relations,
    store,
    sweep_volumes,
    volume,
)


@pytest.fixture(autouse=True)
async def accounts(database: Database) -> None:
    await add_accounts(database)


async def counts(database: Database, step: uuid.UUID) -> Outcome:
    async with database.read(ORGANIZATION) as session:
        return await step_counts(session, ORGANIZATION, step)


async def test_what_is_found_first_is_added_whole(database: Database) -> None:
    assert await store(database, volume(last_used_at=MOMENT)) == Outcome(1, added=1)
    (stored,) = (await inventory(database)).values()
    assert (stored.account_id, stored.provider, stored.service, stored.resource_type) == (
        ACCOUNT,
        "AWS",
        "AmazonEC2",
        VOLUME,
    )
    assert (stored.name, stored.region, stored.availability_zone, stored.status) == (
        "vol-1",
        "eu-central-1",
        "eu-central-1a",
        "in-use",
    )
    assert stored.tags == {"team": "web"}
    assert stored.properties == {"size": 8, "encrypted": True, "attachments": [{"instanceId": "i-1"}]}
    assert (stored.provider_created_at, stored.last_used_at, stored.gone_at) == (MOMENT, MOMENT, None)
    assert stored.content_hash == content_hash(volume())
    assert await relations(database) == {("vol-1", "ATTACHED_TO", "i-1")}
    assert await history(database) == []


async def test_an_unchanged_resource_is_not_touched(database: Database, owner: Database) -> None:
    """Neither rewritten nor locked: the row's own system columns stay as they are."""
    place = text("SELECT ctid::text, xmin::text, xmax::text, updated_at FROM resources")
    await store(database, volume())
    async with owner.read(None) as session:
        before = (await session.execute(place)).one()
    assert await store(database, volume(), step=new_id()) == Outcome(1, unchanged=1)
    async with owner.read(None) as session:
        assert (await session.execute(place)).one() == before
    assert await history(database) == []


async def test_a_changed_resource_keeps_its_row_and_tells_what_changed(database: Database) -> None:
    await store(database, volume(last_used_at=MOMENT))
    (before,) = (await inventory(database)).values()
    later = MOMENT + timedelta(days=1)
    changed = volume(
        name="data",
        availability_zone=None,
        status="available",
        tags={"team": "db", "owner": "ada"},
        properties={"size": 8, "encrypted": 1, "attachments": []},
        last_used_at=later,
        relations=(("CREATED_FROM", "snap-1"),),
    )
    assert await store(database, changed, step=new_id()) == Outcome(1, changed=1)
    (after,) = (await inventory(database)).values()
    assert (after.id, after.first_seen_at, after.name, after.last_used_at) == (
        before.id,
        before.first_seen_at,
        "data",
        later,
    )
    assert after.updated_at > before.updated_at
    assert await relations(database) == {("vol-1", "CREATED_FROM", "snap-1")}
    expected: dict[str, Any] = {
        "name": {"from": "vol-1", "to": "data"},
        "availabilityZone": {"from": "eu-central-1a", "to": None},
        "status": {"from": "in-use", "to": "available"},
        "tags": {"owner": {"from": None, "to": "ada"}, "team": {"from": "web", "to": "db"}},
        "properties": {
            "attachments": {"from": [{"instanceId": "i-1"}], "to": []},
            "encrypted": {"from": True, "to": 1},
        },
        "lastUsedAt": {"from": MOMENT.isoformat(), "to": later.isoformat()},
        "relationships": {"added": [["CREATED_FROM", "snap-1"]], "removed": [["ATTACHED_TO", "i-1"]]},
    }
    assert await history(database) == [("vol-1", "CHANGED", expected)]


async def test_a_later_use_is_stored_and_is_no_change(database: Database) -> None:
    await store(database, volume())
    before = (await inventory(database))["vol-1"]
    assert await store(database, volume(last_used_at=MOMENT), step=new_id()) == Outcome(1, unchanged=1)
    after = (await inventory(database))["vol-1"]
    assert (after.last_used_at, after.updated_at) == (MOMENT, before.updated_at)
    assert await history(database) == []


async def test_another_hash_of_the_same_content_is_no_change(database: Database, owner: Database) -> None:
    """So a new version of the hash floods no history."""
    await store(database, volume())
    async with owner.write(None) as session:
        await session.execute(text(r"UPDATE resources SET content_hash = '\x00'"))
    assert await store(database, volume(), step=new_id()) == Outcome(1, unchanged=1)
    assert (await inventory(database))["vol-1"].content_hash == content_hash(volume())
    assert await history(database) == []


async def test_the_hash_knows_no_order_and_misses_nothing() -> None:
    reordered = volume(properties={"attachments": [{"instanceId": "i-1"}], "encrypted": True, "size": 8})
    twice = volume(relations=(("ATTACHED_TO", "i-1"), ("ATTACHED_TO", "i-1")))
    for same in (reordered, twice, volume(last_used_at=MOMENT), volume(account_id=SECOND_ACCOUNT)):
        assert content_hash(same) == content_hash(volume())
    others: list[dict[str, Any]] = [
        *({name: "x"} for name in ("provider", "service", "resource_type", "name", "region", "status")),
        {"availability_zone": None},
        {"tags": {}},
        {"properties": {}},
        {"provider_created_at": None},
        {"relations": ()},
    ]
    hashes = {content_hash(volume(**changes)) for changes in others}
    assert len(hashes | {content_hash(volume())}) == len(others) + 1


async def test_what_is_not_found_is_gone_and_returns_as_the_same_row(database: Database) -> None:
    await store(database, volume("vol-1"), volume("vol-2"))
    before = await inventory(database)
    second, third = new_id(), new_id()
    await store(database, volume("vol-1"), step=second)
    assert await sweep_volumes(database, second) == 1
    assert await sweep_volumes(database, second) == 0
    gone = await inventory(database)
    assert (gone["vol-1"].gone_at, gone["vol-2"].gone_at is None) == (None, False)
    returned = await store(database, volume("vol-1"), volume("vol-2", status="new"), step=third)
    assert returned == Outcome(2, unchanged=1, returned=1)
    assert await sweep_volumes(database, third) == 0
    after = await inventory(database)
    assert (after["vol-2"].id, after["vol-2"].gone_at) == (before["vol-2"].id, None)
    assert await history(database) == [
        ("vol-2", "REMOVED", {}),
        ("vol-2", "RETURNED", {"status": {"from": "in-use", "to": "new"}}),
    ]
    assert await relations(database) == {("vol-1", "ATTACHED_TO", "i-1"), ("vol-2", "ATTACHED_TO", "i-1")}


async def test_a_sweep_stays_in_its_scope(database: Database) -> None:
    await store(
        database,
        volume("swept"),
        volume("other-region", region="us-east-1"),
        volume("no-region", region=None),
        volume("other-type", resource_type="AWS::EC2::Snapshot"),
        volume("other-account", account_id=SECOND_ACCOUNT),
    )
    await store(database, volume("other-tenant"), organization=OTHER)
    assert await sweep_volumes(database, new_id(), ["eu-central-1"]) == 1
    assert {name for name, found in (await inventory(database)).items() if found.gone_at} == {"swept"}
    assert await sweep_volumes(database, new_id()) == 2
    kept = {name for name, found in (await inventory(database)).items() if not found.gone_at}
    assert kept == {"other-type", "other-account"}
    assert (await inventory(database, OTHER))["other-tenant"].gone_at is None


async def test_a_sweep_of_more_than_one_round(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.repositories.inventory_store.SWEPT_AT_ONCE", 10)
    await store(database, *(volume(f"vol-{number}") for number in range(25)))
    assert await sweep_volumes(database, new_id()) == 25
    assert [kind for _, kind, _ in await history(database)] == ["REMOVED"] * 25


async def test_a_page_that_comes_twice_counts_once(database: Database) -> None:
    page = [volume("vol-1"), volume("vol-2"), volume("vol-1", status="last")]
    assert await store(database, *page) == Outcome(2, added=2)
    assert (await inventory(database))["vol-1"].status == "last"
    assert await store(database, *page) == Outcome()
    assert await store(database, volume("vol-2"), volume("vol-3")) == Outcome(1, added=1)
    assert await counts(database, STEP) == Outcome(3, added=3)


async def test_the_counts_of_a_step_outlive_its_worker(database: Database) -> None:
    """A worker is killed after its first batch; the next one reads everything again."""
    await store(database, volume("kept"), volume("changed"), volume("removed"))
    step = new_id()
    await store(database, volume("kept"), volume("changed", status="x"), volume("new"), step=step)
    again = await store(
        database, *(volume(n) for n in ("kept", "new", "newer")), volume("changed", status="x"), step=step
    )
    assert again == Outcome(1, added=1)
    assert await sweep_volumes(database, step) == 1
    assert await counts(database, step) == Outcome(4, added=2, changed=1, unchanged=1)
    async with database.write(ORGANIZATION) as session:
        await clear_sightings(session, ORGANIZATION, [step])
    assert await counts(database, step) == Outcome()
    assert await counts(database, STEP) == Outcome(3, added=3)


async def test_a_batch_that_is_rolled_back_leaves_nothing(database: Database) -> None:
    async def fail() -> None:
        async with database.write(ORGANIZATION) as session:
            await store_batch(session, ORGANIZATION, prepare_batch([volume("lost")]), step_id=STEP, scan_id=SCAN)
            raise ConnectionAbortedError

    with pytest.raises(ConnectionAbortedError):
        await fail()
    assert (await inventory(database), await counts(database, STEP)) == ({}, Outcome())
    assert await store(database, volume("kept")) == Outcome(1, added=1)
    assert list(await inventory(database)) == ["kept"]


async def test_two_batches_in_one_transaction_do_not_mix(database: Database) -> None:
    async with database.write(ORGANIZATION) as session:
        await store_batch(session, ORGANIZATION, prepare_batch([volume("vol-1")]), step_id=STEP)
        second = await store_batch(
            session, ORGANIZATION, prepare_batch([volume("vol-1", status="x"), volume("vol-2")]), step_id=STEP
        )
    assert second == Outcome(1, added=1)
    assert (await inventory(database))["vol-1"].status == "x"


async def test_organizations_do_not_meet(database: Database) -> None:
    assert await store(database, volume()) == Outcome(1, added=1)
    assert await store(database, volume(status="other"), organization=OTHER) == Outcome(1, added=1)
    assert (await inventory(database))["vol-1"].status == "in-use"
    async with database.write(OTHER) as session:
        assert await step_counts(session, ORGANIZATION, STEP) == Outcome()
        await clear_sightings(session, ORGANIZATION, [STEP])
        swept = await sweep(
            session, ORGANIZATION, ACCOUNT, step_id=new_id(), scan_id=None, resource_types=[VOLUME], regions=None
        )
        assert swept == 0
        with pytest.raises(ProgrammingError, match="row-level security"):
            await store_batch(session, ORGANIZATION, prepare_batch([volume("intruder")]))
    assert await counts(database, STEP) == Outcome(1, added=1)
    assert {name: found.gone_at for name, found in (await inventory(database)).items()} == {"vol-1": None}


async def test_what_postgresql_cannot_hold_is_made_to_fit(database: Database) -> None:
    odd = volume(tags={"a\x00": "b\ud800"}, properties={"big": 2**70, "text": "\\u0000", "deep": [{"x": "\x00y"}]})
    assert await store(database, odd) == Outcome(1, added=1)
    assert await store(database, odd, step=new_id()) == Outcome(1, unchanged=1)
    stored = (await inventory(database))["vol-1"]
    assert stored.tags == {"a": "b?"}
    assert stored.properties == {"big": str(2**70), "text": "\\u0000", "deep": [{"x": "y"}]}


async def test_the_number_of_statements_is_constant(database: Database) -> None:
    seen: list[str] = []
    event.listen(database.engine.sync_engine, "before_cursor_execute", lambda *a: seen.append(a[2]))
    numbers = []
    for size in (2, 400):
        batch = [volume(f"{size}-{number}") for number in range(size)]
        await store(database, *batch)
        half = [volume(f"{size}-{number}", status="x", relations=()) for number in range(size // 2)]
        fresh = [volume(f"{size}-new-{number}") for number in range(size)]
        used = [volume(f"{size}-{number}", last_used_at=MOMENT) for number in range(size // 2, size)]
        seen.clear()
        await store(database, *half, *fresh, *used, step=new_id())
        numbers.append(len(seen))
    assert numbers[0] == numbers[1] <= 12


async def test_writers_of_the_same_resources_do_not_deadlock(database: Database) -> None:
    """Batches that overlap in every order, and sweeps between them; each kind of row lock that there is."""
    generator = random.Random(3)  # noqa: S311  (no secret)

    def batch(status: int) -> list[ResourceValues]:
        numbers = generator.sample(range(60), 40)
        kinds = [VOLUME, "AWS::EC2::Snapshot", "AWS::EC2::Image"]
        return [volume(f"r-{n}", resource_type=kinds[n % 3], status=str(status), last_used_at=None) for n in numbers]

    async def work(writer: int) -> None:
        for turn in range(6):
            if (writer + turn) % 4 == 0:
                await sweep_volumes(database, new_id())
            else:
                await store(database, *batch(writer * 10 + turn), step=new_id())

    await asyncio.gather(*(work(writer) for writer in range(6)))
    assert set(await inventory(database)) <= {f"r-{n}" for n in range(60)}


async def until_somebody_waits(owner: Database) -> None:
    """Until a transaction waits for another one's lock."""
    async with asyncio.timeout(60):
        while True:
            async with owner.read(None) as session:
                if (await session.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted"))).scalar_one():
                    return
            await asyncio.sleep(0.01)


async def test_a_resource_that_another_batch_inserts_meanwhile_is_one_row(database: Database, owner: Database) -> None:
    """Under another type, so that the lock does not part the two: the second waits at the unique index."""
    first = volume("vol-1", relations=(("ATTACHED_TO", "i-1"),))
    second = volume("vol-1", resource_type="AWS::EC2::Snapshot", relations=(("CREATED_FROM", "vol-0"),))
    async with database.write(ORGANIZATION) as session:
        await store_batch(session, ORGANIZATION, prepare_batch([first]), step_id=STEP)
        other = asyncio.create_task(store(database, second, volume("vol-2"), step=new_id()))
        await until_somebody_waits(owner)
    assert (await other).found == 2
    stored = await inventory(database)
    assert (len(stored), stored["vol-1"].resource_type) == (2, "AWS::EC2::Snapshot")
    assert ("vol-1", "CREATED_FROM", "vol-0") in await relations(database)
    assert ("vol-1", "ATTACHED_TO", "i-1") not in await relations(database)
