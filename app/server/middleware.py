"""What happens to every request on its way in and out: request id, access log, security headers, CORS.

It stands before Starlette, for requests to the graph do not go through that.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import tracing
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

_SECURITY_NAMES = frozenset(name for name, _ in _SECURITY_HEADERS)

# Ids have to differ, also between processes; they need not be hard to guess.
_random_bits = random.Random().getrandbits  # noqa: S311

_log = structlog.stdlib.get_logger("skyledger.access")


def headers_of(scope: Scope) -> Mapping[str, str]:
    """The headers of a request or a handshake by their names in lower case, read once; of repeated ones the first."""
    state: dict[str, Any] = scope.setdefault("state", {})
    found: dict[str, str] | None = state.get("headers")
    if found is None:
        raw = reversed(list(scope["headers"]))
        found = state["headers"] = {name.decode("latin-1"): value.decode("latin-1") for name, value in raw}
    return found


def request_id_of(scope: Scope) -> str:
    """The id of the request or socket that this scope belongs to; made on first use."""
    state: dict[str, Any] = scope.setdefault("state", {})
    found: str | None = state.get("request_id")
    if found is None:
        given = headers_of(scope).get("x-request-id", "")
        found = state["request_id"] = given if _REQUEST_ID.fullmatch(given) else f"{_random_bits(128):032x}"
    return found


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
        if not tracing.is_on():
            await self._serve(scope, receive, send)
            return
        joined = tracing.join(headers_of(scope))
        try:
            await self._serve(scope, receive, send)
        finally:
            tracing.leave(joined)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
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
                given = message.get("headers", ())
                taken = _SECURITY_NAMES.intersection([name.lower() for name, _ in given])
                added = (
                    [header for header in _SECURITY_HEADERS if header[0] not in taken] if taken else _SECURITY_HEADERS
                )
                message["headers"] = [*given, *added, (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        finally:
            self._record(scope, status, time.perf_counter() - started)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        self._metrics.count_request(scope["method"], status)
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


def allow_origins(app: ASGIApp, origins: Sequence[str]) -> ASGIApp:
    """The application, open to pages of these origins; as it is where there are none."""
    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=list(origins),
        allow_methods=["GET", "HEAD", "POST", "PUT"],
        allow_headers=[
            "authorization",
            "content-type",
            "x-api-key",
            "x-request-id",
            "traceparent",
            "tracestate",
            "upload-offset",
            *PREFLIGHT_HEADERS,
        ],
        expose_headers=[
            "x-request-id",
            "retry-after",
            "ratelimit-limit",
            "ratelimit-remaining",
            "ratelimit-reset",
            "upload-offset",
            "upload-length",
            "upload-state",
        ],
        max_age=600,
    )
