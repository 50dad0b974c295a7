"""Credentials are a tenant's text: what could make us call, read or run something is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.providers.base import Target
from app.providers.gcp.cloud import GcpCloud
from app.providers.gcp.credentials import caller_of, credentials_of
from app.providers.problems import ProblemCode, ProviderError
from app.records import ConnectionMethod, Provider
from tests.providers.gcp.google import EMAIL, Google

SECRET = "s3cret-of-the-tenant"
AWS = {
    "environment_id": "aws1",
    "region_url": "http://169.254.169.254/latest/meta-data/placement/availability-zone",
    "url": "http://169.254.169.254/latest/meta-data/iam/security-credentials",
    "regional_cred_verification_url": "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15",
    "imdsv2_session_token_url": "http://169.254.169.254/latest/api/token",
}
AUDIENCE = "//iam.googleapis.com/projects/123/locations/global/workloadIdentityPools/pool/providers/aws"
IMPERSONATE = f"https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{EMAIL}:generateAccessToken"
POOL: dict[str, Any] = {
    "type": "external_account",
    "audience": AUDIENCE,
    "subject_token_type": "urn:ietf:params:aws:token-type:aws4_request",
    "token_url": "https://sts.googleapis.com/v1/token",
    "credential_source": AWS,
}


def pool(config: dict[str, Any] | str, **endpoints: str) -> Target:
    text = config if isinstance(config, str) else json.dumps(config)
    return Target(
        Provider.GCP,
        ConnectionMethod.GCP_WORKLOAD_IDENTITY,
        "acme-prod",
        {"endpoints": endpoints},
        {"workloadIdentity": text},
    )


def key(text: str, **endpoints: str) -> Target:
    return Target(
        Provider.GCP,
        ConnectionMethod.GCP_SERVICE_ACCOUNT,
        "acme-prod",
        {"endpoints": endpoints},
        {"serviceAccount": text},
    )


def refused(target: Target) -> str:
    """Why the credentials are refused; never with a value of theirs, not even in what caused it."""
    with pytest.raises(ProviderError) as caught:
        GcpCloud().connect(target)
    assert caught.value.code is ProblemCode.CREDENTIALS
    assert caught.value.remedy
    assert SECRET not in f"{caught.value.message} {caught.value.remedy}"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return caught.value.message


def test_a_key_with_googles_own_address(google: Google) -> None:
    GcpCloud().connect(key(google.key_file())).close()
    assert caller_of(credentials_of(key(google.key_file()))) == EMAIL


def test_the_accounts_token_endpoint_takes_the_place_of_googles(google: Google) -> None:
    found: Any = credentials_of(key(google.key_file(), token=google.token_url))
    assert found._token_uri == google.token_url


@pytest.mark.parametrize(
    "uri",
    [
        "http://oauth2.googleapis.com/token",
        "https://oauth2.googleapis.com.evil.example/token",
        "https://evil.example/token?x=oauth2.googleapis.com",
        "https://user:s3cret-of-the-tenant@oauth2.googleapis.com/token",
        "https://oauth2.googleapis.com@evil.example/token",
        "https://oauth2.googleapis.com:8443/token",
        "https://oauth2.googleapis.com/token?token=s3cret-of-the-tenant",
        "https://oauth2.googleapis.com/token\n",
        "https://oauth2.googleapis.com/other",
        "https://storage.googleapis.com/bucket/token",
        "https://oauth2.mtls.googleapis.com/token",
        "http://169.254.169.254/latest/meta-data/",
        "http://127.0.0.1:6379/",
        "file:///etc/passwd",
        "",
        7,
        ["https://oauth2.googleapis.com/token"],
    ],
)
def test_keys_that_lead_elsewhere(google: Google, uri: object) -> None:
    assert "token_uri" in refused(key(google.key_file(token_uri=uri)))


def test_a_local_token_address_needs_the_accounts_setting(google: Google) -> None:
    text = google.key_file(token_uri=google.token_url)
    why = refused(key(text))
    assert why == "`token_uri` is not an https address of oauth2.googleapis.com (found 127.0.0.1)."
    GcpCloud().connect(key(text, token=google.token_url)).close()
    assert "token_uri" in refused(key(text, token=google.token_url.replace("/token", "/other")))


@pytest.mark.parametrize("type_", ["authorized_user", "external_account", "impersonated_service_account", None])
def test_other_types_in_place_of_a_key(google: Google, type_: str | None) -> None:
    assert "`service_account`" in refused(key(google.key_file(type=type_)))


@pytest.mark.parametrize("missing", ["client_email", "private_key", "token_uri"])
def test_keys_that_lack_something(google: Google, missing: str) -> None:
    assert refused(key(google.key_file(**{missing: None}))) == f"`{missing}` is missing in the JSON."


def test_another_universe(google: Google) -> None:
    text = google.key_file(universe_domain="evil.example")
    assert "universe_domain" in refused(key(text))
    assert "universe_domain" in refused(pool(POOL | {"universe_domain": "evil.example"}))


@pytest.mark.parametrize(
    "text",
    [
        "",
        SECRET,
        f'{{"private_key": "{SECRET}"',
        f'["{SECRET}"]',
        f'"{SECRET}"',
        "null",
        "[" * 100_000,
        '{"type": NaN}',
    ],
)
def test_text_that_is_no_json_object(text: str) -> None:
    assert "not the JSON key of a service account" in refused(key(text))
    assert "no workload identity configuration" in refused(pool(text))


def test_a_private_key_that_is_none(google: Google) -> None:
    pem = f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----\n"
    text = google.key_file(private_key=pem)
    assert refused(key(text)) == "The private key in the JSON cannot be read."


def test_a_pool_that_trusts_aws() -> None:
    GcpCloud().connect(pool(POOL)).close()
    assert caller_of(credentials_of(pool(POOL))) == AUDIENCE
    assert caller_of(credentials_of(pool(POOL | {"service_account_impersonation_url": IMPERSONATE}))) == EMAIL
    private = POOL | {"token_url": "https://sts-acme.p.googleapis.com/v1/token"}
    GcpCloud().connect(pool(private)).close()
    regional = POOL | {"token_url": "https://sts.us-central1.rep.googleapis.com/v1/token"}
    GcpCloud().connect(pool(regional)).close()


def test_nothing_else_of_a_pool_is_passed_on() -> None:
    extra = {"client_id": "x", "client_secret": SECRET, "workforce_pool_user_project": "p", "quota_project_id": "q"}
    found: Any = credentials_of(pool(POOL | extra))
    assert SECRET not in json.dumps(found.info)
    assert found.quota_project_id is None


@pytest.mark.parametrize(
    ("source", "danger"),
    [
        ({"file": "/etc/passwd"}, "read a file"),
        ({"url": "http://169.254.169.254/latest/user-data"}, "call an address"),
        ({"executable": {"command": "/bin/sh -c id"}}, "run a program"),
        ({"certificate": {"certificate_config_location": "/etc"}}, "read a file"),
        ({"executable": {"command": "id"}, "environment_id": "aws2"}, "run a program"),
        ({"environment_id": "aws1"}, "regional_cred_verification_url"),
        ({}, "not the AWS kind"),
        (None, "missing"),
        ("file", "missing"),
        (AWS | {"executable": {"command": "id"}}, "holds more"),
        (AWS | {"file": "/etc/passwd"}, "holds more"),
        (AWS | {"url": "http://127.0.0.1:8080/"}, "credential_source.url"),
        (AWS | {"url": "http://169.254.169.254/latest/user-data"}, "credential_source.url"),
        (AWS | {"region_url": "http://10.0.0.1/"}, "credential_source.region_url"),
        (AWS | {"imdsv2_session_token_url": "http://[::1]/"}, "credential_source.imdsv2_session_token_url"),
        (
            AWS | {"regional_cred_verification_url": "https://sts.{region}.evil.example"},
            "credential_source.regional_cred_verification_url",
        ),
        (AWS | {"environment_id": "aws1", "url": ["x"]}, "credential_source.url"),
    ],
)
def test_sources_that_reach_into_our_machine(source: object, danger: str) -> None:
    assert danger in refused(pool(POOL | {"credential_source": source}))


@pytest.mark.parametrize(
    ("key_", "value"),
    [
        ("token_url", "https://evil.example/v1/token"),
        ("token_url", "http://sts.googleapis.com/v1/token"),
        ("token_url", "https://storage.googleapis.com/v1/token"),
        ("token_url", None),
        ("token_info_url", "https://evil.example/v1/introspect"),
        ("service_account_impersonation_url", "https://evil.example/x:generateAccessToken"),
        ("service_account_impersonation_url", IMPERSONATE.replace("googleapis.com", "googleapis.com.evil.example")),
        ("service_account_impersonation_url", IMPERSONATE + "/../x"),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:jwt"),
        ("audience", "//evil.example"),
        ("audience", ""),
        ("type", "external_account_authorized_user"),
    ],
)
def test_pools_that_lead_elsewhere(key_: str, value: object) -> None:
    told = "type" if key_ == "type" else key_
    assert told in refused(pool(POOL | {key_: value}))
