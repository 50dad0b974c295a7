"""Charges through the graph: exact amounts, filters, and the resources and accounts that they belong to."""

from __future__ import annotations

from typing import Any

import pytest

from tests.clients import GraphQL, register
from tests.resolvers.inventory_room import CHARGES, INGEST_COSTS, INGEST_RESOURCES, charge, fill, resource


async def test_amounts_are_exact_text_and_unknown_is_null(graphql: GraphQL) -> None:
    person = await register(graphql)
    row = charge(1, BilledCost="0.00000080000", EffectiveCost="123456789012345678.90123456789")
    variables = {"input": {"organizationId": person.organization_id, "rows": [row]}}
    await graphql.data(INGEST_COSTS, variables, token=person.token)
    data = await graphql.data(CHARGES, {"slug": person.slug}, token=person.token)
    (node,) = data["organization"]["charges"]["nodes"]
    assert node["billedCost"] == "0.0000008"  # the same number: zeros behind it say nothing
    assert node["effectiveCost"] == "123456789012345678.90123456789"
    assert node["listCost"] is None
    assert node["extra"] == {"x_Color": "blue"}


async def test_charges_meet_resources_and_accounts_by_the_provider_s_ids(graphql: GraphQL) -> None:
    person = await register(graphql)
    await fill(graphql, person, resources=2, charges=3)
    variables = {"slug": person.slug, "orderBy": {"field": "BILLED_COST", "direction": "ASC"}}
    data = await graphql.data(CHARGES, variables, token=person.token)
    nodes = data["organization"]["charges"]["nodes"]
    assert [node["resource"] for node in nodes] == [{"name": "name-01"}, {"name": "name-02"}, None]
    assert [node["account"] for node in nodes] == [{"name": "1"}, {"name": "2"}, None]


async def test_ids_that_two_providers_share_are_told_apart(graphql: GraphQL) -> None:
    """The charge's own provider and account decide; where they do not, the answer is null and never a guess."""
    person = await register(graphql)
    rows = [
        resource(1, provider="AZURE", resourceName="theirs", accountName="azure"),
        resource(1, resourceName="ours", accountName="aws"),
        resource(1, resourceName="elsewhere", accountId="9"),
    ]
    variables = {"input": {"organizationId": person.organization_id, "rows": rows}}
    await graphql.data(INGEST_RESOURCES, variables, token=person.token)
    rows = [
        charge(1, ProviderName="AWS"),
        charge(2, ProviderName="Microsoft", ResourceId="i-01", SubAccountId="1"),
        charge(3, ProviderName="Elsewhere Inc.", ResourceId="i-01", SubAccountId="1"),
    ]
    variables = {"input": {"organizationId": person.organization_id, "rows": rows}}
    await graphql.data(INGEST_COSTS, variables, token=person.token)
    ordered: dict[str, Any] = {"slug": person.slug, "orderBy": {"field": "BILLED_COST", "direction": "ASC"}}
    nodes = (await graphql.data(CHARGES, ordered, token=person.token))["organization"]["charges"]["nodes"]
    assert [node["account"] for node in nodes] == [{"name": "aws"}, {"name": "azure"}, None]
    assert [node["resource"] for node in nodes] == [{"name": "ours"}, {"name": "theirs"}, None]


@pytest.mark.parametrize("amount", ["1e200000", "1e-20000", "1e999999", "NaN", "Infinity", "x", 0.5])
async def test_amounts_that_no_row_can_hold_are_refused(graphql: GraphQL, amount: object) -> None:
    person = await register(graphql)
    variables = {"slug": person.slug, "where": {"billedCost": {"gte": amount}}}
    answer = await graphql(CHARGES, variables, token=person.token)
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["BAD_USER_INPUT"]


async def test_charges_can_be_filtered(graphql: GraphQL) -> None:
    person = await register(graphql)
    await fill(graphql, person)
    where = {"chargePeriodStart": {"gte": "2026-10-03T00:00:00Z", "lt": "2026-10-07T00:00:00Z"}}
    where |= {"billedCost": {"gte": "4.10", "lte": "5.10"}}
    data = await graphql.data(CHARGES, {"slug": person.slug, "where": where}, token=person.token)
    assert data["organization"]["charges"]["totalCount"] == 2
    assert [node["billedCost"] for node in data["organization"]["charges"]["nodes"]] == ["5.1", "4.1"]
