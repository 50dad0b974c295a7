"""Somebody with an organization whose costs are delivered, and what they ask of budgets."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from app.costs.allocation.runs import run_allocation
from app.costs.watch import CHECK_COSTS_JOB, check_costs
from app.database import Database
from app.models import new_id, now
from app.repositories.jobs import JOBS
from app.schema.node import parse_id
from tests.clients import GraphQL, Person
from tests.costs.watch.deliveries import Deliveries

BUDGET = """id name recurrence startsOn endsOn amount currency metric enabled
  where { filter } thresholds { percent basis }"""
CREATE = f"""mutation ($input: CreateBudgetInput!) {{ createBudget(input: $input) {{ __typename
  ... on CreateBudgetPayload {{ budget {{ {BUDGET} }} }} ... on UserError {{ code message path }} }} }}"""
TODAY = now().date()
STILL_OPEN = TODAY - timedelta(3)
"""The day on which deliveries are closed: in the first days of a month its provider is not done with the last one."""


class Caller:
    """Somebody with an organization whose costs are delivered up to yesterday."""

    def __init__(self, graphql: GraphQL, database: Database, person: Person, folder: Path) -> None:
        self.graphql = graphql
        self.database = database
        self.person = person
        self.organization_id: UUID = parse_id(person.organization_id).id
        self.deliveries = Deliveries(database, self.organization_id, folder, STILL_OPEN)

    async def act(self, document: str, /, **values: Any) -> dict[str, Any]:
        """Run a mutation with an input; gives its result."""
        answer = await self.graphql.data(document, {"input": values}, token=self.person.token)
        (result,) = answer.values()
        found: dict[str, Any] = result
        return found

    async def create(self, **values: Any) -> dict[str, Any]:
        """Make a budget."""
        usual = {"name": "all", "recurrence": "MONTHLY", "startsOn": "2026-01-01", "amount": "1000"}
        return await self.act(CREATE, organizationId=self.person.organization_id, **{**usual, **values})

    async def read(self, document: str, **values: Any) -> dict[str, Any]:
        """Fields of the organization."""
        variables = {"slug": self.person.slug, **values}
        answer = await self.graphql.data(document, variables, token=self.person.token)
        found: dict[str, Any] = answer["organization"]
        return found

    async def checked(self) -> None:
        """Run the check as a worker does."""
        await check_costs(Job(self.organization_id, self.database))

    async def allocated(self, run: Mapping[str, str]) -> None:
        """Do a run of allocation as a worker does."""
        job = Job(self.organization_id, self.database)
        job.arguments = {"runId": str(parse_id(run["id"], "AllocationRun").id)}
        await run_allocation(job)


class Job:
    """A job as a verb room knows it."""

    def __init__(self, organization_id: UUID | None, database: Database) -> None:
        self.id = new_id()
        self.organization_id = organization_id
        self.arguments: Mapping[str, Any] = {}
        self.token = 1
        self.database = database

    def should_stop(self) -> bool:
        return False

    async def hold(self, session: object) -> None:
        """Nobody else wants it."""

    async def progressed(self, session: object) -> None:
        """As above."""


async def jobs_of(caller: Caller) -> int:
    """How many checks are queued."""
    async with caller.database.read(caller.organization_id) as session:
        rows = await session.execute(JOBS.select().where(JOBS.c.kind == CHECK_COSTS_JOB))
        return len(rows.all())
