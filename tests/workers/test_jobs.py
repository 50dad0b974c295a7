"""What workers do by the clock and for the outbox."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text

from app.config import Settings
from app.database import Database
from app.embedded import EngineUrls
from app.models import RefreshToken, Session, User, now
from app.repositories import jobs
from app.repositories.identity_mails import MAILS, add_mail
from app.repositories.second_factors import CHALLENGES, add_challenge
from app.workers.jobs import HANDLERS
from app.workers.schedule import purge_activity, purge_jobs, purge_sessions, refresh_list_prices, schedule
from tests.activity.probes import write
from tests.workers.probes import job_row, make_runner, put

A_DAY = timedelta(days=1)


@pytest.fixture
def context(database: Database, settings: Settings) -> dict[str, Any]:
    return {"database": database, "settings": settings}


def test_the_schedule_spreads_its_work_over_the_hour() -> None:
    moment = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
    times = {work.name: work.next_time(moment).strftime("%H:%M:%S") for work in schedule()}
    assert times == {
        "tell_of_failed_sign_ins": "10:02:00",
        "purge_activity": "10:07:00",
        "purge_scans": "10:17:00",
        "purge_sessions": "10:27:00",
        "purge_stored_answers": "10:32:00",
        "purge_uploads": "10:37:00",
        "purge_jobs": "10:47:00",
        "end_imports": "10:52:00",
        "purge_cost_exports": "10:57:00",
        "purge_bulk_exports": "10:22:00",
        "purge_personal_exports": "10:24:00",
        "purge_deliveries": "10:34:00",
        "erase_accounts": "10:12:00",
        "open_ignored_recommendations": "00:02:00",
        "look_at_all_accounts": "05:27:00",
        "settle_all_costs": "05:42:00",
        "check_all_costs": "05:57:00",
        "refresh_list_prices": "02:12:00",
    }
    (weekly,) = [work for work in schedule() if work.name == "refresh_list_prices"]
    assert weekly.next_time(moment) == datetime(2026, 11, 29, 2, 12, tzinfo=UTC), "the Sunday after"


@pytest.mark.parametrize(("is_allowed", "jobs_waiting"), [(True, [["AWS", "AZURE"]]), (False, [])])
async def test_list_prices_are_refreshed_where_the_settings_allow_it(
    context: dict[str, Any], is_allowed: bool, jobs_waiting: list[list[str]]
) -> None:
    context["settings"] = context["settings"].model_copy(update={"refresh_prices_weekly": is_allowed})

    for _ in range(2):
        await refresh_list_prices(context)

    async with context["database"].system() as session:
        found = (await session.execute(select(jobs.JOBS.c.arguments))).scalars().all()
    assert [each["providers"] for each in found] == jobs_waiting, "without a key none of Google's; one waits at a time"


async def test_sessions_go_when_their_time_is_over(database: Database, context: dict[str, Any]) -> None:
    async with database.system() as session:
        user = User(email="ada@skyledger.example", name="Ada", password_hash="x")
        session.add(user)
        await session.flush()
        lives = {"over": -A_DAY, "current": A_DAY, "revoked": A_DAY}
        sessions = {name: Session(user_id=user.id, expires_at=now() + life) for name, life in lives.items()}
        sessions["revoked"].revoked_at = now()
        session.add_all(sessions.values())
        await session.flush()
        session.add_all(RefreshToken(token_hash=name.encode(), session_id=each.id) for name, each in sessions.items())
    await purge_sessions(context)
    async with database.system() as session:
        kept = set(await session.scalars(select(Session.id)))
        tokens = set(await session.scalars(select(RefreshToken.token_hash)))
    assert kept == {sessions["current"].id, sessions["revoked"].id}
    assert tokens == {b"current", b"revoked"}


async def test_finished_jobs_go_after_a_month_and_the_dead_stay(database: Database, context: dict[str, Any]) -> None:
    ids = {name: await put(database) for name in ("SUCCEEDED", "DEAD", "QUEUED", "fresh")}
    async with database.system() as session:
        for name, job_id in ids.items():
            finished = now() - (timedelta() if name == "fresh" else 31 * A_DAY)
            state = "SUCCEEDED" if name == "fresh" else name
            values = {"state": state, "finished_at": None if name == "QUEUED" else finished}
            await session.execute(jobs.JOBS.update().where(jobs.JOBS.c.id == job_id).values(values))
    await purge_jobs(context)
    async with database.system() as session:
        kept: set[UUID] = set(await session.scalars(select(jobs.JOBS.c.id)))
    assert kept == {ids["DEAD"], ids["QUEUED"], ids["fresh"]}


async def test_events_go_after_the_days_of_the_settings(
    database: Database, owner: Database, settings: Settings
) -> None:
    organization_id = UUID(int=1)
    await write(database, organization_id, "old", "new")
    async with owner.engine.begin() as connection:
        await connection.execute(
            text("UPDATE activity_events SET occurred_at = now() - interval '8 days' WHERE sequence = 1")
        )
    week = settings.model_copy(update={"activity_retention_days": 7})
    await purge_activity({"database": database, "settings": week})
    async with database.read(organization_id) as session:
        texts = [row.data["text"] for row in await session.execute(text("SELECT data FROM activity_events"))]
    assert texts == ["new"]


async def test_an_organization_is_purged_by_its_job(
    database: Database, owner: Database, engine_urls: EngineUrls
) -> None:
    deleted, living = UUID(int=1), UUID(int=2)
    for organization_id, deleted_at in ((deleted, now()), (living, None)):
        async with owner.engine.begin() as connection:
            await connection.execute(
                text(
                    "INSERT INTO organizations (id, slug, name, currency, created_at, updated_at, deleted_at) "
                    "VALUES (:id, :slug, 'x', 'USD', now(), now(), :deleted_at)"
                ),
                {"id": organization_id, "slug": str(organization_id), "deleted_at": deleted_at},
            )
        await write(database, organization_id, "a", "b")
    runner = make_runner(database, engine_urls.redis_url, HANDLERS)
    for organization_id in (deleted, living):
        job_id = await put(database, "purge_organization", organization_id)
        await runner.run(job_id)
        assert (await job_row(database, job_id))["state"] == "SUCCEEDED"
    async with owner.engine.connect() as connection:
        found = await connection.execute(text("SELECT DISTINCT organization_id FROM activity_events"))
        assert found.scalars().all() == [living]


async def test_a_purge_without_an_organization_fails_with_the_reason(
    database: Database, engine_urls: EngineUrls
) -> None:
    job_id = await put(database, "purge_organization")
    runner = make_runner(database, engine_urls.redis_url, HANDLERS)
    await runner.run(job_id)
    row = await job_row(database, job_id)
    assert (row["state"], row["failure"]) == ("QUEUED", "purge_organization needs an organization")


async def test_challenges_and_mails_go_with_their_time(context: dict[str, Any], database: Database) -> None:
    user = User(email="ada@example.com", name="Ada", password_hash="x")
    async with database.system() as session:
        session.add(user)
        await session.flush()
        for name, expires_at in (("over", now() - timedelta(seconds=1)), ("alive", now() + A_DAY)):
            await add_challenge(session, user.id, name.encode(), expires_at, began_by="PASSWORD")
            await add_mail(session, kind="VERIFY_EMAIL", email=name, user_id=user.id, expires_at=expires_at)
    await purge_sessions(context)
    async with database.system() as session:
        assert (await session.execute(select(CHALLENGES.c.token_hash))).scalars().all() == [b"alive"]
        assert (await session.execute(select(MAILS.c.email))).scalars().all() == ["alive"]
