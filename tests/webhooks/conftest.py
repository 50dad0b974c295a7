"""Fixtures of webhooks."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from app.config import Settings
from app.context import Runtime
from app.outgoing import OutgoingGuard
from app.resolvers.webhook_documents import DocumentRunner
from app.webhooks.tools import WebhookTools
from tests.clients import GraphQL, register
from tests.error_reports import error_reports_of
from tests.webhooks.office import Office
from tests.webhooks.receiver import Receiver, receiving

__all__ = ["error_reports_of"]  # a fixture


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Receivers stand on loopback."""
    return settings.model_copy(update={"outgoing_networks": ("127.0.0.0/8",)})


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Somebody's endpoint."""
    async with receiving() as found:
        yield found


@pytest.fixture
async def office(runtime: Runtime, graphql: GraphQL, receiver: Receiver) -> Office:
    """A worker that sends what is due when it is told to, and Ada, whose organization it is."""
    tools = WebhookTools(
        runtime.vault, OutgoingGuard(runtime.settings.outgoing_networks), DocumentRunner(runtime), seconds=2
    )
    return Office(runtime.database, str(runtime.settings.redis_url), tools, graphql, await register(graphql), receiver)
