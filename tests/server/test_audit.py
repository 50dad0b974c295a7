"""graphql-http's audit of GraphQL over HTTP: no error, no warning, and only the notices of CSRF protection."""

from __future__ import annotations

from tests.server.conformance import run_audits
from tests.server.toy_graph import TOKEN, make_toy
from tests.server.toy_server import live


async def test_the_audit_suite_finds_nothing_else() -> None:
    async with live(make_toy()) as address:
        audits = await run_audits(f"http://{address}/graphql", f"Bearer {TOKEN}")
    assert len(audits) > 55
    found = {audit.id: f"{audit.status}: {audit.name}: {audit.reason}" for audit in audits if audit.status != "ok"}
    assert found == {}
    assert {audit.status for audit in audits} == {"ok"}
