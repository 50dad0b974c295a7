"""Runs an application under uvicorn until SIGTERM or SIGINT, and ends it without failing a running mutation."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import cast

import structlog
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import State

from app.server.garbage import set_old_objects_aside
from app.server.lifecycle import Lifecycle
from app.server.limits import Limits
from app.server.wire import WIRE

# A peer that does not take our close frame is cut off after this long.
LINGER_SECONDS = 2.0
# Of the time for shutdown this much is kept for the lifespan of the application.
LIFESPAN_SECONDS = 1.0
# And this much before that for streams to say goodbye.
GOODBYE_SECONDS = 0.5

OnReady = Callable[[str], None]

_log = structlog.stdlib.get_logger("skyledger.server")


class SocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket protocol, but a peer that stopped reading cannot keep the connection for ever.

    As an extension of ASGI it takes whole frames, see `Wire`.
    """

    async def run_asgi(self) -> None:
        """Run the application; what it left unsent has LINGER_SECONDS to leave."""
        cast("dict[str, object]", self.scope["extensions"])[WIRE] = self
        await super().run_asgi()
        self.loop.call_later(LINGER_SECONDS, self.transport.abort)

    def write_frame(self, frame: bytes) -> bool:
        """See Wire."""
        if self.close_sent or not self.writable.is_set() or self.transport.is_closing():
            return False
        if self.conn.state is not State.OPEN:
            return False
        self.transport.write(frame)
        return True


class DrainingServer(uvicorn.Server):
    """uvicorn that tells the streams when it stops and is gone within `shutdown_seconds` of the signal.

    Order: readiness fails; after `notice_seconds` (for load balancers) listeners close; subscriptions end; running
    queries and mutations answer; sockets close with 1012; the lifespan ends.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        lifecycle: Lifecycle,
        *,
        shutdown_seconds: float,
        notice_seconds: float = 0.0,
        on_ready: OnReady | None = None,
    ) -> None:
        super().__init__(config)
        self._lifecycle, self._on_ready = lifecycle, on_ready
        self._shutdown_seconds, self._notice_seconds = shutdown_seconds, notice_seconds
        self._signalled_at: float | None = None
        self._owns_process = False

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until a signal, in a loop of its own."""
        self._owns_process = threading.current_thread() is threading.main_thread()
        super().run(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening, then say so."""
        await super().startup(sockets)
        if not self.started or self.should_exit:
            return
        if self._owns_process:
            set_old_objects_aside()
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        _log.info("listening", url=url)
        if self._on_ready is not None:
            self._on_ready(url)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End gracefully, within the time that is left since the signal."""
        self._lifecycle.announce()
        began = self._signalled_at or time.monotonic()
        deadline = began + self._shutdown_seconds - LIFESPAN_SECONDS
        await asyncio.sleep(max(0.0, self._notice_seconds - (time.monotonic() - began)))
        for server in self.servers:
            server.close()
        self._lifecycle.drain(max(0.0, deadline - GOODBYE_SECONDS - time.monotonic()))
        if not await self._lifecycle.wait_idle(max(0.0, deadline - time.monotonic())):
            _log.warning("streams_do_not_end", count=len(self._lifecycle))
        # uvicorn waits for seconds, whole or not; only its annotation says int.
        self.config.timeout_graceful_shutdown = cast("int", max(0.0, deadline - time.monotonic()))
        await super().shutdown(sockets)
        _log.info("stopped", seconds=round(time.monotonic() - began, 3))

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGTERM and SIGINT; unlike uvicorn's own, the process then ends with code 0, not by the signal."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop, number)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Begin to stop; a second SIGINT does not wait for anything."""
        if self.should_exit and number == signal.SIGINT:
            self.force_exit = True
        self._signalled_at = self._signalled_at or time.monotonic()
        self._lifecycle.announce()
        self.should_exit = True


def make_server(
    app: ASGIApp,
    lifecycle: Lifecycle,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    limits: Limits | None = None,
    trusted_proxies: Sequence[str] = (),
    notice_seconds: float = 0.0,
    on_ready: OnReady | None = None,
) -> DrainingServer:
    """A server that is not running yet: `run()` blocks until it has stopped, `await serve()` does so in a loop.

    `port` 0 takes a free one; `on_ready` gets the URL once it listens. X-Forwarded-For is believed from
    `trusted_proxies` only.
    """
    limits = limits or Limits()
    return DrainingServer(
        _configuration(app, host, port, limits, trusted_proxies),
        lifecycle,
        shutdown_seconds=limits.shutdown_seconds,
        notice_seconds=notice_seconds,
        on_ready=on_ready,
    )


def _configuration(
    app: ASGIApp, host: str, port: int, limits: Limits, trusted_proxies: Sequence[str]
) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="uvloop",
        http="httptools",
        ws=SocketProtocol,
        ws_max_size=limits.websocket_frame_bytes,
        # It doubles the CPU of a frame (PERFORMANCE.md 3) and takes 30 KiB a socket.
        ws_per_message_deflate=False,
        # The pings of graphql-transport-ws find out all that these would (Connection).
        ws_ping_interval=None,
        ws_ping_timeout=None,
        lifespan="on",
        # Our own access log has no query strings; below WARNING uvicorn would write `?token=` of each socket.
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=list(trusted_proxies) or None,
    )


def run_server(
    app: ASGIApp,
    lifecycle: Lifecycle,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    limits: Limits | None = None,
    trusted_proxies: Sequence[str] = (),
    notice_seconds: float = 0.0,
    on_ready: OnReady | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT and return after the graceful end; SystemExit when it cannot start."""
    make_server(
        app,
        lifecycle,
        host=host,
        port=port,
        limits=limits,
        trusted_proxies=trusted_proxies,
        notice_seconds=notice_seconds,
        on_ready=on_ready,
    ).run()
