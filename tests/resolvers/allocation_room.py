"""Somebody with an organization, who shares costs out through the graph."""

from __future__ import annotations

from datetime import date
from typing import Any

from app.schema.node import parse_id
from tests.clients import GraphQL, Person

OCTOBER = date(2026, 10, 1)
TEAM = "team { id name code archivedAt }"
RULE = """rule { id position name enabled method tagKey version validFrom validTo
  where { filter }
  mapping { value team { name } } targets { percent team { name } } }"""
RUN = "run { id kind state fromMonth toMonth nextMonth monthsDone }"
SELECTIONS = {
    "createTeam": TEAM,
    "updateTeam": TEAM,
    "archiveTeam": TEAM,
    "setPromotedTagKeys": f"keys {RUN}",
    "createAllocationRule": RULE,
    "updateAllocationRule": RULE,
    "moveAllocationRule": "rules { name position }",
    "deleteAllocationRule": RULE,
    "rerunAllocation": RUN,
}
COSTS_PARTS = (
    "currency cost directCost sharedCost reason unconverted { currency amount } "
    "directUnconverted { currency amount } sharedUnconverted { currency amount }"
)
COSTS = f"costs {{ {COSTS_PARTS} }}"
REPORT = f"""query ($slug: String!, $period: CostPeriodInput!, $metric: CostMetric) {{ organization(slug: $slug) {{
  allocation(period: $period, metric: $metric) {{
    currency cost reason unconverted {{ currency amount }} staleMonths
    lines {{ team {{ name }} share {COSTS} }}
    notes {{ code month currency rule {{ name }} }} }} }} }}"""
PREVIEW = """query ($slug: String!, $input: PreviewAllocationRuleInput!) { organization(slug: $slug) {
  previewAllocationRule(input: $input) { month moves { currency before after change team { name } }
    notes { code rule { name } } } } }"""
EVENTS = """query ($slug: String!) { organization(slug: $slug) { activity(first: 100) { nodes { kind data } } } }"""
CONVERTED: dict[str, Any] = {"unconverted": [], "directUnconverted": [], "sharedUnconverted": []}
WHOLE = {"start": "2026-10-01", "end": "2026-11-01"}


class Room:
    """A person with an organization, who acts through the graph."""

    def __init__(self, graphql: GraphQL, person: Person) -> None:
        self.graphql = graphql
        self.person = person
        self.organization_id = parse_id(person.organization_id).id

    async def act(self, mutation: str, /, **values: Any) -> dict[str, Any]:
        """Run a mutation; its result."""
        capital = mutation[0].upper() + mutation[1:]
        document = f"""mutation ($input: {capital}Input!) {{ {mutation}(input: $input) {{ __typename
          ... on {capital}Payload {{ {SELECTIONS[mutation]} }} ... on UserError {{ code message path }} }} }}"""
        if "id" not in values:
            values["organizationId"] = self.person.organization_id
        answer = await self.graphql.data(document, {"input": values}, token=self.person.token)
        result: dict[str, Any] = answer[mutation]
        return result

    async def team(self, name: str, code: str | None = None) -> str:
        """A new team's id."""
        made = await self.act("createTeam", name=name, code=code)
        assert made["__typename"] == "CreateTeamPayload", made
        return str(made["team"]["id"])

    async def rule(self, **rule: Any) -> dict[str, Any]:
        """A new rule."""
        made = await self.act("createAllocationRule", rule=rule)
        assert made["__typename"] == "CreateAllocationRulePayload", made
        return dict(made["rule"])

    async def ask(self, document: str, **variables: Any) -> dict[str, Any]:
        """Fields of the organization."""
        variables["slug"] = self.person.slug
        answer = await self.graphql.data(document, variables, token=self.person.token)
        return dict(answer["organization"])

    async def report(self, **variables: Any) -> dict[str, Any]:
        """The report of a month."""
        return dict((await self.ask(REPORT, **{"period": WHOLE} | variables))["allocation"])

    async def costs_of_teams(self, period: dict[str, str] = WHOLE) -> dict[str, dict[str, Any]]:
        """By name, what teams bear of a period."""
        document = f"""query ($slug: String!, $period: CostPeriodInput!) {{ organization(slug: $slug) {{
          teams(first: 10) {{ nodes {{ name costs(period: $period) {{ {COSTS_PARTS} }} }} }} }} }}"""
        nodes = (await self.ask(document, period=period))["teams"]["nodes"]
        return {node["name"]: node["costs"] for node in nodes}

    async def events(self) -> list[tuple[str, dict[str, Any]]]:
        """Events about this room, the oldest first."""
        nodes = (await self.ask(EVENTS))["activity"]["nodes"][::-1]
        kinds = ("TEAM", "TAG", "ALLOCATION")
        return [(node["kind"], node["data"]) for node in nodes if node["kind"].startswith(kinds)]
