"""Folders of workers' own, in which deliveries stand on disk while they are fetched and imported."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from app.queue import HeldJob

ABANDONED_SECONDS: Final = 172_800
"""Nobody writes there any more: fetching a delivery may take six hours, importing it takes minutes."""


class Workplace:
    """A folder of one worker's own, in that of what is worked on.

    A worker that was paused for longer than its lease wakes beside the one that has taken its job over, and must not
    take away what that one reads. So everybody removes their own, and what was left by workers that came before them;
    what killed workers have left of things that nobody works on any more goes after two days.
    """

    def __init__(self, folder: Path, job: HeldJob) -> None:
        self._folder = folder
        # Ids rise with time, tokens with every worker that takes the job.
        self._turn = f"{job.id}-{job.token:09}-"
        self._own: Path | None = None

    async def __aenter__(self) -> Self:
        """Make the folder."""
        self._own = await asyncio.to_thread(self._made)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove it with all that is in it."""
        await asyncio.to_thread(self._remove)

    @property
    def path(self) -> Path:
        """The folder."""
        if self._own is None:
            message = "the workplace has not been entered"
            raise RuntimeError(message)
        return self._own

    def free_bytes(self) -> int:
        """Room on the disk."""
        return shutil.disk_usage(self.path).free

    def _made(self) -> Path:
        _sweep(self._folder.parent, time.time() - ABANDONED_SECONDS)
        self._folder.mkdir(parents=True, exist_ok=True)
        for place in self._folder.iterdir():
            if place.name < self._turn:
                shutil.rmtree(place, ignore_errors=True)
        return Path(tempfile.mkdtemp(prefix=self._turn, dir=self._folder))

    def _remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        with suppress(OSError):  # not empty
            self._folder.rmdir()


def _sweep(folder: Path, before: float) -> None:
    """Remove the folders in which nothing has been written since a moment."""
    for place in folder.iterdir() if folder.is_dir() else ():
        with suppress(OSError):  # another worker sweeps too
            if max(each.lstat().st_mtime for each in (place, *place.rglob("*"))) < before:
                shutil.rmtree(place, ignore_errors=True)
