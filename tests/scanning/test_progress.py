"""Followers of a scan see each state soon, whatever happens to the announcements, and the end for certain."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from uuid import UUID, uuid4

import pytest
from redis.asyncio import Redis

from app.activity.stream import FeedStoppedError
from app.database import Database
from app.errors import NotFoundError
from app.scanning.feed import ScanFeed, ScanFeedSettings, ScanProgress
from app.scanning.progress import CHANNEL, ScanAnnouncer, decode_scans, encode_scans
from tests.activity.probes import NOWHERE
from tests.scanning.engine import Engine
from tests.scanning.local_cloud import World

NO_POLL = ScanFeedSettings(poll=3600, least=0.01)


@asynccontextmanager
async def running(database: Database, valkey: Redis, settings: ScanFeedSettings = NO_POLL) -> AsyncIterator[ScanFeed]:
    feed = ScanFeed(database, valkey, settings)
    await feed.start()
    try:
        yield feed
    finally:
        await feed.stop()


@pytest.fixture
async def elsewhere(fresh_database_url: str) -> AsyncIterator[Database]:
    """The doors of another process: its commits are not heard here."""
    found = Database.connect(fresh_database_url)
    yield found
    await found.close()


async def to_the_end(stream: AsyncGenerator[ScanProgress]) -> list[ScanProgress]:
    async with asyncio.timeout(60), aclosing(stream):
        return [progress async for progress in stream]


async def test_a_scan_is_followed_from_queued_to_its_end_in_every_process(
    engine: Engine, world: World, elsewhere: Database, valkey: Redis
) -> None:
    world.seconds = 0.02
    await engine.connect()
    (started,) = (await engine.start()).scans
    announcer = ScanAnnouncer(engine.database, valkey)
    await announcer.start()
    async with running(elsewhere, valkey) as feed:
        streams = [feed.follow(engine.organization_id, started["id"]) for _ in range(3)]
        firsts = [await anext(stream) for stream in streams]
        following = [asyncio.create_task(to_the_end(stream)) for stream in streams]
        await _until_subscribed(valkey)
        await engine.runner().run(started["job_id"])
        answers = await asyncio.gather(*following)
    await announcer.stop()
    for first, later in zip(firsts, answers, strict=True):
        seen = [first, *later]
        assert seen[0].scan["state"] == "QUEUED"
        assert seen[-1].scan["state"] == "SUCCEEDED"
        assert (seen[-1].totals.steps, seen[-1].totals.finished, seen[-1].totals.found) == (7, 7, 40)
        assert len(seen) > 3, "nothing was told between the start and the end"
        finished = [progress.totals.finished for progress in seen]
        assert finished == sorted(finished)
        assert all(before != after for before, after in pairwise(seen))


async def test_commits_of_this_process_need_no_valkey(engine: Engine) -> None:
    await engine.connect()
    (started,) = (await engine.start()).scans
    async with running(engine.database, Redis.from_url(NOWHERE)) as feed:
        stream = feed.follow(engine.organization_id, started["id"])
        following = asyncio.create_task(to_the_end(stream))
        await asyncio.sleep(0.1)
        await engine.runner().run(started["job_id"])
        assert (await following)[-1].scan["state"] == "SUCCEEDED"


async def test_lost_announcements_only_delay(engine: Engine, elsewhere: Database) -> None:
    await engine.connect()
    (started,) = (await engine.start()).scans
    settings = replace(NO_POLL, poll=0.2)
    async with running(elsewhere, Redis.from_url(NOWHERE), settings) as feed:
        following = asyncio.create_task(to_the_end(feed.follow(engine.organization_id, started["id"])))
        await asyncio.sleep(0.1)
        await engine.runner().run(started["job_id"])
        assert (await following)[-1].scan["state"] == "SUCCEEDED"


async def test_states_are_told_at_most_so_often(engine: Engine, world: World) -> None:
    world.seconds, world.page_size = 0.01, 1
    await engine.connect()
    (started,) = (await engine.start()).scans
    loop = asyncio.get_running_loop()
    told: list[float] = []
    settings = replace(NO_POLL, least=0.25)

    async def follow(feed: ScanFeed) -> None:
        async with aclosing(feed.follow(engine.organization_id, started["id"])) as stream:
            told.extend([loop.time() async for _ in stream])

    async with running(engine.database, Redis.from_url(NOWHERE), settings) as feed:
        following = asyncio.create_task(follow(feed))
        await engine.runner().run(started["job_id"])
        async with asyncio.timeout(60):
            await following
    assert all(after - before >= 0.25 for before, after in pairwise(told))


async def test_a_scan_that_has_ended_is_told_once(engine: Engine, valkey: Redis) -> None:
    await engine.connect()
    scan = await engine.scan()
    async with running(engine.database, valkey) as feed:
        (only,) = await to_the_end(feed.follow(engine.organization_id, scan["id"]))
    assert only.is_final
    assert only.scan == scan


async def test_absent_and_foreign_scans_are_not_found(engine: Engine, valkey: Redis) -> None:
    await engine.connect()
    (started,) = (await engine.start()).scans
    async with running(engine.database, valkey) as feed:
        for organization_id, scan_id in ((engine.organization_id, uuid4()), (uuid4(), started["id"])):
            with pytest.raises(NotFoundError):
                await to_the_end(feed.follow(organization_id, scan_id))


async def test_streams_end_when_the_process_goes_down(engine: Engine, valkey: Redis) -> None:
    await engine.connect()
    (started,) = (await engine.start()).scans
    async with AsyncExitStack() as stack:
        feed = await stack.enter_async_context(running(engine.database, valkey))
        stream = await stack.enter_async_context(aclosing(feed.follow(engine.organization_id, started["id"])))
        await anext(stream)
        waiting = asyncio.create_task(anext(stream))
        await asyncio.sleep(0.05)
        await feed.stop()
        with pytest.raises(FeedStoppedError):
            async with asyncio.timeout(60):
                await waiting
    assert feed._followed == {}


async def test_one_subscription_serves_all_followers(engine: Engine, valkey: Redis) -> None:
    accounts = [await engine.connect(str(number)) for number in range(5)]
    started = (await engine.start(account_ids=accounts)).scans
    async with running(engine.database, valkey) as feed:
        streams = [feed.follow(engine.organization_id, scan["id"]) for scan in started]
        for stream in streams:
            await anext(stream)
        await _until_subscribed(valkey)
        assert (await valkey.pubsub_numsub(CHANNEL))[0][1] == 1
        for stream in streams:
            await stream.aclose()


async def test_emptying_valkey_in_the_middle_of_a_scan_loses_nothing(
    engine: Engine, world: World, elsewhere: Database, valkey: Redis
) -> None:
    reached, go_on = threading.Event(), threading.Event()

    def fault(*_: object) -> None:
        reached.set()
        go_on.wait(60)

    world.fault = fault
    await engine.connect()
    (started,) = (await engine.start()).scans
    async with running(elsewhere, valkey, ScanFeedSettings(poll=0.3)) as feed:
        following = asyncio.create_task(to_the_end(feed.follow(engine.organization_id, started["id"])))
        scanning = asyncio.create_task(engine.runner().run(started["job_id"]))
        await asyncio.to_thread(reached.wait, 60)
        await valkey.flushall()
        await valkey.client_kill_filter(_type="pubsub", skipme=True)
        go_on.set()
        await scanning
        last = (await following)[-1]
    assert (last.scan["state"], last.totals.found, last.totals.added) == ("SUCCEEDED", 40, 40)


@pytest.mark.parametrize("message", [b"", b"7", b"[[1, 2]]", b'[["x", "y"]]', b"[null]", b'{"a": 1}'])
def test_what_is_no_announcement_is_refused(message: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of JSON, of UUID, or ours
        decode_scans(message)


def test_announcements_carry_ids_only() -> None:
    keys = [(UUID(int=1), UUID(int=2))]
    assert decode_scans(encode_scans(keys)) == keys


async def _until_subscribed(valkey: Redis) -> None:
    async with asyncio.timeout(60):
        while (await valkey.pubsub_numsub(CHANNEL))[0][1] == 0:  # noqa: ASYNC110 - it is Valkey's
            await asyncio.sleep(0.02)
