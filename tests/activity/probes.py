"""Writers and followers of the activity tests."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import UUID

from redis.asyncio import Redis

from app.activity.record import record
from app.activity.stream import ActivityFeed, FeedSettings, Step
from app.database import Database
from app.records import Actor, ActorKind, EventKind, NewEvent

SYSTEM = Actor(ActorKind.SYSTEM)
# A poll that never comes in a test: whoever still hears of an event heard it another way.
NO_POLL = FeedSettings(poll=3600)
NOWHERE = "unix:///nonexistent/valkey.sock"


def note(text: str) -> NewEvent:
    """An event with a text."""
    return NewEvent(EventKind.NOTE_ADDED, SYSTEM, data={"text": text})


async def write(database: Database, organization_id: UUID, *texts: str) -> int:
    """Record events in a transaction of their own; returns the last number."""
    async with database.write(organization_id) as session:
        return await record(session, organization_id, *(note(text) for text in texts))


@asynccontextmanager
async def running_feed(
    database: Database, valkey: Redis, settings: FeedSettings | None = None
) -> AsyncIterator[ActivityFeed]:
    """A feed that runs."""
    feed = ActivityFeed(database, valkey, settings)
    await feed.start()
    try:
        yield feed
    finally:
        await feed.stop()


async def take(stream: AsyncIterator[Step], count: int) -> list[str]:
    """The texts of the next events; fails when they do not come in 60 s."""
    texts: list[str] = []
    async with asyncio.timeout(60):
        while len(texts) < count:
            step = await anext(stream)
            if step.event is not None:
                texts.append(step.event["data"]["text"])
    return texts


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition; fails when it does not come in 60 s."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0.01)


def seeded(seed: int) -> random.Random:
    """Chance that repeats itself."""
    return random.Random(seed)  # noqa: S311 - not a secret
