"""The far side of Microsoft 365 for each test, and connections to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.providers.base import Collector, FoundResource, Target
from app.providers.m365.cloud import M365Cloud
from app.providers.m365.connection import M365Connection
from app.providers.m365.patience import Patience
from app.records import ConnectionMethod, Provider
from tests.providers.azure.arm_server import CLIENT, SECRET, TENANT, Certificate, serving
from tests.providers.azure.conftest import client_certificate, server_certificate
from tests.providers.m365.graph_server import GraphServer
from tests.providers.m365.tenant import ADA, SHARED, copilot_report, lists, reports

__all__ = ["client_certificate", "server_certificate"]

Connect = Callable[..., M365Connection]
IMPATIENT = Patience(connection_seconds=2, read_seconds=5, retries=2, backoff_seconds=0, longest_wait=2)


@pytest.fixture
def microsoft(
    server_certificate: Certificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[GraphServer]:
    """A tenant with one of everything; httpx trusts the server as it would a company's own authority."""
    server = GraphServer(lists(), purposes={SHARED: "shared", ADA: "user"})
    server.reports.texts = reports()
    server.json_reports = {"getMicrosoft365CopilotUsageUserDetail": copilot_report()}
    authority = tmp_path / "authority.pem"
    authority.write_bytes(server_certificate.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    with serving(server, server_certificate, tmp_path), serving(server.reports, server_certificate, tmp_path):
        yield server


@pytest.fixture
def connect(microsoft: GraphServer) -> Iterator[Connect]:
    """Makes connections that are closed after the test; takes parts of the target that differ from the usual."""
    made: list[M365Connection] = []

    def make(**parts: Any) -> M365Connection:
        connection = M365Cloud(IMPATIENT).connect(target(microsoft, **parts))
        made.append(connection)
        return connection

    yield make
    for connection in made:
        connection.close()


def target(server: GraphServer, **parts: Any) -> Target:
    """The tenant as an account holds it."""
    settings = {"tenantId": TENANT, "clientId": CLIENT} | parts.pop("settings", {})
    settings.setdefault("endpoints", {"graph": server.url, "authority": server.url})
    return Target(
        provider=Provider.MICROSOFT_365,
        method=parts.pop("method", ConnectionMethod.M365_SECRET),
        native_id=parts.pop("native_id", TENANT),
        settings=settings,
        secret=parts.pop("secret", {"clientSecret": SECRET}),
    )


def collector(resource_type: str) -> Collector:
    """The collector that reads a type."""
    (found,) = [
        reading
        for service in M365Cloud().services()
        for reading in service.collectors
        if resource_type in reading.resource_types
    ]
    return found


def read(connection: M365Connection, resource_type: str) -> dict[str, FoundResource]:
    """What the collector of a type finds, by name."""
    pages = collector(resource_type).pages(connection, "global")
    return {found.name: found for page in pages for found in page}
