"""Taking the bytes of an upload, request by request: who may, from which offset, and what becomes of the whole file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from datetime import timedelta
from functools import partial
from uuid import UUID

import structlog
from sqlalchemy import RowMapping

from app.database import Database
from app.errors import AuthenticationError, ForbiddenError
from app.models import now
from app.records import Permission, Principal
from app.records.uploads import (
    OPEN_STATES,
    Refused,
    UploadProgress,
    UploadRefusedError,
    UploadState,
    UploadStorage,
)
from app.repositories import uploads
from app.uploads.faults import no_space
from app.uploads.lease import leased
from app.uploads.reception import Reception, too_long
from app.uploads.slots import Slots
from app.uploads.standing import no_such_upload, progress_of, refuse_expired, refuse_failed, state_of
from app.uploads.storage import Place, Storage, UploadStores, Writer

StillValid = Callable[[Principal], Awaitable[bool]]
UploadKey = tuple[UUID, UUID]
"""(organization, upload)."""
WRONG_CHECKSUM = "The SHA-256 of the bytes that arrived is not the announced one."


class UploadReceiver:
    """Receives uploads in one process; at most `requests` at a time. Complete ones are kept for `keep`."""

    def __init__(
        self, database: Database, stores: UploadStores, still_valid: StillValid, *, requests: int, keep: timedelta
    ) -> None:
        self._database, self._stores, self._still_valid = database, stores, still_valid
        self._slots = Slots(requests)
        self._keep = keep

    async def look(self, principal: Principal, key: UploadKey) -> UploadProgress:
        """How far an upload is, by what is really there. Raises NotFoundError, ForbiddenError, UploadRefusedError."""
        row = await self._row(principal, key)
        refuse_expired(row)
        found = progress_of(row)
        if found.state not in OPEN_STATES:
            return found
        return replace(found, offset=await self._stores.of(row["storage"]).measure(Place.of(row)))

    async def receive(
        self,
        principal: Principal,
        key: UploadKey,
        offset: int,
        announced: int | None,
        chunks: AsyncIterator[bytes],
    ) -> UploadProgress:
        """Store the chunks of a request from `offset` on; the last byte completes the upload.

        `announced` is the number of bytes to come where that is known. When `chunks` raises, what came before is kept.
        Nothing is taken of them before it is certain that they are wanted. Raises NotFoundError, ForbiddenError,
        AuthenticationError and UploadRefusedError.
        """
        row = await self._row(principal, key)
        refuse_expired(row)
        refuse_failed(row)
        if state_of(row) is UploadState.COMPLETE:
            return await _confirmed(row, offset, announced, chunks)
        storage = self._stores.of(row["storage"])
        with self._slots.taken(key[0]):
            async with self._alone(row):
                place = await self._begun(storage, key)
                async with storage.writer(place, partial(self._place, key)) as writer:
                    await _check(storage, writer, place, offset, announced)
                    return await self._stored(principal, key, storage, writer, chunks)

    async def _row(self, principal: Principal, key: UploadKey) -> RowMapping:
        """The upload, if the caller may write it."""
        grant = principal.grants.get(key[0])
        if grant is None:
            raise no_such_upload()
        if Permission.COSTS_INGEST not in grant.permissions:
            message = "This needs the permission COSTS_INGEST; ask an owner or admin of the organization for it."
            raise ForbiddenError(message)
        return await self._read(key)

    async def _read(self, key: UploadKey) -> RowMapping:
        async with self._database.read(key[0]) as session:
            row = await uploads.find_upload(session, *key)
        if row is None:
            raise no_such_upload()
        return row

    async def _place(self, key: UploadKey) -> Place:
        """The place as it is now that nobody else writes."""
        row = await self._read(key)
        refuse_expired(row)
        refuse_failed(row)
        if row["state"] == UploadState.COMPLETE:
            message = "Another request has completed this upload."
            raise UploadRefusedError(Refused.ENDED, message, offset=row["bytes_expected"])
        return Place.of(row)

    def _alone(self, row: RowMapping) -> AbstractAsyncContextManager[None]:
        """A lease where the storage has no locks of its own, which would end with their process at once."""
        return nullcontext() if row["storage"] == UploadStorage.LOCAL else leased(self._database, Place.of(row))

    async def _begun(self, storage: Storage, key: UploadKey) -> Place:
        place = await self._place(key)
        if (begun := await storage.begin(place)) is not None:
            async with self._database.write(key[0]) as session:
                noted = await uploads.note_multipart(session, *key, begun)
            place = replace(place, multipart_id=begun)
            if not noted:
                await storage.forget(place)
                raise no_such_upload()
        return place

    async def _stored(
        self, principal: Principal, key: UploadKey, storage: Storage, writer: Writer, chunks: AsyncIterator[bytes]
    ) -> UploadProgress:
        row = await self._read(key)

        async def note(received: int) -> None:
            async with self._database.write(key[0]) as session:
                if not await uploads.note_received(session, *key, received):
                    raise no_such_upload()

        async def look() -> None:
            await self._check_caller(principal, key[0])
            refuse_expired(row)

        reception = Reception(storage, writer, Place.of(row), stored=note, look=look)
        try:
            sha256 = await reception.take(chunks)
        finally:
            self._log(key, reception.taken - writer.offset, reception.taken)
        if sha256 is None:
            return UploadProgress(UploadState.RECEIVING, reception.taken, row["bytes_expected"])
        return await self._end(row, storage, sha256)

    async def _check_caller(self, principal: Principal, organization_id: UUID) -> None:
        """A sign-in that has ended ends the request; one whose token has meanwhile expired had begun it in time."""
        grant = replace(principal.grants[organization_id], permissions=frozenset({Permission.COSTS_INGEST}))
        narrowed = replace(principal, grants={organization_id: grant}, is_platform_admin=False, expires_at=None)
        if not await self._still_valid(narrowed):
            message = "Your sign-in has ended, or the organization is no longer within your reach."
            raise AuthenticationError(message)

    async def _end(self, row: RowMapping, storage: Storage, sha256: bytes) -> UploadProgress:
        """All bytes are there: complete, unless they are not those that were announced."""
        key, size = (row["organization_id"], row["id"]), row["bytes_expected"]
        wrong = row["sha256_expected"] not in {None, sha256}
        async with self._database.write(key[0]) as session:
            if wrong:
                noted = await uploads.note_failed(session, *key, failure=WRONG_CHECKSUM, sha256=sha256)
            else:
                expires = now() + self._keep
                noted = await uploads.note_complete(session, *key, size=size, sha256=sha256, expires_at=expires)
        if wrong or not noted:
            await storage.forget(Place.of(row))
        if not noted:
            raise no_such_upload()
        if wrong:
            message = f"{WRONG_CHECKSUM} The upload has failed; create another one and send the file again."
            raise UploadRefusedError(Refused.WRONG_CHECKSUM, message)
        return UploadProgress(UploadState.COMPLETE, size, size, sha256)

    @staticmethod
    def _log(key: UploadKey, received: int, stored: int) -> None:
        structlog.get_logger(__name__).info(
            "upload_received", organization_id=str(key[0]), upload_id=str(key[1]), bytes=received, offset=stored
        )


async def _check(storage: Storage, writer: Writer, place: Place, offset: int, announced: int | None) -> None:
    """Refuse what does not fit, before a byte is read."""
    if writer.offset != offset:
        message = f"{writer.offset:,} bytes are stored: go on from there."
        raise UploadRefusedError(Refused.WRONG_OFFSET, message, offset=writer.offset)
    if offset + (announced or 0) > place.length:
        raise too_long(place.length)
    if not await storage.has_room(place.length - offset):
        raise no_space()


async def _confirmed(
    row: RowMapping, offset: int, announced: int | None, chunks: AsyncIterator[bytes]
) -> UploadProgress:
    """The answer to somebody who did not hear that the upload is complete, and sends nothing more."""
    length = row["bytes_expected"]
    if offset != length:
        message = "The upload is complete."
        raise UploadRefusedError(Refused.ENDED, message, offset=length)
    if announced:
        raise too_long(length)
    async for chunk in chunks:
        if chunk:
            raise too_long(length)
    return progress_of(row)
