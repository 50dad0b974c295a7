"""Keeping files that Skyledger makes itself, in the folder or bucket of uploads, beside them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from app.errors import ConflictError, UnavailableError
from app.records.cost_exports import StoredFile
from app.records.uploads import UploadRefusedError
from app.uploads.local import LocalStorage
from app.uploads.storage import KnownUploads, Place, Storage, UploadStores

BLOCK_BYTES = 1_048_576


class KeptFiles:
    """Files under the two ids of a row, which are written once and whole. What is left of a crash is swept.

    Everything raises UnavailableError when the storage does not answer or is full.
    """

    def __init__(self, stores: UploadStores, local: LocalStorage) -> None:
        self._stores, self._local = stores, local

    def scratch(self) -> AbstractContextManager[tuple[int, Path]]:
        """An empty file to work with, gone at the end or when the process is killed: its descriptor and path."""
        return self._local.reading_file()

    async def keep(self, organization_id: UUID, file_id: UUID, path: Path) -> StoredFile:
        """Store a local file in place of what is there under these ids; returns what there is to note of it."""
        size = (await asyncio.to_thread(path.stat)).st_size
        place = Place(organization_id, file_id, size)
        with _told():
            storage = self._stores.new
            if not await storage.has_room(size):
                message = "The storage of exports is full; ask the operator of Skyledger."
                raise UnavailableError(message)
            place = replace(place, multipart_id=await storage.begin(place))

            async def reread() -> Place:
                return place

            async with storage.writer(place, reread) as writer:
                with path.open("rb") as file:
                    while block := await asyncio.to_thread(file.read, BLOCK_BYTES):
                        await writer.write(block)
                sha256 = await writer.seal()
        return StoredFile(self._stores.chosen.value, place.multipart_id, size, sha256)

    @asynccontextmanager
    async def open(self, row: Mapping[Any, Any]) -> AsyncIterator[Path]:
        """A kept file on this machine, until the end. Raises ConflictError for bytes that are not as they were."""
        with _told():
            storage = self._storage(row)
        async with AsyncExitStack() as closing:
            try:
                path = await closing.enter_async_context(storage.open(_place(row), row["sha256"]))
            except ConflictError:
                message = "The file is no longer in the storage as it was written; ask for the export again."
                raise ConflictError(message) from None
            yield path

    async def forget(self, row: Mapping[Any, Any]) -> None:
        """Delete a file."""
        with _told():
            await self._storage(row).forget(_place(row))

    async def forget_organization(self, organization_id: UUID) -> None:
        """Delete all files of an organization."""
        with _told():
            for storage in self._stores.by_kind.values():
                await storage.forget_organization(organization_id)

    async def sweep(self, known: KnownUploads, before: datetime) -> int:
        """Delete bytes older than a moment that no row has a right to; returns how many files' they were."""
        with _told():
            return sum([await storage.sweep(known, before) for storage in self._stores.by_kind.values()])

    def close(self) -> None:
        """Let go of the threads."""
        self._stores.close()

    def _storage(self, row: Mapping[Any, Any]) -> Storage:
        return self._stores.of(row["storage"])


@contextmanager
def _told() -> Iterator[None]:
    """The words of uploads in those of everybody."""
    try:
        yield
    except UploadRefusedError as error:
        raise UnavailableError(error.message, retryAfter=error.retry_after or 1) from None


def _place(row: Mapping[Any, Any]) -> Place:
    return Place(row["organization_id"], row["id"], row["size"], row["size"], row["multipart_id"])
