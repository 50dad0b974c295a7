"""Onboarding is all or nothing, and a dry run tells what it then does."""

from __future__ import annotations

import asyncio
import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.auth.authenticator import Authenticator
from app.database import Database
from app.errors import ConflictError
from app.organizations.bootstrap import bootstrap
from app.organizations.invitations import accept_invitation
from app.organizations.onboarding import Onboarded, Onboarding, onboard, validate_onboarding
from app.organizations.plans import create_plan, retire_plan
from app.records import Actor, ActorKind, Permission, Principal, Role
from tests.auth.people import Presented, everything_stored, principal_of, sign_up
from tests.organizations.test_organizations import events, rows

ROOT = Principal(actor=Actor(ActorKind.SYSTEM), grants={}, is_platform_admin=True)
GOOD: dict[str, Any] = {"name": "Acme", "owner_email": "Olga@Example.com", "plan": "team"}
# Each of these can be wrong by itself, and all of them at once: (field, value, path, code).
FAULTS: tuple[tuple[str, Any, str, str], ...] = (
    ("name", " ", "name", "INVALID"),
    ("slug", "Not A Slug", "slug", "INVALID"),
    ("currency", "XXX", "currency", "INVALID"),
    ("owner_email", "nobody", "ownerEmail", "INVALID"),
    ("plan", "none-such", "plan", "PLAN_UNKNOWN"),
    ("key_name", "", "apiKey.name", "INVALID"),
    ("key_scopes", [Permission.ORGANIZATION_DELETE], "apiKey.scopes", "INVALID"),
    ("key_expires_at", datetime(2026, 1, 1, tzinfo=UTC), "apiKey.expiresAt", "INVALID"),
)


@pytest.fixture(autouse=True)
async def plans(database: Database) -> None:
    """The delivered plans, a retired one, and one without room."""
    await bootstrap(database)
    for slug, limits in (("old", {}), ("narrow", {"api_keys": 0})):
        await create_plan(database, slug=slug, name=slug, price=None, currency=None, trial_days=None, limits=limits)
    await retire_plan(database, "old")


async def make(database: Database, **values: Any) -> Any:
    return await onboard(database, ROOT, Onboarding(**{**GOOD, **values}), invitation_days=7)


async def test_all_of_it_is_made(authenticator: Authenticator, owner: Database) -> None:
    database = authenticator.database
    made = await make(database, slug="acme", currency="eur")
    assert isinstance(made, Onboarded)
    assert (made.organization["slug"], made.organization["currency"]) == ("acme", "EUR")
    assert (made.organization["plan_slug"], made.organization["status"]) == ("team", "TRIAL")
    assert made.organization["trial_ends_at"] - datetime.now(UTC) > timedelta(days=13)
    assert (made.owner_is_known, made.invitation["email"], made.invitation["role"]) == (
        False,
        "olga@example.com",
        "OWNER",
    )
    holder = await authenticator.identify(Presented(api_key=made.key))
    assert holder is not None
    assert holder.grants[made.organization["id"]].role is Role.MEMBER
    kinds = [kind for kind, _ in await events(owner)]
    assert kinds == ["ORGANIZATION_CREATED", "API_KEY_CREATED", "MEMBER_INVITED"]
    olga = await principal_of(authenticator, await sign_up(authenticator, "olga"))
    organization, member = await accept_invitation(database, olga, token=made.token)
    assert (organization["id"], member["role"]) == (made.organization["id"], "OWNER")


async def test_the_secrets_are_nowhere(authenticator: Authenticator, owner: Database) -> None:
    made = await make(authenticator.database)
    stored = await everything_stored(owner)
    assert "Acme" in stored
    assert made.key.split("_")[2][:27] not in stored
    assert made.token not in stored
    assert made.token.split("_")[-1] not in stored


async def test_a_dry_run_tells_everything_at_once_and_changes_nothing(database: Database, owner: Database) -> None:
    before = await everything_stored(owner)
    found = await validate_onboarding(
        database, Onboarding(**{**GOOD, **{field: value for field, value, _, _ in FAULTS}})
    )
    assert [(".".join(one.path), one.code.value) for one in found.problems] == [
        (f"input.{path}", code) for _, _, path, code in FAULTS
    ]
    assert all(one.message for one in found.problems)
    assert await everything_stored(owner) == before


@pytest.mark.parametrize("wrong", [places for count in range(3) for places in itertools.combinations(range(8), count)])
async def test_onboarding_does_what_the_dry_run_tells(
    database: Database, owner: Database, wrong: tuple[int, ...]
) -> None:
    values = {FAULTS[place][0]: FAULTS[place][1] for place in wrong}
    before = await everything_stored(owner)
    found = await validate_onboarding(database, Onboarding(**{**GOOD, **values}))
    assert {one.path for one in found.problems} == {("input", *FAULTS[place][2].split(".")) for place in wrong}
    made = await make(database, **values)
    if found.problems:
        assert made == found.problems
        assert await everything_stored(owner) == before
    else:
        assert isinstance(made, Onboarded)


@pytest.mark.parametrize(
    ("plan", "code"), [("old", "PLAN_RETIRED"), ("narrow", "PLAN_TOO_SMALL"), ("é\x00", "PLAN_UNKNOWN")]
)
async def test_plans_that_cannot_be_had(database: Database, owner: Database, plan: str, code: str) -> None:
    (problem,) = await make(database, plan=plan)
    assert (problem.path, problem.code.value) == (("input", "plan"), code)
    assert await rows(owner, "SELECT * FROM organizations") == []


async def test_a_taken_slug_also_of_a_deleted_organization(database: Database, owner: Database) -> None:
    await make(database, slug="acme")
    async with owner.engine.begin() as connection:
        await connection.exec_driver_sql("UPDATE organizations SET deleted_at = now()")
    (problem,) = await make(database, slug="acme")
    assert (problem.path, problem.code.value) == (("input", "slug"), "SLUG_TAKEN")
    assert isinstance(await make(database), Onboarded), "a slug that is made of the name is another one"


async def test_of_fifty_with_one_slug_one_succeeds(database: Database, owner: Database) -> None:
    answers = await asyncio.gather(*(make(database, slug="acme") for _ in range(50)), return_exceptions=True)
    assert sum(isinstance(answer, Onboarded) for answer in answers) == 1
    assert all(isinstance(answer, Onboarded | list | ConflictError) for answer in answers)
    found = await rows(
        owner,
        "SELECT (SELECT count(*) FROM organizations) AS made, (SELECT count(*) FROM subscriptions) AS plans, "
        "(SELECT count(*) FROM api_keys) AS keys, (SELECT count(*) FROM invitations) AS invitations",
    )
    assert [dict(row) for row in found] == [{"made": 1, "plans": 1, "keys": 1, "invitations": 1}]


async def test_an_owner_who_is_known(authenticator: Authenticator) -> None:
    await sign_up(authenticator, "olga")
    assert (await validate_onboarding(authenticator.database, Onboarding(**GOOD))).owner_is_known
