"""What Skyledger's subscriptions are compared with: `python -m benchmarks.graph.broadcasts {raw|strawberry} PORT`.

`raw` is what an expert writes by hand where all may see the same: a Starlette application that sends each message of a
Valkey channel to every socket. It knows nobody, keeps nothing, and lets a slow reader hold up the others.
`strawberry` serves Skyledger's own schema and events by Strawberry's ASGI application: an execution for each socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn
from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from strawberry.asgi import GraphQL
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL

from app.config import Settings
from app.context import Context
from app.embedded import EngineUrls
from app.main import make_runtime, running
from app.resolvers.roots import make_schema
from app.resolvers.serving import make_context
from app.server.credentials import Credentials
from app.server.identity import OperationFacts

CHANNEL = "benchmark:broadcast"
FACTS = OperationFacts("benchmark", None, None, None, "websocket")


@dataclass
class PlainContext(Context):
    """Strawberry leaves the payload of `connection_init` in the context."""

    connection_params: dict[str, Any] | None = None


def raw(settings: Settings) -> Starlette:
    """Every message of the channel to every socket."""
    sockets: set[WebSocket] = set()

    async def serve(socket: WebSocket) -> None:
        await socket.accept(subprotocol="graphql-transport-ws")
        sockets.add(socket)
        try:
            while True:
                await socket.receive_text()
        except WebSocketDisconnect:
            sockets.discard(socket)

    async def broadcast() -> None:
        valkey = Redis.from_url(str(settings.redis_url))
        async with valkey.pubsub() as channel:
            await channel.subscribe(CHANNEL)
            async for message in channel.listen():
                if message["type"] == "message":
                    text = message["data"].decode()
                    for socket in list(sockets):
                        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                            await socket.send_text(text)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(broadcast())
        yield
        task.cancel()

    return Starlette(routes=[WebSocketRoute("/graphql", serve)], lifespan=lifespan)


def strawberry(settings: Settings) -> Starlette:
    """Our schema, Strawberry's sockets."""
    runtime = make_runtime(settings, EngineUrls(str(settings.database_url), str(settings.redis_url)))

    class Plain(GraphQL[Any, Any]):
        async def on_ws_connect(self, context: Any) -> Any:
            payload = context.connection_params or {}
            context.principal = await runtime.authenticator.identify(Credentials(bearer=payload["token"]))
            return await super().on_ws_connect(context)

        async def get_context(self, request: Any, response: Any) -> Any:  # noqa: ARG002  (Strawberry's names)
            return PlainContext(**vars(make_context(runtime, FACTS)))

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with running(runtime):
            yield

    app = Plain(make_schema(), subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL])
    return Starlette(routes=[Route("/graphql", app), WebSocketRoute("/graphql", app)], lifespan=lifespan)


def main() -> None:
    """Serve until a signal, by the same server with the same settings as Skyledger's."""
    app = {"raw": raw, "strawberry": strawberry}[sys.argv[1]](Settings())
    uvicorn.run(
        app,
        port=int(sys.argv[2]),
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        log_level="warning",
        access_log=False,
    )


if __name__ == "__main__":
    main()
