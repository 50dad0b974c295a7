"""A look at stored resources writes what it finds into the ledger, once, and takes back what is gone."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
import structlog
from sqlalchemy import text

from app.database import Database
from app.models import new_id, now
from app.records.recommendations import HistoryKind
from app.repositories.detection_facts import MOST_NEIGHBOURS
from app.repositories.resources import ResourceValues
from tests.house.statements import counted
from tests.recommendations.looking import add_company, keep, ledger, lone, looked, told
from tests.repositories.found import ORGANIZATION, add_accounts, store, sweep_volumes

UNATTACHED = "aws.ebs.unattached"


@pytest.fixture(autouse=True)
async def company(database: Database, owner: Database) -> None:
    await add_company(owner)
    await add_accounts(database)


async def test_a_finding_is_stored_with_its_money(database: Database, owner: Database) -> None:
    await keep(database, owner, lone(size=250))
    assert await looked(database) == {HistoryKind.FOUND: 1}
    (row,) = (await ledger(database)).values()
    assert (row["check_id"], row["state"], row["is_counted"]) == (UNATTACHED, "OPEN", True)
    assert (row["monthly_saving"], row["currency"], row["price_basis"]) == (Decimal("20.0000"), "USD", "LIST")
    assert row["converted_saving"] == Decimal("20.0000")
    assert row["saving"]["inputs"] == {"GiB": "250", "price of ebs.gp3.storage": "0.08 USD since 2026-11-01"}
    assert [one["label"] for one in row["evidence"]] == ["state", "unattached since, at the latest"]
    assert await told(database) == [("vol-1", "FOUND", {})]


async def test_the_same_again_changes_nothing(database: Database, owner: Database) -> None:
    await keep(database, owner, lone())
    await looked(database)
    before = await ledger(database)
    assert await looked(database) == {}
    after = await ledger(database)
    kept = [{name: value for name, value in row.items() if name != "last_found_at"} for row in after.values()]
    assert kept == [{name: value for name, value in row.items() if name != "last_found_at"} for row in before.values()]


async def test_what_is_used_again_is_resolved_and_comes_back_as_the_same_row(
    database: Database, owner: Database
) -> None:
    await keep(database, owner, lone())
    await looked(database)
    (first,) = (await ledger(database)).values()
    await keep(database, owner, lone(status="in-use"))
    assert await looked(database) == {HistoryKind.RESOLVED: 1}
    (resolved,) = (await ledger(database)).values()
    assert (resolved["state"], resolved["resolution"], resolved["is_counted"]) == ("RESOLVED", "CHANGED", False)
    assert resolved["proved_at"] == resolved["resolved_at"]
    await keep(database, owner, lone())
    async with owner.write(None) as session:  # it is available again since ten days
        await session.execute(
            text("UPDATE resource_changes SET changed_at = :then"), {"then": now() - timedelta(days=10)}
        )
    assert await looked(database) == {HistoryKind.CAME_BACK: 1}
    (back,) = (await ledger(database)).values()
    assert (back["id"], back["state"], back["resolution"]) == (first["id"], "OPEN", None)
    assert [kind for _, kind, _ in await told(database)] == ["FOUND", "RESOLVED", "CAME_BACK"]


async def test_what_is_deleted_is_resolved(database: Database, owner: Database) -> None:
    await keep(database, owner, lone("vol-1"), lone("vol-2"))
    await looked(database)
    step = new_id()
    await store(database, lone("vol-2"), step=step)
    assert await sweep_volumes(database, step) == 1
    assert await looked(database) == {HistoryKind.RESOLVED: 1}
    rows = await ledger(database)
    assert rows[UNATTACHED, "vol-1"]["resolution"] == "DELETED"
    assert rows[UNATTACHED, "vol-2"]["state"] == "OPEN"


async def test_of_two_findings_on_one_volume_the_dearer_counts(database: Database, owner: Database) -> None:
    await keep(database, owner, lone(kind="gp2"))
    assert await looked(database) == {HistoryKind.FOUND: 2}
    rows = await ledger(database)
    assert rows[UNATTACHED, "vol-1"]["is_counted"]
    assert not rows["aws.ebs.gp2_to_gp3", "vol-1"]["is_counted"]


async def test_what_cannot_be_told_stays(database: Database, owner: Database) -> None:
    await keep(database, owner, lone())
    await looked(database)
    unreadable = lone(properties={"unreadable": ["volumeType"], "attachments": []})
    await keep(database, owner, unreadable)
    assert await looked(database) == {}
    assert [row["state"] for row in (await ledger(database)).values()] == ["OPEN"]


async def test_a_check_that_breaks_takes_nothing_else_along(database: Database, owner: Database) -> None:
    await keep(database, owner, lone("vol-1", kind="gp2"), lone("vol-2", kind="gp2"))
    await looked(database)
    odd = {"volumeType": "gp2", "sizeGiB": 200, "attachments": ["someone's words"]}
    names = ("vol-1", "vol-2", "vol-3")
    await keep(database, owner, *(lone(name, properties=odd) for name in names))
    with structlog.testing.capture_logs() as logs:
        assert await looked(database) == {HistoryKind.AMOUNT_CHANGED: 2, HistoryKind.FOUND: 1}
    rows = await ledger(database)
    assert {check for check, node in rows if node == "vol-3"} == {UNATTACHED}
    assert {row["state"] for row in rows.values()} == {"OPEN"}
    assert rows[UNATTACHED, "vol-1"]["monthly_saving"] == Decimal("20.0000")
    assert rows["aws.ebs.gp2_to_gp3", "vol-1"]["saving"]["inputs"]["GiB"] == "100"
    broke = [one for one in logs if one["event"] == "check_broke"]
    assert sorted(one["check_id"] for one in broke) == sorted({one["check_id"] for one in broke})
    assert "aws.ebs.gp2_to_gp3" in {one["check_id"] for one in broke}
    assert all(one["fault"].startswith("AttributeError at ") and "someone" not in str(one) for one in broke)


async def test_statements_do_not_grow_with_the_page(database: Database, owner: Database) -> None:
    counts = []
    for number in (1, 40):
        await keep(database, owner, *(lone(f"vol-{index}") for index in range(number)))
        with counted(database) as statements:
            await looked(database)
        counts.append(len(statements))
    assert counts[0] == counts[1]


async def test_another_organization_sees_nothing_of_it(database: Database, owner: Database) -> None:
    await keep(database, owner, lone())
    await looked(database)
    async with database.read(new_id()) as session:
        assert (await session.execute(text("SELECT count(*) FROM recommendations"))).scalar_one() == 0
    async with database.read(ORGANIZATION) as session:
        assert (await session.execute(text("SELECT count(*) FROM recommendations"))).scalar_one() == 1


async def test_what_stands_to_too_many_cannot_be_told(database: Database, owner: Database) -> None:
    """Of a trail in another region each further one may be the trail that records the same events."""
    trail = {"logging": True, "organizationTrail": False, "ownedByAccount": True, "managementEvents": True}

    def trails(first: int, end: int) -> list[ResourceValues]:
        kind = "AWS::CloudTrail::Trail"
        here = trail | {"multiRegion": False}
        found = [lone(f"trail-{n:04}", resource_type=kind, properties=here, region=f"r-{n}") for n in range(first, end)]
        return [lone("trail-a", resource_type=kind, properties=trail | {"multiRegion": True}, region="r"), *found]

    await keep(database, owner, *trails(0, MOST_NEIGHBOURS))
    await looked(database)
    found = {node for _, node in await ledger(database)}
    assert found == {f"trail-{n:04}" for n in range(MOST_NEIGHBOURS)}
    await keep(database, owner, *trails(MOST_NEIGHBOURS, MOST_NEIGHBOURS + 1))
    assert await looked(database) == {}
    rows = await ledger(database)
    assert {node for _, node in rows} == found, "of the one that is new nobody can tell"
    assert {row["state"] for row in rows.values()} == {"OPEN"}, "nor is anything resolved"
