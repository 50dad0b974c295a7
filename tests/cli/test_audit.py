"""`skyledger audit`: chains verified, anchored, and the details of a person erased."""

from __future__ import annotations

import asyncio
from pathlib import Path

import orjson
from sqlalchemy import text

from app.database import Database
from app.schema.node import parse_id
from tests.cli.conftest import Command
from tests.clients import GraphQL, Person, register
from tests.resolvers.company import CREATE_KEY


async def two_people(graphql: GraphQL) -> tuple[Person, Person]:
    """Each with an organization whose audit has two rows."""
    people = await register(graphql, "Ada"), await register(graphql, "Bob")
    for person in people:
        values = {"organizationId": person.organization_id, "name": "feed", "scopes": ["ORGANIZATION_READ"]}
        await graphql.data(CREATE_KEY, {"input": values}, token=person.token)
    return people


async def test_an_edit_is_found_and_named(on_engines: Command, graphql: GraphQL, owner: Database) -> None:
    ada, bob = await two_people(graphql)
    ids = [parse_id(each.organization_id).id for each in (ada, bob)]
    whole = await asyncio.to_thread(on_engines, "audit", "verify")
    assert whole.exit_code == 0, whole.stderr
    assert whole.stdout == "".join(f"{id_}: 2 rows are whole.\n" for id_ in sorted(ids))
    async with owner.engine.begin() as connection:
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        values = {"id": ids[1]}
        await connection.execute(
            text("UPDATE audit_events SET act = 'x' WHERE organization_id = :id AND number = 2"), values
        )
    broken = await asyncio.to_thread(on_engines, "audit", "verify")
    assert broken.exit_code == 1
    problem = f"{ids[1]}: row 2 is the first bad one: its hash does not fit what stands in it and the row before.\n"
    assert (broken.stdout, broken.stderr) == (f"{ids[0]}: 2 rows are whole.\n", problem)
    one = await asyncio.to_thread(on_engines, "audit", "verify", "-o", ada.slug)
    assert (one.exit_code, one.stdout) == (0, f"{ids[0]}: 2 rows are whole.\n")


async def test_anchors_tell_that_the_end_is_gone(
    on_engines: Command, graphql: GraphQL, owner: Database, tmp_path: Path
) -> None:
    ada, bob = await two_people(graphql)
    organization_id = parse_id(ada.organization_id).id
    anchored = await asyncio.to_thread(on_engines, "audit", "anchor")
    lines = [orjson.loads(line) for line in anchored.stdout.splitlines()]
    assert {line["organizationId"] for line in lines} == {str(parse_id(p.organization_id).id) for p in (ada, bob)}
    assert all((line["number"], len(line["hash"])) == (2, 64) for line in lines)
    file = tmp_path / "anchors"
    file.write_text(anchored.stdout)
    verified = await asyncio.to_thread(on_engines, "audit", "verify", "--anchor", str(file))
    assert verified.exit_code == 0, verified.stderr
    # Not a row, not even the organization is left.
    async with owner.engine.begin() as connection:
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        for table in ("audit_events", "audit_details", "audit_heads"):
            await connection.execute(text(f"DELETE FROM {table} WHERE organization_id = '{organization_id}'"))  # noqa: S608
        await connection.execute(text(f"DELETE FROM organizations WHERE id = '{organization_id}'"))  # noqa: S608
    unseen = await asyncio.to_thread(on_engines, "audit", "verify")
    assert unseen.exit_code == 0
    seen = await asyncio.to_thread(on_engines, "audit", "verify", "--anchor", str(file))
    assert seen.exit_code == 1
    assert (
        f"{organization_id}: row 1 is the first bad one: it is missing: the anchor knows rows up to 2." in seen.stderr
    )
    file.write_text('{"number": 1}\n')
    refused = await asyncio.to_thread(on_engines, "audit", "verify", "--anchor", str(file))
    assert refused.exit_code == 1
    assert "this is no line of `skyledger audit anchor`" in refused.stderr


async def test_a_person_is_erased(on_engines: Command, graphql: GraphQL) -> None:
    ada, _ = await two_people(graphql)
    organization_id = parse_id(ada.organization_id).id
    viewer = await graphql.data("{ viewer { user { id } } }", token=ada.token)
    user_id = str(parse_id(viewer["viewer"]["user"]["id"]).id)
    erased = await asyncio.to_thread(on_engines, "audit", "erase", "-o", ada.slug, user_id)
    assert "Erased what the audit told of 2 acts beyond their ids" in erased.stdout, erased.stderr
    verified = await asyncio.to_thread(on_engines, "audit", "verify", "-o", ada.slug)
    told = f"{organization_id}: 3 rows are whole, 2 of them without their details, as the chain says.\n"
    assert (verified.exit_code, verified.stdout) == (0, told)
    refused = await asyncio.to_thread(on_engines, "audit", "erase", "-o", ada.slug, "me")
    assert refused.exit_code == 1


async def test_keys_of_the_operator_are_audited(on_engines: Command, graphql: GraphQL, owner: Database) -> None:
    ada = await register(graphql)
    made = await asyncio.to_thread(on_engines, "keys", "create", "-o", ada.slug, "--name", "ci")
    assert made.exit_code == 0, made.stderr
    async with owner.engine.connect() as connection:
        rows = await connection.execute(text("SELECT act, actor_kind, subject_type FROM audit_events ORDER BY number"))
        assert rows.all() == [("register", "USER", "Organization"), ("createApiKey", "SYSTEM", "ApiKey")]
