"""Credentials are a tenant's text: what could make us call, read or run something is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from app.providers.base import Target
from app.providers.gcp.cloud import GcpCloud
from app.providers.gcp.credentials import caller_of, credentials_of
from app.providers.gcp.token_files import FOLDER, MOST_BYTES
from app.providers.problems import ProblemCode, ProviderError
from app.records import ConnectionMethod, Provider
from tests.providers.gcp.conftest import HASTY
from tests.providers.gcp.google import EMAIL, POOL, SUBJECT_TOKEN, TOKEN_EXCHANGE, Google, configuration

SECRET = "s3cret-of-the-tenant"
IMPERSONATE = f"https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{EMAIL}:generateAccessToken"
CONFIGURATION = configuration(file="token")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The organization's own folder, with a token, beside that of another organization."""
    own, other = tmp_path / "own", tmp_path / "other"
    for each in (own, other):
        each.mkdir()
        (each / "token").write_text(f"{SECRET} of {each.name}")
    return own


def pool(config: dict[str, Any] | str, folder: Path | None, **endpoints: str) -> Target:
    text = config if isinstance(config, str) else json.dumps(config)
    own = {} if folder is None else {FOLDER: str(folder)}
    return Target(
        Provider.GCP,
        ConnectionMethod.GCP_WORKLOAD_IDENTITY,
        "acme-prod",
        {"endpoints": endpoints, **own},
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


def test_another_universe(google: Google, folder: Path) -> None:
    text = google.key_file(universe_domain="evil.example")
    assert "universe_domain" in refused(key(text))
    assert "universe_domain" in refused(pool(CONFIGURATION | {"universe_domain": "evil.example"}, folder))


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
def test_text_that_is_no_json_object(text: str, folder: Path) -> None:
    assert "not the JSON key of a service account" in refused(key(text))
    assert "no workload identity configuration" in refused(pool(text, folder))


def test_a_private_key_that_is_none(google: Google) -> None:
    pem = f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----\n"
    text = google.key_file(private_key=pem)
    assert refused(key(text)) == "The private key in the JSON cannot be read."


def test_a_pool_that_trusts_a_token_file(folder: Path) -> None:
    GcpCloud().connect(pool(CONFIGURATION, folder)).close()
    assert caller_of(credentials_of(pool(CONFIGURATION, folder))) == POOL
    impersonated = CONFIGURATION | {"service_account_impersonation_url": IMPERSONATE}
    assert caller_of(credentials_of(pool(impersonated, folder))) == EMAIL
    private = CONFIGURATION | {"token_url": "https://sts-acme.p.googleapis.com/v1/token"}
    GcpCloud().connect(pool(private, folder)).close()
    regional = CONFIGURATION | {"token_url": "https://sts.us-central1.rep.googleapis.com/v1/token"}
    GcpCloud().connect(pool(regional, folder)).close()


def test_nothing_else_of_a_pool_is_passed_on(folder: Path) -> None:
    extra = {"client_id": "x", "client_secret": SECRET, "workforce_pool_user_project": "p", "quota_project_id": "q"}
    found: Any = credentials_of(pool(CONFIGURATION | extra, folder))
    assert SECRET not in str(found.info)
    assert found.quota_project_id is None


@pytest.mark.parametrize(
    ("source", "danger"),
    [
        ({"file": "/etc/passwd"}, "no file in the organization's own folder"),
        ({"file": "../other/token"}, "no file in the organization's own folder"),
        ({"file": "."}, "no file in the organization's own folder"),
        ({"file": ""}, "no file in the organization's own folder"),
        ({"file": "a\0b"}, "no file in the organization's own folder"),
        ({"file": ["token"]}, "no file in the organization's own folder"),
        ({}, "no file in the organization's own folder"),
        (None, "missing"),
        ("file", "missing"),
        ({"url": "http://169.254.169.254/latest/user-data"}, "call an address"),
        ({"executable": {"command": "/bin/sh -c id"}}, "run a program"),
        ({"certificate": {"certificate_config_location": "/etc"}}, "read a certificate"),
        ({"environment_id": "aws1", "regional_cred_verification_url": "https://sts.amazonaws.com"}, "own AWS identity"),
        ({"environment_id": "aws1", "file": "token"}, "own AWS identity"),
        ({"file": "token", "executable": {"command": "id"}}, "run a program"),
        ({"file": "token", "url": "http://127.0.0.1:8080/"}, "call an address"),
        ({"file": "token", "headers": {}}, "holds more"),
        ({"file": "token", "format": {"type": "xml"}}, "neither text nor json"),
        ({"file": "token", "format": {"type": ["json"]}}, "neither text nor json"),
        ({"file": "token", "format": "json"}, "neither text nor json"),
        ({"file": "token", "format": {"type": "json"}}, "subject_token_field_name"),
    ],
)
def test_sources_that_reach_into_our_machine(folder: Path, source: object, danger: str) -> None:
    assert danger in refused(pool(CONFIGURATION | {"credential_source": source}, folder))


def test_a_link_out_of_the_folder(folder: Path) -> None:
    (folder / "link").symlink_to(folder.parent / "other" / "token")
    (folder / "out").symlink_to(folder.parent / "other")
    for file in ("link", "out/token", str(folder / "link")):
        assert "no file in the organization's own folder" in refused(pool(configuration(file=file), folder))


def test_no_folder_no_workload_identity() -> None:
    assert "workload identity is off" in refused(pool(CONFIGURATION, None))


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
        ("subject_token_type", "urn:ietf:params:aws:token-type:aws4_request"),
        ("subject_token_type", None),
        ("audience", "//evil.example"),
        ("audience", "//iam.googleapis.com/locations/global/workforcePools/pool/providers/own"),
        ("audience", ""),
        ("type", "external_account_authorized_user"),
    ],
)
def test_pools_that_lead_elsewhere(folder: Path, key_: str, value: object) -> None:
    assert key_ in refused(pool(CONFIGURATION | {key_: value}, folder))


def signed_in(target: Target) -> None:
    """Sign in and read; raises what a scan would."""
    connection = GcpCloud(HASTY).connect(target)
    try:
        assert connection.verify().caller == POOL
    finally:
        connection.close()


def not_signed_in(target: Target) -> ProviderError:
    """Why signing in fails; never with a part of the token."""
    with pytest.raises(ProviderError) as caught:
        signed_in(target)
    assert "s3cret" not in f"{caught.value.message} {caught.value.remedy}"
    assert "token-of-the-tenant" not in f"{caught.value.message} {caught.value.remedy}"
    return caught.value


def test_signs_in_with_a_token_file(google: Google, folder: Path) -> None:
    (folder / "token").write_text(f"{SUBJECT_TOKEN}\n")
    signed_in(google.pool_target(folder, file="token"))
    (exchange,) = google.exchanges
    assert exchange == {
        "grant_type": TOKEN_EXCHANGE,
        "audience": POOL,
        "scope": "https://www.googleapis.com/auth/cloud-platform",
        "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "subject_token": SUBJECT_TOKEN,
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
    }
    assert len(google.requests) == 1


def test_signs_in_with_a_token_inside_json(google: Google, folder: Path) -> None:
    (folder / "inner").mkdir()
    (folder / "inner" / "token.json").write_text(json.dumps({"id_token": SUBJECT_TOKEN}))
    form = {"type": "json", "subject_token_field_name": "id_token"}
    signed_in(google.pool_target(folder, file=str(folder / "inner" / "token.json"), format=form))
    assert len(google.exchanges) == 1


def test_a_token_that_kubernetes_renews(google: Google, folder: Path) -> None:
    """A projected volume has `token -> ..data/token`, and `..data` leads to another folder after each renewal."""
    (folder / "token").unlink()
    for version, token in (("..2026_1", "stale"), ("..2026_2", SUBJECT_TOKEN)):
        (folder / version).mkdir()
        (folder / version / "token").write_text(token)
    (folder / "..data").symlink_to("..2026_1")
    (folder / "token").symlink_to("..data/token")
    connection = GcpCloud(HASTY).connect(google.pool_target(folder, file="token"))
    with pytest.raises(ProviderError, match="refused the credentials"):
        connection.verify()
    (folder / "..data").unlink()
    (folder / "..data").symlink_to("..2026_2")
    assert connection.verify().caller == POOL
    connection.close()


def test_a_file_that_becomes_a_link_after_it_was_accepted(google: Google, folder: Path) -> None:
    (folder.parent / "other" / "token").write_text(SUBJECT_TOKEN)
    connection = GcpCloud(HASTY).connect(google.pool_target(folder, file="token"))
    (folder / "token").unlink()
    (folder / "token").symlink_to("../other/token")
    with pytest.raises(ProviderError) as caught:
        connection.verify()
    connection.close()
    assert caught.value.code is ProblemCode.CREDENTIALS
    assert "outside the organization's folder" in caught.value.message
    assert google.exchanges == []


@pytest.mark.parametrize("content", [b"", b" \n", b"\xff\xfe", b"x" * (MOST_BYTES + 1), None])
def test_files_without_a_token(google: Google, folder: Path, content: bytes | None) -> None:
    (folder / "token").unlink()
    if content is not None:
        (folder / "token").write_bytes(content)
    assert not_signed_in(google.pool_target(folder, file="token")).code is ProblemCode.CREDENTIALS
    assert google.exchanges == []


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"id_token": 7}', "null", "[" * 60_000])
def test_json_without_a_token(google: Google, folder: Path, content: str) -> None:
    (folder / "token").write_text(content)
    form = {"type": "json", "subject_token_field_name": "id_token"}
    problem = not_signed_in(google.pool_target(folder, file="token", format=form))
    assert problem.code is ProblemCode.CREDENTIALS
    assert google.exchanges == []


def test_a_pipe_and_a_folder_hold_nobody_up(google: Google, folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    (folder / "folder").mkdir()
    for file in ("pipe", "folder"):
        assert not_signed_in(google.pool_target(folder, file=file)).code is ProblemCode.CREDENTIALS


def test_a_pool_that_does_not_trust_the_token(google: Google, folder: Path) -> None:
    problem = not_signed_in(google.pool_target(folder, file="token"))
    assert problem.code is ProblemCode.CREDENTIALS
    assert len(google.exchanges) == 1


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (503, '{"error": "s3cret"}', ProblemCode.UNREACHABLE),
        (500, "s3cret", ProblemCode.UNREACHABLE),
        (429, "s3cret", ProblemCode.UNREACHABLE),
        (200, '{"access_token": "ya29', ProblemCode.BAD_ANSWER),
        (200, '{"expires_in": 3600}', ProblemCode.BAD_ANSWER),
        (200, "[]", ProblemCode.BAD_ANSWER),
        (200, '["s3cret"]', ProblemCode.BAD_ANSWER),
        (403, "s3cret", ProblemCode.CREDENTIALS),
    ],
)
def test_the_token_service_gives_no_token(
    google: Google, folder: Path, status: int, body: str, code: ProblemCode
) -> None:
    (folder / "token").write_text(SUBJECT_TOKEN)
    google.token_answers = [(status, body)] * 5
    assert not_signed_in(google.pool_target(folder, file="token")).code is code
