"""Many WebSockets that only listen, and what it costs a server to tell all of them something.

    python -m benchmarks.graph.broadcast_load --sockets 1000 --bytes 400     of the raw broadcast

Sockets are read as bytes: of frames of a known length nothing need be parsed. Between two ticks all frames of the first
have arrived, so none are joined on their way. The figure is the server's CPU time for each frame.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import httpx
import uvloop
from rich.console import Console

from benchmarks.graph.load import cpu_of

_KEY = base64.b64encode(bytes(16)).decode()
_END = b"\r\n\r\n"
_SHORT, _MEDIUM = 126, 65_536
AT_ONCE = 100
"""Sockets that are opened at a time."""
SERVER_CORE, OTHER_CORE = 0, 1


@dataclass(frozen=True)
class Told:
    """What telling cost: `frames` in all, `cpu` seconds of the server, `seconds` by the clock.

    `latest` is when the last socket had it, in seconds from each tick.
    """

    frames: int
    cpu: float
    seconds: float
    latest: list[float]

    def __str__(self) -> str:
        latest = sorted(self.latest)
        return (
            f"{self.cpu / self.frames * 1e6:.2f} µs a frame, {self.frames / self.cpu:,.0f} frames/s of CPU, "
            f"{self.frames / self.seconds:,.0f} by the clock; the last socket after "
            f"{latest[len(latest) // 2] * 1e3:.1f} ms (median)"
        )


def frame_bytes(payload: int) -> int:
    """The length of a server's frame with so many bytes in it."""
    return payload + (2 if payload < _SHORT else 4 if payload < _MEDIUM else 10)


class Listeners:
    """Sockets, and how many bytes they have read together; `wait_for` waits for some number of them."""

    def __init__(self) -> None:
        self.read = 0
        self.sockets: list[asyncio.Transport] = []
        self._wanted = 0
        self._arrived: asyncio.Future[float] | None = None

    async def open(self, port: int, path: str, count: int) -> None:
        """Open `count` sockets. Raises RuntimeError where one is refused."""
        loop = asyncio.get_running_loop()
        head = (
            f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
            f"sec-websocket-key: {_KEY}\r\nsec-websocket-version: 13\r\n\r\n"
        ).encode()
        for begun in range(0, count, AT_ONCE):
            made = [
                await loop.create_connection(lambda: _Listener(self, head), "127.0.0.1", port)
                for _ in range(min(AT_ONCE, count - begun))
            ]
            for transport, listener in made:
                await asyncio.wait_for(listener.opened, 30)
                self.sockets.append(transport)

    def expect(self, count: int) -> asyncio.Future[float]:
        """The moment at which `count` more bytes have been read."""
        self._wanted = self.read + count
        self._arrived = asyncio.get_running_loop().create_future()
        return self._arrived

    def count(self, length: int) -> None:
        """Some bytes were read."""
        self.read += length
        if self._arrived is not None and self.read >= self._wanted and not self._arrived.done():
            self._arrived.set_result(time.perf_counter())

    def close(self) -> None:
        """Hang up."""
        for socket in self.sockets:
            socket.abort()


class _Listener(asyncio.Protocol):
    """One socket."""

    def __init__(self, listeners: Listeners, head: bytes) -> None:
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._listeners, self._head = listeners, head
        self._answer: bytes | None = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).write(self._head)

    def data_received(self, data: bytes) -> None:
        if self._answer is None:
            self._listeners.count(len(data))
            return
        self._answer += data
        if _END in self._answer:
            if self._answer.startswith(b"HTTP/1.1 101"):
                self.opened.set_result(None)
            else:
                self.opened.set_exception(RuntimeError(self._answer[:300].decode(errors="replace")))
            self._answer = None


async def tell(port: int, process: int, *, sockets: int, payload: int, ticks: int) -> Told:
    """Tell `sockets` sockets of the raw broadcast the same `ticks` times, after a tenth as many to warm up."""
    listeners = Listeners()
    await listeners.open(port, "/socket", sockets)
    text, each = "x" * payload, sockets * frame_bytes(payload)
    latest = []
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        cpu = begun = 0.0
        for number in range(-ticks // 10, ticks):
            if number == 0:
                cpu, begun = cpu_of(process), time.perf_counter()
            arrived, sent = listeners.expect(each), time.perf_counter()
            (await client.post("/tick", content=text)).raise_for_status()
            latest.append(await asyncio.wait_for(arrived, 60) - sent)
        told = Told(sockets * ticks, cpu_of(process) - cpu, time.perf_counter() - begun, latest[-ticks:])
    listeners.close()
    return told


def main(arguments: Sequence[str]) -> None:
    """Start the raw broadcast on one core, listen on the other, and say what it cost."""
    parser = argparse.ArgumentParser(description="What a raw broadcast to many WebSockets costs.")
    parser.add_argument("--sockets", type=int, default=1_000)
    parser.add_argument("--bytes", type=int, default=400, help="of the text in a frame")
    parser.add_argument("--ticks", type=int, default=100)
    parser.add_argument("--port", type=int, default=8_790)
    asked = parser.parse_args(arguments)
    command = [sys.executable, "-m", "benchmarks.graph.raw_broadcast", str(asked.port)]
    with subprocess.Popen(command, preexec_fn=lambda: os.sched_setaffinity(0, {SERVER_CORE})) as server:  # noqa: PLW1509, S603  (no thread was started yet; our own server)
        try:
            os.sched_setaffinity(0, {OTHER_CORE})
            _wait(asked.port)
            work = tell(asked.port, server.pid, sockets=asked.sockets, payload=asked.bytes, ticks=asked.ticks)
            Console().print(f"{asked.sockets:,} sockets, {asked.bytes} bytes: {uvloop.run(work)}")
        finally:
            server.terminate()


def _wait(port: int) -> None:
    """Until the server answers; it has 30 seconds."""
    until = time.monotonic() + 30
    while True:
        try:
            httpx.get(f"http://127.0.0.1:{port}/")
        except httpx.TransportError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        else:
            return


if __name__ == "__main__":
    main(sys.argv[1:])
