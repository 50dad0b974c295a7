"""A COPY that goes on while its pieces are made, and says at once when it fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.repositories.copying import LongCopy


async def test_pieces_come_in_order_and_are_counted() -> None:
    """Whatever their sizes, with none lost between them."""
    taken = bytearray()

    async def copy(pieces: AsyncIterator[memoryview]) -> int:
        async for piece in pieces:
            await asyncio.sleep(0)
            taken.extend(piece)
        return len(taken)

    copying = LongCopy(copy)
    sent = [bytes([number]) * size for number, size in enumerate((1, 0, 3_000_000, 2**19, 7))]
    async with asyncio.timeout(60):
        for piece in sent:
            await copying.put(memoryview(piece))
        assert await copying.end() == sum(map(len, sent))
    assert taken == b"".join(sent)
    assert copying.pieces == len(sent)


async def test_a_failure_is_told_to_who_hands_over_more() -> None:
    """Nobody waits for a COPY that takes no more."""

    async def copy(pieces: AsyncIterator[memoryview]) -> int:
        await anext(pieces)
        message = "lost"
        raise ConnectionError(message)

    copying = LongCopy(copy)

    async def hand_over() -> None:
        while True:
            await copying.put(memoryview(b"piece"))

    async with asyncio.timeout(60):
        with pytest.raises(ConnectionError, match="lost"):
            await hand_over()
        with pytest.raises(ConnectionError, match="lost"):
            await copying.end()
        await copying.close()


async def test_closing_gives_up_what_is_under_way() -> None:
    """Also where the other side takes nothing."""

    async def copy(pieces: AsyncIterator[memoryview]) -> int:
        await anext(pieces)
        await asyncio.Event().wait()
        return 0

    copying = LongCopy(copy)
    async with asyncio.timeout(60):
        await copying.put(memoryview(b"one"))
        await copying.put(memoryview(b"two"))
        await copying.close()
