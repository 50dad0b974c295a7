"""Every mutation is an act: through one guard, with a key where a repeat would do harm, and with no secret told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from graphql import GraphQLInputObjectType, GraphQLSchema, get_named_type

from app.resolvers.access import Access, Guard
from app.resolvers.acts import is_secret
from app.resolvers.roots import make_schema
from tests.house.test_schema import NEEDS

# What creates, charges or triggers something: sent twice, it would do so twice.
REPEATABLE = re.compile(
    "(add|configure|connect|create|export|import|ingest|invite|onboard|record|replay|rerun|rotate|run|schedule|start"
    "|test)[A-Z]"
)
# Of these verbs without a key, and why.
NOT_REPEATABLE = {"createPlan": "its slug exists once: the second call is a conflict"}
# Of other verbs: what they say is so afterwards, however often it is said (accept, acknowledge, archive, cancel,
# change, delete, disconnect, ignore, mark, move, remove, reopen, reset, resolve, revoke, set, update). `logIn`,
# `refreshSession`, `logOut` and `register` have no caller yet whose key it would be, `verifyAccount` is asked for what
# is so now, and `refreshPrices` queues one job however often it is called.
PROOFS = {"password", "currentPassword", "recoveryCode", "challenge", "token", "refreshToken", "verifier"}
SECRETS = {
    "accessKeyId",
    "certificate",
    "certificatePassword",
    "challenge",
    "clientSecret",
    "code",
    "credential",
    "currentPassword",
    "newPassword",
    "password",
    "recoveryCode",
    "refreshToken",
    "secretAccessKey",
    "serviceAccount",
    "sessionToken",
    "token",
    "verifier",
    "workloadIdentity",
}


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return make_schema()._schema


def mutations(schema: GraphQLSchema) -> dict[str, Any]:
    assert schema.mutation_type is not None
    return dict(schema.mutation_type.fields)


def names(type_: GraphQLInputObjectType, seen: set[str]) -> Iterator[str]:
    """The names of all that stands in an input, however deep."""
    if type_.name in seen:
        return
    seen.add(type_.name)
    for name, field in type_.fields.items():
        yield name
        inner = get_named_type(field.type)
        if isinstance(inner, GraphQLInputObjectType):
            yield from names(inner, seen)


def test_every_mutation_goes_through_the_guard(schema: GraphQLSchema) -> None:
    """It makes an act of the call, and the doors of the database write the act's row before they commit."""
    for name, field in mutations(schema).items():
        definition = field.extensions["strawberry-definition"]
        assert [type(each) for each in definition.extensions] == [Guard], name


def test_what_would_do_harm_twice_takes_a_key(schema: GraphQLSchema) -> None:
    wanted = {name for name in mutations(schema) if REPEATABLE.match(name)} - NOT_REPEATABLE.keys()
    found = {
        name
        for name, field in mutations(schema).items()
        if "idempotencyKey" in get_named_type(field.args["input"].type).fields
    }
    assert found == wanted
    assert len(found) == 29
    for name in found:
        assert NEEDS[name] is not Access.ANYONE, "a key is somebody's"
        members = {member.name for member in get_named_type(mutations(schema)[name].type).types}
        assert {"Conflict", "InvalidInput"} <= members, name


def test_no_call_with_a_key_proves_who_somebody_is(schema: GraphQLSchema) -> None:
    """With a key a call that fails is undone whole, and the count of wrong passwords and codes would be too."""
    seen: set[str] = set()
    for name, field in mutations(schema).items():
        sent = get_named_type(field.args["input"].type)
        if "idempotencyKey" in sent.fields:
            assert not PROOFS & set(names(sent, seen)), name


def test_these_names_are_secrets(schema: GraphQLSchema) -> None:
    """What the audit redacts. A secret under a name that is not among them must be added to app.resolvers.acts."""
    seen: set[str] = set()
    everything = {
        name for field in mutations(schema).values() for name in names(get_named_type(field.args["input"].type), seen)
    }
    assert {name for name in everything if is_secret(name)} == SECRETS
    # Snake case, as the inputs have them in Python, is found alike.
    assert all(is_secret(re.sub("([A-Z])", r"_\1", name).lower()) for name in SECRETS)
