"""GraphQL over server-sent events, distinct connections mode: one operation, one response that stays open.

Protocol: https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md
A stream that ends without `complete` (the process stops, the reader is too slow) is one that the client should resume.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import orjson
import structlog
from graphql import OperationType
from starlette.types import Receive, Send

from app.server.hub import Encoded
from app.server.identity import OperationFacts
from app.server.masking import Fault, Refusal, errors_to_json
from app.server.operations import GraphQLServer
from app.server.outbox import Outbox, SlowConsumerError
from app.server.parameters import OperationRequest
from app.server.watch import Ended
from app.tasks import end_tasks

_NEXT = b"event: next\ndata: "
_COMPLETE = b"event: complete\ndata:\n\n"
_KEEPALIVE = b":\n\n"

_log = structlog.stdlib.get_logger("skyledger.server")


class EventStream:
    """Serves one operation as an event stream until it completes, the caller leaves, or either side must stop."""

    def __init__(
        self,
        server: GraphQLServer,
        request: OperationRequest,
        facts: OperationFacts,
        allowed: frozenset[OperationType],
    ) -> None:
        self._server, self._request, self._facts, self._allowed = server, request, facts, allowed
        self._stopping = asyncio.Event()
        self._ended: Ended | None = None
        limits = server.limits
        self._outbox = Outbox(limits.queue_messages, limits.queue_bytes, limits.slow_consumer_seconds)
        self._subscribes = False

    def offer(self, result: Encoded) -> bool:
        """See Sink."""
        return self._outbox.put_if_room(result.form(_NEXT, _next))

    async def put(self, result: Encoded) -> None:
        """See Sink."""
        await self._outbox.put(result.form(_NEXT, _next))

    def drain(self, seconds: float) -> None:
        """End a subscription now; a query or mutation has `seconds` to answer."""
        asyncio.get_running_loop().call_later(0 if self._subscribes else seconds, self._stopping.set)

    async def serve(self, receive: Receive, send: Send) -> None:
        """Send the stream; returns when it has ended."""
        headers = [
            (b"content-type", b"text/event-stream; charset=utf-8"),
            (b"cache-control", b"no-store"),
            (b"vary", b"Accept"),
            (b"x-accel-buffering", b"no"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        self._server.lifecycle.attach(self)
        turn = self._server.keep_alive.join(self._keep_alive)
        identity = self._facts.identity
        watched = self._server.watch.begin(identity, self._end) if identity is not None else None
        try:
            running = asyncio.create_task(self._run())
            try:
                await self._until_first_ends(self._write(send), _until_gone(receive), self._stopping.wait())
            finally:
                await end_tasks(running)
            if self._ended is not None:
                fault = Fault(self._ended.error, f"The stream was closed: {self._ended.reason}.")
                await self._send(send, self._errors([fault]) + _COMPLETE)
            await self._send(send, b"", more=False)
        except TimeoutError:
            _log.info("slow_consumer", transport="sse", request_id=self._facts.request_id)
        finally:
            turn.leave()
            if watched is not None:
                watched.stop()
            self._server.lifecycle.detach(self)

    @staticmethod
    async def _until_first_ends(*parts: Coroutine[Any, Any, object]) -> None:
        """Run the parts together until one ends; the others are cancelled and have cleaned up when this returns."""
        tasks = [asyncio.create_task(part) for part in parts]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            task.result()

    async def _run(self) -> None:
        """Queue the results of the operation and its end; a reader that makes no room ends the stream without one."""
        try:
            request = await self._server.trust.resolve(self._request, self._facts.identity)
            self._subscribes = self._server.subscribes(request)
            await self._server.stream(request, self._facts, self, allowed=self._allowed)
        except Refusal as refusal:
            await self._outbox.put(self._errors(refusal.faults))
        except SlowConsumerError:
            self._stopping.set()
            return
        await self._outbox.put(_COMPLETE)
        self._outbox.finish()

    async def _write(self, send: Send) -> None:
        while (piece := await self._outbox.get()) is not None:
            await send({"type": "http.response.body", "body": piece, "more_body": True})

    def _keep_alive(self) -> None:
        self._outbox.put_if_room(_KEEPALIVE)

    def _end(self, ended: Ended) -> None:
        self._ended = ended
        self._stopping.set()

    async def _send(self, send: Send, body: bytes, *, more: bool = True) -> None:
        """Send a piece; TimeoutError when the reader does not make room for it in time."""
        async with asyncio.timeout(self._server.limits.slow_consumer_seconds):
            await send({"type": "http.response.body", "body": body, "more_body": more})

    def _errors(self, faults: list[Fault] | tuple[Fault, ...]) -> bytes:
        return _next(_NEXT, orjson.dumps({"errors": errors_to_json(faults, self._facts.request_id)}))


def _next(head: bytes, payload: bytes) -> bytes:
    # orjson escapes line breaks inside strings, so a payload is always one line.
    return head + payload + b"\n\n"


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
