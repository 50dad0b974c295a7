"""graphql-http's audits against the product itself; tests/server/test_audit.py has them against the server alone."""

from __future__ import annotations

import httpx

from tests.clients import ACCEPT, PASSWORD, REGISTER
from tests.server.conformance import NOTICES_OF_CSRF_PROTECTION, run_audits


async def test_no_error_and_no_warning(live_server: str) -> None:
    person = {"email": "audit@skyledger.example", "name": "Au", "password": PASSWORD, "organizationName": "Audit"}
    body = {"query": REGISTER, "variables": {"input": person}}
    async with httpx.AsyncClient(base_url=live_server, timeout=60) as client:
        answer = (await client.post("/graphql", json=body, headers={"accept": ACCEPT})).json()
    token = answer["data"]["register"]["accessToken"]
    # Signed in, for two of them ask for `__type`, which strangers may not.
    audits = await run_audits(f"{live_server}/graphql", f"Bearer {token}")
    assert len(audits) > 55
    found = {audit.id: f"{audit.status}: {audit.name}: {audit.reason}" for audit in audits if audit.status != "ok"}
    assert set(found) == NOTICES_OF_CSRF_PROTECTION, found
    assert {audit.status for audit in audits} == {"ok", "notice"}
