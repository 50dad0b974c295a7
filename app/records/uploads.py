"""Uploads as the rooms speak of them: how far one is, where its bytes lie, and why a request for it is refused."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum


class UploadState(StrEnum):
    """How far an upload is. The first two are open, the others final."""

    CREATED = "CREATED"
    RECEIVING = "RECEIVING"
    COMPLETE = "COMPLETE"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"


OPEN_STATES = (UploadState.CREATED, UploadState.RECEIVING)


class UploadStorage(StrEnum):
    """Where the bytes of an upload lie."""

    LOCAL = "LOCAL"
    S3 = "S3"


class UploadOrderField(StrEnum):
    """Columns that uploads are ordered by."""

    CREATED_AT = "created_at"


class Refused(Enum):
    """Why a request for an upload is refused."""

    WRONG_OFFSET = "WRONG_OFFSET"
    """The bytes would not begin where the stored ones end."""
    BUSY = "BUSY"
    """Another request is writing."""
    ENDED = "ENDED"
    """It is complete or has failed: there is nothing to write any more."""
    TOO_LONG = "TOO_LONG"
    """More bytes than were announced when it was created."""
    WRONG_CHECKSUM = "WRONG_CHECKSUM"
    """All bytes are there, and they are not those that were announced."""
    EXPIRED = "EXPIRED"
    """Its time is over."""
    NO_SPACE = "NO_SPACE"
    """The storage is full."""
    CROWDED = "CROWDED"
    """As many requests write at the moment as may."""
    STORAGE_AWAY = "STORAGE_AWAY"
    """The storage does not answer, or not as it should."""


class UploadRefusedError(Exception):
    """Why an upload takes no bytes: the message is for the caller, `offset` is where to go on where that is known.

    `retry_after` is in whole seconds.
    """

    def __init__(
        self, reason: Refused, message: str, *, offset: int | None = None, retry_after: int | None = None
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.offset = offset
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class UploadProgress:
    """How far an upload is: `offset` of `length` bytes are stored; `sha256` is known once it is complete."""

    state: UploadState
    offset: int
    length: int
    sha256: bytes | None = None
