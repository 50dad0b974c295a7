"""Opening a complete upload for those who read it: whatever the storage, as a file on this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

from app.database import Database
from app.errors import ConflictError, UnavailableError
from app.records.uploads import OPEN_STATES, UploadRefusedError, UploadState
from app.repositories import uploads
from app.uploads.standing import Row, no_such_upload, state_of
from app.uploads.storage import Place, UploadStores


@asynccontextmanager
async def open_upload(
    database: Database, stores: UploadStores, organization_id: UUID, upload_id: UUID
) -> AsyncIterator[Path]:
    """The path of the file with an upload's bytes, to be read until the end of the context, when it may vanish.

    The path has neither the name nor the ending of the caller's file: `find_upload` tells `file_name`. Deleting the
    upload meanwhile, or the end of its time, does not disturb the reader. Bytes of a bucket are fetched in bounded
    memory and checked again. Raises NotFoundError for an upload that is absent or another organization's,
    ConflictError for one that is not complete or whose bytes are not as they were, UnavailableError when the storage
    does not answer.
    """
    row = await complete_upload(database, organization_id, upload_id)
    try:
        storage = stores.of(row["storage"])
    except UploadRefusedError as error:
        raise UnavailableError(error.message, retryAfter=error.retry_after or 1) from None
    async with storage.open(Place.of(row), row["sha256"]) as path:
        yield path


async def complete_upload(database: Database, organization_id: UUID, upload_id: UUID) -> Row:
    """The row of an upload that can be opened. Raises NotFoundError and ConflictError."""
    async with database.read(organization_id) as session:
        row = await uploads.find_upload(session, organization_id, upload_id)
    if row is None:
        raise no_such_upload()
    state = state_of(row)
    if state in OPEN_STATES:
        message = (
            f"The upload is not complete: {row['bytes_received']:,} of {row['bytes_expected']:,} bytes are stored. "
            "Send the rest first."
        )
        raise ConflictError(message)
    if state is not UploadState.COMPLETE:
        why = row["failure"] or "Its time is over."
        message = f"The upload cannot be used any more. {why} Create another one and send the file again."
        raise ConflictError(message)
    return row
