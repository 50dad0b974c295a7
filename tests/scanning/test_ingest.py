"""Inventory rows: good ones land, bad ones are reported with row, column and reason, a repeat changes nothing."""

from __future__ import annotations

import random
import uuid
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, select, update

from app.database import Database
from app.models import Account, ActivityEvent, Resource
from app.records import Actor, ActorKind, RowIssue
from app.scanning.ingest import ResourcesIngested, Seen, ingest_resources

ORGANIZATION = uuid.UUID(int=1)
ACTOR = Actor(ActorKind.SYSTEM)
ROW = {
    "provider": "aws",
    "account_id": "111122223333",
    "account_name": "Production",
    "service": "AmazonEC2",
    "resource_type": "AWS::EC2::Instance",
    "resource_id": "i-0001",
    "resource_name": "web-1",
    "region": "eu-central-1",
    "status": "running",
    "tags": '{"team": "web", "tier": 1}',
    "properties": {"instanceType": "m7g.large"},
    "created_at": "2026-01-02T03:04:05+01:00",
}


async def ingest(database: Database, *rows: dict[str, Any], organization: UUID = ORGANIZATION) -> ResourcesIngested:
    return await ingest_resources(database, organization, ACTOR, list(enumerate(rows, 1)))


async def resources(database: Database, organization: UUID = ORGANIZATION) -> list[Resource]:
    async with database.read(organization) as session:
        return list((await session.scalars(select(Resource).order_by(Resource.native_id))).all())


async def events(database: Database) -> list[tuple[str, dict[str, Any]]]:
    async with database.read(ORGANIZATION) as session:
        found = await session.scalars(select(ActivityEvent).order_by(ActivityEvent.sequence))
        return [(event.kind, event.data) for event in found]


async def test_a_row_lands_with_its_account(database: Database) -> None:
    result = await ingest(database, ROW)
    assert (result.added, result.changed, result.unchanged, result.accounts_added, result.issues) == (1, 0, 0, 1, [])
    (resource,) = await resources(database)
    assert (resource.provider, resource.name, resource.status, resource.region) == (
        "AWS",
        "web-1",
        "running",
        "eu-central-1",
    )
    assert resource.tags == {"team": "web", "tier": "1"}
    assert resource.properties == {"instanceType": "m7g.large"}
    assert resource.provider_created_at is not None
    assert resource.provider_created_at.isoformat() == "2026-01-02T02:04:05+00:00"
    async with database.read(ORGANIZATION) as session:
        (account,) = (await session.scalars(select(Account))).all()
    assert (account.name, account.native_id, account.kind) == ("Production", "111122223333", "MANUAL")
    assert await events(database) == [("RESOURCES_INGESTED", {"added": 1, "changed": 0, "rejected": 0})]


async def test_a_batch_sent_again_changes_nothing(database: Database) -> None:
    await ingest(database, ROW)
    before = await resources(database)
    result = await ingest(database, ROW)
    assert (result.added, result.changed, result.unchanged, result.accounts_added) == (0, 0, 1, 0)
    assert await resources(database) == before
    assert len(await events(database)) == 1


async def test_a_changed_row_keeps_its_id(database: Database) -> None:
    await ingest(database, ROW)
    (before,) = await resources(database)
    result = await ingest(database, ROW | {"status": "stopped"})
    (after,) = await resources(database)
    assert (result.added, result.changed) == (0, 1)
    assert (after.id, after.first_seen_at, after.status) == (before.id, before.first_seen_at, "stopped")
    assert after.updated_at > before.updated_at


@pytest.mark.parametrize(
    ("changes", "column", "reason"),
    [
        ({"provider": "ibm"}, "provider", "must be one of AWS, AZURE, GCP"),
        ({"provider": ""}, "provider", "is required"),
        ({"resource_id": None}, "resource_id", "is required"),
        ({"resource_type": "  "}, "resource_type", "is required"),
        ({"account_id": ["x"]}, "account_id", "must be text"),
        ({"tags": "team=web"}, "tags", "must be a JSON object"),
        ({"tags": ["web"]}, "tags", "must be a JSON object"),
        ({"tags": {"team": {"a": 1}}}, "tags", "the value of tag 'team' must be text"),
        ({"properties": {"a": "\x00"}}, "properties", "contains a NUL character"),
        ({"properties": {"a": "\ud800"}}, "properties", "no valid Unicode"),
        ({"properties": {"a": "x" * 70_000}}, "properties", "at most 65536 are kept"),
        ({"resource_name": "a\x00b"}, "resource_name", "holds a NUL character"),
        ({"resource_name": "a\ud800b"}, "resource_name", "holds half a surrogate pair"),
        ({"resource_name": "x" * 2_049}, "resource_name", "is 2049 bytes long"),
        ({"created_at": "yesterday"}, "created_at", "must be an ISO 8601 date"),
    ],
)
async def test_a_bad_row_is_reported_and_the_good_ones_land(
    database: Database, changes: dict[str, Any], column: str, reason: str
) -> None:
    result = await ingest(database, ROW | {"resource_id": "i-good"}, ROW | changes, ROW | {"resource_id": "i-good-2"})
    assert (result.received, result.added) == (3, 2)
    (issue,) = result.issues
    assert (issue.row_number, issue.column) == (2, column)
    assert reason in issue.reason
    assert [resource.native_id for resource in await resources(database)] == ["i-good", "i-good-2"]


async def test_all_issues_of_a_row_are_reported(database: Database) -> None:
    result = await ingest(database, {"provider": "x", "tags": "y"})
    columns = [issue.column for issue in result.issues]
    assert columns == ["provider", "account_id", "resource_type", "resource_id", "tags"]
    assert await events(database) == []


async def test_a_resource_may_stand_once_in_a_batch(database: Database) -> None:
    result = await ingest(database, ROW, ROW | {"status": "stopped"})
    assert result.issues == [
        RowIssue(2, "resource_id", "i-0001", "is the resource of row 1 again; each resource may stand once")
    ]
    assert [resource.status for resource in await resources(database)] == ["running"]


async def test_text_at_the_bound_fits_every_index(database: Database) -> None:
    """2,048 bytes that do not compress, in every column that an index holds: the row lands, one byte more is told."""
    generator = random.Random(7)  # noqa: S311  (no secret)
    text = "".join(chr(generator.randrange(0x4E00, 0x9FFF)) for _ in range(682)) + "ab"
    names = ("account_id", "resource_id", "resource_name", "account_name", "region", "service")
    result = await ingest(database, ROW | dict.fromkeys(names, text), ROW | {"resource_id": text + "c"})
    assert (result.added, [issue.column for issue in result.issues]) == (1, ["resource_id"])


async def test_a_resource_may_stand_once_in_a_delivery_of_several_batches(database: Database) -> None:
    seen: Seen = {}
    first = await ingest_resources(database, ORGANIZATION, ACTOR, [(1, ROW)], seen)
    second = await ingest_resources(database, ORGANIZATION, ACTOR, [(2, ROW | {"status": "stopped"})], seen)
    assert (first.added, second.changed, len(second.issues)) == (1, 0, 1)


async def test_a_new_name_of_the_account_is_no_change_of_its_resources(database: Database) -> None:
    await ingest(database, ROW)
    result = await ingest(database, ROW | {"account_name": "Another"})
    assert (result.changed, result.unchanged) == (0, 1)


async def test_other_organizations_have_their_own_rows(database: Database) -> None:
    other = uuid.UUID(int=2)
    await ingest(database, ROW)
    result = await ingest(database, ROW | {"status": "stopped"}, organization=other)
    assert result.added == 1
    assert [resource.status for resource in await resources(database)] == ["running"]
    assert [resource.status for resource in await resources(database, other)] == ["stopped"]


async def test_a_batch_of_many_accounts_is_stored_at_once(database: Database) -> None:
    """The same provider's id in two accounts is two resources; the number of statements does not grow."""
    seen: list[str] = []
    event.listen(database.engine.sync_engine, "before_cursor_execute", lambda *a: seen.append(a[2]))
    numbers = []
    for accounts in (2, 40):
        seen.clear()
        result = await ingest(database, *(ROW | {"account_id": f"{accounts}-{n}"} for n in range(accounts)))
        assert (result.added, result.accounts_added) == (accounts, accounts)
        numbers.append(len(seen))
    assert numbers[0] == numbers[1]


async def test_a_resource_that_was_gone_is_changed_by_being_there_again(database: Database) -> None:
    await ingest(database, ROW)
    async with database.write(ORGANIZATION) as session:
        await session.execute(update(Resource).values(gone_at=datetime.now(UTC)))
    result = await ingest(database, ROW)
    assert (result.added, result.changed, result.unchanged) == (0, 1, 0)
    assert [resource.gone_at for resource in await resources(database)] == [None]
