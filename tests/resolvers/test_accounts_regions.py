"""The regions of an account are regions that it has: checked when it is connected or changed, and told afterwards."""

from __future__ import annotations

from typing import Any

import pytest

from app.database import Database
from tests.accounts.clouds import CONNECT, UPDATE, VERIFY, act, connected, keys_input, settings
from tests.auth.people import everything_stored
from tests.clients import GraphQL, register
from tests.providers.aws.in_front import Told, in_front

__all__ = ["settings"]

OFF = "ap-east-1"
"""A region that accounts have to switch on first; moto's has not."""


@pytest.mark.parametrize("region", ["eu-west-9", OFF])
async def test_a_region_that_the_account_does_not_have_is_refused(
    graphql: GraphQL, owner: Database, moto_url: str, region: str
) -> None:
    person = await register(graphql)
    before = await everything_stored(owner)
    values = keys_input(person.organization_id, moto_url, regions=["eu-west-1", region])
    refused = await act(graphql, CONNECT, person.token, **values)
    assert (refused["__typename"], refused["path"]) == ("InvalidInput", ["input", "regions"])
    assert f"no region {region}," in refused["message"]
    assert "Its regions are: af-south-1, " in refused["message"]
    assert await everything_stored(owner) == before
    account = await connected(graphql, person.token, person.organization_id, moto_url, regions=["eu-west-1"])
    before = await everything_stored(owner)
    refused = await act(graphql, UPDATE, person.token, id=account["id"], regions=[region])
    assert (refused["__typename"], refused["path"]) == ("InvalidInput", ["input", "regions"])
    assert await everything_stored(owner) == before


REGIONS = """<R><regionInfo><item><regionName>eu-central-1</regionName></item></regionInfo></R>"""


async def test_a_region_that_is_switched_off_later_is_told(graphql: GraphQL, moto_url: str) -> None:
    person = await register(graphql)
    answers: dict[str, Told] = {}
    with in_front(moto_url, lambda name, _body: answers.get(name)) as front:
        more: dict[str, Any] = {"regions": ["eu-west-1", "eu-central-1"]}
        account = await connected(graphql, person.token, person.organization_id, front.url, **more)
        assert account["health"]["state"] == "HEALTHY"
        answers["DescribeRegions"] = Told(REGIONS)
        asked = (await act(graphql, VERIFY, person.token, id=account["id"]))["account"]["health"]
    assert asked["state"] == "DEGRADED"
    assert "These of its regions are not switched on: eu-west-1." in asked["message"]


async def test_regions_are_asked_for_only_where_some_are_named(graphql: GraphQL, moto_url: str) -> None:
    person = await register(graphql)
    with in_front(moto_url, lambda _name, _body: None) as front:
        account = await connected(graphql, person.token, person.organization_id, front.url)
        assert "DescribeRegions" not in front.asked
        await act(graphql, UPDATE, person.token, id=account["id"], regions=["eu-west-1"])
        assert front.asked.count("DescribeRegions") == 1
        await act(graphql, UPDATE, person.token, id=account["id"], regions=["eu-west-1"])
        await act(graphql, UPDATE, person.token, id=account["id"], regions=None)
        assert front.asked.count("DescribeRegions") == 1
