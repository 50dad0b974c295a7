"""What happens to every request on its way in and out: request id, access log, security headers, CORS."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Sequence
from typing import Any

import structlog
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.server.metrics import Metrics

# Any of these makes a browser ask first (a CORS preflight), so a GET that carries one was not forged by another site.
PREFLIGHT_HEADERS = ("x-skyledger-preflight", "apollo-require-preflight", "graphql-require-preflight")

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,128}")

# As ASGI wants them: names in lower case.
_SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)

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
                given = [(name.lower(), value) for name, value in message.get("headers", ())]
                names = {name for name, _ in given}
                added = [header for header in _SECURITY_HEADERS if header[0] not in names]
                message["headers"] = [*given, *added, (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        finally:
            self._record(scope, status, time.perf_counter() - started)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in {"GET", "POST", "PUT", "OPTIONS", "HEAD"} else "other"
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
                allow_methods=["GET", "HEAD", "POST", "PUT"],
                allow_headers=[
                    "authorization",
                    "content-type",
                    "x-api-key",
                    "x-request-id",
                    "upload-offset",
                    *PREFLIGHT_HEADERS,
                ],
                expose_headers=["x-request-id", "retry-after", "upload-offset", "upload-length", "upload-state"],
                max_age=600,
            )
        )
    return middleware
