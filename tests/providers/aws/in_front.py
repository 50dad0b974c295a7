"""Stands in front of moto: passes requests on, and answers itself what a test wants refused or what moto lacks."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

_OF_THE_CONNECTION = {"connection", "content-length", "host", "transfer-encoding", "date", "server"}
"""Headers that belong to one connection and are not passed on."""


@dataclass(frozen=True)
class Told:
    """An answer of the test's own."""

    body: str
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


Ours = Callable[[str, str], Told | None]
"""Of a request's name and body the answer, or None to pass it on. The name is the operation where the protocol tells
it in a header or form, else the method and the path with its query, such as `GET /bucket?lifecycle`."""


@dataclass
class Front:
    """Where a connection is made to, and the names of all requests that came."""

    behind: str
    ours: Ours
    url: str = ""
    asked: list[str] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    front: Front

    def log_message(self, *_arguments: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        name = self._name(content.decode())
        self.front.asked.append(name)
        told = self.front.ours(name, content.decode())
        if told is not None:
            self._send(told.status, told.headers, told.body.encode())
            return
        headers = {key: value for key, value in self.headers.items() if key.lower() not in _OF_THE_CONNECTION}
        passed = httpx.request(
            self.command, self.front.behind + self.path, headers=headers, content=content, timeout=120
        )
        kept = {key: value for key, value in passed.headers.items() if key.lower() not in _OF_THE_CONNECTION}
        self._send(passed.status_code, kept, passed.content)

    def _name(self, text: str) -> str:
        target = self.headers.get("X-Amz-Target")
        if target:
            return target.rpartition(".")[2]
        if text.startswith("Action="):
            return text.removeprefix("Action=").partition("&")[0]
        return f"{self.command} {self.path}"

    def _send(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def in_front(behind: str, ours: Ours) -> Iterator[Front]:
    """A server on loopback in front of `behind`, a URL."""
    front = Front(behind, ours)
    handler = type("Handler", (_Handler,), {"front": front})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        front.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield front
        finally:
            server.shutdown()
            thread.join()


def refused_as_xml(code: str, status: int = 403) -> Told:
    """An error as S3 tells it."""
    return Told(f"<Error><Code>{code}</Code><Message>refused</Message></Error>", status)


def refused_as_json(code: str, status: int = 400) -> Told:
    """An error as the services that speak JSON tell it."""
    return Told(json.dumps({"__type": code, "message": "refused"}), status, {"x-amzn-ErrorType": code})
