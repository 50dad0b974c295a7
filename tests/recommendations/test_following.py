"""`recommendationChanged`: each change once and in order, also those that were missed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from app.database import Database
from tests.activity.sockets import Follower, subscribed
from tests.clients import GraphQL, register
from tests.recommendations.rows import recommendation_of
from tests.resolvers.company import Company

FOLLOW = """subscription ($organizationId: ID!, $after: String) {
  recommendationChanged(organizationId: $organizationId, after: $after) {
    cursor recommendations { id state saving { converted { amount } } } } }"""
IGNORE = """mutation ($input: IgnoreRecommendationsInput!) { ignoreRecommendations(input: $input) {
  ... on IgnoreRecommendationsPayload { outcomes { code } } } }"""
REOPEN = """mutation ($input: ReopenRecommendationsInput!) { reopenRecommendations(input: $input) {
  ... on ReopenRecommendationsPayload { outcomes { code } } } }"""


@pytest.fixture
async def live(live_server: str) -> AsyncIterator[GraphQL]:
    """Operations over HTTP to the live server."""
    async with httpx.AsyncClient(base_url=live_server, timeout=60) as client:
        yield GraphQL(client)


async def change(follower: Follower) -> dict[str, Any]:
    """The next message."""
    received = await follower.receive()
    assert received["type"] == "next", received
    assert "errors" not in received["payload"], received["payload"]
    found: dict[str, Any] = received["payload"]["data"]["recommendationChanged"]
    return found


async def test_changes_are_told_as_they_are_now_and_again_behind_a_cursor(
    live: GraphQL, live_server: str, database: Database
) -> None:
    ada = await register(live)
    made = Company(ada.organization_id, ada.slug, {"OWNER": ada}, {}, ada, database=database)
    one, other = await recommendation_of(made), await recommendation_of(made)
    sent = {"organizationId": ada.organization_id}
    async with subscribed(live_server, FOLLOW, sent, token=ada.token) as follower:
        opening = await change(follower)
        assert opening["recommendations"] == []
        ignored = {"input": {**sent, "ids": [one, other], "reason": "NEEDED"}}
        await live.data(IGNORE, ignored, token=ada.token)
        told = await change(follower)
        assert {each["id"]: each["state"] for each in told["recommendations"]} == {one: "IGNORED", other: "IGNORED"}
        assert told["recommendations"][0]["saving"]["converted"] == {"amount": "8"}
    await live.data(REOPEN, {"input": {**sent, "ids": [one]}}, token=ada.token)
    after = {**sent, "after": opening["cursor"]}
    async with subscribed(live_server, FOLLOW, after, token=ada.token) as follower:
        assert (await change(follower))["cursor"] == opening["cursor"]
        again = await change(follower)
        assert again["cursor"] == told["cursor"]
        assert {each["id"]: each["state"] for each in again["recommendations"]} == {one: "OPEN", other: "IGNORED"}
        assert [each["id"] for each in (await change(follower))["recommendations"]] == [one]


async def test_who_may_not_read_follows_nothing(live: GraphQL, live_server: str) -> None:
    ada, eve = await register(live, "Ada"), await register(live, "Eve")
    async with subscribed(live_server, FOLLOW, {"organizationId": ada.organization_id}, token=eve.token) as follower:
        assert (await follower.error())["extensions"]["code"] == "NOT_FOUND"
