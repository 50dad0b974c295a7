"""Deleting an upload before the clock does: its row, then its bytes."""

from __future__ import annotations

from uuid import UUID

import structlog

from app.database import Database
from app.records.uploads import UploadRefusedError
from app.repositories import uploads
from app.uploads.standing import no_such_upload
from app.uploads.storage import Place, UploadStores


async def delete_upload(database: Database, stores: UploadStores, organization_id: UUID, upload_id: UUID) -> None:
    """Delete an upload in any state; a request that is writing it ends at its next checkpoint.

    Who has opened it reads on. Raises NotFoundError.
    """
    async with database.write(organization_id) as session:
        row = await uploads.delete_upload(session, organization_id, upload_id)
    if row is None:
        raise no_such_upload()
    try:
        await stores.of(row["storage"]).forget(Place.of(row))
    except UploadRefusedError as error:
        # Bytes without a row: the clock takes them.
        structlog.get_logger(__name__).warning("upload_bytes_left", upload_id=str(upload_id), reason=error.reason.value)
