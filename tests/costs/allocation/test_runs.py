"""Other promoted tag keys and other rules reach past months by jobs: whole months, resumable, one after the other."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from app.costs.allocation.figures import FIGURES_JOB, count_tag_keys, want_figures
from app.costs.allocation.promote import set_promoted_tag_keys
from app.costs.allocation.runs import ALLOCATION_JOB, rerun_allocation, run_allocation
from app.costs.allocation.tag_keys import allocation_id
from app.database import Database
from app.embedded import EngineUrls
from app.errors import BadUserInputError, ConflictError
from app.models import new_id, now
from app.records import Actor, ActorKind
from app.records.allocation import AllocationMethod, Target
from app.repositories import allocation, tag_key_figures, tag_keys
from app.repositories.cost_locks import lock_costs
from tests.costs.allocation.makers import MONTH, allocated, make_organization, make_teams, rule, store_rules
from tests.costs.allocation.store import Spent, fill, roll_up
from tests.workers.probes import make_runner

ADA = Actor(ActorKind.USER, UUID(int=7))
NOVEMBER = date(2026, 11, 1)
HANDLERS = {ALLOCATION_JOB: run_allocation, FIGURES_JOB: count_tag_keys}
SPENT = [
    Spent(MONTH, Decimal("1.5"), tags={"Team": "Web", "env": "prod"}),
    Spent(date(2026, 10, 31), Decimal("2.25"), tags={" team": "web"}),
    Spent(MONTH, Decimal(4), tags={"env": "prod"}),
    Spent(NOVEMBER, Decimal(8), tags={"team": "Data", "TEAM": "x"}),
    Spent(NOVEMBER, Decimal(16)),
]


@pytest.fixture
def redis_url(engine_urls: EngineUrls) -> str:
    return engine_urls.redis_url


async def work(database: Database, redis_url: str, handlers: Any = HANDLERS) -> None:
    """Do what is due until nothing is left."""
    runner = make_runner(database, redis_url, handlers)
    async with asyncio.timeout(60):
        while (job := await runner._take()) is not None:
            assert job.task is not None
            await asyncio.wait([job.task])


async def rows(owner: Database, statement: str, organization_id: UUID) -> list[tuple[Any, ...]]:
    async with owner.engine.connect() as connection:
        return [tuple(row) for row in await connection.execute(text(statement), {"id": organization_id})]


async def tables(owner: Database, organization_id: UUID) -> dict[str, list[tuple[Any, ...]]]:
    """The roll-ups by tags, in the order of their keys."""
    return {
        table: await rows(
            owner,
            f"SELECT * FROM {table} WHERE organization_id = :id ORDER BY 1, 2, 3, 4, 5",  # noqa: S608  (constants)
            organization_id,
        )
        for table in ("tag_daily", "tag_service_daily", "tag_total_daily")
    }


async def last_run(database: Database, organization_id: UUID) -> Any:
    async with database.read(organization_id) as session:
        return (await allocation.newest_runs(session, organization_id, 1))[0]


async def test_promoted_keys_reach_every_month(owner: Database, database: Database, redis_url: str) -> None:
    organization_id = await make_organization(owner)
    await fill(owner, organization_id, SPENT, ["env"])
    keys, run = await set_promoted_tag_keys(database, organization_id, ADA, [" Team "])
    assert keys == ("team",)
    assert run is not None
    assert run["state"] == "QUEUED"
    await work(database, redis_url)
    run = await last_run(database, organization_id)
    assert (run["kind"], run["state"], run["months_done"]) == ("TAG_KEYS", "SUCCEEDED", 2)
    assert (run["from_month"], run["to_month"], run["next_month"]) == (MONTH, NOVEMBER, None)
    sets = {
        row[0]: row[1]
        for row in await rows(
            owner, "SELECT id, tags FROM allocation_sets WHERE organization_id = :id", organization_id
        )
    }
    assert sets == {allocation_id(tags): tags for tags in ({"team": "Web"}, {"team": "web"}, {"team": "Data"})}
    derived = await rows(owner, "SELECT tags, allocation_id FROM tag_sets WHERE organization_id = :id", organization_id)
    assert {str(tags): id_ for tags, id_ in derived} == {
        str(tags): id_
        for tags, id_ in (
            ({"env": "prod", "Team": "Web"}, allocation_id({"team": "Web"})),
            ({" team": "web"}, allocation_id({"team": "web"})),
            ({"env": "prod"}, 0),
            ({"TEAM": "x", "team": "Data"}, allocation_id({"team": "Data"})),
        )
    }
    found = await tables(owner, organization_id)
    async with owner.engine.begin() as connection:
        await roll_up(connection, organization_id)
    assert await tables(owner, organization_id) == found, "as the roll-ups of the importer would be"


async def test_the_order_of_keys_is_no_reason_for_a_run(owner: Database, database: Database, redis_url: str) -> None:
    organization_id = await make_organization(owner)
    await set_promoted_tag_keys(database, organization_id, ADA, ["a", "b"])
    await work(database, redis_url)
    keys, run = await set_promoted_tag_keys(database, organization_id, ADA, ["B", "a"])
    assert (keys, run) == (("b", "a"), None)
    async with database.read(organization_id) as session:
        assert await tag_keys.promoted_keys(session, organization_id) == ("b", "a")
    run = await last_run(database, organization_id)
    assert (run["state"], run["months_done"], run["from_month"]) == ("SUCCEEDED", 0, None)


@pytest.mark.parametrize(
    "keys", [["a", " A"], [""], ["x" * 257], [f"key {number}" for number in range(21)], ["a\x00"], ["\ud800"]]
)
async def test_keys_that_cannot_be_promoted(database: Database, keys: list[str]) -> None:
    with pytest.raises(BadUserInputError):
        await set_promoted_tag_keys(database, new_id(), ADA, keys)


async def test_a_key_that_a_rule_uses_stays(owner: Database, database: Database) -> None:
    organization_id = await make_organization(owner)
    await set_promoted_tag_keys(database, organization_id, ADA, ["team"])
    await store_rules(database, organization_id, rule(AllocationMethod.BY_TAG, tag_key="team", name="By team"))
    with pytest.raises(ConflictError, match="'By team' uses the tag key `team`"):
        await set_promoted_tag_keys(database, organization_id, ADA, ["env"])


async def test_a_later_run_takes_over_what_is_left(owner: Database, database: Database, redis_url: str) -> None:
    organization_id = await make_organization(owner)
    names = await make_teams(database, organization_id, "Web")
    await fill(owner, organization_id, SPENT)
    await store_rules(database, organization_id, rule(AllocationMethod.DIRECT, Target(names["Web"])))
    first = await rerun_allocation(database, organization_id, ADA, NOVEMBER, date(2027, 3, 1))
    second = await rerun_allocation(database, organization_id, ADA, date(2020, 1, 1), MONTH)
    assert (second["from_month"], second["to_month"]) == (date(2020, 1, 1), date(2027, 3, 1))
    await work(database, redis_url)
    async with database.read(organization_id) as session:
        runs = {run["id"]: run for run in await allocation.newest_runs(session, organization_id, 5)}
    assert (runs[first["id"]]["state"], runs[first["id"]]["months_done"]) == ("SUPERSEDED", 0)
    done = runs[second["id"]]
    assert (done["state"], done["months_done"], done["from_month"], done["to_month"]) == (
        "SUCCEEDED",
        2,
        MONTH,
        NOVEMBER,
    )
    teams = {row["team_id"] for row in await allocated(owner, organization_id)}
    assert teams == {names["Web"]}


async def test_a_worker_goes_on_where_another_ended(owner: Database, database: Database, redis_url: str) -> None:
    organization_id = await make_organization(owner)
    names = await make_teams(database, organization_id, "Web")
    await fill(owner, organization_id, SPENT)
    await store_rules(database, organization_id, rule(AllocationMethod.DIRECT, Target(names["Web"])))
    run = await rerun_allocation(database, organization_id, ADA, MONTH, NOVEMBER)

    async def stopped(job: Any) -> None:
        """Stop the job after its first month, as a worker that goes down does."""
        progressed = job.progressed

        async def stop(session: Any) -> None:
            job.stopping = True
            await progressed(session)

        job.progressed = stop
        await run_allocation(job)

    runner = make_runner(database, redis_url, {ALLOCATION_JOB: stopped})
    await runner.run(run["job_id"])
    between = await last_run(database, organization_id)
    assert (between["state"], between["months_done"], between["next_month"]) == ("RUNNING", 1, MONTH)
    assert {row["day"] for row in await allocated(owner, organization_id)} == {NOVEMBER}
    await work(database, redis_url)
    ended = await last_run(database, organization_id)
    assert (ended["state"], ended["months_done"]) == ("SUCCEEDED", 2)
    assert sum(row["billed_cost"] for row in await allocated(owner, organization_id)) == Decimal("31.75")


async def test_a_run_waits_for_an_import(owner: Database, database: Database, redis_url: str) -> None:
    organization_id = await make_organization(owner)
    names = await make_teams(database, organization_id, "Web")
    await fill(owner, organization_id, SPENT)
    await store_rules(database, organization_id, rule(AllocationMethod.DIRECT, Target(names["Web"])))
    await rerun_allocation(database, organization_id, ADA, MONTH, NOVEMBER)
    async with database.write(organization_id) as session:
        await lock_costs(session, organization_id)
        working = asyncio.create_task(work(database, redis_url))
        done, _ = await asyncio.wait([working], timeout=1.5)
        assert not done
        assert await allocated(owner, organization_id) == []
    await working
    assert (await last_run(database, organization_id))["state"] == "SUCCEEDED"


async def test_figures_tell_spellings_sets_and_share(
    owner: Database, database: Database, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = now() - datetime(2026, 11, 22, tzinfo=UTC)  # of a day on which October is the last month that is over
    monkeypatch.setattr("app.costs.allocation.figures.now", lambda: now() - ahead)
    organization_id = await make_organization(owner)
    await fill(owner, organization_id, [*SPENT, Spent(MONTH, Decimal(2), billing_currency="EUR")])
    async with database.write(organization_id) as session:
        await want_figures(session, organization_id)
        await want_figures(session, organization_id)
    await work(database, redis_url)
    async with database.read(organization_id) as session:
        found = {row["key"]: row for row in await tag_key_figures.figures(session, organization_id, 10)}
    assert {key: (row["tag_sets"], row["month"], row["position"]) for key, row in found.items()} == {
        "team": (3, MONTH, None),
        "env": (2, MONTH, None),
    }
    assert sorted(found["team"]["spellings"]) == [" team", "TEAM", "Team", "team"]
    assert found["team"]["costs"] == [
        {"currency": "EUR", "cost": "0", "total": "2"},
        {"currency": "USD", "cost": "3.75", "total": "7.75"},
    ]
    async with database.system() as session:
        jobs = await session.execute(text("SELECT state FROM jobs WHERE kind = :kind"), {"kind": FIGURES_JOB})
        assert jobs.scalars().all() == ["SUCCEEDED", "SUCCEEDED"]


async def test_figures_are_counted_by_many_at_once(owner: Database, database: Database, redis_url: str) -> None:
    organization_id = await make_organization(owner)
    await fill(owner, organization_id, SPENT)
    async with database.write(organization_id) as session:
        for _ in range(6):
            await want_figures(session, organization_id)
    runner = make_runner(database, redis_url, HANDLERS)
    while await runner._take() is not None:  # as many of an organization as may run at a time; these take the others
        pass
    statement = "SELECT id, state, attempts FROM jobs WHERE organization_id = :id"
    async with asyncio.timeout(60):
        while any(state in {"QUEUED", "RUNNING"} for _, state, _ in await rows(owner, statement, organization_id)):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert [one[1:] for one in await rows(owner, statement, organization_id)] == [("SUCCEEDED", 1)] * 6
    statement = "SELECT key, tag_sets FROM tag_key_figures WHERE organization_id = :id ORDER BY key"
    assert await rows(owner, statement, organization_id) == [("env", 2), ("team", 3)]


async def test_older_figures_never_take_the_place_of_newer_ones(database: Database, owner: Database) -> None:
    organization_id = await make_organization(owner)
    older, newer = now(), now()
    row = {"key": "env", "spellings": ["env"], "month": None, "costs": []}
    for moment, count in ((newer, 2), (older, 1)):
        async with database.write(organization_id) as session:
            await tag_key_figures.replace_figures(
                session, organization_id, moment, [{**row, "tag_sets": count, "counted_at": moment}]
            )
    assert await rows(owner, "SELECT tag_sets FROM tag_key_figures WHERE organization_id = :id", organization_id) == [
        (2,)
    ]
