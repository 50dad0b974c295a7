"""Faults of disks in words for a caller: their own texts have paths in them, so neither callers nor logs get those."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from app.errors import ConflictError
from app.records.uploads import Refused, UploadRefusedError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_RETRY_SECONDS = 60


@contextmanager
def telling_faults() -> Iterator[None]:
    """An OSError inside becomes UploadRefusedError: NO_SPACE or STORAGE_AWAY."""
    try:
        yield
    except OSError as error:
        note_fault(error)
        if error.errno in _FULL:
            raise no_space() from None
        message = "The storage of uploads does not work at the moment. Try again in a minute."
        raise UploadRefusedError(Refused.STORAGE_AWAY, message, retry_after=_RETRY_SECONDS) from None


def note_fault(error: OSError) -> None:
    """Log a fault of the disk by the name of its number."""
    name = errno.errorcode.get(error.errno or 0, type(error).__name__)
    structlog.get_logger(__name__).warning("upload_storage_fault", fault=name)


def no_space() -> UploadRefusedError:
    """The storage has no room for more."""
    message = "The storage of uploads is full. What was stored stays; go on when there is room."
    return UploadRefusedError(Refused.NO_SPACE, message, retry_after=_RETRY_SECONDS)


def bytes_are_gone() -> ConflictError:
    """A complete upload without its bytes."""
    return ConflictError("The bytes of this upload are no longer in the storage; send the file again.")


def busy() -> UploadRefusedError:
    """Another request writes the same upload."""
    message = "Another request is writing this upload. Wait for its end, ask for the offset by HEAD, and go on."
    return UploadRefusedError(Refused.BUSY, message, retry_after=5)
