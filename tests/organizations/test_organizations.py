"""Making and changing organizations."""

from __future__ import annotations

import asyncio
import re
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import RowMapping, text

from app.auth.authenticator import Authenticator
from app.database import Database
from app.errors import BadUserInputError, ConflictError, ForbiddenError, NotFoundError
from app.organizations.change import delete_organization, update_organization
from app.organizations.create import create_organization
from app.organizations.slugs import another_slug, checked_slug, slug_of, slug_of_deleted
from app.records import Actor, ActorKind, Grant, Permission, Principal, Role
from app.records.currencies import CURRENCIES
from tests.auth.people import Team, principal_of, sign_up, team


async def rows(owner: Database, statement: str) -> list[RowMapping]:
    """Rows as the owner of the tables sees them."""
    async with owner.engine.connect() as connection:
        return list((await connection.execute(text(statement))).mappings())


async def events(owner: Database) -> list[tuple[str, dict[str, Any]]]:
    """Kind and data of all events in their order."""
    found = await rows(owner, "SELECT kind, data FROM activity_events ORDER BY organization_id, sequence")
    return [(row["kind"], row["data"]) for row in found]


async def test_the_creator_becomes_its_owner(authenticator: Authenticator, owner: Database) -> None:
    principal = await principal_of(authenticator, await sign_up(authenticator, "ada"))
    row = await create_organization(authenticator.database, principal, name=" Acme Ltd. ", currency="eur")
    assert (row["name"], row["slug"], row["currency"], row["deleted_at"]) == ("Acme Ltd.", "acme-ltd", "EUR", None)
    (member,) = await rows(owner, "SELECT organization_id, user_id, role FROM memberships")
    assert dict(member) == {"organization_id": row["id"], "user_id": principal.user_id, "role": "OWNER"}
    assert await events(owner) == [
        ("ORGANIZATION_CREATED", {"name": "Acme Ltd.", "slug": "acme-ltd", "currency": "EUR"})
    ]


async def test_a_taken_slug_is_a_conflict_and_a_made_one_gets_an_end(authenticator: Authenticator) -> None:
    principal = await principal_of(authenticator, await sign_up(authenticator, "ada"))
    database = authenticator.database
    await create_organization(database, principal, name="Acme", slug="acme")
    with pytest.raises(ConflictError, match="'acme' is taken"):
        await create_organization(database, principal, name="Other", slug="acme")
    made = [(await create_organization(database, principal, name="Acme"))["slug"] for _ in range(3)]
    assert len(set(made)) == 3
    assert all(re.fullmatch(r"acme-[a-z0-9]{6}", slug) for slug in made)


async def test_of_many_who_take_a_slug_at_once_one_wins(authenticator: Authenticator, owner: Database) -> None:
    principal = await principal_of(authenticator, await sign_up(authenticator, "ada"))
    answers = await asyncio.gather(
        *(create_organization(authenticator.database, principal, name="Acme", slug="acme") for _ in range(6)),
        return_exceptions=True,
    )
    assert sum(isinstance(answer, ConflictError) for answer in answers) == 5
    assert len(await rows(owner, "SELECT * FROM organizations")) == 1
    assert len(await rows(owner, "SELECT * FROM memberships")) == 1


@pytest.mark.parametrize(
    "slug", ["a", "-ab", "ab-", "Ab", "a_b", "a b", "ä" * 5, "x" * 64, "deleted-anything", "", "a\n"]
)
def test_slugs_that_are_refused(slug: str) -> None:
    with pytest.raises(BadUserInputError) as refusal:
        checked_slug(slug)
    assert refusal.value.path == ("input", "slug")


@pytest.mark.parametrize("slug", ["ab", "a1", "1-2-3", "x" * 63, "de-leted"])
def test_slugs_that_are_good(slug: str) -> None:
    assert checked_slug(slug) == slug


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Acme Ltd.", "acme-ltd"),
        ("  Übung & Söhne  ", "ubung-sohne"),
        ("deleted deleted-acme", "acme"),
        ("x" * 100, "x" * 56),
    ],
)
def test_slugs_of_names(name: str, slug: str) -> None:
    assert slug_of(name) == slug


@given(st.text(min_size=1, max_size=100))
def test_every_name_has_a_good_slug_and_another(name: str) -> None:
    slug = slug_of(name)
    assert checked_slug(slug) == slug
    assert checked_slug(another_slug(slug)) != slug


def test_the_slug_of_a_tombstone_cannot_be_chosen() -> None:
    with pytest.raises(BadUserInputError):
        checked_slug(slug_of_deleted(UUID(int=1)))


@pytest.mark.parametrize("currency", ["", "EU", "EURO", "XXX", "XAU", "123"])
async def test_what_is_no_currency(authenticator: Authenticator, owner: Database, currency: str) -> None:
    principal = await principal_of(authenticator, await sign_up(authenticator, "ada"))
    with pytest.raises(BadUserInputError) as refusal:
        await create_organization(authenticator.database, principal, name="Acme", currency=currency)
    assert refusal.value.path == ("input", "currency")
    assert await rows(owner, "SELECT * FROM organizations") == []


def test_currencies_have_three_capitals() -> None:
    assert {"USD", "EUR", "GBP", "JPY", "CHF", "INR", "BRL"} < CURRENCIES
    assert all(re.fullmatch("[A-Z]{3}", code) for code in CURRENCIES)


async def test_keys_cannot_own_an_organization(authenticator: Authenticator) -> None:
    for kind in (ActorKind.API_KEY, ActorKind.SYSTEM):
        with pytest.raises(ForbiddenError):
            await create_organization(authenticator.database, Principal(Actor(kind), {}), name="Acme")


async def test_updating(authenticator: Authenticator, owner: Database) -> None:
    made = await team(authenticator, ada=Role.ADMIN)
    admin = await made.principal("ada")
    database = authenticator.database
    row = await update_organization(database, made.organization_id, admin, name="Acme Group", currency="chf")
    assert (row["name"], row["currency"], row["slug"]) == ("Acme Group", "CHF", "acme")
    last = (
        "ORGANIZATION_UPDATED",
        {"from": {"name": "Acme", "currency": "USD"}, "to": {"name": "Acme Group", "currency": "CHF"}},
    )
    assert (await events(owner))[-1] == last
    count = len(await events(owner))
    same = await update_organization(database, made.organization_id, admin, name="Acme Group", currency=None)
    assert same["updated_at"] == row["updated_at"]
    assert len(await events(owner)) == count, "no change, no event"


async def test_a_role_that_was_lost_a_moment_ago_counts_at_once_in_changes(
    authenticator: Authenticator, owner: Database
) -> None:
    made = await team(authenticator, ada=Role.ADMIN)
    stale = await made.principal("ada")
    async with owner.engine.begin() as connection:
        await connection.execute(text("UPDATE memberships SET role = 'VIEWER' WHERE role = 'ADMIN'"))
    with pytest.raises(ForbiddenError):
        await update_organization(authenticator.database, made.organization_id, stale, name="Mine", currency=None)
    async with owner.engine.begin() as connection:
        await connection.execute(text("DELETE FROM memberships WHERE role = 'VIEWER'"))
    with pytest.raises(NotFoundError):
        await update_organization(authenticator.database, made.organization_id, stale, name="Mine", currency=None)
    assert (await rows(owner, "SELECT name FROM organizations"))[0]["name"] == "Acme"


async def test_a_principal_cannot_be_made_to_reach_another_tenant(authenticator: Authenticator) -> None:
    made = await team(authenticator)
    eve = await principal_of(authenticator, await sign_up(authenticator, "eve"))
    forged = Principal(
        eve.actor,
        {made.organization_id: Grant(made.organization_id, Role.OWNER, frozenset(Permission))},
        user_id=eve.user_id,
    )
    for principal in (eve, forged):
        with pytest.raises(NotFoundError):
            await update_organization(
                authenticator.database, made.organization_id, principal, name="Mine", currency=None
            )


async def deletion(made: Team, name: str, slug: str = "acme") -> RowMapping:
    """Delete the team's organization as one of its members."""
    principal = await made.principal(name)
    return await delete_organization(made.authenticator.database, made.organization_id, principal, confirm_slug=slug)


async def test_only_an_owner_who_names_the_slug_deletes(authenticator: Authenticator, owner: Database) -> None:
    made = await team(authenticator, ada=Role.ADMIN)
    with pytest.raises(ForbiddenError):
        await deletion(made, "ada")
    with pytest.raises(BadUserInputError) as refusal:
        await deletion(made, "olga", "acmee")
    assert refusal.value.path == ("input", "confirmSlug")
    assert await rows(owner, "SELECT * FROM jobs WHERE organization_id IS NOT NULL") == []
    assert (await rows(owner, "SELECT deleted_at FROM organizations"))[0]["deleted_at"] is None


async def test_deleting_marks_and_asks_for_the_purge_in_one_transaction(
    authenticator: Authenticator, owner: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await team(authenticator)

    async def fail(*_: object, **__: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr("app.organizations.change.record", fail)
        with pytest.raises(ConnectionError):
            await deletion(made, "olga")
    assert await rows(owner, "SELECT * FROM jobs WHERE organization_id IS NOT NULL") == []
    principal = await made.principal("olga")
    await deletion(made, "olga")
    asked = "SELECT kind, organization_id, arguments, wake_at > now() AS later FROM jobs"
    (job,) = await rows(owner, f"{asked} WHERE organization_id IS NOT NULL")
    expected = {"kind": "purge_organization", "organization_id": made.organization_id, "arguments": {}, "later": True}
    assert dict(job) == expected
    with pytest.raises(NotFoundError):
        await update_organization(authenticator.database, made.organization_id, principal, name="X", currency=None)
    assert (await made.principal("olga")).grants == {}
