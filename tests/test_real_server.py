"""The whole product on loopback: the public audit suite, its limits, health, and a stream from end to end."""

from __future__ import annotations

import httpx
import orjson
import pytest
import websockets

from app.resolvers.roots import make_schema
from app.server.documents import Documents
from app.server.limits import Limits
from app.server.masking import Refusal
from tests.clients import ACCEPT, GraphQL, register
from tests.server.conformance import run_audits
from tests.work import CALLS_IN_50_MS, counted


async def test_the_audit_suite_of_graphql_over_http(live_server: str) -> None:
    """graphql-http's own audits against the real schema: no error, no warning."""
    async with httpx.AsyncClient(base_url=live_server, timeout=60) as client:
        person = await register(GraphQL(client))
    audits = await run_audits(f"{live_server}/graphql", f"Bearer {person.token}")
    found = {audit.id: f"{audit.status}: {audit.name}: {audit.reason}" for audit in audits if audit.status != "ok"}
    assert found == {}
    assert {audit.status for audit in audits} == {"ok"}


def test_a_bomb_of_thirty_doubled_fragments_costs_the_work_of_50_ms() -> None:
    """On the real schema."""
    fragments = [f"fragment f{n} on Query {{ ...f{n + 1} ...f{n + 1} }}" for n in range(30)]
    bomb = "{ ...f0 } " + " ".join(fragments) + " fragment f30 on Query { viewer { user { name } } }"
    documents = Documents(make_schema()._schema, Limits())
    with counted() as work, pytest.raises(Refusal) as refused:
        documents.load(bomb)
    assert refused.value.faults[0].code == "DOCUMENT_LIMIT_EXCEEDED"
    assert work.calls < CALLS_IN_50_MS


async def test_health_and_metrics(live_server: str) -> None:
    async with httpx.AsyncClient(base_url=live_server, timeout=60) as client:
        assert (await client.get("/health/live")).json() == {"status": "alive"}
        ready = await client.get("/health/ready")
        assert ready.status_code == 200
        assert ready.json()["checks"] == {"postgresql": "ok", "migrations": "ok", "valkey": "ok"}
        await client.post("/graphql", json={"query": "{ viewer { user { name } } }"}, headers={"accept": ACCEPT})
        metrics = (await client.get("/metrics")).text
    assert "skyledger_" in metrics


async def test_what_is_ingested_is_streamed_and_resumed(live_server: str) -> None:
    """A person follows their organization over a socket, loses it, and resumes with the last cursor."""
    add_note = "mutation ($i: AddNoteInput!) { addNote(input: $i) { ... on AddNotePayload { event { sequence } } } }"
    subscription = (
        "subscription ($o: ID!, $after: String) "
        "{ activity(organizationId: $o, after: $after) { cursor event { kind data } } }"
    )
    async with httpx.AsyncClient(base_url=live_server, timeout=60) as client:
        graphql = GraphQL(client)
        person = await register(graphql)

        async def note(text: str) -> None:
            variables = {"i": {"organizationId": person.organization_id, "text": text}}
            await graphql.data(add_note, variables, token=person.token)

        async def follow(after: str | None, until: str) -> tuple[list[str], str]:
            """Notes until one reads `until`, and the cursor behind it."""
            url = live_server.replace("http", "ws") + "/graphql"
            texts: list[str] = []
            async with websockets.connect(url, subprotocols=[websockets.Subprotocol("graphql-transport-ws")]) as socket:
                await socket.send(
                    orjson.dumps({"type": "connection_init", "payload": {"token": person.token}}).decode()
                )
                assert orjson.loads(await socket.recv())["type"] == "connection_ack"
                variables = {"o": person.organization_id, "after": after}
                payload = {"query": subscription, "variables": variables}
                await socket.send(orjson.dumps({"id": "1", "type": "subscribe", "payload": payload}).decode())
                async for frame in socket:
                    message = orjson.loads(frame)
                    assert message["type"] == "next", message
                    step = message["payload"]["data"]["activity"]
                    if step["event"] is None:
                        if after is None:
                            await note("live 1")
                            await note("live 2")
                        continue
                    texts.append(step["event"]["data"]["text"])
                    if texts[-1] == until:
                        return texts, step["cursor"]
            raise AssertionError(texts)

        texts, cursor = await follow(None, "live 1")
        assert texts == ["live 1"]
        await note("missed")
        texts, _ = await follow(cursor, "missed")
        assert texts == ["live 2", "missed"]
