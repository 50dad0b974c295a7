"""Creating uploads: what will come is announced first, so that it can be refused before a byte is sent."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import RowMapping

from app.config import Settings
from app.database import Database
from app.errors import BadUserInputError, ConflictError, UnavailableError
from app.models import now
from app.records import Actor
from app.records.uploads import UploadRefusedError
from app.repositories import uploads
from app.uploads.storage import UploadStores

LONGEST_FILE_NAME = 255
LONGEST_CONTENT_TYPE = 100
MOST_ROWS = 10_000
"""Of an organization, ended ones included: they are forgotten a week after their time."""
SHA256_BYTES = 32
_CONTENT_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,60}/[A-Za-z0-9!#$&^_.+-]{1,60}")


@dataclass(frozen=True)
class NewUpload:
    """A file as its sender describes it; `sha256` in hexadecimal."""

    file_name: str
    size: int
    content_type: str | None = None
    sha256: str | None = None


async def create_upload(
    database: Database,
    stores: UploadStores,
    settings: Settings,
    organization_id: UUID,
    actor: Actor,
    wanted: NewUpload,
) -> RowMapping:
    """Create an upload and return its row; nothing is stored before its first byte.

    Raises BadUserInputError, and ConflictError when the organization has too many or there is no room.
    """
    values = {
        "file_name": _checked_file_name(wanted.file_name),
        "content_type": _checked_content_type(wanted.content_type),
        "bytes_expected": _checked_size(wanted.size, settings.upload_bytes),
        "sha256_expected": _checked_sha256(wanted.sha256),
        "storage": stores.chosen,
        "actor_kind": actor.kind,
        "actor_id": actor.id,
        "expires_at": now() + timedelta(hours=settings.upload_hours),
    }
    await _check_room(stores, wanted.size)
    async with database.write(organization_id) as session:
        await uploads.lock_uploads(session, organization_id)
        _check_held(await uploads.held(session, organization_id), wanted.size, settings)
        return await uploads.insert_upload(session, organization_id, **values)


async def _check_room(stores: UploadStores, size: int) -> None:
    try:
        room = await stores.new.has_room(size)
    except UploadRefusedError as error:
        raise UnavailableError(error.message, retryAfter=error.retry_after or 1) from None
    if not room:
        message = "The storage of uploads has no room for a file of this size. Try again later, or ask the operator."
        raise ConflictError(message)


def _check_held(held: uploads.Held, size: int, settings: Settings) -> None:
    if held.open >= settings.uploads_open:
        message = (
            f"{held.open} uploads are open, and no more than {settings.uploads_open} may be. Complete them, or delete "
            "some with deleteUpload."
        )
        raise ConflictError(message)
    if held.bytes + size > settings.upload_organization_bytes:
        message = (
            f"The uploads of the organization have {held.bytes:,} bytes together, and no more than "
            f"{settings.upload_organization_bytes:,} are kept. Delete some with deleteUpload."
        )
        raise ConflictError(message)
    if held.rows >= MOST_ROWS:
        message = f"The organization has had {held.rows:,} uploads of late. Delete some with deleteUpload."
        raise ConflictError(message)


def _checked_file_name(name: str) -> str:
    trimmed = name.strip()
    # Cc: control characters. Cs: half a character, which no database stores.
    odd = any(unicodedata.category(character) in {"Cc", "Cs"} for character in trimmed[: LONGEST_FILE_NAME + 1])
    if not 1 <= len(trimmed) <= LONGEST_FILE_NAME or odd:
        message = f"`fileName` must have 1 to {LONGEST_FILE_NAME} characters, none of them a control character."
        raise BadUserInputError(message, path=("input", "fileName"))
    return trimmed


def _checked_content_type(content_type: str | None) -> str | None:
    if content_type is None:
        return None
    trimmed = content_type.strip()
    if len(trimmed) > LONGEST_CONTENT_TYPE or not _CONTENT_TYPE.fullmatch(trimmed):
        message = "`contentType` must be a media type without parameters, such as text/csv."
        raise BadUserInputError(message, path=("input", "contentType"))
    return trimmed.lower()


def _checked_size(size: int, most: int) -> int:
    if not 1 <= size <= most:
        empty = "an empty file has no costs" if size == 0 else f"it is {size:,}"
        message = f"`bytes` must be the length of the file, from 1 to {most:,}: {empty}."
        raise BadUserInputError(message, path=("input", "bytes"))
    return size


def _checked_sha256(sha256: str | None) -> bytes | None:
    if sha256 is None:
        return None
    if not re.fullmatch(rf"[0-9A-Fa-f]{{{2 * SHA256_BYTES}}}", sha256):
        message = f"`sha256` must have {2 * SHA256_BYTES} hexadecimal digits."
        raise BadUserInputError(message, path=("input", "sha256"))
    return bytes.fromhex(sha256)
