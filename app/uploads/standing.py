"""What an upload's row says about what may be done with it now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.errors import NotFoundError
from app.models import now
from app.records.uploads import OPEN_STATES, Refused, UploadProgress, UploadRefusedError, UploadState

Row = Mapping[Any, Any]


def no_such_upload() -> NotFoundError:
    """The same for an absent upload and for one of somebody else."""
    return NotFoundError("There is no such upload within your reach. Check the id, or create one with createUpload.")


def state_of(row: Row) -> UploadState:
    """The state as of now: an upload whose time is over has expired, also before the clock has taken its bytes."""
    state = UploadState(row["state"])
    if state in {*OPEN_STATES, UploadState.COMPLETE} and row["expires_at"] <= now():
        return UploadState.EXPIRED
    return state


def refuse_expired(row: Row) -> None:
    """Raise UploadRefusedError(EXPIRED) when its time is over."""
    if state_of(row) is UploadState.EXPIRED:
        message = "The time of this upload is over and its bytes are gone. Create another one and send the file again."
        raise UploadRefusedError(Refused.EXPIRED, message)


def refuse_failed(row: Row) -> None:
    """Raise UploadRefusedError(ENDED) for one that has failed."""
    if state_of(row) is UploadState.FAILED:
        message = f"This upload has failed: {row['failure']} Create another one and send the file again."
        raise UploadRefusedError(Refused.ENDED, message)


def progress_of(row: Row) -> UploadProgress:
    """How far an upload is by what was noted."""
    return UploadProgress(state_of(row), row["bytes_received"], row["bytes_expected"], row["sha256"])
