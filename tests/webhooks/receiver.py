"""Somebody's endpoint on loopback: it keeps what it is sent, answers as it is told, and checks signatures by itself."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Received:
    """A request that came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        """Its `webhook-id`."""
        return self.headers["webhook-id"]

    def json(self) -> dict[str, Any]:
        """Its body."""
        found: dict[str, Any] = json.loads(self.body)
        return found

    def is_signed_with(self, secret: str) -> bool:
        """Whether one of its signatures is of this secret, reckoned as the specification says, by none of our code."""
        assert secret.startswith("whsec_")
        key = base64.b64decode(secret[len("whsec_") :])
        signed = b".".join([self.id.encode(), self.headers["webhook-timestamp"].encode(), self.body])
        expected = base64.standard_b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
        versions = [each.split(",", 1) for each in self.headers["webhook-signature"].split(" ")]
        return any(version == "v1" and hmac.compare_digest(found, expected) for version, found in versions)


@dataclass
class Answering:
    """How to answer: a status, headers and a body, after some seconds, `after` more for the body."""

    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 0.0


@dataclass
class Receiver:
    """What came so far, and how the next are answered; `otherwise` for those after them."""

    port: int = 0
    received: list[Received] = field(default_factory=list)
    answers: list[Answering] = field(default_factory=list)
    otherwise: Answering = field(default_factory=Answering)
    at_a_time: int = 0
    most_at_a_time: int = 0

    @property
    def url(self) -> str:
        """Where to send."""
        return f"http://127.0.0.1:{self.port}/hook"

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request on one connection."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.rstrip("\r\n").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.received.append(Received(first.split(" ")[1], headers, body))
        answer = self.answers.pop(0) if self.answers else self.otherwise
        self.at_a_time += 1
        self.most_at_a_time = max(self.most_at_a_time, self.at_a_time)
        try:
            await asyncio.sleep(answer.seconds)
        finally:
            self.at_a_time -= 1
        told = {"content-length": str(len(answer.body)), "connection": "close"} | answer.headers
        lines = [f"HTTP/1.1 {answer.status} Told", *(f"{name}: {value}" for name, value in told.items()), "", ""]
        with suppress(ConnectionError):
            writer.write("\r\n".join(lines).encode("latin-1") + answer.body)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """An endpoint on a free port."""
    receiver = Receiver()
    running: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        with suppress(asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            await receiver.answer(reader, writer)
        running.discard(task)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await server.wait_closed()
