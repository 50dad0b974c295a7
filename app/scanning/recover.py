"""Ends the scans whose job is dead, so that none stays under way for ever, and has dead schedules go on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import structlog

from app.database import Database
from app.models import now
from app.records import ScanState
from app.repositories import jobs, scans
from app.repositories.scan_schedules import get_schedule
from app.scanning.finish import end_scan
from app.scanning.schedule import SCHEDULE_JOB, queue_next, record_skipped
from app.scanning.start import RUN_SCAN_JOB

REMEDY = "Start the scan again. If it fails again, the worker's log has the reason under the scan's job."
_PAGE = 100


async def recover_scans(database: Database) -> int:
    """Declare the scans of dead jobs FAILED with the reason, and queue the next run of schedules whose job is dead.

    Returns how many scans and schedules that were. Several processes may do it at once.
    """
    recovered = 0
    for kind, recover in ((RUN_SCAN_JOB, _recover), (SCHEDULE_JOB, _recover_schedule)):
        full = True
        while full:
            async with database.system() as session:
                dead = await jobs.unsettled_dead_jobs(session, kind, _PAGE)
            for job in dead:
                recovered += await recover(database, job["organization_id"], job["id"], job["arguments"])
            full = len(dead) == _PAGE
    return recovered


async def _recover_schedule(
    database: Database, organization_id: UUID, job_id: UUID, arguments: Mapping[str, Any]
) -> bool:
    async with database.write(organization_id) as session:
        job = await jobs.lock_job(session, job_id)
        if job is None or job["state"] != "DEAD":
            return False
        await jobs.settle_dead_job(session, job_id)
        schedule_id = UUID(arguments["scheduleId"]) if "scheduleId" in arguments else None
        schedule = await get_schedule(session, organization_id, schedule_id) if schedule_id else None
        if schedule is None or schedule["job_id"] != job_id or not schedule["enabled"]:
            return False
        schedule = await queue_next(session, schedule, now())
        await record_skipped(session, schedule, f"The scans could not be started. {job['failure'] or ''}".strip())
    structlog.get_logger(__name__).warning(
        "schedule_recovered", organization_id=str(organization_id), schedule_id=str(schedule_id), job_id=str(job_id)
    )
    return True


async def _recover(database: Database, organization_id: UUID, job_id: UUID, arguments: Mapping[str, Any]) -> bool:
    scan_id = arguments.get("scanId")
    async with database.write(organization_id) as session:
        job = await jobs.lock_job(session, job_id)
        if job is None or job["state"] != "DEAD":
            return False
        await jobs.settle_dead_job(session, job_id)
        scan = await scans.get_scan(session, organization_id, UUID(scan_id), lock=True) if scan_id else None
        if scan is None or scan["state"] not in scans.UNDER_WAY or scan["job_id"] != job_id:
            return False
        if scan["cancel_requested_at"] is not None:
            await end_scan(session, scan, ScanState.CANCELLED)
        else:
            failure = f"The scan was given up. {job['failure'] or ''}".strip()
            await end_scan(session, scan, ScanState.FAILED, failure=failure, remedy=REMEDY)
    structlog.get_logger(__name__).warning(
        "scan_recovered", organization_id=str(organization_id), scan_id=scan_id, job_id=str(job_id)
    )
    return True
