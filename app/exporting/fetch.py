"""Fetching the file of an export by a signed address, which is good for some minutes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import UUID

from app.costs.exports.files import ExportFiles
from app.database import Database
from app.errors import NotFoundError
from app.models import now
from app.records.downloads import Download
from app.records.exports import ExportFormat, ExportState
from app.repositories import exports

LINK_SECONDS: Final = 900
"""So long an address is good. Who has one needs nothing else, and the graph gives another at any time."""
_LONGEST_NUMBER: Final = 12


class Links:
    """Signs addresses of files and checks them: the name of a file and a moment, under a key of their own."""

    def __init__(self, key: str) -> None:
        self._key = hmac.digest(key.encode(), b"skyledger links of downloads", hashlib.sha256)

    def make(self, name: str) -> str:
        """The query of an address that is good for fifteen minutes or a little less.

        It changes once a minute: the same page asked twice has the same address.
        """
        expires = int(time.time()) // 60 * 60 + LINK_SECONDS
        return f"expires={expires}&signature={self._signature(name, expires)}"

    def holds(self, name: str, parameters: Mapping[str, str]) -> bool:
        """Whether these are the parameters of an address of this file that is still good."""
        expires, signature = parameters.get("expires", ""), parameters.get("signature", "")
        if not (expires.isascii() and expires.isdigit() and len(expires) <= _LONGEST_NUMBER):
            return False
        right = self._signature(name, int(expires))
        return hmac.compare_digest(right.encode(), signature.encode()) and int(expires) > time.time()

    def _signature(self, name: str, expires: int) -> str:
        digest = hmac.digest(self._key, f"{expires}\n{name}".encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@asynccontextmanager
async def open_export(
    database: Database, files: ExportFiles, organization_id: UUID, export_id: UUID
) -> AsyncIterator[Download]:
    """The file of an export whose address was right, to be read until the end of the context.

    Raises NotFoundError for one that is absent or whose time is over, ConflictError for bytes that are gone,
    UnavailableError when the storage does not answer.
    """
    async with database.read(organization_id) as session:
        row = await exports.find_export(session, organization_id, export_id)
    if row is None or row["state"] != ExportState.SUCCEEDED or row["expires_at"] <= now():
        raise no_such_file()
    async with files.open(stored_under(row)) as path:
        form = ExportFormat(row["format"])
        yield Download(path, file_name(row), form.media_type, row["size"], row["sha256"])


def no_such_file() -> NotFoundError:
    """What is answered for every address that leads to no file, for whatever reason."""
    return NotFoundError("There is no such file, or its address is no longer good: ask the graph for `url` again.")


def stored_under(row: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """A row of `exports` as the place of files wants it."""
    return {**row, "id": row["file_id"]}


def file_name(row: Mapping[Any, Any]) -> str:
    """The name that a file is offered under: what it has, and when it was asked for."""
    return f"{row['connection']}-{row['created_at']:%Y%m%dT%H%M%SZ}.{row['format']}"
