"""The kill campaign: kill -9 of everything while notes are written and streamed and organizations are purged.

`pytest -m campaign --kills 200 -s` is the full form; the suite does ten kills.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError
from rich.console import Console
from sqlalchemy import text

from app.activity.record import record
from app.database import Database
from app.models import now
from app.organizations.change import PURGE_JOB
from app.queue import enqueue
from app.repositories import activity, jobs
from app.schema.node import parse_id
from tests.activity.probes import note, seeded
from tests.campaigns.callers import Access, Subscriber, Writer
from tests.campaigns.fleet import Fleet
from tests.campaigns.verdict import RECOVERY_SECONDS, Facts, Kill, judge, results
from tests.clients import GraphQL, register

WRITERS, SUBSCRIBERS = 4, 3
CONDEMNED_EVENTS = 500
SECONDS_TO_REST = 300  # jobs wait up to a lease and a pause between attempts
NEW_KEY = """
mutation Key($input: CreateApiKeyInput!) {
  createApiKey(input: $input) { ... on CreateApiKeyPayload { key } ... on UserError { message } }
}
"""
BEGIN = """
mutation Begin($input: AddNoteInput!) {
  addNote(input: $input) { ... on AddNotePayload { event { cursor sequence } } ... on UserError { message } }
}
"""


@pytest.mark.campaign
async def test_no_kill_loses_doubles_or_reorders_anything(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    kills: int = request.config.getoption("--kills")
    async with Fleet(tmp_path) as fleet:
        try:
            facts = await carry_out(fleet, kills, seeded(kills))
        except BaseException:
            Console().print(fleet.last_words(), markup=False, highlight=False)
            raise
        Console(width=110).print(results(facts))
        judge(facts)


async def carry_out(fleet: Fleet, kills: int, chance: random.Random) -> Facts:
    """Write, follow and purge while everything is killed, then let it come to rest and look."""
    access, start, cursor = await prepare(fleet, chance)
    condemned = await condemn(fleet, chance, kills)
    writers = [Writer(f"writer-{number}", access) for number in range(WRITERS)]
    subscribers = [Subscriber(f"subscriber-{number}", access, cursor) for number in range(SUBSCRIBERS)]
    stop = asyncio.Event()
    writing = [asyncio.create_task(writer.run(stop)) for writer in writers]
    following = [asyncio.create_task(subscriber.run()) for subscriber in subscribers]
    try:
        killed = await kill_at_random(fleet, kills, access)
        await get_over(killed[-1], access)
        stop.set()
        await asyncio.gather(*writing)
        goal = await writers[0].write_last()
        async with asyncio.timeout(SECONDS_TO_REST):
            await asyncio.gather(*(subscriber.reach(goal) for subscriber in subscribers))
    finally:
        for task in (*writing, *following):
            task.cancel()
        await asyncio.gather(*writing, *following, return_exceptions=True)
    states, attempts, rows_left = await purged(fleet, condemned)
    stored = await stored_after(fleet, parse_id(access.organization_id).id, start)
    return Facts(
        writers,
        subscribers,
        start,
        goal,
        stored,
        killed,
        states,
        attempts,
        rows_left,
        fleet.died_alone(),
        fleet.failed_starts(),
    )


async def prepare(fleet: Fleet, chance: random.Random) -> tuple[Access, int, str]:
    """An organization, a key that outlasts the campaign, and the place after which subscribers begin."""
    async with httpx.AsyncClient(base_url=fleet.urls[0], timeout=120) as client:
        graphql = GraphQL(client)
        ada = await register(graphql)
        scopes = ["ORGANIZATION_READ", "ACTIVITY_WRITE"]
        wanted = {"organizationId": ada.organization_id, "name": "campaign", "scopes": scopes}
        key = (await graphql.data(NEW_KEY, {"input": wanted}, token=ada.token))["createApiKey"]["key"]
        begin = {"organizationId": ada.organization_id, "text": "begin"}
        event = (await graphql.data(BEGIN, {"input": begin}, api_key=key))["addNote"]["event"]
    return Access(fleet.urls, ada.organization_id, key, chance), event["sequence"], event["cursor"]


async def condemn(fleet: Fleet, chance: random.Random, kills: int) -> list[UUID]:
    """Deleted organizations, each with a job that purges it at some moment of the campaign."""
    organizations = [uuid4() for _ in range(max(4, kills // 4))]
    urls = await fleet.engine_urls()
    owner, database = Database.connect(urls.database_url, role=None), Database.connect(urls.database_url)
    for organization_id in organizations:
        async with owner.engine.begin() as connection:
            await connection.execute(
                text(
                    "INSERT INTO organizations (id, slug, name, currency, created_at, updated_at, deleted_at) "
                    "VALUES (:id, :slug, 'condemned', 'USD', now(), now(), now())"
                ),
                {"id": organization_id, "slug": f"condemned-{organization_id}"},
            )
        async with database.write(organization_id) as session:
            await record(session, organization_id, *(note(str(number)) for number in range(CONDEMNED_EVENTS)))
            moment = now() + timedelta(seconds=chance.uniform(0, kills))
            await enqueue(session, PURGE_JOB, organization_id, wake_at=moment)
    await database.close()
    await owner.close()
    return organizations


async def kill_at_random(fleet: Fleet, kills: int, access: Access) -> list[Kill]:
    """Kill one after the other, a third of them before the last has been got over; now and then empty Valkey."""
    chance, killed = access.chance, list[Kill]()
    deck: list[str] = []
    while len(killed) < kills:
        if chance.random() < 1 / 3:
            await asyncio.sleep(chance.uniform(0.05, 0.5))
        else:
            if killed:
                await get_over(killed[-1], access)
            await asyncio.sleep(chance.uniform(0.1, 1.5))
        if chance.random() < 0.1:
            await forget_all(fleet)
        if not deck:  # everybody's turn comes, also in a short campaign
            deck = chance.sample(fleet.victims, len(fleet.victims))
        victim = deck.pop()
        if await fleet.kill(victim):
            killed.append(Kill(victim, time.monotonic()))
        else:  # it is being started again
            deck.insert(0, victim)
    return killed


async def get_over(kill: Kill, access: Access) -> None:
    """Wait until each API process has acknowledged a note that was sent after the kill."""
    async with asyncio.timeout(RECOVERY_SECONDS):
        while any(access.served.get(url, 0) < kill.moment for url in access.urls):
            access.again.clear()
            await access.again.wait()
    kill.seconds = time.monotonic() - kill.moment


async def forget_all(fleet: Fleet) -> None:
    """Empty Valkey, if it is there."""
    client = Redis.from_url((await fleet.engine_urls()).redis_url)
    with suppress(RedisError, OSError):
        await client.flushall()
    with suppress(RedisError, OSError):
        await client.aclose()


async def purged(fleet: Fleet, condemned: list[UUID]) -> tuple[Counter[str], Counter[int], int]:
    """Wait until all purges have ended; the states and attempts of their jobs, and how many rows they left."""
    database = Database.connect((await fleet.engine_urls()).database_url, role=None)
    async with asyncio.timeout(SECONDS_TO_REST):
        while True:
            async with database.engine.connect() as connection:
                found = (await connection.execute(jobs.JOBS.select().where(jobs.JOBS.c.kind == PURGE_JOB))).all()
            if all(row.state in {"SUCCEEDED", "DEAD"} for row in found):
                break
            await asyncio.sleep(0.2)
    statement = text("SELECT count(*) FROM activity_events WHERE organization_id = ANY(:ids)")
    async with database.engine.connect() as connection:
        left = (await connection.execute(statement, {"ids": condemned})).scalar_one()
    await database.close()
    assert len(found) == len(condemned)
    return Counter(row.state for row in found), Counter(row.attempts for row in found), left


async def stored_after(fleet: Fleet, organization_id: UUID, start: int) -> list[tuple[int, str]]:
    """The events that PostgreSQL has after a number."""
    database = Database.connect((await fleet.engine_urls()).database_url)
    rows = await activity.read_events(database, organization_id, start, 10_000_000)
    await database.close()
    return [(row["sequence"], row["data"]["text"]) for row in rows]
