"""What tests of several fields share."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.database import Database
from tests.clients import GraphQL, register
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
