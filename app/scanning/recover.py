"""Ends the scans whose job is dead, so that none stays under way for ever."""

from __future__ import annotations

from uuid import UUID

import structlog

from app.database import Database
from app.records import ScanState
from app.repositories import jobs, scans
from app.scanning.finish import end_scan
from app.scanning.start import RUN_SCAN_JOB

REMEDY = "Start the scan again. If it fails again, the worker's log has the reason under the scan's job."
_PAGE = 100


async def recover_scans(database: Database) -> int:
    """Declare the scans of dead jobs FAILED with the reason; returns how many. Several processes may do it at once."""
    recovered = 0
    while True:
        async with database.system() as session:
            dead = await jobs.unsettled_dead_jobs(session, RUN_SCAN_JOB, _PAGE)
        for job in dead:
            recovered += await _recover(database, job["organization_id"], job["id"], job["arguments"].get("scanId"))
        if len(dead) < _PAGE:
            return recovered


async def _recover(database: Database, organization_id: UUID, job_id: UUID, scan_id: str | None) -> bool:
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
