"""Writes one upload into its file, with its hash following behind in another thread."""

from __future__ import annotations

import asyncio
import os

from app.uploads.digest import FileDigest
from app.uploads.faults import telling_faults
from app.uploads.threads import DiskThreads


class LocalWriter:
    """Appends to a locked file from `offset` on."""

    def __init__(self, descriptor: int, offset: int, threads: DiskThreads) -> None:
        self.offset = offset
        self._size = offset
        self._descriptor = descriptor
        self._threads = threads
        self._digest = FileDigest(descriptor)
        self._following: asyncio.Task[None] | None = None

    async def write(self, data: bytes | bytearray) -> None:
        """Append. Raises UploadRefusedError(NO_SPACE); what did fit is written."""
        with telling_faults():
            await self._threads.run(self._append, data)
            if self._following is None or self._following.done():
                await self._follow(self._size)

    async def checkpoint(self) -> int:
        """Have the disk keep what was written, even if the power fails; returns how many bytes that is."""
        size = self._size
        with telling_faults():
            await self._threads.run(os.fdatasync, self._descriptor)
        return size

    async def park(self) -> int:
        """The same: a file needs nothing more."""
        return await self.checkpoint()

    async def seal(self) -> bytes:
        """Have the disk keep the file; returns its SHA-256."""
        with telling_faults():
            await self._threads.run(os.fsync, self._descriptor)
            if self._following is not None:
                await self._following
            await self._threads.run(self._digest.advance, self._size)
        return self._digest.result()

    async def close(self) -> None:
        """Wait for the thread that reads: the file is closed next."""
        if self._following is not None:
            await asyncio.wait([self._following])
            if not self._following.cancelled():
                self._following.exception()  # seen, or asyncio would complain of it

    async def _follow(self, end: int) -> None:
        """Hash up to here beside the writing; a fault of the last round is raised."""
        if self._following is not None:
            await self._following
        self._following = asyncio.create_task(self._threads.run(self._digest.advance, end))

    def _append(self, data: bytes | bytearray) -> None:
        with memoryview(data) as rest:
            done = 0
            while done < len(rest):
                written = os.pwrite(self._descriptor, rest[done:], self._size)
                done += written
                self._size += written
