"""Imports of uploads: queued in one transaction with their job, cancelled by whoever may; a worker does them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.activity.record import record
from app.costs.datasets import DEFAULT_DATASET
from app.costs.imports.order import REJECT_SHARE, ImportOrder, create_import
from app.database import Database
from app.errors import ConflictError, NotFoundError
from app.models import new_id
from app.queue import enqueue_all
from app.quotas import take
from app.records import Actor, EventKind
from app.records.costs import ImportMode, ImportSource, ImportSourceKind, ImportState
from app.records.plans import QuotaMetric
from app.repositories import cost_import_reads, cost_imports
from app.sourcing.ending import close_import, event_of
from app.uploads.open import complete_upload

IMPORT_JOB: Final = "import_costs"


async def start_import(
    database: Database,
    organization_id: UUID,
    actor: Actor,
    *,
    upload_ids: Sequence[UUID],
    dataset: str = DEFAULT_DATASET,
    mode: ImportMode = ImportMode.REPLACE,
    billing_currency: str | None = None,
    reject_share: float = REJECT_SHARE,
) -> tuple[RowMapping, bool]:
    """Queue the import of complete uploads as one delivery; its row, and whether it was started now.

    One that is under way, of the same uploads into the same dataset, is given instead of another. Raises NotFoundError
    for an absent upload, ConflictError for one that cannot be imported, and QuotaExceededError.
    """
    parts = [await complete_upload(database, organization_id, upload_id) for upload_id in upload_ids]
    names = tuple(part["file_name"] for part in parts)
    order = ImportOrder(organization_id, new_id(), actor, dataset, mode, billing_currency, reject_share)
    job_id = new_id()
    async with database.write(organization_id) as session:
        await cost_import_reads.lock_uploads(session, organization_id, upload_ids)
        before = await cost_import_reads.import_of_uploads(session, organization_id, upload_ids, dataset)
        if before is not None:
            return before, False
        source = ImportSource(ImportSourceKind.UPLOAD, names=names, upload_ids=tuple(upload_ids))
        size = sum(part["bytes_expected"] for part in parts)
        await create_import(database, order, source, session, job_id=job_id, bytes_total=size)
        await take(session, organization_id, QuotaMetric.IMPORTS)
        await enqueue_all(session, IMPORT_JOB, organization_id, {job_id: _arguments(order)})
        data = {"dataset": dataset, "mode": mode.value, "fileName": names[0], "files": len(names)}
        await record(session, organization_id, event_of(EventKind.COST_IMPORT_STARTED, order.import_id, actor, data))
        return await _present(session, organization_id, order.import_id), True


async def cancel_import(database: Database, organization_id: UUID, actor: Actor, import_id: UUID) -> RowMapping:
    """Cancel an import, wherever it came from; its row.

    Nothing of it lands: who runs it notices within 2 s, or when it would end. Raises NotFoundError, and ConflictError
    for one that has ended.
    """
    async with database.write(organization_id) as session:
        found = await cost_imports.get_import(session, organization_id, import_id)
        if found is None:
            message = "There is no such import within your reach."
            raise NotFoundError(message)
        # Not the job: its row is locked by the transaction that stores, for as long as that takes.
        if not await close_import(session, found, ImportState.CANCELLED, "It was cancelled."):
            state = (await _present(session, organization_id, import_id))["state"]
            message = f"The import has ended already: {state}."
            raise ConflictError(message)
        data = {"dataset": found["dataset"]}
        await record(session, organization_id, event_of(EventKind.COST_IMPORT_CANCELLED, import_id, actor, data))
        return await _present(session, organization_id, import_id)


def _arguments(order: ImportOrder) -> dict[str, Any]:
    return {
        "importId": str(order.import_id),
        "actorKind": order.actor.kind.value,
        "actorId": str(order.actor.id) if order.actor.id else None,
        "rejectShare": order.reject_share,
    }


async def _present(session: AsyncSession, organization_id: UUID, import_id: UUID) -> RowMapping:
    row = await cost_imports.get_import(session, organization_id, import_id)
    if row is None:
        message = "There is no such import within your reach."
        raise NotFoundError(message)
    return row
