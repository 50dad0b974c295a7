"""Fixtures of the tests of uploads: a real server, and people who send to it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.clients import GraphQL, register
from tests.uploads.senders import Sender


@pytest.fixture
async def sender(live_server: str) -> AsyncIterator[Sender]:
    """Ada, who owns an organization, at the real server."""
    async with httpx.AsyncClient(base_url=live_server, timeout=60) as client:
        yield Sender(client, await register(GraphQL(client)))


@pytest.fixture
async def stranger(live_server: str) -> AsyncIterator[Sender]:
    """Bob, who owns another one."""
    async with httpx.AsyncClient(base_url=live_server, timeout=60) as client:
        yield Sender(client, await register(GraphQL(client), "Bob"))
