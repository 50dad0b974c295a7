"""A stream replays and follows: nothing lost, nothing twice, nothing out of order, whatever is lost on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Any
from uuid import UUID, uuid4

import pytest
from redis.asyncio import Redis
from sqlalchemy import text

from app.activity.cursors import decode_place, encode_place
from app.activity.record import record
from app.activity.retention import purge_expired
from app.activity.stream import FeedSettings, FeedStoppedError
from app.database import Database
from app.embedded import EngineUrls
from app.errors import BadUserInputError, CursorExpiredError
from tests.activity.probes import NO_POLL, NOWHERE, note, running_feed, seeded, take, until, write


async def test_replays_in_pages_then_follows(database: Database, valkey: Redis) -> None:
    organization_id = uuid4()
    await write(database, organization_id, *(str(number) for number in range(1, 8)))
    async with (
        running_feed(database, valkey, FeedSettings(page_size=3, poll=3600)) as feed,
        aclosing(feed.follow(organization_id, 2)) as stream,
    ):
        opening = await anext(stream)
        assert (opening.sequence, opening.event) == (2, None)
        assert await take(stream, 5) == ["3", "4", "5", "6", "7"]
        await write(database, organization_id, "8")
        assert await take(stream, 1) == ["8"]


async def test_without_a_cursor_only_what_comes_from_now_on(database: Database, valkey: Redis) -> None:
    organization_id = uuid4()
    await write(database, organization_id, "old")
    async with (
        running_feed(database, valkey, NO_POLL) as feed,
        aclosing(feed.follow(organization_id, None)) as stream,
    ):
        assert (await anext(stream)).sequence == 1
        await write(database, organization_id, "new")
        assert await take(stream, 1) == ["new"]


async def test_an_organization_without_events_can_be_followed(database: Database, valkey: Redis) -> None:
    organization_id = uuid4()
    async with (
        running_feed(database, valkey, NO_POLL) as feed,
        aclosing(feed.follow(organization_id, None)) as stream,
    ):
        assert (await anext(stream)).sequence == 0
        await write(database, organization_id, "first")
        assert await take(stream, 1) == ["first"]


async def test_a_hundred_disconnections_lose_nothing_while_writers_run(database: Database, valkey: Redis) -> None:
    organization_id = uuid4()
    chance = seeded(4)
    writers, notes = 5, 60

    async def writer(name: int) -> None:
        for number in range(notes):
            await write(database, organization_id, f"{name}:{number}")
            await asyncio.sleep(chance.random() / 100)

    async with running_feed(database, valkey, FeedSettings(page_size=7)) as feed:
        writing = [asyncio.create_task(writer(name)) for name in range(writers)]
        received: list[tuple[int, str]] = []
        place, disconnections = 0, 0
        while len(received) < writers * notes or disconnections < 100:
            async with aclosing(feed.follow(organization_id, place)) as stream:
                wanted = chance.randint(0, 5)
                while wanted and len(received) < writers * notes:
                    async with asyncio.timeout(60):
                        step = await anext(stream)
                    if step.event is not None:
                        received.append((step.sequence, step.event["data"]["text"]))
                        place = step.sequence
                        wanted -= 1
            disconnections += 1
        await asyncio.gather(*writing)
    assert [sequence for sequence, _ in received] == list(range(1, writers * notes + 1))
    assert {text for _, text in received} == {f"{name}:{number}" for name in range(writers) for number in range(notes)}


async def test_other_processes_hear_through_valkey(database: Database, valkey: Redis, fresh_database_url: str) -> None:
    organization_id = uuid4()
    elsewhere = Database.connect(fresh_database_url)
    async with (
        running_feed(database, valkey, NO_POLL) as feed,
        running_feed(elsewhere, valkey, NO_POLL),
        aclosing(feed.follow(organization_id, None)) as stream,
    ):
        await anext(stream)
        await until(lambda: feed.health.listening)
        await write(elsewhere, organization_id, "from afar")
        assert await take(stream, 1) == ["from afar"]
    await elsewhere.close()


async def test_an_event_that_nobody_announced_still_arrives(database: Database, valkey: Redis) -> None:
    """A kill between commit and publish: the row stands, nobody was told."""
    organization_id = uuid4()
    silent = Database(database.engine, database.rows)  # has no commit listeners
    async with (
        running_feed(database, valkey, FeedSettings(poll=0.2)) as feed,
        aclosing(feed.follow(organization_id, None)) as stream,
    ):
        await anext(stream)
        await write(silent, organization_id, "unannounced")
        assert await take(stream, 1) == ["unannounced"]


async def test_events_arrive_without_valkey(database: Database) -> None:
    organization_id = uuid4()
    nowhere = Redis.from_url(NOWHERE)
    async with running_feed(database, nowhere, NO_POLL) as feed:
        async with aclosing(feed.follow(organization_id, None)) as stream:
            await anext(stream)
            await write(database, organization_id, "of this process")
            assert await take(stream, 1) == ["of this process"]
        await until(lambda: feed.health.error is not None and not feed.health.publishing)
        assert not feed.health.listening
    await nowhere.aclose()


async def test_a_killed_channel_is_opened_again(database: Database, valkey: Redis, fresh_database_url: str) -> None:
    organization_id = uuid4()
    elsewhere = Database.connect(fresh_database_url)
    async with (
        running_feed(database, valkey, NO_POLL) as feed,
        running_feed(elsewhere, valkey, NO_POLL),
        aclosing(feed.follow(organization_id, None)) as stream,
    ):
        await anext(stream)
        await until(lambda: feed.health.listening)
        for number in range(5):
            assert await valkey.client_kill_filter(_type="pubsub") > 0
            await valkey.flushall()
            await write(elsewhere, organization_id, str(number))
            # By the announcement, or by the look at the heads that follows each new subscription.
            assert await take(stream, 1) == [str(number)]
            await until(lambda: feed.health.listening)
    await elsewhere.close()


async def test_one_subscription_per_process(database: Database, valkey: Redis) -> None:
    organizations = [uuid4() for _ in range(20)]
    async with running_feed(database, valkey, NO_POLL) as feed:
        await until(lambda: feed.health.listening)
        streams = [feed.follow(organization_id, None) for organization_id in organizations]
        for stream in streams:
            await anext(stream)
        assert (feed.health.followers, feed.health.organizations) == (20, 20)
        channels = await valkey.client_list("pubsub")
        assert len(channels) == 1
        for stream in streams:
            await stream.aclose()
        assert (feed.health.followers, feed.health.organizations) == (0, 0)
    assert await valkey.client_list("pubsub") == []


async def test_followers_leave_no_trace_when_cancelled(database: Database, valkey: Redis) -> None:
    organization_id = uuid4()

    async def consume() -> None:
        async with aclosing(feed.follow(organization_id, 0)) as stream:
            async for _ in stream:
                pass

    async with running_feed(database, valkey) as feed:
        tasks = [asyncio.create_task(consume()) for _ in range(30)]
        chance = seeded(2)
        for task in tasks:
            await write(database, organization_id, "x")
            await asyncio.sleep(chance.random() / 50)
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert (feed.health.followers, feed.health.organizations) == (0, 0)


async def test_followers_at_one_place_share_their_reads(
    database: Database, valkey: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    organization_id = uuid4()
    reads = 0

    async def consume() -> list[str]:
        async with aclosing(feed.follow(organization_id, 0)) as stream:
            return await take(stream, 3)

    async with running_feed(database, valkey, NO_POLL) as feed:
        original = feed._read

        async def counted(organization_id: UUID, place: int) -> Sequence[Mapping[str, Any]]:
            nonlocal reads
            reads += 1
            return await original(organization_id, place)

        monkeypatch.setattr(feed, "_read", counted)
        consumers = [asyncio.create_task(consume()) for _ in range(200)]
        await until(lambda: feed.health.followers == 200)
        for number in range(3):
            await asyncio.sleep(0.3)
            await write(database, organization_id, str(number))
        assert await asyncio.gather(*consumers) == [["0", "1", "2"]] * 200
    assert reads < 40, "200 followers caused that many reads of 3 events"


@pytest.mark.parametrize("moment", ["_head", "_read"])
async def test_nothing_slips_between_replay_and_live(
    database: Database, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """An event is committed and announced after PostgreSQL was read and before the follower waits."""
    organization_id = uuid4()
    nowhere = Redis.from_url(NOWHERE)  # an announcement that comes back from Valkey would wake the follower again
    async with running_feed(database, nowhere, NO_POLL) as feed:
        original = getattr(feed, moment)
        slipped = False

        async def read_then_write(*arguments: object) -> object:
            nonlocal slipped
            found = await original(*arguments)
            if not slipped:
                slipped = True
                await write(database, organization_id, "in between")
            return found

        monkeypatch.setattr(feed, moment, read_then_write)
        async with aclosing(feed.follow(organization_id, None)) as stream:
            assert await take(stream, 1) == ["in between"]
    await nowhere.aclose()


async def test_a_slow_consumer_keeps_nobody_up_and_misses_nothing(database: Database, valkey: Redis) -> None:
    organization_id = uuid4()
    texts = [str(number) for number in range(1, 41)]
    async with (
        running_feed(database, valkey, FeedSettings(page_size=10)) as feed,
        aclosing(feed.follow(organization_id, 0)) as slow,
        aclosing(feed.follow(organization_id, 0)) as quick,
    ):
        await anext(slow)
        await anext(quick)
        for number in texts:
            await write(database, organization_id, number)
        assert await take(quick, 40) == texts
        assert await take(slow, 40) == texts


async def test_an_expired_cursor_is_told_so(database: Database, valkey: Redis, owner: Database) -> None:
    organization_id = uuid4()
    await write(database, organization_id, *(str(number) for number in range(1, 6)))
    async with owner.engine.begin() as connection:
        await connection.execute(
            text("UPDATE activity_events SET occurred_at = occurred_at - interval '91 days' WHERE sequence <= 3")
        )
    async with running_feed(database, valkey, FeedSettings(page_size=2)) as feed:
        async with aclosing(feed.follow(organization_id, 0)) as slow:
            assert await take(slow, 1) == ["1"]
            assert await purge_expired(database, 90) == 3
            assert await take(slow, 1) == ["2"]  # of the page that was read before
            with pytest.raises(CursorExpiredError, match="subscribe without `after`"):
                await take(slow, 1)
        with pytest.raises(CursorExpiredError):
            await anext(feed.follow(organization_id, 2))
        async with aclosing(feed.follow(organization_id, 3)) as stream:
            assert await take(stream, 2) == ["4", "5"]


async def test_a_place_that_does_not_exist_yet_is_refused(database: Database, valkey: Redis) -> None:
    organization_id = uuid4()
    await write(database, organization_id, "one")
    async with running_feed(database, valkey) as feed:
        for place in (2, 2**63, 10**30):
            with pytest.raises(BadUserInputError, match="ahead"):
                await anext(feed.follow(organization_id, place))
        assert feed.health.followers == 0


async def test_a_foreign_organization_shows_nothing(database: Database, valkey: Redis) -> None:
    """The tenant's own door: even a forged permission reads only what row security lets through."""
    mine, theirs = uuid4(), uuid4()
    await write(database, theirs, "secret")
    async with (
        running_feed(database, valkey, NO_POLL) as feed,
        aclosing(feed.follow(mine, None)) as stream,
    ):
        assert (await anext(stream)).sequence == 0
        await write(database, theirs, "secret")
        await write(database, mine, "own")
        assert await take(stream, 1) == ["own"]


async def test_streams_end_with_the_process(database: Database, valkey: Redis) -> None:
    organization_id = uuid4()
    async with running_feed(database, valkey) as feed:
        stream = feed.follow(organization_id, None)
        await anext(stream)
        waiting = asyncio.create_task(anext(stream))
        await asyncio.sleep(0)
        await feed.stop()
        with pytest.raises(FeedStoppedError):
            await asyncio.wait_for(waiting, 60)


async def test_a_stream_outlasts_a_database_that_is_away(
    database: Database, valkey: Redis, engine_urls: EngineUrls
) -> None:
    organization_id = uuid4()
    async with (
        running_feed(database, valkey) as feed,
        aclosing(feed.follow(organization_id, None)) as stream,
    ):
        await anext(stream)
        owner = Database.connect(engine_urls.database_url, role=None)
        async with owner.engine.begin() as connection:  # every connection of the pool is cut
            cut = await connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = :name AND application_name = 'skyledger'"
                ),
                {"name": database.engine.url.database},
            )
            assert cut.all(), "nothing was cut"
        await owner.close()
        await write(database, organization_id, "after the cut")
        assert await take(stream, 1) == ["after the cut"]


async def test_an_event_in_a_rolled_back_savepoint_makes_no_noise(database: Database, valkey: Redis) -> None:
    organization_id = uuid4()
    async with (
        running_feed(database, valkey, NO_POLL) as feed,
        aclosing(feed.follow(organization_id, 0)) as stream,
    ):
        await anext(stream)
        async with database.write(organization_id) as session:
            savepoint = await session.begin_nested()
            await record(session, organization_id, note("withdrawn"))
            await savepoint.rollback()
        await write(database, organization_id, "kept")
        assert await take(stream, 1) == ["kept"]


def test_a_cursor_belongs_to_one_organization() -> None:
    mine, theirs = uuid4(), uuid4()
    assert decode_place(mine, encode_place(mine, 17)) == 17
    for text_ in (encode_place(theirs, 17), "", "x", "WzFd", encode_place(mine, -1), "é" * 9):
        with pytest.raises(BadUserInputError, match="not a cursor of this organization"):
            decode_place(mine, text_)
