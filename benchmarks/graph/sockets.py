"""Many WebSockets in one process, each as little as can be: it counts frames, and looks at their numbers and stamps."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import time
from dataclasses import dataclass, field
from typing import cast

_PER_ADDRESS = 20_000
"""Connections from one address of loopback: it has 28,000 ports."""
_AT_A_TIME = 200
_HEAD_END = b"\r\n\r\n"
_STAMP = re.compile(rb'"text":"([0-9.]+)')
_NUMBER = re.compile(rb'"sequence":([0-9]+)')


@dataclass
class Heard:
    """What all sockets of a run have heard."""

    frames: int = 0
    open: int = 0
    lost: int = 0
    """Events that did not come, came twice or out of order."""
    closed: list[str] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    """From the stamp in an event, which was made before it was recorded, to its frame."""
    sample: bytes = b""
    """The message that came last."""


class Listener(asyncio.Protocol):
    """One socket: shakes hands, sends what it is to send, then listens."""

    def __init__(self, heard: Heard, path: str, messages: list[bytes], *, opening: bool) -> None:
        self._heard, self._path, self._messages = heard, path, messages
        self._buffer = b""
        self._handshaken = False
        self._opening = opening
        self._number = 0
        self.transport: asyncio.Transport | None = None
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake."""
        self.transport = cast("asyncio.Transport", transport)
        key = base64.b64encode(os.urandom(16)).decode()
        head = (
            f"GET {self._path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
        )
        self.transport.write(head.encode())

    def data_received(self, data: bytes) -> None:
        """Take the frames out of what has come."""
        buffer = self._buffer + data if self._buffer else data
        if not self._handshaken:
            head, end, buffer = buffer.partition(_HEAD_END)
            if not end:
                self._buffer = head
                return
            if b" 101 " not in head:
                self.ready.set_exception(RuntimeError(head.decode(errors="replace")))
                return
            self._handshaken = True
            self._say(self._messages)
        at = 0
        while (frame := _frame(buffer, at)) is not None:
            opcode, start, at = frame
            self._hear(opcode, buffer[start:at])
        self._buffer = buffer[at:]

    def _say(self, messages: list[bytes]) -> None:
        if self.transport is not None:
            self.transport.write(b"".join(messages))
        if not self._opening:
            self._begin()

    def _begin(self) -> None:
        if not self.ready.done():
            self._heard.open += 1
            self.ready.set_result(None)

    def _hear(self, opcode: int, payload: bytes) -> None:
        if opcode == 0x9 and self.transport is not None:  # noqa: PLR2004 - ping
            self.transport.write(masked(payload, 0xA))
        elif opcode == 0x8:  # noqa: PLR2004 - close
            self._heard.closed.append(payload.decode(errors="replace"))
        elif opcode == 0x1 and (number := _NUMBER.search(payload)) is not None:
            heard, found = self._heard, int(number[1])
            heard.frames += 1
            heard.lost += self._number not in {0, found - 1}
            heard.sample = payload
            self._number = found
            if (stamp := _STAMP.search(payload)) is not None:
                heard.latencies.append(time.monotonic() - float(stamp[1]))
        elif b'"type":"next"' in payload or b'"type": "next"' in payload:
            self._begin()
        elif b'"type":"error"' in payload:
            self.ready.set_exception(RuntimeError(payload.decode()))
        elif b'"type":"ping"' in payload and self.transport is not None:
            self.transport.write(masked(b'{"type":"pong"}'))

    def connection_lost(self, exc: Exception | None) -> None:
        """Count out."""
        self._heard.open -= self.ready.done()
        if not self.ready.done():
            why = self._heard.closed[-1:]
            self.ready.set_exception(exc or RuntimeError(f"closed before it was ready: {why}"))


def masked(payload: bytes, opcode: int = 0x1) -> bytes:
    """A frame as clients send it; with a mask of zeros, which changes nothing."""
    size = len(payload)
    if size < 126:  # noqa: PLR2004
        return bytes([0x80 | opcode, 0x80 | size]) + b"\0\0\0\0" + payload
    return bytes([0x80 | opcode, 0x80 | 126]) + size.to_bytes(2, "big") + b"\0\0\0\0" + payload


def _frame(buffer: bytes, at: int) -> tuple[int, int, int] | None:
    """Opcode, start and end of the payload of the frame at a place, when all of it is there."""
    left = len(buffer) - at
    if left < 2:  # noqa: PLR2004
        return None
    size, start = buffer[at + 1] & 0x7F, at + 2
    if size == 126:  # noqa: PLR2004
        size, start = int.from_bytes(buffer[at + 2 : at + 4], "big"), at + 4
    elif size == 127:  # noqa: PLR2004
        size, start = int.from_bytes(buffer[at + 2 : at + 10], "big"), at + 10
    return (buffer[at] & 0x0F, start, start + size) if len(buffer) >= start + size else None


async def connect(
    port: int, count: int, heard: Heard, messages: list[list[bytes]], *, path: str = "/graphql", opening: bool = True
) -> list[Listener]:
    """Open sockets, each with one of the lists of messages; all have their opening when this returns."""
    loop = asyncio.get_running_loop()
    listeners: list[Listener] = []
    for start in range(0, count, _AT_A_TIME):
        some = []
        for number in range(start, min(start + _AT_A_TIME, count)):
            listener = Listener(heard, path, messages[number % len(messages)], opening=opening)
            address = f"127.0.0.{2 + number // _PER_ADDRESS}"
            await loop.create_connection(lambda made=listener: made, "127.0.0.1", port, local_addr=(address, 0))  # type: ignore[misc]
            some.append(listener)
        await asyncio.gather(*(listener.ready for listener in some))
        listeners += some
    return listeners
