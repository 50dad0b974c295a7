"""Who calls the fleet during a campaign: writers that remember what was acknowledged, subscribers that come back."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import time
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

ACCEPT = "application/graphql-response+json"
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
    """How to reach the organization of the campaign."""

    urls: list[str]
    organization_id: str
    api_key: str
    chance: random.Random
    served: dict[str, float] = field(default_factory=dict)
    """URL → when the last note that it has acknowledged was sent."""
    again: asyncio.Event = field(default_factory=asyncio.Event)
    """Set by each acknowledgement."""


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
        try:
            response = await client.post(
                f"{url}/graphql",
                json={"query": ADD_NOTE, "variables": variables},
                headers={"accept": ACCEPT, "x-api-key": self.access.api_key},
            )
            event = response.json()["data"]["addNote"]["event"]
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            return False
        if response.status_code != httpx.codes.OK or event["data"] != {"text": text}:
            return False
        self.unknown.discard(text)
        self.acknowledged[text] = event["sequence"]
        self.answered_at.append(time.monotonic())
        self.access.served[url] = max(begun, self.access.served.get(url, 0))
        self.access.again.set()
        return True


@dataclass(eq=False)
class Subscriber:
    """Follows the activity over WebSockets, on whichever API process, from the last cursor it has kept."""

    name: str
    access: Access
    cursor: str
    received: list[tuple[int, str]] = field(default_factory=list)  # (sequence, text)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    connections: int = 0
    refusals: list[dict[str, Any]] = field(default_factory=list)

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            # However a connection ends, the next one goes on after the last cursor.
            with contextlib.suppress(WebSocketException, OSError, EOFError):  # TimeoutError is an OSError
                async with connect(
                    self.access.chance.choice(self.access.urls).replace("http", "ws", 1) + "/graphql",
                    subprotocols=[Subprotocol("graphql-transport-ws")],
                    open_timeout=5,
                    close_timeout=1,
                    ping_interval=2,
                    ping_timeout=4,
                ) as connection:
                    self.connections += 1
                    await self._follow(connection)
            await asyncio.sleep(self.access.chance.uniform(0.02, 0.3))

    async def reach(self, goal: int) -> None:
        """Wait until the event with this number has come."""
        while not self.received or self.received[-1][0] < goal:
            self.arrived.clear()
            await self.arrived.wait()

    async def _follow(self, connection: ClientConnection) -> None:
        variables = {"organizationId": self.access.organization_id, "after": self.cursor}
        for message in (
            {"type": "connection_init", "payload": {"apiKey": self.access.api_key}},
            {"type": "subscribe", "id": "1", "payload": {"query": FOLLOW, "variables": variables}},
        ):
            await connection.send(orjson.dumps(message).decode())
        # Some connections are given up by the subscriber itself, in the middle of the stream.
        patience = self.access.chance.randint(1, 400)
        async for frame in connection:
            answer = orjson.loads(frame)
            if answer["type"] == "next" and "errors" not in answer["payload"]:
                self._take(answer["payload"]["data"]["activity"])
                patience -= 1
            elif answer["type"] == "ping":  # where a kill keeps everybody quiet for long
                await connection.send('{"type":"pong"}')
            elif answer["type"] != "connection_ack":
                self.refusals.append(answer)
                return
            if patience == 0:
                return

    def _take(self, message: dict[str, Any]) -> None:
        self.cursor = message["cursor"]
        if message["event"] is not None:
            self.received.append((message["event"]["sequence"], message["event"]["data"].get("text", "")))
            self.arrived.set()
