"""Cost sources run by their cron expression, each time once, however late the worker comes."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import text

from app.dead_jobs import recover
from app.models import now
from app.records.cron import next_runs
from app.repositories.cost_sources import SOURCES
from app.repositories.jobs import JOBS
from app.sourcing.change import delete_source, update_source
from app.sourcing.recover import RECOVERIES
from tests.sourcing.works import ADA, Works
from tests.workers.probes import job_row


async def come(works: Works, job_id: UUID, late: timedelta = timedelta(seconds=1)) -> None:
    """Let the time of a job come, and run it."""
    async with works.database.write(works.organization_id) as session:
        await session.execute(JOBS.update().where(JOBS.c.id == job_id).values(wake_at=now() - late))
        await session.execute(SOURCES.update().where(SOURCES.c.job_id == job_id).values(next_run_at=now() - late))
    await works.runner().run(job_id)


async def test_a_source_has_one_job_at_its_next_time(works: Works) -> None:
    source = await works.create(cron="0 3 * * *", time_zone="Europe/Berlin")
    (due,) = next_runs("0 3 * * *", "Europe/Berlin", source["created_at"])
    job = await job_row(works.database, source["job_id"])
    assert (job["kind"], job["arguments"]) == ("start_scheduled_cost_source", {"sourceId": str(source["id"])})
    assert source["next_run_at"] == job["wake_at"] == due


async def test_when_its_time_comes_it_runs_and_the_next_time_is_queued(works: Works) -> None:
    works.deliver("2026-10", "1")
    source = await works.create()
    await come(works, source["job_id"], late=timedelta(days=3))
    after = await works.source(source["id"])
    assert after["job_id"] != source["job_id"]
    assert after["next_run_at"] > now()
    ((run_id, job_id, state, actor),) = await works.rows("SELECT id, job_id, state, actor_kind FROM cost_source_runs")
    assert (state, actor) == ("QUEUED", "SYSTEM")
    await works.runner().run(job_id)
    assert (await works.row(run_id))["state"] == "SUCCEEDED"


async def test_a_run_under_way_is_not_doubled(works: Works) -> None:
    source = await works.create()
    run = await works.start(source)
    assert (await works.start(source))["id"] == run["id"]
    async with works.database.system() as session:
        await session.execute(text("UPDATE jobs SET wake_at = now() + interval '1 day' WHERE kind = 'run_cost_source'"))
    await come(works, source["job_id"])
    assert await works.rows("SELECT id FROM cost_source_runs") == [(run["id"],)]
    assert (await works.source(source["id"]))["job_id"] != source["job_id"]


async def test_the_job_of_a_source_that_was_changed_is_off_or_gone_does_nothing(works: Works) -> None:
    source = await works.create()
    changed = await update_source(works.database, works.organization_id, ADA, source["id"], cron="0 4 * * *")
    assert changed["job_id"] != source["job_id"]
    await come(works, source["job_id"])
    off = await update_source(works.database, works.organization_id, ADA, source["id"], enabled=False)
    assert (off["job_id"], off["next_run_at"]) == (None, None)
    await come(works, changed["job_id"])
    await delete_source(works.database, works.organization_id, ADA, source["id"])
    await come(works, changed["job_id"])
    assert await works.rows("SELECT count(*) FROM cost_source_runs") == [(0,)]


async def test_a_source_whose_job_is_dead_goes_on(works: Works) -> None:
    source = await works.create()
    async with works.database.write(works.organization_id) as session:
        await session.execute(JOBS.update().values(state="DEAD", failure="Attempt 5 of 5 failed."))
    assert await recover(works.database, RECOVERIES) == 1
    after = await works.source(source["id"])
    assert after["job_id"] != source["job_id"]
    assert after["next_run_at"] > now()
    assert await recover(works.database, RECOVERIES) == 0
