"""What tests of several fields share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.database import Database
from tests.clients import GraphQL, register
from tests.openid_provider import OpenIdProvider, openid_provider
from tests.resolvers.allocation_room import Room
from tests.resolvers.cost_caller import Caller


@pytest.fixture
async def caller(graphql: GraphQL, database: Database, tmp_path: Path) -> Caller:
    """Somebody whose costs can be delivered."""
    return Caller(graphql, database, await register(graphql), tmp_path)


@pytest.fixture
async def room(graphql: GraphQL) -> Room:
    """Somebody who can share costs out."""
    return Room(graphql, await register(graphql))


@pytest.fixture
def provider() -> Iterator[OpenIdProvider]:
    """An organization's provider of single sign-on, at a loopback address."""
    with openid_provider() as found:
        yield found
