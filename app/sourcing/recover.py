"""What dead jobs leave of cost sources and imports: runs and imports end, and sources by a schedule go on."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.dead_jobs import Recovery, given_up
from app.models import now
from app.records.cost_sources import CostSourceRunState
from app.repositories import cost_imports, cost_sources
from app.sourcing.ending import fail_import
from app.sourcing.finish import end_run
from app.sourcing.schedule import SCHEDULE_JOB, queue_next
from app.sourcing.start import RUN_JOB
from app.sourcing.uploads import IMPORT_JOB

REMEDY = "Run the source again. If it fails again, the worker's log has the reason under the run's job."


async def _end_run(session: AsyncSession, job: RowMapping, run_id: UUID) -> bool:
    """Declare the run FAILED with the reason. The source is locked before its run, as everywhere."""
    organization_id = job["organization_id"]
    run = await cost_sources.get_run(session, organization_id, run_id)
    if run is not None and await cost_sources.get_source(session, organization_id, run["cost_source_id"]):
        run = await cost_sources.get_run(session, organization_id, run_id, lock=True)
    if run is None or run["state"] not in cost_sources.UNDER_WAY or run["job_id"] != job["id"]:
        return False
    failure = given_up("The run was given up.", job)
    await end_run(session, run, CostSourceRunState.FAILED, failure=failure, remedy=REMEDY)
    return True


async def _go_on(session: AsyncSession, job: RowMapping, source_id: UUID) -> bool:
    """Queue the source's next time."""
    source = await cost_sources.get_source(session, job["organization_id"], source_id)
    if source is None or source["job_id"] != job["id"] or not source["enabled"]:
        return False
    await queue_next(session, source, now())
    return True


async def _end_import(session: AsyncSession, job: RowMapping, import_id: UUID) -> bool:
    """Declare the import of an upload FAILED with the reason."""
    row = await cost_imports.get_import(session, job["organization_id"], import_id)
    if row is None or row["job_id"] != job["id"]:
        return False
    return await fail_import(session, row, given_up("The import was given up; import the upload again.", job))


RECOVERIES: Final = (
    Recovery(RUN_JOB, "runId", _end_run),
    Recovery(SCHEDULE_JOB, "sourceId", _go_on),
    Recovery(IMPORT_JOB, "importId", _end_import),
)
