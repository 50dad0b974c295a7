"""Some sockets among many, in a process that does nothing else: it sees when a frame was there, not when it was read.

A client of 10,000 sockets takes 0.1 s and more to read what one event brings, and what it reads last seems late.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from multiprocessing.connection import Connection
from typing import cast

import uvloop

from benchmarks.graph.sockets import Heard, connect

_MORE_URGENT = -10
"""Its few frames a second are to be read as they come, whoever else wants the core."""


class Witness:
    """The process, as seen from the one that started it."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    async def join(self, sockets: int) -> None:
        """Have it open some more sockets."""
        self._pipe.send(sockets)
        await asyncio.to_thread(self._pipe.recv)

    async def latencies(self) -> list[float]:
        """How late its frames were, in seconds; it ends."""
        self._pipe.send(None)
        return cast("list[float]", await asyncio.to_thread(self._pipe.recv))


@asynccontextmanager
async def witnessing(port: int, messages: list[list[bytes]]) -> AsyncIterator[Witness]:
    """A witness for a server, until the block ends."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_run, args=(theirs, port, messages), daemon=True)
    process.start()
    theirs.close()
    try:
        yield Witness(ours)
    finally:
        ours.close()
        await asyncio.to_thread(process.join, 5)
        process.kill()


def _run(pipe: Connection, port: int, messages: list[list[bytes]]) -> None:
    with suppress(PermissionError):
        os.nice(_MORE_URGENT)
    with suppress(EOFError):
        uvloop.run(_listen(pipe, port, messages))


async def _listen(pipe: Connection, port: int, messages: list[list[bytes]]) -> None:
    heard = Heard()
    while (sockets := await asyncio.to_thread(pipe.recv)) is not None:
        await connect(port, sockets, heard, messages)
        pipe.send(heard.open)
    pipe.send(heard.latencies)
