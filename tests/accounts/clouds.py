"""Accounts connected to moto through the graph, on loopback, which the settings of these tests allow."""

from __future__ import annotations

from typing import Any

import pytest

from app.config import Settings
from tests.clients import GraphQL

MOTO_ACCOUNT = "123456789012"
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


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The settings of this test, with loopback as a place where providers may be."""
    return settings.model_copy(update={"endpoint_hosts": ("127.0.0.1", "localhost")})


@pytest.fixture
def own_aws_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys of this process, as the operator of Skyledger gives them, with which roles are assumed."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOPERATOR12345678")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the operator's")


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
