"""The demo in the store: brought up to a day, again after a pause, and what the examples then answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from app.cli.example import fill
from app.costs.allocation.runs import ALLOCATION_JOB, run_allocation
from app.database import Database
from app.demo.top_up import TOP_UP_JOB, months_of, request_top_up, run_top_up, today, top_up
from app.recommendations.jobs import look_for_waste_in_charges
from app.repositories.jobs import JOBS
from app.server.graphiql.examples import read_examples
from tests.clients import GraphQL, register
from tests.resolvers.cost_caller import Caller, Job

PAUSE = timedelta(days=10)
DAYS = "SELECT day, sum(effective_cost) FROM provider_daily GROUP BY 1 ORDER BY 1"


@pytest.fixture
async def caller(graphql: GraphQL, database: Database, tmp_path: Path) -> Caller:
    """Somebody whose organization is to be a demo."""
    return Caller(graphql, database, await register(graphql), tmp_path)


async def fetched(owner: Database, statement: str) -> list[tuple[Any, ...]]:
    """Rows, as somebody whom row security does not bind."""
    async with owner.engine.begin() as connection:
        return [tuple(row) for row in await connection.execute(text(statement))]


async def test_a_demo_that_paused_gets_what_it_missed_and_nothing_twice(caller: Caller, owner: Database) -> None:
    database, now, organization_id = caller.database, today(), caller.organization_id
    then = now - PAUSE
    assert await top_up(database, organization_id, then) == months_of(then)
    before = dict(await fetched(owner, DAYS))
    assert max(before) == then
    # The bills came then, and not just now.
    async with owner.engine.begin() as connection:
        await connection.execute(text("UPDATE cost_import_periods SET created_at = created_at - interval '10 days'"))
    assert await request_top_up(database, organization_id, now)
    await run_top_up(Job(organization_id, database))
    days = dict(await fetched(owner, DAYS))
    wanted = {months_of(now)[-1] + timedelta(days=number) for number in range((now - months_of(now)[-1]).days + 1)}
    assert wanted <= days.keys()
    assert max(days) == now
    untouched = [day for day in before if day < then.replace(day=1) and day >= months_of(then)[-1]]
    assert [days[day] for day in untouched] == [before[day] for day in untouched]
    assert days[then] > before[then]  # of the last day only the morning was known
    imports = await fetched(owner, "SELECT count(*) FROM cost_imports")
    assert not await request_top_up(database, organization_id, now)
    assert await top_up(database, organization_id, now) == []
    assert await fetched(owner, "SELECT count(*) FROM cost_imports") == imports
    queued = await fetched(owner, f"SELECT count(*) FROM jobs WHERE kind = '{TOP_UP_JOB}'")  # noqa: S608  (our own)
    assert queued == [(1,)]


async def test_the_examples_answer_on_the_day_of_seeding(caller: Caller) -> None:
    now = today()
    await fill(caller.database, caller.organization_id)
    await top_up(caller.database, caller.organization_id, now)
    await allocate_all(caller)
    await caller.checked()
    await look_for_waste_in_charges(Job(caller.organization_id, caller.database))

    found = await example(caller, "25_dashboard")
    assert Decimal(found["monthToDateCost"]["cost"]["amount"]) > 0
    assert len(found["trend"]["groups"]) == 5
    assert found["trend"]["change"]["ratio"] is not None
    assert all(Decimal(point["amount"]) > 0 for point in found["trend"]["groups"][0]["points"])

    found = await example(caller, "41_costs")
    assert found["costs"]["coverage"]["missingDays"] == 0
    assert Decimal(found["costs"]["total"]) > 10_000
    assert found["costs"]["change"]["reason"] is None
    forecast = found["month"]["forecast"]
    assert Decimal(forecast["total"]["expected"]) > Decimal(forecast["total"]["actual"]) >= 0

    budgets = {node["name"]: node for node in (await example(caller, "64_budgets"))["budgets"]["nodes"]}
    assert {node["state"]["forecast"]["reason"] for node in budgets.values()} == {None}
    likelihoods = {name: node["state"]["forecast"]["likelihood"] for name, node in budgets.items()}
    assert likelihoods == {"All clouds": "UNDER", "EC2 of AWS": "OVER"}
    assert budgets["EC2 of AWS"]["alerts"]

    found = await example(caller, "66_anomalies")
    services = {node["serviceName"] for node in found["anomalies"]["nodes"]}
    assert "Amazon Virtual Private Cloud" in services
    assert "Tax" not in services  # that of the same days has the same cause

    found = await example(caller, "68_allocation")
    lines = {(line["team"] or {}).get("name"): line["costs"] for line in found["allocation"]["lines"]}
    assert lines.keys() == {"Storefront", "Payments", "Data", "Platform", None}
    assert all(Decimal(lines[name]["sharedCost"]) > 0 for name in ("Storefront", "Payments", "Data", "Platform"))

    assert Decimal((await example(caller, "65_cost_forecast"))["costForecast"]["total"]["expected"]) > 0
    (covered,) = (await example(caller, "67_commitments"))["commitments"]["coverage"]
    assert 0 < Decimal(covered["use"]["utilization"]["value"]) < 1
    points = (await example(caller, "69_unit_costs"))["unitCosts"]["points"]
    assert all(Decimal(point["unitCost"]) > 0 for point in points)
    found = await example(caller, "73_savings")
    decided = {node["state"]: node for node in found["decided"]["nodes"]}
    assert decided.keys() == {"IGNORED", "MARKED_FOR_DELETION", "RESOLVED"}
    saved = decided["RESOLVED"]["realisedSaving"]
    assert Decimal(saved["amount"]["amount"]) > 0, saved
    assert (await example(caller, "40_charges"))["charges"]["totalCount"] > 30_000


async def example(caller: Caller, name: str) -> Mapping[str, Any]:
    """What an example of GraphiQL answers about the organization."""
    (one,) = [one for one in read_examples() if one.name == name]
    variables = json.loads(one.variables.replace("{{organizationSlug}}", caller.person.slug))
    answer = await caller.graphql.data(one.query, variables, token=caller.person.token)
    found: Mapping[str, Any] = answer["organization"]
    return found


async def allocate_all(caller: Caller) -> None:
    """Do the runs of allocation that wait, as a worker does."""
    async with caller.database.read(caller.organization_id) as session:
        found = await session.execute(JOBS.select().where(JOBS.c.kind == ALLOCATION_JOB).order_by(JOBS.c.id))
        waiting = found.mappings().all()
    for row in waiting:
        job = Job(caller.organization_id, caller.database)
        job.arguments = row["arguments"]
        await run_allocation(job)
