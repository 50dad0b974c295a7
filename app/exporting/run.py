"""Writes the file of an export under its job's lease, page by page as who asked, and says how it went."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from uuid import UUID

import structlog
from sqlalchemy import RowMapping

from app.costs.exports.files import ExportTools
from app.errors import BadUserInputError
from app.exporting.fetch import stored_under
from app.exporting.start import end_export
from app.exporting.writing import RowsFile
from app.models import new_id, now
from app.queue import HeldJob
from app.records import Actor, ActorKind
from app.records.exports import (
    LARGEST_PAGE,
    MOST_ROWS,
    ExportCaller,
    ExportEndedError,
    ExportFormat,
    ExportPage,
    ExportState,
    Graph,
    PageLaterError,
    PageSource,
    PageTooLargeError,
)
from app.repositories import exports
from app.tasks import end_tasks

SYSTEM = Actor(ActorKind.SYSTEM)
LOOK_SECONDS: Final = 1.0
"""How often it is told how far an export is, and looked whether it is still wanted."""
LONGEST_WAIT: Final = 60.0
Result = TypeVar("Result")


class NotWantedError(Exception):
    """The export was cancelled, or the worker goes down: nothing more is written for it."""


@dataclass(frozen=True)
class BulkTools:
    """What a worker needs: where files are kept and for how long, and where pages are read."""

    kept: ExportTools
    graph: Graph


async def run_export(job: HeldJob, tools: BulkTools) -> None:
    """Write the file of the export that the job names, anew whatever an earlier worker left of it."""
    if job.organization_id is None or "exportId" not in job.arguments:
        message = "run_export needs an organization and an export"
        raise BadUserInputError(message)
    organization_id, export_id = job.organization_id, UUID(job.arguments["exportId"])
    async with job.database.write(organization_id) as session:
        await job.hold(session)
        begun = {"state": ExportState.RUNNING, "started_at": now(), "rows": 0, "written": 0, "total": None}
        row = await exports.change_export(session, organization_id, export_id, begun)
    if row is None:
        return
    try:
        values = await _Run(job, tools, row).made()
    except NotWantedError:
        return
    async with job.database.write(organization_id) as session:
        await job.hold(session)
        ended = await end_export(session, organization_id, export_id, values, SYSTEM)
    if ended is None and values["state"] is ExportState.SUCCEEDED:
        await tools.kept.files.forget(stored_under({**row, **values}))  # cancelled while the file was stored
    structlog.get_logger(__name__).info(
        "export_ended",
        organization_id=str(organization_id),
        export_id=str(export_id),
        state=values["state"].value,
        rows=values.get("rows"),
    )


class _Run:
    """One attempt at an export."""

    def __init__(self, job: HeldJob, tools: BulkTools, row: RowMapping) -> None:
        self._job, self._tools, self._row = job, tools, row
        self._rows = self._written = 0
        self._total: int | None = None
        self._looked = time.monotonic()

    async def made(self) -> dict[str, Any]:
        """What there is to note of the file, or why there is none. Raises NotWantedError."""
        files = self._tools.kept.files
        try:
            source = await self._tools.graph.open(
                self._row["organization_id"], _caller(self._row), self._row["query"], self._row["variables"]
            )
            with files.scratch() as (_, path):
                form = ExportFormat(self._row["format"])
                async with RowsFile(path, form, source.columns, files.scratch) as file:
                    await self._copy(source, file)
                    await self._watched(file.finish())
                file_id = new_id()
                stored = await self._watched(files.keep(self._row["organization_id"], file_id, path))
        except ExportEndedError as error:
            return {"state": ExportState.FAILED, "message": error.message, "rows": self._rows}
        return {
            "state": ExportState.SUCCEEDED,
            "rows": self._rows,
            "written": stored.size,
            "size": stored.size,
            "file_id": file_id,
            "sha256": stored.sha256,
            "storage": stored.storage,
            "multipart_id": stored.multipart_id,
            "expires_at": now() + self._tools.kept.keep,
        }

    async def _copy(self, source: PageSource, file: RowsFile) -> None:
        """Write all pages: each begins behind the last row of the one before."""
        size, cursor = LARGEST_PAGE, None
        while True:
            try:
                page = await self._watched(source.read(size, cursor, counted=self._rows == 0))
            except PageTooLargeError:
                size = _smaller(size)
                continue
            except PageLaterError as later:
                await self._watched(asyncio.sleep(min(later.seconds, LONGEST_WAIT)))
                continue
            await self._watched(file.add(page.rows))
            self._note(page, file)
            if not page.has_next:
                return
            if page.cursor is None or page.cursor == cursor:
                message = "The connection gave a page without an end. Start another export."
                raise ExportEndedError(message)
            cursor = page.cursor

    def _note(self, page: ExportPage, file: RowsFile) -> None:
        self._total = page.total if page.total is not None else self._total
        self._rows += len(page.rows)
        self._written = file.written
        if self._rows > MOST_ROWS:
            message = (
                f"The connection has more than {MOST_ROWS:,} rows, the most of one file. Narrow the query, for "
                "example by time, and ask for several exports."
            )
            raise ExportEndedError(message)

    async def _watched(self, work: Awaitable[Result]) -> Result:
        """The result of work, unless it turns out meanwhile that nobody wants it any more."""
        task = asyncio.ensure_future(work)
        try:
            while True:
                due = self._looked + LOOK_SECONDS - time.monotonic()
                await asyncio.wait([task], timeout=max(0.0, due))
                if time.monotonic() - self._looked >= LOOK_SECONDS:
                    await self._look()
                if task.done():
                    return task.result()
        finally:
            await end_tasks(task)

    async def _look(self) -> None:
        """Tell how far the export is. Raises NotWantedError."""
        if self._job.should_stop():
            raise NotWantedError
        organization_id = self._row["organization_id"]
        values = {"rows": self._rows, "written": self._written, "total": self._total}
        async with self._job.database.write(organization_id) as session:
            await self._job.hold(session)
            row = await exports.change_export(session, organization_id, self._row["id"], values)
        if row is None:
            raise NotWantedError
        self._looked = time.monotonic()


def _caller(row: RowMapping) -> ExportCaller:
    return ExportCaller(Actor(ActorKind(row["actor_kind"]), row["actor_id"]), row["session_id"])


def _smaller(size: int) -> int:
    if size <= 1:
        message = (
            "One row alone costs or takes more than an operation may. Ask for fewer fields, or for fewer rows in the "
            "connections inside a row (`first`)."
        )
        raise ExportEndedError(message)
    return size // 2
