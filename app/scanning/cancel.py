"""Cancels scans: at once, or with their account by a flag that the worker reads every second."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.errors import ConflictError, NotFoundError
from app.models import now
from app.records import Actor, ScanState
from app.repositories import scans
from app.repositories.jobs import call_off_job
from app.scanning.finish import end_scan
from app.scanning.progress import scan_changed


async def cancel_scan(database: Database, organization_id: UUID, actor: Actor, scan_id: UUID) -> RowMapping:
    """Cancel a scan; returns its row as it stands now. What it has found stays.

    It ends at once, whether its worker lives or not: the job is taken from the worker, which notices within a
    heartbeat and can write nothing for the scan before. Raises NotFoundError, and ConflictError for one that has ended.
    """
    async with database.write(organization_id) as session:
        seen = await scans.get_scan(session, organization_id, scan_id)
        if seen is None:
            message = "There is no such scan within your reach."
            raise NotFoundError(message)
        # The job first, as its runner does: nothing is written for the scan meanwhile, nor by that worker afterwards.
        if seen["job_id"] is not None:
            await call_off_job(session, seen["job_id"])
        scan = await scans.get_scan(session, organization_id, scan_id, lock=True)
        if scan is None or scan["state"] not in scans.UNDER_WAY:
            message = f"The scan has ended already: {seen['state'] if scan is None else scan['state']}."
            raise ConflictError(message)
        await _cancel(session, scan, actor, at_once=True)
    async with database.read(organization_id) as session:
        return await scans.get_scan(session, organization_id, scan_id) or scan


async def cancel_scans_of_account(session: AsyncSession, organization_id: UUID, account_id: UUID, actor: Actor) -> None:
    """Cancel what is under way of an account, in the transaction that disconnects it and has locked its row.

    Takes the lock of the activity's head: call it late.
    """
    for scan in await scans.scans_under_way(session, organization_id, [account_id], lock=True):
        await _cancel(session, scan, actor, at_once=scan["state"] == ScanState.QUEUED)


async def _cancel(session: AsyncSession, scan: RowMapping, actor: Actor, *, at_once: bool) -> None:
    organization_id, scan_id = scan["organization_id"], scan["id"]
    asked_at = scan["cancel_requested_at"] or now()
    if at_once:
        await end_scan(session, scan, ScanState.CANCELLED, actor=actor, cancelled_at=asked_at)
    elif scan["cancel_requested_at"] is None:
        await scans.update_scan(session, organization_id, scan_id, cancel_requested_at=asked_at)
        scan_changed(session, organization_id, scan_id)
