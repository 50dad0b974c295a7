"""A scan whose worker lacks the key of the credentials: tried again later, and nothing is said of the account."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import update

from app.dead_jobs import recover
from app.repositories import jobs
from app.repositories.account_credentials import CREDENTIALS
from app.scanning.recover import RECOVERIES
from tests.scanning.engine import Engine, engine, world
from tests.workers.probes import job_row

__all__ = ["engine", "world"]


async def rename_key(engine: Engine, key_id: str) -> None:
    """The key under which all credentials are, as rows tell it."""
    async with engine.database.write(engine.organization_id) as session:
        await session.execute(update(CREDENTIALS).values(key_id=key_id))


async def health(engine: Engine, account_id: UUID) -> tuple[str | None, int]:
    """The account's health, and how many checks it had."""
    ((checks,),) = await engine.rows("SELECT count(*) FROM account_checks")
    return (await engine.account(account_id))["health"], checks


async def test_the_scan_goes_on_when_the_key_is_back(engine: Engine) -> None:
    account_id = await engine.connect()
    (started,) = (await engine.start()).scans
    await rename_key(engine, "later")
    await engine.runner().run(started["job_id"])
    assert (await engine.row(started["id"]))["state"] == "RUNNING"
    job = await job_row(engine.database, started["job_id"])
    assert (job["state"], job["attempts"]) == ("QUEUED", 1)
    assert "Nothing is wrong with the account" in job["failure"]
    assert await health(engine, account_id) == (None, 0)
    await rename_key(engine, engine.vault.active_key_id)
    async with engine.database.system() as session:
        await session.execute(update(jobs.JOBS).values(wake_at=job["created_at"]))
    await engine.runner().run(started["job_id"])
    assert (await engine.row(started["id"]))["state"] == "SUCCEEDED"


async def test_the_scan_ends_with_what_the_operator_has_to_do(engine: Engine) -> None:
    account_id = await engine.connect()
    (started,) = (await engine.start()).scans
    await rename_key(engine, "lost")
    async with engine.database.system() as session:
        await session.execute(update(jobs.JOBS).values(attempts=4))
    await engine.runner().run(started["job_id"])
    await recover(engine.database, RECOVERIES)
    scan = await engine.row(started["id"])
    assert scan["state"] == "FAILED"
    assert "the operator of Skyledger has to see to SKYLEDGER_CREDENTIAL_KEYS" in scan["failure"]
    assert await health(engine, account_id) == (None, 0)
    assert await engine.events("ACCOUNT_HEALTH_CHANGED") == []
