"""Who calls the fleet during a campaign: writers that remember what was acknowledged, subscribers that come back."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import httpx
import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

ACCEPT = "application/graphql-response+json"
NOTE = "NOTE_ADDED"
SILENCE_SECONDS = 25
"""Longer than the server's pause between signs of life on a stream."""
ADD_NOTE = """
mutation Add($input: AddNoteInput!) {
  addNote(input: $input) { ... on AddNotePayload { event { sequence data } } ... on UserError { code message } }
}
"""
FOLLOW = """
subscription Follow($organizationId: ID!, $after: String) {
  activity(organizationId: $organizationId, after: $after) { cursor event { sequence kind data } }
}
"""


@dataclass(frozen=True)
class Access:
    """How to reach the organization of the campaign, and since when everything works."""

    urls: list[str]
    organization_id: str
    api_key: str
    chance: random.Random
    works: dict[str, float] = field(default_factory=dict)
    """Who → when what last went well was sent: API processes by URL, subscribers and kinds of jobs by name."""
    sent: dict[str, float] = field(default_factory=dict)
    """Text of a note → when it was sent."""
    failures: list[str] = field(default_factory=list)
    """Requests that did not get the answer they should have."""
    again: asyncio.Event = field(default_factory=asyncio.Event)
    """Set whenever something went well."""

    def went_well(self, who: str, sent: float) -> None:
        """Note that what was sent at that moment has had its effect, if anybody waits for that of this one."""
        if who in self.works:
            self.works[who] = max(sent, self.works[who])
            self.again.set()

    async def until_all_works(self, since: float) -> str:
        """Wait until something that was sent after this moment went well with everybody; who was the last."""
        last = ""
        while late := self.late(since):
            last = late[0]
            self.again.clear()
            await self.again.wait()
        return last

    def late(self, since: float) -> list[str]:
        """With whom nothing yet went well that was sent after this moment."""
        return [who for who, moment in self.works.items() if moment < since]

    @property
    def headers(self) -> dict[str, str]:
        """Of a request to the graph."""
        return {"accept": ACCEPT, "x-api-key": self.api_key}


@dataclass(eq=False)
class Writer:
    """Writes notes one after the other, each text once; what got no clear answer may or may not have been written."""

    name: str
    access: Access
    acknowledged: dict[str, int] = field(default_factory=dict)  # text → sequence
    unknown: set[str] = field(default_factory=set)
    answered_at: list[float] = field(default_factory=list)

    async def run(self, stop: asyncio.Event) -> None:
        """Write until told to stop."""
        async with httpx.AsyncClient(timeout=10) as client:
            number = 0
            while not stop.is_set():
                number += 1
                await self.write(client, f"{self.name}:{number}")
                await asyncio.sleep(self.access.chance.uniform(0.01, 0.06))

    async def write_last(self) -> int:
        """Write until one more note is acknowledged; returns its number."""
        async with httpx.AsyncClient(timeout=10) as client, asyncio.timeout(240):
            for number in itertools.count(1):
                text = f"{self.name}:last:{number}"
                if await self.write(client, text):
                    return self.acknowledged[text]
                await asyncio.sleep(0.2)
        message = "unreachable"
        raise AssertionError(message)

    async def write(self, client: httpx.AsyncClient, text: str) -> bool:
        """Write one note; whether it was acknowledged."""
        self.unknown.add(text)
        variables = {"input": {"organizationId": self.access.organization_id, "text": text}}
        url, begun = self.access.chance.choice(self.access.urls), time.monotonic()
        self.access.sent[text] = begun
        try:
            response = await client.post(
                f"{url}/graphql",
                json={"query": ADD_NOTE, "variables": variables},
                headers=self.access.headers,
            )
            event = response.raise_for_status().json()["data"]["addNote"]["event"]
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            self.access.failures.append(f"{text} on {url}: {error!r}")
            return False
        if event["data"] != {"text": text}:
            self.access.failures.append(f"{text} on {url}: {response.text}")
            return False
        self.unknown.discard(text)
        self.acknowledged[text] = event["sequence"]
        self.answered_at.append(time.monotonic())
        self.access.went_well(url, begun)
        return True


@dataclass(eq=False)
class Subscriber:
    """Follows the activity over WebSockets, on whichever API process, from the last cursor it has kept."""

    kind: ClassVar[str] = "a socket"
    name: str
    access: Access
    cursor: str
    received: list[tuple[int, str]] = field(default_factory=list)
    """(sequence, text of the note or kind of what else happened)"""
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    connections: int = 0
    refusals: list[dict[str, Any]] = field(default_factory=list)
    line: Callable[[], object] | None = None
    """Breaks the connection off; None while there is none that has begun to deliver."""

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            # However a connection ends, the next one goes on after the last cursor.
            with contextlib.suppress(WebSocketException, httpx.HTTPError, OSError, EOFError):  # TimeoutError: OSError
                await self._connect(self.access.chance.choice(self.access.urls))
            self.line = None
            await asyncio.sleep(self.access.chance.uniform(0.02, 0.3))

    async def reach(self, goal: int) -> None:
        """Wait until the event with this number has come."""
        while not self.received or self.received[-1][0] < goal:
            self.arrived.clear()
            await self.arrived.wait()

    def cut(self) -> bool:
        """Break the connection off without a word; whether there was one."""
        line, self.line = self.line, None
        if line is not None:
            line()
        return line is not None

    @property
    def _operation(self) -> dict[str, Any]:
        return {"query": FOLLOW, "variables": {"organizationId": self.access.organization_id, "after": self.cursor}}

    async def _connect(self, url: str) -> None:
        async with connect(
            url.replace("http", "ws", 1) + "/graphql",
            subprotocols=[Subprotocol("graphql-transport-ws")],
            open_timeout=5,
            close_timeout=1,
            ping_interval=2,
            ping_timeout=4,
        ) as connection:
            self.connections += 1
            await self._follow(connection)

    async def _follow(self, connection: ClientConnection) -> None:
        for message in (
            {"type": "connection_init", "payload": {"apiKey": self.access.api_key}},
            {"type": "subscribe", "id": "1", "payload": self._operation},
        ):
            await connection.send(orjson.dumps(message).decode())
        # Some connections are given up by the subscriber itself, in the middle of the stream.
        patience = self.access.chance.randint(1, 400)
        async for frame in connection:
            answer = orjson.loads(frame)
            if answer["type"] == "next" and "errors" not in answer["payload"]:
                self._take(answer["payload"]["data"]["activity"], connection.transport.abort)
                patience -= 1
            elif answer["type"] == "ping":  # where a kill keeps everybody quiet for long
                await connection.send('{"type":"pong"}')
            elif answer["type"] != "connection_ack":
                self.refusals.append(answer)
                return
            if patience == 0:
                return

    def _take(self, message: dict[str, Any], line: Callable[[], object]) -> None:
        self.line = line
        self.cursor = message["cursor"]
        if message["event"] is not None:
            event = message["event"]
            label = event["data"]["text"] if event["kind"] == NOTE else event["kind"]
            self.received.append((event["sequence"], label))
            self.arrived.set()
            if label in self.access.sent:
                self.access.went_well(self.name, self.access.sent[label])


class StreamSubscriber(Subscriber):
    """The same over server-sent events."""

    kind = "an event stream"

    async def _connect(self, url: str) -> None:
        headers = {**self.access.headers, "accept": "text/event-stream"}
        async with (
            httpx.AsyncClient(timeout=httpx.Timeout(5, read=SILENCE_SECONDS)) as client,
            client.stream("POST", f"{url}/graphql", json=self._operation, headers=headers) as response,
        ):
            self.connections += 1
            line: socket.socket = response.extensions["network_stream"].get_extra_info("socket")
            async for text in response.aiter_lines():
                if text == "event: complete":
                    self.refusals.append({"type": "complete"})
                    return
                if not text.startswith("data: "):
                    continue
                payload = orjson.loads(text.removeprefix("data: "))
                if "errors" in payload:
                    self.refusals.append({"type": "next", "payload": payload})
                    return
                self._take(payload["data"]["activity"], lambda: line.shutdown(socket.SHUT_RDWR))
