"""Spans of OpenTelemetry, where an endpoint is set: operations, jobs, SQL statements, and never a value of any of them.

Off, all of this is one look at a module's name. What a span may hold is listed here and nowhere else: names that stand
in a document, in our code or in the schema of the database. Variables, literals, headers, bodies and the messages of
errors are nobody's attributes.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from contextvars import Token
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import structlog

from app.errors import ConfigurationError

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span, Tracer

_tracer: Tracer | None = None
_provider: Any = None
_EXTRA = "install the extra: pip install 'skyledger[telemetry]'"
# The act of a statement and the first table that it names; comments and values never look like either.
_STATEMENT = re.compile(
    r"""(?ix) \b(SELECT|INSERT|UPDATE|DELETE|MERGE|COPY|SET|TRUNCATE)\b
    (?: .*? \b(?:FROM|INTO|UPDATE|COPY)\s+ (?:ONLY\s+)? ["]?(?:public\.)?([a-z_][a-z0-9_]*) )?"""
)
_UPDATED = re.compile(r"(?i)\bUPDATE\s+(?:ONLY\s+)?\"?(?:public\.)?([a-z_][a-z0-9_]*)")
_LITERAL = re.compile(r"'[^']*'?")
_LONGEST = 4_000  # characters of a statement that are looked at


def is_on() -> bool:
    """Whether anybody wants spans."""
    return _tracer is not None


def start(endpoint: str, service: str, version: str, *, exporter: SpanExporter | None = None) -> None:
    """Send spans to an OTLP/HTTP endpoint from now on; an `exporter` takes them at once, in its place.

    Raises ConfigurationError where the extra is not installed.
    """
    global _tracer, _provider  # noqa: PLW0603  (one per process, as with logs)
    try:
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415  (an extra, and 0.1 s)
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor  # noqa: PLC0415

        if exporter is None:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

            processor: Any = BatchSpanProcessor(OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces"))
        else:
            processor = SimpleSpanProcessor(exporter)
    except ImportError as error:
        message = f"SKYLEDGER_OTLP_ENDPOINT is set, but OpenTelemetry is missing: {_EXTRA}."
        raise ConfigurationError(message) from error
    # Not `Resource.create`, which adds what the environment says.
    _provider = TracerProvider(resource=Resource({"service.name": service, "service.version": version}))
    _provider.add_span_processor(processor)
    _tracer = _provider.get_tracer("skyledger", version)


def stop() -> None:
    """Send what waits, and no more after it."""
    global _tracer, _provider
    provider, _tracer, _provider = _provider, None, None
    if provider is not None:
        provider.shutdown()


def join(headers: Mapping[str, str]) -> Token[Context]:
    """Have the spans of this task continue the trace that a caller names by W3C `traceparent`; for `leave`.

    One that is malformed is no trace, and this task's spans begin one. Only for when `is_on`.
    """
    from opentelemetry import context  # noqa: PLC0415  (see above)
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

    # Of nothing else: a connection's next request may run in the context of the last one.
    caller = TraceContextTextMapPropagator().extract(headers, context.Context())
    return context.attach(caller)


def leave(token: Token[Context]) -> None:
    """The request has ended."""
    from opentelemetry import context  # noqa: PLC0415

    context.detach(token)


class OpenSpan:
    """A span that has begun in this task; what begins inside is its child."""

    def __init__(self, tracer: Tracer, name: str, facts: dict[str, str | int]) -> None:
        from opentelemetry import context, trace  # noqa: PLC0415  (loaded once spans are on)

        self._span: Span = tracer.start_span(name, attributes=facts)
        self._detach = context.detach
        self._token: Token[Context] = context.attach(trace.set_span_in_context(self._span))
        self.trace_id = trace.format_trace_id(self._span.get_span_context().trace_id)

    def end(self, name: str | None = None, *, failed: bool = False, **facts: str | int | None) -> None:
        """End it, with what became known since; `failed` marks it without saying why, which the log does."""
        from opentelemetry.trace import StatusCode  # noqa: PLC0415

        if name is not None:
            self._span.update_name(name)
        for key, value in facts.items():
            if value is not None:
                self._span.set_attribute(key.replace("_", "."), value)
        if failed:
            self._span.set_status(StatusCode.ERROR)
        self._detach(self._token)
        self._span.end()


def begin(name: str, **facts: str | int) -> OpenSpan | None:
    """A span that has begun, None where nobody wants any. Names of facts have `_` for `.`."""
    if _tracer is None:
        return None
    return OpenSpan(_tracer, name, {key.replace("_", "."): value for key, value in facts.items()})


def begin_traced(name: str, **facts: str | int) -> OpenSpan | None:
    """The same, with its trace in every log line of this task."""
    span = begin(name, **facts)
    if span is not None:
        structlog.contextvars.bind_contextvars(trace_id=span.trace_id)
    return span


@contextlib.contextmanager
def statement(sql: str) -> Iterator[None]:
    """A span around one SQL statement, named by its act and its first table."""
    span = begin(statement_name(sql), db_system_name="postgresql")
    failed = True
    try:
        yield
        failed = False
    finally:
        if span is not None:
            span.end(failed=failed)


@lru_cache(maxsize=2_000)
def statement_name(sql: str) -> str:
    """`SELECT charges`, `INSERT jobs`: the last act of a statement and a table, which hold no value."""
    text = _LITERAL.sub("''", sql[:_LONGEST])
    updated = _UPDATED.search(text)
    if updated is not None and not re.match(r"(?i)\s*(SELECT|INSERT|DELETE)", text):
        return f"UPDATE {updated[1]}"
    found = _STATEMENT.search(text.replace("\n", " "))
    if found is None:
        return "SQL"
    return f"{found[1].upper()} {found[2]}" if found[2] else found[1].upper()
