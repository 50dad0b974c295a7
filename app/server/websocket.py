"""The WebSocket endpoint: which pages may connect, and with which sub-protocol."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from app.errors import AuthenticationError
from app.server.connection import Connection
from app.server.credentials import from_headers, with_query_token
from app.server.messages import close_reason
from app.server.middleware import request_id_of
from app.server.open_streams import StreamsFullError
from app.server.operations import GraphQLServer
from app.server.wire import WIRE

SUBPROTOCOL = "graphql-transport-ws"


class WebSocketEndpoint:
    """The ASGI application behind the path of the graph, for sockets.

    Pages of the same host and of `allowed_origins` may connect, and clients that send no Origin because they are no
    browsers; `*` stands for every page. A client that does not offer graphql-transport-ws is closed with 4406.
    """

    def __init__(self, server: GraphQLServer, allowed_origins: Collection[str] = ()) -> None:
        self._server, self._allowed_origins = server, frozenset(origin.rstrip("/") for origin in allowed_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket from handshake to close."""
        headers = Headers(scope=scope)
        await receive()  # websocket.connect
        if not self._may_connect(headers):
            await send({"type": "websocket.close"})  # before the handshake: the client sees HTTP 403
            return
        if SUBPROTOCOL not in scope["subprotocols"]:
            await send({"type": "websocket.accept"})
            await self._close(send, 4406, f"Only {SUBPROTOCOL} is spoken here")
            return
        await send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL})
        client = scope.get("client")
        address = client[0] if client else None
        try:
            credentials = with_query_token(from_headers(headers, address), scope["query_string"])
            place = self._server.streams.greet(address)
        except AuthenticationError as error:
            await self._close(send, 4403, error.message)
            return
        except StreamsFullError as full:
            await self._close(send, full.close_code, full.message)
            return
        wire = scope.get("extensions", {}).get(WIRE)
        try:
            await Connection(self._server, credentials, place, request_id_of(scope), receive, send, wire).serve()
        finally:
            place.leave()

    def _may_connect(self, headers: Headers) -> bool:
        origin = headers.get("origin")
        if origin is None or not self._allowed_origins.isdisjoint({origin, "*"}):
            return True
        # Behind a proxy that ends TLS our scheme is not the page's, so hosts are compared.
        return urlsplit(origin.lower()).netloc == headers.get("host", "").lower()

    async def _close(self, send: Send, code: int, reason: str) -> None:
        self._server.metrics.closes.labels(code).inc()
        await send({"type": "websocket.close", "code": code, "reason": close_reason(reason)})
