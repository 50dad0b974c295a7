"""One connection to Valkey on which calls follow each other without waiting for answers.

A call through the client of redis-py takes 69 µs of this process, this 24, of which the kernel has 13. The client still
connects, so that TLS, sockets of files, names and passwords are its business.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, cast

import hiredis
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection

ANSWER_SECONDS = 0.5
"""Longest wait for an answer; Valkey takes 20 µs."""


class PipeClosedError(ConnectionError):
    """Valkey is away, or too slow."""


class Pipe(asyncio.Protocol):
    """The connection, once `open` has made it."""

    def __init__(self, connection: AbstractConnection, transport: asyncio.Transport) -> None:
        self._connection, self._transport = connection, transport
        self._reader = hiredis.Reader()
        self._waiting: deque[tuple[float, asyncio.Future[Any] | None]] = deque()
        self._loop = asyncio.get_running_loop()
        self._watch: asyncio.TimerHandle | None = None
        self.closed = False

    @classmethod
    async def open(cls, valkey: Redis) -> Pipe:
        """Connect as the client would. Raises RedisError and OSError."""
        connection = cast("AbstractConnection", valkey.connection_pool.make_connection())  # type: ignore[no-untyped-call]
        await connection.connect()  # type: ignore[no-untyped-call]
        transport = connection._writer.transport  # type: ignore[union-attr]  # noqa: SLF001 - no public way to it
        pipe = cls(connection, cast("asyncio.Transport", transport))
        transport.set_protocol(pipe)
        return pipe

    def send(self, command: bytes, *, awaited: bool = True) -> asyncio.Future[Any]:
        """Send a call; the future has its answer, or an exception where Valkey refuses it. PipeClosedError."""
        if self.closed:
            raise PipeClosedError
        future = self._loop.create_future()
        self._waiting.append((self._loop.time() + ANSWER_SECONDS, future if awaited else None))
        self._transport.write(command)
        if self._watch is None:
            self._watch = self._loop.call_later(ANSWER_SECONDS, self._look)
        return future

    def close(self) -> None:
        """Hang up; who still waits is told that it is closed."""
        self.closed = True
        self._transport.abort()
        self._connection._writer = self._connection._reader = None  # noqa: SLF001 - it has nothing left to close
        if self._watch is not None:
            self._watch.cancel()
        while self._waiting:
            future = self._waiting.popleft()[1]
            if future is not None and not future.done():
                future.set_exception(PipeClosedError())

    def data_received(self, data: bytes) -> None:
        """Give answers to who waits for them, in order."""
        self._reader.feed(data)
        while self._waiting and (answer := self._reader.gets()) is not False:
            future = self._waiting.popleft()[1]
            if future is None or future.done():
                continue
            if isinstance(answer, hiredis.HiredisError):
                future.set_exception(answer)
            else:
                future.set_result(answer)

    def connection_lost(self, _error: Exception | None) -> None:
        """Valkey has hung up."""
        self.close()

    def _look(self) -> None:
        """Close where the oldest call has had no answer in time."""
        self._watch = None
        if not self._waiting:
            return
        left = self._waiting[0][0] - self._loop.time()
        if left <= 0:
            self.close()
        else:
            self._watch = self._loop.call_later(left, self._look)
