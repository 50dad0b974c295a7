"""Google Cloud from `connectAccount` to a scan's reading: what is accepted signs in, by key and by token file."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from strawberry import ID

from app.accounts.change import update_account
from app.accounts.connect import connect_accounts
from app.accounts.target import open_target
from app.config import Settings
from app.database import Database
from app.errors import BadUserInputError
from app.providers.base import Target
from app.providers.calls import ProviderPool
from app.providers.gcp.cloud import GcpCloud
from app.records import Actor, ActorKind
from app.schema.account_connection import (
    ConnectAccountInput,
    EndpointInput,
    GcpConnectionInput,
    GcpCredentialsInput,
    UpdateAccountInput,
)
from app.sealing.vault import Vault
from tests.providers.gcp.google import PROJECT, SUBJECT_TOKEN, Google, asset, configuration, google_on_loopback

ORGANIZATION = UUID("00000000-0000-7000-8000-00000000000a")
OTHER = UUID("00000000-0000-7000-8000-00000000000b")
SYSTEM = Actor(ActorKind.SYSTEM)
BUCKET = "storage.googleapis.com/Bucket"


@pytest.fixture
def google() -> Iterator[Google]:
    """Google with one bucket."""
    with google_on_loopback() as found:
        found.hold(asset(BUCKET, "bucket", {}))
        yield found


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    """The operator's folder, with a token of ORGANIZATION."""
    own = tmp_path / "tokens" / str(ORGANIZATION)
    own.mkdir(parents=True)
    (own / "token").write_text(SUBJECT_TOKEN)
    return own.parent


@pytest.fixture
def known(tmp_path: Path, tokens: Path) -> Settings:
    """Settings that allow loopback and workload identity."""
    return Settings(data_dir=tmp_path / "vault", endpoint_hosts=("127.0.0.1",), workload_identity_dir=tokens)


@pytest.fixture
def vault(known: Settings) -> Vault:
    """A vault of this test's own."""
    return Vault.from_settings(known)


@pytest.fixture
async def pool() -> AsyncIterator[ProviderPool]:
    """Threads for calls."""
    found = ProviderPool(2)
    yield found
    found.close()


def endpoints(google: Google) -> list[EndpointInput]:
    """Google's services, where these tests have them."""
    own = {"cloudasset": google.address, "cloudresourcemanager": google.address, "token": google.token_url}
    return [EndpointInput(service=service, url=url) for service, url in own.items()]


def connection(google: Google, **credentials: str) -> ConnectAccountInput:
    """What a caller sends to connect the project."""
    sent = GcpConnectionInput(projects=[PROJECT], **credentials)
    return ConnectAccountInput(organization_id=ID(str(ORGANIZATION)), gcp=sent, endpoints=endpoints(google))


async def read(pool: ProviderPool, target: Target) -> list[str]:
    """The buckets that a scan of the target finds."""

    def found() -> list[str]:
        connection = GcpCloud().connect(target)
        try:
            return [bucket.name for page in connection.pages((BUCKET,)) for bucket in page]
        finally:
            connection.close()

    return await pool.call(found)


async def test_workload_identity_from_connecting_to_reading(
    database: Database, vault: Vault, pool: ProviderPool, google: Google, known: Settings, tokens: Path
) -> None:
    text = json.dumps(configuration(file="token"))
    new = connection(google, workload_identity=text).wanted(ORGANIZATION, known)
    (row,) = await connect_accounts(database, vault, pool, ORGANIZATION, SYSTEM, new)
    assert (row["method"], row["health"]) == ("GCP_WORKLOAD_IDENTITY", "HEALTHY")
    target = await open_target(database, vault, ORGANIZATION, row["id"])
    assert target.settings["workloadIdentityFolder"] == str(tokens / str(ORGANIZATION))
    assert await read(pool, target) == ["//storage.googleapis.com/bucket"]
    assert {exchange["subject_token"] for exchange in google.exchanges} == {SUBJECT_TOKEN}

    # With a key in its place nothing is left of the folder.
    sent = UpdateAccountInput(
        id=ID(str(row["id"])),
        gcp=GcpCredentialsInput(service_account=google.key_file(token_uri=google.token_url)),
        endpoints=endpoints(google),
    )
    change = sent.wanted(ORGANIZATION, known)
    changed = await update_account(database, vault, pool, ORGANIZATION, SYSTEM, row["id"], change)
    assert changed["method"] == "GCP_SERVICE_ACCOUNT"
    target = await open_target(database, vault, ORGANIZATION, row["id"])
    assert "workloadIdentityFolder" not in target.settings
    assert await read(pool, target) == ["//storage.googleapis.com/bucket"]


@pytest.mark.parametrize("uri", ["https://accounts.google.com/o/oauth2/token", "the account's own"])
async def test_a_key_from_connecting_to_reading(
    database: Database, vault: Vault, pool: ProviderPool, google: Google, known: Settings, uri: str
) -> None:
    key = google.key_file(token_uri=uri if uri.startswith("https") else google.token_url)
    new = connection(google, service_account=key).wanted(ORGANIZATION, known)
    (row,) = await connect_accounts(database, vault, pool, ORGANIZATION, SYSTEM, new)
    target = await open_target(database, vault, ORGANIZATION, row["id"])
    assert await read(pool, target) == ["//storage.googleapis.com/bucket"]


@pytest.mark.parametrize(
    "change",
    [
        {"file": f"../{OTHER}/token"},
        {"url": "http://169.254.169.254/"},
        {"environment_id": "aws1"},
    ],
)
def test_what_a_scan_could_not_use_is_not_connected(google: Google, known: Settings, change: dict[str, Any]) -> None:
    text = json.dumps(configuration(**change))
    with pytest.raises(BadUserInputError) as told:
        connection(google, workload_identity=text).wanted(ORGANIZATION, known)
    assert told.value.path == ("input", "gcp", "workloadIdentity")


def test_a_token_address_that_is_neither_google_s_nor_the_account_s(google: Google, known: Settings) -> None:
    sent = connection(google, service_account=google.key_file(token_uri="http://127.0.0.1:1/token"))
    with pytest.raises(BadUserInputError, match="token_uri"):
        sent.wanted(ORGANIZATION, known)
