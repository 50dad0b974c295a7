"""The door of uploads beside the graph: the server's callers and ids on the one side, the room of uploads behind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import cast

from app.context import Runtime
from app.errors import BadUserInputError
from app.records import Principal
from app.records.uploads import UploadProgress
from app.schema.node import parse_id
from app.server.identity import Identity
from app.uploads.receive import UploadKey, UploadReceiver
from app.uploads.standing import no_such_upload


class UploadDoor:
    """What `app.server.uploads` asks for: uploads by the global ids that the graph gave out."""

    def __init__(self, runtime: Runtime) -> None:
        settings = runtime.settings
        self._receiver = UploadReceiver(
            runtime.database,
            runtime.uploads,
            runtime.authenticator.still_valid,
            requests=settings.upload_requests,
            keep=timedelta(days=settings.upload_retention_days),
        )

    async def look(self, identity: Identity, upload_id: str) -> UploadProgress:
        """See UploadReceiver.look."""
        return await self._receiver.look(cast("Principal", identity), _key(upload_id))

    async def receive(
        self, identity: Identity, upload_id: str, offset: int, announced: int | None, chunks: AsyncIterator[bytes]
    ) -> UploadProgress:
        """See UploadReceiver.receive."""
        principal = cast("Principal", identity)
        return await self._receiver.receive(principal, _key(upload_id), offset, announced, chunks)


def _key(upload_id: str) -> UploadKey:
    """The key in a global id. NotFoundError for an id of anything else: no upload has it."""
    try:
        key = parse_id(upload_id, "Upload")
    except BadUserInputError:
        raise no_such_upload() from None
    if key.organization_id is None:
        raise no_such_upload()
    return key.organization_id, key.id
