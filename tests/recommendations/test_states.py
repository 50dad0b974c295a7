"""What becomes of a recommendation where a look proves nothing, comes too late, or is no longer made."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.disconnect import disconnect_account
from app.database import Database
from app.detection.rule import Settings, Tuning
from app.models import now
from app.pricing.book import seed_book
from app.recommendations import answer
from app.recommendations.ignored import open_ignored
from app.recommendations.jobs import look_for_waste, request_look
from app.recommendations.look import look, start_look
from app.recommendations.rules import reset, update_rule
from app.records import Actor, ActorKind
from app.records.recommendations import HistoryKind, IgnoreReason
from app.repositories.accounts import ACCOUNTS
from app.scanning.cancel import cancel_scans_of_account
from tests.recommendations.far import Held
from tests.recommendations.looking import add_company, keep, ledger, lone, looked, told
from tests.recommendations.rows import scanned
from tests.repositories.found import ACCOUNT, ORGANIZATION, VOLUME, add_accounts

SOMEBODY = Actor(ActorKind.SYSTEM)
UNATTACHED = "aws.ebs.unattached"


@pytest.fixture(autouse=True)
async def company(database: Database, owner: Database) -> None:
    await add_company(owner)
    await add_accounts(database)


async def hold(_: AsyncSession) -> None:
    """Nobody else looks."""


def switched_off(_: Tuning) -> Tuning:
    return Tuning(Settings(enabled=False))


async def passed(owner: Database, days: int) -> None:
    """Let days pass for what is ignored."""
    async with owner.write(None) as session:
        await session.execute(
            text("UPDATE recommendations SET ignored_until = ignored_until - CAST(:days AS integer)"), {"days": days}
        )


async def test_a_rule_that_is_switched_off_proves_nothing(database: Database, owner: Database) -> None:
    await keep(database, owner, lone())
    await looked(database)
    (row,) = (await ledger(database)).values()
    await answer.resolve(database, ORGANIZATION, SOMEBODY, [row["id"]], note=None)
    await update_rule(database, ORGANIZATION, SOMEBODY, UNATTACHED, switched_off)
    assert await looked(database) == {}
    (row,) = (await ledger(database)).values()
    assert (row["resolution"], row["proved_at"]) == ("SAID_DONE", None)
    await update_rule(database, ORGANIZATION, SOMEBODY, UNATTACHED, reset)
    assert await looked(database) == {HistoryKind.CAME_BACK: 1}


def stricter(_: Tuning) -> Tuning:
    return Tuning(Settings(parameters={"minAgeDays": Decimal(365)}))


async def test_a_rule_that_asks_for_more_has_changed_no_resource(database: Database, owner: Database) -> None:
    await keep(database, owner, lone("vol-1"), lone("vol-2"))
    await looked(database)
    rows = await ledger(database)
    await answer.resolve(database, ORGANIZATION, SOMEBODY, [rows[UNATTACHED, "vol-2"]["id"]], note=None)
    await update_rule(database, ORGANIZATION, SOMEBODY, UNATTACHED, stricter)
    for _ in range(2):
        await looked(database)
        rows = await ledger(database)
        assert rows[UNATTACHED, "vol-1"]["resolution"] == "LEFT_OUT"
        assert (rows[UNATTACHED, "vol-2"]["resolution"], rows[UNATTACHED, "vol-2"]["proved_at"]) == ("SAID_DONE", None)
    await keep(database, owner, lone("vol-2", status="in-use"))
    assert await looked(database) == {HistoryKind.PROVED: 1}


async def test_what_is_said_while_a_look_runs_is_judged_by_the_next(database: Database, owner: Database) -> None:
    await keep(database, owner, lone())
    await looked(database)
    (row,) = (await ledger(database)).values()
    running = await start_look(database, ORGANIZATION, ACCOUNT, seed_book(), hold)
    assert running is not None
    await answer.resolve(database, ORGANIZATION, SOMEBODY, [row["id"]], note=None)
    assert (await look(running)).counts == {}
    assert [row["resolution"] for row in (await ledger(database)).values()] == ["SAID_DONE"]
    assert await looked(database) == {HistoryKind.CAME_BACK: 1}


async def test_what_was_read_before_it_was_said_to_be_done_opens_nothing(database: Database, owner: Database) -> None:
    await keep(database, owner, lone())
    await scanned(database, ORGANIZATION, ACCOUNT, [VOLUME])
    await looked(database)
    (row,) = (await ledger(database)).values()
    await answer.resolve(database, ORGANIZATION, SOMEBODY, [row["id"]], note=None)
    assert await looked(database) == {}
    assert [row["resolution"] for row in (await ledger(database)).values()] == ["SAID_DONE"]
    await scanned(database, ORGANIZATION, ACCOUNT, [VOLUME])
    assert await looked(database) == {HistoryKind.CAME_BACK: 1}


async def test_a_look_that_is_overtaken_takes_nothing_back(database: Database, owner: Database) -> None:
    await keep(database, owner, lone())
    slow = await start_look(database, ORGANIZATION, ACCOUNT, seed_book(), hold)
    assert slow is not None
    await looked(database)
    before = await ledger(database)
    assert (await look(slow)).counts == {}
    assert await ledger(database) == before


async def test_two_looks_at_once_add_each_recommendation_once(database: Database, owner: Database) -> None:
    await keep(database, owner, *(lone(f"vol-{number}", kind="gp2") for number in range(20)))
    found = await asyncio.gather(*(looked(database) for _ in range(3)))
    assert sum(each.get(HistoryKind.FOUND, 0) for each in found) == len(await ledger(database)) == 40
    assert [kind for _, kind, _ in await told(database)] == ["FOUND"] * 40


async def test_what_is_ignored_opens_on_its_day_without_a_look(database: Database, owner: Database) -> None:
    await keep(database, owner, lone("vol-1", kind="gp2"), lone("vol-2"))
    await looked(database)
    rows = await ledger(database)
    day = now().date() + timedelta(days=2)
    for until, name in ((day, "vol-1"), (None, "vol-2")):
        ids = [rows[UNATTACHED, name]["id"]]
        await answer.ignore(database, ORGANIZATION, SOMEBODY, ids, reason=IgnoreReason.LATER, note=None, until=until)
    await passed(owner, 1)
    assert await open_ignored(database) == 0
    await passed(owner, 1)
    assert (await ledger(database))["aws.ebs.gp2_to_gp3", "vol-1"]["is_counted"]
    assert await open_ignored(database) == 1
    rows = await ledger(database)
    assert (rows[UNATTACHED, "vol-1"]["state"], rows[UNATTACHED, "vol-2"]["state"]) == ("OPEN", "IGNORED")
    assert rows[UNATTACHED, "vol-1"]["is_counted"]
    assert not rows["aws.ebs.gp2_to_gp3", "vol-1"]["is_counted"]
    assert (await told(database))[-1] == ("vol-1", "IGNORE_ENDED", {})
    assert await open_ignored(database) == 0


async def test_what_cannot_be_told_opens_on_its_day_too(database: Database, owner: Database) -> None:
    await keep(database, owner, lone())
    await looked(database)
    (row,) = (await ledger(database)).values()
    day = now().date() + timedelta(days=1)
    await answer.ignore(database, ORGANIZATION, SOMEBODY, [row["id"]], reason=IgnoreReason.LATER, note=None, until=day)
    await keep(database, owner, lone(properties={"unreadable": ["volumeType"], "attachments": []}))
    assert await looked(database) == {}
    await passed(owner, 1)
    assert await looked(database) == {HistoryKind.IGNORE_ENDED: 1}


async def test_what_stands_of_a_disconnected_account_is_resolved_until_it_is_read_again(
    database: Database, owner: Database
) -> None:
    await keep(database, owner, lone("vol-1", kind="gp2"), lone("vol-2"))
    await looked(database)
    rows = await ledger(database)
    ids = [rows[UNATTACHED, "vol-2"]["id"]]
    await answer.ignore(database, ORGANIZATION, SOMEBODY, ids, reason=IgnoreReason.NEEDED, note=None, until=None)
    await disconnect_account(
        database, ORGANIZATION, SOMEBODY, ACCOUNT, stop_scans=cancel_scans_of_account, look_again=request_look
    )
    async with database.read(ORGANIZATION) as session:
        jobs = (await session.execute(text("SELECT kind, arguments FROM jobs"))).all()
    assert [tuple(each) for each in jobs] == [("look_for_waste", {"accountId": str(ACCOUNT)})]
    assert await looked(database) == {HistoryKind.RESOLVED: 2}
    assert await looked(database) == {}
    rows = await ledger(database)
    states = {key: (row["state"], row["resolution"], row["is_counted"]) for key, row in rows.items()}
    assert states == {
        (UNATTACHED, "vol-1"): ("RESOLVED", "ACCOUNT_GONE", False),
        ("aws.ebs.gp2_to_gp3", "vol-1"): ("RESOLVED", "ACCOUNT_GONE", False),
        (UNATTACHED, "vol-2"): ("IGNORED", None, False),
    }
    async with database.write(ORGANIZATION) as session:
        await session.execute(ACCOUNTS.update().values(disconnected_at=None))
    assert await looked(database) == {HistoryKind.CAME_BACK: 2}
    assert (await ledger(database))[UNATTACHED, "vol-2"]["state"] == "IGNORED"


async def test_looks_at_what_has_changed_judge_what_was_said_and_what_was_disconnected(
    database: Database, owner: Database
) -> None:
    await keep(database, owner, lone("vol-1"), lone("vol-2"))
    async with owner.write(None) as session:
        await session.execute(text("UPDATE resources SET updated_at = :then"), {"then": now() - timedelta(days=1)})
    await look_for_waste(Held(database))
    rows = await ledger(database)
    await answer.resolve(database, ORGANIZATION, SOMEBODY, [rows[UNATTACHED, "vol-1"]["id"]], note=None)
    await look_for_waste(Held(database))
    assert (await told(database))[-1][:2] == ("vol-1", "CAME_BACK")
    for gone in (True, False):
        async with database.write(ORGANIZATION) as session:
            await session.execute(ACCOUNTS.update().values(disconnected_at=now() if gone else None))
        await look_for_waste(Held(database))
        states = {row["state"] for row in (await ledger(database)).values()}
        assert states == ({"RESOLVED"} if gone else {"OPEN"})
