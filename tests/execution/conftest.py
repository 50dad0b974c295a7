"""The world, once for a run: to fill it and to learn what is in it takes six seconds of processor time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import closing

import pytest

from app.embedded import EngineUrls
from tests.conftest import Administrator, database_url
from tests.execution.twins import Twins
from tests.execution.world import Site, make_site, twins_of

NAME = "world_of_the_oracle"


@pytest.fixture(scope="session")
def site(engine_urls: EngineUrls, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A world in a database of its own, which other tests do not empty."""
    with closing(Administrator(engine_urls.database_url)) as administrator:
        administrator.do(f"CREATE DATABASE {NAME} TEMPLATE {template}")
        url = database_url(engine_urls, NAME)
        yield asyncio.run(make_site(url, engine_urls.redis_url, tmp_path_factory.mktemp("oracle")))


@pytest.fixture
async def twins(site: Site) -> AsyncIterator[Twins]:
    """The two servers over it."""
    async with twins_of(site) as found:
        yield found
