"""`skyledger keys`: secrets, and keys that work against the API until they are revoked."""

from __future__ import annotations

import asyncio
import time

from app.accounts.target import open_target, seal_secret
from app.config import Settings, new_credential_key, read_credential_keys
from app.database import Database
from app.repositories.accounts import connect_account
from app.schema.node import parse_id
from app.sealing.vault import Vault
from tests.cli.conftest import Command
from tests.clients import GraphQL, register

NAME = '{ organization(slug: "%s") { name } }'
REVOKED_SECONDS = 30  # of a busy machine; the promise is 5, which a clock of its own proves (tests/auth)


def test_a_secret_is_long_enough_and_never_the_same(skyledger: Command) -> None:
    secrets = {skyledger("keys", "secret").stdout.strip() for _ in range(3)}
    assert len(secrets) == 3
    for secret in secrets:
        assert len(secret) >= 32
        assert skyledger("keys", "secret", secret_key=secret, root_key=secret).exit_code == 0


def test_a_credential_key_can_be_set_at_once(skyledger: Command) -> None:
    lines = [skyledger("keys", "credential").stdout.strip() for _ in range(2)]
    assert len({line.partition(":")[0] for line in lines}) == 2
    assert list(read_credential_keys(",".join(lines))) == [line.partition(":")[0] for line in lines]


def test_the_two_steps_of_a_rotation_are_told(skyledger: Command) -> None:
    told = " ".join(skyledger("keys", "rotate", "--help").stdout.replace("│", " ").split())
    first, second = told.index("add the new key at its end and restart all processes"), told.index("then put it first")
    assert first < second < told.index("remove the old key")


async def test_credentials_are_put_under_a_new_key(
    on_engines: Command, graphql: GraphQL, settings: Settings, database: Database
) -> None:
    person = await register(graphql, "Gus")
    organization_id = parse_id(person.organization_id).id
    before = Vault.from_settings(settings)
    values = {"provider": "AWS", "native_id": "1", "name": "x", "method": "AWS_KEYS", "settings": {}}
    async with database.write(organization_id) as session:
        row = await connect_account(session, organization_id, values, name=None)
        assert row is not None
        await seal_secret(session, before, organization_id, row["id"], {"secretAccessKey": "s"})
    old = before.active_key_id
    rotated = await asyncio.to_thread(on_engines, "keys", "rotate")
    assert rotated.exit_code == 0, rotated.stderr
    new = before.active_key_id
    assert new != old
    assert rotated.stdout == f"1 credentials were put under the new key {new}.\n"
    assert "100%" in rotated.stderr
    target = await open_target(database, before, organization_id, row["id"])
    assert target.secret == {"secretAccessKey": "s"}
    # The operator's own key, which is not among those of the data folder: nothing is lost, and it is told.
    own = new_credential_key()
    failed = await asyncio.to_thread(on_engines, "keys", "rotate", credential_keys=own)
    assert failed.exit_code == 1
    assert f"the key '{new}', which is not in SKYLEDGER_CREDENTIAL_KEYS" in failed.stderr
    assert own.partition(":")[2] not in failed.stderr + failed.stdout
    assert (await open_target(database, before, organization_id, row["id"])).secret == target.secret


async def test_a_key_works_until_it_is_revoked(on_engines: Command, graphql: GraphQL) -> None:
    person = await register(graphql, "Dora")
    into = ("--organization", person.slug)
    created = await asyncio.to_thread(on_engines, "keys", "create", *into, "--name", "nightly [import]", "--days", "30")
    assert created.exit_code == 0, created.stderr
    (key,) = created.stdout.split()
    assert await graphql.data(NAME % person.slug, api_key=key) == {"organization": {"name": f"Dora {person.email}"}}

    listed = await asyncio.to_thread(on_engines, "keys", "list", *into)
    head, facts = listed.stdout.splitlines()
    key_id, name = head.split(maxsplit=1)
    assert name == "nightly [import]"
    assert facts.startswith("  organization:read, until 20")
    assert key not in listed.stdout
    revoked = await asyncio.to_thread(on_engines, "keys", "revoke", key_id, *into)
    assert revoked.stdout == "Revoked nightly [import]; it stops working within 5 seconds.\n"

    began = time.monotonic()
    while "errors" not in (answer := await graphql(NAME % person.slug, api_key=key)):
        assert time.monotonic() - began < REVOKED_SECONDS, "it still works"
        await asyncio.sleep(0.05)
    assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    listed = await asyncio.to_thread(on_engines, "keys", "list", *into)
    assert ", revoked 20" in listed.stdout


async def test_scopes_are_what_was_asked_for(on_engines: Command, graphql: GraphQL) -> None:
    person = await register(graphql, "Emil")
    into = ("--organization", person.slug)
    scopes = ("--scope", "resources:ingest", "--scope", "organization:read")
    await asyncio.to_thread(on_engines, "keys", "create", *into, "--name", "feed", *scopes)
    listed = await asyncio.to_thread(on_engines, "keys", "list", *into)
    assert listed.stdout.splitlines()[1] == "  organization:read resources:ingest"
    wrong = await asyncio.to_thread(on_engines, "keys", "create", *into, "--name", "x", "--scope", "all")
    assert wrong.exit_code == 1
    assert "there is no scope all; choose of: " in wrong.stderr
    nameless = await asyncio.to_thread(on_engines, "keys", "create", *into, "--name", " ")
    assert nameless.exit_code == 1


async def test_what_is_no_key_is_told(on_engines: Command, graphql: GraphQL) -> None:
    person = await register(graphql, "Fay")
    for key_id, reason in (("abc", "is no key's id"), ("0194d2a6-0000-7000-8000-000000000000", "no such API key")):
        told = await asyncio.to_thread(on_engines, "keys", "revoke", key_id, "--organization", person.slug)
        assert told.exit_code == 1
        assert reason in told.stderr
