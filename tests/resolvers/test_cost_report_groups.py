"""Groups of reports of costs, and what accounts and resources cost, through the graph."""

from __future__ import annotations

from datetime import date
from typing import Any

from app.context import Runtime
from app.costs.analysis.change import NOT_DELIVERED_THEN
from app.costs.analysis.nodes import NOT_DELIVERED
from tests.clients import GraphQL
from tests.costs.analysis.store import charge
from tests.house.statements import counted
from tests.resolvers.cost_report_caller import OCTOBER, SERVICE, inventory, olga, report


async def test_nodes_of_groups(graphql: GraphQL, runtime: Runtime) -> None:
    charges = [
        charge(date(2026, 10, 1), "3", sub_account_id="111", resource_id="i-1", resource_key="i-1"),
        charge(date(2026, 10, 1), "2", sub_account_id="222", resource_id="i-2", resource_key="i-2"),
    ]
    person = await olga(graphql, runtime, charges)
    await inventory(graphql, person, [("111", "i-1")])
    by_account = await report(graphql, person, groupBy=[{"dimension": "SUB_ACCOUNT_ID"}])
    assert [group["node"] for group in by_account["groups"]] == [{"__typename": "Account", "nativeId": "111"}, None]
    by_resource = await report(graphql, person, groupBy=[{"dimension": "RESOURCE_ID"}, {"dimension": "PROVIDER"}])
    assert [group["node"] for group in by_resource["groups"]] == [{"__typename": "Resource", "name": "i-1"}, None]


async def test_what_resources_and_accounts_cost(graphql: GraphQL, runtime: Runtime) -> None:
    """Ids that several accounts share are told apart; a page costs as many statements as one row."""

    def of(account: str, resource: str, amount: str, day: int = 5, **more: Any) -> dict[str, Any]:
        named = {"sub_account_id": account, "resource_id": resource, "resource_key": resource}
        return charge(date(2026, 10, day), amount, **(named | more))

    person = await olga(
        graphql,
        runtime,
        [
            of("111", "i-1", "1.25"),
            of("111", "i-1", "0.5", day=20, resource_name="renamed"),
            of("111", "same", "2"),
            of("222", "same", "4"),
            of("999", "i-3", "100"),
            of("111", "i-1", "1000", provider="OTHER", period=1),
            charge(date(2026, 10, 9), "8", billing_account_id="333"),
            charge(date(2026, 9, 9), "7", sub_account_id="111", resource_id="i-4", resource_key="i-4"),
        ],
    )
    await inventory(
        graphql,
        person,
        [("111", "i-1"), ("111", "same"), ("222", "same"), ("111", "i-3"), ("111", "i-4"), ("333", "x")],
    )
    query = """query ($slug: String!, $period: CostPeriodInput!, $first: Int!) { organization(slug: $slug) {
      resources(first: $first) { nodes { nativeId account { nativeId }
        costs(period: $period) { reason cost { amount currency } } monthToDateCost { reason } } }
      accounts(first: $first) { nodes { nativeId costs(period: $period) { reason cost { amount } } } } } }"""
    numbers = []
    for first in (1, 100):
        variables = {"slug": person.slug, "period": OCTOBER, "first": first}
        with counted(runtime.database) as statements:
            answer = (await graphql.data(query, variables, token=person.token))["organization"]
        numbers.append(len(statements))
    assert numbers[0] == numbers[1]
    resources = {(one["nativeId"], one["account"]["nativeId"]): one["costs"] for one in answer["resources"]["nodes"]}
    amounts = {key: one["cost"]["amount"] if one["cost"] else one["reason"] for key, one in resources.items()}
    assert amounts["same", "111"] == "2"
    assert amounts["same", "222"] == "4"
    assert amounts["i-3", "111"] == "0", "its charges are another account's"
    assert amounts["i-4", "111"] == "0", "it has charges, none of them in October"
    assert amounts["x", "333"] == ("No charge names this resource: its service bills without, or nobody imported it.")
    accounts = {one["nativeId"]: one["costs"]["cost"]["amount"] for one in answer["accounts"]["nodes"]}
    assert accounts == {"111": "3.75", "222": "4", "333": "8"}
    assert amounts["i-1", "111"] == "1.75"


async def test_a_group_whose_account_was_not_delivered_is_unknown_and_not_0(graphql: GraphQL, runtime: Runtime) -> None:
    """On either side; a group of an account that was delivered without such a charge is 0 there."""
    aws, gcp = {"billing_account_id": "payer"}, {"billing_account_id": "other", "provider": "GCP"}
    charges = [
        charge(date(2026, 9, 30), "8", **aws),
        charge(date(2026, 10, 31), "6", **aws),
        charge(date(2026, 10, 31), "2", service_name="Amazon S3", **aws),
        charge(date(2026, 10, 31), "5", service_name="Compute Engine", period=1, **gcp),
    ]
    person = await olga(graphql, runtime, charges)
    unknown = {"previous": None, "amount": None, "ratio": None, "reason": NOT_DELIVERED_THEN}
    from_nothing = {"previous": "0", "amount": "2", "ratio": None, "reason": None}
    found = await report(graphql, person, compare="PREVIOUS_PERIOD", groupBy=SERVICE)
    changes = {group["key"]: group["change"] for group in found["groups"]}
    assert (changes["Compute Engine"], changes["Amazon S3"]) == (unknown, from_nothing)
    assert changes["Amazon EC2"]["amount"] == "-2"
    by_payer = await report(graphql, person, compare="PREVIOUS_PERIOD", groupBy=[{"dimension": "BILLING_ACCOUNT_ID"}])
    assert {group["key"]: group["change"]["previous"] for group in by_payer["groups"]} == {"payer": "8", "other": None}
    # What a tag says may be of any billing account, of which one was delivered.
    by_tag = await report(graphql, person, compare="PREVIOUS_PERIOD", groupBy=[{"dimension": "REGION_ID"}])
    assert [group["change"]["previous"] for group in by_tag["groups"]] == ["8"]

    later = {"start": "2026-11-01", "end": "2026-11-02"}
    more = [*charges, charge(date(2026, 11, 1), "1", period=2, **aws)]
    person = await olga(graphql, runtime, more, name="Otto")
    found = await report(graphql, person, compare="PREVIOUS_PERIOD", period=later, groupBy=SERVICE)
    groups = {group["key"]: group for group in found["groups"]}
    engine = groups["Compute Engine"]
    assert (engine["total"], engine["reason"], engine["chargeCount"]) == (None, NOT_DELIVERED, 0)
    assert engine["change"] == {"previous": "5", "amount": None, "ratio": None, "reason": NOT_DELIVERED}
    assert groups["Amazon S3"]["total"] == "0"
