"""Where exported files are kept, as this room asks for it: a folder or a bucket that others know more about."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from app.records.cost_exports import StoredFile

KnownFiles = Callable[[UUID, Collection[UUID]], Awaitable[set[UUID]]]
"""(organization, files) → those of them that have a right to bytes."""


class ExportFiles(Protocol):
    """All but `scratch` raise UnavailableError when the storage does not answer or is full."""

    def scratch(self) -> AbstractContextManager[tuple[int, Path]]:
        """An empty file to work with, gone at the end or when the process is killed: its descriptor and path."""

    async def keep(self, organization_id: UUID, file_id: UUID, path: Path) -> StoredFile:
        """Store a local file in place of what is there under these ids."""

    def open(self, row: Mapping[Any, Any]) -> AbstractAsyncContextManager[Path]:
        """The kept file of a row on this machine. Raises ConflictError for bytes that are not as they were."""

    async def forget(self, row: Mapping[Any, Any]) -> None:
        """Delete the file of a row."""

    async def forget_organization(self, organization_id: UUID) -> None:
        """Delete all files of an organization."""

    def close(self) -> None:
        """Let go of threads."""

    async def sweep(self, known: KnownFiles, before: datetime) -> int:
        """Delete bytes older than a moment that no row has a right to; returns how many files' they were."""


@dataclass(frozen=True)
class ExportTools:
    """What a worker needs for exports: where files are kept, and for how long from their end on."""

    files: ExportFiles
    keep: timedelta
