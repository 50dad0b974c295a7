"""Cloud Monitoring on loopback: reads the filter, aligns and reduces samples, and pages through points."""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.providers.gcp.google import TOKEN

_TERM = re.compile(r'([\w.]+) = (one_of\()?("(?:[^"\\]|\\.)*"(?:, "(?:[^"\\]|\\.)*")*)\)?')
_COMPUTED = {"MEAN": lambda v: sum(v) / len(v), "MIN": min, "MAX": max, "SUM": sum, "COUNT": len}
Params = dict[str, list[str]]


@dataclass(frozen=True)
class Series:
    """Samples of one monitored resource; `labels` as in a filter, such as `resource.labels.instance_id`."""

    metric: str
    resource: str
    labels: dict[str, str]
    samples: list[tuple[datetime, float]]
    is_distribution: bool = False

    def value(self, selector: str) -> str | None:
        """What a filter compares."""
        return {"metric.type": self.metric, "resource.type": self.resource}.get(selector) or self.labels.get(selector)

    def within(self, begin: datetime, end: datetime) -> list[float]:
        """The samples of a period, of which the end is a part and the begin is not."""
        return [value for at, value in self.samples if begin < at <= end]


@dataclass(frozen=True)
class Fault:
    """An answer in place of the right one; `reset` closes the connection, `late` answers when the test is over."""

    status: int = 200
    body: str = ""
    reset: bool = False
    late: bool = False
    headers: dict[str, str] = field(default_factory=dict)


def terms_of(filter_: str) -> dict[str, list[str]]:
    """What a filter compares, and with which values."""
    return {key: json.loads(f"[{values}]") for key, _, values in _TERM.findall(filter_)}


def refusal(status: int, message: str = "text with s3cret", wait: int = 0, reason: str = "", **metadata: str) -> Fault:
    """An error as Google's REST services send it."""
    details: list[dict[str, Any]] = [{"@type": "type.googleapis.com/google.rpc.Help", "links": []}]
    if reason:
        info = {"reason": reason, "domain": "googleapis.com", "metadata": metadata}
        details.append({"@type": "type.googleapis.com/google.rpc.ErrorInfo", **info})
    if wait:
        details.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{wait}s"})
    return Fault(status, json.dumps({"error": {"code": status, "message": message, "details": details}}))


@dataclass
class Far:
    """What is known by project, what was asked, and how it misbehaves."""

    known: dict[str, list[Series]] = field(default_factory=dict)
    page: int = 100_000
    faults: list[Fault] = field(default_factory=list)
    asked: list[tuple[str, Params]] = field(default_factory=list)
    url: str = ""
    over: threading.Event = field(default_factory=threading.Event)

    def answer(self, target: str, token: str) -> Fault:
        """The answer to `GET /v3/{scope}/timeSeries`."""
        url = urlsplit(target)
        params = parse_qs(url.query)
        self.asked.append((unquote(url.path), params))
        if self.faults:
            return self.faults.pop(0)
        if token != f"Bearer {TOKEN}":
            return refusal(401, reason="ACCESS_TOKEN_EXPIRED")
        scope = unquote(url.path).removeprefix("/v3/").removesuffix("/timeSeries")
        terms = terms_of(params["filter"][0])
        metric = terms["metric.type"][0]
        of_type = [series for series in self.known.get(scope, []) if series.metric == metric]
        if not of_type:
            return refusal(404, f'Cannot find metric(s) that match type = "{metric}".')
        found = [s for s in of_type if all(s.value(selector) in values for selector, values in terms.items())]
        aligner = params["aggregation.perSeriesAligner"][0].removeprefix("ALIGN_")
        if aligner.startswith("PERCENTILE") is not of_type[0].is_distribution:
            words = f'Field aggregation.perSeriesAligner had an invalid value of "ALIGN_{aligner}": The aligner cannot'
            return refusal(400, f"{words} be applied to metrics with kind GAUGE and value type DOUBLE.")
        return Fault(
            body=json.dumps(self._page(_reduced([_aligned(s, aligner, params) for s in found], params), params))
        )

    def _page(self, told: list[dict[str, Any]], params: Params) -> dict[str, Any]:
        """So many points; a series may go on in the next page."""
        start = int(params.get("pageToken", ["0"])[0])
        size = min(self.page, int(params["pageSize"][0]))
        flat = [(number, point) for number, series in enumerate(told) for point in series["points"]]
        page: list[dict[str, Any]] = []
        for number in sorted({number for number, _ in flat[start : start + size]}):
            points = [point for place, point in flat[start : start + size] if place == number]
            page.append({**told[number], "points": points})
        answer: dict[str, Any] = {"timeSeries": page, "unit": "1"} if page else {"unit": "1"}
        return answer | ({"nextPageToken": str(start + size)} if start + size < len(flat) else {})


def _aligned(series: Series, aligner: str, params: Params) -> dict[str, Any]:
    step = timedelta(seconds=int(params["aggregation.alignmentPeriod"][0].removesuffix("s")))
    begin, end = (datetime.fromisoformat(params[f"interval.{name}Time"][0]) for name in ("start", "end"))
    values: dict[datetime, float] = {}
    while begin < end:
        if samples := series.within(begin, begin + step):
            rank = int(aligner.removeprefix("PERCENTILE_")) / 100 if aligner.startswith("PERCENTILE") else None
            ordered = sorted(samples)
            told = ordered[int(rank * (len(ordered) - 1))] if rank else _COMPUTED[aligner](samples)  # type: ignore[operator]
            values[begin + step] = told
        begin += step
    return {"labels": series.labels, "values": values}


def _reduced(aligned: list[dict[str, Any]], params: Params) -> list[dict[str, Any]]:
    """The series as they are, or those of the same group made one."""
    reducer = params.get("aggregation.crossSeriesReducer", [""])[0].removeprefix("REDUCE_")
    if not reducer:
        return [_told(one["labels"], one["values"]) for one in aligned]
    groups: dict[tuple[tuple[str, str], ...], dict[datetime, list[float]]] = {}
    for one in aligned:
        kept = tuple((name, one["labels"][name]) for name in params.get("aggregation.groupByFields", []))
        group = groups.setdefault(kept, {})
        for end, value in one["values"].items():
            group.setdefault(end, []).append(value)
    return [
        _told(dict(kept), {end: _COMPUTED[reducer](values) for end, values in group.items()})  # type: ignore[operator]
        for kept, group in groups.items()
    ]


def _told(labels: dict[str, str], values: dict[datetime, float]) -> dict[str, Any]:
    """Newest first, whole numbers as text, as Google does."""
    told: dict[str, Any] = {"metric": {"labels": {}}, "resource": {"labels": {}}}
    for name, value in labels.items():
        owner, _, key = name.split(".")
        told[owner]["labels"][key] = value
    told["points"] = [
        {
            "interval": {"startTime": _written(end), "endTime": _written(end)},
            "value": {"int64Value": str(value)} if isinstance(value, int) else {"doubleValue": value},
        }
        for end, value in sorted(values.items(), reverse=True)
    ]
    return told


def _written(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@contextmanager
def monitoring_on_loopback(far: Far | None = None) -> Iterator[Far]:
    """Cloud Monitoring, listening; stopped afterwards."""
    far = far or Far()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(far))
    server.daemon_threads = True
    far.url = f"http://127.0.0.1:{server.server_port}"
    serving = threading.Thread(target=server.serve_forever, args=(0.02,))
    serving.start()
    try:
        yield far
    finally:
        far.over.set()
        server.shutdown()
        serving.join()
        server.server_close()


def _handler(far: Far) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            told = far.answer(self.path, self.headers.get("Authorization", ""))
            self.close_connection = told.reset or told.late
            if told.late:
                far.over.wait()
            elif told.reset:
                # Lingering for no time makes the close a reset.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
            else:
                self._send(told)

        def _send(self, told: Fault) -> None:
            self.send_response(told.status)
            for name, value in told.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(told.body.encode())))
            self.end_headers()
            self.wfile.write(told.body.encode())

        def log_message(self, *_: object) -> None:
            """Nothing: the test tells."""

    return Handler
