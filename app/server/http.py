"""GraphQL over HTTP on one path: POST, GET with a preflight header, event streams, and GraphiQL for browsers.

The way of a request: negotiate, identify, read the body, run, respond. What goes wrong is a Refusal, which becomes the
answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson
from graphql import OperationType
from starlette.types import Receive, Scope, Send

from app.errors import ErrorCode, SkyledgerError
from app.server.bodies import BodyRoom, read_body
from app.server.credentials import from_headers
from app.server.deadlines import Deadlines, is_asked_to_end
from app.server.departures import ClientGoneError, Departures
from app.server.identity import OperationFacts
from app.server.masking import Refusal, errors_to_json, log_failure
from app.server.middleware import PREFLIGHT_HEADERS, headers_of, note_for_log, request_id_of
from app.server.negotiation import EVENT_STREAM, GRAPHQL, HTML, JSON, choose, media_type_of
from app.server.operations import GraphQLServer
from app.server.parameters import OperationRequest, from_json, from_query_string
from app.server.permitted import ANY_OPERATION, READ_ONLY, SINGLE_RESULT
from app.server.sse import EventStream

_READ_ONLY_STREAM = READ_ONLY | {OperationType.SUBSCRIPTION}
# A browser asks first before it sends any of these for a page of another site, and adds no Bearer token by itself.
_NOT_FORGED = (*PREFLIGHT_HEADERS, "authorization", "x-api-key", "x-root-key")
_OFFERS = (JSON, GRAPHQL, EVENT_STREAM)
_OFFERS_TO_BROWSERS = (*_OFFERS, HTML)
_HEADERS = {
    media_type: (
        (b"content-type", f"{media_type}; charset=utf-8".encode()),
        (b"cache-control", b"no-store"),
        (b"vary", b"Accept"),
    )
    for media_type in (JSON, GRAPHQL)
}


@dataclass(frozen=True, slots=True)
class BrowserPage:
    """What a browser gets on the path of the graph: an HTML document and its headers."""

    body: bytes
    headers: Mapping[str, str]


class GraphQLEndpoint:
    """The ASGI application behind the path of the graph, for HTTP."""

    def __init__(self, server: GraphQLServer, page: BrowserPage | None = None) -> None:
        self._server, self._page = server, page
        self._deadlines = Deadlines(server.limits.body_seconds)
        self._departures = Departures(server.limits.departure_seconds)
        self._room = BodyRoom(server.limits.held_body_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; every answer but the page, OPTIONS and event streams is GraphQL JSON."""
        media_type = JSON
        scope.setdefault("state", {})
        try:
            if scope["method"] == "OPTIONS":
                await _respond(send, 204, b"", None, [("allow", "GET, POST")])
                return
            headers = headers_of(scope)
            media_type = self._negotiate(scope["method"], headers)
            if media_type == HTML and self._page is not None:
                await _respond(send, 200, self._page.body, None, list(self._page.headers.items()))
                return
            request, facts = await self._read(scope, headers, receive)
            if media_type == EVENT_STREAM:
                allowed = ANY_OPERATION if scope["method"] == "POST" else _READ_ONLY_STREAM
                await EventStream(self._server, request, facts, allowed).serve(receive, send)
            else:
                request = await self._server.trust.resolve(request, facts.identity)
                await self._run(scope, request, facts, media_type, receive, send)
        except Refusal as refusal:
            await self._refuse(scope, refusal, media_type, send)
        except ClientGoneError:
            note_for_log(scope, outcome="client_gone")
        except asyncio.CancelledError as error:
            if not is_asked_to_end():
                log_failure(error, request_id_of(scope))
                await self._refuse(scope, Refusal.of_failure(), media_type, send)
                return
            if not self._server.lifecycle.draining:
                raise
            # The time for shutdown is over: an answer is better than a cut wire, and there is still time for it.
            stopping = Refusal.of(ErrorCode.SERVICE_UNAVAILABLE, "The server is stopping.", status=503)
            await self._refuse(scope, stopping, media_type, send)
        except Exception as error:  # noqa: BLE001 - the last line: nothing of an unforeseen failure may show
            log_failure(error, request_id_of(scope))
            await self._refuse(scope, Refusal.of_failure(), media_type, send)
        finally:
            self._room.give_back(scope["state"])

    def _negotiate(self, method: str, headers: Mapping[str, str]) -> str:
        """The media type of the answer; Refusal for a method, Accept or Content-Type that cannot be served."""
        if method not in {"GET", "POST"}:
            raise Refusal.of(
                ErrorCode.METHOD_NOT_ALLOWED, "Use GET or POST.", status=405, headers=(("allow", "GET, POST"),)
            )
        offers = _OFFERS_TO_BROWSERS if method == "GET" and self._page is not None else _OFFERS
        chosen = choose(headers.get("accept"), offers)
        if chosen is None:
            message = f"The answer can be {', '.join(offers)}; the Accept header allows none of them."
            raise Refusal.of(ErrorCode.NOT_ACCEPTABLE, message, status=406)
        if method == "POST":
            _check_content(headers)
        elif chosen != HTML and not any(name in headers for name in _NOT_FORGED):
            message = f"GET needs a header that another site cannot send: add `{PREFLIGHT_HEADERS[0]}: 1`, or use POST."
            raise Refusal.of(ErrorCode.BAD_REQUEST, message)
        return chosen

    async def _read(
        self, scope: Scope, headers: Mapping[str, str], receive: Receive
    ) -> tuple[OperationRequest, OperationFacts]:
        """Who is calling, then what they ask: a stranger may not make us read as much as a customer."""
        client = scope.get("client")
        try:
            credentials = from_headers(headers, client[0] if client else None)
            identity = await self._server.identify(credentials)
        except SkyledgerError as error:
            raise Refusal.of_error(error) from error
        facts = OperationFacts(
            request_id=request_id_of(scope),
            identity=identity,
            client_address=credentials.client_address,
            user_agent=credentials.user_agent,
            transport="http",
        )
        note_for_log(scope, subject=identity.subject if identity else None)
        if scope["method"] == "GET":
            return from_query_string(scope["query_string"]), facts
        limits = self._server.limits
        most = limits.body_bytes if identity is not None else min(limits.body_bytes, limits.anonymous_body_bytes)
        body = await read_body(headers, receive, most, self._deadlines, self._room, scope["state"])
        return from_json(body), facts

    async def _run(
        self,
        scope: Scope,
        request: OperationRequest,
        facts: OperationFacts,
        media_type: str,
        receive: Receive,
        send: Send,
    ) -> None:
        allowed = SINGLE_RESULT if scope["method"] == "POST" else READ_ONLY
        with self._departures.watch(receive):
            outcome = await self._server.run(request, facts, allowed=allowed)
        wait = outcome.retry_after
        note_for_log(scope, type=outcome.operation_type, operation=outcome.operation_name, errors=len(outcome.faults))
        headers = [("retry-after", str(wait)), *outcome.headers] if wait is not None else outcome.headers
        await _respond(send, 200, outcome.payload, media_type, headers)

    async def _refuse(self, scope: Scope, refusal: Refusal, media_type: str, send: Send) -> None:
        """Answer with errors and no `data`; the older media type keeps 200 for what is wrong inside a document."""
        if media_type not in {JSON, GRAPHQL}:
            media_type = JSON
        status = 200 if refusal.is_document and media_type == JSON else refusal.status
        note_for_log(scope, outcome="refused", code=refusal.faults[0].code.value)
        body = orjson.dumps({"errors": errors_to_json(refusal.faults, request_id_of(scope))})
        await _respond(send, status, body, media_type, refusal.headers)


def _check_content(headers: Mapping[str, str]) -> None:
    """Refusal (415) for a POST that is not plain JSON in UTF-8."""
    media_type, charset = media_type_of(headers.get("content-type"))
    if media_type != JSON or charset not in {"utf-8", "utf8"}:
        message = "Send the request as `Content-Type: application/json` in UTF-8."
        raise Refusal.of(ErrorCode.UNSUPPORTED_MEDIA_TYPE, message, status=415)
    if "content-encoding" in headers and headers["content-encoding"].strip().lower() not in {"", "identity"}:
        message = "Send the body without Content-Encoding."
        raise Refusal.of(ErrorCode.UNSUPPORTED_MEDIA_TYPE, message, status=415)


async def _respond(
    send: Send, status: int, body: bytes, media_type: str | None, headers: Sequence[tuple[str, str]]
) -> None:
    raw = [
        *((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers),
        *(_HEADERS[media_type] if media_type is not None else ()),
        (b"content-length", b"%d" % len(body)),
    ]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
