"""CloudWatch in front of moto: pages and refuses as AWS does, which moto does not, and misbehaves when told to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

_OPERATION = "GraniteServiceVersion20100801.GetMetricData"
_OF_THE_CONNECTION = {"connection", "content-length", "host", "transfer-encoding", "date", "server"}

Answer = dict[str, Any]


@dataclass(frozen=True)
class Refusal:
    """An error of CloudWatch."""

    code: str
    status: int = 400
    message: str = "refused"


Fault = Refusal | bytes | Callable[[Answer], Answer]
"""Instead of the right answer: an error, a body as it is, or what becomes of the right answer."""


@dataclass
class CloudWatch:
    """What it was asked, and how it behaves: `page` points in an answer, `faults` one for each call."""

    behind: str
    page: int = 100_800
    faults: list[Fault | None] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""

    def answer(self, content: bytes, headers: dict[str, str]) -> tuple[int, bytes, str]:
        """Status, body and the code of an error."""
        question = json.loads(content)
        self.asked.append(question)
        fault = self.faults.pop(0) if self.faults else None
        if isinstance(fault, bytes):
            return 200, fault, ""
        if len(question["MetricDataQueries"]) > 500:
            fault = Refusal("ValidationError", message="The collection MetricDataQueries must not have a size > 500.")
        if isinstance(fault, Refusal):
            return fault.status, _written({"__type": fault.code, "message": fault.message}), fault.code
        passed = httpx.post(self.behind, headers=headers, content=content, timeout=120)
        passed.raise_for_status()
        told = self._page(passed.json()["MetricDataResults"], int(question.get("NextToken", "0")))
        return 200, _written(fault(told) if fault else told), ""

    def _page(self, results: list[Answer], start: int) -> Answer:
        """So many points from `start` on, and how far each metric is told by then."""
        page: list[Answer] = []
        place = 0
        for result in results:
            count = len(result["Timestamps"])
            first, last = max(start - place, 0), min(start + self.page - place, count)
            # A metric without points is told on the page on which the one before it ends.
            if first < last or (not count and start <= place < start + self.page):
                kept = {name: result[name][first:last] for name in ("Timestamps", "Values")}
                page.append({**result, **kept, "StatusCode": "Complete" if last >= count else "PartialData"})
            place += count
        more = {"NextToken": str(start + self.page)} if start + self.page < place else {}
        return {"MetricDataResults": page, **more}


@contextmanager
def cloudwatch_before(behind: str) -> Iterator[CloudWatch]:
    """CloudWatch on loopback; all other services are passed on to moto at `behind`."""
    far_side = CloudWatch(behind)
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(far_side)) as server:
        far_side.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield far_side
        finally:
            server.shutdown()
            thread.join()


def _handler(far_side: CloudWatch) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_arguments: Any) -> None:
            pass

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {key: value for key, value in self.headers.items() if key.lower() not in _OF_THE_CONNECTION}
            if self.headers.get("X-Amz-Target") != _OPERATION:
                passed = httpx.post(far_side.behind + self.path, headers=headers, content=content, timeout=120)
                self._send(passed.status_code, passed.content, {"Content-Type": passed.headers["Content-Type"]})
                return
            status, body, code = far_side.answer(content, headers)
            told = {"Content-Type": "application/x-amz-json-1.0"}
            self._send(status, body, told | ({"x-amzn-query-error": f"{code};Sender"} if code else {}))

        def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler


def _written(answer: Answer) -> bytes:
    return json.dumps(answer).encode()
