"""The load of a campaign, what happens to the fleet under it, and what is there when all has come to rest."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from app.database import Database
from app.repositories import activity
from app.tasks import end_tasks
from app.workers.runner import RunnerSettings
from tests.activity.probes import seeded
from tests.campaigns.callers import NOTE, Access, StreamSubscriber, Subscriber, Writer
from tests.campaigns.effects import effects_of
from tests.campaigns.fleet import LEASE_SECONDS, Fleet
from tests.campaigns.hits import Hit
from tests.campaigns.record import Telling
from tests.campaigns.requesters import Requester, importer, scanner
from tests.campaigns.settling import Settled, settle
from tests.campaigns.verdict import Facts, judge, results

WRITERS = 4
SECONDS_TO_REST = 300  # jobs wait up to a lease and a pause between attempts
Trouble = Callable[[Fleet, Access, list[Subscriber]], Awaitable[list[Hit]]]
"""What happens to a fleet while the load goes on; returns when it has been got over."""


@dataclass(frozen=True)
class Load:
    """Who is there beside those who write notes."""

    sockets: int = 2
    streams: int = 1
    """Subscribers, on sockets and over server-sent events."""
    scans: bool = True
    imports: bool = True
    condemned: int = 0
    """Organizations that are purged."""
    seconds: float = 0
    """In which they are."""
    lease: float = LEASE_SECONDS
    """Of a job."""

    @property
    def workers(self) -> int:
        """How many it takes."""
        return 2 if self.scans or self.imports or self.condemned else 0


async def undergo(telling: Telling, name: str, folder: Path, trouble: Trouble, load: Load) -> None:
    """A whole campaign: a fleet, its ordeal, the figures, the judgement."""
    async with Fleet(folder, workers=load.workers, lease=load.lease) as fleet:
        facts = await carry_out(fleet, trouble, seeded(telling.wanted), load)
    lease = (
        [("lease of a job", f"{load.lease:g} s; the product's is {RunnerSettings.lease:g} s")] if load.workers else []
    )
    telling.show(f"{name}: {len(facts.hits)} hits", len(facts.hits), [*lease, *results(facts)])
    judge(facts)


async def carry_out(fleet: Fleet, trouble: Trouble, chance: random.Random, load: Load) -> Facts:
    """Put a fleet that is ready under load while there is trouble, let it come to rest and look."""
    try:
        return await _carry_out(fleet, trouble, chance, load)
    except BaseException:
        Console().print(fleet.last_words(), markup=False, highlight=False)
        raise


async def _carry_out(fleet: Fleet, trouble: Trouble, chance: random.Random, load: Load) -> Facts:
    settled = await settle(fleet, chance, cloud=load.scans, condemned=load.condemned, seconds=load.seconds)
    access = settled.access
    writers = [Writer(f"writer-{number}", access) for number in range(WRITERS)]
    requesters = [scanner(access)] if load.scans else []
    requesters += [importer(access, settled.upload_ids)] if load.imports else []
    subscribers = [Subscriber(f"socket-{number}", access, settled.cursor) for number in range(load.sockets)]
    subscribers += [StreamSubscriber(f"stream-{number}", access, settled.cursor) for number in range(load.streams)]
    names = [each.name for each in subscribers] + [each.name for each in requesters]
    access.works.update(dict.fromkeys([*access.urls, *names], 0.0))
    stop = asyncio.Event()
    working = [asyncio.create_task(writer.run(stop)) for writer in writers]
    working += [asyncio.create_task(requester.run(stop)) for requester in requesters]
    following = [asyncio.create_task(subscriber.run()) for subscriber in subscribers]
    try:
        async with asyncio.timeout(SECONDS_TO_REST):
            await access.until_all_works(since=1.0)
        made = await trouble(fleet, access, subscribers)
        stop.set()
        async with asyncio.timeout(SECONDS_TO_REST):
            await asyncio.gather(*working)
            goal = await writers[0].write_last()
            await asyncio.gather(*(subscriber.reach(goal) for subscriber in subscribers))
    finally:
        await end_tasks(*working, *following)
    return await facts_of(fleet, settled, writers, requesters, subscribers, made, goal)


async def facts_of(
    fleet: Fleet,
    settled: Settled,
    writers: list[Writer],
    requesters: list[Requester],
    subscribers: list[Subscriber],
    made: list[Hit],
    goal: int,
) -> Facts:
    """What there is to judge."""
    urls = await fleet.engine_urls()
    effects = await effects_of(urls.database_url, settled, SECONDS_TO_REST)
    database = Database.connect(urls.database_url)
    rows = await activity.read_events(database, settled.organization_id, settled.start, 10_000_000)
    await database.close()
    return Facts(
        settled=settled,
        writers=writers,
        requesters=requesters,
        subscribers=subscribers,
        goal=goal,
        stored=[(row["sequence"], row["data"]["text"] if row["kind"] == NOTE else row["kind"]) for row in rows],
        hits=made,
        effects=effects,
        late_workers=fleet.late_workers(),
        died_alone=fleet.died_alone(),
        failed_starts=fleet.failed_starts(),
    )
