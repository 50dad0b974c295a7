"""Imports of uploads: queued in one transaction with their job, done by a worker, cancelled by whoever may."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.activity.record import record
from app.costs.imports.run import REJECT_SHARE, ImportOrder, create_import, run_order
from app.costs.imports.storing import Progress
from app.costs.ingest import DEFAULT_DATASET
from app.database import Database
from app.errors import BadUserInputError, ConflictError, NotFoundError
from app.models import new_id
from app.queue import HeldJob, enqueue_all
from app.records import Actor, ActorKind, EventKind
from app.records.costs import ImportMode, ImportSource, ImportSourceKind, ImportState
from app.repositories import cost_import_reads, cost_imports
from app.sourcing.ending import close_import, event_of, fail_import
from app.sourcing.tools import Importer
from app.tasks import end_tasks
from app.uploads.open import complete_upload, open_upload
from app.uploads.storage import UploadStores

IMPORT_JOB: Final = "import_costs"
STOP_SECONDS: Final = 0.2
_LONGEST_NAME: Final = 200
"""Bytes of a file's name: file systems take 255."""


async def start_import(
    database: Database,
    organization_id: UUID,
    actor: Actor,
    *,
    upload_id: UUID,
    dataset: str = DEFAULT_DATASET,
    mode: ImportMode = ImportMode.REPLACE,
    billing_currency: str | None = None,
    reject_share: float = REJECT_SHARE,
) -> tuple[RowMapping, bool]:
    """Queue the import of a complete upload; its row, and whether it was started now.

    One that is under way, of the same upload into the same dataset, is given instead of another. Raises NotFoundError
    for an absent upload and ConflictError for one that cannot be imported.
    """
    upload = await complete_upload(database, organization_id, upload_id)
    order = ImportOrder(organization_id, new_id(), actor, dataset, mode, billing_currency, reject_share)
    job_id = new_id()
    async with database.write(organization_id) as session:
        await cost_import_reads.lock_upload(session, organization_id, upload_id)
        before = await cost_import_reads.import_of_upload(session, organization_id, upload_id, dataset)
        if before is not None:
            return before, False
        source = ImportSource(ImportSourceKind.UPLOAD, upload_id, (upload["file_name"],))
        await create_import(database, order, source, session, job_id=job_id, bytes_total=upload["bytes_expected"])
        await enqueue_all(session, IMPORT_JOB, organization_id, {job_id: _arguments(order, upload_id)})
        data = {"dataset": dataset, "mode": mode.value, "fileName": upload["file_name"]}
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


async def run_import(job: HeldJob, stores: UploadStores, folder: Path, importer: Importer = run_order) -> None:
    """Import the upload that the job names, from its start whatever an earlier worker has done.

    `folder` is for what has to stand on disk meanwhile. Returns early, with nothing changed, when the worker goes
    down: the job is given back, its next worker begins anew.
    """
    if job.organization_id is None or "importId" not in job.arguments:
        message = "import_costs needs an organization and an import"
        raise BadUserInputError(message)
    import_id = UUID(job.arguments["importId"])
    async with job.database.read(job.organization_id) as session:
        row = await cost_imports.get_import(session, job.organization_id, import_id)
    if row is None or row["state"] not in cost_import_reads.UNDER_WAY:
        return
    working = asyncio.create_task(_import(job, row, stores, folder, importer), name=f"import-upload-{import_id}")
    stopped = asyncio.create_task(_until_stopped(job), name=f"import-stop-{import_id}")
    try:
        done, _ = await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end_tasks(working, stopped)
    if working in done:
        working.result()


async def _import(job: HeldJob, row: RowMapping, stores: UploadStores, folder: Path, importer: Importer) -> None:
    order = _order(job, row)
    async with AsyncExitStack() as opened:
        upload = open_upload(job.database, stores, order.organization_id, UUID(row["source"]["id"]))
        try:
            path = await opened.enter_async_context(upload)
        except (NotFoundError, ConflictError) as error:
            async with job.database.write(order.organization_id) as session:
                await job.hold(session)
                await fail_import(session, row, f"The upload is gone. {error.message}")
            return
        own = folder / f"upload-{order.import_id}"
        try:
            named = await asyncio.to_thread(_under_its_name, path, own, row["source"]["names"][0])
            await importer(job.database, order, [named], Progress())
        finally:
            await asyncio.to_thread(shutil.rmtree, own, ignore_errors=True)


def _under_its_name(path: Path, folder: Path, name: str) -> Path:
    """The file under the name that its sender knows, which is told with what is wrong in it."""
    shutil.rmtree(folder, ignore_errors=True)  # a killed worker's
    folder.mkdir(parents=True)
    safe = name.replace("/", "_").replace("\\", "_").lstrip(".").encode()[-_LONGEST_NAME:].decode(errors="ignore")
    # A manifest names files beside it, of which an upload has none: what ends so is JSON Lines.
    link = folder / (f"{safe}l" if safe.lower().endswith(".json") else safe or "upload")
    link.symlink_to(path.resolve())
    return link


def _order(job: HeldJob, row: RowMapping) -> ImportOrder:
    arguments = job.arguments
    actor_id = arguments["actorId"]
    return ImportOrder(
        row["organization_id"],
        row["id"],
        Actor(ActorKind(arguments["actorKind"]), UUID(actor_id) if actor_id else None),
        row["dataset"],
        ImportMode(row["mode"]),
        row["billing_currency"],
        arguments["rejectShare"],
        hold=job.hold,
    )


def _arguments(order: ImportOrder, upload_id: UUID) -> dict[str, Any]:
    return {
        "importId": str(order.import_id),
        "uploadId": str(upload_id),
        "actorKind": order.actor.kind.value,
        "actorId": str(order.actor.id) if order.actor.id else None,
        "rejectShare": order.reject_share,
    }


async def _until_stopped(job: HeldJob) -> None:
    while not job.should_stop():  # noqa: ASYNC110 - the worker's flag is no event
        await asyncio.sleep(STOP_SECONDS)


async def _present(session: AsyncSession, organization_id: UUID, import_id: UUID) -> RowMapping:
    row = await cost_imports.get_import(session, organization_id, import_id)
    if row is None:
        message = "There is no such import within your reach."
        raise NotFoundError(message)
    return row
