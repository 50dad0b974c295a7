"""Fixtures of mail."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from app.config import Settings
from app.database import Database
from app.embedded import EngineUrls
from tests.auth.people import authenticator
from tests.notifications.post import Post, post_office

__all__ = ["authenticator"]


@pytest.fixture
async def post(database: Database, settings: Settings, engine_urls: EngineUrls) -> AsyncIterator[Post]:
    """A mail server and a worker."""
    async with post_office(database, settings, engine_urls.redis_url) as office:
        yield office
