"""Asks one server again and again over connections that stay open, and counts what that costs the server's process.

The generator's own cost counts for nothing: it runs on the other core. The figure is the time that the kernel gave all
threads of the server (/proc/PID/task/*/schedstat, nanoseconds), children included, for each request answered.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

_OK = b"HTTP/1.1 200"
_END = b"\r\n\r\n"
LEAST_REQUESTS = 10
"""However long they take: one or two say little of a server that collects its garbage now and then."""
_LAST_CHUNK = b"0\r\n\r\n"


@dataclass
class Load:
    """What came of asking for a while. `cpu` is in seconds a request, so are the times of `latencies`.

    `failed` are answers that were not 200 or another than expected, such as that of a server that ran out of time: they
    are no requests, and what they cost is borne by those that were answered.
    """

    requests: int
    seconds: float
    cpu: float
    latencies: list[float]
    failed: int

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds

    def quantile(self, part: float) -> float:
        """The time within which this part of the requests was answered, in seconds."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


class AnswerError(RuntimeError):
    """A server gave no answer, or none but others than expected."""


def without_cost(body: bytes) -> bytes:
    """An answer of Skyledger without what it says of the caller's points, which differs from one to the next."""
    return body.partition(b',"extensions":{"cost":')[0]


@dataclass
class Run:
    """What the connections of one measurement share."""

    request: bytes
    until: float
    done: asyncio.Future[None]
    open: int
    expected: bytes | None
    latencies: list[float] = field(default_factory=list)
    failures: list[bytes] = field(default_factory=list)

    def end(self, error: Exception | None = None) -> None:
        """One connection has asked its last; with an error all have."""
        self.open -= 1
        if self.done.done():
            return
        if error is not None:
            self.done.set_exception(error)
        elif not self.open:
            self.done.set_result(None)


class Asker(asyncio.Protocol):
    """One connection: sends the request, waits for the whole answer, sends it again."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.buffer = b""
        self.sent_at = 0.0
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = cast("asyncio.Transport", transport)
        self._send()

    def _send(self) -> None:
        if self.transport is not None:
            self.sent_at = time.perf_counter()
            self.transport.write(self.run.request)

    def data_received(self, data: bytes) -> None:
        """Gather until the answer is whole."""
        self.buffer = self.buffer + data if self.buffer else data
        body = whole_body(self.buffer)
        if body is None:
            return
        now = time.perf_counter()
        if not self.buffer.startswith(_OK) or (
            self.run.expected is not None and without_cost(body) != without_cost(self.run.expected)
        ):
            self.run.failures.append(self.buffer[:1000])
        else:
            self.run.latencies.append(now - self.sent_at)
        self.buffer = b""
        if now < self.run.until or len(self.run.latencies) + len(self.run.failures) < LEAST_REQUESTS:
            self._send()
        else:
            self._leave(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """The server must not hang up."""
        if self.transport is not None:
            self._leave(AnswerError(f"the server closed a connection: {exc}"))

    def _leave(self, error: Exception | None) -> None:
        if self.transport is not None:
            transport, self.transport = self.transport, None
            self.run.end(error)
            transport.close()


def whole_body(buffer: bytes) -> bytes | None:
    """The body of an answer, as it came, once all of it is there."""
    head_end = buffer.find(_END)
    if head_end < 0:
        return None
    head = buffer[:head_end].lower()
    at = head.find(b"content-length:")
    start = head_end + len(_END)
    if at >= 0:
        length = int(head[at + 15 :].split(b"\r\n", 1)[0])
        return buffer[start : start + length] if len(buffer) >= start + length else None
    return buffer[start:] if buffer.endswith(_LAST_CHUNK) else None


def cpu_of(process: int) -> float:
    """Seconds of CPU that a process and its children have had so far."""
    spent = 0.0
    for one in (process, *children_of(process)):
        for task in Path(f"/proc/{one}/task").iterdir():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # the thread has just ended
                spent += int((task / "schedstat").read_text(encoding="ascii").split()[0]) / 1e9
    return spent


def children_of(process: int) -> list[int]:
    """All processes below a process."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            fields = stat.read_text(encoding="utf-8", errors="replace").rsplit(")", 1)[1].split()
            parents.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found = list(parents.get(process, ()))
    for one in found:  # grows while it is walked
        found += parents.get(one, ())
    return found


async def ask(
    port: int, request: bytes, process: int, *, connections: int, seconds: float, expected: bytes | None = None
) -> Load:
    """Ask for some seconds, and at least LEAST_REQUESTS times.

    Raises AnswerError where no answer is 200 and, where one is given, the expected body.
    """
    loop = asyncio.get_running_loop()
    run = Run(request, time.perf_counter() + seconds, loop.create_future(), connections, expected)
    cpu, begun = cpu_of(process), time.perf_counter()
    for _ in range(connections):
        await loop.create_connection(lambda: Asker(run), "127.0.0.1", port)
    await asyncio.wait_for(run.done, seconds + 60)
    spent, taken = cpu_of(process) - cpu, time.perf_counter() - begun
    if not run.latencies:
        raise AnswerError(run.failures[0].decode(errors="replace"))
    return Load(len(run.latencies), taken, spent / len(run.latencies), run.latencies, len(run.failures))


async def ask_once(port: int, request: bytes) -> tuple[bytes, bytes]:
    """One answer's body, as it came and without the marks of chunks. Raises AnswerError where it is not 200."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**26)
    writer.write(request)
    buffer = b""
    try:
        while (body := whole_body(buffer)) is None:
            data = await reader.read(2**20)
            if not data:
                break
            buffer += data
    finally:
        writer.close()
    if body is None or not buffer.startswith(_OK):
        raise AnswerError(buffer[:600].decode(errors="replace"))
    chunked = b"\r\ntransfer-encoding: chunked" in buffer[: buffer.find(_END)].lower()
    return body, unchunked(body) if chunked else body


def unchunked(body: bytes) -> bytes:
    """A body that came in chunks, without their lengths."""
    parts = []
    while (length := int(body[: body.find(b"\r\n")], 16)) > 0:
        start = body.find(b"\r\n") + 2
        parts.append(body[start : start + length])
        body = body[start + length + 2 :]
    return b"".join(parts)
