"""Connecting, asking, changing and disconnecting accounts through the graph, with moto as the far side."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from app.context import Runtime
from app.database import Database
from app.errors import ConflictError
from app.records import Actor, ActorKind
from app.scanning.start import start_scans
from app.schema.node import parse_id
from tests.accounts.clouds import (
    CONNECT,
    DISCONNECT,
    MOTO_ACCOUNT,
    ROLE,
    UPDATE,
    VERIFY,
    act,
    connected,
    demanding,
    external_id,
    keys_input,
    own_aws_keys,
    settings,
)
from tests.auth.people import everything_stored
from tests.clients import GraphQL, Person, register
from tests.providers.aws.in_front import in_front

__all__ = ["own_aws_keys", "settings"]

CREATE = """mutation ($input: CreateAccountInput!) { createAccount(input: $input) {
  __typename ... on CreateAccountPayload { account { id kind method health { state } } }
  ... on UserError { message } } }"""
EVENTS = """query ($slug: String!) { organization(slug: $slug) { activity(first: 50) { nodes { kind data } } } }"""


async def events(graphql: GraphQL, person: Person) -> list[tuple[str, dict[str, Any]]]:
    """Kinds and data of the events about accounts, the oldest first."""
    answer = await graphql.data(EVENTS, {"slug": person.slug}, token=person.token)
    nodes = answer["organization"]["activity"]["nodes"][::-1]
    return [(node["kind"], node["data"]) for node in nodes if node["kind"].startswith("ACCOUNT")]


async def test_an_account_is_connected_by_keys(graphql: GraphQL, moto_url: str) -> None:
    person = await register(graphql)
    account = await connected(graphql, person.token, person.organization_id, moto_url, regions=["eu-west-1"])
    health = account["health"]
    expected = {
        "kind": "CONNECTED",
        "provider": "AWS",
        "nativeId": MOTO_ACCOUNT,
        "name": MOTO_ACCOUNT,
        "method": "AWS_KEYS",
        "regions": ["eu-west-1"],
        "endpoints": [{"service": "*", "url": moto_url}],
        "disconnectedAt": None,
    }
    assert {name: account[name] for name in expected} == expected
    assert health["state"] == "HEALTHY"
    assert health["responseMilliseconds"] >= 0
    assert account["healthHistory"] == [
        {name: health[name] for name in ("state", "message", "responseMilliseconds")},
    ]
    kinds = await events(graphql, person)
    data = {"provider": "AWS", "nativeId": MOTO_ACCOUNT, "name": MOTO_ACCOUNT, "method": "AWS_KEYS"}
    assert kinds == [("ACCOUNT_CONNECTED", data | {"health": "HEALTHY"})]


async def test_connecting_again_is_a_conflict_that_names_the_way(graphql: GraphQL, moto_url: str) -> None:
    person = await register(graphql)
    await connected(graphql, person.token, person.organization_id, moto_url)
    again = await act(graphql, CONNECT, person.token, **keys_input(person.organization_id, moto_url))
    assert again["__typename"] == "Conflict"
    assert "`updateAccount`" in again["message"]
    assert len(await events(graphql, person)) == 1


async def test_a_manual_account_becomes_connected_and_keeps_its_name(graphql: GraphQL, moto_url: str) -> None:
    person = await register(graphql)
    values = {
        "organizationId": person.organization_id,
        "provider": "AWS",
        "nativeId": MOTO_ACCOUNT,
        "name": "Production",
    }
    manual = (await graphql.data(CREATE, {"input": values}, token=person.token))["createAccount"]["account"]
    assert (manual["kind"], manual["method"], manual["health"]) == ("MANUAL", None, None)
    for document in (VERIFY, DISCONNECT):
        refused = await act(graphql, document, person.token, id=manual["id"])
        assert refused["__typename"] == "Conflict", refused
    account = await connected(graphql, person.token, person.organization_id, moto_url)
    assert (account["id"], account["name"], account["kind"]) == (manual["id"], "Production", "CONNECTED")


async def test_a_disconnected_account_forgets_its_credentials_and_can_come_back(
    graphql: GraphQL, owner: Database, moto_url: str
) -> None:
    person = await register(graphql)
    account = await connected(graphql, person.token, person.organization_id, moto_url)
    gone = (await act(graphql, DISCONNECT, person.token, id=account["id"]))["account"]
    assert gone["disconnectedAt"] is not None
    assert gone["healthHistory"] == account["healthHistory"]
    assert await rows(owner, "account_credentials") == []
    once_more = await act(graphql, DISCONNECT, person.token, id=account["id"])
    assert once_more["account"]["disconnectedAt"] == gone["disconnectedAt"]
    asked = await act(graphql, VERIFY, person.token, id=account["id"])
    assert asked["__typename"] == "Conflict"
    assert "`connectAccount`" in asked["message"]
    changed = await act(graphql, UPDATE, person.token, id=account["id"], regions=["eu-west-1"])
    assert changed["__typename"] == "Conflict"
    back = await connected(graphql, person.token, person.organization_id, moto_url)
    assert (back["id"], back["disconnectedAt"], len(back["healthHistory"])) == (account["id"], None, 2)
    assert len(await rows(owner, "account_credentials")) == 1
    assert [kind for kind, _ in await events(graphql, person)] == [
        "ACCOUNT_CONNECTED",
        "ACCOUNT_DISCONNECTED",
        "ACCOUNT_CONNECTED",
    ]


async def test_disconnecting_stops_scans_and_lets_none_start(
    graphql: GraphQL, runtime: Runtime, owner: Database, moto_url: str
) -> None:
    person = await register(graphql)
    account = await connected(graphql, person.token, person.organization_id, moto_url)
    organization_id, system = parse_id(person.organization_id).id, Actor(ActorKind.SYSTEM)
    await start_scans(runtime.database, organization_id, system)
    await act(graphql, DISCONNECT, person.token, id=account["id"])
    async with owner.engine.connect() as connection:
        states = (await connection.execute(text("SELECT state FROM scans"))).scalars().all()
    assert states == ["CANCELLED"]
    with pytest.raises(ConflictError):
        await start_scans(runtime.database, organization_id, system, account_ids=[parse_id(account["id"]).id])


async def test_credentials_that_do_not_work_store_nothing(graphql: GraphQL, owner: Database) -> None:
    person = await register(graphql)
    before = await everything_stored(owner)
    nobody = "http://127.0.0.1:1"  # no server listens there
    refused = await act(graphql, CONNECT, person.token, **keys_input(person.organization_id, nobody))
    assert (refused["__typename"], refused["path"]) == ("InvalidInput", ["input", "endpoints"])
    assert refused["message"].endswith("or try again later. Nothing was stored.")
    assert await everything_stored(owner) == before


async def test_a_provider_that_does_not_answer_is_not_put_down_to_the_key(graphql: GraphQL, moto_url: str) -> None:
    person = await register(graphql)
    with in_front(moto_url, lambda _name, _body: None) as front:
        account = await connected(graphql, person.token, person.organization_id, front.url)
    # Its endpoint is gone, and the input has none: what is left is all that the caller has sent about AWS.
    keys = keys_input(person.organization_id, front.url)["aws"]
    refused = await act(graphql, UPDATE, person.token, id=account["id"], aws=keys)
    assert (refused["__typename"], refused["path"]) == ("InvalidInput", ["input", "aws"])
    assert refused["message"].endswith("or try again later. Nothing was stored.")


AZURE = {
    "tenantId": "6f1a2b3c-0000-4000-8000-000000000001",
    "clientId": "6f1a2b3c-0000-4000-8000-000000000002",
    "clientSecret": "x",
}
SUBSCRIPTION = "6f1a2b3c-0000-4000-8000-000000000003"
GCP = {"serviceAccount": '{"type": "service_account", "private_key": "x", "client_email": "a@b"}'}


@pytest.mark.parametrize(
    ("sent", "path"),
    [
        ({}, []),
        ({"aws": {}, "gcp": GCP}, []),
        ({"aws": {}}, ["aws"]),
        ({"aws": {"roleArn": ROLE, "accessKeyId": "A" * 16}}, ["aws"]),
        ({"aws": {"roleArn": "arn:aws:iam::12:role/x"}}, ["aws", "roleArn"]),
        ({"aws": {"accessKeyId": "A" * 16}}, ["aws", "secretAccessKey"]),
        ({"aws": {"accessKeyId": "short", "secretAccessKey": "x"}}, ["aws", "accessKeyId"]),
        ({"aws": {"accessKeyId": "A" * 16, "secretAccessKey": "x" * 20_000}}, ["aws", "secretAccessKey"]),
        ({"aws": {"roleArn": ROLE}, "regions": []}, ["regions"]),
        ({"aws": {"roleArn": ROLE}, "regions": ["eu-west-1", "evil.example/#"]}, ["regions", "1"]),
        ({"aws": {"roleArn": ROLE}, "name": " "}, ["name"]),
        (
            {"aws": {"roleArn": ROLE}, "endpoints": [{"service": "ec22", "url": "https://ec2.amazonaws.com"}]},
            ["endpoints", "0", "service"],
        ),
        (
            {"aws": {"roleArn": ROLE}, "endpoints": [{"service": "*", "url": "http://169.254.169.254"}]},
            ["endpoints", "0", "url"],
        ),
        ({"azure": AZURE | {"subscriptions": []}}, ["azure", "subscriptions"]),
        ({"azure": AZURE | {"subscriptions": [SUBSCRIPTION, "../x"]}}, ["azure", "subscriptions", "1"]),
        ({"azure": AZURE | {"subscriptions": [SUBSCRIPTION] * 2}}, ["azure", "subscriptions"]),
        ({"azure": AZURE | {"subscriptions": [SUBSCRIPTION], "tenantId": "a/b"}}, ["azure", "tenantId"]),
        ({"azure": AZURE | {"subscriptions": [SUBSCRIPTION], "clientId": "x"}}, ["azure", "clientId"]),
        ({"azure": AZURE | {"subscriptions": [SUBSCRIPTION], "certificate": "x"}}, ["azure"]),
        ({"azure": AZURE | {"subscriptions": [SUBSCRIPTION]}, "regions": ["eu-west-1"]}, ["regions"]),
        ({"gcp": GCP}, ["gcp"]),
        ({"gcp": GCP | {"projects": ["acme-prod"], "folder": "1"}}, ["gcp"]),
        ({"gcp": GCP | {"projects": ["acme-prod", "../x"]}}, ["gcp", "projects", "1"]),
        ({"gcp": GCP | {"organization": "x"}}, ["gcp", "organization"]),
        ({"gcp": {"projects": ["acme-prod"]}}, ["gcp"]),
        ({"gcp": {"serviceAccount": "{}", "projects": ["acme-prod"]}}, ["gcp", "serviceAccount"]),
        ({"gcp": {"workloadIdentity": "{}", "projects": ["acme-prod"]}}, ["gcp", "workloadIdentity"]),
    ],
)
async def test_the_wrong_field_is_named(graphql: GraphQL, sent: dict[str, Any], path: list[str]) -> None:
    person = await register(graphql)
    refused = await act(graphql, CONNECT, person.token, organizationId=person.organization_id, **sent)
    assert (refused["__typename"], refused["path"]) == ("InvalidInput", ["input", *path]), refused


@pytest.mark.usefixtures("own_aws_keys")
async def test_only_what_is_given_is_changed(graphql: GraphQL, moto_url: str) -> None:
    person = await register(graphql)
    account = await connected(graphql, person.token, person.organization_id, moto_url, regions=["eu-west-1"])

    async def update(**values: Any) -> dict[str, Any]:
        return await act(graphql, UPDATE, person.token, id=account["id"], **values)

    named = (await update(name="Main"))["account"]
    assert (named["name"], named["regions"], named["endpoints"]) == ("Main", ["eu-west-1"], account["endpoints"])
    assert (await update(regions=None, name=None))["account"]["regions"] is None
    assert (await update(regions=["us-east-1", "us-east-1"]))["account"]["regions"] == ["us-east-1"]
    assert (await update())["account"]["name"] == "Main"
    with demanding(moto_url, await external_id(graphql, person)) as front:
        there = [{"service": "*", "url": front.url}]
        role = (await update(aws={"roleArn": ROLE}, endpoints=there))["account"]
    assert (role["method"], role["regions"]) == ("AWS_ROLE", ["us-east-1"])
    assert len(role["healthHistory"]) == 3, "new regions and new credentials were tried"
    told = [data["changed"] for kind, data in await events(graphql, person) if kind == "ACCOUNT_UPDATED"]
    assert told == [["name"], ["regions"], ["regions"], ["endpoints", "credentials"]]


@pytest.mark.usefixtures("own_aws_keys")
async def test_stored_secrets_are_not_sent_to_a_new_place(graphql: GraphQL, moto_url: str) -> None:
    person = await register(graphql)
    account = await connected(graphql, person.token, person.organization_id, moto_url)
    elsewhere = [{"service": "*", "url": "http://127.0.0.1:1"}]
    alone = await act(graphql, UPDATE, person.token, id=account["id"], endpoints=elsewhere)
    assert (alone["__typename"], alone["path"]) == ("InvalidInput", ["input", "endpoints"])
    same = await act(graphql, UPDATE, person.token, id=account["id"], endpoints=account["endpoints"])
    assert same["__typename"] == "UpdateAccountPayload"
    with demanding(moto_url, await external_id(graphql, person)) as front:
        there = [{"service": "*", "url": front.url}]
        role = await act(graphql, UPDATE, person.token, id=account["id"], aws={"roleArn": ROLE}, endpoints=there)
        assert role["__typename"] == "UpdateAccountPayload", role
    # A role has no secret of the customer's: it is tried there.
    tried = await act(graphql, UPDATE, person.token, id=account["id"], endpoints=elsewhere)
    assert (tried["__typename"], tried["path"]) == ("InvalidInput", ["input", "endpoints"])
    assert "Nothing was stored." in tried["message"]


@pytest.mark.usefixtures("own_aws_keys")
async def test_credentials_of_another_account_or_provider_are_refused(graphql: GraphQL, moto_url: str) -> None:
    person = await register(graphql)
    account = await connected(graphql, person.token, person.organization_id, moto_url)
    foreign = {"roleArn": "arn:aws:iam::210987654321:role/Skyledger"}
    refused = await act(graphql, UPDATE, person.token, id=account["id"], aws=foreign)
    assert (refused["__typename"], refused["path"]) == ("InvalidInput", ["input", "aws", "roleArn"])
    assert "210987654321" in refused["message"]
    refused = await act(graphql, UPDATE, person.token, id=account["id"], azure=AZURE)
    assert (refused["__typename"], refused["path"]) == ("InvalidInput", ["input", "azure"])


async def rows(owner: Database, table: str) -> list[str]:
    """All rows of a table as text, behind the doors."""
    async with owner.engine.connect() as connection:
        found = await connection.execute(text(f'SELECT t::text FROM "{table}" AS t'))  # noqa: S608  (a constant)
        return list(found.scalars())
