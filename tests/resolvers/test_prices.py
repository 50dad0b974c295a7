"""Own prices and discounts through the graph: stored row by row, listed, deleted, and what looks make of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import select, text

from app.context import Runtime
from app.models import now
from app.pricing.overrides import MOST_OVERRIDES
from app.recommendations.jobs import LOOK_JOB, look_for_waste
from app.recommendations.prices import look_again_everywhere
from app.records import Provider
from app.repositories.jobs import JOBS
from app.repositories.prices import put_reading, store_prices
from app.schema.node import global_id, parse_id
from tests.clients import GraphQL, Person, register
from tests.house.statements import counted
from tests.pricing.test_book import listed as listed_price
from tests.resolvers.test_recommendations import VOLUMES, Caller
from tests.resolvers.test_viewer import ROOT

SET = """mutation ($input: SetPriceOverridesInput!) { setPriceOverrides(input: $input) { __typename
  ... on SetPriceOverridesPayload { received added changed unchanged issues { rowNumber column value reason } }
  ... on UserError { code message path } } }"""
DELETE = """mutation ($input: DeletePriceOverridesInput!) { deletePriceOverrides(input: $input) { __typename
  ... on DeletePriceOverridesPayload { deleted } ... on UserError { code message path } } }"""
LIST = """query ($slug: String!, $where: PriceOverrideFilter, $first: Int, $after: String) {
  organization(slug: $slug) { priceOverrides(where: $where, first: $first, after: $after) { totalCount
    pageInfo { endCursor hasNextPage } nodes { id provider pattern region validFrom validTo discountPercent amount
      currency unit note } } } }"""
DISCOUNT = {"provider": "AWS", "pattern": "ebs.*", "validFrom": "2026-01-01", "discountPercent": "25"}
SEATS = {
    "provider": "MICROSOFT_365",
    "pattern": "m365.seat.spe_e5",
    "validFrom": "2026-01-01",
    "amount": "51.50",
    "currency": "eur",
    "unit": "SEAT_MONTH",
    "note": "contract 7",
}
OWN = {
    "provider": "AWS", "pattern": "nat.hour", "validFrom": "2026-01-01", "amount": "0.01", "currency": "USD",
    "unit": "HOUR",
}  # fmt: skip
PRICES = """query ($slug: String!, $provider: Provider!, $codes: [String!]!, $region: String) {
  organization(slug: $slug) { prices(provider: $provider, codes: $codes, region: $region) {
    code region reason price { unit amount currency basis validFrom source } } } }"""


async def set_(graphql: GraphQL, person: Person, *overrides: dict[str, Any]) -> dict[str, Any]:
    sent = {"organizationId": person.organization_id, "overrides": overrides}
    answer = await graphql.data(SET, {"input": sent}, token=person.token)
    found: dict[str, Any] = answer["setPriceOverrides"]
    return found


async def listed(graphql: GraphQL, person: Person, **variables: Any) -> dict[str, Any]:
    answer = await graphql.data(LIST, {"slug": person.slug, **variables}, token=person.token)
    found: dict[str, Any] = answer["organization"]["priceOverrides"]
    return found


async def delete(graphql: GraphQL, person: Person, ids: Sequence[str]) -> dict[str, Any]:
    sent = {"organizationId": person.organization_id, "ids": ids}
    answer = await graphql.data(DELETE, {"input": sent}, token=person.token)
    found: dict[str, Any] = answer["deletePriceOverrides"]
    return found


async def test_they_are_stored_replaced_listed_and_deleted(graphql: GraphQL, runtime: Runtime) -> None:
    person = await register(graphql, "Rita")
    assert await set_(graphql, person, DISCOUNT, SEATS) == {
        "__typename": "SetPriceOverridesPayload",
        "received": 2,
        "added": 2,
        "changed": 0,
        "unchanged": 0,
        "issues": [],
    }
    again = await set_(graphql, person, DISCOUNT, {**SEATS, "amount": "52"})
    assert (again["added"], again["changed"], again["unchanged"]) == (0, 1, 1)

    first = await listed(graphql, person, first=1)
    rest = await listed(graphql, person, first=5, after=first["pageInfo"]["endCursor"])
    assert (first["totalCount"], first["pageInfo"]["hasNextPage"], rest["pageInfo"]["hasNextPage"]) == (2, True, False)
    (discount,), (seats,) = first["nodes"], rest["nodes"]
    assert {name: value for name, value in seats.items() if name != "id"} == {
        "provider": "MICROSOFT_365",
        "pattern": "m365.seat.spe_e5",
        "region": "*",
        "validFrom": "2026-01-01",
        "validTo": None,
        "discountPercent": None,
        "amount": "52",
        "currency": "EUR",
        "unit": "SEAT_MONTH",
        "note": "contract 7",
    }
    assert (discount["discountPercent"], discount["amount"], discount["unit"]) == ("25", None, None)
    found = await listed(graphql, person, where={"provider": {"eq": "AWS"}})
    assert [node["pattern"] for node in found["nodes"]] == ["ebs.*"]
    node = await graphql.data(
        "query ($id: ID!) { node(id: $id) { ... on PriceOverride { pattern } } }",
        {"id": seats["id"]},
        token=person.token,
    )
    assert node["node"] == {"pattern": "m365.seat.spe_e5"}

    assert (await delete(graphql, person, [seats["id"], seats["id"]]))["deleted"] == 1
    assert (await delete(graphql, person, [seats["id"]]))["deleted"] == 0
    assert [node["pattern"] for node in (await listed(graphql, person))["nodes"]] == ["ebs.*"]
    async with runtime.database.read(parse_id(person.organization_id).id) as session:
        kinds = await session.scalars(text("SELECT kind FROM activity_events ORDER BY sequence"))
        assert [kind for kind in kinds if kind.startswith("PRICE")] == [
            "PRICE_OVERRIDES_SET",
            "PRICE_OVERRIDES_SET",
            "PRICE_OVERRIDES_DELETED",
        ]


@pytest.mark.parametrize(
    ("wrong", "column"),
    [
        ({**DISCOUNT, "pattern": "EBS.*"}, "pattern"),
        ({**DISCOUNT, "pattern": ""}, "pattern"),
        ({**SEATS, "pattern": "m365.*"}, "pattern"),
        ({**DISCOUNT, "region": "US East"}, "region"),
        ({**DISCOUNT, "validFrom": "1999-12-31"}, "validFrom"),
        ({**DISCOUNT, "validTo": "2026-01-01"}, "validTo"),
        ({**DISCOUNT, "discountPercent": "0"}, "discountPercent"),
        ({**DISCOUNT, "discountPercent": "100.01"}, "discountPercent"),
        ({**DISCOUNT, "currency": "USD"}, "currency"),
        ({**DISCOUNT, "amount": "1"}, "amount"),
        ({"provider": "AWS", "pattern": "eip.hour", "validFrom": "2026-01-01"}, "amount"),
        ({**SEATS, "amount": "-1"}, "amount"),
        ({**SEATS, "currency": None}, "currency"),
        ({**SEATS, "currency": "XXX"}, "currency"),
        ({**SEATS, "unit": None}, "unit"),
        ({**SEATS, "note": "x" * 501}, "note"),
        ({**SEATS, "note": "a\nb"}, "note"),
        (DISCOUNT, "validFrom"),
    ],
)
async def test_a_bad_row_is_told_and_others_land(graphql: GraphQL, wrong: dict[str, Any], column: str) -> None:
    person = await register(graphql, "Rita")

    stored = await set_(graphql, person, DISCOUNT, wrong)

    assert (stored["received"], stored["added"], stored["unchanged"]) == (2, 1, 0)
    assert [(issue["rowNumber"], issue["column"]) for issue in stored["issues"]] == [(2, column)]


@pytest.mark.parametrize(
    ("wrong", "column", "reason"),
    [
        ({"pattern": "esb.gp3.storage", "unit": "GIB_MONTH"}, "pattern", "did you mean `ebs."),
        ({"pattern": "zz"}, "pattern", "`checks` tells those of each check"),
        ({"provider": "OPENAI"}, "pattern", "no check asks for prices of OPENAI"),
        ({"pattern": "nat.hours"}, "pattern", "did you mean `nat.hour`"),
        ({"unit": "MONTH"}, "unit", "must be HOUR, which the list price of nat.hour is for"),
        ({"pattern": "mq.m5.large.activemq", "unit": "MONTH"}, "unit", "must be HOUR"),
    ],
)
async def test_what_would_never_count_is_told(
    graphql: GraphQL, runtime: Runtime, wrong: dict[str, Any], column: str, reason: str
) -> None:
    async with runtime.database.system() as session:
        await store_prices(session, [listed_price("mq.m5.large.activemq", "0.3")])
    person = await register(graphql, "Rita")

    stored = await set_(graphql, person, OWN, {**OWN, "validFrom": "2026-02-01", **wrong})

    (issue,) = stored["issues"]
    assert (stored["added"], issue["rowNumber"], issue["column"]) == (1, 2, column)
    assert reason in issue["reason"]


async def test_prices_are_looked_up_in_two_statements(graphql: GraphQL, runtime: Runtime) -> None:
    person = await register(graphql, "Rita")
    async with runtime.database.system() as session:
        await store_prices(session, [listed_price("nat.hour", "0.05", "af-south-1")])
    discount = {**DISCOUNT, "pattern": "elb.*", "discountPercent": "20"}
    await set_(graphql, person, discount, {**OWN, "pattern": "eip.hour", "region": "eu-west-1"})

    async def found(*codes: str, **more: str) -> dict[str, Any]:
        values = {"slug": person.slug, "provider": "AWS", "codes": codes, **more}
        answer = await graphql.data(PRICES, values, token=person.token)
        return {each.pop("code"): each for each in answer["organization"]["prices"]}

    with counted(runtime.database) as one:
        far = await found("nat.hour", region="af-south-1")
    with counted(runtime.database) as many:
        here = await found("nat.hour", "eip.hour", "elb.alb.hour", "nat.minute", region="eu-west-1")

    assert len(one) == len(many)
    assert far["nat.hour"]["price"]["amount"] == "0.05"
    assert {
        code: each["price"] and (each["price"]["amount"], each["price"]["basis"]) for code, each in here.items()
    } == {
        "nat.hour": ("0.048", "LIST"),
        "eip.hour": ("0.01", "CONTRACTED"),
        "elb.alb.hour": ("0.02016", "CONTRACTED"),
        "nat.minute": None,
    }
    assert here["nat.hour"]["price"] == {
        "unit": "HOUR",
        "amount": "0.048",
        "currency": "USD",
        "basis": "LIST",
        "validFrom": "2026-11-01",
        "source": "https://aws.amazon.com/vpc/pricing/",
    }
    assert here["nat.minute"]["reason"].startswith("There is no price of nat.minute in eu-west-1;")
    everywhere = await found("nat.hour", "eip.hour")
    assert (everywhere["nat.hour"]["price"], everywhere["eip.hour"]["price"]["amount"]) == (None, "0.005")


async def test_others_look_up_no_prices_and_nobody_too_many(graphql: GraphQL) -> None:
    person, other = await register(graphql, "Rita"), await register(graphql, "Otto")
    values = {"slug": person.slug, "provider": "AWS", "codes": ["nat.hour"]}

    assert (await graphql.data(PRICES, values, token=other.token))["organization"] is None
    wrongs: list[dict[str, Any]] = [{"codes": []}, {"codes": ["nat.hour"] * 101}, {"codes": [""]}, {"region": ""}]
    for wrong in wrongs:
        answer = await graphql(PRICES, {**values, **wrong}, token=person.token)
        assert answer["errors"][0]["path"] == ["organization", "prices"]
        assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_where_list_prices_changed_accounts_are_looked_at_again(
    graphql: GraphQL, runtime: Runtime, owner: Any
) -> None:
    caller = Caller(graphql, await register(graphql, "Rita"), runtime.database, owner)
    await caller.ingest(*VOLUMES)
    await register(graphql, "Otto")

    await look_again_everywhere(runtime.database, [Provider.AZURE])
    await look_again_everywhere(runtime.database, [Provider.AWS])
    await look_again_everywhere(runtime.database, [Provider.AWS, Provider.GCP])

    async with runtime.database.system() as session:
        looks = (await session.execute(select(JOBS.c.organization_id).where(JOBS.c.kind == LOOK_JOB))).scalars().all()
    assert looks == [parse_id(caller.person.organization_id).id], "where there are none of theirs, nothing is asked for"


async def test_batches_are_bounded(graphql: GraphQL) -> None:
    person = await register(graphql, "Rita")

    for count in (0, MOST_OVERRIDES + 1):
        assert (await set_(graphql, person, *[DISCOUNT] * count))["path"] == ["input", "overrides"]
        ids = [global_id("PriceOverride", parse_id(person.organization_id).id, parse_id(person.organization_id).id)]
        assert (await delete(graphql, person, ids * count))["path"] == ["input", "ids"]
    assert (await delete(graphql, person, [person.organization_id]))["path"] == ["input", "ids", "0"]


async def test_those_of_another_organization_are_out_of_reach(graphql: GraphQL) -> None:
    person, other = await register(graphql, "Rita"), await register(graphql, "Otto")
    await set_(graphql, person, DISCOUNT)
    (node,) = (await listed(graphql, person))["nodes"]

    assert (await delete(graphql, other, [node["id"]]))["deleted"] == 0
    assert (await listed(graphql, other))["totalCount"] == 0
    assert (await listed(graphql, person))["totalCount"] == 1


class _Job:
    """As a worker holds one."""

    def __init__(self, caller: Caller, account_id: object) -> None:
        self.organization_id = parse_id(caller.person.organization_id).id
        self.database, self.arguments = caller.database, {"accountId": str(account_id)}

    async def hold(self, _: object) -> None:
        """Nobody else has it."""


async def test_accounts_are_looked_at_again_and_show_contracted_money(
    graphql: GraphQL, runtime: Runtime, owner: Any
) -> None:
    caller = Caller(graphql, await register(graphql, "Rita"), runtime.database, owner)
    await caller.ingest(*VOLUMES)
    await set_(graphql, caller.person, DISCOUNT)
    await set_(graphql, caller.person, {**DISCOUNT, "discountPercent": "20"})
    await set_(graphql, caller.person, {**DISCOUNT, "discountPercent": "25"}, {**SEATS, "note": "no account of theirs"})
    async with runtime.database.read(parse_id(caller.person.organization_id).id) as session:
        account_id = (await session.execute(text("SELECT id FROM accounts"))).scalar_one()
        looks = (await session.execute(select(JOBS.c.arguments).where(JOBS.c.kind == LOOK_JOB))).scalars().all()
    assert looks == [{"accountId": str(account_id)}], "one that waits is enough"

    await look_for_waste(_Job(caller, account_id))  # type: ignore[arg-type]

    saving = (await caller.nodes())[0]["saving"]
    assert (saving["monthly"], saving["basis"]) == ({"amount": "60.0000", "currency": "USD"}, "CONTRACTED")
    assert saving["inputs"] == {"GiB": "1000", "price of ebs.gp3.storage": "0.06 USD since 2026-11-01"}


REFRESH = """mutation ($input: RefreshPricesInput!) { refreshPrices(input: $input) { __typename
  ... on RefreshPricesPayload { queued pricing { lastRefreshAt documents { name } } }
  ... on UserError { code message path } } }"""
PRICING = """{ platform { pricing { lastRefreshAt delivered { provider prices regions newestValidFrom }
  counts { provider prices regions newestValidFrom changedAt }
  documents { provider name finishedAt version prices changed problem } } } }"""


async def test_operators_refresh_prices_and_see_how_that_went(graphql: GraphQL, runtime: Runtime) -> None:
    async with runtime.database.system() as session:
        await store_prices(session, [listed_price("nat.hour", "1"), listed_price("nat.hour", "1", "eu-west-1")])
        key = {"provider": "AWS", "document": "AmazonEC2/us-east-1"}
        await put_reading(session, {**key, "prices": 2, "changed": 2, "version": "v1", "finished_at": now()})
        await put_reading(session, {"provider": "GCP", "document": "Compute Engine", "problem": "No key."})

    pricing = (await graphql.data(PRICING, root_key=ROOT))["platform"]["pricing"]

    (count,) = pricing["counts"]
    assert (count["provider"], count["prices"], count["regions"]) == ("AWS", 2, 2)
    assert count["newestValidFrom"] == "2026-11-01"
    assert [(each["name"], each["prices"], each["problem"]) for each in pricing["documents"]] == [
        ("AmazonEC2/us-east-1", 2, None),
        ("Compute Engine", 0, "No key."),
    ]
    delivered = {each["provider"]: each for each in pricing["delivered"]}
    assert set(delivered) >= {"AWS", "AZURE", "GCP"}
    assert (delivered["AWS"]["prices"] > 2_000, delivered["AWS"]["newestValidFrom"]) == (True, "2026-11-01")
    assert pricing["lastRefreshAt"] == pricing["documents"][0]["finishedAt"]

    first = (await graphql.data(REFRESH, {"input": {"providers": ["AWS"]}}, root_key=ROOT))["refreshPrices"]
    again = (await graphql.data(REFRESH, {"input": {}}, root_key=ROOT))["refreshPrices"]
    wrong = (await graphql.data(REFRESH, {"input": {"providers": ["OPENAI"]}}, root_key=ROOT))["refreshPrices"]
    assert (first["queued"], again["queued"], len(first["pricing"]["documents"])) == (True, False, 2)
    assert wrong["path"] == ["input", "providers"]


async def test_nobody_else_refreshes_prices(graphql: GraphQL) -> None:
    person = await register(graphql, "Rita")

    refused = await graphql.data(REFRESH, {"input": {}}, token=person.token)

    assert refused["refreshPrices"]["code"] == "NOT_FOUND"
    assert (await graphql.data(PRICING, token=person.token))["platform"] is None
