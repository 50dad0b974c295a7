"""Every mutation with an idempotency key: however often, wherever and until when it is called, it has one effect.

The list is the schema's, so that a new one cannot be forgotten.
"""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from graphql import get_named_type
from redis.asyncio import Redis

from app.activity.verify_audit import all_organizations, verify
from app.config import Settings
from app.database import Database
from app.resolvers.roots import make_schema
from tests.accounts.clouds import LOOPBACK
from tests.auth.people import everything_stored
from tests.auth.software_passkey import SoftwarePasskey
from tests.clients import PASSWORD, GraphQL, Person, register
from tests.house.test_acts import mutations
from tests.openid_provider import OpenIdProvider
from tests.resolvers.company import Company
from tests.resolvers.other_process import Call, at_once, killed, told
from tests.resolvers.selections import everything_of
from tests.resolvers.test_callers import RULES, provider

__all__ = ["provider"]  # a fixture

SCHEMA = make_schema()._schema
WITH_KEY = sorted(
    name
    for name, field in mutations(SCHEMA).items()
    if "idempotencyKey" in get_named_type(field.args["input"].type).fields
)
DEPTH = 2  # the payload and its objects
ORIGIN, DOMAIN = "https://app.skyledger.example", "skyledger.example"
ROOT = "root-key-of-the-tests-0123456789abcdef"
BEGIN = """mutation ($input: BeginPasskeyRegistrationInput!) { beginPasskeyRegistration(input: $input) {
  ... on BeginPasskeyRegistrationPayload { options } } }"""
BOOTSTRAP = "mutation { bootstrap(input: {}) { ... on BootstrapPayload { items { name } } } }"
# What a name is unique in is the whole platform.
OWN_VALUES: dict[str, Callable[[Person], dict[str, Any]]] = {
    "configureSingleSignOn": lambda person: {"domains": [f"{person.slug}.example"]},
}


async def new_organization(_: GraphQL, person: Person) -> dict[str, Any]:
    return {"name": "Second", "slug": f"second-{person.slug}"[:40].rstrip("-")}


async def onboarding(graphql: GraphQL, person: Person) -> dict[str, Any]:
    await graphql.data(BOOTSTRAP, root_key=ROOT)
    return {"name": "Acme", "plan": "team", "ownerEmail": f"olga@{person.slug}.example"}


async def passkey(graphql: GraphQL, person: Person) -> dict[str, Any]:
    begun = await graphql.data(BEGIN, {"input": {"password": PASSWORD}}, token=person.token)
    options = begun["beginPasskeyRegistration"]["options"]
    return {"name": "Phone", "credential": SoftwarePasskey(ORIGIN, DOMAIN).create(options)}


async def nothing(_graphql: GraphQL, _person: Person) -> dict[str, Any]:
    return {}


# Those that concern no organization that is there.
OF_NO_ORGANIZATION: dict[str, Callable[[GraphQL, Person], Awaitable[dict[str, Any]]]] = {
    "addPasskey": passkey,
    "createOrganization": new_organization,
    "exportMyData": nothing,
    "onboardOrganization": onboarding,
}
OF_ORGANIZATIONS = {rule.mutation: rule.prepare for rule in RULES}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={**LOOPBACK, "passkey_origins": (ORIGIN,), "passkey_domain": DOMAIN})


@dataclass(frozen=True)
class FarSide:
    """Where clouds and an OpenID provider answer, and the database in which some inputs need rows."""

    cloud_url: str
    issuer: str
    database: Database


@pytest.fixture
def far_side(moto_url: str, provider: OpenIdProvider, database: Database) -> FarSide:
    return FarSide(moto_url, provider.issuer, database)


async def call_of(graphql: GraphQL, far_side: FarSide, mutation: str, name: str) -> Call:
    """A call by somebody new, with all that it has to find made before."""
    person = await register(graphql, name)
    if mutation in OF_NO_ORGANIZATION:
        values = await OF_NO_ORGANIZATION[mutation](graphql, person)
    else:
        made = Company(person.organization_id, person.slug, {"OWNER": person}, {}, person)
        made.cloud_url, made.issuer, made.database = far_side.cloud_url, far_side.issuer, far_side.database
        values = await OF_ORGANIZATIONS[mutation](graphql, made)
    values |= OWN_VALUES.get(mutation, nothing_more)(person)
    who = {"root_key": ROOT} if mutation == "onboardOrganization" else {"token": person.token}
    return Call(everything_of(SCHEMA, mutation, DEPTH), {**values, "idempotencyKey": name}, who)


def nothing_more(_: Person) -> dict[str, Any]:
    return {}


async def rows(owner: Database) -> Counter[str]:
    """How many rows each table has."""
    return Counter(line.partition(" ")[0] for line in (await everything_stored(owner)).splitlines())


async def rows_that_say_something(owner: Database) -> list[str]:
    """Without the dictionaries of charges, whose rows mean nothing before charges point to them."""
    stored = await everything_stored(owner)
    return [line for line in stored.splitlines() if not line.partition(" ")[0].endswith("_dims")]


async def answer_of(graphql: GraphQL, valkey: Redis, call: Call) -> Any:
    """In this process, which is none of the others: nothing of an answer may depend on who makes it."""
    await valkey.flushall()  # some may be called twice a minute
    return told(await graphql(call.document, {"input": call.values}, **call.who))


def test_each_of_them_has_an_input() -> None:
    assert set(WITH_KEY) <= OF_ORGANIZATIONS.keys() | OF_NO_ORGANIZATION.keys()
    assert len(WITH_KEY) >= 29


@pytest.mark.campaign
@pytest.mark.parametrize("mutation", WITH_KEY)
async def test_calls_in_two_processes_and_one_after_a_kill_have_the_effect_of_one(
    graphql: GraphQL, settings: Settings, far_side: FarSide, owner: Database, valkey: Redis, mutation: str
) -> None:
    """All rows of all tables are counted: those of the audit, of jobs, and of what quotas count too."""
    once, twice, again = [await call_of(graphql, far_side, mutation, name) for name in ("Once", "Twice", "Again")]
    before = await rows(owner)
    (answer,) = (await answer_of(graphql, valkey, once)).values()
    assert answer["__typename"].endswith("Payload"), answer
    wanted = await rows(owner)
    wanted.subtract(before)
    assert wanted["stored_answers"] == 1

    before = await rows(owner)
    first, second = await at_once(settings, twice, 2)
    assert first == second == await answer_of(graphql, valkey, twice)
    found = await rows(owner)
    found.subtract(before)
    assert +found == +wanted, "two calls at once"

    before_kill, before = await rows_that_say_something(owner), await rows(owner)
    assert await killed(settings, again) == -signal.SIGKILL
    assert await rows_that_say_something(owner) == before_kill, "neither effect nor answer"
    first = await answer_of(graphql, valkey, again)
    assert await answer_of(graphql, valkey, again) == first
    found = await rows(owner)
    found.subtract(before)
    assert +found == +wanted, "a call after a kill"

    for organization_id in await all_organizations(far_side.database):
        assert (await verify(far_side.database, organization_id)).problem is None
