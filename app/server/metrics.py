"""What the server counts, in a registry of its own, and the `/metrics` page."""

from __future__ import annotations

import asyncio

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from starlette.requests import Request
from starlette.responses import Response

# From a cached page of a viewer (1 ms) to the execution limit (10 s).
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

_METHODS = frozenset({"GET", "POST", "PUT", "OPTIONS", "HEAD"})


class Metrics:
    """Counters, gauges and the histogram of one server; labels have few values by construction."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        self.requests = Counter(
            "skyledger_http_requests", "HTTP requests by method and status.", ("method", "status"), registry=registry
        )
        self.operations = Counter(
            "skyledger_graphql_operations",
            "GraphQL operations by type, transport and outcome (ok, errors, refused, timeout, failed, cancelled).",
            ("type", "transport", "outcome"),
            registry=registry,
        )
        self.seconds = Histogram(
            "skyledger_graphql_operation_seconds",
            "Time of queries and mutations from document to bytes.",
            ("type",),
            buckets=_SECONDS,
            registry=registry,
        )
        self.documents = Counter(
            "skyledger_graphql_document_lookups",
            "Lookups in the cache of parsed and validated documents.",
            ("result",),
            registry=registry,
        )
        self.plans = Counter(
            "skyledger_graphql_plans", "Queries by how their compiled plan ended.", ("outcome",), registry=registry
        )
        self.takes = Counter(
            "skyledger_rate_limit_takes",
            "Takes from buckets by where they are counted: valkey, or memory (each process alone, at a quarter).",
            ("store",),
            registry=registry,
        )
        self.sockets = Gauge("skyledger_websocket_connections", "Open WebSocket connections.", registry=registry)
        self.subscriptions = Gauge(
            "skyledger_graphql_subscriptions", "Running subscriptions.", ("transport",), registry=registry
        )
        self.channels = Gauge(
            "skyledger_subscription_channels",
            "What subscribers share: a document with its variables, for one permission scope.",
            registry=registry,
        )
        self.executions = Counter(
            "skyledger_subscription_executions", "Events that were executed and encoded.", registry=registry
        )
        self.deliveries = Counter(
            "skyledger_subscription_deliveries", "Results that subscribers were given of them.", registry=registry
        )
        self.closes = Counter(
            "skyledger_websocket_closes", "Sockets closed by the server, by code.", ("code",), registry=registry
        )
        self.stream_refusals = Counter(
            "skyledger_stream_refusals",
            "Sockets and event streams that were refused, by whose limit was reached (process, caller, address; "
            "greeting: an address with too many sockets that have not said who they are), and sockets of strangers "
            "that were closed because they did nothing (idle).",
            ("reason",),
            registry=registry,
        )
        self.tasks = Gauge(
            "skyledger_event_loop_tasks",
            "Tasks of the event loop: a few when idle, more with requests, sockets and subscriptions.",
            registry=registry,
        )
        # What `labels()` finds, which takes four times as long as counting.
        self._hits = self.documents.labels("hit")
        self._misses = self.documents.labels("miss")
        self._plans: dict[str, Counter] = {}
        self._takes: dict[str, Counter] = {}
        self._requests: dict[tuple[str, int], Counter] = {}
        self._operations: dict[tuple[str, str, str], Counter] = {}
        self._seconds: dict[str, Histogram] = {}

    def count_lookup(self, hit: bool) -> None:
        """Count a lookup in the document cache."""
        (self._hits if hit else self._misses).inc()

    def count_take(self, store: str) -> None:
        """Count a take from a bucket by where it was counted."""
        counter = self._takes.get(store)
        if counter is None:
            counter = self._takes[store] = self.takes.labels(store)
        counter.inc()

    def count_plan(self, outcome: str) -> None:
        """Count a query by how its plan ended; see app.execution.CompiledExecutor."""
        counter = self._plans.get(outcome)
        if counter is None:
            counter = self._plans[outcome] = self.plans.labels(outcome)
        counter.inc()

    def count_stream_refusal(self, reason: str) -> None:
        """Count a socket or an event stream that may not be open, or no longer."""
        self.stream_refusals.labels(reason).inc()

    def count_request(self, method: str, status: int) -> None:
        """Count an HTTP request; methods that nobody serves are one."""
        key = (method if method in _METHODS else "other", status)
        counter = self._requests.get(key)
        if counter is None:
            counter = self._requests[key] = self.requests.labels(*key)
        counter.inc()

    def count_operation(self, type_: str, transport: str, outcome: str) -> None:
        """Count an operation that has ended."""
        key = (type_, transport, outcome)
        counter = self._operations.get(key)
        if counter is None:
            counter = self._operations[key] = self.operations.labels(*key)
        counter.inc()

    def time_operation(self, type_: str, seconds: float) -> None:
        """Enter how long a query or a mutation took."""
        histogram = self._seconds.get(type_)
        if histogram is None:
            histogram = self._seconds[type_] = self.seconds.labels(type_)
        histogram.observe(seconds)

    async def page(self, _request: Request) -> Response:
        """The metrics in Prometheus' text format."""
        self.tasks.set(len(asyncio.all_tasks()))
        return Response(generate_latest(self.registry), media_type=CONTENT_TYPE_LATEST)
