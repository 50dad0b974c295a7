"""Disconnecting beside what else happens to the account: nobody waits for the other for ever, nothing is told after."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import RowMapping, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.disconnect import disconnect_account
from app.accounts.verify import verify_account
from app.errors import ConflictError
from app.models import now
from app.providers.calls import ProviderPool
from app.recommendations.jobs import request_look
from app.records import Actor
from app.repositories.account_checks import add_check
from app.repositories.accounts import get_account
from app.scanning.cancel import cancel_scan, cancel_scans_of_account
from tests.providers.aws.answering import answering
from tests.scanning.engine import ADA, Engine, engine, world

__all__ = ["engine", "world"]

ROUNDS = 12


async def disconnect(engine: Engine, account_id: UUID, pause: asyncio.Event | None = None) -> RowMapping:
    """Disconnect as the graph does; with an event, tell by it that the account is locked, and wait a little there."""

    async def stop_scans(session: AsyncSession, organization_id: UUID, account_id: UUID, actor: Actor) -> None:
        if pause is not None:
            pause.set()
            await asyncio.sleep(0.1)
        await cancel_scans_of_account(session, organization_id, account_id, actor)

    return await disconnect_account(
        engine.database, engine.organization_id, ADA, account_id, stop_scans=stop_scans, look_again=request_look
    )


@pytest.mark.parametrize("is_locked_first", [True, False])
async def test_disconnecting_and_cancelling_do_not_wait_for_each_other(engine: Engine, is_locked_first: bool) -> None:
    for number in range(ROUNDS):
        account_id = await engine.connect(f"{number:012}")
        (scan,) = (await engine.start(account_ids=[account_id])).scans
        locked = asyncio.Event()
        disconnecting = asyncio.create_task(disconnect(engine, account_id, locked if is_locked_first else None))
        if is_locked_first:
            await locked.wait()
        cancelling = cancel_scan(engine.database, engine.organization_id, ADA, scan["id"])
        account, cancelled = await asyncio.gather(disconnecting, cancelling, return_exceptions=True)
        assert not isinstance(account, BaseException), account
        # Whoever comes second finds that the scan has ended.
        assert isinstance(cancelled, (RowMapping, ConflictError)), cancelled
        assert account["disconnected_at"] is not None
        assert (await engine.row(scan["id"]))["state"] == "CANCELLED"
    assert len(await engine.events("SCAN_FINISHED")) == ROUNDS


async def test_what_points_to_an_account_does_not_wait_for_its_change(engine: Engine) -> None:
    account_id, organization_id = await engine.connect(), engine.organization_id
    values = {"account_id": account_id, "health": "HEALTHY", "message": None, "missing_permissions": None}
    async with engine.database.write(organization_id) as changing:
        assert await get_account(changing, organization_id, account_id) is not None
        async with engine.database.write(organization_id) as pointing:
            await pointing.execute(text("SET LOCAL lock_timeout = '2s'"))
            await add_check(pointing, organization_id, {**values, "response_milliseconds": 1, "checked_at": now()})
        async with engine.database.write(organization_id) as other:
            await other.execute(text("SET LOCAL lock_timeout = '50ms'"))
            with pytest.raises(DBAPIError, match="lock timeout"):
                await get_account(other, organization_id, account_id)
    assert await engine.rows("SELECT count(*) FROM account_checks") == [(1,)]


async def test_nothing_is_told_of_an_account_that_was_disconnected_while_it_was_asked(engine: Engine) -> None:
    loop, pool = asyncio.get_running_loop(), ProviderPool(2)

    def identity(_arguments: object) -> str:
        asyncio.run_coroutine_threadsafe(disconnect(engine, account_id), loop).result(20)
        return "<R><GetCallerIdentityResult><Account>1</Account><Arn>arn:x</Arn></GetCallerIdentityResult></R>"

    with answering(GetCallerIdentity=identity) as far_side:
        account_id = await engine.connect("1", {"endpoints": {"*": far_side.url}})
        with pytest.raises(ConflictError, match="disconnected"):
            await verify_account(engine.database, engine.vault, pool, engine.organization_id, ADA, account_id)
    pool.close()
    assert (await engine.account(account_id))["health"] is None
    assert await engine.rows("SELECT count(*) FROM account_checks") == [(0,)]
    assert await engine.events("ACCOUNT_HEALTH_CHANGED") == []
