"""Ends the runs of cost sources whose job is dead, and has sources go on whose schedule's job is dead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import structlog

from app.database import Database
from app.models import now
from app.records.cost_sources import CostSourceRunState
from app.repositories import cost_sources, jobs
from app.sourcing.finish import end_run
from app.sourcing.schedule import SCHEDULE_JOB, queue_next
from app.sourcing.start import RUN_JOB

REMEDY = "Run the source again. If it fails again, the worker's log has the reason under the run's job."
_PAGE = 100


async def recover_cost_sources(database: Database) -> int:
    """Declare the runs of dead jobs FAILED with the reason, and queue the next time of sources whose job is dead.

    Returns how many runs and sources that were. Several processes may do it at once.
    """
    recovered = 0
    for kind, recover in ((RUN_JOB, _recover_run), (SCHEDULE_JOB, _recover_schedule)):
        full = True
        while full:
            async with database.system() as session:
                dead = await jobs.unsettled_dead_jobs(session, kind, _PAGE)
            for job in dead:
                recovered += await recover(database, job["organization_id"], job["id"], job["arguments"])
            full = len(dead) == _PAGE
    return recovered


async def _recover_run(database: Database, organization_id: UUID, job_id: UUID, arguments: Mapping[str, Any]) -> bool:
    run_id = arguments.get("runId")
    async with database.write(organization_id) as session:
        job = await jobs.lock_job(session, job_id)
        if job is None or job["state"] != "DEAD":
            return False
        await jobs.settle_dead_job(session, job_id)
        run = await cost_sources.get_run(session, organization_id, UUID(run_id)) if run_id else None
        if run is not None and await cost_sources.get_source(session, organization_id, run["cost_source_id"]):
            run = await cost_sources.get_run(session, organization_id, run["id"], lock=True)
        if run is None or run["state"] not in cost_sources.UNDER_WAY or run["job_id"] != job_id:
            return False
        failure = f"The run was given up. {job['failure'] or ''}".strip()
        await end_run(session, run, CostSourceRunState.FAILED, failure=failure, remedy=REMEDY)
    structlog.get_logger(__name__).warning(
        "cost_source_run_recovered", organization_id=str(organization_id), run_id=run_id, job_id=str(job_id)
    )
    return True


async def _recover_schedule(
    database: Database, organization_id: UUID, job_id: UUID, arguments: Mapping[str, Any]
) -> bool:
    source_id = arguments.get("sourceId")
    async with database.write(organization_id) as session:
        job = await jobs.lock_job(session, job_id)
        if job is None or job["state"] != "DEAD":
            return False
        await jobs.settle_dead_job(session, job_id)
        source = await cost_sources.get_source(session, organization_id, UUID(source_id)) if source_id else None
        if source is None or source["job_id"] != job_id or not source["enabled"]:
            return False
        await queue_next(session, source, now())
    structlog.get_logger(__name__).warning(
        "cost_source_schedule_recovered", organization_id=str(organization_id), source_id=source_id, job_id=str(job_id)
    )
    return True
