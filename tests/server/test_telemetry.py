"""Spans and error reports tell what ran and where it broke, and nothing that a caller has sent."""

from __future__ import annotations

import asyncio
import gzip
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import httpx
import orjson
import pytest
import structlog
from sqlalchemy import text

from app import error_reports, tracing
from app.config import Settings, load_settings
from app.database import Database
from app.embedded import EngineUrls
from app.errors import ConfigurationError
from app.main import create_app, make_runtime, running
from app.workers.runner import RunningJob
from tests.clients import GraphQL, cheap_passwords, register
from tests.server.toy_graph import make_toy
from tests.workers.probes import QUICK, make_runner, put, until_state
from tests.workers.probes import running as running_jobs

REASON = "the extras telemetry and sentry are not installed: pip install 'skyledger[dev]'"
spans_to = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter", reason=REASON)
sentry_sdk = pytest.importorskip("sentry_sdk", reason=REASON)

CANARY = "canary-4711-of-a-caller"
DSN = "https://public@sentry.example/1"


class FarSide(sentry_sdk.Transport):  # type: ignore[misc,name-defined]
    """Takes what would go to Sentry, as it would go over the wire."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []

    def capture_envelope(self, envelope: Any) -> None:
        self.sent.append(envelope.serialize())


@pytest.fixture
def spans() -> Iterator[Any]:
    """An exporter that keeps what it gets."""
    exporter = spans_to.InMemorySpanExporter()
    tracing.start("http://nowhere", "tests", "1", exporter=exporter)
    yield exporter
    tracing.stop()


@pytest.fixture
def far_side() -> Iterator[FarSide]:
    found = FarSide()
    error_reports.start(DSN, "tests", "1", transport=found)
    yield found
    error_reports.stop()


@pytest.fixture
async def traced(spans: Any, settings: Settings, engine_urls: EngineUrls) -> AsyncIterator[GraphQL]:
    """An application made while spans are wanted."""
    assert spans is not None
    assert settings.database_url is not None
    urls = EngineUrls(settings.database_url, engine_urls.redis_url)
    made = make_runtime(settings, urls, passwords=cheap_passwords())
    app, _ = create_app(made)
    async with running(made), httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        yield GraphQL(client)


def everything(spans: Any) -> str:
    return "\n".join(span.to_json() for span in spans.get_finished_spans())


async def test_an_operation_has_its_statements_and_its_request_id(traced: GraphQL, spans: Any) -> None:
    ada = await register(traced)
    spans.clear()
    query = "query Mine($slug: String!) { organization(slug: $slug) { name resources { totalCount } } }"
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logs:
        await traced.data(query, {"slug": ada.slug}, token=ada.token, **{"x-request-id": "request-of-the-test"})
    found = {span.name: span for span in spans.get_finished_spans()}
    operation = found["graphql query"]
    assert dict(operation.attributes) == {
        "skyledger.request.id": "request-of-the-test",
        "graphql.operation.type": "query",
        "graphql.operation.name": "Mine",
        "skyledger.outcome": "ok",
    }
    statements = [span for span in found.values() if (span.attributes or {}).get("db.system.name")]
    inside = [span for span in statements if span.parent and span.parent.span_id == operation.context.span_id]
    assert {"SELECT organizations"} <= {span.name for span in inside}
    line = next(each for each in logs if each.get("event") == "request")
    assert (line["request_id"], line["trace_id"]) == ("request-of-the-test", f"{operation.context.trace_id:032x}")


async def test_spans_continue_the_trace_of_the_caller(traced: GraphQL, spans: Any) -> None:
    trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    for _ in range(2):  # the next request without one is of no trace of the last
        spans.clear()
        await traced.data("{ __typename }", traceparent=f"00-{trace}-{parent}-01", tracestate="vendor=1")
        (span,) = spans.get_finished_spans()
        assert (f"{span.context.trace_id:032x}", f"{span.parent.span_id:016x}") == (trace, parent)
        spans.clear()
        await traced.data("{ __typename }")
        (span,) = spans.get_finished_spans()
        assert span.parent is None
        assert f"{span.context.trace_id:032x}" != trace


@pytest.mark.parametrize(
    "malformed",
    [
        "nonsense",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        f"00-{CANARY}-00f067aa0ba902b7-01",
        "x" * 60_000,
    ],
)
async def test_a_malformed_trace_is_no_trace(traced: GraphQL, spans: Any, malformed: str) -> None:
    spans.clear()
    answer = await traced("{ __typename }", traceparent=malformed, tracestate=CANARY)
    assert answer["data"] == {"__typename": "Query"}
    (span,) = spans.get_finished_spans()
    assert span.parent is None
    assert CANARY not in everything(spans)


async def test_nothing_that_a_caller_sends_is_in_a_span(traced: GraphQL, spans: Any, far_side: FarSide) -> None:
    ada = await register(traced)
    headers = {"user-agent": CANARY, "x-canary": CANARY, "cookie": f"a={CANARY}"}
    documents: tuple[tuple[str, dict[str, Any]], ...] = (
        ("query($slug: String!) { organization(slug: $slug) { name } }", {"slug": CANARY}),
        (f'{{ organization(slug: "{CANARY}") {{ name }} }}', {}),
        (f'{{ node(id: "{CANARY}") {{ id }} }}', {}),
        (f"{{ {CANARY.replace('-', '_')} }}", {}),
        (
            "mutation($input: LogInInput!) { logIn(input: $input) { __typename } }",
            {"input": {"email": f"{CANARY}@example.com", "password": CANARY}},
        ),
        (
            "mutation($input: AddNoteInput!) { addNote(input: $input) { __typename } }",
            {"input": {"organizationId": ada.organization_id, "text": CANARY}},
        ),
    )
    for document, variables in documents:
        await traced(document, variables, token=ada.token, **headers)
        await traced(document, variables, api_key=f"sky_{CANARY}", **headers)
    told = everything(spans)
    assert "INSERT activity_events" in told, "the canary test reads what is there"
    assert "logIn" not in told
    for secret in (CANARY, CANARY.replace("-", "_"), ada.token, ada.email):
        assert secret not in told
        assert all(secret.encode() not in each for each in far_side.sent)


async def test_an_unforeseen_error_is_reported_without_its_text(far_side: FarSide, spans: Any) -> None:
    toy = make_toy()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(toy.app), base_url="http://toy") as client:
        body = {"query": f"query Breaks {{ fails(a: 1) breaks: fails # {CANARY}\n }}"}
        await client.post("/graphql", json=body, headers={"x-canary": CANARY})
        await client.post(
            "/graphql",
            json={"query": "query Breaks { fails }"},
            headers={"x-request-id": "request-that-broke", "x-canary": CANARY},
        )
    (sent,) = far_side.sent
    event = orjson.loads(sent.splitlines()[-1])
    assert event["tags"] == {"request_id": "request-that-broke"}
    (told,) = event["exception"]["values"][-1:]
    assert told["type"]
    assert told["stacktrace"]["frames"][-1]["function"]
    assert set(event) <= {"event_id", "timestamp", "platform", "level", "release", "environment", "tags", "exception"}
    assert b"vars" not in sent
    assert CANARY.encode() not in sent
    assert CANARY not in everything(spans)


async def test_a_job_has_a_span_and_its_error_a_report(
    spans: Any, far_side: FarSide, fresh_database_url: str, engine_urls: EngineUrls
) -> None:
    async def breaks(job: RunningJob) -> None:
        secret = CANARY
        async with job.database.system() as session:
            await session.execute(text("SELECT count(*) FROM jobs WHERE kind = :kind"), {"kind": secret})
        raise RuntimeError(secret)

    database = Database.connect(fresh_database_url)
    job_id = await put(database)
    async with running_jobs(make_runner(database, engine_urls.redis_url, {"probe": breaks}, QUICK)):
        await until_state(database, job_id, "DEAD")
    await database.close()
    jobs = [span for span in spans.get_finished_spans() if span.name == "job probe"]
    assert [span.attributes["skyledger.attempt"] for span in jobs] == [1, 2, 3, 4, 5]
    assert all(not span.status.is_ok and span.status.description is None for span in jobs)
    mine = {span.context.span_id for span in jobs}
    assert any(s.name == "SELECT jobs" and s.parent and s.parent.span_id in mine for s in spans.get_finished_spans())
    assert len(far_side.sent) == QUICK.most_attempts
    assert orjson.loads(far_side.sent[0].splitlines()[-1])["tags"] == {"job_id": str(job_id), "kind": "probe"}
    assert CANARY not in everything(spans)
    assert all(CANARY.encode() not in each for each in far_side.sent)


@pytest.mark.parametrize(
    ("sql", "name"),
    [
        ("SELECT a FROM public.charges AS c WHERE b = $1", "SELECT charges"),
        ("INSERT INTO jobs (id) VALUES ($1)", "INSERT jobs"),
        ("\n  WITH due AS (SELECT id FROM jobs) UPDATE jobs SET state = 'x' FROM due", "UPDATE jobs"),
        ("SELECT app_set_org($1)", "SELECT"),
        ("SELECT 'x FROM hunter2' AS a", "SELECT"),
        ("SET LOCAL ROLE skyledger_system", "SET"),
        ("BEGIN", "SQL"),
    ],
)
def test_statements_are_named_without_a_value(sql: str, name: str) -> None:
    assert tracing.statement_name(sql) == name


class Collector(BaseHTTPRequestHandler):
    """Takes what an exporter sends over HTTP."""

    taken: ClassVar[list[tuple[str, bytes]]] = []

    def do_POST(self) -> None:
        self.taken.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Not to the terminal."""


def test_spans_go_out_over_http() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            tracing.start(f"http://127.0.0.1:{server.server_address[1]}/", "tests", "1")
            span = tracing.begin("graphql query", skyledger_request_id="request-of-the-test")
            assert span is not None
            span.end()
        finally:
            tracing.stop()
            server.shutdown()
            thread.join()
    ((path, body),) = Collector.taken
    body = gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body
    assert path == "/v1/traces"
    assert b"graphql query" in body
    assert b"request-of-the-test" in body


@pytest.mark.parametrize("variable", ["SKYLEDGER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"])
def test_either_variable_names_the_endpoint(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "http://localhost:4318")
    assert load_settings().otlp_endpoint == "http://localhost:4318"
    monkeypatch.setenv(variable, "localhost")
    with pytest.raises(ConfigurationError, match=f"{variable}.*: String should match"):
        load_settings()


async def test_off_there_is_nothing(graphql: GraphQL) -> None:
    assert not tracing.is_on()
    assert tracing.begin("x") is None
    await asyncio.gather(*(graphql.data("{ __typename }") for _ in range(3)))
    error_reports.report(RuntimeError(CANARY))


def test_a_wrong_dsn_is_refused_without_quoting_it() -> None:
    with pytest.raises(ConfigurationError, match="SKYLEDGER_SENTRY_DSN") as told:
        error_reports.start(f"http://{CANARY}", "tests", "1")
    assert CANARY not in str(told.value)
