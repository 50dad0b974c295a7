"""As `mutation_inputs`, for the mutations of recommendations, rules of checks and prices."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from app.models import now
from tests.clients import GraphQL
from tests.recommendations.rows import recommendation_of
from tests.resolvers.company import Company


async def recommendation(_: GraphQL, made: Company) -> dict[str, Any]:
    return {"organizationId": made.organization_id, "ids": [await recommendation_of(made)]}


async def unneeded(graphql: GraphQL, made: Company) -> dict[str, Any]:
    return {**await recommendation(graphql, made), "reason": "NEEDED"}


async def doomed(graphql: GraphQL, made: Company) -> dict[str, Any]:
    return {**await recommendation(graphql, made), "dueOn": (now() + timedelta(days=9)).date().isoformat()}


async def ignored(_: GraphQL, made: Company) -> dict[str, Any]:
    return {"organizationId": made.organization_id, "ids": [await recommendation_of(made, "IGNORED")]}


async def tuned(_: GraphQL, made: Company) -> dict[str, Any]:
    changes = {"parameters": [{"name": "minAgeDays", "value": "9"}]}
    return {"organizationId": made.organization_id, "checkId": "aws.ebs.unattached", "changes": changes}


async def tuned_check(graphql: GraphQL, made: Company) -> dict[str, Any]:
    tune = """mutation ($input: UpdateDetectionRuleInput!) { updateDetectionRule(input: $input) {
      ... on UpdateDetectionRulePayload { looks } } }"""
    await graphql.data(tune, {"input": await tuned(graphql, made)}, token=made.token("OWNER"))
    return {"organizationId": made.organization_id, "checkId": "aws.ebs.unattached"}


async def price(_: GraphQL, made: Company) -> dict[str, Any]:
    price = {"provider": "AWS", "pattern": "ec2.*", "discountPercent": "12", "validFrom": "2026-01-01"}
    return {"organizationId": made.organization_id, "overrides": [price]}


async def existing_price(graphql: GraphQL, made: Company) -> dict[str, Any]:
    make = """mutation ($input: SetPriceOverridesInput!) { setPriceOverrides(input: $input) {
      ... on SetPriceOverridesPayload { added issues { reason } } } }"""
    answer = await graphql.data(make, {"input": await price(graphql, made)}, token=made.token("OWNER"))
    assert answer["setPriceOverrides"] == {"added": 1, "issues": []}
    query = "query ($slug: String!) { organization(slug: $slug) { priceOverrides { nodes { id } } } }"
    found = await graphql.data(query, {"slug": made.slug}, token=made.token("OWNER"))
    ids = [node["id"] for node in found["organization"]["priceOverrides"]["nodes"]]
    return {"organizationId": made.organization_id, "ids": ids}
