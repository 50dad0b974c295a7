"""Whose turn it is: no organization waits for another one's hundreds of jobs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.embedded import EngineUrls
from app.repositories import jobs
from app.workers.runner import RunningJob
from tests.workers.probes import IDLE, make_runner, put, until, until_state

GREEDY, MODEST, LATE = (UUID(int=number) for number in (1, 2, 3))


async def claim(database: Database) -> UUID | None:
    """Claim the next job; the organization whose turn it is."""
    async with database.system() as session:
        row = await jobs.claim_job(session, ["probe"], lease=60, most_attempts=5)
    assert row is not None
    return row["organization_id"]  # type: ignore[no-any-return]


async def test_the_organization_with_the_fewest_running_jobs_is_next(database: Database) -> None:
    for _ in range(6):
        await put(database, organization_id=GREEDY)
    for organization_id in (MODEST, MODEST, LATE):
        await put(database, organization_id=organization_id)
    turns = [await claim(database) for _ in range(9)]
    assert turns == [GREEDY, MODEST, LATE, GREEDY, MODEST, GREEDY, GREEDY, GREEDY, GREEDY]


async def test_among_equals_who_has_waited_longest(database: Database) -> None:
    for organization_id in (LATE, GREEDY, MODEST):
        await put(database, organization_id=organization_id)
    assert [await claim(database) for _ in range(3)] == [LATE, GREEDY, MODEST]


async def test_jobs_of_the_system_and_those_of_the_dead_come_first(database: Database) -> None:
    await put(database, organization_id=GREEDY)
    async with database.system() as session:
        assert await jobs.claim_job(session, ["probe"], lease=0, most_attempts=5) is not None
    await put(database, organization_id=MODEST)
    await put(database)
    assert [await claim(database) for _ in range(3)] == [GREEDY, None, MODEST]


async def test_what_no_worker_can_run_stops_nobody(database: Database) -> None:
    await put(database, "of tomorrow", GREEDY)
    spent = await put(database, organization_id=GREEDY)
    async with database.system() as session:
        await session.execute(jobs.JOBS.update().where(jobs.JOBS.c.id == spent).values(attempts=5))
        await session.execute(text("UPDATE jobs SET wake_at = wake_at - interval '1 hour'"))
    await put(database, organization_id=GREEDY)
    await put(database, organization_id=MODEST)
    assert {await claim(database), await claim(database)} == {GREEDY, MODEST}


async def test_every_claim_of_many_at_once_takes_another_job(database: Database) -> None:
    for number in range(40):
        await put(database, organization_id=UUID(int=number % 4 + 1))
    taken: list[UUID] = []

    async def take() -> None:
        while True:
            async with database.system() as session:
                row = await jobs.claim_job(session, ["probe"], lease=60, most_attempts=5)
            if row is None:
                return
            taken.append(row["id"])

    await asyncio.gather(*(take() for _ in range(8)))
    assert len(taken) == len(set(taken)) == 40


async def test_a_wake_up_serves_whose_turn_it_is(database: Database, engine_urls: EngineUrls) -> None:
    """A flood of wake-ups for one organization runs another's job as soon as a slot is free."""
    order: list[UUID | None] = []

    async def note(job: RunningJob) -> None:
        order.append(job.organization_id)
        await asyncio.sleep(0.02)

    flood = [await put(database, organization_id=GREEDY) for _ in range(30)]
    modest = await put(database, organization_id=MODEST)
    runner = make_runner(database, engine_urls.redis_url, {"probe": note}, IDLE)
    await asyncio.gather(*(runner.run(job_id) for job_id in flood))
    assert MODEST in order[:2]
    await runner.run(modest)
    for job_id in (*flood, modest):
        await until_state(database, job_id, "SUCCEEDED")


async def test_long_jobs_of_one_leave_slots_for_the_others(database: Database, engine_urls: EngineUrls) -> None:
    """Nobody else waits when they begin, and they do not end: who comes later finds a slot all the same."""
    begun: list[UUID | None] = []
    gate = asyncio.Event()

    async def wait(job: RunningJob) -> None:
        begun.append(job.organization_id)
        if job.organization_id == GREEDY:
            await gate.wait()

    flood = [await put(database, organization_id=GREEDY) for _ in range(12)]
    runner = make_runner(database, engine_urls.redis_url, {"probe": wait}, replace(IDLE, slots=6, per_organization=4))
    await runner.sweep()
    running = [asyncio.create_task(runner.run(job_id)) for job_id in flood]
    await until(lambda: len(begun) == 4)
    modest, of_the_system = await put(database, organization_id=MODEST), await put(database)
    for job_id in (modest, of_the_system):
        await runner.run(job_id)
        await until_state(database, job_id, "SUCCEEDED")
    assert (begun[:4], set(begun[4:])) == ([GREEDY] * 4, {MODEST, None})
    gate.set()
    for job_id in flood:  # whoever ends makes room for the next of its own
        await until_state(database, job_id, "SUCCEEDED")
    await asyncio.gather(*running)


async def test_what_a_full_organization_has_lost_waits_for_its_own_slots(database: Database) -> None:
    job_id = await put(database, organization_id=GREEDY)
    async with database.system() as session:
        assert await jobs.claim_job(session, ["probe"], lease=0, most_attempts=5) is not None
        await session.commit()
    async with database.system() as session:
        assert await jobs.claim_job(session, ["probe"], lease=60, most_attempts=5, full=[GREEDY]) is None
        row = await jobs.claim_job(session, ["probe"], lease=60, most_attempts=5, full=[MODEST])
    assert row is not None
    assert row["id"] == job_id


async def test_a_claim_reads_little_however_much_is_queued(database: Database, owner: Database) -> None:
    """The plan jumps from tenant to tenant through an index and sorts no queue."""
    async with owner.engine.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO jobs (id, organization_id, kind, arguments, state, attempts, fencing_token, wake_at, "
                "created_at) SELECT gen_random_uuid(), :greedy, 'probe', '{}', 'QUEUED', 0, 0, now(), now() "
                "FROM generate_series(1, 10000)"
            ),
            {"greedy": GREEDY},
        )
        await connection.execute(text("ANALYZE jobs"))
    for _ in range(20):
        await put(database, organization_id=uuid4())
    async with database.system() as session:
        values = {"kinds": ["probe"], "lease": 60, "most_attempts": 5, "full": [uuid4()]}
        explained = text("EXPLAIN (ANALYZE, FORMAT JSON) " + jobs._CLAIM.text)
        (plan,) = (await session.execute(explained, values)).scalar_one()
    assert _most_rows(plan["Plan"]) < 1_000


def _most_rows(node: dict[str, object]) -> float:
    """The most rows that any node of a plan has read or thrown away."""
    read = float(node["Actual Rows"]) + float(node.get("Rows Removed by Filter", 0))  # type: ignore[arg-type]
    children: list[dict[str, object]] = node.get("Plans", [])  # type: ignore[assignment]
    return max([read, *(_most_rows(child) for child in children)])


async def test_who_is_turned_away_as_the_last_job_ends_is_served(
    database: Database, engine_urls: EngineUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The claim passes over an organization whose only slot comes back while the claim is on its way."""
    gate = asyncio.Event()

    async def wait(_: RunningJob) -> None:
        await gate.wait()

    first = await put(database, organization_id=GREEDY)
    runner = make_runner(database, engine_urls.redis_url, {"probe": wait}, replace(IDLE, per_organization=1))
    running = asyncio.create_task(runner.run(first))
    await until(lambda: runner.running == 1)
    second = await put(database, organization_id=GREEDY)
    claim = jobs.claim_job

    async def late(*args: Any, **values: Any) -> Any:
        gate.set()
        await until(lambda: runner.running == 0)
        return await claim(*args, **values)

    monkeypatch.setattr(jobs, "claim_job", late)
    await runner.run(second)
    await running
    await until_state(database, second, "SUCCEEDED")


async def test_who_is_turned_away_is_served_when_the_last_job_ends_before_the_claim_is_over(
    database: Database, engine_urls: EngineUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The claim has passed over an organization, and its only slot comes back while the transaction is closed."""
    gate = asyncio.Event()

    async def wait(_: RunningJob) -> None:
        await gate.wait()

    first = await put(database, organization_id=GREEDY)
    runner = make_runner(database, engine_urls.redis_url, {"probe": wait}, replace(IDLE, per_organization=1))
    running = asyncio.create_task(runner.run(first))
    await until(lambda: runner.running == 1)
    second = await put(database, organization_id=GREEDY)
    door = runner._system

    @asynccontextmanager
    async def slow_to_close() -> AsyncIterator[AsyncSession]:
        monkeypatch.setattr(runner, "_system", door)
        async with door() as session:
            yield session
        gate.set()
        await until(lambda: first not in runner._running)

    monkeypatch.setattr(runner, "_system", slow_to_close)
    await runner.run(second)
    await running
    await until_state(database, second, "SUCCEEDED")


async def test_who_was_turned_away_is_looked_for_again_where_no_slot_was_free_to_look(
    database: Database, engine_urls: EngineUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look after a job's end finds all slots held by wake-ups, of which each takes one job: there is one more."""
    gate = asyncio.Event()

    async def wait(_: RunningJob) -> None:
        await gate.wait()

    job_ids = [await put(database, organization_id=GREEDY) for _ in range(5)]
    settings = replace(IDLE, slots=3, per_organization=2)
    runner = make_runner(database, engine_urls.redis_url, {"probe": wait}, settings)
    running = [asyncio.create_task(runner.run(job_id)) for job_id in job_ids[:2]]
    await until(lambda: runner.running == 2)
    await runner.run(job_ids[2])  # turned away
    claim = jobs.claim_job

    async def late(*args: Any, **values: Any) -> Any:
        monkeypatch.setattr(jobs, "claim_job", claim)
        gate.set()
        await until(lambda: runner.running == 0)
        return await claim(*args, **values)

    monkeypatch.setattr(jobs, "claim_job", late)
    await asyncio.gather(*(runner.run(job_id) for job_id in job_ids[3:]), *running)
    for job_id in job_ids:
        await until_state(database, job_id, "SUCCEEDED")
