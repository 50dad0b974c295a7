"""Reports of costs as somebody asks for them, whose organization has charges of a test's making."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.context import Runtime
from app.schema.node import parse_id
from tests.clients import GraphQL, Person, register
from tests.costs.analysis.store import Store
from tests.resolvers.company import code_of

COSTS = """query ($slug: String!, $period: CostPeriodInput!, $granularity: CostGranularity! = TOTAL,
    $metrics: [CostMeasure!], $groupBy: [CostGrouping!], $where: CostFilter, $compare: CostComparison, $topN: Int,
    $currency: String) {
  organization(slug: $slug) {
    costs(period: $period, granularity: $granularity, metrics: $metrics, groupBy: $groupBy, where: $where,
        compare: $compare, topN: $topN, currency: $currency) {
      start end previousStart previousEnd currency total reason previousTotal chargeCount rollups notes
      change { previous amount ratio reason previousUnconverted { currency amount } }
      amounts { metric amount unit reason }
      unconverted { currency amount } incomplete { metric chargeCount }
      points { start end amount chargeCount reason unconverted { currency amount } }
      groups { key total share chargeCount change { previous amount ratio reason } keys { dimension tag value }
        unconverted { currency amount } points { start amount } amounts { metric amount unit reason }
        reason node { __typename ... on Account { nativeId } ... on Resource { name } } }
      other { total share points { amount } }
    }
  }
}"""
OCTOBER = {"start": "2026-10-01", "end": "2026-11-01"}
SERVICE = [{"dimension": "SERVICE_NAME"}]
INGEST = """mutation ($input: IngestResourcesInput!) { ingestResources(input: $input) {
  ... on IngestResourcesPayload { added issues { reason } } } }"""


async def olga(
    graphql: GraphQL, runtime: Runtime, charges: Sequence[dict[str, Any]], *, name: str = "Olga", **more: Any
) -> Person:
    """Somebody whose organization, in USD, has these charges."""
    person = await register(graphql, name)
    store = Store(parse_id(person.organization_id).id, **more)
    await store.fill(runtime.database, charges)
    return person


async def report(graphql: GraphQL, person: Person, **variables: Any) -> dict[str, Any]:
    """The answer of `costs`."""
    values = {"slug": person.slug, "period": OCTOBER, **variables}
    found: dict[str, Any] = (await graphql.data(COSTS, values, token=person.token))["organization"]["costs"]
    return found


async def refused(graphql: GraphQL, person: Person, **variables: Any) -> str:
    """Why the question is refused."""
    values = {"slug": person.slug, "period": OCTOBER, **variables}
    answer = await graphql(COSTS, values, token=person.token)
    assert code_of(answer) == "BAD_USER_INPUT"
    message: str = answer["errors"][0]["message"]
    return message


async def inventory(graphql: GraphQL, person: Person, resources: Sequence[tuple[str, str]]) -> None:
    """Have these resources, of accounts, in the inventory."""
    rows = [
        {"provider": "AWS", "accountId": account, "resourceType": "vm", "resourceId": id_} for account, id_ in resources
    ]
    values = {"organizationId": person.organization_id, "rows": rows}
    answer = await graphql.data(INGEST, {"input": values}, token=person.token)
    assert answer["ingestResources"] == {"added": len(rows), "issues": []}
