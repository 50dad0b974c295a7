"""What happens to a fleet: processes are killed and paused, Valkey is emptied, connections are cut."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import zip_longest
from math import inf

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.tasks import end_tasks
from tests.campaigns.callers import Access, Subscriber
from tests.campaigns.fleet import Fleet, Way

RECOVERY_SECONDS = 60
"""The promise. What takes longer is measured all the same, up to:"""
GIVE_UP_SECONDS = 240
HASTE = 1 / 3
FORGETTING = 0.1
"""How often Valkey is emptied beside a hit of the kill campaign: a chance."""


@dataclass
class Hit:
    """One hit, at a moment of time.monotonic(); `seconds` until all had got over it, a pause included."""

    name: str
    moment: float
    seconds: float | None = None
    last: str = ""
    """Who was the last to get over it."""


Strike = Callable[[], Awaitable[str | None]]
"""Hits something; its name, None where there was nothing to hit."""


async def strike_at_random(
    hits: int, access: Access, strike: Strike, *, haste: float = HASTE, minutes: float = inf
) -> list[Hit]:
    """Strike again and again and measure each hit; returns when all have been got over, fails when one is not.

    It strikes fewer times where so many `minutes` do not suffice. `haste` is the share of the hits that come before the
    last one has been got over.
    """
    chance, made, recoveries = access.chance, list[Hit](), list[asyncio.Task[None]]()
    end = time.monotonic() + 60 * minutes
    try:
        while len(made) < hits and time.monotonic() < end:
            if made and chance.random() >= haste:
                await recoveries[-1]
                await asyncio.sleep(chance.uniform(0.1, 1.0))
            else:
                await asyncio.sleep(chance.uniform(0.01, 0.3))
            moment = time.monotonic()
            name = await strike()
            if name is not None:
                made.append(Hit(name, moment))
                recoveries.append(asyncio.create_task(get_over(made[-1], access)))
        await asyncio.gather(*recoveries)
    finally:
        await end_tasks(*recoveries)
    return made


async def get_over(hit: Hit, access: Access) -> None:
    """Wait until everybody whom the load knows has done something that was begun after the hit."""
    try:
        async with asyncio.timeout(GIVE_UP_SECONDS):
            hit.last = await access.until_all_works(since=hit.moment)
    except TimeoutError:
        late = ", ".join(access.late(hit.moment))
        message = f"{hit.name} was not got over within {GIVE_UP_SECONDS} s by {late}"
        raise AssertionError(message) from None
    hit.seconds = time.monotonic() - hit.moment


def killing(fleet: Fleet, access: Access) -> Strike:
    """Kill and pause everything in turn, each turn in another order; now and then empty Valkey too."""
    deck: list[tuple[str, Way]] = []

    async def strike() -> str | None:
        if access.chance.random() < FORGETTING:
            await forget_all(fleet)
        if not deck:  # everybody's turn comes; a few hits are of both ways
            killed, paused = (access.chance.sample(each, len(each)) for each in (fleet.killed, fleet.paused))
            deck.extend(each for pair in zip_longest(killed, paused) for each in pair if each is not None)
        victim, way = deck.pop(0)
        if await fleet.hit(victim, way, seconds=fleet.lease * access.chance.uniform(1.1, 1.5)):
            return f"{way.value} of {victim}"
        deck.append((victim, way))  # it is being started again
        return None

    return strike


def forgetting(fleet: Fleet) -> Strike:
    """Empty Valkey."""

    async def strike() -> str | None:
        return "FLUSHALL" if await forget_all(fleet) else None

    return strike


def cutting(access: Access, subscribers: Sequence[Subscriber]) -> Strike:
    """Cut a subscriber's connection off."""

    async def strike() -> str | None:
        subscriber = access.chance.choice(subscribers)
        return f"disconnect of {subscriber.kind}" if subscriber.cut() else None

    return strike


async def forget_all(fleet: Fleet) -> bool:
    """Empty Valkey, if it is there; whether it was."""
    client = Redis.from_url((await fleet.engine_urls()).redis_url, socket_timeout=5)
    with suppress(RedisError, OSError):
        await client.flushall()
        await client.aclose()
        return True
    with suppress(RedisError, OSError):
        await client.aclose()
    return False
