"""The import of an upload as a worker does it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path
from typing import Final
from uuid import UUID

from sqlalchemy import RowMapping

from app.costs.conformance import shortened
from app.costs.imports.finding import find_files, is_manifest
from app.costs.imports.order import ImportOrder
from app.costs.imports.run import run_order
from app.costs.imports.storing import Progress
from app.errors import BadUserInputError, ConflictError, NotFoundError
from app.queue import HeldJob
from app.records import Actor, ActorKind
from app.records.costs import ImportMode
from app.repositories import cost_import_reads, cost_imports
from app.sourcing.ending import fail_import
from app.sourcing.tools import Importer
from app.sourcing.workplace import Workplace
from app.tasks import end_tasks
from app.uploads.open import open_upload
from app.uploads.storage import UploadStores

STOP_SECONDS: Final = 0.2
_LONGEST_NAME: Final = 200
"""Bytes of a file's name: file systems take 255."""


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
    source = row["source"]
    async with AsyncExitStack() as opened:
        paths = []
        for upload_id, name in zip(source["uploadIds"], source["names"], strict=True):
            upload = open_upload(job.database, stores, order.organization_id, UUID(upload_id))
            try:
                paths.append(await opened.enter_async_context(upload))
            except (NotFoundError, ConflictError) as error:
                await _fail(job, row, f"The upload of {name} is gone. {error.message}")
                return
        async with Workplace(folder / f"upload-{order.import_id}", job) as workplace:
            try:
                files = await asyncio.to_thread(_parts, paths, workplace.path, source["names"])
            except BadUserInputError as error:
                await _fail(job, row, error.message)
                return
            await importer(job.database, order, files, Progress())


async def _fail(job: HeldJob, row: RowMapping, message: str) -> None:
    async with job.database.write(row["organization_id"]) as session:
        await job.hold(session)
        await fail_import(session, row, message)


def _parts(paths: Sequence[Path], folder: Path, names: Sequence[str]) -> list[Path]:
    """The files of a delivery, in `folder` under the names that their sender knows: all, or those of the manifest.

    Raises BadUserInputError for a manifest that does not name just the other uploads.
    """
    links: list[Path] = []
    for path, name in zip(paths, names, strict=True):
        links.append(_free(folder, name))
        links[-1].symlink_to(path.resolve())
    manifests = [link for link in links if is_manifest(link)]
    if len(links) == 1 or not manifests:
        return links
    files = find_files(manifests)
    left = [link.name for link in links if link not in {*files, *manifests}]
    if left:
        message = (
            f"The manifest does not name {shortened(', '.join(left))}: leave it out, or import it without a manifest."
        )
        raise BadUserInputError(message)
    return files


def _free(folder: Path, name: str) -> Path:
    """A path in the folder for a name, which is told with what is wrong in the file; numbered where it is taken."""
    safe = name.replace("/", "_").replace("\\", "_").lstrip(".").encode()[-_LONGEST_NAME:].decode(errors="ignore")
    path = folder / (safe or "upload")
    numbers = count(2)
    while path.is_symlink():
        path = folder / f"{next(numbers)}-{safe}"
    return path


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
        manifests=False,  # the parts that one names are found before
    )


async def _until_stopped(job: HeldJob) -> None:
    while not job.should_stop():  # noqa: ASYNC110 - the worker's flag is no event
        await asyncio.sleep(STOP_SECONDS)
