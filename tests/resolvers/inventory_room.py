"""Resources and charges for tests, sent and read through the graph."""

from __future__ import annotations

from typing import Any

from tests.clients import GraphQL, Person

INGEST_RESOURCES = """
mutation IngestResources($input: IngestResourcesInput!) {
  ingestResources(input: $input) {
    __typename
    ... on IngestResourcesPayload {
      received added changed unchanged accountsAdded issues { rowNumber column value reason }
    }
    ... on UserError { code message path }
  }
}
"""
INGEST_COSTS = """
mutation IngestCosts($input: IngestCostsInput!) {
  ingestCosts(input: $input) {
    __typename
    ... on IngestCostsPayload {
      received added unchanged rejected issues { rowNumber column value reason } conformanceNotes { column detail }
    }
    ... on UserError { code message path }
  }
}
"""
RESOURCES = """
query Resources($slug: String!, $where: ResourceFilter, $orderBy: ResourceOrder, $first: Int, $after: String,
                $last: Int, $before: String) {
  organization(slug: $slug) {
    resources(where: $where, orderBy: $orderBy, first: $first, after: $after, last: $last, before: $before) {
      totalCount
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      edges { cursor node { name } }
      nodes { id name provider region status tags account { id name } }
    }
  }
}
"""
CHARGES = """
query Charges($slug: String!, $where: CostFilter, $orderBy: ChargeOrder, $first: Int) {
  organization(slug: $slug) {
    charges(where: $where, orderBy: $orderBy, first: $first) {
      totalCount
      nodes { id billedCost effectiveCost listCost serviceName tags extra resource { name } account { name } }
    }
  }
}
"""


def resource(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "provider": "AWS",
        "accountId": f"{number % 3}",
        "resourceType": "vm",
        "resourceId": f"i-{number:02}",
        "resourceName": f"name-{number:02}",
        "region": "eu",
        "tags": {"team": "web" if number % 2 else "data"},
    } | changes


def charge(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "BilledCost": f"{number}.10",
        "BillingCurrency": "EUR",
        "ChargePeriodStart": f"2026-10-{number:02}T00:00:00Z",
        "ChargePeriodEnd": f"2026-10-{number + 1:02}T00:00:00Z",
        "ServiceName": "Compute",
        "ResourceId": f"i-{number:02}",
        "SubAccountId": f"{number % 3}",
        "Color": "blue",
    } | changes


async def fill(graphql: GraphQL, person: Person, resources: int = 9, charges: int = 9) -> None:
    rows = [resource(number) for number in range(1, resources + 1)]
    variables = {"input": {"organizationId": person.organization_id, "rows": rows}}
    data = await graphql.data(INGEST_RESOURCES, variables, token=person.token)
    assert data["ingestResources"]["added"] == resources
    rows = [charge(number) for number in range(1, charges + 1)]
    variables = {"input": {"organizationId": person.organization_id, "rows": rows}}
    data = await graphql.data(INGEST_COSTS, variables, token=person.token)
    assert data["ingestCosts"]["added"] == charges


async def resources_of(graphql: GraphQL, person: Person, **variables: Any) -> dict[str, Any]:
    data = await graphql.data(RESOURCES, {"slug": person.slug, **variables}, token=person.token)
    found: dict[str, Any] = data["organization"]["resources"]
    return found


def names(connection: dict[str, Any]) -> list[str]:
    return [node["name"] for node in connection["nodes"]]
