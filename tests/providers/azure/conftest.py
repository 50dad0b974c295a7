"""Azure's far side for each test, and connections to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.providers.azure.cloud import AzureCloud
from app.providers.azure.connection import AzureConnection
from app.providers.azure.patience import Patience
from app.providers.base import Collector, FoundResource, Target
from app.records import ConnectionMethod, Provider
from tests.providers.azure.arm_server import (
    CLIENT,
    SECRET,
    SUBSCRIPTION,
    TENANT,
    ArmServer,
    Certificate,
    make_certificate,
    serving,
)
from tests.providers.azure.inventory import CREATED, TABLES, THINGS
from tests.providers.azure.tags import TaggedServer

Connect = Callable[..., AzureConnection]
IMPATIENT = Patience(connection_seconds=2, read_seconds=5, retries=1, backoff_seconds=0, longest_wait=2)


@pytest.fixture(scope="session")
def server_certificate() -> Certificate:
    """The server's own certificate, made once: a key takes its time."""
    return make_certificate("Skyledger test server")


@pytest.fixture(scope="session")
def client_certificate() -> Certificate:
    """The certificate that an application signs in with."""
    return make_certificate("Skyledger test application")


@pytest.fixture
def azure(server_certificate: Certificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TaggedServer]:
    """A subscription with one of everything; the SDK trusts the server as it would a company's own authority."""
    server = TaggedServer(
        {name: list(rows) for name, rows in TABLES.items()},
        created=dict(CREATED),
        things={path.lower(): thing for path, thing in THINGS.items()},
    )
    authority = tmp_path / "authority.pem"
    authority.write_bytes(server_certificate.pem)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority))
    with serving(server, server_certificate, tmp_path):
        yield server


@pytest.fixture
def connect(azure: ArmServer) -> Iterator[Connect]:
    """Makes connections that are closed after the test; takes parts of the target that differ from the usual."""
    made: list[AzureConnection] = []

    def make(patience: Patience = IMPATIENT, **parts: Any) -> AzureConnection:
        connection = AzureCloud(patience).connect(target(azure, **parts))
        made.append(connection)
        return connection

    yield make
    for connection in made:
        connection.close()


def target(azure: ArmServer, **parts: Any) -> Target:
    """The subscription as an account holds it."""
    settings = {"tenantId": TENANT, "clientId": CLIENT} | parts.pop("settings", {})
    settings.setdefault("endpoints", {"management": azure.url, "authority": azure.url})
    return Target(
        provider=Provider.AZURE,
        method=parts.pop("method", ConnectionMethod.AZURE_SECRET),
        native_id=parts.pop("native_id", SUBSCRIPTION),
        settings=settings,
        secret=parts.pop("secret", {"clientSecret": SECRET}),
    )


def collector(resource_type: str) -> Collector:
    """The collector that reads a type."""
    found = [
        reading
        for service in AzureCloud().services()
        for reading in service.collectors
        if resource_type in reading.resource_types
    ]
    assert len(found) == 1
    return found[0]


def read(connection: AzureConnection, resource_type: str) -> dict[str, FoundResource]:
    """What the collector of a type finds, of that type, by name."""
    pages = collector(resource_type).pages(connection, "global")
    return {found.name: found for page in pages for found in page if found.resource_type == resource_type}
