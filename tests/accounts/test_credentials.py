"""Credentials as they are sent: what is kept of Google's files, and what could lead elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app.accounts.credentials import AwsCredentials, AzureCredentials, GcpCredentials, checked_regions, is_region
from app.accounts.external_id import aws_external_id
from app.accounts.google import Google, checked_gcp_scope
from app.errors import BadUserInputError
from app.providers.base import Target
from app.providers.gcp.credentials import caller_of, credentials_of
from app.records import ConnectionMethod, Provider
from tests.providers.gcp.google import Google as FarSide

ORGANIZATION = UUID("00000000-0000-7000-8000-00000000000a")
OTHER = UUID("00000000-0000-7000-8000-00000000000b")
KEY = {
    "type": "service_account",
    "project_id": "acme-prod",
    "private_key_id": "1",
    "private_key": "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n",
    "client_email": "skyledger@acme-prod.iam.gserviceaccount.com",
    "client_id": "7",
    "token_uri": "https://oauth2.googleapis.com/token",
}
CONFIGURATION = {
    "type": "external_account",
    "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
    "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
    "token_url": "https://sts.googleapis.com/v1/token",
    "service_account_impersonation_url": "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/"
    "skyledger@acme-prod.iam.gserviceaccount.com:generateAccessToken",
}


def kept(sent: dict[str, Any], google: Google | None = None) -> dict[str, Any]:
    """What is kept of a Google file."""
    field = "service_account" if sent.get("type") == "service_account" else "workload_identity"
    credentials = GcpCredentials(**{field: json.dumps(sent)}, google=google or Google()).check(ORGANIZATION)
    (text,) = credentials.secret.values()
    found: dict[str, Any] = json.loads(text)
    return found


def refused(sent: dict[str, Any], google: Google | None = None) -> str:
    """Why a Google file is refused."""
    with pytest.raises(BadUserInputError) as told:
        kept(sent, google)
    return told.value.message


def test_known_fields_of_a_service_account_are_kept() -> None:
    more = {"auth_uri": "https://evil.example", "client_x509_cert_url": "https://evil.example"}
    assert kept(KEY | more) == KEY
    without = {name: value for name, value in KEY.items() if name != "token_uri"}
    assert kept(without) == KEY
    # Old keys name the earlier address, which the provider's room does not call.
    assert kept(KEY | {"token_uri": "https://accounts.google.com/o/oauth2/token"}) == KEY


@pytest.mark.parametrize(
    "url",
    [
        "http://oauth2.googleapis.com/token",
        "https://storage.googleapis.com/bucket/token",
        "http://169.254.169.254/",
        "https://x.example",
        7,
        None,
    ],
)
def test_tokens_are_asked_of_google_only(url: object) -> None:
    assert "`serviceAccount` cannot be used: `token_uri` is" in refused(KEY | {"token_uri": url})


def test_a_token_address_of_the_account_s_own() -> None:
    url = "http://127.0.0.1:9000/token"
    assert kept(KEY | {"token_uri": url}, Google(token=url))["token_uri"] == url
    assert "(found 127.0.0.1)" in refused(KEY | {"token_uri": url})


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"token_uri": "https://accounts.google.com/o/oauth2/token"},
        {"token_uri": "https://oauth2.us-central1.rep.googleapis.com/token"},
        {"token_uri": None},
        {"private_key_id": 7},
    ],
)
def test_what_is_kept_of_a_key_signs_in_there(change: dict[str, Any]) -> None:
    checked = GcpCredentials(FarSide().key_file(**change)).check(ORGANIZATION)
    target = Target(checked.provider, checked.method, "acme-prod", checked.settings, checked.secret)
    assert caller_of(credentials_of(target)) == KEY["client_email"]


def test_what_is_kept_of_a_configuration_signs_in_there(tmp_path: Path) -> None:
    own = tmp_path / str(ORGANIZATION)
    own.mkdir()
    sent = CONFIGURATION | {"credential_source": {"file": "token"}, "workforce_pool_user_project": "p"}
    google = Google(folder=tmp_path)
    checked = GcpCredentials(workload_identity=json.dumps(sent), google=google).check(ORGANIZATION)
    assert checked.settings == {"workloadIdentityFolder": str(own)}
    target = Target(checked.provider, checked.method, "acme-prod", checked.settings, checked.secret)
    assert caller_of(credentials_of(target)) == KEY["client_email"]


def test_another_universe_is_refused() -> None:
    assert "universe_domain" in refused(KEY | {"universe_domain": "evil.example"})


def test_a_key_that_lacks_its_key_is_refused() -> None:
    assert "`private_key` is missing" in refused(KEY | {"private_key": ""})


def test_workload_identity_reads_the_organization_s_own_files_only(tmp_path: Path) -> None:
    own = tmp_path / str(ORGANIZATION)
    own.mkdir()
    (own / "token").write_text("t")
    (tmp_path / str(OTHER)).mkdir()
    (tmp_path / str(OTHER) / "token").write_text("theirs")
    (own / "link").symlink_to(tmp_path / str(OTHER) / "token")
    google = Google(folder=tmp_path)

    def source(**values: Any) -> dict[str, Any]:
        return CONFIGURATION | {"credential_source": values}

    found = kept(source(file="token", format={"type": "text", "evil": "x"}), google)
    assert found["credential_source"] == {"file": str(own / "token"), "format": {"type": "text"}}
    assert kept(source(file=str(own / "token")), google)["audience"] == CONFIGURATION["audience"]
    # What a link inside leads to changes when Kubernetes renews the token: the name is kept, not the place.
    (own / "renewed").symlink_to("token")
    assert kept(source(file="renewed"), google)["credential_source"] == {"file": str(own / "renewed")}
    for wrong in (
        {"file": "/etc/passwd"},
        {"file": f"../{OTHER}/token"},
        {"file": "link"},
        {"file": "."},
        {"file": ""},
        {"file": "a\0b"},
        {"url": "http://169.254.169.254/"},
        {"executable": {"command": "/bin/sh"}},
        {"environment_id": "aws1"},
        {"file": 7},
    ):
        assert "`credential_source` must have a `file` in the folder" in refused(source(**wrong), google), wrong
    assert "SKYLEDGER_WORKLOAD_IDENTITY_DIR" in refused(source(file="token"))
    for name in ("token_url", "service_account_impersonation_url"):
        why = refused(source(file="token") | {name: "https://evil.example"}, google)
        assert why.startswith(f"`workloadIdentity` cannot be used: `{name}` is not an https address of")
    assert "`audience`" in refused(source(file="token") | {"audience": "//iam.googleapis.com/locations/x"}, google)
    assert "subject_token_type" in refused(source(file="token") | {"subject_token_type": "aws4_request"}, google)


def test_scopes_of_google_cloud() -> None:
    path = ("input", "gcp")
    assert checked_gcp_scope([" acme-prod ", "example.com:old-app"], None, None, path) == [
        "acme-prod",
        "example.com:old-app",
    ]
    assert checked_gcp_scope(None, "organizations/123", None, path) == ["organizations/123"]
    assert checked_gcp_scope(None, None, "45", path) == ["folders/45"]


def test_external_ids_stay_and_differ() -> None:
    # Roles in customers' accounts ask for exactly this: it must never change.
    assert aws_external_id(ORGANIZATION) == "skyledger-8e2918579a37e6257555e4b4f686162c"
    assert aws_external_id(OTHER) != aws_external_id(ORGANIZATION)


def test_a_role_always_has_its_external_id() -> None:
    role = AwsCredentials(role_arn=" arn:aws-us-gov:iam::123456789012:role/team/Skyledger ").check(ORGANIZATION)
    assert role.settings == {
        "roleArn": "arn:aws-us-gov:iam::123456789012:role/team/Skyledger",
        "externalId": aws_external_id(ORGANIZATION),
    }
    assert (role.method, role.secret, role.native_id) == (ConnectionMethod.AWS_ROLE, {}, "123456789012")


def test_an_azure_certificate_is_kept_as_it_is() -> None:
    pem = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\ny"
    client = "6F1A2B3C-0000-4000-8000-000000000002"
    found = AzureCredentials("Acme.Example", client, certificate=pem, certificate_password="p").check(ORGANIZATION)
    assert found.method is ConnectionMethod.AZURE_CERTIFICATE
    assert found.settings == {"tenantId": "acme.example", "clientId": client.lower()}
    assert found.secret == {"certificate": pem, "certificatePassword": "p"}
    with pytest.raises(BadUserInputError, match="PEM text"):
        AzureCredentials("acme.example", client, certificate="x").check(ORGANIZATION)


@pytest.mark.parametrize("name", ["eu-central-1", "us-gov-west-1", "ap-southeast-4", "us-isob-east-1", "il-central-1"])
def test_regions(name: str) -> None:
    assert is_region(name)


@pytest.mark.parametrize("name", ["", "eu", "EU-WEST-1", "eu-west-1.evil.example", "evil/#-1", "eu-west-1\n", "*"])
def test_no_regions(name: str) -> None:
    assert not is_region(name)
    with pytest.raises(BadUserInputError):
        checked_regions(Provider.AWS, [name])


def test_credentials_do_not_show_themselves() -> None:
    canary = "Canary7f3a"
    sent = AwsCredentials(access_key_id="A" * 16, secret_access_key=canary, session_token=canary)
    azure = AzureCredentials("t", "c", client_secret=canary, certificate=canary, certificate_password=canary)
    for value in (sent, sent.check(ORGANIZATION), azure, GcpCredentials(canary, canary)):
        assert canary not in repr(value)
