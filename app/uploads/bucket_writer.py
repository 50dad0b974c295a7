"""Writes one upload into a bucket, part by part; what is too small for a part is parked beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from app.providers.objects import MOST_PARTS, ObjectStore, Part
from app.records.uploads import Refused, UploadRefusedError
from app.uploads.storage import Place

PART_BYTES = 8_388_608
_MEBIBYTE = 1_048_576
_SPARE_PARTS = 1_000
"""Parts that a resumption may leave smaller than the others."""
_POSITION_BYTES = 8

Call = Callable[[Callable[[], Any]], Awaitable[Any]]


@dataclass(frozen=True)
class Beginning:
    """What is in the bucket when writing begins: parts and a tail behind them, or the whole object."""

    offset: int
    parts: tuple[Part, ...] = ()
    tail: bytes = b""
    whole: bool = False

    @classmethod
    def of(cls, parts: list[Part], tail: bytes) -> Beginning:
        """Of an unfinished object."""
        return cls(sum(part.size for part in parts) + len(tail), tuple(parts), tail)


def part_bytes(length: int) -> int:
    """The size of all parts but the last of a file, so that it needs fewer than there may be."""
    least = -(-length // (MOST_PARTS - _SPARE_PARTS))
    return max(PART_BYTES, -(-least // _MEBIBYTE) * _MEBIBYTE)


def read_tail(store: ObjectStore, key: str, place: Place, position: int) -> bytes:
    """The parked bytes that go on at a position; nothing when those that are there are older."""
    stored = store.get(key, 2 * part_bytes(place.length) + _POSITION_BYTES) or b""
    begins, tail = stored[:_POSITION_BYTES], stored[_POSITION_BYTES:]
    return tail if begins == position.to_bytes(_POSITION_BYTES) else b""


class BucketWriter:
    """Appends to an unfinished object; has one part and a block in memory."""

    def __init__(
        self,
        store: ObjectStore,
        key: str,
        place: Place,
        beginning: Beginning,
        call: Call,
        read_back: Callable[[], Awaitable[bytes]],
    ) -> None:
        self.offset = beginning.offset
        self._store, self._key, self._call, self._read_back = store, key, call, read_back
        self._multipart_id = place.multipart_id or ""
        self._parts = list(beginning.parts)
        self._whole = beginning.whole
        self._rest = bytearray(beginning.tail)
        self._part_bytes = part_bytes(place.length)
        # Only of a file that comes in one request is the hash known without reading it again.
        self._hash = hashlib.sha256() if beginning.offset == 0 else None

    async def write(self, data: bytes | bytearray) -> None:
        """Append; stores a part when there is enough for one."""
        self._rest += data
        if len(self._rest) >= self._part_bytes:
            await self._put_part()

    async def checkpoint(self) -> int:
        """The bytes of the stored parts."""
        return sum(part.size for part in self._parts)

    async def park(self) -> int:
        """Store the rest beside the parts."""
        position = await self.checkpoint()
        if self._rest:
            parked = position.to_bytes(_POSITION_BYTES) + bytes(self._rest)
            await self._call(partial(self._store.put, self._tail_key, parked))
        return position + len(self._rest)

    async def seal(self) -> bytes:
        """Put the parts together; returns the SHA-256. Raises UploadRefusedError(BUSY) for parts of another writer."""
        if not self._whole:
            if self._rest:
                await self._put_part()
            whole = await self._call(partial(self._store.complete, self._key, self._multipart_id, list(self._parts)))
            if not whole:
                message = "Another request has written this upload meanwhile. Ask for the offset by HEAD, and go on."
                raise UploadRefusedError(Refused.BUSY, message, retry_after=5)
            self._whole = True
        await self._call(partial(self._store.delete, [self._tail_key]))
        return await self._read_back() if self._hash is None else self._hash.digest()

    @property
    def _tail_key(self) -> str:
        return f"{self._key}.tail"

    async def _put_part(self) -> None:
        body, hashing = bytes(self._rest), self._hash
        # Until the part is stored its bytes stay in the rest, to be parked; a hash with a gap is none.
        self._hash = None

        def put() -> Part:
            if hashing is not None:
                hashing.update(body)
            return self._store.put_part(self._key, self._multipart_id, len(self._parts) + 1, body)

        self._parts.append(await self._call(put))
        self._rest = bytearray()
        self._hash = hashing
