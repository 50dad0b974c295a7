"""The far side of price lists: answers by path and query, as a test lays them down, and notes what was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote_plus

Answer = tuple[int, bytes]


@dataclass
class PriceServer:
    """What is told, by the end of the decoded path and query; a list is told one after the other."""

    url: str = ""
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    packed: str = ""
    """The Content-Encoding that it says its answers have."""
    cut: set[str] = field(default_factory=set)
    """Paths whose answers break off in the middle."""

    def tell(self, path: str, *bodies: Any, status: int = 200) -> None:
        """Lay down answers; the last of them is told for ever. What is no text is told as JSON."""
        encoded = [body.encode() if isinstance(body, str) else json.dumps(body).encode() for body in bodies]
        self.answers.setdefault(path, []).extend((status, body) for body in encoded)

    def answer(self, target: str) -> Answer:
        """The next answer to a request."""
        for path, answers in self.answers.items():
            if target.endswith(path):
                return answers.pop(0) if len(answers) > 1 else answers[0]
        return 404, b"{}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_of: PriceServer

    def log_message(self, *_arguments: Any) -> None:
        pass

    def do_GET(self) -> None:
        target = unquote_plus(self.path)
        self.server_of.asked.append(target)
        self.server_of.keys.append(self.headers.get("X-Goog-Api-Key"))
        status, body = self.server_of.answer(target)
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if self.server_of.packed:
            self.send_header("Content-Encoding", self.server_of.packed)
        self.end_headers()
        cut = any(target.endswith(path) for path in self.server_of.cut)
        self.wfile.write(body[: len(body) // 2] if cut else body)
        if cut:
            self.close_connection = True


@contextmanager
def price_server() -> Iterator[PriceServer]:
    """A server on a free port."""
    told = PriceServer()
    handler = type("Handler", (_Handler,), {"server_of": told})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as listener:
        listener.daemon_threads = True
        told.url = f"http://127.0.0.1:{listener.server_address[1]}"
        thread = threading.Thread(target=listener.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield told
        finally:
            listener.shutdown()
            thread.join()
