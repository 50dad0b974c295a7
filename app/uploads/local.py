"""Uploads in a folder: one file each, locked by its writer, measured when writing goes on."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from uuid import UUID

from app.durable import sync_folder
from app.models import new_id
from app.tasks import to_the_end
from app.uploads.faults import busy, bytes_are_gone, note_fault, telling_faults
from app.uploads.local_writer import LocalWriter
from app.uploads.storage import KnownUploads, Place, Reread, Writer
from app.uploads.threads import DiskThreads

READING = "reading"
"""The folder of files that are being read: names of their own, so that what is deleted meanwhile can be read on."""
_FILE_MODE = 0o600
_FOLDER_MODE = 0o700
_BATCH = 500


class LocalStorage:
    """A folder that all processes share, `<organization>/<upload>` in it. A lock ends with the process that has it."""

    def __init__(self, folder: Path, threads: DiskThreads, *, keep_free: int) -> None:
        self.folder = folder
        self._threads = threads
        self._keep_free = keep_free

    async def has_room(self, size: int) -> bool:
        """Whether the disk has so many bytes beside those that are to stay free."""
        with telling_faults():
            return await self._threads.run(self._free) >= size + self._keep_free

    async def begin(self, place: Place) -> None:  # noqa: ARG002  (a file needs no preparation)
        """Nothing to prepare: the file is made by its first writer."""
        return

    async def measure(self, place: Place) -> int:
        """The bytes that are there and were made certain."""
        with telling_faults():
            return min(await self._threads.run(_size, self._path(place)), place.confirmed)

    @asynccontextmanager
    async def writer(self, place: Place, reread: Reread) -> AsyncIterator[Writer]:
        """The one writer. What a killed process wrote after its last checkpoint is cut off: nobody vouches for it."""
        opened: list[int] = []  # filled by the thread, so that a cancelled call leaves nothing open
        try:
            with telling_faults():
                await self._threads.run(_open_to_write, self._path(place), opened)
            place = await reread()
            with telling_faults():
                offset = await self._threads.run(_cut_to, opened[0], place.confirmed)
            writer = LocalWriter(opened[0], offset, self._threads)
            try:
                yield writer
            finally:
                await to_the_end(writer.close())
        finally:
            for descriptor in opened:
                os.close(descriptor)  # and with it the lock

    @asynccontextmanager
    async def open(self, place: Place, sha256: bytes) -> AsyncIterator[Path]:  # noqa: ARG002  (checked when sealed)
        """The file under a name of its own where the disk has links, else under the one that it has."""
        opened: list[tuple[int, Path]] = []
        try:
            try:
                await self._threads.run(self._open_to_read, place, opened)
            except OSError as error:
                note_fault(error)
                raise bytes_are_gone() from None
            yield opened[-1][1]
        finally:
            for descriptor, path in opened:
                if path.parent.name == READING:
                    path.unlink(missing_ok=True)
                os.close(descriptor)

    async def forget(self, place: Place) -> None:
        """Delete the file."""
        with telling_faults():
            await self._threads.run(self._path(place).unlink, missing_ok=True)

    async def forget_organization(self, organization_id: UUID) -> None:
        """Delete the organization's folder."""
        with telling_faults(), suppress(FileNotFoundError):
            await self._threads.run(shutil.rmtree, self.folder / str(organization_id))

    async def sweep(self, known: KnownUploads, before: datetime) -> int:
        """Delete files older than a moment that no upload has a right to; leaves alone what is not named as ours."""
        swept = 0
        with telling_faults():
            for organization_id in await self._threads.run(_named, self.folder):
                folder = self.folder / str(organization_id)
                found = await self._threads.run(_named, folder, before.timestamp())
                for start in range(0, len(found), _BATCH):
                    batch = found[start : start + _BATCH]
                    for upload_id in set(batch) - await known(organization_id, batch):
                        await self._threads.run((folder / str(upload_id)).unlink, missing_ok=True)
                        swept += 1
                with suppress(OSError):  # not empty
                    await self._threads.run(folder.rmdir)
            await self._threads.run(_sweep_reading, self.folder / READING, before.timestamp())
        return swept

    @contextmanager
    def reading_file(self) -> Iterator[tuple[int, Path]]:
        """An empty file to be read by one process and gone at the end; its descriptor for writing, and its path."""
        path = self._reading_path()
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _FILE_MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            yield descriptor, path
        finally:
            path.unlink(missing_ok=True)
            os.close(descriptor)

    def _path(self, place: Place) -> Path:
        return self.folder / str(place.organization_id) / str(place.upload_id)

    def _reading_path(self) -> Path:
        folder = self.folder / READING
        folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        return folder / str(new_id())

    def _free(self) -> int:
        self.folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        return shutil.disk_usage(self.folder).free

    def _open_to_read(self, place: Place, opened: list[tuple[int, Path]]) -> None:
        path = self._path(place)
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        opened.append((descriptor, path))
        if os.fstat(descriptor).st_size != place.length:
            raise OSError(errno.ENODATA, "the file has another size")
        fcntl.flock(descriptor, fcntl.LOCK_SH)  # tells the sweep that somebody reads
        own = self._reading_path()
        with suppress(OSError):  # not every network file system has links
            own.hardlink_to(path)
            opened[-1] = (descriptor, own)


def _size(path: Path) -> int:
    try:
        return path.stat(follow_symlinks=False).st_size
    except FileNotFoundError:
        return 0


def _open_to_write(path: Path, opened: list[int]) -> None:
    """The file, made if it is not there, and locked. UploadRefusedError(BUSY) when another has the lock."""
    path.parent.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(path, flags, _FILE_MODE)
    opened.append(descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise busy() from None
    if os.fstat(descriptor).st_nlink == 0:  # deleted between the two calls
        raise busy()
    sync_folder(path.parent)


def _cut_to(descriptor: int, confirmed: int) -> int:
    """Cut off what is not certain; returns the size, which is smaller than what was certain after a fault."""
    size = os.fstat(descriptor).st_size
    if size > confirmed:
        os.ftruncate(descriptor, confirmed)
    return min(size, confirmed)


def _named(folder: Path, before: float | None = None) -> list[UUID]:
    """The entries of a folder that are named by an id, those written before a moment if there is one."""
    found = []
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            try:
                named = UUID(entry.name)
                if str(named) == entry.name and (before is None or entry.stat(follow_symlinks=False).st_mtime < before):
                    found.append(named)
            except (ValueError, FileNotFoundError):
                continue
    return found


def _sweep_reading(folder: Path, before: float) -> None:
    """Delete what a killed process was reading: nobody holds a lock on it."""
    for named in _named(folder):
        path = folder / str(named)
        with suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                if os.fstat(descriptor).st_ctime < before:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    path.unlink()
            finally:
                os.close(descriptor)
