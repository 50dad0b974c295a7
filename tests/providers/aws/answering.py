"""A far side for the services of AWS that moto lacks: a local HTTP server that answers in AWS's wire formats."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from app.providers.aws.session import AwsConnection
from app.providers.base import FoundResource, Service
from tests.providers.moto import REGION, aws_target


@dataclass(frozen=True)
class Refusal:
    """An error of AWS."""

    code: str
    status: int = 400
    message: str = "refused"


DENIED = Refusal("AccessDeniedException", 400, "User is not authorized to perform this")

Answer = Any
"""A dict (sent as JSON), a text (sent as XML), a Refusal, a list of those for one call after the other, or a function
of the request's arguments that gives one."""


@dataclass
class Answering:
    """Answers each operation as told; an operation that was not told of is refused as unexpected.

    Operations are named as the wire names them: the last word of X-Amz-Target, the Action of a form, and for REST the
    method with the path, such as `GET /environments`.
    """

    answers: dict[str, Answer]
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    url: str = ""

    def calls(self, operation: str) -> list[dict[str, Any]]:
        """The arguments of each call of an operation."""
        return [arguments for name, arguments in self.asked if name == operation]

    def answer(self, operation: str, arguments: dict[str, Any]) -> Answer:
        self.asked.append((operation, arguments))
        told = self.answers.get(operation, Refusal("UnexpectedCall"))
        if isinstance(told, list):
            told = told[min(len(self.calls(operation)), len(told)) - 1]
        return told(arguments) if isinstance(told, Callable) else told  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    far_side: Answering

    def log_message(self, *_arguments: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def _serve(self, method: str) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        url = urlsplit(self.path)
        target = self.headers.get("X-Amz-Target")
        form = parse_qs(body)
        if target:
            operation, arguments = target.rpartition(".")[2], json.loads(body or "{}")
        elif "Action" in form:
            operation, arguments = form["Action"][0], {name: values[0] for name, values in form.items()}
        else:
            operation = f"{method} {url.path}"
            arguments = {name: values[0] for name, values in parse_qs(url.query).items()}
            arguments |= json.loads(body) if body.startswith("{") else {}
        self._send(self.far_side.answer(operation, arguments), xml=not target and not body.startswith("{"))

    def _send(self, answer: Answer, *, xml: bool) -> None:
        if isinstance(answer, Refusal):
            if xml:
                error = f"<Error><Code>{answer.code}</Code><Message>{answer.message}</Message></Error>"
                text = f"<ErrorResponse>{error}</ErrorResponse>"
            else:
                text = json.dumps({"__type": answer.code, "message": answer.message})
            status = answer.status
        else:
            text, status = (answer if isinstance(answer, str) else json.dumps(answer)), 200
        content = text.encode()
        self.send_response(status)
        if isinstance(answer, Refusal):
            self.send_header("x-amzn-ErrorType", answer.code)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def answering(**answers: Answer) -> Iterator[Answering]:
    """A server on loopback; REST operations are given as `**{"GET /path": …}`."""
    far_side = Answering(answers)
    handler = type("Handler", (_Handler,), {"far_side": far_side})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        far_side.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield far_side
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def connected(url: str, **settings: Any) -> Iterator[AwsConnection]:
    """A connection of which every service is at `url`."""
    connection = AwsConnection(aws_target(url, **settings), attempts=1)
    try:
        yield connection
    finally:
        connection.close()


def read(url: str, service: Service, resource_type: str, region: str = REGION, **settings: Any) -> list[FoundResource]:
    """All that the collector of a type tells."""
    (collector,) = (one for one in service.collectors if resource_type in one.resource_types)
    with connected(url, **settings) as connection:
        found = [resource for page in collector.pages(connection, region) for resource in page]
    assert {resource.resource_type for resource in found} <= set(collector.resource_types)
    assert all(re.fullmatch(r"[a-z0-9-]+:[A-Za-z0-9]+", permission) for permission in collector.permissions)
    json.dumps([resource.properties for resource in found])
    return found
