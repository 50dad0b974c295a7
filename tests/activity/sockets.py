"""A subscriber to the activity over a real WebSocket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

FOLLOW = """
subscription Follow($organizationId: ID!, $after: String) {
  activity(organizationId: $organizationId, after: $after) {
    cursor
    event { id cursor sequence kind data actor { kind id user { name } } subjectType subjectId occurredAt }
  }
}
"""


class Follower:
    """One subscription on a socket of its own."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def receive(self, seconds: float = 60) -> dict[str, Any]:
        """The next message of the protocol."""
        async with asyncio.timeout(seconds):
            message: dict[str, Any] = orjson.loads(await self.connection.recv())
        return message

    async def message(self) -> dict[str, Any]:
        """The next message of the subscription: `{cursor, event}`."""
        received = await self.receive()
        assert received["type"] == "next", received
        assert "errors" not in received["payload"], received["payload"]
        found: dict[str, Any] = received["payload"]["data"]["activity"]
        return found

    async def events(self, count: int) -> list[dict[str, Any]]:
        """The next events."""
        return [(await self.message())["event"] for _ in range(count)]

    async def error(self) -> dict[str, Any]:
        """The error that ends the subscription."""
        received = await self.receive()
        errors = received["payload"] if received["type"] == "error" else received["payload"]["errors"]
        found: dict[str, Any] = errors[0]
        return found


@asynccontextmanager
async def subscribed(url: str, query: str, variables: dict[str, Any], **credentials: str) -> AsyncIterator[Follower]:
    """Subscribe to something of a server; credentials as `connection_init` takes them."""
    async with connect(
        url.replace("http", "ws", 1) + "/graphql",
        subprotocols=[Subprotocol("graphql-transport-ws")],
        ping_interval=None,
        close_timeout=1,
    ) as connection:
        await connection.send(orjson.dumps({"type": "connection_init", "payload": credentials}).decode())
        follower = Follower(connection)
        assert (await follower.receive())["type"] == "connection_ack"
        payload = {"query": query, "variables": variables}
        await connection.send(orjson.dumps({"type": "subscribe", "id": "1", "payload": payload}).decode())
        yield follower


@asynccontextmanager
async def following(
    url: str, organization_id: str, after: str | None = None, **credentials: str
) -> AsyncIterator[Follower]:
    """Subscribe to the activity of an organization."""
    variables = {"organizationId": organization_id, "after": after}
    async with subscribed(url, FOLLOW, variables, **credentials) as follower:
        yield follower
