"""A server at `localhost`, since passkeys belong to a domain and an address is none; and who signs in there."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import expect

from app.config import Settings
from app.embedded import EngineUrls
from tests.browser.conftest import PATIENCE
from tests.browser.signing_in.bar import CORPORATE
from tests.clients import GraphQL, serving
from tests.openid_provider import OPENED, OpenIdProvider, openid_provider
from tests.resolvers.company import company
from tests.resolvers.own_identity import Somebody, somebody
from tests.resolvers.sign_in_room import SignInRoom

expect.set_options(timeout=PATIENCE)


@pytest.fixture
def provider() -> Iterator[OpenIdProvider]:
    with openid_provider() as found:
        yield found


@pytest.fixture
def neighbours(provider: OpenIdProvider) -> tuple[str, ...]:
    return (provider.issuer,)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The passkeys of a development server belong to `localhost` and the port of its settings."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    return settings.model_copy(update={"port": port, **OPENED})


@pytest.fixture
def base_url(settings: Settings, engine_urls: EngineUrls) -> Iterator[str]:
    assert settings.database_url is not None
    urls = EngineUrls(settings.database_url, engine_urls.redis_url)
    with serving(settings, urls, settings.port):
        yield f"http://localhost:{settings.port}"


@pytest_asyncio.fixture(loop_scope="session")
async def graph(base_url: str) -> AsyncIterator[GraphQL]:
    async with httpx.AsyncClient(base_url=base_url, timeout=60) as client:
        yield GraphQL(client)


@pytest_asyncio.fixture(loop_scope="session")
async def ada(graph: GraphQL) -> Somebody:
    return await somebody(graph)


@pytest_asyncio.fixture(loop_scope="session")
async def room(graph: GraphQL, provider: OpenIdProvider) -> SignInRoom:
    """A company whose people sign in at a provider, where Ada is signed in."""
    made = SignInRoom(graph, await company(graph), provider)
    await made.configure()
    await made.verify()
    made.is_signed_in_there(CORPORATE)
    return made
