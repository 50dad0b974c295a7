"""What is known of a period, through the graph: of reports, months to date, accounts, resources and teams."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from app.context import Runtime
from app.costs.analysis.nodes import NOT_DELIVERED, NOTHING_IMPORTED
from app.schema.node import parse_id
from tests.clients import GraphQL, register
from tests.costs.analysis.store import Store, charge
from tests.costs.watch.deliveries import daily
from tests.resolvers.cost_caller import TODAY, Caller

COVERAGE = (
    "coverage { knownFrom knownUntil missingDays isComplete gapCount gaps { dataset billingAccountId start end } }"
)
PERIOD = {"start": "2026-10-01", "end": "2026-10-11"}
QUERY = f"""query ($slug: String!, $period: CostPeriodInput!, $where: CostFilter) {{ organization(slug: $slug) {{
  costs(period: $period, where: $where, compare: PREVIOUS_PERIOD, granularity: WEEK) {{
    points {{ start amount missingDays }} total reason {COVERAGE} previousCoverage {{ knownFrom missingDays }} }}
  monthToDateCost {{ reason {COVERAGE} }}
  accounts(first: 9) {{ nodes {{ nativeId costs(period: $period) {{ cost {{ amount }} reason {COVERAGE} }} }} }}
  resources(first: 9) {{ nodes {{ nativeId costs(period: $period) {{ cost {{ amount }} reason {COVERAGE} }} }} }}
  teams(first: 9) {{ nodes {{ costs(period: $period) {{ cost {COVERAGE} }} }} }} }} }}"""
INGEST = """mutation ($input: IngestResourcesInput!) { ingestResources(input: $input) {
  ... on IngestResourcesPayload { added issues { reason } } } }"""
INGEST_COSTS = """mutation ($input: IngestCostsInput!) { ingestCosts(input: $input) {
  ... on IngestCostsPayload { added issues { reason } } } }"""
LAST_MONTH = f"""query ($slug: String!) {{ organization(slug: $slug) {{
  costs(period: {{name: LAST_MONTH}}, metric: BILLED_COST) {{ total {COVERAGE} }} }} }}"""
TEAM = "mutation ($input: CreateTeamInput!) { createTeam(input: $input) { __typename } }"


async def test_figures_say_what_they_lack(graphql: GraphQL, runtime: Runtime) -> None:
    """Two billing accounts to different days of October, of AWS; an account of GCP that nobody ever delivered."""
    person = await register(graphql, "Olga")
    charges = [
        charge(date(2026, 10, 8), "5", period=0, billing_account_id="payer 1", sub_account_id="111"),
        charge(date(2026, 10, 3), "7", period=1, billing_account_id="payer 2", sub_account_id="222"),
    ]
    await Store(parse_id(person.organization_id).id).fill(runtime.database, charges)
    named = {"AWS": ("111", "222", "333"), "GCP": ("project",)}
    rows = [
        {"provider": provider, "accountId": account, "resourceType": "vm", "resourceId": f"vm-{account}"}
        for provider, accounts in named.items()
        for account in accounts
    ]
    ingested = await graphql.data(
        INGEST, {"input": {"organizationId": person.organization_id, "rows": rows}}, token=person.token
    )
    assert ingested["ingestResources"] == {"added": 4, "issues": []}
    team = {"organizationId": person.organization_id, "name": "Web"}
    await graphql.data(TEAM, {"input": team}, token=person.token)

    def gap(number: int, start: str, end: str) -> dict[str, Any]:
        return {"dataset": f"dataset {number - 1}", "billingAccountId": f"payer {number}", "start": start, "end": end}

    first, second = gap(1, "2026-10-09", "2026-10-11"), gap(2, "2026-10-04", "2026-10-11")
    both = {
        "knownFrom": "2026-10-01",
        "knownUntil": "2026-10-09",
        "missingDays": 7,
        "isComplete": False,
        "gapCount": 2,
        "gaps": [second, first],
    }
    own = [
        both | {"missingDays": 2, "gapCount": 1, "gaps": [first]},
        both | {"knownUntil": "2026-10-04", "gapCount": 1, "gaps": [second]},
    ]
    nothing: dict[str, Any] = {
        "knownFrom": None,
        "knownUntil": None,
        "missingDays": 10,
        "isComplete": False,
        "gapCount": 0,
        "gaps": [],
    }
    variables = {"slug": person.slug, "period": PERIOD}
    found = (await graphql.data(QUERY, variables, token=person.token))["organization"]
    assert found["costs"] == {
        "total": "12",
        "reason": None,
        "coverage": both,
        "previousCoverage": {"knownFrom": None, "missingDays": 10},
        "points": [
            {"start": "2026-10-01", "amount": "7", "missingDays": 1},
            {"start": "2026-10-05", "amount": "5", "missingDays": 6},
        ],
    }
    assert found["monthToDateCost"]["reason"] == NOTHING_IMPORTED
    assert found["monthToDateCost"]["coverage"]["gapCount"] == 2
    amounts = {one["nativeId"]: one["costs"] for one in found["accounts"]["nodes"]}
    assert amounts == {
        "111": {"cost": {"amount": "5"}, "reason": None, "coverage": own[0]},
        "222": {"cost": {"amount": "7"}, "reason": None, "coverage": own[1]},
        "333": {"cost": {"amount": "0"}, "reason": None, "coverage": both},
        "project": {"cost": None, "reason": NOT_DELIVERED, "coverage": nothing},
    }
    resources = {one["nativeId"]: one["costs"] for one in found["resources"]["nodes"]}
    assert resources["vm-project"] == {"cost": None, "reason": NOT_DELIVERED, "coverage": nothing}
    assert (resources["vm-222"]["cost"], resources["vm-222"]["coverage"]) == (None, own[1])
    assert [one["costs"] for one in found["teams"]["nodes"]] == [{"cost": "0", "coverage": both}]
    gcp = {"where": {"provider": {"eq": "GCP"}}}
    costs = (await graphql.data(QUERY, variables | gcp, token=person.token))["organization"]["costs"]
    assert (costs["total"], costs["reason"], costs["coverage"]) == (None, NOTHING_IMPORTED, nothing)


async def test_an_appended_row_makes_no_figure_incomplete(caller: Caller) -> None:
    month_start = TODAY.replace(day=1)
    last = (month_start - timedelta(1)).replace(day=1)
    await caller.deliveries.deliver(list(daily(last, month_start, lambda _: "1")))
    row = {
        "BilledCost": "5",
        "BillingCurrency": "USD",
        "ChargePeriodStart": f"{month_start}T00:00:00Z",
        "ChargePeriodEnd": f"{month_start + timedelta(1)}T00:00:00Z",
        "ServiceName": "Meter",
    }
    sent = await caller.act(INGEST_COSTS, organizationId=caller.person.organization_id, rows=[row])
    assert sent == {"added": 1, "issues": []}
    found = await caller.read(LAST_MONTH)
    assert found["costs"] == {
        "total": str((month_start - last).days),
        "coverage": {
            "knownFrom": str(last),
            "knownUntil": str(month_start),
            "missingDays": 0,
            "isComplete": True,
            "gapCount": 0,
            "gaps": [],
        },
    }
