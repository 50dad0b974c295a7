"""One socket that speaks graphql-transport-ws, from `connection_init` to its close.

Close codes: 4400 malformed message, 4401 operation before acknowledgement, 4403 wrong, expired or revoked credential,
4406 other sub-protocol, 4408 no `connection_init` in time, 4409 id in use, 4410 slow consumer (resume from the last
cursor), 4429 second `connection_init`, 4499 no sign of life, 4500 internal error, 1009 message too large, 1012 the
process stops, 1013 the caller cannot be checked at the moment. More operations than allowed get an `error` message
each.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

import structlog
from starlette.types import Receive, Send

from app.errors import BadUserInputError, ErrorCode, SkyledgerError, UnavailableError
from app.server.credentials import Credentials, with_payload
from app.server.hub import Encoded
from app.server.identity import Identity, OperationFacts
from app.server.masking import Fault, Refusal, errors_to_json, log_failure
from app.server.messages import (
    CONNECTION_ACK,
    PING,
    PING_FRAME,
    ClientMessage,
    ProtocolError,
    close_reason,
    complete,
    error,
    next_frame,
    next_head,
    next_result,
    pong,
    read_message,
)
from app.server.operations import GraphQLServer
from app.server.outbox import Outbox, SlowConsumerError
from app.server.parameters import OperationRequest, from_mapping
from app.server.watch import Ended, Watched
from app.server.wire import Wire

# What is queued when a socket closes gets this long to leave, and the close frame as long again.
FLUSH_SECONDS = 1.0
# A generator that does not end when it is cancelled is left behind after this long.
CLEANUP_SECONDS = 5.0

_log = structlog.stdlib.get_logger("skyledger.server")


class Close(NamedTuple):
    """Why a socket ends, and for how many seconds running queries and mutations may still answer."""

    code: int
    reason: str
    grace: float = 0.0


_PEER_LEFT = Close(0, "the client left")
_SLOW = Close(4410, "Slow consumer")
_FAILED = Close(4500, "Internal error")


class _Running:
    """An operation of this socket; the sink of its results."""

    __slots__ = ("_head", "_outbox", "_wire", "id", "request", "subscribes", "task")

    def __init__(
        self, outbox: Outbox, wire: Wire | None, id_: str, request: OperationRequest, *, subscribes: bool
    ) -> None:
        self._outbox, self._wire, self._head = outbox, wire, next_head(id_)
        self.id, self.request, self.subscribes = id_, request, subscribes
        self.task: asyncio.Task[None] | None = None

    def offer(self, result: Encoded) -> bool:
        """See Sink. Past the queue, unless something waits in it."""
        if self._wire is not None and self._outbox.idle and self._wire.write_frame(result.form(self._head, next_frame)):
            return True
        return self._outbox.put_if_room(result.form(self._head, next_result), self)

    async def put(self, result: Encoded) -> None:
        """See Sink."""
        if not self.offer(result):
            await self._outbox.put(result.form(self._head, next_result), self)


class Connection:
    """Reads messages, runs operations and writes their results until somebody closes the socket."""

    def __init__(
        self,
        server: GraphQLServer,
        credentials: Credentials,
        socket_id: str,
        receive: Receive,
        send: Send,
        wire: Wire | None = None,
    ) -> None:
        self._server, self._limits = server, server.limits
        self._credentials, self._socket_id = credentials, socket_id
        self._receive, self._send, self._wire = receive, send, wire
        self._identity: Identity | None = None
        self._watched: Watched | None = None
        self._greeted = self._acknowledged = False
        self._heard = self._pinged = False
        self._closing: asyncio.Future[Close] = asyncio.get_running_loop().create_future()
        self._operations: dict[str, _Running] = {}
        self._tasks: dict[asyncio.Task[None], _Running | None] = {}
        limits = self._limits
        self._outbox = Outbox(limits.queue_messages, limits.queue_bytes, limits.slow_consumer_seconds)

    def close(self, close: Close) -> None:
        """Ask for the end of the socket; the first reason counts."""
        if not self._closing.done():
            self._closing.set_result(close)

    def drain(self, seconds: float) -> None:
        """The process stops: subscriptions end, queries and mutations have `seconds` to answer, then 1012."""
        self.close(Close(1012, "Service restart", seconds))

    async def serve(self) -> None:
        """Serve the accepted socket; returns when it is closed and everything it started has ended."""
        loop = asyncio.get_running_loop()
        started = time.monotonic()
        init = loop.call_later(self._limits.websocket_init_seconds, self._init_is_late)
        writer = asyncio.create_task(self._write())
        self._start(self._read)
        turn = self._server.keep_alive.join(self._keep_alive)
        self._server.metrics.sockets.inc()
        self._server.lifecycle.attach(self)
        close = _PEER_LEFT
        try:
            close = await self._closing
            if close.grace > 0:
                await self._finish_single_results(close.grace)
        finally:
            init.cancel()
            turn.leave()
            await self._stop_tasks()
            if self._watched is not None:
                self._watched.stop()
                self._watched = None
            await self._say_goodbye(close, writer)
            self._server.lifecycle.detach(self)
            self._server.metrics.sockets.dec()
            seconds = round(time.monotonic() - started, 3)
            subject = self._identity.subject if self._identity else None
            _log.info("socket", code=close.code, reason=close.reason, seconds=seconds, subject=subject)

    def _start(
        self, work: Callable[[], Coroutine[Any, Any, None]], running: _Running | None = None
    ) -> asyncio.Task[None]:
        task = asyncio.create_task(self._guard(work))
        self._tasks[task] = running
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[None]) -> None:
        running = self._tasks.pop(task, None)
        if running is not None:
            running.task = None  # or both would wait for a full collection, with all that their frames hold

    async def _guard(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Whatever ends a part of this socket badly ends the socket with the code that says so."""
        try:
            await work()
        except ProtocolError as broken:
            self.close(Close(broken.code, broken.reason))
        except SlowConsumerError:
            self.close(_SLOW)
        except Exception as failure:  # noqa: BLE001 - a part that breaks must not leave half a socket
            log_failure(failure, self._socket_id)
            self.close(_FAILED)

    def _init_is_late(self) -> None:
        if not self._acknowledged:
            self.close(Close(4408, "Connection initialisation timeout"))

    async def _read(self) -> None:
        while True:
            event = await self._receive()
            if event["type"] == "websocket.disconnect":
                self.close(_PEER_LEFT)
                return
            self._heard, self._pinged = True, False
            await self._handle(read_message(event, self._limits.websocket_frame_bytes))

    async def _handle(self, message: ClientMessage) -> None:
        if message.type == "connection_init":
            await self._greet(message.payload)
        elif message.type == "ping":
            await self._outbox.put(pong(message.payload))
        elif message.type in {"subscribe", "complete"} and not self._acknowledged:
            raise ProtocolError(4401, "Unauthorized")
        elif message.type == "subscribe":
            await self._subscribe(message)
        elif message.type == "complete":
            self._stop_operation(message.id)

    async def _greet(self, payload: dict[str, Any] | None) -> None:
        """Find out who is calling and acknowledge; from then on watch that they remain allowed."""
        if self._greeted:
            raise ProtocolError(4429, "Too many initialisation requests")
        self._greeted = True
        try:
            self._identity = await self._server.identify(with_payload(self._credentials, payload))
        except BadUserInputError as wrong:
            raise ProtocolError(4400, wrong.message) from None
        except UnavailableError as away:
            raise ProtocolError(1013, away.message) from None
        except SkyledgerError as refused:
            raise ProtocolError(4403, refused.message) from None
        self._acknowledged = True
        await self._outbox.put(CONNECTION_ACK)
        if self._identity is not None:
            self._watched = self._server.watch.begin(self._identity, self._end)

    def _end(self, ended: Ended) -> None:
        self.close(Close(ended.code, ended.reason))

    def _keep_alive(self) -> None:
        """Ping a client that was silent since the last turn; close when it stays silent until the next."""
        if self._pinged:
            self.close(Close(4499, "No sign of life"))
        elif not self._heard:
            self._pinged = self._offer(PING_FRAME) or self._outbox.put_if_room(PING)
        self._heard = False

    def _offer(self, frame: bytes) -> bool:
        """Send a whole frame past the queue, unless something waits in it."""
        return self._wire is not None and self._outbox.idle and self._wire.write_frame(frame)

    async def _subscribe(self, message: ClientMessage) -> None:
        if message.id in self._operations:
            raise ProtocolError(4409, f"Subscriber for {message.id} already exists")
        try:
            request = from_mapping(message.payload or {})
        except Refusal as malformed:
            raise ProtocolError(4400, malformed.faults[0].message) from None
        most = self._limits.websocket_operations
        if sum(running is not None for running in self._tasks.values()) >= most:
            fault = Fault(ErrorCode.RATE_LIMITED, f"At most {most} operations run on one socket: complete one first.")
            await self._outbox.put(error(message.id, errors_to_json([fault], self._socket_id)))
            return
        try:
            request = await self._server.trust.resolve(request, self._identity)
        except Refusal as refusal:
            await self._outbox.put(error(message.id, errors_to_json(refusal.faults, self._socket_id)))
            return
        subscribes = self._server.subscribes(request)
        running = _Running(self._outbox, self._wire, message.id, request, subscribes=subscribes)
        self._operations[message.id] = running
        running.task = self._start(partial(self._run, running), running)

    def _stop_operation(self, id_: str) -> None:
        """The client has enough: cancel the operation, and forget what of it was not sent yet."""
        running = self._operations.pop(id_, None)
        if running is not None and running.task is not None:
            running.task.cancel()
            self._outbox.discard(running)

    async def _run(self, running: _Running) -> None:
        facts = OperationFacts(
            request_id=uuid.uuid4().hex,
            identity=self._identity,
            client_address=self._credentials.client_address,
            user_agent=self._credentials.user_agent,
            transport="websocket",
        )
        structlog.contextvars.bind_contextvars(request_id=facts.request_id, socket_id=self._socket_id)
        try:
            await self._server.stream(running.request, facts, running)
            last = complete(running.id)
        except Refusal as refusal:
            last = error(running.id, errors_to_json(refusal.faults, facts.request_id))
        # The id is free before the client can learn that it is.
        if self._operations.get(running.id) is running:
            del self._operations[running.id]
        await self._outbox.put(last, running)

    async def _write(self) -> None:
        try:
            while (frame := await self._outbox.get()) is not None:
                await self._send({"type": "websocket.send", "text": frame.decode()})
        except (OSError, RuntimeError):  # the peer is gone, or uvicorn closed the wire for a broken frame
            self.close(_PEER_LEFT)

    async def _finish_single_results(self, seconds: float) -> None:
        """Stop reading and all subscriptions, wait for queries and mutations."""
        single = [task for task, running in self._tasks.items() if running is not None and not running.subscribes]
        for task in set(self._tasks).difference(single):
            task.cancel()
        if single:
            await asyncio.wait(single, timeout=seconds)

    async def _stop_tasks(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            _, stuck = await asyncio.wait(tasks, timeout=CLEANUP_SECONDS)
            if stuck:
                _log.error("operations_do_not_stop", socket_id=self._socket_id, count=len(stuck))

    async def _say_goodbye(self, close: Close, writer: asyncio.Task[None]) -> None:
        """Send what is queued, unless nobody reads it, then the close frame."""
        if close in {_PEER_LEFT, _SLOW}:
            self._outbox.clear()
        self._outbox.finish()
        await asyncio.wait([writer], timeout=FLUSH_SECONDS)
        writer.cancel()
        await asyncio.gather(writer, return_exceptions=True)
        if close is _PEER_LEFT:
            return
        self._server.metrics.closes.labels(close.code).inc()
        frame = {"type": "websocket.close", "code": close.code, "reason": close_reason(close.reason)}
        with suppress(OSError, RuntimeError, TimeoutError):  # gone or closed meanwhile, or not reading
            async with asyncio.timeout(FLUSH_SECONDS):
                await self._send(frame)
