"""The archive of all that is kept about a person: asked for, made by a job, a ZIP of JSON files."""

from __future__ import annotations

import asyncio
import zipfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import orjson
import structlog
from sqlalchemy import RowMapping

from app.activity.verify_audit import all_organizations
from app.costs.exports.files import ExportFiles, ExportTools
from app.database import Database
from app.errors import BadUserInputError, ConflictError, NotFoundError
from app.models import Base, new_id, now
from app.queue import HeldJob, enqueue
from app.records.downloads import Download
from app.records.personal_data import ARCHIVE_UNDER_WAY, PLACES, By, PersonalExportState, Place
from app.repositories import personal_data, users

ARCHIVE_JOB: Final = "export_personal_data"
ABANDONED: Final = timedelta(hours=1)
"""After this an archive that is still not made was given up by its job; another can be asked for."""
_GRACE: Final = timedelta(hours=1)
_BATCH: Final = 200
README: Final = """What Skyledger keeps about you, as of {moment} (UTC).

Each file is a JSON array of the rows of one table that are about you: by you, of your account, or sent to your address.
Moments are ISO 8601 in UTC, ids are UUIDs. Passwords, keys and other secrets are kept as hashes or sealed; they are not
in here, for they would help a thief and tell you nothing.

{files}

Left out, with the reason:

{left_out}
"""
NOT_VERIFIED: Final = "what was sent to your address. It is not verified: it may be anybody's. Verify it and ask again"


async def ask_for_archive(database: Database, user_id: UUID, *, keep: timedelta) -> RowMapping:
    """Queue an archive of a person's data; returns its row. Raises ConflictError while another is being made."""
    archive_id, moment = new_id(), now()
    async with database.system() as session:
        if await users.lock_user(session, user_id) is None:
            message = "This account is gone; register again."
            raise NotFoundError(message)
        if await personal_data.archive_under_way(session, user_id, moment - ABANDONED):
            message = "An archive of your data is being made: `viewer.personalExports` shows how far it is."
            raise ConflictError(message)
        row = await personal_data.add_archive(
            session,
            {
                "id": archive_id,
                "user_id": user_id,
                "state": PersonalExportState.QUEUED,
                "created_at": moment,
                "expires_at": moment + keep,
            },
        )
        await enqueue(session, ARCHIVE_JOB, None, {"archiveId": str(archive_id)})
    return row


async def make_archive(job: HeldJob, tools: ExportTools) -> None:
    """Make the archive that the job names, anew whatever an earlier worker left of it."""
    if "archiveId" not in job.arguments:
        message = "export_personal_data needs an archive"
        raise BadUserInputError(message)
    archive_id = UUID(job.arguments["archiveId"])
    async with job.database.system() as session:
        await job.hold(session)
        row = await personal_data.change_archive(session, archive_id, {"state": PersonalExportState.RUNNING})
        person = None if row is None else await users.get_user(session, row["user_id"])
    if row is None or person is None:
        return
    with tools.files.scratch() as (_, path):
        await _write(job.database, person, path)
        file_id = new_id()
        stored = await tools.files.keep(person["id"], file_id, path)
    values = {
        "state": PersonalExportState.SUCCEEDED,
        "size": stored.size,
        "file_id": file_id,
        "sha256": stored.sha256,
        "storage": stored.storage,
        "multipart_id": stored.multipart_id,
        "finished_at": now(),
        "expires_at": now() + tools.keep,
    }
    async with job.database.system() as session:
        await job.hold(session)
        await personal_data.change_archive(session, archive_id, values)
    structlog.get_logger(__name__).info("personal_data_exported", user_id=str(person["id"]), bytes=stored.size)


async def _write(database: Database, person: RowMapping, path: Path) -> None:
    organizations = await all_organizations(database)
    files: dict[str, int] = {}
    verified = person["email_verified_at"] is not None
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for place in PLACES:
            if place.left_out is None and (verified or place.by is not By.EMAIL):
                name = file_of(place)
                with archive.open(name, "w", force_zip64=True) as member:
                    files[name] = await _write_rows(_rows(database, place, person, organizations), member.write)
        archive.writestr("README.txt", _readme(files, verified=verified))


def file_of(place: Place) -> str:
    """The name of the file that has a place's rows."""
    several = sum(other.table == place.table and other.left_out is None for other in PLACES) > 1
    return f"{place.table}-by-{place.column}.json" if several else f"{place.table}.json"


async def _rows(
    database: Database, place: Place, person: RowMapping, organizations: Sequence[UUID]
) -> AsyncIterator[Sequence[RowMapping]]:
    """Those of a place, in every organization, for who has left one may have left traces there."""
    wanted = {"user_id": person["id"], "email": person["email"]}
    if "organization_id" not in Base.metadata.tables[place.table].c:
        async with database.system() as session:
            async for batch in personal_data.rows_of_place(session, place, organization_id=None, **wanted):
                yield batch
        return
    for organization_id in organizations:
        async with database.read(organization_id) as session:
            async for batch in personal_data.rows_of_place(session, place, organization_id=organization_id, **wanted):
                yield batch


async def _write_rows(batches: AsyncIterator[Sequence[RowMapping]], write: Any) -> int:
    """A JSON array of rows, one to a line; returns how many."""
    number = 0
    await asyncio.to_thread(write, b"[")
    async for batch in batches:
        lines = b",\n".join(orjson.dumps(dict(row), default=str) for row in batch)
        await asyncio.to_thread(write, (b",\n" if number else b"\n") + lines)
        number += len(batch)
    await asyncio.to_thread(write, b"\n]\n")
    return number


def _readme(files: Mapping[str, int], *, verified: bool) -> str:
    listed = "\n".join(f"{name}: {count:,} {'row' if count == 1 else 'rows'}" for name, count in files.items())
    reasons = {
        f"{each.table}.{each.column}": each.left_out or NOT_VERIFIED
        for each in PLACES
        if each.left_out or (each.by is By.EMAIL and not verified)
    }
    left_out = "\n".join(f"{column}: {reason}" for column, reason in reasons.items())
    return README.format(moment=f"{now():%Y-%m-%d %H:%M}", files=listed, left_out=left_out)


@asynccontextmanager
async def open_archive(database: Database, files: ExportFiles, archive_id: UUID) -> AsyncIterator[Download]:
    """The file of an archive whose address was right, to be read until the end of the context.

    Raises NotFoundError for one that is absent or whose time is over.
    """
    async with database.system() as session:
        row = await personal_data.find_archive(session, archive_id)
    if row is None or row["state"] != PersonalExportState.SUCCEEDED or row["expires_at"] <= now():
        message = "There is no such file, or its address is no longer good: ask the graph for `url` again."
        raise NotFoundError(message)
    async with files.open(stored_under(row)) as path:
        name = f"skyledger-personal-data-{row['created_at']:%Y%m%d}.zip"
        yield Download(path, name, "application/zip", row["size"], row["sha256"])


def state_of(row: Mapping[Any, Any]) -> PersonalExportState:
    """How far an archive is; one whose job was given up is FAILED."""
    state = PersonalExportState(row["state"])
    if state in ARCHIVE_UNDER_WAY and row["created_at"] <= now() - ABANDONED:
        return PersonalExportState.FAILED
    return PersonalExportState.EXPIRED if row["expires_at"] <= now() else state


def stored_under(row: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """A row of `personal_exports` as the place of files wants it."""
    return {**row, "organization_id": row["user_id"], "id": row["file_id"]}


async def purge_archives(database: Database, files: ExportFiles, *, grace: timedelta = _GRACE) -> int:
    """Delete archives whose time is over, and bytes without a row; returns how many rows went."""
    gone, found = 0, _BATCH
    while found == _BATCH:
        async with database.system() as session:
            rows = await personal_data.delete_expired_archives(session, now(), _BATCH)
        for row in rows:
            if row["file_id"] is not None:
                await files.forget(stored_under(row))
        found = len(rows)
        gone += found

    async def known(user_id: UUID, file_ids: Any) -> set[UUID]:
        async with database.system() as session:
            return await personal_data.archives_with_bytes(session, user_id, file_ids)

    await files.sweep(known, now() - grace)
    return gone
