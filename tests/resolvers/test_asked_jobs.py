"""Back pressure: so many jobs of one organization's callers wait at a time, and whoever asks for more is told when."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from app.config import Settings
from app.database import Database, before_commit
from app.errors import RateLimitedError
from app.models import now
from app.queue import RETRY_SECONDS, asked_by_caller, enqueue, enqueue_all, enqueue_instead
from app.repositories import jobs
from app.schema.node import parse_id
from tests.clients import GraphQL, Person, register

MOST = 10
RERUN = """mutation ($input: RerunAllocationInput!) { rerunAllocation(input: $input) {
  __typename ... on UserError { code message } } }"""
RATES = """mutation ($input: SetCurrencyRatesInput!) { setCurrencyRates(input: $input) {
  __typename ... on SetCurrencyRatesPayload { added } ... on UserError { code message } } }"""
DELETE = """mutation ($input: DeleteOrganizationInput!) { deleteOrganization(input: $input) {
  __typename ... on UserError { code message } } }"""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"queued_jobs_per_organization": MOST})


async def rerun(graphql: GraphQL, person: Person, **more: Any) -> dict[str, Any]:
    values = {"organizationId": person.organization_id, "fromMonth": "2026-09-01", "toMonth": "2026-10-01", **more}
    return await graphql(RERUN, {"input": values}, token=person.token)


async def set_rate(graphql: GraphQL, person: Person, day: int) -> dict[str, Any]:
    """Each new rate has a job look at all costs again."""
    from_day = (date(2026, 1, 1) + timedelta(days=day)).isoformat()
    rate = {"fromCurrency": "EUR", "toCurrency": "USD", "rate": "1.1", "validFrom": from_day}
    values = {"organizationId": person.organization_id, "rates": [rate]}
    return await graphql(RATES, {"input": values}, token=person.token)


async def fill(database: Database, person: Person, count: int) -> None:
    """Have so many jobs of the person's organization wait."""
    organization_id = parse_id(person.organization_id).id
    with asked_by_caller(count):
        async with database.write(organization_id) as session:
            await enqueue_all(session, "probe", organization_id, {uuid4(): {} for _ in range(count)})


async def waiting(owner: Database, organization_id: str | UUID) -> int:
    key = organization_id if isinstance(organization_id, UUID) else parse_id(organization_id).id
    async with owner.engine.connect() as connection:
        found = await connection.execute(
            text("SELECT count(*) FROM jobs WHERE organization_id = :id AND state = 'QUEUED'"), {"id": key}
        )
        return int(found.scalar_one())


async def test_fifty_parallel_calls_cannot_overrun_it(graphql: GraphQL, database: Database, owner: Database) -> None:
    ada, eve = await register(graphql), await register(graphql, "Eve")
    await fill(database, ada, MOST - 3)
    answers = await asyncio.gather(*(set_rate(graphql, ada, day) for day in range(50)))
    refused = [answer["errors"][0] for answer in answers if "errors" in answer]
    assert (len(answers) - len(refused), await waiting(owner, ada.organization_id)) == (3, MOST)
    assert {error["extensions"]["code"] for error in refused} == {"RATE_LIMITED"}
    assert {error["extensions"]["retryAfter"] for error in refused} == {RETRY_SECONDS}
    assert {f"wait {RETRY_SECONDS} seconds" in error["message"] for error in refused} == {True}
    async with owner.engine.begin() as connection:
        rates = await connection.execute(text("SELECT count(*) FROM currency_rates"))
        assert rates.scalar_one() == 3, "what was refused has left nothing"
    assert "errors" not in await set_rate(graphql, eve, 0), "another organization has its own"
    async with owner.engine.begin() as connection:
        done = "UPDATE jobs SET state = 'SUCCEEDED' WHERE id = (SELECT id FROM jobs WHERE asked LIMIT 1)"
        await connection.execute(text(done))
    assert "errors" not in await set_rate(graphql, ada, 100)
    assert "errors" in await set_rate(graphql, ada, 101)


async def test_slow_commits_side_by_side_cannot_overrun_it(database: Database, owner: Database) -> None:
    """Each has counted before the others have committed, if they may count at a time."""
    organization_id = uuid4()

    async def slowly(_: Any) -> None:
        await asyncio.sleep(0.05)

    async def ask() -> None:
        async with database.write(organization_id) as session:
            await enqueue(session, "probe", organization_id)
            before_commit(session, slowly)

    with asked_by_caller(MOST):
        outcomes = await asyncio.gather(*(ask() for _ in range(50)), return_exceptions=True)
    refused = [each for each in outcomes if each is not None]
    assert {type(each) for each in refused} == {RateLimitedError}
    assert (len(refused), await waiting(owner, organization_id)) == (50 - MOST, MOST)


async def test_a_refused_call_with_a_key_is_tried_again(graphql: GraphQL, database: Database, owner: Database) -> None:
    ada = await register(graphql)
    await fill(database, ada, MOST)
    assert (await rerun(graphql, ada, idempotencyKey="once"))["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
    async with owner.engine.begin() as connection:
        await connection.execute(text("UPDATE jobs SET state = 'SUCCEEDED'"))
    for _ in range(2):
        assert "errors" not in await rerun(graphql, ada, idempotencyKey="once")
    assert await waiting(owner, ada.organization_id) == 1


async def test_an_organization_is_deleted_all_the_same(graphql: GraphQL, database: Database, owner: Database) -> None:
    ada = await register(graphql)
    await fill(database, ada, MOST)
    values = {"organizationId": ada.organization_id, "confirmSlug": ada.slug}
    answer = await graphql.data(DELETE, {"input": values}, token=ada.token)
    assert answer["deleteOrganization"]["__typename"] == "DeleteOrganizationPayload"
    assert await waiting(owner, ada.organization_id) == MOST + 1


async def test_the_clock_and_other_jobs_are_never_refused(database: Database, owner: Database) -> None:
    organization_id = uuid4()
    for _ in range(MOST * 2):
        async with database.write(organization_id) as session:
            await enqueue(session, "probe", organization_id)
    with asked_by_caller(MOST):
        for _ in range(MOST):
            async with database.write(organization_id) as session:
                await enqueue(session, "probe", organization_id)
        with pytest.raises(RateLimitedError):
            async with database.write(organization_id) as session:
                await enqueue(session, "probe", organization_id)
        async with database.system() as session:
            await enqueue(session, "probe", None)
    async with database.write(organization_id) as session:
        await enqueue(session, "probe", organization_id)
    assert await waiting(owner, organization_id) == MOST * 3 + 1


async def test_retries_count_and_are_never_refused(database: Database, owner: Database) -> None:
    """A job that failed waits again: it is there already, so only new ones are refused."""
    organization_id = uuid4()
    with asked_by_caller(MOST):
        for _ in range(MOST):
            async with database.write(organization_id) as session:
                await enqueue(session, "probe", organization_id)
    async with database.system() as session:
        claimed = await jobs.claim_job(session, ["probe"], lease=60, most_attempts=5)
    assert claimed is not None
    with asked_by_caller(MOST):
        async with database.write(organization_id) as session:
            await enqueue(session, "probe", organization_id)
    async with database.system() as session:
        assert await jobs.retry_job(session, claimed["id"], claimed["fencing_token"], pause=0, failure="x")
    assert await waiting(owner, organization_id) == MOST + 1


async def test_a_call_that_asks_for_many_is_let_through_while_no_others_wait(
    database: Database, owner: Database
) -> None:
    organization_id = uuid4()

    async def many(count: int) -> None:
        async with database.write(organization_id) as session:
            await enqueue_all(session, "probe", organization_id, {uuid4(): {} for _ in range(count)})

    with asked_by_caller(MOST):
        await many(MOST + 5)
        with pytest.raises(RateLimitedError):
            await many(1)
        with pytest.raises(RateLimitedError):
            await many(MOST + 6)
    assert await waiting(owner, organization_id) == MOST + 5


async def test_one_job_in_the_place_of_another(database: Database, owner: Database) -> None:
    """What is rescheduled a thousand times has one job, however late it is."""
    organization_id, job_id = uuid4(), None
    with asked_by_caller(1):
        for days in range(1, 30):
            async with database.write(organization_id) as session:
                at = now() + timedelta(days=days)
                job_id = await enqueue_instead(session, job_id, "probe", organization_id, {}, at)
    assert await waiting(owner, organization_id) == 1


async def test_acts_that_ask_in_another_order_do_not_wait_in_a_circle(database: Database) -> None:
    """One writes to a row and asks, another asks and writes to the row: the count comes last in both."""
    organization_id = uuid4()

    async def lock(session: Any) -> None:
        await session.execute(text("SELECT pg_advisory_xact_lock(4711)"))

    async def ask(session: Any) -> None:
        await enqueue(session, "probe", organization_id)
        await asyncio.sleep(0.01)

    async def act(*steps: Callable[[Any], Awaitable[None]]) -> None:
        async with database.write(organization_id) as session:
            for step in steps:
                await step(session)

    with asked_by_caller(100):
        await asyncio.gather(*(act(lock, ask) if number % 2 else act(ask, lock) for number in range(20)))
