"""Scans start in one transaction, one of an account at a time, of connected accounts only."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import BadUserInputError, ConflictError, NotFoundError
from app.models import now
from app.records import Provider
from app.scanning.cancel import cancel_scan
from app.scanning.start import MOST_ACCOUNTS
from tests.house.statements import counted
from tests.scanning.engine import ADA, Engine
from tests.scanning.local_cloud import LocalCloud, World
from tests.workers.probes import job_row


async def test_a_start_queues_scan_event_and_job_at_once(engine: Engine) -> None:
    account_id = await engine.connect()
    started = await engine.start(regions=["eu-west-1", "eu-west-1"], services=["compute"])
    (scan,) = started.scans
    assert started.already_running == []
    row = await engine.row(scan["id"])
    assert (row["state"], row["regions"], row["services"]) == ("QUEUED", ["eu-west-1"], ["compute"])
    assert (row["actor_kind"], row["actor_id"]) == ("USER", ADA.id)
    job = await job_row(engine.database, row["job_id"])
    assert (job["kind"], job["arguments"], job["state"]) == ("run_scan", {"scanId": str(row["id"])}, "QUEUED")
    (event,) = await engine.events()
    assert (event["kind"], event["subject_id"]) == ("SCAN_STARTED", row["id"])
    assert event["data"] == {
        "scanId": str(row["id"]),
        "accountId": str(account_id),
        "provider": "AWS",
        "nativeId": "111122223333",
        "name": "account 111122223333",
    }


async def test_without_accounts_every_connected_one_is_scanned(engine: Engine) -> None:
    wanted = {await engine.connect(str(number)) for number in range(3)}
    idle = [await engine.connect("manual"), await engine.connect("gone")]
    await _set(engine, idle[0], kind="MANUAL")
    await _set(engine, idle[1], disconnected_at=now())
    started = await engine.start()
    assert {scan["account_id"] for scan in started.scans} == wanted


async def test_two_scans_of_one_account_cannot_be_under_way(engine: Engine) -> None:
    accounts = [await engine.connect(str(number)) for number in range(4)]
    answers = await asyncio.gather(*(engine.start(account_ids=accounts[::order]) for order in (1, -1) * 5))
    assert sum(len(answer.scans) for answer in answers) == len(accounts)
    assert sum(len(answer.already_running) for answer in answers) == 9 * len(accounts)
    assert await engine.rows("SELECT count(*) FROM scans") == [(4,)]
    assert await engine.rows("SELECT count(*) FROM jobs") == [(4,)]
    assert len(await engine.events("SCAN_STARTED")) == 4
    first = next(answer.scans[0] for answer in answers if answer.scans)
    await cancel_scan(engine.database, engine.organization_id, ADA, first["id"])
    again = await engine.start(account_ids=[first["account_id"]])
    assert len(again.scans) == 1


@pytest.mark.parametrize(("column", "words"), [("manual", "is a manual account"), ("disconnected", "is disconnected")])
async def test_an_account_that_is_not_connected_is_refused_with_the_way_out(
    engine: Engine, column: str, words: str
) -> None:
    accounts = [await engine.connect("1"), await engine.connect("2")]
    await _set(engine, accounts[1], **({"kind": "MANUAL"} if column == "manual" else {"disconnected_at": now()}))
    with pytest.raises(ConflictError, match=words) as refused:
        await engine.start(account_ids=accounts)
    assert "connectAccount" in refused.value.message
    assert await engine.rows("SELECT count(*) FROM scans") == [(0,)]


async def test_accounts_without_the_services_are_told(engine: Engine) -> None:
    wanted, other = await engine.connect("1"), await engine.connect("2")
    await _set(engine, other, provider="AZURE")
    local = engine.clouds(Provider.AWS)
    azure = LocalCloud(World())
    azure.services = lambda: tuple(service for service in local.services() if service.name != "tables")  # type: ignore[method-assign]
    engine.clouds = {Provider.AWS: local, Provider.AZURE: azure}.__getitem__
    started = await engine.start(services=["tables"])
    assert [scan["account_id"] for scan in started.scans] == [wanted]
    (skipped,) = started.skipped
    assert (skipped.account["id"], skipped.reason) == (other, "AZURE has none of the services tables.")


async def test_an_account_whose_scan_ends_meanwhile_is_in_one_of_the_lists(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its scan blocks the insert and is over when it is looked for."""
    account_id = await engine.connect()
    await engine.start()
    looked = 0

    async def none_under_way(session: AsyncSession, *_: object) -> list[object]:
        nonlocal looked
        looked += 1
        if looked == ends_at:
            await session.execute(text("UPDATE scans SET state = 'SUCCEEDED'"))
        return []

    monkeypatch.setattr("app.scanning.start.scans.scans_under_way", none_under_way)
    ends_at = 1
    assert [scan["account_id"] for scan in (await engine.start()).scans] == [account_id]
    ends_at, looked = 9, 0
    (skipped,) = (await engine.start()).skipped
    assert (skipped.account["id"], skipped.reason[:19]) == (account_id, "A scan of it ended ")


async def test_thousands_of_accounts_are_one_statement_each(engine: Engine) -> None:
    """PostgreSQL takes 32,767 parameters: a scan with its own for each column would end at some 3,000 accounts."""
    async with engine.database.write(engine.organization_id) as session:
        await session.execute(
            text(
                "INSERT INTO accounts (organization_id, id, provider, kind, native_id, name, settings, created_at, "
                "updated_at) SELECT :organization_id, gen_random_uuid(), 'AWS', 'CONNECTED', number, number, '{}', "
                "now(), now() FROM generate_series(1, 4000) AS number"
            ),
            {"organization_id": engine.organization_id},
        )
    with counted(engine.database) as statements:
        started = await engine.start()
    assert (len(started.scans), len(await engine.events("SCAN_STARTED"))) == (4000, 4000)
    assert len(statements) < 20
    jobs = await engine.rows("SELECT count(*) FROM scans JOIN jobs ON jobs.id = job_id AND jobs.state = 'QUEUED'")
    assert jobs == [(4000,)]
    assert len((await engine.start()).already_running) == 4000


async def test_an_organization_without_connected_accounts_is_told_so(engine: Engine) -> None:
    with pytest.raises(ConflictError, match="no connected account"):
        await engine.start()


async def test_an_absent_account_is_not_found(engine: Engine) -> None:
    await engine.connect()
    with pytest.raises(NotFoundError):
        await engine.start(account_ids=[uuid4()])


async def test_a_foreign_account_is_as_absent(engine: Engine) -> None:
    mine, engine.organization_id = engine.organization_id, uuid4()
    foreign = await engine.connect()
    engine.organization_id = mine
    with pytest.raises(NotFoundError, match="There is no such account within your reach"):
        await engine.start(account_ids=[foreign])


@pytest.mark.parametrize(
    ("scope", "path", "words"),
    [
        ({"services": ["ec3"]}, "services", "no service 'ec3'. AWS has compute, network, storage, tables"),
        ({"services": []}, "services", "`services` has 0 entries"),
        ({"regions": ["EU WEST"]}, "regions", "no name of a region"),
        ({"regions": ["a.example.com/"]}, "regions", "no name of a region"),
        ({"regions": []}, "regions", "`regions` has 0 entries"),
        ({"account_ids": []}, "accountIds", "`accountIds` has 0 entries"),
        ({"account_ids": [uuid4() for _ in range(MOST_ACCOUNTS + 1)]}, "accountIds", "has 201 entries; give 1 to 200"),
    ],
)
async def test_names_that_cannot_be_used_are_named(
    engine: Engine, scope: dict[str, Any], path: str, words: str
) -> None:
    await engine.connect()
    with pytest.raises(BadUserInputError, match=words) as refused:
        await engine.start(**scope)
    assert refused.value.path == ("input", path)


async def _set(engine: Engine, account_id: object, **values: Any) -> None:
    async with engine.database.write(engine.organization_id) as session:
        for column, value in values.items():
            statement = text(f"UPDATE accounts SET {column} = :value WHERE id = :id")  # noqa: S608 - our own names
            await session.execute(statement, {"value": value, "id": account_id})
