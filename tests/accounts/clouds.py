"""Accounts connected to moto through the graph, on loopback, which the settings of these tests allow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs

import pytest

from app.config import Settings
from tests.clients import GraphQL, Person
from tests.openid_provider import OPENED
from tests.providers.aws.in_front import Front, Told, in_front
from tests.providers.moto import far_client

MOTO_ACCOUNT = "123456789012"
OPERATOR_ACCOUNT = "999999999999"
NOT_ASSUMED = Told("<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>", 403)
ACCESS_KEY_ID = "AKIACANARY1234567890"
SECRET_ACCESS_KEY = "canary/secret+4f1f0a9d"
ROLE = f"arn:aws:iam::{MOTO_ACCOUNT}:role/Skyledger"

ACCOUNT = """id kind provider nativeId name method regions endpoints { service url } disconnectedAt
  health { state message missingPermissions responseMilliseconds checkedAt }
  healthHistory(first: 3) { state message responseMilliseconds }"""
_FAILED = "... on UserError { code message path }"


def _document(name: str, selection: str) -> str:
    capital = name[0].upper() + name[1:]
    return (
        f"mutation ($input: {capital}Input!) {{ {name}(input: $input) "
        f"{{ __typename ... on {capital}Payload {{ {selection} }} {_FAILED} }} }}"
    )


CONNECT = _document("connectAccount", f"accounts {{ {ACCOUNT} }}")
VERIFY = _document("verifyAccount", f"account {{ {ACCOUNT} }}")
UPDATE = _document("updateAccount", f"account {{ {ACCOUNT} }}")
DISCONNECT = _document("disconnectAccount", f"account {{ {ACCOUNT} }}")


LOOPBACK = {"endpoint_hosts": ("127.0.0.1", "localhost"), **OPENED}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The settings of this test, with loopback as a place where providers may be."""
    return settings.model_copy(update=LOOPBACK)


@pytest.fixture
def own_aws_keys(monkeypatch: pytest.MonkeyPatch, moto_url: str) -> None:
    """Keys of this process, as the operator of Skyledger gives them, with which roles are assumed."""
    role = f"arn:aws:iam::{OPERATOR_ACCOUNT}:role/Operator"
    keys = far_client(moto_url, "sts").assume_role(RoleArn=role, RoleSessionName="operator")["Credentials"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys["SecretAccessKey"])
    monkeypatch.setenv("AWS_SESSION_TOKEN", keys["SessionToken"])


@contextmanager
def demanding(moto_url: str, *external_ids: str) -> Iterator[Front]:
    """Moto, whose roles are assumed with one of these external ids alone: itself it looks at none."""

    def ours(name: str, body: str) -> Told | None:
        sent = parse_qs(body).get("ExternalId", [""])[0]
        return NOT_ASSUMED if name == "AssumeRole" and sent not in external_ids else None

    with in_front(moto_url, ours) as front:
        yield front


async def external_id(graphql: GraphQL, person: Person) -> str:
    """The external id of the person's organization, as the graph shows it."""
    query = "query ($slug: String!) { organization(slug: $slug) { awsExternalId } }"
    answer = await graphql.data(query, {"slug": person.slug}, token=person.token)
    found: str = answer["organization"]["awsExternalId"]
    return found


def keys_input(organization_id: str, url: str, **more: Any) -> dict[str, Any]:
    """What connects the account of moto by keys."""
    keys = {"accessKeyId": ACCESS_KEY_ID, "secretAccessKey": SECRET_ACCESS_KEY}
    endpoints = [{"service": "*", "url": url}]
    return {"organizationId": organization_id, "aws": keys, "endpoints": endpoints, **more}


async def act(graphql: GraphQL, document: str, token: str, **values: Any) -> dict[str, Any]:
    """Run a mutation of accounts; its result."""
    (result,) = (await graphql.data(document, {"input": values}, token=token)).values()
    found: dict[str, Any] = result
    return found


async def connected(graphql: GraphQL, token: str, organization_id: str, url: str, **more: Any) -> dict[str, Any]:
    """Connect the account of moto by keys; the account."""
    result = await act(graphql, CONNECT, token, **keys_input(organization_id, url, **more))
    assert result["__typename"] == "ConnectAccountPayload", result
    account: dict[str, Any] = result["accounts"][0]
    return account
