"""The purge of a deleted organization: everything of the tenant, nothing of another, in bounded steps."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from app.auth.authenticator import Authenticator
from app.database import Database
from app.models import Base, new_id
from app.organizations.change import PURGE_JOB, delete_organization
from app.organizations.create import create_organization
from app.organizations.purge import BATCH, purge
from app.repositories import organizations
from tests.auth.people import Team, team
from tests.organizations.test_organizations import rows

ACCOUNTS = 7


async def fill(owner: Database, organization_id: UUID) -> None:
    """Rows in tables that point to each other."""
    async with owner.engine.begin() as connection:
        for number in range(ACCOUNTS):
            values = {"organization": organization_id, "id": new_id(), "other": new_id(), "number": str(number)}
            await connection.execute(
                text("INSERT INTO accounts VALUES (:organization, :id, 'AWS', 'MANUAL', :number, 'a', now(), now())"),
                values,
            )
            await connection.execute(
                text(
                    "INSERT INTO resources (organization_id, id, account_id, provider, service, resource_type,"
                    " native_id, name, tags, properties, content_hash, first_seen_at, last_seen_at, updated_at) VALUES"
                    " (:organization, :other, :id, 'AWS', 's', 't', :number, 'r', '{}', '{}', '', now(), now(), now())"
                ),
                values,
            )
            await connection.execute(
                text(
                    "INSERT INTO jobs (id, organization_id, kind, arguments, state, attempts, fencing_token, wake_at,"
                    " created_at) VALUES (:other, :organization, 'import', '{}', 'QUEUED', 0, 0, now(), now())"
                ),
                values,
            )


async def counts(owner: Database, organization_id: UUID) -> dict[str, int]:
    """Rows of an organization in each table that has some."""
    found = {}
    for table in Base.metadata.sorted_tables:
        if "organization_id" in table.c:
            statement = f"SELECT count(*) FROM {table.name} WHERE organization_id = '{organization_id}'"  # noqa: S608
            found[table.name] = (await rows(owner, statement))[0]["count"]
    return {name: count for name, count in found.items() if count}


async def deleted_team(authenticator: Authenticator, owner: Database) -> Team:
    """A deleted organization with rows in many tables."""
    made = await team(authenticator)
    await fill(owner, made.organization_id)
    olga = await made.principal("olga")
    await delete_organization(authenticator.database, made.organization_id, olga, confirm_slug="acme")
    return made


async def test_it_takes_everything_of_this_tenant_and_nothing_of_another(
    authenticator: Authenticator, owner: Database
) -> None:
    made = await team(authenticator)
    olga = await made.principal("olga")
    other = await create_organization(authenticator.database, olga, name="Other")
    for organization_id in (made.organization_id, other["id"]):
        await fill(owner, organization_id)
    before = await counts(owner, other["id"])
    assert {"accounts", "resources", "jobs", "memberships", "activity_events", "activity_heads"} <= set(before)
    await delete_organization(authenticator.database, made.organization_id, olga, confirm_slug="acme")
    for _ in range(2):  # once more is no harm
        await purge(authenticator.database, made.organization_id, should_stop=lambda: False)
        assert await counts(owner, made.organization_id) == {"jobs": 1}
        assert await counts(owner, other["id"]) == before
    kept = await rows(owner, f"SELECT kind FROM jobs WHERE organization_id = '{made.organization_id}'")  # noqa: S608
    assert kept[0]["kind"] == PURGE_JOB
    tombstone = await rows(owner, "SELECT slug FROM organizations WHERE deleted_at IS NOT NULL")
    assert tombstone[0]["slug"] == f"deleted-{made.organization_id}"
    again = await create_organization(authenticator.database, olga, name="Acme", slug="acme")
    assert again["slug"] == "acme"


async def test_steps_are_bounded_and_a_stopped_purge_goes_on_where_it_was(
    authenticator: Authenticator, owner: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert BATCH == 5_000
    made = await deleted_team(authenticator, owner)
    removed: list[int] = []
    delete_rows = organizations.delete_rows

    async def spy(*arguments: object, **named: object) -> int:
        removed.append(await delete_rows(*arguments, **named))  # type: ignore[arg-type]
        return removed[-1]

    monkeypatch.setattr("app.organizations.purge.delete_rows", spy)
    total = sum((await counts(owner, made.organization_id)).values()) - 1
    for _ in range(total):
        steps = len(removed)
        await purge(
            authenticator.database,
            made.organization_id,
            should_stop=lambda steps=steps: len(removed) > steps,  # type: ignore[misc]
            batch=2,
        )
    await purge(authenticator.database, made.organization_id, should_stop=lambda: False, batch=2)
    assert max(removed) == 2
    assert sum(removed) == total
    assert await counts(owner, made.organization_id) == {"jobs": 1}


async def test_a_living_organization_is_left_alone(authenticator: Authenticator, owner: Database) -> None:
    made = await team(authenticator)
    before = await counts(owner, made.organization_id)
    with capture_logs() as logs:
        await purge(authenticator.database, made.organization_id, should_stop=lambda: False)
        await purge(authenticator.database, new_id(), should_stop=lambda: False)
    assert [entry["event"] for entry in logs] == ["purge_of_living_organization"] * 2
    assert await counts(owner, made.organization_id) == before


async def test_members_and_keys_go_last(
    authenticator: Authenticator, owner: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await deleted_team(authenticator, owner)
    order: list[str] = []
    delete_rows = organizations.delete_rows

    async def spy(*arguments: object, **named: object) -> int:
        order.append(arguments[1].name)  # type: ignore[attr-defined]
        return await delete_rows(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr("app.organizations.purge.delete_rows", spy)
    await purge(authenticator.database, made.organization_id, should_stop=lambda: False)
    one_round = order[: len(order) // 2]
    assert order == one_round * 2, "the second round finds nothing and ends it"
    assert set(one_round[-3:]) == {"memberships", "invitations", "api_keys"}
    assert set(one_round) == {table.name for table in organizations.tenant_tables()}
