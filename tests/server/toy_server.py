"""Serves the toy for real: inside a test's event loop, or as a process of its own (`python toy_server.py`)."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from app.logging import configure_logging
from app.server import make_server, run_server
from tests.server.toy_graph import TOKEN, Toy, make_toy

TRANSPORT_WS = "graphql-transport-ws"


@asynccontextmanager
async def live(toy: Toy) -> AsyncIterator[str]:
    """The toy on a free port of loopback; yields `127.0.0.1:port`."""
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    server = make_server(toy.app, toy.server.lifecycle, port=0, limits=toy.server.limits, on_ready=ready.set_result)
    task = asyncio.create_task(server.serve())
    try:
        yield (await ready).removeprefix("http://")
    finally:
        server.stop()
        await task


async def eventually(condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait until the condition holds."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for is a count somewhere, not an event
            await asyncio.sleep(0.01)


class Socket:
    """A graphql-transport-ws client that says exactly what it is told to."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, **message: Any) -> None:
        await self.connection.send(orjson.dumps(message).decode())

    async def receive(self) -> dict[str, Any]:
        async with asyncio.timeout(60):
            received: dict[str, Any] = orjson.loads(await self.connection.recv())
        return received

    async def greet(self, token: str | None = TOKEN) -> None:
        await self.send(type="connection_init", payload={"token": token} if token else None)
        assert await self.receive() == {"type": "connection_ack"}

    async def subscribe(self, id_: str, query: str, variables: Mapping[str, Any] | None = None) -> None:
        await self.send(type="subscribe", id=id_, payload={"query": query, "variables": variables})

    async def results(self, id_: str) -> list[dict[str, Any]]:
        """Every message of an operation until it ends; nothing else may arrive meanwhile."""
        messages: list[dict[str, Any]] = []
        while not messages or messages[-1]["type"] == "next":
            messages.append(await self.receive())
            assert messages[-1]["id"] == id_
        return messages

    async def closed(self, seconds: float = 60) -> tuple[int | None, str]:
        """Wait for the server to close; the code and the reason."""
        async with asyncio.timeout(seconds):
            try:
                while True:
                    await self.connection.recv()
            except ConnectionClosed:
                return self.connection.close_code, self.connection.close_reason or ""


@asynccontextmanager
async def socket(
    address: str, *, greeted: bool = True, path: str = "/graphql", **options: Any
) -> AsyncIterator[Socket]:
    """A socket to a live toy, signed in as alice unless `greeted` is false."""
    options.setdefault("subprotocols", [Subprotocol(TRANSPORT_WS)])
    async with connect(f"ws://{address}{path}", ping_interval=None, close_timeout=1, **options) as connection:
        client = Socket(connection)
        if greeted:
            await client.greet()
        yield client


def main() -> None:
    """Serve until a signal; the first line on standard output is the URL, each mutation that ended adds one."""
    configure_logging("INFO", "json")
    toy = make_toy(introspection="public" if "--public" in sys.argv else "authenticated")
    run_server(
        toy.app,
        toy.server.lifecycle,
        port=0,
        limits=toy.server.limits,
        notice_seconds=0.5 if "--notice" in sys.argv else 0.0,
        on_ready=lambda url: print(url, flush=True),  # noqa: T201 - the parent reads it
    )
    print("mutations", toy.world.mutations, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
