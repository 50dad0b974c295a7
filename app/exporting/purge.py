"""Taking away what is no longer needed of exports: files whose time is over, bytes without a row, dead jobs'."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog

from app.costs.exports.files import ExportFiles
from app.database import Database
from app.errors import UnavailableError
from app.exporting.fetch import stored_under
from app.exporting.start import RUN_EXPORT_JOB, end_export
from app.models import now
from app.records import Actor, ActorKind
from app.records.exports import ExportState
from app.repositories import exports, jobs
from app.repositories.organizations import organization_ids

SYSTEM = Actor(ActorKind.SYSTEM)
BATCH = 200
KEPT = timedelta(days=30)
"""So long an export that has ended is still told of."""
GRACE = timedelta(hours=1)
"""Bytes younger than this may belong to a file that is being finished."""
_ORGANIZATIONS = 500  # ids in one page of the list


@dataclass
class PurgedExports:
    """How many files expired, rows of ended exports went, and bytes without a row were found."""

    expired: int = 0
    forgotten: int = 0
    stray: int = 0


async def purge_expired_exports(
    database: Database, files: ExportFiles, *, kept: timedelta = KEPT, grace: timedelta = GRACE
) -> PurgedExports:
    """Take away, in all organizations, what the time of exports and a crash have left. May run in several processes.

    A storage that does not answer is left for the next time.
    """
    purged = PurgedExports()
    async for organization_id in _organizations(database):
        purged.expired += await _expire(database, files, organization_id)
        gone = BATCH
        while gone == BATCH:
            async with database.write(organization_id) as session:
                gone = await exports.delete_ended(session, organization_id, now() - kept, BATCH)
            purged.forgotten += gone

    async def known(organization_id: UUID, file_ids: Collection[UUID]) -> set[UUID]:
        async with database.read(organization_id) as session:
            return await exports.with_bytes(session, organization_id, file_ids)

    try:
        purged.stray = await files.sweep(known, now() - grace)
    except UnavailableError as error:
        structlog.get_logger(__name__).warning("export_folder_not_swept", reason=error.message)
    return purged


async def _expire(database: Database, files: ExportFiles, organization_id: UUID) -> int:
    expired, gone = 0, BATCH
    while gone == BATCH:
        async with database.write(organization_id) as session:
            rows = await exports.end_expired(session, organization_id, BATCH)
        for row in rows:
            try:
                await files.forget(stored_under(row))
            except UnavailableError as error:  # the sweep finds the bytes another time
                structlog.get_logger(__name__).warning("export_bytes_left", reason=error.message)
        gone = len(rows)
        expired += gone
    return expired


async def recover_exports(database: Database) -> int:
    """Declare the exports of dead jobs FAILED with the reason; returns how many. Several processes may do it."""
    recovered, full = 0, True
    while full:
        async with database.system() as session:
            dead = await jobs.unsettled_dead_jobs(session, RUN_EXPORT_JOB, BATCH)
        for job in dead:
            recovered += await _recover(database, job["organization_id"], job["id"], job["arguments"])
        full = len(dead) == BATCH
    return recovered


async def _recover(database: Database, organization_id: UUID, job_id: UUID, arguments: Mapping[str, Any]) -> bool:
    async with database.write(organization_id) as session:
        job = await jobs.lock_job(session, job_id)
        if job is None or job["state"] != "DEAD":
            return False
        await jobs.settle_dead_job(session, job_id)
        message = f"The export was given up; ask for it again. {job['failure'] or ''}".strip()
        values = {"state": ExportState.FAILED, "message": message}
        return await end_export(session, organization_id, UUID(arguments["exportId"]), values, SYSTEM) is not None


async def _organizations(database: Database) -> AsyncIterator[UUID]:
    after: UUID | None = None
    while True:
        async with database.system() as session:
            page = await organization_ids(session, after, _ORGANIZATIONS)
        for organization_id in page:
            yield organization_id
        if len(page) < _ORGANIZATIONS:
            return
        after = page[-1]
