"""Ends the imports of uploads whose job is dead, so that none stays under way for ever."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import structlog

from app.database import Database
from app.repositories import cost_imports, jobs
from app.sourcing.ending import fail_import
from app.sourcing.uploads import IMPORT_JOB

_PAGE = 100


async def recover_imports(database: Database) -> int:
    """Declare the imports of dead jobs FAILED with the reason; returns how many.

    Several processes may do it at once.
    """
    recovered, full = 0, True
    while full:
        async with database.system() as session:
            dead = await jobs.unsettled_dead_jobs(session, IMPORT_JOB, _PAGE)
        for job in dead:
            recovered += await _recover(database, job["organization_id"], job["id"], job["arguments"])
        full = len(dead) == _PAGE
    return recovered


async def _recover(database: Database, organization_id: UUID, job_id: UUID, arguments: Mapping[str, Any]) -> bool:
    import_id = arguments.get("importId")
    async with database.write(organization_id) as session:
        job = await jobs.lock_job(session, job_id)
        if job is None or job["state"] != "DEAD":
            return False
        await jobs.settle_dead_job(session, job_id)
        row = await cost_imports.get_import(session, organization_id, UUID(import_id)) if import_id else None
        if row is None or row["job_id"] != job_id:
            return False
        message = f"The import was given up; import the upload again. {job['failure'] or ''}".strip()
        if not await fail_import(session, row, message):
            return False
    structlog.get_logger(__name__).warning(
        "cost_import_recovered", organization_id=str(organization_id), import_id=import_id, job_id=str(job_id)
    )
    return True
