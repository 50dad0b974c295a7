"""Whether a process that serves says that it is ready, by the revision of the tables."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from app.database import Database
from app.upgrade import newest_revision
from tests.clients import GraphQL

SET = text("UPDATE alembic_version SET version_num = :revision")


@pytest.fixture
async def owner_of_revision(owner: Database) -> AsyncIterator[Database]:
    """The owner of a database whose revision is put back afterwards: other tests go on with it."""
    yield owner
    await put(owner, newest_revision())


async def put(owner: Database, revision: str) -> None:
    """Say that the tables are at a revision."""
    async with owner.engine.begin() as connection:
        await connection.execute(SET, {"revision": revision})


async def ready(graphql: GraphQL) -> tuple[int, str]:
    """The status, and what the probe of migrations says."""
    answer = await graphql.client.get("/health/ready")
    return answer.status_code, answer.json()["checks"]["migrations"]


async def test_tables_of_an_earlier_version_are_not_ready(graphql: GraphQL, owner_of_revision: Database) -> None:
    assert await ready(graphql) == (200, "ok")
    await put(owner_of_revision, "20261122_tables")
    assert await ready(graphql) == (503, "failed")


async def test_tables_of_a_later_version_keep_this_one_ready(graphql: GraphQL, owner_of_revision: Database) -> None:
    await put(owner_of_revision, "20991231_of_a_version_to_come")
    assert await ready(graphql) == (200, "ok")
