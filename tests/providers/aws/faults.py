"""A far side of AWS that misbehaves: answers that are cut off, late, refused, or end in a reset connection."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs


@dataclass(frozen=True)
class Fault:
    """One answer, or none.

    With `cut`, so many bytes of the body are missing although they are announced; with `reset`, the connection is
    reset instead; with `late`, nothing is sent until the test is over.
    """

    body: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: int = 0
    reset: bool = False
    late: bool = False


def refusal(code: str, status: int = 400, message: str = "refused") -> Fault:
    """An error as EC2 tells it."""
    return Fault(
        f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors></Response>", status
    )


def volumes(*ids: str, token: str = "") -> str:
    """EC2's answer to DescribeVolumes, with the token of a next page."""
    items = "".join(f"<item><volumeId>{volume_id}</volumeId></item>" for volume_id in ids)
    return f"<R><volumeSet>{items}</volumeSet><nextToken>{token}</nextToken></R>"


@dataclass
class Faults:
    """Gives its answers one after the other, the last one again and again, and keeps the forms it was sent."""

    answers: list[Fault]
    asked: list[dict[str, str]] = field(default_factory=list)
    url: str = ""
    over: threading.Event = field(default_factory=threading.Event)

    def next(self, form: dict[str, str]) -> Fault:
        """The answer to the next call."""
        self.asked.append(form)
        return self.answers[min(len(self.asked), len(self.answers)) - 1]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    far_side: Faults

    def log_message(self, *_arguments: Any) -> None:
        pass

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        told = self.far_side.next({name: values[0] for name, values in parse_qs(text).items()})
        if told.late:
            self.far_side.over.wait()
            self.close_connection = True
            return
        if told.reset:
            # Lingering for no time makes the close a reset.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
            return
        content = told.body.encode()
        self.send_response(told.status)
        for name, value in told.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) - told.cut])
        self.close_connection = self.close_connection or told.cut > 0


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that gives up is what these tests are about."""


@contextmanager
def faulty(*answers: Fault) -> Iterator[Faults]:
    """A server on loopback that gives these answers."""
    far_side = Faults(list(answers))
    with _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"far_side": far_side})) as server:
        far_side.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield far_side
        finally:
            far_side.over.set()
            server.shutdown()
            thread.join()
