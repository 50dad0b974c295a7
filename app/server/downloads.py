"""`GET` and `HEAD` of files: the same callers as those of the graph, whole or in ranges, with the checksum as ETag."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, Protocol

import orjson
from starlette.datastructures import Headers, QueryParams
from starlette.responses import FileResponse
from starlette.types import Receive, Scope, Send

from app.errors import AuthenticationError, ErrorCode, SkyledgerError
from app.records.downloads import Download
from app.server.credentials import from_headers
from app.server.identity import Identity
from app.server.masking import Refusal, errors_to_json, log_failure
from app.server.middleware import note_for_log, request_id_of
from app.server.operations import GraphQLServer

EXPORT_PATH: Final = "/exports/{id}"
LINK_PATH: Final = "/downloads/{id}"
METHODS: Final = "GET, HEAD, OPTIONS"
LONGEST_ID: Final = 200
_STATUS: Final = {ErrorCode.NOT_FOUND: 404, ErrorCode.CONFLICT: 409}


class Downloads(Protocol):
    """Who knows the files."""

    def open(self, identity: Identity, file_id: str) -> AbstractAsyncContextManager[Download]:
        """A file, to be read until the end of the context. Raises SkyledgerError, before or on entering."""


class LinkedDownloads(Protocol):
    """Who knows the files of addresses that are credentials themselves."""

    def open(self, file_id: str, parameters: Mapping[str, str]) -> AbstractAsyncContextManager[Download]:
        """A file, to be read until the end of the context. Raises SkyledgerError, before or on entering."""


class LinkEndpoint:
    """The ASGI application behind `/downloads/{id}`: no caller, but a signature in the query."""

    def __init__(self, downloads: LinkedDownloads) -> None:
        self._downloads = downloads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request: with the file, or with errors in JSON."""
        async with _answering(scope, send) as begun:
            if scope["method"] == "OPTIONS":
                await _answer(send, 204, b"", [("allow", METHODS)])
                return
            _check_method(scope)
            parameters = QueryParams(scope["query_string"])
            async with self._downloads.open(scope["path_params"]["id"], parameters) as download:
                begun.set()
                await _file(download)(scope, receive, send)


class DownloadEndpoint:
    """The ASGI application behind `/exports/{id}`."""

    def __init__(self, server: GraphQLServer, downloads: Downloads) -> None:
        self._server, self._downloads = server, downloads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request: with the file, or with errors in JSON."""
        async with _answering(scope, send) as begun:
            if scope["method"] == "OPTIONS":
                await _answer(send, 204, b"", [("allow", METHODS)])
                return
            identity = await self._identity(scope)
            async with self._downloads.open(identity, scope["path_params"]["id"]) as download:
                begun.set()
                await _file(download)(scope, receive, send)

    async def _identity(self, scope: Scope) -> Identity:
        """Who asks; Refusal for what is malformed, AuthenticationError for nobody."""
        _check_method(scope)
        headers, client = Headers(scope=scope), scope.get("client")
        identity = await self._server.identify(from_headers(headers, client[0] if client else None))
        if identity is None:
            message = "Sign in first: send `Authorization: Bearer <access token>` or `X-API-Key`."
            raise AuthenticationError(message)
        note_for_log(scope, subject=identity.subject)
        if len(scope["path_params"]["id"]) > LONGEST_ID:
            raise Refusal.of(ErrorCode.NOT_FOUND, "There is no such file.", status=404)
        return identity


@asynccontextmanager
async def _answering(scope: Scope, send: Send) -> AsyncIterator[asyncio.Event]:
    """Answer with an error what goes wrong inside, until the file has begun: then the event is set."""
    begun = asyncio.Event()
    try:
        yield begun
    except Refusal as refusal:
        await _refuse(scope, refusal, send)
    except SkyledgerError as error:
        await _refuse(scope, _shown(error), send)
    except Exception as error:
        log_failure(error, request_id_of(scope))
        if begun.is_set():
            raise  # the connection is cut off: what was sent is not the whole file
        await _refuse(scope, Refusal.of_failure(), send)


def _check_method(scope: Scope) -> None:
    if scope["method"] not in {"GET", "HEAD"}:
        message = "Use GET to fetch the file."
        raise Refusal.of(ErrorCode.METHOD_NOT_ALLOWED, message, status=405, headers=(("allow", METHODS),))


def _file(download: Download) -> FileResponse:
    """The file as an answer that a client may also ask for in ranges."""
    digest = base64.b64encode(download.sha256).decode()
    headers = {
        "etag": f'"{download.sha256.hex()}"',
        "repr-digest": f"sha-256=:{digest}:",
        "cache-control": "private, no-store",
    }
    return FileResponse(download.path, 200, headers, download.media_type, filename=download.file_name)


async def _refuse(scope: Scope, refusal: Refusal, send: Send) -> None:
    note_for_log(scope, outcome="refused", code=refusal.faults[0].code.value)
    answer = orjson.dumps({"errors": errors_to_json(refusal.faults, request_id_of(scope))})
    await _answer(send, refusal.status, answer, refusal.headers)


def _shown(error: SkyledgerError) -> Refusal:
    status = _STATUS.get(error.code)
    return Refusal.of_error(error) if status is None else Refusal.of(error.code, error.message, status=status)


async def _answer(send: Send, status: int, body: bytes, headers: Sequence[tuple[str, str]]) -> None:
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    raw += [(b"cache-control", b"no-store"), (b"content-length", str(len(body)).encode())]
    if body:
        raw.append((b"content-type", b"application/json"))
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
