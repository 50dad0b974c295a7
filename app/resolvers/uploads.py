"""Root fields of uploads."""

from __future__ import annotations

import strawberry

from app.context import Info
from app.records import Permission
from app.resolvers.access import Limit, mutation, organization_of
from app.schema.node import parse_id
from app.schema.uploads import (
    CreateUploadInput,
    CreateUploadPayload,
    CreateUploadResult,
    DeleteUploadInput,
    DeleteUploadPayload,
    DeleteUploadResult,
    Upload,
    UploadHeader,
)
from app.uploads.create import NewUpload, create_upload
from app.uploads.delete import delete_upload

INSTRUCTIONS = (
    "Send the file as the body of one PUT with `Upload-Offset: 0` and the same Authorization or X-API-Key as here. "
    "After a lost connection ask HEAD of the same address for `Upload-Offset`, and PUT the rest from that byte on with "
    "that header. 409 tells the right offset, or that another request is writing. The answer to the last byte has "
    "`Upload-State: COMPLETE`."
)


@strawberry.type
class UploadMutations:
    """Announcing and deleting uploads."""

    @mutation(
        Permission.COSTS_INGEST,
        "Announce a file, whose bytes are then sent by PUT, in one request or in several.",
        limit=Limit(120, per=60),
    )
    async def create_upload(self, info: Info, input: CreateUploadInput) -> CreateUploadResult:  # noqa: A002  (Relay's name)
        """See app.uploads.create.create_upload."""
        runtime = info.context.runtime
        row = await create_upload(
            info.context.database,
            runtime.uploads,
            runtime.settings,
            organization_of(input),
            info.context.signed_in().actor,
            NewUpload(input.file_name, input.bytes, input.content_type, input.sha256),
        )
        upload = Upload.from_row(row)
        headers = [
            UploadHeader(name="Upload-Offset", value="0"),
            UploadHeader(name="Content-Type", value="application/octet-stream"),
        ]
        return CreateUploadPayload(
            upload=upload, url=upload.url, method="PUT", headers=headers, instructions=INSTRUCTIONS
        )

    @mutation(Permission.COSTS_INGEST, "Delete an upload with its bytes, complete or not.")
    async def delete_upload(self, info: Info, input: DeleteUploadInput) -> DeleteUploadResult:  # noqa: A002  (Relay's name)
        """See app.uploads.delete.delete_upload."""
        organization_id = organization_of(input)
        upload_id = parse_id(input.id, "Upload", path=("input", "id")).id
        await delete_upload(info.context.database, info.context.runtime.uploads, organization_id, upload_id)
        return DeleteUploadPayload(deleted_upload_id=input.id)
