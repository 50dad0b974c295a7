"""One request's bytes on their way into the storage: in blocks, with checkpoints, kept whatever ends the request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import structlog

from app.records.uploads import Refused, UploadRefusedError
from app.tasks import to_the_end
from app.uploads.faults import no_space
from app.uploads.storage import Place, Storage, Writer

BLOCK_BYTES = 1_048_576
"""Written at a time: a chunk of the network is 64 KiB at most, for which a thread is too dear."""
CHECKPOINT_BYTES = 33_554_432
"""So much at most has to be sent again after a kill -9."""
LOOK_SECONDS = 4.0
"""How often the caller's right to write is looked at: a revocation bites within 5 s."""


class Reception:
    """Takes chunks until they end. `stored` notes how many bytes are certain; `look` raises when it has to end."""

    def __init__(
        self,
        storage: Storage,
        writer: Writer,
        place: Place,
        *,
        stored: Callable[[int], Awaitable[None]],
        look: Callable[[], Awaitable[None]],
    ) -> None:
        self.taken = writer.offset
        """Bytes of the file that have arrived, stored or about to be."""
        self._storage, self._writer, self._place = storage, writer, place
        self._stored, self._look = stored, look
        self._block = bytearray()
        self._since_checkpoint = 0
        self._noted = place.confirmed

    async def take(self, chunks: AsyncIterator[bytes]) -> bytes | None:
        """Store all chunks; returns the SHA-256 of the whole file when it is whole, else None.

        Whatever is raised, what has arrived before it is kept where that is possible.
        """
        try:
            await self._take_all(chunks)
            if self.taken == self._place.length:
                return await self._writer.seal()
            await self._park()
        except BaseException:
            await to_the_end(self._keep())
            raise
        return None

    async def _take_all(self, chunks: AsyncIterator[bytes]) -> None:
        clock = asyncio.get_running_loop().time
        looked = clock()
        async for chunk in chunks:
            if self.taken + len(chunk) > self._place.length:
                raise too_long(self._place.length)
            self._block += chunk
            self.taken += len(chunk)
            if clock() - looked > LOOK_SECONDS:
                await self._look()
                looked = clock()
            if len(self._block) >= BLOCK_BYTES:
                await self._write()
            if self._since_checkpoint >= CHECKPOINT_BYTES:
                await self._checkpoint()
        await self._write()

    async def _write(self) -> None:
        # Let go of first: a block that was being written when something went wrong must not be written twice.
        block, self._block = self._block, bytearray()
        if block:
            await self._writer.write(block)
            self._since_checkpoint += len(block)

    async def _checkpoint(self) -> None:
        self._since_checkpoint = 0
        await self._note(await self._writer.checkpoint())
        await self._look()
        if not await self._storage.has_room(0):
            raise no_space()

    async def _park(self) -> None:
        await self._note(await self._writer.park())

    async def _note(self, certain: int) -> None:
        if certain != self._noted:
            await self._stored(certain)
            self._noted = certain

    async def _keep(self) -> None:
        """After a fault: keep what can be kept. The fault itself is raised by the caller of this."""
        try:
            with suppress(UploadRefusedError):
                await self._write()
            await self._park()
        except Exception as error:  # noqa: BLE001 - drivers raise many kinds while a server is away
            # What was not noted is measured, or sent again.
            structlog.get_logger(__name__).info("upload_not_parked", error=type(error).__name__)


def too_long(length: int) -> UploadRefusedError:
    """More bytes than were announced."""
    message = f"The upload was created for {length:,} bytes, and this is more. Create another one for the whole file."
    return UploadRefusedError(Refused.TOO_LONG, message)
