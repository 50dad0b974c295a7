"""The least that a Starlette server can do to tell all its sockets something: send each the same finished frame.

    python -m benchmarks.graph.raw_broadcast PORT

`/socket` takes WebSockets and keeps them. `POST /tick?frames=N` sends the text of its body N times to each of them, by
ASGI's own message and one socket after the other, and answers 204 with that. No GraphQL, no one to ask who is there,
no queues: a socket that does not read holds up all others. uvicorn is set up as Skyledger's own is.
"""

from __future__ import annotations

import sys
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import Receive, Scope, Send

from app.server.limits import Limits
from app.server.serving import SocketProtocol


class Sockets:
    """All open sockets, as an ASGI application that takes more of them."""

    def __init__(self) -> None:
        self.senders: set[Send] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Keep one until it closes."""
        await receive()
        protocols = scope["subprotocols"]
        await send({"type": "websocket.accept", "subprotocol": protocols[0] if protocols else None})
        self.senders.add(send)
        try:
            while (await receive())["type"] != "websocket.disconnect":
                pass
        finally:
            self.senders.discard(send)

    async def tell(self, message: dict[str, Any]) -> None:
        """Send all of them the same."""
        for send in tuple(self.senders):
            await send(message)


def application() -> Starlette:
    """The two routes."""
    sockets = Sockets()

    async def tick(request: Request) -> Response:
        message = {"type": "websocket.send", "text": (await request.body()).decode()}
        for _ in range(int(request.query_params.get("frames", "1"))):
            await sockets.tell(message)
        return Response(status_code=204)

    return Starlette(routes=[WebSocketRoute("/socket", sockets), Route("/tick", tick, methods=["POST"])])


def main(port: int) -> None:
    """Serve until a signal."""
    limits = Limits()
    uvicorn.run(
        application(),
        host="127.0.0.1",
        port=port,
        loop="uvloop",
        http="httptools",
        ws=SocketProtocol,
        ws_max_size=limits.websocket_frame_bytes,
        ws_per_message_deflate=False,
        ws_ping_interval=limits.keepalive_seconds,
        ws_ping_timeout=limits.keepalive_seconds,
        access_log=False,
        log_level="warning",
        backlog=4096,
    )


if __name__ == "__main__":
    main(int(sys.argv[1]))
