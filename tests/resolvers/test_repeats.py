"""Idempotency keys: one effect, the first answer to everybody, and nothing of it where the first call fails."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from app.activity.verify_audit import verify
from app.config import Settings
from app.database import Database
from app.models import now
from app.repositories.stored_answers import delete_expired_answers
from app.resolvers import repeats
from app.resolvers.roots import make_schema
from app.schema.node import global_id, parse_id
from app.sealing.vault import Vault
from tests.accounts.clouds import settings
from tests.auth.people import everything_stored
from tests.clients import GraphQL, register
from tests.house.test_acts import REPEATABLE
from tests.openid_provider import OpenIdProvider
from tests.resolvers.company import CREATE_KEY, Company, company, create_key
from tests.resolvers.dying_caller import KILLS, Caller
from tests.resolvers.selections import everything_of
from tests.resolvers.test_callers import RULES, Rule, provider

__all__ = ["provider", "settings"]  # fixtures

NOTE = """mutation ($input: AddNoteInput!) { addNote(input: $input) {
  __typename ... on AddNotePayload { event { sequence data occurredAt } } ... on UserError { code message path } } }"""
ORGANIZATION = """mutation ($input: CreateOrganizationInput!) { createOrganization(input: $input) {
  __typename ... on CreateOrganizationPayload { organization { id slug viewerRole } }
  ... on UserError { message } } }"""
SCAN = """mutation ($input: StartScanInput!) { startScan(input: $input) {
  __typename ... on StartScanPayload { scans { id } } ... on UserError { code } } }"""
CHANGED: dict[str, dict[str, Any]] = {
    "addNote": {"text": "other"},
    "configureSingleSignOn": {"clientId": "other"},
    "connectAccount": {"name": "other"},
    "createAccount": {"nativeId": "2"},
    "createAllocationRule": {"rule": {"name": "other", "method": "DIRECT", "targets": []}},
    "createApiKey": {"name": "other"},
    "createBudget": {"name": "other"},
    "createCostSource": {"name": "other"},
    "createTeam": {"name": "other"},
    "createUpload": {"fileName": "other.csv"},
    "exportCosts": {"period": {"start": "2026-09-01", "end": "2026-10-01"}},
    "importCosts": {"dataset": "other"},
    "ingestCosts": {"dataset": "other"},
    "ingestResources": {"rows": []},
    "inviteMember": {"email": "other@example.com"},
    "recordBusinessMetrics": {"name": "other"},
    "rerunAllocation": {"fromMonth": "2026-09-01"},
    "runCostSource": {"refetch": True},
    "scheduleScans": {"name": "other"},
    "startExport": {"format": "PARQUET"},
    "startScan": {"regions": ["eu-central-1"]},
    "createWebhook": {"name": "other"},
    "rotateWebhookSecret": {"overlapHours": 1},
    # What takes nothing but an id is called with another.
    "testWebhook": {},
    "replayWebhookDelivery": {},
}
REPEATED = [rule for rule in RULES if REPEATABLE.match(rule.mutation)]


async def call(graphql: GraphQL, document: str, token: str, /, **values: Any) -> dict[str, Any]:
    (answer,) = (await graphql.data(document, {"input": values}, token=token)).values()
    found: dict[str, Any] = answer
    return found


async def notes(graphql: GraphQL, slug: str, token: str) -> int:
    query = "query ($slug: String!) { organization(slug: $slug) { activity(first: 100) { nodes { kind } } } }"
    answer = await graphql.data(query, {"slug": slug}, token=token)
    return [row["kind"] for row in answer["organization"]["activity"]["nodes"]].count("NOTE_ADDED")


@pytest.mark.parametrize("rule", REPEATED, ids=lambda rule: rule.mutation)
async def test_a_repeat_does_nothing_and_gets_the_same_answer(
    graphql: GraphQL, owner: Database, database: Database, moto_url: str, provider: OpenIdProvider, rule: Rule
) -> None:
    made = await company(graphql)
    made.cloud_url, made.database, made.issuer = moto_url, database, provider.issuer
    token, document = made.token("OWNER"), everything_of(make_schema()._schema, rule.mutation)
    values = {**await rule.prepare(graphql, made), "idempotencyKey": "once"}
    first = await call(graphql, document, token, **values)
    assert first["__typename"].endswith("Payload"), first
    stored = await everything_stored(owner)
    assert await call(graphql, document, token, **values) == first
    changed = CHANGED[rule.mutation] or {"id": _another(values["id"])}
    conflict = await call(graphql, document, token, **{**values, **changed})
    assert (conflict["__typename"], conflict["code"]) == ("Conflict", "CONFLICT")
    assert "other arguments" in conflict["message"]
    assert await everything_stored(owner) == stored
    async with owner.engine.connect() as connection:
        acts = await connection.execute(
            text("SELECT count(*) FROM audit_events WHERE act = :act"), {"act": rule.mutation}
        )
        before = 3 if rule.mutation == "inviteMember" else 0
        assert acts.scalar() == before + 1
    assert (await verify(database, parse_id(made.organization_id).id)).problem is None


def _another(id_: str) -> str:
    key = parse_id(id_)
    return global_id(key.type_name, UUID(int=8), key.organization_id)


def test_every_rule_has_other_arguments() -> None:
    assert {rule.mutation for rule in REPEATED} == CHANGED.keys()


@pytest.mark.parametrize("processes", ["one process", "many processes"])
async def test_fifty_calls_at_a_time_have_one_effect(
    graphql: GraphQL, monkeypatch: pytest.MonkeyPatch, processes: str
) -> None:
    if processes == "many processes":

        class NoTurns(dict[Any, asyncio.Lock]):
            """As in a process of its own nobody waits for another call: only PostgreSQL is between them."""

            def setdefault(self, _key: Any, lock: Any = None) -> Any:
                return lock

        monkeypatch.setattr(repeats, "_turns", NoTurns())
    ada = await register(graphql)
    values = {"organizationId": ada.organization_id, "text": "hello", "idempotencyKey": "once"}
    answers = await asyncio.gather(*(call(graphql, NOTE, ada.token, **values) for _ in range(50)))
    assert answers[0]["__typename"] == "AddNotePayload"
    assert all(answer == answers[0] for answer in answers)
    assert await notes(graphql, ada.slug, ada.token) == 1


async def test_a_key_is_of_one_caller_one_act_and_one_organization(graphql: GraphQL) -> None:
    made = await company(graphql)
    _, api_key = await create_key(graphql, made, "ORGANIZATION_READ", "ACTIVITY_WRITE")
    values = {"organizationId": made.organization_id, "text": "hello", "idempotencyKey": "once"}
    for token in (made.token("OWNER"), made.token("MEMBER"), made.token("OWNER")):
        await call(graphql, NOTE, token, **values)
    for _ in range(2):
        await graphql.data(NOTE, {"input": values}, api_key=api_key)
    assert await notes(graphql, made.slug, made.token("OWNER")) == 3
    own = {**values, "organizationId": made.stranger.organization_id}
    assert (await call(graphql, NOTE, made.stranger.token, **own))["__typename"] == "AddNotePayload"
    again = {
        "organizationId": made.organization_id,
        "name": "feed",
        "scopes": ["COSTS_INGEST"],
        "idempotencyKey": "once",
    }
    assert (await call(graphql, CREATE_KEY, made.token("OWNER"), **again))["__typename"] == "CreateApiKeyPayload"


async def test_a_secret_is_given_again_and_stored_sealed(graphql: GraphQL, owner: Database) -> None:
    made = await company(graphql)
    values = {
        "organizationId": made.organization_id,
        "name": "feed",
        "scopes": ["ORGANIZATION_READ"],
        "idempotencyKey": "once",
    }
    first = await call(graphql, CREATE_KEY, made.token("OWNER"), **values)
    assert (await call(graphql, CREATE_KEY, made.token("OWNER"), **values))["key"] == first["key"]
    viewer = await graphql.data("{ viewer { apiKey { name } } }", api_key=first["key"])
    assert viewer["viewer"]["apiKey"] == {"name": "feed"}
    stored = await everything_stored(owner)
    for secret in (first["key"], first["key"].rpartition("_")[2]):
        assert secret not in stored
        assert secret.encode().hex() not in stored


async def test_an_organization_is_made_once(graphql: GraphQL, owner: Database, database: Database) -> None:
    ada, bob = await register(graphql, "Ada"), await register(graphql, "Bob")
    values = {"name": "Second", "idempotencyKey": "once"}
    answers = await asyncio.gather(*(call(graphql, ORGANIZATION, ada.token, **values) for _ in range(10)))
    assert answers[0]["__typename"] == "CreateOrganizationPayload"
    assert all(answer == answers[0] for answer in answers)
    other = await call(graphql, ORGANIZATION, bob.token, **values)
    assert other["organization"]["id"] != answers[0]["organization"]["id"]
    organization_id = parse_id(answers[0]["organization"]["id"]).id
    assert (await verify(database, organization_id)).rows == 1
    async with owner.engine.connect() as connection:
        of_nobody = "SELECT count(*) FROM audit_heads WHERE organization_id NOT IN (SELECT id FROM organizations)"
        assert (await connection.execute(text(of_nobody))).scalar() == 0


async def test_a_failure_is_not_kept(graphql: GraphQL, moto_url: str) -> None:
    made = await company(graphql)
    values = {"organizationId": made.organization_id, "idempotencyKey": "once"}
    for _ in range(2):
        assert (await call(graphql, SCAN, made.token("OWNER"), **values))["__typename"] == "Conflict"
    await _connect(graphql, made, moto_url)
    first = await call(graphql, SCAN, made.token("OWNER"), **values)
    assert len(first["scans"]) == 1
    assert await call(graphql, SCAN, made.token("OWNER"), **values) == first


async def _connect(graphql: GraphQL, made: Company, moto_url: str) -> None:
    made.cloud_url = moto_url
    rule = next(rule for rule in RULES if rule.mutation == "connectAccount")
    answer = await call(graphql, rule.document, made.token("OWNER"), **await rule.prepare(graphql, made))
    assert answer["__typename"] == "ConnectAccountPayload", answer


@pytest.mark.parametrize("key", ["", "a\nb", "x" * 256])
async def test_unusable_keys_are_refused(graphql: GraphQL, key: str) -> None:
    ada = await register(graphql)
    values = {"organizationId": ada.organization_id, "text": "hello", "idempotencyKey": key}
    answer = await call(graphql, NOTE, ada.token, **values)
    assert (answer["__typename"], answer["path"]) == ("InvalidInput", ["input", "idempotencyKey"])
    assert await notes(graphql, ada.slug, ada.token) == 0


async def test_after_a_day_it_is_another_call(graphql: GraphQL, owner: Database, database: Database) -> None:
    ada = await register(graphql)
    values = {"organizationId": ada.organization_id, "text": "hello", "idempotencyKey": "once"}
    first = await call(graphql, NOTE, ada.token, **values)
    async with owner.engine.begin() as connection:
        left = "SELECT expires_at - now() FROM stored_answers"
        assert 23.9 < (await connection.execute(text(left))).scalar_one().total_seconds() / 3600 <= 24
        await connection.execute(text("UPDATE stored_answers SET expires_at = now() - interval '1 second'"))
    second = await call(graphql, NOTE, ada.token, **{**values, "text": "other"})
    assert second["event"]["sequence"] == first["event"]["sequence"] + 1
    async with owner.engine.begin() as connection:
        await connection.execute(text("UPDATE stored_answers SET expires_at = now() - interval '1 second'"))
    await call(graphql, NOTE, ada.token, **{**values, "idempotencyKey": "young"})
    async with database.system() as session:
        assert await delete_expired_answers(session, now(), 10) == 1
    async with owner.engine.begin() as connection:
        assert (await connection.execute(text("SELECT idempotency_key FROM stored_answers"))).scalars().all() == [
            "young"
        ]


async def test_an_answer_that_cannot_be_opened_is_no_second_effect(graphql: GraphQL, owner: Database) -> None:
    ada = await register(graphql)
    values = {"organizationId": ada.organization_id, "text": "hello", "idempotencyKey": "once"}
    await call(graphql, NOTE, ada.token, **values)
    async with owner.engine.begin() as connection:
        await connection.execute(text("UPDATE stored_answers SET sealed = sealed || 'x'::bytea"))
    answer = await call(graphql, NOTE, ada.token, **values)
    assert answer["__typename"] == "Conflict"
    assert "its answer can no longer be read" in answer["message"]
    assert await notes(graphql, ada.slug, ada.token) == 1


@pytest.mark.parametrize("moment", KILLS)
async def test_a_killed_process_doubles_nothing(
    settings: Settings, database: Database, graphql: GraphQL, moment: str
) -> None:
    """Killed by the system at each step; the next call with the key does it once, or finds it done."""
    ada = await register(graphql)
    organization_id: UUID = parse_id(ada.organization_id).id
    program = [sys.executable, "-m", "tests.resolvers.dying_caller", str(organization_id), moment]
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "SKYLEDGER_DATABASE_URL": str(settings.database_url),
        "SKYLEDGER_DATA_DIR": str(settings.data_dir),
    }
    done = await asyncio.to_thread(
        subprocess.run, program, env=environment, capture_output=True, check=False, timeout=60
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    kept = int(moment == "after the commit")
    assert await notes(graphql, ada.slug, ada.token) == kept
    caller = Caller(database, Vault.from_settings(settings), organization_id)
    first = await caller.call()
    assert await caller.call() == first
    assert (caller.effects, await notes(graphql, ada.slug, ada.token)) == (1 - kept, 1)
