"""BigQuery's REST API on loopback: one table of FOCUS, the two questions that are asked of it, pages, and faults."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.providers.gcp.google import TOKEN

PROJECT, DATASET, TABLE = "acme-billing", "billing", "focus"
NAME = f"{PROJECT}.{DATASET}.{TABLE}"
COLUMNS: dict[str, dict[str, Any]] = {
    "BilledCost": {"type": "NUMERIC"},
    "BillingCurrency": {"type": "STRING"},
    "BillingPeriodStart": {"type": "TIMESTAMP"},
    "ChargePeriodStart": {"type": "TIMESTAMP"},
    "ResourceId": {"type": "STRING"},
    "x_ExportTime": {"type": "TIMESTAMP"},
    "x_Labels": {
        "type": "RECORD",
        "mode": "REPEATED",
        "fields": [{"name": "Key", "type": "STRING"}, {"name": "Value", "type": "STRING"}],
    },
}
_GROUPED = [
    {"name": "month", "type": "STRING"},
    {"name": "charges", "type": "INTEGER"},
    {"name": "exported", "type": "TIMESTAMP"},
    {"name": "billed", "type": "STRING"},
]
Row = dict[str, Any]


def row(amount: str, month: str, exported: datetime, **more: Any) -> Row:
    """A charge of the first day of a month."""
    start = datetime.strptime(f"{month}-01", "%Y-%m-%d").replace(tzinfo=UTC)
    return {
        "BilledCost": amount,
        "BillingCurrency": "EUR",
        "BillingPeriodStart": start,
        "ChargePeriodStart": start,
        "ResourceId": None,
        "x_ExportTime": exported,
        "x_Labels": [],
    } | more


@dataclass
class BigQuery:
    """What the table holds and how the server is to behave; tests change it at will."""

    rows: list[Row] = field(default_factory=list)
    columns: dict[str, dict[str, Any]] = field(default_factory=lambda: dict(COLUMNS))
    bytes_processed: int = 1000
    refusals: dict[str, tuple[int, str, str]] = field(default_factory=dict)
    """Status, reason and message by part of the method and path, or of the question."""
    broken: str = ""
    """A part of the path whose answers are cut off."""
    jobs: dict[str, tuple[list[dict[str, Any]], list[Row]]] = field(default_factory=dict)
    questions: list[dict[str, Any]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    pages: list[int] = field(default_factory=list)
    address: str = ""

    def answer(self, method: str, target: str, headers: Any, body: str) -> tuple[int, Any]:
        """The answer to one request."""
        parts = urlsplit(target)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        self.requests.append(f"{method} {parts.path}")
        for about, (status, reason, message) in self.refusals.items():
            if about in f"{method} {parts.path} {body}":
                return refused(status, reason, message)
        if headers.get("Authorization") != f"Bearer {TOKEN}":
            return refused(401, "authError", "no token")
        if method == "POST":
            return self._ask(json.loads(body))
        if f"/datasets/{DATASET}/tables/" in parts.path:
            return self._table(parts.path)
        return self._page(parts.path.rpartition("/")[2], query)

    def _table(self, path: str) -> tuple[int, Any]:
        if not path.endswith(f"/projects/{PROJECT}/datasets/{DATASET}/tables/{TABLE}"):
            return refused(404, "notFound", f"Not found: {path}")
        fields = [{"name": name, "mode": "NULLABLE", **column} for name, column in self.columns.items()]
        reference = {"projectId": PROJECT, "datasetId": DATASET, "tableId": TABLE}
        return 200, {"tableReference": reference, "schema": {"fields": fields}, "type": "TABLE"}

    def _ask(self, job: dict[str, Any]) -> tuple[int, Any]:
        asked = job["configuration"]["query"]
        values = {each["name"]: each["parameterValue"]["value"] for each in asked.get("queryParameters", ())}
        self.questions.append(asked | {"values": values, "dryRun": job["configuration"].get("dryRun", False)})
        reference = job["jobReference"] | {"location": "EU"}
        read = str(self.bytes_processed)
        statistics = {
            "totalBytesProcessed": read,
            "query": {"statementType": "SELECT", "totalBytesProcessed": read},
        }
        told = {
            "jobReference": reference,
            "configuration": job["configuration"],
            "status": {"state": "DONE"},
            "statistics": statistics,
        }
        if not job["configuration"].get("dryRun"):
            if self.bytes_processed > int(asked.get("maximumBytesBilled") or 0):
                return refused(400, "bytesBilledLimitExceeded", "Query exceeded limit for bytes billed")
            self.jobs[reference["jobId"]] = self._found(asked["query"], values)
            destination = {"projectId": PROJECT, "datasetId": "_anon", "tableId": "anon"}
            told["configuration"]["query"]["destinationTable"] = destination
        return 200, told

    def _found(self, question: str, values: dict[str, str]) -> tuple[list[dict[str, Any]], list[Row]]:
        assert f"FROM `{NAME}`" in question
        rows = [row for row in self.rows if f"{row['BillingPeriodStart']:%Y-%m-%d}" >= values["since"]]
        if "until" in values:
            rows = [row for row in rows if f"{row['BillingPeriodStart']:%Y-%m-%d}" < values["until"]]
        if "exported" in values:
            latest = datetime.fromisoformat(re.sub(r" UTC$", "+00:00", values["exported"]))
            rows = [row for row in rows if row["x_ExportTime"] <= latest]
        if "GROUP BY" not in question:
            return [{"name": name, "mode": "NULLABLE", **column} for name, column in self.columns.items()], rows
        months: dict[str, list[Row]] = {}
        for each in rows:
            months.setdefault(f"{each['BillingPeriodStart']:%Y-%m}", []).append(each)
        grouped = [
            {
                "month": month,
                "charges": len(found),
                "exported": max(each["x_ExportTime"] for each in found) if "MAX(" in question else None,
                "billed": str(sum(Decimal(each["BilledCost"]) for each in found)),
            }
            for month, found in sorted(months.items(), reverse=True)
        ]
        return _GROUPED, grouped

    def _page(self, job_id: str, query: dict[str, str]) -> tuple[int, Any]:
        fields, rows = self.jobs[job_id]
        told: dict[str, Any] = {
            "jobComplete": True,
            "jobReference": {"projectId": PROJECT, "jobId": job_id, "location": "EU"},
            "schema": {"fields": fields},
            "totalRows": str(len(rows)),
        }
        most = int(query.get("maxResults", len(rows)))
        if most:
            start = int(query.get("pageToken", "0"))
            page = rows[start : start + most]
            self.pages.append(len(page))
            told["rows"] = [{"f": [{"v": _value(row[each["name"]])} for each in fields]} for row in page]
            if start + most < len(rows):
                told["pageToken"] = str(start + most)
        return 200, told


def _value(value: Any) -> Any:
    if isinstance(value, datetime):
        return str(round(value.timestamp() * 1_000_000))
    if isinstance(value, list):
        return [{"v": {"f": [{"v": each["Key"]}, {"v": each["Value"]}]}} for each in value]
    return None if value is None else str(value)


def refused(status: int, reason: str, message: str) -> tuple[int, Any]:
    """An error as Google's JSON tells it."""
    error = {"code": status, "message": message, "errors": [{"reason": reason, "message": message}]}
    return status, {"error": error}


@contextmanager
def bigquery_on_loopback() -> Iterator[BigQuery]:
    """BigQuery, listening; stopped afterwards."""
    server = BigQuery()
    handler = type("Handler", (_Handler,), {"far": server})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as listener:
        server.address = f"http://127.0.0.1:{listener.server_address[1]}"
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    far: BigQuery

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        status, told = self.far.answer(self.command, self.path, self.headers, body)
        content = json.dumps(told).encode()
        is_broken = bool(self.far.broken) and self.far.broken in self.path
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if is_broken else content)
        if is_broken:
            self.close_connection = True

    do_POST = do_GET  # noqa: N815  (the base class wants this name)

    def log_message(self, *_arguments: Any) -> None:
        """The tests' output is quiet."""
