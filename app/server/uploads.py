"""`PUT` and `HEAD` of uploads: a body of any length, taken chunk by chunk, from the offset that a header names.

The header is `Upload-Offset`, as in tus and in the IETF's resumable uploads, and not `Content-Range`: RFC 9110 lets a
server that does not know a partial PUT store the part as the whole. As no form and no simple request of another site
can send it, it also stands for the preflight header of the graph.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Final, Protocol

import orjson
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from app.errors import AuthenticationError, ErrorCode, NotFoundError, SkyledgerError
from app.records.uploads import Refused, UploadProgress, UploadRefusedError, UploadState
from app.server.credentials import from_headers
from app.server.departures import ClientGoneError
from app.server.identity import Identity
from app.server.masking import Refusal, errors_to_json, log_failure
from app.server.middleware import note_for_log, request_id_of
from app.server.operations import GraphQLServer

UPLOAD_PATH: Final = "/uploads/{id}"
METHODS: Final = "HEAD, OPTIONS, PUT"
OFFSET: Final = "upload-offset"
LENGTH: Final = "upload-length"
STATE: Final = "upload-state"
HEADER_BYTES: Final = 16_384
"""Of all headers of a request together: an access token has about 500."""
LONGEST_ID: Final = 200
DIGITS: Final = 15
"""Of a number of bytes: a petabyte has 16."""
SLOW_PAUSES: Final = 10
"""So many of the longest pauses together at least `SLOW_BYTES` have to arrive in."""
SLOW_BYTES: Final = 65_536
"""In 5 minutes 218 bytes a second: who sends one now and then would keep a place from others for a day."""
LINGER_SECONDS: Final = 2.0
"""So long a body that nobody wants is read on, or closing the connection would take the answer away with it."""

_ANSWERS: Final = {
    Refused.WRONG_OFFSET: (409, ErrorCode.CONFLICT),
    Refused.BUSY: (409, ErrorCode.CONFLICT),
    Refused.ENDED: (409, ErrorCode.CONFLICT),
    Refused.TOO_LONG: (413, ErrorCode.PAYLOAD_TOO_LARGE),
    Refused.WRONG_CHECKSUM: (422, ErrorCode.BAD_USER_INPUT),
    Refused.EXPIRED: (410, ErrorCode.NOT_FOUND),
    Refused.NO_SPACE: (507, ErrorCode.SERVICE_UNAVAILABLE),
    Refused.CROWDED: (503, ErrorCode.SERVICE_UNAVAILABLE),
    Refused.STORAGE_AWAY: (503, ErrorCode.SERVICE_UNAVAILABLE),
}


class Uploads(Protocol):
    """Who knows the uploads and stores them. Both raise SkyledgerError and UploadRefusedError."""

    async def look(self, identity: Identity, upload_id: str) -> UploadProgress:
        """How far an upload is."""

    async def receive(
        self, identity: Identity, upload_id: str, offset: int, announced: int | None, chunks: AsyncIterator[bytes]
    ) -> UploadProgress:
        """Store the chunks from an offset on; `announced` is how many bytes they have, where that is known."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request that is well-formed."""

    identity: Identity
    upload_id: str
    offset: int = 0
    announced: int | None = None


class UploadEndpoint:
    """The ASGI application behind `/uploads/{id}`. `read_seconds` is the longest pause within a body."""

    def __init__(self, server: GraphQLServer, uploads: Uploads, *, read_seconds: float) -> None:
        self._server, self._uploads, self._read_seconds = server, uploads, read_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request in JSON; HEAD in headers alone."""
        body = _Body(receive, self._read_seconds)
        try:
            if scope["method"] == "OPTIONS":
                await _answer(send, 204, b"", [("allow", METHODS)])
                return
            progress = await self._served(scope, body)
            await _answer(send, 200, _told(progress), _headers_of(progress))
        except ClientGoneError:
            note_for_log(scope, outcome="client_gone")
        except Refusal as refusal:
            await self._refuse(scope, refusal, body, send)
        except UploadRefusedError as refused:
            await self._refuse(scope, _refusal(refused), body, send)
        except SkyledgerError as error:
            await self._refuse(scope, _shown(error), body, send)
        except asyncio.CancelledError:
            if not self._server.lifecycle.draining:
                raise
            await self._refuse(scope, _stopping(), body, send)
        except Exception as error:  # noqa: BLE001 - the last line: nothing of an unforeseen failure may show
            log_failure(error, request_id_of(scope))
            await self._refuse(scope, Refusal.of_failure(), body, send)

    async def _served(self, scope: Scope, body: _Body) -> UploadProgress:
        if scope["method"] not in {"PUT", "HEAD"}:
            message = "Use PUT to send bytes, HEAD to ask how many are stored."
            raise Refusal.of(ErrorCode.METHOD_NOT_ALLOWED, message, status=405, headers=(("allow", METHODS),))
        asked = await self._read(scope)
        note_for_log(scope, subject=asked.identity.subject)
        if scope["method"] == "HEAD":
            return await self._uploads.look(asked.identity, asked.upload_id)
        self._server.lifecycle.attach(body)
        try:
            async with aclosing(body.chunks()) as chunks:
                return await self._uploads.receive(
                    asked.identity, asked.upload_id, asked.offset, asked.announced, chunks
                )
        finally:
            self._server.lifecycle.detach(body)

    async def _read(self, scope: Scope) -> _Asked:
        """What is asked, and by whom; Refusal for what is malformed."""
        if sum(len(name) + len(value) for name, value in scope["headers"]) > HEADER_BYTES:
            raise Refusal.of(ErrorCode.BAD_REQUEST, f"The headers are larger than {HEADER_BYTES:,} bytes.", status=431)
        headers, client = Headers(scope=scope), scope.get("client")
        identity = await self._server.identify(from_headers(headers, client[0] if client else None))
        if identity is None:
            message = "Sign in first: send `Authorization: Bearer <access token>` or `X-API-Key`."
            raise AuthenticationError(message)
        upload_id = scope["path_params"]["id"]
        if len(upload_id) > LONGEST_ID:
            raise Refusal.of(ErrorCode.NOT_FOUND, "There is no such upload.", status=404)
        if scope["method"] == "HEAD":
            return _Asked(identity, upload_id)
        if headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
            message = "Send the file as it is, without Content-Encoding; a file that is gzip itself is fine."
            raise Refusal.of(ErrorCode.UNSUPPORTED_MEDIA_TYPE, message, status=415)
        if "content-range" in headers:
            message = "Content-Range is not understood: name the first byte in `Upload-Offset`."
            raise Refusal.of(ErrorCode.BAD_REQUEST, message)
        offset = _number(headers, OFFSET)
        if offset is None:
            message = "Name the first byte of the body in `Upload-Offset`: 0, or what HEAD answers."
            raise Refusal.of(ErrorCode.BAD_REQUEST, message)
        return _Asked(identity, upload_id, offset, _number(headers, "content-length"))

    async def _refuse(self, scope: Scope, refusal: Refusal, body: _Body, send: Send) -> None:
        note_for_log(scope, outcome="refused", code=refusal.faults[0].code.value)
        answer = orjson.dumps({"errors": errors_to_json(refusal.faults, request_id_of(scope))})
        if body.read or scope["method"] != "PUT":
            await _answer(send, refusal.status, answer, refusal.headers)
            return
        await _answer(send, refusal.status, answer, [*refusal.headers, ("connection", "close")], more=True)
        await body.linger()
        await send({"type": "http.response.body", "body": b""})


class _Body:
    """The body of one request: a stream that ends at once when the process does."""

    def __init__(self, receive: Receive, read_seconds: float) -> None:
        self.read = False
        """Whether the whole body was read."""
        self._receive, self._read_seconds = receive, read_seconds
        self._draining = False
        self._pause: asyncio.Timeout | None = None

    def drain(self, seconds: float) -> None:  # noqa: ARG002  (what was received is stored within the grace in any case)
        """Take no more chunks."""
        self._draining = True
        if self._pause is not None:
            with suppress(RuntimeError):  # it is over already
                self._pause.reschedule(asyncio.get_running_loop().time())

    async def chunks(self) -> AsyncGenerator[bytes]:
        """The chunks. Raises ClientGoneError, and Refusal after a long pause, of a trickle and when stopping."""
        clock, waited, arrived = asyncio.get_running_loop().time, 0.0, 0
        while not self.read:
            if self._draining:
                raise _stopping()
            asked = clock()
            try:
                async with asyncio.timeout(self._read_seconds) as self._pause:
                    event = await self._receive()
            except TimeoutError:
                if self._draining:
                    raise _stopping() from None
                message = f"Nothing arrived for {self._read_seconds:g} seconds. Ask for the offset by HEAD, and go on."
                raise Refusal.of(ErrorCode.TIMEOUT, message, status=408) from None
            finally:
                self._pause = None
            if event["type"] == "http.disconnect":
                raise ClientGoneError
            self.read = not event.get("more_body", False)
            body = event.get("body", b"")
            # Only the time that the caller takes counts, not that of storing.
            waited, arrived = waited + clock() - asked, arrived + len(body)
            if body:
                yield body
            if waited > SLOW_PAUSES * self._read_seconds:
                if arrived < SLOW_BYTES and not self.read:
                    raise _trickling(arrived, waited)
                waited, arrived = 0.0, 0

    async def linger(self) -> None:
        """Throw away what the caller is sending, for a short time."""
        try:
            async with asyncio.timeout(LINGER_SECONDS):
                while True:
                    event = await self._receive()
                    if event["type"] == "http.disconnect" or not event.get("more_body", False):
                        return
        except TimeoutError:
            return


def _number(headers: Headers, name: str) -> int | None:
    """A number of bytes in a header; Refusal for anything else."""
    text = headers.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= DIGITS):
        raise Refusal.of(ErrorCode.BAD_REQUEST, f"`{name}` must be a number of bytes.")
    return int(text)


def _refusal(refused: UploadRefusedError) -> Refusal:
    status, code = _ANSWERS[refused.reason]
    headers = []
    if refused.offset is not None:
        headers.append((OFFSET, str(refused.offset)))
    if refused.retry_after is not None:
        headers.append(("retry-after", str(refused.retry_after)))
    return Refusal.of(code, refused.message, status=status, headers=headers)


def _shown(error: SkyledgerError) -> Refusal:
    if isinstance(error, NotFoundError):
        return Refusal.of(error.code, error.message, status=404)
    return Refusal.of_error(error)


def _stopping() -> Refusal:
    message = "The server is stopping. What arrived is stored: ask for the offset by HEAD, and go on."
    return Refusal.of(ErrorCode.SERVICE_UNAVAILABLE, message, status=503, headers=(("retry-after", "1"),))


def _trickling(arrived: int, seconds: float) -> Refusal:
    message = f"Only {arrived:,} bytes arrived in {seconds:.0f} seconds. Ask for the offset by HEAD, and go on."
    return Refusal.of(ErrorCode.TIMEOUT, message, status=408)


def _headers_of(progress: UploadProgress) -> list[tuple[str, str]]:
    return [(OFFSET, str(progress.offset)), (LENGTH, str(progress.length)), (STATE, progress.state.value)]


def _told(progress: UploadProgress) -> bytes:
    told = {"state": progress.state.value, "offset": progress.offset, "length": progress.length}
    if progress.state is UploadState.COMPLETE and progress.sha256 is not None:
        told["sha256"] = progress.sha256.hex()
    return orjson.dumps(told)


async def _answer(
    send: Send,
    status: int,
    body: bytes,
    headers: Sequence[tuple[str, str]],
    *,
    more: bool = False,
) -> None:
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    raw += [(b"cache-control", b"no-store"), (b"content-length", str(len(body)).encode())]
    if body:
        raw.append((b"content-type", b"application/json"))
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body, "more_body": more})
