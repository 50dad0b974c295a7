"""What happens to every request on its way in and out: request id, access log, security headers, CORS."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Sequence
from typing import Any

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.server.metrics import Metrics

# Any of these makes a browser ask first (a CORS preflight), so a GET that carries one was not forged by another site.
PREFLIGHT_HEADERS = ("x-skyledger-preflight", "apollo-require-preflight", "graphql-require-preflight")

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,128}")

_SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}

_log = structlog.stdlib.get_logger("skyledger.access")


def request_id_of(scope: Scope) -> str:
    """The id of the request or socket that this scope belongs to; made on first use."""
    state: dict[str, Any] = scope.setdefault("state", {})
    if "request_id" not in state:
        given = Headers(scope=scope).get("x-request-id", "")
        state["request_id"] = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
    return str(state["request_id"])


def note_for_log(scope: Scope, **facts: object) -> None:
    """Add facts to the access log line of this request."""
    scope.setdefault("state", {}).setdefault("log_facts", {}).update(facts)


class RequestMiddleware:
    """Gives every request an id, the answer its security headers, and the log one line without the query string."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; lifespan events pass untouched."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        request_id = request_id_of(scope)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = request_id
                for name, value in _SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        finally:
            self._record(scope, status, time.perf_counter() - started)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in {"GET", "POST", "OPTIONS", "HEAD"} else "other"
        self._metrics.requests.labels(method, status).inc()
        # Probes come every few seconds and say nothing new while they succeed.
        level = _log.debug if scope["path"].startswith(("/health/", "/metrics")) and status < 400 else _log.info  # noqa: PLR2004
        level(
            "request",
            method=scope["method"],
            path=scope["path"],
            status=status,
            seconds=round(seconds, 4),
            client=(scope.get("client") or ("",))[0],
            **scope.get("state", {}).get("log_facts", {}),
        )


def server_middleware(metrics: Metrics, cors_origins: Sequence[str]) -> list[Middleware]:
    """The middleware of the whole application, outermost first."""
    middleware = [Middleware(RequestMiddleware, metrics=metrics)]
    if cors_origins:
        middleware.append(
            Middleware(
                CORSMiddleware,
                allow_origins=list(cors_origins),
                allow_methods=["GET", "POST"],
                allow_headers=[
                    "authorization",
                    "content-type",
                    "x-api-key",
                    "x-request-id",
                    *PREFLIGHT_HEADERS,
                ],
                expose_headers=["x-request-id", "retry-after"],
                max_age=600,
            )
        )
    return middleware
