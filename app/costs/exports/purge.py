"""Taking away what is no longer needed of exports: files whose time is over, bytes without a row, dead jobs'.

What is done is the same for all kinds of exports that keep a row for each file; a `Kept` says how one kind does it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.costs.exports.files import ExportFiles
from app.costs.exports.run import end_export
from app.costs.exports.start import RUN_EXPORT_JOB
from app.database import Database
from app.dead_jobs import Recovery, given_up
from app.errors import UnavailableError
from app.models import now
from app.records.cost_exports import CostExportState
from app.repositories import cost_exports
from app.repositories.organizations import each_organization

BATCH = 200
KEPT = timedelta(days=30)
"""So long an export that has expired or failed is still told of."""
GRACE = timedelta(hours=1)
"""Bytes younger than this may belong to a file that is being finished."""


@dataclass(frozen=True)
class Kept:
    """A kind of exports: the statements of its repository, where a row's file is, and its job."""

    end_expired: Callable[[AsyncSession, UUID, int], Awaitable[Sequence[RowMapping]]]
    delete_ended: Callable[[AsyncSession, UUID, datetime, int], Awaitable[int]]
    with_bytes: Callable[[AsyncSession, UUID, Collection[UUID]], Awaitable[set[UUID]]]
    stored_under: Callable[[RowMapping], Mapping[Any, Any]]
    job: str
    fail: Callable[[AsyncSession, UUID, UUID, str], Awaitable[bool]]
    """Ends an export (organization, id) as FAILED with a message; False where it has ended otherwise."""


@dataclass
class PurgedExports:
    """How many files expired, rows of ended exports went, and bytes without a row were found."""

    expired: int = 0
    forgotten: int = 0
    stray: int = 0


async def _fail(session: AsyncSession, organization_id: UUID, export_id: UUID, message: str) -> bool:
    values = {"state": CostExportState.FAILED, "message": message}
    return await end_export(session, organization_id, export_id, values) is not None


OF_COSTS: Final = Kept(
    cost_exports.end_expired,
    cost_exports.delete_ended,
    cost_exports.with_bytes,
    stored_under=dict,
    job=RUN_EXPORT_JOB,
    fail=_fail,
)


async def purge_expired_exports(
    database: Database,
    files: ExportFiles,
    exports: Kept = OF_COSTS,
    *,
    kept: timedelta = KEPT,
    grace: timedelta = GRACE,
) -> PurgedExports:
    """Take away, in all organizations, what the time of exports and a crash have left. May run in several processes.

    A storage that does not answer is left for the next time.
    """
    purged = PurgedExports()
    async for organization_id in each_organization(database):
        purged.expired += await _expire(database, files, exports, organization_id)
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
        structlog.get_logger(__name__).warning("exports_not_swept", job=exports.job, reason=error.message)
    return purged


async def _expire(database: Database, files: ExportFiles, exports: Kept, organization_id: UUID) -> int:
    expired, gone = 0, BATCH
    while gone == BATCH:
        async with database.write(organization_id) as session:
            rows = await exports.end_expired(session, organization_id, BATCH)
        for row in rows:
            try:
                await files.forget(exports.stored_under(row))
            except UnavailableError as error:  # the sweep finds the bytes another time
                structlog.get_logger(__name__).warning("export_bytes_left", job=exports.job, reason=error.message)
        gone = len(rows)
        expired += gone
    return expired


def recovery_of(exports: Kept) -> Recovery:
    """What is done for the dead jobs of a kind of exports: each export is declared FAILED with the reason."""

    async def end(session: AsyncSession, job: RowMapping, export_id: UUID) -> bool:
        message = given_up("The export was given up; ask for it again.", job)
        return await exports.fail(session, job["organization_id"], export_id, message)

    return Recovery(exports.job, "exportId", end)
