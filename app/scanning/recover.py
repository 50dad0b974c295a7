"""What dead jobs leave of scans: they end, so that none stays under way for ever, and schedules go on."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.dead_jobs import Recovery, given_up
from app.models import now
from app.records import ScanState
from app.repositories import scans
from app.repositories.scan_schedules import get_schedule
from app.scanning.finish import end_scan
from app.scanning.schedule import SCHEDULE_JOB, queue_next, record_skipped
from app.scanning.start import RUN_SCAN_JOB

REMEDY = "Start the scan again. If it fails again, the worker's log has the reason under the scan's job."


async def _end_scan(session: AsyncSession, job: RowMapping, scan_id: UUID) -> bool:
    """Declare the scan FAILED with the reason, or CANCELLED where that was asked for."""
    scan = await scans.get_scan(session, job["organization_id"], scan_id, lock=True)
    if scan is None or scan["state"] not in scans.UNDER_WAY or scan["job_id"] != job["id"]:
        return False
    if scan["cancel_requested_at"] is not None:
        await end_scan(session, scan, ScanState.CANCELLED)
    else:
        failure = given_up("The scan was given up.", job)
        await end_scan(session, scan, ScanState.FAILED, failure=failure, remedy=REMEDY)
    return True


async def _go_on(session: AsyncSession, job: RowMapping, schedule_id: UUID) -> bool:
    """Queue the schedule's next run."""
    schedule = await get_schedule(session, job["organization_id"], schedule_id)
    if schedule is None or schedule["job_id"] != job["id"] or not schedule["enabled"]:
        return False
    schedule = await queue_next(session, schedule, now())
    await record_skipped(session, schedule, given_up("The scans could not be started.", job))
    return True


RECOVERIES: Final = (
    Recovery(RUN_SCAN_JOB, "scanId", _end_scan),
    Recovery(SCHEDULE_JOB, "scheduleId", _go_on),
)
