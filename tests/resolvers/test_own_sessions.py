"""The sessions of the person who asks, through the graph: listed, ended, in every process, and never another's."""

from __future__ import annotations

import asyncio
import time

import httpx
import pytest

from app.config import Settings
from app.database import Database
from app.embedded import EngineUrls
from app.main import create_app, make_runtime, running
from app.models import new_id
from app.schema.node import global_id
from tests.auth.people import everything_stored
from tests.clients import GraphQL, cheap_passwords
from tests.resolvers.company import code_of
from tests.resolvers.own_identity import Somebody, somebody

VIEWER = "{ viewer { user { email } } }"
SESSIONS = "{ viewer { sessions { id createdAt lastUsedAt expiresAt userAgent clientAddress isCurrent } } }"


@pytest.fixture
async def ada(graphql: GraphQL) -> Somebody:
    return await somebody(graphql)


async def test_sessions_are_listed_and_ended(ada: Somebody, graphql: GraphQL) -> None:
    phone = (await ada.log_in())["accessToken"]
    laptop = (await ada.log_in())["accessToken"]
    listed = (await graphql.data(SESSIONS, token=ada.person.token))["viewer"]["sessions"]
    assert [each["isCurrent"] for each in listed] == [False, False, True], "the last used first"
    assert all(each["userAgent"].startswith("python-httpx") and each["clientAddress"] for each in listed)
    ids = {token: await _current(graphql, token) for token in (phone, laptop, ada.person.token)}
    assert set(ids.values()) == {each["id"] for each in listed}
    assert await ada("revokeSession", id=ids[phone]) == {
        "__typename": "RevokeSessionPayload",
        "revokedSessionId": ids[phone],
    }
    assert code_of(await graphql(VIEWER, token=phone)) == "UNAUTHENTICATED"
    assert await graphql.data(VIEWER, token=laptop)
    assert await ada("revokeOtherSessions", lastUsedBefore="2020-01-01T00:00:00Z") == {
        "__typename": "RevokeOtherSessionsPayload",
        "endedSessions": 0,
    }
    assert (await ada("revokeOtherSessions"))["endedSessions"] == 1
    assert code_of(await graphql(VIEWER, token=laptop)) == "UNAUTHENTICATED"
    assert await _current(graphql, ada.person.token) == ids[ada.person.token]
    assert (await ada("revokeSession", id=ids[ada.person.token]))["__typename"] == "RevokeSessionPayload"
    assert code_of(await graphql(VIEWER, token=ada.person.token)) == "UNAUTHENTICATED"


async def _current(graphql: GraphQL, token: str) -> str:
    listed = (await graphql.data(SESSIONS, token=token))["viewer"]["sessions"]
    (current,) = [each["id"] for each in listed if each["isCurrent"]]
    return str(current)


async def test_sessions_of_others_and_of_nobody_are_the_same(ada: Somebody, graphql: GraphQL, owner: Database) -> None:
    eve = await somebody(graphql, "Eve")
    foreign = await _current(graphql, eve.person.token)
    ended = await _current(graphql, (await ada.log_in())["accessToken"])
    await ada("revokeSession", id=ended)
    before = await everything_stored(owner)
    answers = [await ada("revokeSession", id=each) for each in (foreign, ended, global_id("Session", new_id()))]
    assert answers[0]["__typename"] == "NotFound"
    assert answers[0] == answers[1] == answers[2]
    assert await everything_stored(owner) == before
    malformed = await ada("revokeSession", id="x")
    assert (malformed["__typename"], malformed["path"]) == ("InvalidInput", ["input", "id"])
    assert await graphql.data(VIEWER, token=eve.person.token)


async def test_the_end_of_a_session_reaches_another_process_within_five_seconds(
    ada: Somebody, settings: Settings, engine_urls: EngineUrls
) -> None:
    assert settings.database_url is not None
    urls = EngineUrls(settings.database_url, engine_urls.redis_url)
    other = make_runtime(settings, urls, passwords=cheap_passwords())
    phone = await ada.log_in()
    async with running(other):
        app, _ = create_app(other)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            elsewhere = GraphQL(client)
            assert await elsewhere.data(VIEWER, token=phone["accessToken"]), "it is kept there now"
            await ada("revokeOtherSessions")
            begun = time.monotonic()
            while "errors" not in await elsewhere(VIEWER, token=phone["accessToken"]):
                assert time.monotonic() - begun < 5
                await asyncio.sleep(0.05)
            assert await elsewhere.data(VIEWER, token=ada.person.token)
