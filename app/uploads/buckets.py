"""Uploads in a bucket: an object of parts each, put together at the end; what is too small for a part lies beside."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import structlog

from app.errors import ConflictError, UnavailableError
from app.providers.calls import ProviderPool
from app.providers.objects import ObjectStore, Part
from app.providers.problems import ProviderError
from app.records.uploads import Refused, UploadRefusedError
from app.uploads.bucket_writer import Beginning, BucketWriter, read_tail
from app.uploads.faults import bytes_are_gone, telling_faults
from app.uploads.local import LocalStorage
from app.uploads.storage import KnownUploads, Place, Reread, Writer
from app.uploads.threads import DiskThreads

CALL_SECONDS = 300.0
"""Of one call with the SDK's own tries: the largest part is 63 MiB."""
WAIT_SECONDS = 30.0
BLOCK_BYTES = 4_194_304
TAIL = ".tail"
_MOST_DELETED = 1_000
_RETRY_SECONDS = 30

Result = TypeVar("Result")


class BucketStorage:
    """A bucket, whose client is made when it is first used. Files for readers are fetched into `local`."""

    def __init__(
        self,
        connect: Callable[[], ObjectStore],
        prefix: str,
        pool: ProviderPool,
        local: LocalStorage,
        threads: DiskThreads,
    ) -> None:
        self._connect, self._prefix, self._pool = connect, prefix, pool
        self._local, self._threads = local, threads
        self._made: ObjectStore | None = None
        self._making = asyncio.Lock()

    async def has_room(self, size: int) -> bool:  # noqa: ARG002  (a bucket has no end)
        """Always."""
        return True

    async def begin(self, place: Place) -> str | None:
        """An unfinished object, unless there is one or the object is whole."""
        store, key, owner = await self._store(), self.key(place), place.organization_id
        if place.multipart_id is not None:
            parts = await self.call(owner, partial(store.parts, key, place.multipart_id))
            if parts is not None or await self.call(owner, partial(store.size, key)) == place.length:
                return None
        return await self.call(owner, partial(store.begin, key))

    async def measure(self, place: Place) -> int:
        """The bytes of the stored parts and of the tail."""
        found = None if place.multipart_id is None else await self._found(place)
        return 0 if found is None else found.offset

    @asynccontextmanager
    async def writer(self, place: Place, reread: Reread) -> AsyncIterator[Writer]:
        """A writer after what is really there. The caller has made sure that there is no other."""
        place = await reread()
        found = await self._found(place)
        if found is None:
            message = "The parts of this upload are gone from the bucket. Ask for the offset by HEAD, and begin anew."
            raise UploadRefusedError(Refused.WRONG_OFFSET, message, offset=0)
        store, owner = await self._store(), place.organization_id
        yield BucketWriter(
            store, self.key(place), place, found, partial(self.call, owner), partial(self.hash_of, place)
        )

    @asynccontextmanager
    async def open(self, place: Place, sha256: bytes) -> AsyncIterator[Path]:
        """The object as a file of this machine, checked."""
        try:
            room = await self._local.has_room(place.length)
        except UploadRefusedError as error:
            raise UnavailableError(error.message, retryAfter=error.retry_after or 1) from None
        if not room:
            message = "This machine has no room for the file at the moment. Try again later."
            raise UnavailableError(message, retryAfter=_RETRY_SECONDS)
        with self._local.reading_file() as (descriptor, path):
            try:
                store = await self._store()
                if await self.call(place.organization_id, partial(store.size, self.key(place))) != place.length:
                    raise bytes_are_gone()
                found = await self._fetched(place, descriptor)
            except UploadRefusedError as error:
                raise UnavailableError(error.message, retryAfter=error.retry_after or 1) from None
            if found != sha256:
                message = "The bytes of this upload are no longer those that were received; send the file again."
                raise ConflictError(message)
            yield path

    async def forget(self, place: Place) -> None:
        """Delete the object, its tail and its parts."""
        store, key, owner = await self._store(), self.key(place), place.organization_id
        if place.multipart_id is not None:
            await self.call(owner, partial(store.abort, key, place.multipart_id))
        await self.call(owner, partial(store.delete, [key, key + TAIL]))

    async def forget_organization(self, organization_id: UUID) -> None:
        """Delete all objects and parts under the organization's beginning of keys."""
        store, prefix = await self._store(), f"{self._prefix}{organization_id}/"
        async for unfinished in self._pages(store.unfinished(prefix)):
            for entry in unfinished:
                await self.call(organization_id, partial(store.abort, entry.key, entry.multipart_id))
        async for objects in self._pages(store.objects(prefix)):
            await self._delete([entry.key for entry in objects])

    async def sweep(self, known: KnownUploads, before: datetime) -> int:
        """Delete what no upload has a right to; leaves alone what is not named as ours."""
        store, swept = await self._store(), set()
        async for objects in self._pages(store.objects(self._prefix)):
            keys = [entry.key for entry in objects if entry.modified < before]
            stray = await self._stray(keys, known)
            await self._delete(list(stray))
            swept |= set(stray.values())
        async for unfinished in self._pages(store.unfinished(self._prefix)):
            old = {entry.key: entry for entry in unfinished if entry.began < before}
            stray = await self._stray(list(old), known)
            for key in stray:
                await self.call(None, partial(store.abort, key, old[key].multipart_id))
            swept |= set(stray.values())
        return len(swept)

    async def call(self, owner: UUID | None, function: Callable[[], Result]) -> Result:
        """Call the store in a thread; its problems become UploadRefusedError(STORAGE_AWAY), and a line of the log."""
        try:
            return await self._pool.call(function, CALL_SECONDS, owner, wait=WAIT_SECONDS)
        except ProviderError as problem:
            structlog.get_logger(__name__).warning(
                "upload_bucket_fault", code=problem.code.value, reason=problem.message, remedy=problem.remedy
            )
            message = (
                "The bucket of uploads does not answer as it should. What was stored stays; try again in a minute."
            )
            raise UploadRefusedError(Refused.STORAGE_AWAY, message, retry_after=_RETRY_SECONDS) from None

    async def hash_of(self, place: Place) -> bytes:
        """The SHA-256 of the object as it is in the bucket: of what other requests sent only that is certain."""
        found = hashlib.sha256()
        async for block in self._blocks(place):
            await self._threads.run(found.update, block)
        return found.digest()

    def key(self, place: Place) -> str:
        """The key of an upload's object."""
        return f"{self._prefix}{place.organization_id}/{place.upload_id}"

    async def _store(self) -> ObjectStore:
        async with self._making:
            if self._made is None:
                self._made = await self.call(None, self._connect)
        return self._made

    async def _found(self, place: Place) -> Beginning | None:
        """What is there of an upload; None when neither its parts nor the whole object are."""
        if place.multipart_id is None:
            return None
        store, key, owner = await self._store(), self.key(place), place.organization_id
        parts = await self.call(owner, partial(store.parts, key, place.multipart_id))
        if parts is None:
            whole = await self.call(owner, partial(store.size, key)) == place.length
            return Beginning(place.length, whole=True) if whole else None
        parts = _consecutive(parts)
        tail = await self.call(owner, partial(read_tail, store, key + TAIL, place, sum(part.size for part in parts)))
        return Beginning.of(parts, tail)

    async def _fetched(self, place: Place, descriptor: int) -> bytes:
        """Fetch the object into a file; returns its SHA-256."""
        found, position = hashlib.sha256(), 0

        def take(block: bytes, position: int) -> None:
            found.update(block)
            with memoryview(block) as rest:
                done = 0
                while done < len(rest):
                    done += os.pwrite(descriptor, rest[done:], position + done)

        async for block in self._blocks(place):
            with telling_faults():
                await self._threads.run(take, block, position)
            position += len(block)
        return found.digest()

    async def _blocks(self, place: Place) -> AsyncIterator[bytes]:
        store = await self._store()
        async for block in self._pages(store.read(self.key(place), BLOCK_BYTES)):
            yield block

    async def _pages(self, pages: Iterator[Result]) -> AsyncIterator[Result]:
        while (page := await self.call(None, partial(next, pages, None))) is not None:
            yield page

    async def _delete(self, keys: list[str]) -> None:
        store = await self._store()
        for start in range(0, len(keys), _MOST_DELETED):
            await self.call(None, partial(store.delete, keys[start : start + _MOST_DELETED]))

    async def _stray(self, keys: list[str], known: KnownUploads) -> dict[str, UUID]:
        """The uploads by keys, of those keys that are named as ours and of no upload that has a right to bytes."""
        named: dict[UUID, dict[str, UUID]] = defaultdict(dict)
        for key in keys:
            organization, _, upload = key.removeprefix(self._prefix).removesuffix(TAIL).partition("/")
            if (ids := _ids(organization, upload)) is not None:
                named[ids[0]][key] = ids[1]
        stray: dict[str, UUID] = {}
        for organization_id, uploads in named.items():
            kept = await known(organization_id, set(uploads.values()))
            stray |= {key: upload_id for key, upload_id in uploads.items() if upload_id not in kept}
        return stray


def _consecutive(parts: list[Part]) -> list[Part]:
    """The parts from the first on without a hole."""
    return [part for number, part in enumerate(parts, 1) if part.number == number]


def _ids(*texts: str) -> tuple[UUID, ...] | None:
    try:
        found = tuple(UUID(text) for text in texts)
    except ValueError:
        return None
    return found if all(str(id_) == text for id_, text in zip(found, texts, strict=True)) else None
