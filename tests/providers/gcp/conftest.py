"""Google on loopback, and what our collectors find there."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from app.providers.base import Collector, FoundResource
from app.providers.gcp.cloud import GcpCloud
from app.providers.gcp.connection import GcpConnection, Patience
from tests.providers.gcp.google import Google, google_on_loopback

HASTY = Patience(call=10.0, tries=3.0, first_wait=0.02)
"""As patient as a scan is, in the time of a test."""

Find = Callable[[str], list[FoundResource]]


@pytest.fixture
def google() -> Iterator[Google]:
    with google_on_loopback() as found:
        yield found


@pytest.fixture
def connection(google: Google) -> Iterator[GcpConnection]:
    found = GcpCloud(HASTY).connect(google.target())
    yield found
    found.close()


@pytest.fixture
def find(connection: GcpConnection) -> Find:
    """Everything of one type that its collector finds."""

    def found(resource_type: str) -> list[FoundResource]:
        pages = collector_of(resource_type).pages(connection, "global")
        return [r for page in pages for r in page if r.resource_type == resource_type]

    return found


def collector_of(resource_type: str) -> Collector:
    """The one collector that reads a type."""
    (found,) = [c for s in GcpCloud().services() for c in s.collectors if resource_type in c.resource_types]
    return found
