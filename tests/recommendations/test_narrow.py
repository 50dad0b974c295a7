"""A look at what may have changed finds all that a look at everything would find."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from app.database import Database
from app.detection.check import Neighbours
from app.models import new_id, now
from app.pricing.book import PriceBook, seed_book
from app.recommendations.jobs import request_daily_looks
from app.recommendations.look import Looking, look, start_look
from app.recommendations.narrow import narrowed, seen_by_checks
from app.records.recommendations import HistoryKind
from app.records.usage import StoredUsage
from app.repositories.inventory_store import sweep
from app.repositories.looks import INCOMING, OUTGOING, PEER, SIBLING
from app.repositories.resources import ResourceValues
from app.repositories.usage import write_usage
from tests.recommendations.looking import add_company, keep, ledger, lone
from tests.repositories.found import ACCOUNT, ORGANIZATION, SCAN, SECOND_ACCOUNT, add_accounts, store

VOLUME, INSTANCE, SNAPSHOT = "AWS::EC2::Volume", "AWS::EC2::Instance", "AWS::EC2::Snapshot"
EIP, IMAGE, TRAIL = "AWS::EC2::EIP", "AWS::EC2::Image", "AWS::CloudTrail::Trail"
TYPES = (VOLUME, INSTANCE, SNAPSHOT, EIP, IMAGE, TRAIL, "AWS::EC2::LaunchTemplate")
LONG_AGO = now() - timedelta(days=200)
STEPS = 8


@pytest.fixture(autouse=True)
async def company(database: Database, owner: Database) -> None:
    await add_company(owner)
    await add_accounts(database)


async def begun(database: Database, prices: PriceBook | None = None) -> Looking:
    """A look at the account, at what it has to look at."""

    async def hold(_: Any) -> None:
        """Nobody else looks."""

    book = seed_book() if prices is None else prices
    looking = await start_look(database, ORGANIZATION, ACCOUNT, book, hold)
    assert looking is not None
    return await narrowed(looking, book)


async def looked(database: Database) -> Looking:
    """A look at the account that has ended."""
    looking = await begun(database)
    await look(looking)
    return looking


async def an_hour_passes(owner: Database) -> None:
    """All that was noted is an hour older."""
    async with owner.write(None) as session:
        for change in (
            "resources SET updated_at = updated_at - interval '1 hour', gone_at = gone_at - interval '1 hour'",
            "resource_changes SET changed_at = changed_at - interval '1 hour'",
            "resource_usage SET read_at = read_at - interval '1 hour'",
            "account_looks SET looked_at = looked_at - interval '1 hour'",
        ):
            await session.execute(text(f"UPDATE {change}"))


async def read_completely(owner: Database, *types: str) -> None:
    """As if a scan had told all resources of some types."""
    async with owner.write(None) as session:
        scan = {"organization_id": ORGANIZATION, "id": new_id(), "account_id": ACCOUNT, "step_id": new_id()}
        await session.execute(
            text("""INSERT INTO scans (organization_id, id, account_id, state, actor_kind, queued_at, finished_at)
                VALUES (:organization_id, :id, :account_id, 'SUCCEEDED', 'SYSTEM', now(), now())"""),
            scan,
        )
        await session.execute(
            text("""INSERT INTO scan_steps (organization_id, id, scan_id, service, region, state, found, added, changed,
                removed, unchanged, collected, problems, finished_at) VALUES (:organization_id, :step_id, :id, 'All',
                'us-east-1', 'SUCCEEDED', 0, 0, 0, 0, 0, :types, '[]', now())"""),
            {**scan, "types": list(types)},
        )


class World:
    """An account whose resources come, change and go by chance."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311  (a test that can be repeated)
        self.there: dict[str, ResourceValues] = {}

    def move(self) -> None:
        """Draw a third of the resources anew."""
        for kind, make, number in (
            (INSTANCE, self._instance, 4),
            (VOLUME, self._volume, 6),
            (SNAPSHOT, self._snapshot, 6),
            (EIP, self._address, 3),
            (IMAGE, self._image, 3),
            (TRAIL, self._trail, 3),
        ):
            for index in range(number):
                native_id = f"{kind.rsplit(':', 1)[-1]}-{index}"
                if self.chance.random() < 0.67:
                    continue
                if native_id in self.there and self.chance.random() < 0.3:
                    del self.there[native_id]
                else:
                    self.there[native_id] = make(native_id)

    def _made(self, kind: str, native_id: str, **values: Any) -> ResourceValues:
        plain: dict[str, Any] = {
            "resource_type": kind,
            "region": "us-east-1",
            "status": "available",
            "relations": (),
            "properties": {},
            "provider_created_at": LONG_AGO,
            "account_id": SECOND_ACCOUNT if kind == INSTANCE and native_id.endswith("3") else ACCOUNT,
        }
        return lone(native_id, **(plain | values))

    def _one_of(self, kind: str, number: int) -> str:
        return f"{kind.rsplit(':', 1)[-1]}-{self.chance.randrange(number)}"

    def _instance(self, native_id: str) -> ResourceValues:
        status = self.chance.choice(("running", "stopped"))
        properties: dict[str, Any] = {
            "instanceType": self.chance.choice(("m5.large", "m4.large")),
            "platformDetails": "Linux/UNIX",
            "lifecycle": "on-demand",
            "tenancy": "default",
            "stateChangedAt": LONG_AGO.isoformat() if status == "stopped" else None,
            "blockDevices": [],
        }
        relations = (("CREATED_FROM", self._one_of(IMAGE, 3)),) if self.chance.random() < 0.5 else ()
        return self._made(INSTANCE, native_id, status=status, properties=properties, relations=relations)

    def _volume(self, native_id: str) -> ResourceValues:
        at = self._one_of(INSTANCE, 4) if self.chance.random() < 0.7 else None
        properties: dict[str, Any] = {
            "volumeType": self.chance.choice(("gp2", "gp3")),
            "sizeGiB": self.chance.choice((50, 100)),
            "iops": 3000,
            "throughputMiBps": 125,
            "attachments": [] if at is None else [{"instanceId": at}],
        }
        relations = () if at is None else (("ATTACHED_TO", at),)
        status = "available" if at is None else "in-use"
        return self._made(VOLUME, native_id, status=status, properties=properties, relations=relations)

    def _snapshot(self, native_id: str) -> ResourceValues:
        source = self._one_of(VOLUME, 6)
        properties = {"volumeId": source, "volumeSizeGiB": 100, "storageTier": "standard"}
        created = LONG_AGO - timedelta(days=self.chance.randrange(9))
        relations = (("CREATED_FROM", source),)
        return self._made(SNAPSHOT, native_id, properties=properties, relations=relations, provider_created_at=created)

    def _address(self, native_id: str) -> ResourceValues:
        at = self._one_of(INSTANCE, 4) if self.chance.random() < 0.7 else None
        properties: dict[str, Any] = {"publicIpv4Pool": "amazon"}
        if at is not None:
            properties |= {"associationId": "eipassoc-1", "instanceId": at, "networkInterfaceId": "eni-1"}
        return self._made(EIP, native_id, properties=properties, relations=() if at is None else (("ATTACHED_TO", at),))

    def _image(self, native_id: str) -> ResourceValues:
        snapshots = sorted({self._one_of(SNAPSHOT, 6) for _ in range(2)})
        return self._made(
            IMAGE,
            native_id,
            properties={"public": False, "snapshotIds": snapshots},
            relations=tuple(("CREATED_FROM", each) for each in snapshots),
            last_used_at=LONG_AGO,
        )

    def _trail(self, native_id: str) -> ResourceValues:
        properties = {
            "logging": self.chance.random() < 0.7,
            "multiRegion": self.chance.random() < 0.3,
            "organizationTrail": False,
            "ownedByAccount": True,
            "managementEvents": True,
        }
        return self._made(TRAIL, native_id, properties=properties)

    async def stored(self, database: Database, owner: Database) -> None:
        """Scan it."""
        step = new_id()
        await store(database, *self.there.values(), step=step)
        async with database.write(ORGANIZATION) as session:
            for account in (ACCOUNT, SECOND_ACCOUNT):
                await sweep(
                    session, ORGANIZATION, account, step_id=step, scan_id=SCAN, resource_types=TYPES, regions=None
                )
        async with owner.write(None) as session:
            await session.execute(text("UPDATE resources SET first_seen_at = :then"), {"then": LONG_AGO})


@pytest.mark.parametrize("seed", [0, 1, 5, 7])
async def test_what_may_have_changed_is_all_that_has_changed(database: Database, owner: Database, seed: int) -> None:
    world = World(seed)
    await read_completely(owner, *TYPES)
    narrow = 0
    for _ in range(STEPS):
        await an_hour_passes(owner)
        world.move()
        await world.stored(database, owner)
        looking = await looked(database)
        narrow += looking.only is not None and looking.looked_at < len(world.there)
        everything = replace(looking, only=None, changes=type(looking.changes)())
        await look(everything)
        assert everything.changes.counts == {}, list(everything.changes.counts)
    assert narrow >= STEPS // 2, "or nothing is proved"
    assert len({check for check, _ in await ledger(database)}) >= 5, "or little is"


def test_each_way_in_which_checks_see_others_is_tried() -> None:
    tried = {one.place for one in seen_by_checks() if one.own_type in TYPES and one.other_type in TYPES}
    assert tried == {OUTGOING, INCOMING, SIBLING, PEER} == {one.place for one in seen_by_checks()}
    assert {"outgoing", "siblings", "peers"} < Neighbours.__dataclass_fields__.keys(), "a new way needs a new branch"


async def test_where_nothing_has_changed_nothing_is_looked_at(database: Database, owner: Database) -> None:
    await keep(database, owner, lone())
    first = await looked(database)
    await an_hour_passes(owner)
    await an_hour_passes(owner)
    async with owner.write(None) as session:
        await session.execute(text("UPDATE account_looks SET looked_at = looked_at + interval '1 hour'"))
    second = await looked(database)
    assert (first.only, first.looked_at) == (None, 1)
    assert (second.only, second.looked_at) == ({}, 0)
    assert [row["state"] for row in (await ledger(database)).values()] == ["OPEN"]


async def test_what_was_measured_anew_is_looked_at(database: Database, owner: Database) -> None:
    await keep(database, owner, lone("vol-1"), lone("vol-2"))
    await looked(database)
    await an_hour_passes(owner)
    async with owner.write(None) as session:
        await session.execute(text("UPDATE account_looks SET looked_at = looked_at + interval '30 minutes'"))
        query = text("SELECT id FROM resources WHERE native_id = 'vol-2'")
        (volume_id,) = (await session.execute(query)).scalars()
    days = [StoredUsage(volume_id, "VolumeReadOps SUM", now().date(), (1.0,), (1,), now(), None)]
    async with database.write(ORGANIZATION) as session:
        await write_usage(session, ORGANIZATION, days)
    looking = await looked(database)
    assert looking.only == {VOLUME: [volume_id]}


@pytest.mark.parametrize("news", ["day", "rule", "rate", "read"])
async def test_on_another_ground_everything_is_looked_at(database: Database, owner: Database, news: str) -> None:
    await keep(database, owner, lone())
    await looked(database)
    assert (await looked(database)).only is not None
    if news == "read":
        await read_completely(owner, VOLUME)
    elif news == "day":
        async with owner.write(None) as session:
            await session.execute(text("UPDATE account_looks SET ground = 'of yesterday'"))
    elif news == "rule":
        async with owner.write(None) as session:
            await session.execute(
                text("""INSERT INTO detection_rule_versions (organization_id, check_id, version, settings, actor_kind,
                    changed_at) VALUES (:organization_id, 'aws.ebs.unattached', 1, '{}', 'SYSTEM', now())"""),
                {"organization_id": ORGANIZATION},
            )
    else:
        async with owner.write(None) as session:
            await session.execute(
                text("""INSERT INTO currency_rates (organization_id, from_currency, to_currency, valid_from, rate,
                    source, updated_at) VALUES (:organization_id, 'EUR', 'USD', '2026-01-01', 1.1, 'a bank', now())"""),
                {"organization_id": ORGANIZATION},
            )
    assert (await looked(database)).only is None


async def test_with_other_prices_everything_is_looked_at(database: Database, owner: Database) -> None:
    await keep(database, owner, lone())
    await looked(database)
    assert (await begun(database)).only is not None
    assert (await begun(database, PriceBook({}))).only is None


async def test_an_account_that_nobody_scans_is_looked_at_each_day(database: Database, owner: Database) -> None:
    await keep(database, owner, lone())
    assert await request_daily_looks(database) == 1
    async with owner.write(None) as session:
        await session.execute(text("DELETE FROM jobs"))
    assert (await looked(database)).changes.counts == {HistoryKind.FOUND: 1}
    assert await request_daily_looks(database) == 0
    async with owner.write(None) as session:
        await session.execute(text("UPDATE account_looks SET looked_at = looked_at - interval '25 hours'"))
    assert await request_daily_looks(database) == 1
    assert await request_daily_looks(database) == 1, "counted, though it waits already"
    async with owner.read(None) as session:
        assert (await session.execute(text("SELECT count(*) FROM jobs"))).scalar_one() == 1
