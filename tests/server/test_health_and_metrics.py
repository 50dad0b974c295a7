"""Health says what works, metrics count what happened, and neither tells a secret."""

from __future__ import annotations

import asyncio
import re

import httpx
import orjson
import structlog
from prometheus_client.parser import text_string_to_metric_families

from app.server.health import Health
from app.server.lifecycle import Lifecycle
from app.tasks import end_tasks
from tests.server.toy_graph import TOKEN, Toy, make_toy


async def works() -> None:
    return None


async def fails() -> None:
    message = "postgresql://app:hunter2@db refused"
    raise ConnectionError(message)


async def hangs() -> None:
    await asyncio.Event().wait()


async def get(toy: Toy, path: str) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(toy.app), base_url="http://toy") as client:
        return await client.get(path)


async def test_ready_when_every_probe_passes() -> None:
    response = await get(make_toy(probes={"postgresql": works, "valkey": works}), "/health/ready")
    assert response.status_code == 200
    assert response.json() == {"status": "ready", "checks": {"postgresql": "ok", "valkey": "ok"}}


async def test_not_ready_names_what_fails_and_logs_why() -> None:
    toy = make_toy(probes={"postgresql": fails, "valkey": works})
    with structlog.testing.capture_logs() as logs:
        response = await get(toy, "/health/ready")
        await get(toy, "/health/ready")
    assert response.status_code == 503
    assert response.json() == {"status": "not ready", "checks": {"postgresql": "failed", "valkey": "ok"}}
    changes = [(log["probe"], log["result"]) for log in logs if log["event"] == "readiness_changed"]
    assert changes == [("postgresql", "failed")], "one line when it changes, not one for every look"
    assert (await get(toy, "/health/live")).status_code == 200


async def test_without_something_dispensable_it_is_degraded_and_serves() -> None:
    health = Health(Lifecycle(), {"valkey": fails, "postgresql": works}, dispensable=("valkey",))
    response = await health.ready(None)  # type: ignore[arg-type]
    assert response.status_code == 200
    assert orjson.loads(response.body) == {"status": "degraded", "checks": {"valkey": "failed", "postgresql": "ok"}}


async def test_a_probe_that_hangs_is_slow() -> None:
    health = Health(Lifecycle(), {"valkey": hangs, "postgresql": works}, seconds=0.05)
    response = await health.ready(None)  # type: ignore[arg-type]
    assert response.status_code == 503
    assert response.body == b'{"status":"not ready","checks":{"valkey":"slow","postgresql":"ok"}}'


async def test_not_ready_while_the_process_ends() -> None:
    toy = make_toy(probes={"postgresql": works})
    toy.server.lifecycle.announce()
    response = await get(toy, "/health/ready")
    assert (response.status_code, response.json()["status"]) == (503, "stopping")
    assert (await get(toy, "/health/live")).status_code == 200


async def test_metrics_count_requests_operations_and_lookups() -> None:
    toy = make_toy()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(toy.app), base_url="http://toy") as client:
        for query in ("{ hello }", "{ hello }", "{ fails }", "{ nope }", 'mutation { remember(text: "x") }'):
            await client.post("/graphql", json={"query": query})
        await client.post("/graphql", content=b"{")
        page = await client.get("/metrics")
    assert page.headers["content-type"].startswith("text/plain")
    samples = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(page.text)
        for sample in family.samples
    }
    assert samples["skyledger_graphql_operations_total", "http", "ok", "query"] == 2
    assert samples["skyledger_graphql_operations_total", "errors", "http", "query"] == 1
    assert samples["skyledger_graphql_operations_total", "http", "refused", "unknown"] == 1
    assert samples["skyledger_graphql_operations_total", "http", "mutation", "ok"] == 1
    assert samples["skyledger_graphql_operation_seconds_count", "query"] == 3
    assert samples["skyledger_graphql_document_lookups_total", "hit"] == 1
    assert samples["skyledger_graphql_document_lookups_total", "miss"] == 4
    assert samples["skyledger_http_requests_total", "200", "POST"] == 5
    assert samples["skyledger_http_requests_total", "415", "POST"] == 1
    assert ("process_resident_memory_bytes",) in samples


async def test_metrics_tell_how_many_tasks_there_are() -> None:
    toy = make_toy()

    async def told() -> float:
        page = (await get(toy, "/metrics")).text
        return float(re.findall(r"^skyledger_event_loop_tasks (.+)$", page, re.MULTILINE)[0])

    before = await told()
    more = [asyncio.create_task(hangs()) for _ in range(7)]
    assert await told() == before + 7
    await end_tasks(*more)
    assert await told() == before


async def test_two_servers_count_apart() -> None:
    one, other = make_toy(), make_toy()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(one.app), base_url="http://toy") as client:
        await client.post("/graphql", json={"query": "{ hello }"})
    assert other.server.metrics.operations.labels("query", "http", "ok")._value.get() == 0


async def test_the_access_log_has_one_line_per_request_without_query_string_or_secret() -> None:
    toy = make_toy()
    headers = {"authorization": f"Bearer {TOKEN}", "x-request-id": "request-of-a-test"}
    with structlog.testing.capture_logs() as logs:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(toy.app), base_url="http://toy") as client:
            body = {"query": "query Greet { hello }"}
            await client.post(f"/graphql?token={TOKEN}", json=body, headers=headers)
            await client.get("/health/live")
    lines = [log for log in logs if log["event"] == "request" and log["log_level"] == "info"]
    assert len(lines) == 1
    line = lines[0]
    assert (line["method"], line["path"], line["status"]) == ("POST", "/graphql", 200)
    assert (line["type"], line["operation"], line["subject"], line["client"]) == (
        "query",
        "Greet",
        "alice",
        "127.0.0.1",
    )
    assert line["seconds"] >= 0
    assert TOKEN not in str(logs)


async def test_the_host_alone_leads_to_the_graph() -> None:
    response = await get(make_toy(), "/")
    assert (response.status_code, response.headers["location"]) == (302, "/graphql")
