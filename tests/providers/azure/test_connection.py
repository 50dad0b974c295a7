"""Signing in, knowing the subscription, and naming what is missing."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from app.providers.azure.cloud import AzureCloud, needed_actions
from app.providers.azure.credentials import endpoints
from app.providers.azure.permissions import AllowedActions
from app.providers.problems import ProblemCode, ProviderError
from app.records import ConnectionMethod
from tests.providers.azure.arm_server import CLIENT, SECRET, SUBSCRIPTION, Answer, ArmServer, Certificate, Fault, denial
from tests.providers.azure.conftest import Connect, read, target

CERTIFICATE = ConnectionMethod.AZURE_CERTIFICATE


def test_a_secret_signs_in_and_everything_may_be_read(connect: Connect) -> None:
    told = connect().verify()
    assert told.native_id == SUBSCRIPTION
    assert told.caller == f"application {CLIENT}"
    assert told.name == "Production"
    assert told.missing_permissions == ()
    assert told.note is None


def test_verifying_costs_four_calls(azure: ArmServer, connect: Connect) -> None:
    connect().verify()
    assert [method for method, _ in azure.requests] == ["GET", "POST", "GET", "GET"]


@pytest.mark.parametrize("password", [None, "pass phrase"])
def test_a_certificate_signs_in(
    azure: ArmServer, connect: Connect, client_certificate: Certificate, password: str | None
) -> None:
    azure.client_certificate = client_certificate
    key = client_certificate.key_pem(password.encode() if password else None)
    secret = {"certificate": (key + client_certificate.pem).decode()}
    if password:
        secret["certificatePassword"] = password
    told = connect(method=CERTIFICATE, secret=secret).verify()
    assert told.missing_permissions == ()


def test_a_certificate_that_is_not_registered_is_refused(
    azure: ArmServer, connect: Connect, client_certificate: Certificate, server_certificate: Certificate
) -> None:
    azure.client_certificate = server_certificate
    pem = (client_certificate.key_pem() + client_certificate.pem).decode()
    with pytest.raises(ProviderError) as raised:
        connect(method=CERTIFICATE, secret={"certificate": pem}).verify()
    assert raised.value.code is ProblemCode.CREDENTIALS
    assert raised.value.message == "The certificate is not registered, or has expired (AADSTS700027)"


def test_missing_actions_are_named(azure: ArmServer, connect: Connect) -> None:
    azure.page_size = 1
    azure.roles = [
        {"actions": ["Microsoft.Authorization/*/read"], "notActions": []},
        {"actions": ["*"], "notActions": ["microsoft.compute/Disks/*", "Microsoft.Web/*"]},
        {"actions": ["Microsoft.Web/sites/read"], "notActions": []},
    ]
    assert connect().verify().missing_permissions == (
        "Microsoft.Compute/disks/read",
        "Microsoft.Web/connections/read",
        "Microsoft.Web/serverFarms/read",
    )


def test_the_printed_role_is_enough_for_everything(azure: ArmServer, connect: Connect) -> None:
    azure.roles = [{"actions": list(needed_actions()), "notActions": []}]
    connection = connect()
    assert connection.verify().missing_permissions == ()
    kinds = set()
    for service in AzureCloud().services():
        for collector in service.collectors:
            kinds |= {found.resource_type for page in collector.pages(connection, "global") for found in page}
    assert len(kinds) == 66


def test_who_may_not_list_his_permissions_is_told_that_one(azure: ArmServer, connect: Connect) -> None:
    azure.roles = [{"actions": ["*/read"], "notActions": ["Microsoft.Authorization/permissions/read"]}]
    told = connect().verify()
    assert told.missing_permissions == ("Microsoft.Authorization/permissions/read",)
    assert told.note == "Without Microsoft.Authorization/permissions/read nothing else that may be missing can be named"


def test_an_unknown_state_of_the_subscription_is_told(azure: ArmServer, connect: Connect) -> None:
    azure.subscription_state = "Sleeping"
    assert connect().verify().note == "The subscription's state is Sleeping"


@pytest.mark.parametrize("state", ["Disabled", "Deleted"])
def test_a_closed_subscription_is_not_empty(azure: ArmServer, connect: Connect, state: str) -> None:
    azure.subscription_state = state
    azure.tables["resources"] = []
    connection = connect()
    asks: list[Callable[[], object]] = [connection.verify, lambda: read(connection, "microsoft.compute/disks")]
    for ask in asks:
        with pytest.raises(ProviderError) as raised:
            ask()
        assert raised.value.code is ProblemCode.DENIED
        assert raised.value.message.startswith(f"The subscription's state is {state}")
        assert "Reactivate" in raised.value.remedy


def test_who_may_not_read_the_subscription_is_denied(azure: ArmServer, connect: Connect) -> None:
    action = "Microsoft.Resources/subscriptions/read"
    azure.faults = [Fault(f"/subscriptions/{SUBSCRIPTION}?", denial(action, "/"))]
    with pytest.raises(ProviderError) as raised:
        connect().verify()
    assert raised.value.code is ProblemCode.DENIED
    assert raised.value.permission == action


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"secret": {"clientSecret": "hunter2"}}, "The client secret is wrong (AADSTS7000215)"),
        ({"settings": {"clientId": "unknown"}}, "The tenant does not know the client id (AADSTS700016)"),
        ({"settings": {"tenantId": "nowhere.example"}}, "There is no such tenant"),
        ({"native_id": "55555555-5555-5555-5555-555555555555"}, "There is no such subscription in the tenant"),
    ],
)
def test_wrong_credentials_say_what_is_wrong(connect: Connect, parts: dict[str, Any], message: str) -> None:
    with pytest.raises(ProviderError) as raised:
        connect(**parts).verify()
    assert raised.value.code is ProblemCode.CREDENTIALS
    assert raised.value.message.startswith(message)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__
    assert "hunter2" not in f"{raised.value.message} {raised.value.remedy}"


def test_an_expired_secret_says_so(azure: ArmServer, connect: Connect) -> None:
    azure.secret_state = "expired"
    with pytest.raises(ProviderError) as raised:
        connect().verify()
    assert raised.value.code is ProblemCode.CREDENTIALS
    assert raised.value.message == "The client secret has expired (AADSTS7000222)"
    assert "new client secret" in raised.value.remedy


def test_a_refused_token_is_a_matter_of_credentials(azure: ArmServer, connect: Connect) -> None:
    connection = connect()
    connection.verify()
    azure.tokens.clear()
    with pytest.raises(ProviderError) as raised:
        connection.verify()
    assert raised.value.code is ProblemCode.CREDENTIALS
    assert raised.value.message == (
        "Azure does not accept the sign-in for this subscription (InvalidAuthenticationToken)"
    )


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Answer({}, broken="reset"), ProblemCode.UNREACHABLE),
        (Answer({"error": "server_error"}, 503), ProblemCode.FAILED),
        (Answer({"error": "busy"}, 429, {"Retry-After": "3600"}), ProblemCode.THROTTLED),
        (Answer({"token_endpoint": "x"}, broken="truncated"), ProblemCode.BAD_ANSWER),
    ],
)
def test_a_sign_in_that_is_out_of_order_does_not_blame_the_credentials(
    azure: ArmServer, connect: Connect, answer: Answer, code: ProblemCode
) -> None:
    azure.faults = [Fault("openid-configuration", answer, times=9)]
    with pytest.raises(ProviderError) as raised:
        connect().verify()
    assert raised.value.code is code


def test_nobody_there_is_unreachable(azure: ArmServer, connect: Connect) -> None:
    nowhere = {"management": azure.url, "authority": "https://localhost:1"}
    with pytest.raises(ProviderError) as raised:
        connect(settings={"endpoints": nowhere}).verify()
    assert raised.value.code is ProblemCode.UNREACHABLE


@pytest.mark.parametrize(
    "parts",
    [
        {"secret": {}},
        {"settings": {"tenantId": ""}},
        {"settings": {"tenantId": "not a tenant/../"}},
        {"method": CERTIFICATE, "secret": {"certificate": "no certificate"}},
        {"method": CERTIFICATE, "secret": {}},
        {"settings": {"endpoints": {"management": "http://localhost"}}},
    ],
)
def test_what_cannot_be_read_is_refused_without_a_call(azure: ArmServer, parts: dict[str, Any]) -> None:
    with pytest.raises(ProviderError) as raised:
        AzureCloud().connect(target(azure, **parts))
    assert raised.value.code is ProblemCode.CREDENTIALS
    assert raised.value.__suppress_context__ or raised.value.__context__ is None
    assert azure.requests == []


def test_a_key_with_a_password_needs_it(azure: ArmServer, client_certificate: Certificate) -> None:
    pem = (client_certificate.key_pem(b"right") + client_certificate.pem).decode()
    for secret in ({"certificate": pem}, {"certificate": pem, "certificatePassword": "wrong"}):
        with pytest.raises(ProviderError, match="cannot be read"):
            AzureCloud().connect(target(azure, method=CERTIFICATE, secret=secret))


def test_no_secret_is_shown_by_a_target(azure: ArmServer) -> None:
    assert SECRET not in repr(target(azure))


def test_a_sovereign_cloud_has_its_own_sign_in() -> None:
    government = endpoints({"management": "https://management.usgovcloudapi.net/"})
    assert government.management == "https://management.usgovcloudapi.net"
    assert government.scopes == ("https://management.core.usgovcloudapi.net/.default",)
    assert government.authority == "login.microsoftonline.us"
    public = endpoints({})
    assert public.management == "https://management.azure.com"
    assert public.scopes == ("https://management.azure.com/.default",)
    assert public.authority is None
    assert endpoints({"management": "https://arm.private.example"}).scopes == public.scopes


def test_many_threads_read_through_one_connection(azure: ArmServer, connect: Connect) -> None:
    connection = connect()
    types = ["microsoft.compute/disks", "microsoft.network/networkinterfaces", "microsoft.web/sites"] * 8
    with ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(lambda name: len(read(connection, name)), types))
    assert counts == [2, 1, 1] * 8
    assert sum("permissions" in path for _, path in azure.requests) == 1


def test_regions_are_not_asked_for(azure: ArmServer, connect: Connect) -> None:
    assert connect().regions() == []
    assert azure.requests == []


@pytest.mark.parametrize(
    ("entries", "missing"),
    [
        ([], ("Microsoft.Compute/disks/read",)),
        ([{"actions": ["*"]}], ()),
        ([{"actions": ["microsoft.COMPUTE/*/read"], "notActions": None}], ()),
        ([{"actions": ["Microsoft.Compute/disks"]}], ("Microsoft.Compute/disks/read",)),
        ([{"actions": ["*/read"], "notActions": ["Microsoft.Compute/*"]}], ("Microsoft.Compute/disks/read",)),
        ([{"actions": ["*/read"], "notActions": ["Microsoft.Compute/*"]}, {"actions": ["*/disks/read"]}], ()),
    ],
)
def test_actions_have_wildcards(entries: list[dict[str, Any]], missing: tuple[str, ...]) -> None:
    assert AllowedActions.from_answer(entries).missing(["Microsoft.Compute/disks/read"]) == missing


@pytest.mark.parametrize(
    ("entry", "everything"),
    [
        ({"actions": ["*"], "notActions": ["Microsoft.Authorization/*/Write"]}, True),
        ({"actions": ["*/read"]}, True),
        ({"actions": ["*/read"], "notActions": ["Microsoft.Web/*"]}, False),
        ({"actions": ["Microsoft.Compute/*"]}, False),
    ],
)
def test_who_sees_everything(entry: dict[str, Any], everything: bool) -> None:
    assert AllowedActions.from_answer([entry]).reads_everything() is everything
