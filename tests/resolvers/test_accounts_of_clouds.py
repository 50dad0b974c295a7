"""Connecting the other clouds through the graph, with the real SDKs and their far sides on loopback."""

from __future__ import annotations

from typing import Any

import pytest

from app.accounts.endpoints import is_allowed as endpoint_is_allowed
from app.context import Runtime
from app.database import Database
from app.records import Provider
from app.schema.node import parse_id
from tests.accounts.clouds import CONNECT, DISCONNECT, UPDATE, VERIFY, act, settings
from tests.auth.people import everything_stored
from tests.clients import GraphQL, register
from tests.house.statements import counted
from tests.providers.azure.arm_server import CLIENT, OTHER_SUBSCRIPTION, SECRET, SUBSCRIPTION, TENANT, ArmServer
from tests.providers.azure.conftest import azure, server_certificate
from tests.providers.gcp.conftest import google
from tests.providers.gcp.google import NUMBER, PROJECT, Google, asset
from tests.providers.m365.conftest import microsoft
from tests.providers.m365.graph_server import ALL_ROLES, GraphServer

__all__ = ["azure", "google", "microsoft", "server_certificate", "settings"]

APPLICATION = {"tenantId": TENANT, "clientId": CLIENT, "clientSecret": SECRET}


def azure_input(organization_id: str, azure: ArmServer, *subscriptions: str, **more: Any) -> dict[str, Any]:
    """What connects subscriptions of the far side."""
    endpoints = [{"service": name, "url": azure.url} for name in ("management", "authority")]
    credentials = APPLICATION | more | {"subscriptions": list(subscriptions)}
    return {"organizationId": organization_id, "azure": credentials, "endpoints": endpoints}


async def test_a_subscription_is_connected(graphql: GraphQL, azure: ArmServer) -> None:
    person = await register(graphql)
    made = await act(graphql, CONNECT, person.token, **azure_input(person.organization_id, azure, SUBSCRIPTION.upper()))
    assert made["__typename"] == "ConnectAccountPayload", made
    (account,) = made["accounts"]
    told = {name: account[name] for name in ("provider", "nativeId", "name", "method")}
    assert told == {"provider": "AZURE", "nativeId": SUBSCRIPTION, "name": "Production", "method": "AZURE_SECRET"}
    assert (account["health"]["state"], account["health"]["missingPermissions"]) == ("HEALTHY", [])
    azure.roles = [{"actions": ["Microsoft.Authorization/permissions/read"], "notActions": []}]
    asked = (await act(graphql, VERIFY, person.token, id=account["id"]))["account"]["health"]
    assert asked["state"] == "DEGRADED"
    assert asked["missingPermissions"]
    azure.secret_state = "expired"
    asked = (await act(graphql, VERIFY, person.token, id=account["id"]))["account"]["health"]
    assert asked["state"] == "ERROR"


async def test_nothing_is_stored_when_one_of_several_is_closed(
    graphql: GraphQL, owner: Database, azure: ArmServer
) -> None:
    person = await register(graphql)
    before = await everything_stored(owner)
    values = azure_input(person.organization_id, azure, SUBSCRIPTION, OTHER_SUBSCRIPTION)
    refused = await act(graphql, CONNECT, person.token, **values)
    assert refused["__typename"] == "InvalidInput"
    assert refused["path"] == ["input", "azure", "subscriptions", "1"]
    values = azure_input(person.organization_id, azure, SUBSCRIPTION, clientSecret="wrong")
    refused = await act(graphql, CONNECT, person.token, **values)
    assert (refused["__typename"], refused["path"]) == ("InvalidInput", ["input", "azure", "clientSecret"])
    assert await everything_stored(owner) == before


def google_input(organization_id: str, google: Google, **scope: Any) -> dict[str, Any]:
    """What connects parts of the far side."""
    places = {"cloudasset": google.address, "cloudresourcemanager": google.address, "token": google.token_url}
    return {
        "organizationId": organization_id,
        "gcp": {"serviceAccount": google.key_file()} | scope,
        "endpoints": [{"service": service, "url": url} for service, url in places.items()],
    }


async def test_several_projects_are_connected_in_their_order(
    graphql: GraphQL, google: Google, runtime: Runtime
) -> None:
    person = await register(graphql)
    projects = [PROJECT, "another-project", "a-third-project"]
    values = google_input(person.organization_id, google, projects=projects)
    made = await act(graphql, CONNECT, person.token, **values)
    assert made["__typename"] == "ConnectAccountPayload", made
    assert [account["nativeId"] for account in made["accounts"]] == projects
    assert {account["method"] for account in made["accounts"]} == {"GCP_SERVICE_ACCOUNT"}
    named = await act(graphql, CONNECT, person.token, **values, name="One")
    assert (named["__typename"], named["path"]) == ("InvalidInput", ["input", "name"])
    query = """query ($slug: String!, $first: Int!) { organization(slug: $slug) {
      accounts(first: $first) { nodes { health { state } healthHistory(first: 2) { state } } } } }"""
    numbers = []
    for first in (1, 3):
        await graphql.data(query, {"slug": person.slug, "first": first}, token=person.token)
        with counted(runtime.database) as statements:
            answer = await graphql.data(query, {"slug": person.slug, "first": first}, token=person.token)
        numbers.append(len(statements))
        nodes = answer["organization"]["accounts"]["nodes"]
        assert [len(node["healthHistory"]) for node in nodes] == [1] * first
    assert numbers[0] == numbers[1]
    for first in (0, 101):
        document = (
            f"query ($id: ID!) {{ node(id: $id) {{ ... on Account {{ healthHistory(first: {first}) {{ state }} }} }} }}"
        )
        answer = await graphql(document, {"id": made["accounts"][0]["id"]}, token=person.token)
        assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize("is_whole_first", [True, False])
async def test_a_project_and_its_organization_are_not_both_connected(
    graphql: GraphQL, google: Google, owner: Database, is_whole_first: bool
) -> None:
    google.hold(asset("cloudresourcemanager.googleapis.com/Project", f"projects/{NUMBER}", {"name": "Acme"}))
    person = await register(graphql)
    scopes: list[dict[str, Any]] = [{"organization": "42"}, {"projects": [PROJECT]}]
    first, second = scopes if is_whole_first else scopes[::-1]
    made = await act(graphql, CONNECT, person.token, **google_input(person.organization_id, google, **first))
    assert made["__typename"] == "ConnectAccountPayload", made
    before = await everything_stored(owner)
    refused = await act(graphql, CONNECT, person.token, **google_input(person.organization_id, google, **second))
    assert refused["__typename"] == "Conflict", refused
    assert f"{PROJECT} is part of organizations/42" in refused["message"]
    assert await everything_stored(owner) == before
    other = await act(graphql, CONNECT, person.token, **google_input(person.organization_id, google, organization="43"))
    assert other["__typename"] == "ConnectAccountPayload", other
    await act(graphql, DISCONNECT, person.token, id=made["accounts"][0]["id"])
    again = await act(graphql, CONNECT, person.token, **google_input(person.organization_id, google, **second))
    assert again["__typename"] == "ConnectAccountPayload", again


async def test_an_organization_of_google_is_one_account(graphql: GraphQL, google: Google) -> None:
    person = await register(graphql)
    made = await act(graphql, CONNECT, person.token, **google_input(person.organization_id, google, organization="123"))
    assert made["__typename"] == "ConnectAccountPayload", made
    (account,) = made["accounts"]
    assert account["nativeId"] == "organizations/123"
    again = {"serviceAccount": google.key_file()}
    changed = await act(graphql, UPDATE, person.token, id=account["id"], gcp=again)
    assert changed["__typename"] == "UpdateAccountPayload", changed
    assert parse_id(changed["account"]["id"]) == parse_id(account["id"])


def microsoft_input(organization_id: str, microsoft: GraphServer, **more: Any) -> dict[str, Any]:
    """What connects the tenant of the far side."""
    endpoints = [{"service": name, "url": microsoft.url} for name in ("graph", "authority")]
    return {"organizationId": organization_id, "microsoft365": APPLICATION | more, "endpoints": endpoints}


async def test_a_tenant_of_microsoft_365_is_one_account(
    graphql: GraphQL, owner: Database, microsoft: GraphServer
) -> None:
    person = await register(graphql)
    before = await everything_stored(owner)
    wrong = microsoft_input(person.organization_id, microsoft, clientSecret="wrong")
    refused = await act(graphql, CONNECT, person.token, **wrong)
    assert (refused["__typename"], refused["path"]) == ("InvalidInput", ["input", "microsoft365", "clientSecret"])
    other = microsoft_input(person.organization_id, microsoft, clientId="no id")
    refused = await act(graphql, CONNECT, person.token, **other)
    assert (refused["__typename"], refused["path"]) == ("InvalidInput", ["input", "microsoft365", "clientId"])
    assert await everything_stored(owner) == before
    made = await act(graphql, CONNECT, person.token, **microsoft_input(person.organization_id, microsoft))
    assert made["__typename"] == "ConnectAccountPayload", made
    (account,) = made["accounts"]
    told = {name: account[name] for name in ("provider", "nativeId", "name", "method")}
    assert told == {"provider": "MICROSOFT_365", "nativeId": TENANT, "name": "Contoso", "method": "M365_SECRET"}
    assert (account["health"]["state"], account["health"]["missingPermissions"]) == ("HEALTHY", [])
    again = await act(graphql, CONNECT, person.token, **microsoft_input(person.organization_id, microsoft))
    assert again["__typename"] == "Conflict"
    microsoft.roles = tuple(role for role in ALL_ROLES if role != "Reports.Read.All")
    changed = await act(graphql, UPDATE, person.token, id=account["id"], microsoft365=APPLICATION)
    assert changed["account"]["health"]["missingPermissions"] == ["Reports.Read.All"]
    microsoft.conceals = True
    asked = (await act(graphql, VERIFY, person.token, id=account["id"]))["account"]["health"]
    assert asked["state"] == "DEGRADED"
    assert "conceals names" in asked["message"]


@pytest.mark.parametrize(
    ("url", "is_allowed"),
    [
        ("https://graph.microsoft.com", True),
        ("https://graph.microsoft.us", True),
        ("https://login.microsoftonline.com", True),
        ("http://graph.microsoft.com", False),
        ("https://evil.graph.microsoft.com.example", False),
        ("https://contoso.sharepoint.com", False),
    ],
)
def test_the_credentials_of_a_tenant_go_to_microsoft_only(url: str, is_allowed: bool) -> None:
    assert endpoint_is_allowed(Provider.MICROSOFT_365, url, ()) is is_allowed
