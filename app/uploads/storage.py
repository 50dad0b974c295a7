"""Where the bytes of uploads lie: what a folder and a bucket have in common, and which of them an upload is in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from app.records.uploads import Refused, UploadRefusedError, UploadStorage


@dataclass(frozen=True)
class Place:
    """Which bytes are meant. Names in the storage are made of the two ids alone, never of a caller's text.

    `confirmed` is the number of bytes that were certainly stored when it was last noted.
    """

    organization_id: UUID
    upload_id: UUID
    length: int
    confirmed: int = 0
    multipart_id: str | None = None

    @classmethod
    def of(cls, row: Mapping[Any, Any]) -> Place:
        """The place of a row of `uploads`."""
        return cls(row["organization_id"], row["id"], row["bytes_expected"], row["bytes_received"], row["multipart_id"])


Reread = Callable[[], Awaitable[Place]]


class Writer(Protocol):
    """One upload being written, by nobody else meanwhile."""

    offset: int
    """The bytes that were certainly there when writing began: the first byte to write."""

    async def write(self, data: bytes | bytearray) -> None:
        """Append. Raises UploadRefusedError(NO_SPACE)."""

    async def checkpoint(self) -> int:
        """How many bytes would outlive a power cut now."""

    async def park(self) -> int:
        """Make all that was written outlive a power cut, for a later request; returns how many bytes that is."""

    async def seal(self) -> bytes:
        """All bytes are written: make them one file for ever; returns its SHA-256, as it is in the storage."""


KnownUploads = Callable[[UUID, Collection[UUID]], Awaitable[set[UUID]]]
"""(organization, uploads) → those of them that have a right to bytes."""


class Storage(Protocol):
    """A folder or a bucket. Everything raises UploadRefusedError(STORAGE_AWAY) when the storage does not answer."""

    async def has_room(self, size: int) -> bool:
        """Whether so many more bytes fit."""

    async def begin(self, place: Place) -> str | None:
        """Prepare for bytes; returns what is to be kept as `multipart_id`, or None where that stays as it is."""

    async def measure(self, place: Place) -> int:
        """How many bytes are there that a writer would go on after; asked without a lock."""

    def writer(self, place: Place, reread: Reread) -> AbstractAsyncContextManager[Writer]:
        """The one writer. Raises UploadRefusedError(BUSY) where the storage knows of another.

        `reread` is called once nobody else can write: what was read of the row before that may be out of date.
        """

    def open(self, place: Place, sha256: bytes) -> AbstractAsyncContextManager[Path]:
        """A complete upload as a local file, which stays as it is until the end. ConflictError when it is not."""

    async def forget(self, place: Place) -> None:
        """Delete the bytes of an upload; what is not there is fine."""

    async def forget_organization(self, organization_id: UUID) -> None:
        """Delete all bytes of an organization."""

    async def sweep(self, known: KnownUploads, before: datetime) -> int:
        """Delete bytes older than `before` to which no upload has a right; returns how many uploads' they were."""


@dataclass(frozen=True)
class UploadStores:
    """The storages of this process; new uploads go to `chosen`. `close` lets go of their threads."""

    by_kind: Mapping[UploadStorage, Storage]
    chosen: UploadStorage
    close: Callable[[], None]

    def of(self, kind: str) -> Storage:
        """The storage of an upload. UploadRefusedError(STORAGE_AWAY) for a bucket that the settings no longer name."""
        found = self.by_kind.get(UploadStorage(kind))
        if found is None:
            message = "The bucket of this upload is not among the settings; ask the operator of Skyledger."
            raise UploadRefusedError(Refused.STORAGE_AWAY, message, retry_after=60)
        return found

    @property
    def new(self) -> Storage:
        """The storage of new uploads."""
        return self.by_kind[self.chosen]
