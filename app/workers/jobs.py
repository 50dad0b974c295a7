"""What workers do: the functions of the outbox's job kinds, and what is done by the clock."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any, cast

import structlog
from arq.cron import CronJob, cron
from arq.typing import WorkerCoroutine
from sqlalchemy.ext.asyncio import AsyncSession

from app.activity.retention import purge_expired
from app.config import Settings
from app.database import Database
from app.errors import BadUserInputError
from app.models import now
from app.organizations.change import PURGE_JOB
from app.organizations.purge import purge
from app.repositories.expiry import delete_expired_sessions
from app.repositories.jobs import delete_finished_jobs
from app.scanning.retention import purge_expired_scans
from app.scanning.run import run_scan
from app.scanning.schedule import SCHEDULE_JOB, start_scheduled_scans
from app.scanning.start import RUN_SCAN_JOB
from app.scanning.tools import ScanTools
from app.workers.runner import Handler, RunningJob

KEPT_JOBS = timedelta(days=30)
BATCH = 1_000


async def purge_organization(job: RunningJob) -> None:
    """Delete everything of a deleted organization."""
    if job.organization_id is None:
        message = "purge_organization needs an organization"
        raise BadUserInputError(message)
    await purge(job.database, job.organization_id, should_stop=job.should_stop)


HANDLERS: Mapping[str, Handler] = {PURGE_JOB: purge_organization}


def make_handlers(tools: ScanTools) -> Mapping[str, Handler]:
    """The functions of all job kinds, those that call providers with their tools."""
    return {
        **HANDLERS,
        RUN_SCAN_JOB: partial(run_scan, tools=tools),
        SCHEDULE_JOB: partial(start_scheduled_scans, clouds=tools.clouds),
    }


async def purge_activity(context: dict[str, Any]) -> None:
    """Forget events older than the settings say."""
    database, settings = _tools(context)
    purged = await purge_expired(database, settings.activity_retention_days)
    structlog.get_logger(__name__).info("activity_purged", events=purged)


async def purge_sessions(context: dict[str, Any]) -> None:
    """Delete sign-ins whose time is over."""
    database, _ = _tools(context)
    purged = await _in_batches(database, lambda session: delete_expired_sessions(session, now(), BATCH))
    structlog.get_logger(__name__).info("sessions_purged", sessions=purged)


async def purge_jobs(context: dict[str, Any]) -> None:
    """Delete jobs that succeeded long ago."""
    database, _ = _tools(context)
    purged = await _in_batches(database, lambda session: delete_finished_jobs(session, now() - KEPT_JOBS, BATCH))
    structlog.get_logger(__name__).info("jobs_purged", jobs=purged)


async def purge_scans(context: dict[str, Any]) -> None:
    """Delete scans and the history of resources that are older than the settings say."""
    database, settings = _tools(context)
    purged = await purge_expired_scans(database, settings.scan_retention_days, settings.change_retention_days)
    structlog.get_logger(__name__).info("scans_purged", scans=purged.scans, changes=purged.changes)


def schedule() -> list[CronJob]:
    """What is done by the clock: each once an hour, by one worker, spread over the hour."""
    minutes = {purge_activity: 7, purge_scans: 17, purge_sessions: 27, purge_jobs: 47}
    return [
        cron(
            cast("WorkerCoroutine", work),
            name=work.__name__,
            minute=minute,
            second=0,
            timeout=1800,
            keep_result=0,
            max_tries=1,
        )
        for work, minute in minutes.items()
    ]


def _tools(context: dict[str, Any]) -> tuple[Database, Settings]:
    return context["database"], context["settings"]


async def _in_batches(database: Database, delete: Callable[[AsyncSession], Awaitable[int]]) -> int:
    """Delete in transactions of `BATCH` rows until there are no more; returns how many there were."""
    total, gone = 0, BATCH
    while gone == BATCH:
        async with database.system() as session:
            gone = await delete(session)
        total += gone
    return total
