"""What tests of cost sources share: an organization with an account of AWS, an export on moto, and a worker."""

from __future__ import annotations

import pytest

from app.config import Settings
from app.context import Runtime
from app.embedded import EngineUrls
from tests.clients import GraphQL, register
from tests.sourcing.importing import Importing
from tests.sourcing.works import works
from tests.uploads.senders import Sender

__all__ = ["works"]


@pytest.fixture
async def importing(graphql: GraphQL, runtime: Runtime, settings: Settings, engine_urls: EngineUrls) -> Importing:
    """Ada, who imports."""
    return Importing(Sender(graphql.client, await register(graphql)), runtime, settings, engine_urls.redis_url)
