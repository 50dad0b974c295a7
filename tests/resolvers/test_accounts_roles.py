"""Roles of AWS: for the organization alone, in accounts of customers, and assumed nowhere that a customer chooses."""

from __future__ import annotations

from typing import Any

import pytest

from app.accounts.endpoints import with_sign_in
from app.database import Database
from app.providers.aws.session import AwsConnection
from app.providers.base import Target
from app.records import ConnectionMethod, Provider
from tests.accounts.clouds import (
    CONNECT,
    MOTO_ACCOUNT,
    OPERATOR_ACCOUNT,
    ROLE,
    UPDATE,
    VERIFY,
    act,
    connected,
    demanding,
    external_id,
    own_aws_keys,
    settings,
)
from tests.auth.people import everything_stored
from tests.clients import GraphQL, Person, register
from tests.providers.aws.in_front import Told, in_front

__all__ = ["own_aws_keys", "settings"]

pytestmark = pytest.mark.usefixtures("own_aws_keys")


def role_input(person: Person, url: str, role: str = ROLE, **more: Any) -> dict[str, Any]:
    """What connects the account of moto by a role."""
    endpoints = [{"service": "*", "url": url}]
    return {"organizationId": person.organization_id, "aws": {"roleArn": role}, "endpoints": endpoints, **more}


async def test_a_role_is_assumed_with_the_organization_s_external_id(graphql: GraphQL, moto_url: str) -> None:
    person = await register(graphql)
    own = await external_id(graphql, person)
    with demanding(moto_url, own) as front:
        values = role_input(person, front.url, name=" Main ")
        other = await act(graphql, CONNECT, person.token, **values | {"aws": {"roleArn": ROLE, "externalId": "else"}})
        assert (other["__typename"], other["path"]) == ("InvalidInput", ["input", "aws", "externalId"])
        assert own in other["message"]
        made = await act(graphql, CONNECT, person.token, **values | {"aws": {"roleArn": ROLE, "externalId": own}})
        assert made["__typename"] == "ConnectAccountPayload", made
        (account,) = made["accounts"]
        assert (account["nativeId"], account["method"], account["name"]) == (MOTO_ACCOUNT, "AWS_ROLE", "Main")
        asked = await act(graphql, VERIFY, person.token, id=account["id"])
        assert asked["account"]["health"]["state"] == "HEALTHY"
    assert front.asked.count("AssumeRole") == 3, "the stranger is tried for new credentials alone"
    stranger = await register(graphql, "Eve")
    assert await external_id(graphql, stranger) != own


async def test_a_role_that_lets_in_anybody_is_refused(graphql: GraphQL, owner: Database, moto_url: str) -> None:
    person = await register(graphql)
    before = await everything_stored(owner)
    refused = await act(graphql, CONNECT, person.token, **role_input(person, moto_url))
    assert (refused["__typename"], refused["path"]) == ("InvalidInput", ["input", "aws", "roleArn"])
    own = await external_id(graphql, person)
    assert f'"Condition": {{"StringEquals": {{"sts:ExternalId": "{own}"}}}}' in refused["message"]
    assert await everything_stored(owner) == before
    account = await connected(graphql, person.token, person.organization_id, moto_url)
    refused = await act(graphql, UPDATE, person.token, id=account["id"], aws={"roleArn": ROLE})
    assert (refused["__typename"], refused["path"]) == ("InvalidInput", ["input", "aws", "roleArn"])


async def test_a_role_whose_strangers_cannot_be_judged_is_not_stored(graphql: GraphQL, moto_url: str) -> None:
    person = await register(graphql)
    own = await external_id(graphql, person)

    def ours(name: str, body: str) -> Told | None:
        return Told("", 503) if name == "AssumeRole" and own not in body else None

    with in_front(moto_url, ours) as front:
        refused = await act(graphql, CONNECT, person.token, **role_input(person, front.url))
    assert (refused["__typename"], refused["path"]) == ("InvalidInput", ["input", "aws"])
    assert "Try again later." in refused["message"]


async def test_roles_of_the_operator_s_own_account_are_refused(graphql: GraphQL, moto_url: str) -> None:
    person = await register(graphql)
    with demanding(moto_url, await external_id(graphql, person)) as front:
        role = f"arn:aws:iam::{OPERATOR_ACCOUNT}:role/Skyledger"
        refused = await act(graphql, CONNECT, person.token, **role_input(person, front.url, role))
    assert (refused["__typename"], refused["path"]) == ("InvalidInput", ["input", "aws", "roleArn"])
    assert "in which Skyledger itself has its credentials" in refused["message"]
    assert "AssumeRole" not in front.asked


def sts_of_operator(settings: dict[str, Any]) -> str:
    """Where calls go that are signed with the operator's keys."""
    target = Target(Provider.AWS, ConnectionMethod.AWS_ROLE, MOTO_ACCOUNT, {"roleArn": ROLE, **settings}, {})
    client = AwsConnection(target)._own_sts()
    found: str = client.meta.endpoint_url
    client.close()
    return found


@pytest.mark.parametrize("service", ["*", "sts"])
def test_the_operator_s_keys_go_to_aws_or_to_a_listed_host(service: str) -> None:
    role, hosts = ConnectionMethod.AWS_ROLE, ("sts.internal:8443",)
    amazon = "https://sts.us-east-1.amazonaws.com"
    for url, place in (
        ("https://sts.internal:8443", "https://sts.internal:8443"),
        ("https://sts.internal", amazon),
        ("https://vpce-1.sts.us-east-1.vpce.amazonaws.com", amazon),
    ):
        settings = {"endpoints": {service: url}}
        assert sts_of_operator(with_sign_in(settings, role, hosts)) == place
        assert sts_of_operator(settings) == amazon
    listed = {"endpoints": {service: "https://sts.internal:8443"}}
    allowed = with_sign_in(listed, role, hosts)
    assert with_sign_in(allowed, role, ()) == listed, "what is no longer listed is forgotten"
    assert with_sign_in(allowed, ConnectionMethod.AWS_KEYS, hosts) == listed
