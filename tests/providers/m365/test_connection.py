"""Signing in, knowing the tenant, naming what is missing, and asking with patience."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from app.providers.answers import MOST_BYTES
from app.providers.m365.cloud import M365Cloud, needed_permissions
from app.providers.m365.permissions import ROLE_IDS, missing
from app.providers.m365.signin import endpoints
from app.providers.m365.subscriptions import SKU
from app.providers.metrics import MetricQuery, Statistic
from app.providers.problems import ProblemCode, ProviderError
from app.records import ConnectionMethod
from tests.providers.azure.arm_server import CLIENT, SECRET, TENANT, Answer, Certificate, Fault
from tests.providers.m365.conftest import Connect, read, target
from tests.providers.m365.graph_server import ALL_ROLES, GraphServer, failure

CERTIFICATE = ConnectionMethod.M365_CERTIFICATE
WRONG: dict[str, Any] = {"graph": "http://localhost"}


def test_a_secret_signs_in_and_everything_may_be_read(connect: Connect) -> None:
    told = connect().verify()
    assert (told.native_id, told.caller, told.name) == (TENANT, f"application {CLIENT}", "Contoso")
    assert told.missing_permissions == ()
    assert told.note is None


def test_a_token_is_asked_for_once(microsoft: GraphServer, connect: Connect) -> None:
    connection = connect()
    connection.verify()
    read(connection, SKU)
    assert [method for method, _ in microsoft.requests].count("POST") == 1


def test_a_token_that_ends_soon_is_not_used_again(microsoft: GraphServer, connect: Connect) -> None:
    microsoft.token_seconds = 200
    connection = connect()
    read(connection, SKU)
    read(connection, SKU)
    assert len(microsoft.tokens) == 2


def test_a_token_that_is_not_accepted_any_more_is_renewed_once(microsoft: GraphServer, connect: Connect) -> None:
    connection = connect()
    read(connection, SKU)
    microsoft.tokens.clear()
    assert len(read(connection, SKU)) == 2
    microsoft.faults = [Fault("/subscribedSkus", failure(401, "InvalidAuthenticationToken"), times=9)]
    with pytest.raises(ProviderError) as raised:
        read(connection, SKU)
    assert raised.value.code is ProblemCode.CREDENTIALS
    assert len(microsoft.tokens) == 2


@pytest.mark.parametrize("password", [None, "pass phrase"])
def test_a_certificate_signs_in(
    microsoft: GraphServer, connect: Connect, client_certificate: Certificate, password: str | None
) -> None:
    microsoft.client_certificate = client_certificate
    key = client_certificate.key_pem(password.encode() if password else None)
    secret = {"certificate": (key + client_certificate.pem).decode()}
    if password:
        secret["certificatePassword"] = password
    assert connect(method=CERTIFICATE, secret=secret).verify().missing_permissions == ()
    if password:
        with pytest.raises(ProviderError, match="cannot be read"):
            connect(method=CERTIFICATE, secret=secret | {"certificatePassword": "wrong"})


def test_missing_permissions_are_those_that_the_token_has_no_role_for(microsoft: GraphServer, connect: Connect) -> None:
    microsoft.roles = tuple(role for role in ALL_ROLES if role not in {"AuditLog.Read.All", "Reports.Read.All"})
    assert connect().verify().missing_permissions == ("AuditLog.Read.All", "Reports.Read.All")
    microsoft.roles = ()
    told = connect().verify()
    assert told.missing_permissions == needed_permissions()
    assert told.name is None


def test_a_role_that_lets_in_more_is_enough() -> None:
    needed = ("User.Read.All", "Group.Read.All", "Reports.Read.All", "ReportSettings.Read.All")
    assert missing(needed, ["Directory.Read.All"]) == ("Reports.Read.All", "ReportSettings.Read.All")
    assert missing(needed, ["User.ReadWrite.All", "ReportSettings.ReadWrite.All"]) == (
        "Group.Read.All",
        "Reports.Read.All",
    )


def test_the_printed_policy_names_the_roles_by_their_ids() -> None:
    policy = M365Cloud().policy()
    assert set(needed_permissions()) == set(ROLE_IDS)
    assert all(f'"{id_}"' in policy for id_ in ROLE_IDS.values())
    assert "ReadWrite" not in policy


def test_concealed_names_are_noted(microsoft: GraphServer, connect: Connect) -> None:
    microsoft.conceals = True
    note = connect().verify().note
    assert note is not None
    assert "conceals names" in note


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"secret": {"clientSecret": "hunter2"}}, "The client secret is wrong (AADSTS7000215)"),
        (
            {"settings": {"clientId": "99999999-0000-0000-0000-000000000000"}},
            "The tenant does not know the client id (AADSTS700016)",
        ),
    ],
)
def test_wrong_credentials_say_what_is_wrong(connect: Connect, parts: dict[str, Any], message: str) -> None:
    with pytest.raises(ProviderError) as raised:
        connect(**parts).verify()
    assert (raised.value.code, raised.value.message) == (ProblemCode.CREDENTIALS, message)
    assert raised.value.__suppress_context__
    assert "hunter2" not in f"{raised.value.message} {raised.value.remedy}"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Answer({}, broken="reset"), ProblemCode.UNREACHABLE),
        (Answer({"error": "server_error"}, 503), ProblemCode.FAILED),
        (Answer({"error": "busy"}, 429, {"Retry-After": "3600"}), ProblemCode.THROTTLED),
        (Answer({"access_token": "x"}, broken="truncated"), ProblemCode.BAD_ANSWER),
        (Answer({"token_type": "Bearer"}), ProblemCode.BAD_ANSWER),
    ],
)
def test_a_sign_in_that_is_out_of_order_does_not_blame_the_credentials(
    microsoft: GraphServer, connect: Connect, answer: Answer, code: ProblemCode
) -> None:
    microsoft.faults = [Fault("/oauth2/v2.0/token", answer, times=9)]
    with pytest.raises(ProviderError) as raised:
        connect().verify()
    assert raised.value.code is code


@pytest.mark.parametrize(
    "parts",
    [
        {"secret": {}},
        {"settings": {"tenantId": ""}},
        {"method": CERTIFICATE, "secret": {"certificate": "no certificate"}},
        {"method": CERTIFICATE, "secret": {}},
        {"settings": {"endpoints": WRONG}},
    ],
)
def test_what_cannot_be_read_is_refused_without_a_call(microsoft: GraphServer, parts: dict[str, Any]) -> None:
    with pytest.raises(ProviderError) as raised:
        M365Cloud().connect(target(microsoft, **parts))
    assert raised.value.code is ProblemCode.CREDENTIALS
    assert microsoft.requests == []


def test_nobody_there_is_unreachable(microsoft: GraphServer, connect: Connect) -> None:
    nowhere = {"graph": microsoft.url, "authority": "https://localhost:1"}
    with pytest.raises(ProviderError) as raised:
        connect(settings={"endpoints": nowhere}).verify()
    assert raised.value.code is ProblemCode.UNREACHABLE


def test_patience_waits_as_long_as_it_is_asked_to_and_no_longer(microsoft: GraphServer, connect: Connect) -> None:
    connection = connect()
    for answer in (Answer({}, 429, {"Retry-After": "0"}), Answer({}, 503), Answer({}, broken="reset")):
        microsoft.faults = [Fault("/subscribedSkus", answer, times=2)]
        assert len(read(connection, SKU)) == 2
    moment = "Wed, 21 Oct 2026 07:28:00 GMT"
    microsoft.faults = [Fault("/subscribedSkus", Answer({}, 503, {"Retry-After": moment}))]
    assert len(read(connection, SKU)) == 2
    microsoft.faults = [Fault("/subscribedSkus", Answer({}, 429, {"Retry-After": "90"}), times=9)]
    with pytest.raises(ProviderError) as raised:
        read(connection, SKU)
    assert (raised.value.code, raised.value.retry_after) == (ProblemCode.THROTTLED, 90)
    assert microsoft.faults[0].times == 8


def test_the_clouds_of_governments_have_their_own_sign_in() -> None:
    government = endpoints({"graph": "https://graph.microsoft.us/"})
    assert government.graph == "https://graph.microsoft.us"
    assert government.scope == "https://graph.microsoft.us/.default"
    assert government.authority == "https://login.microsoftonline.us"
    public = endpoints({})
    assert (public.graph, public.authority) == ("https://graph.microsoft.com", "https://login.microsoftonline.com")
    assert endpoints({"graph": "https://graph.private.example"}).scope == public.scope


def test_there_are_no_regions_and_no_metrics(microsoft: GraphServer, connect: Connect) -> None:
    connection = connect()
    assert connection.regions() == []
    query = MetricQuery("/users/1", "global", "signIns", frozenset({Statistic.SUM}))
    (series,) = next(connection.metrics([query], datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC)))
    assert series.not_offered == {Statistic.SUM}
    assert not series.complete
    assert microsoft.requests == []


def test_no_secret_is_shown_by_a_target(microsoft: GraphServer) -> None:
    assert SECRET not in repr(target(microsoft))


@pytest.mark.parametrize("about", ["/subscribedSkus", "/oauth2/"])
def test_an_answer_is_not_unpacked_beyond_measure(microsoft: GraphServer, connect: Connect, about: str) -> None:
    """Twice packed it would be gigabytes in one call, once packed so much is held in memory."""
    too_much = gzip.compress(b" " * (MOST_BYTES + 1))
    for body, encoding in ((gzip.compress(too_much), "gzip, gzip"), (too_much, "gzip"), (b"{}", "br")):
        microsoft.faults = [Fault(about, Answer(body, headers={"Content-Encoding": encoding}))]
        with pytest.raises(ProviderError) as raised:
            read(connect(), SKU)
        assert raised.value.code is ProblemCode.BAD_ANSWER
        assert "too large, or packed" in raised.value.message


def test_an_answer_may_be_packed_once(microsoft: GraphServer, connect: Connect) -> None:
    connection = connect()
    plain = read(connection, SKU)
    told = gzip.compress(json.dumps({"value": microsoft.lists["/subscribedSkus"]}).encode())
    microsoft.faults = [Fault("/subscribedSkus", Answer(told, headers={"Content-Encoding": "gzip"}))]
    assert read(connection, SKU) == plain
    assert microsoft.faults[0].times == 0
