"""When cost sources run by themselves: one job each, which queues the next one in its own transaction."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import BadUserInputError
from app.models import now
from app.queue import HeldJob, enqueue_instead
from app.records import Actor, ActorKind
from app.records.cron import next_runs
from app.repositories import cost_sources
from app.sourcing.start import start_in

SCHEDULE_JOB = "start_scheduled_cost_source"
SYSTEM = Actor(ActorKind.SYSTEM)


async def start_scheduled_cost_source(job: HeldJob) -> None:
    """Start the run of a source whose time has come, and queue its next time, in one transaction.

    Times that were missed while no worker ran are made up for once. A job that is no longer the source's does nothing,
    and neither does one that finds a run under way.
    """
    organization_id = job.organization_id
    if organization_id is None or "sourceId" not in job.arguments:
        message = "start_scheduled_cost_source needs an organization and a source"
        raise BadUserInputError(message)
    source_id = UUID(job.arguments["sourceId"])
    async with job.database.write(organization_id) as session:
        await job.hold(session)
        source = await cost_sources.get_source(session, organization_id, source_id)
        if source is None or source["job_id"] != job.id or not source["enabled"]:
            return
        moment = now()
        # Not before the run that is due: this worker's clock may be behind that of PostgreSQL.
        source = await queue_next(session, source, max(moment, source["next_run_at"] or moment))
        started = await start_in(session, source, SYSTEM)
    structlog.get_logger(__name__).info(
        "scheduled_cost_source_started",
        organization_id=str(organization_id),
        source_id=str(source_id),
        started=started.started,
    )


async def queue_next(session: AsyncSession, source: RowMapping, after: datetime) -> RowMapping:
    """Give the source the one job that runs it next; a job before that goes, or is obsolete if it runs."""
    organization_id: UUID = source["organization_id"]
    if not source["enabled"]:
        return await cost_sources.update_source(session, organization_id, source["id"], job_id=None, next_run_at=None)
    (run_at,) = next_runs(source["cron"], source["time_zone"], after)
    arguments = {"sourceId": str(source["id"])}
    job_id = await enqueue_instead(session, source["job_id"], SCHEDULE_JOB, organization_id, arguments, run_at)
    return await cost_sources.update_source(session, organization_id, source["id"], job_id=job_id, next_run_at=run_at)
