"""Fetching the file of an export: who may, and what it is called."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from app.costs.exports.files import ExportFiles
from app.database import Database
from app.errors import ConflictError, ForbiddenError, NotFoundError
from app.models import now
from app.records import Permission, Principal
from app.records.cost_exports import UNDER_WAY, CostExportFormat, CostExportState
from app.records.downloads import Download
from app.repositories import cost_exports

Key = tuple[UUID, UUID]
"""(organization, export)."""


@asynccontextmanager
async def open_export(
    database: Database, files: ExportFiles, principal: Principal, key: Key
) -> AsyncIterator[Download]:
    """The file of an export, to be read until the end of the context.

    Raises NotFoundError for an export that is absent or out of the caller's reach, ForbiddenError without the
    permission to read, ConflictError for one without a file, UnavailableError when the storage does not answer.
    """
    organization_id, export_id = key
    grant = principal.grants.get(organization_id)
    if grant is None:
        raise no_such_export()
    if Permission.ORGANIZATION_READ not in grant.permissions:
        message = "This needs the permission ORGANIZATION_READ; ask an owner or admin of the organization for it."
        raise ForbiddenError(message)
    async with database.read(organization_id) as session:
        row = await cost_exports.find_export(session, organization_id, export_id)
    if row is None:
        raise no_such_export()
    # The clock takes files away some time after their own is over.
    if row["state"] != CostExportState.SUCCEEDED or row["expires_at"] <= now():
        raise ConflictError(_why(row))
    async with files.open(row) as path:
        form = CostExportFormat(row["format"])
        yield Download(path, file_name(row), form.media_type, row["size"], row["sha256"])


def no_such_export() -> NotFoundError:
    """What is answered for an export that is absent or out of reach."""
    return NotFoundError("There is no such export within your reach.")


def file_name(row: Mapping[Any, Any]) -> str:
    """The name of a file: what it has, in which release of FOCUS."""
    start, end = row["period_start"], row["period_end"]
    return f"focus-{row['focus_version']}-{start:%Y%m%d}-{end:%Y%m%d}.{row['format']}"


def _why(row: Mapping[Any, Any]) -> str:
    if row["state"] in UNDER_WAY:
        return "The file is not ready yet. Ask the graph for the export's state."
    if row["state"] in {CostExportState.SUCCEEDED, CostExportState.EXPIRED}:
        return "The time of the file is over. Ask for another export."
    return f"There is no file: {row['message']}"
