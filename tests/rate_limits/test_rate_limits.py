"""Buckets in a real Valkey, and in memory while it is away."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from app.embedded import engines
from app.rate_limits import Rate, RateLimits, Take, site
from app.rate_limits import limits as limits_module
from app.rate_limits.own import MOST_BUCKETS, OwnBuckets
from app.rate_limits.script import Entry, command

SLOW = Rate(100, 0.001)
"""Nothing worth mentioning comes back during a test."""


@pytest.fixture
async def limits(valkey: Redis) -> AsyncIterator[RateLimits]:
    made = RateLimits(valkey, key="k" * 32)
    yield made
    await made.close()


def _counts_here(limits: RateLimits) -> bool:
    return limits.in_memory


async def test_a_bucket_gives_until_it_is_empty(limits: RateLimits) -> None:
    assert await limits.take([Take("a", SLOW, 60)]) == (0, (40,))
    refused = await limits.take([Take("a", SLOW, 41)])
    assert refused.available == (40,)
    assert 990 <= refused.wait <= 1000  # seconds until the point that is lacking is restored
    assert await limits.take([Take("a", SLOW, 40)]) == (0, (0,))
    assert await limits.take([Take("b", SLOW, 1)]) == (0, (99,))


async def test_time_restores_it(limits: RateLimits) -> None:
    rate = Rate(100, 200)
    assert (await limits.take([Take("a", rate, 100)])).wait == 0
    refused = await limits.take([Take("a", rate, 50)])
    assert refused.wait == 1
    await asyncio.sleep(0.3)
    assert (await limits.take([Take("a", rate, 50)])).wait == 0
    await asyncio.sleep(0.6)
    assert (await limits.take([Take("a", rate, 0)])).available == (100,)  # and no more than it holds


async def test_all_buckets_have_enough_or_none_gives(limits: RateLimits) -> None:
    await limits.take([Take("small", SLOW, 95)])
    refused = await limits.take([Take("large", SLOW, 10), Take("small", SLOW, 10)])
    assert refused.wait > 0
    assert refused.available == (100, 5)
    assert (await limits.take([Take("large", SLOW, 10), Take("small", SLOW, 5)])) == (0, (90, 0))


async def test_many_at_once_get_exactly_what_is_there(valkey: Redis) -> None:
    """From several processes, as it were: each has a connection of its own."""
    several = [RateLimits(valkey, key="k" * 32) for _ in range(4)]
    taken = await asyncio.gather(*(several[number % 4].take([Take("a", SLOW, 1)]) for number in range(250)))
    assert Counter(one.wait == 0 for one in taken) == {True: 100, False: 150}
    assert sorted(one.available[0] for one in taken if one.wait == 0) == list(range(100))
    await asyncio.gather(*(one.close() for one in several))


async def test_what_is_given_back_is_there_again(limits: RateLimits, valkey: Redis) -> None:
    await limits.take([Take("a", SLOW, 100)])
    limits.give_back("a", SLOW, 30)
    limits.give_back("a", SLOW, 20)
    assert await limits.take([Take("a", SLOW, 45)]) == (0, (5,))  # it goes with the next call
    limits.give_back("a", SLOW, 95)
    await asyncio.sleep(0.4)
    (key,) = await valkey.keys("skyledger:rate:*") or [None]
    assert key is None  # or soon alone: a bucket that is full is not there
    limits.give_back("a", SLOW, 50)
    assert await limits.take([Take("a", SLOW, 100)]) == (0, (0,))  # never more than it holds


async def test_what_is_taken_ahead_serves_the_next_calls_without_valkey(limits: RateLimits) -> None:
    assert (await limits.take([Take("a", SLOW, 4, 30)])).available == (96,)
    assert limits.take_kept("a", 1) is None  # nobody knew that there would be a second call
    assert (await limits.take([Take("a", SLOW, 6, 30)])).available == (90,)
    await limits.take([Take("other", SLOW, 1)])
    assert limits.take_kept("a", 25) == 65
    assert limits.take_kept("a", 6) is None  # more than is left of it
    limits.give_back("a", SLOW, 2)
    assert limits.take_kept("a", 6) == 61
    assert await limits.take([Take("a", SLOW, 61, 30)]) == (0, (0,))  # ahead is only what is there
    assert limits.take_kept("a", 1) is None
    limits.give_back("a", SLOW, 50)
    await asyncio.sleep(0.4)
    assert await limits.take([Take("a", SLOW, 0)]) == (0, (50,))


async def test_what_was_taken_ahead_comes_back(limits: RateLimits, valkey: Redis) -> None:
    other = RateLimits(valkey, key="k" * 32)
    await limits.take([Take("a", SLOW, 5, 30)])
    await limits.take([Take("a", SLOW, 5, 30)])
    assert (await other.take([Take("a", SLOW, 65)])).available == (60,)
    await asyncio.sleep(0.4)
    assert (await other.take([Take("a", SLOW, 65)])).available == (25,)
    await other.close()


async def test_it_agrees_with_a_reckoning_of_exact_numbers(limits: RateLimits) -> None:
    draw = Random(7)  # noqa: S311
    rate, left = Rate(10_000, 0.001), 10_000
    for _ in range(300):
        amount = draw.choice((1, 17, 900, 4_000))
        back = draw.choice((0, 0, 5, 3_000)) if left < 7_000 else 0
        if back:
            limits.give_back("a", rate, back)
            left = min(10_000, left + back)
        taken = await limits.take([Take("a", rate, amount)])
        assert (taken.wait == 0) == (amount <= left)
        left -= amount if taken.wait == 0 else 0
        assert taken.available == (left,)


async def test_keys_end_by_themselves_and_show_no_address(limits: RateLimits, valkey: Redis) -> None:
    name = limits.of_address("203.0.113.7")
    await limits.take([Take(name, Rate(100, 10), 50)])
    (key,) = await valkey.keys("skyledger:rate:*")
    assert b"203.0.113.7" not in key
    assert 4_000 < await valkey.pttl(key) <= 5_001
    assert RateLimits(valkey, key="x" * 32).of_address("203.0.113.7") != name


async def test_a_valkey_that_forgot_the_script_is_told_again(limits: RateLimits, valkey: Redis) -> None:
    assert (await limits.take([Take("a", SLOW, 1)])).available == (99,)
    await valkey.script_flush()
    assert (await limits.take([Take("a", SLOW, 1)])).available == (98,)


async def test_memory_counts_a_fraction_while_valkey_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And Valkey again once it does."""
    monkeypatch.setattr(limits_module, "AGAIN_SECONDS", 0.1)
    stores: list[str] = []
    with capture_logs() as logs, engines(tmp_path / "first") as urls:
        valkey, other = Redis.from_url(urls.redis_url), Redis.from_url(urls.redis_url)
        limits = RateLimits(valkey, key="k" * 32, on_store=stores.append)
        assert (await limits.take([Take("a", SLOW, 10)])).available == (90,)
        await other.client_pause(3_000, all=True)
        begun = time.monotonic()
        assert (await limits.take([Take("a", SLOW, 10)])).available == (15,)  # of 25
        assert time.monotonic() - begun < 3, "it waited for the pause to end"
        assert _counts_here(limits)
        assert (await limits.take([Take("a", SLOW, 16)])).wait > 0
        limits.give_back("a", SLOW, 5)
        assert (await limits.take([Take("a", SLOW, 16)])).wait == 0
        assert (await limits.take([Take("b", SLOW, 80)])).wait == 0  # more than such a bucket holds: while it is full
        assert (await limits.take([Take("b", SLOW, 1)])).wait > 0
        await asyncio.sleep(3.2)
        # Whether Valkey has done what it was asked while it paused is not known.
        assert (await limits.take([Take("a", SLOW, 10)])).available in {(80,), (70,)}
        assert not _counts_here(limits)
        await limits.close()
        await valkey.aclose()
        await other.aclose()
    assert Counter(stores) == {"valkey": 2, "memory": 5}
    events = [entry["event"] for entry in logs if entry["event"].startswith("rate_limits")]
    assert events == ["rate_limits_count_in_memory", "rate_limits_count_in_valkey"]


async def test_without_valkey_nobody_waits_for_it() -> None:
    limits = RateLimits(Redis(port=1), key="k" * 32)
    begun = time.monotonic()
    assert [(await limits.take([Take("a", SLOW, 10)])).available for _ in range(3)] == [(15,), (5,), (5,)]
    assert time.monotonic() - begun < 2.5, "each would have waited for a second"
    await limits.close()


def test_memory_does_not_grow() -> None:
    buckets = OwnBuckets()
    for number in range(3 * MOST_BUCKETS):
        buckets.take([Entry(b"%d" % number, SLOW, 1, 0)])
    assert len(buckets) <= MOST_BUCKETS


def test_calls_are_written_as_valkey_reads_them() -> None:
    written = command([Entry(b"skyledger:rate:a", Rate(100, 1 / 6), 5, 2, 3)])
    lines = written.split(b"\r\n")
    assert lines[0] == b"*9"
    assert lines[2] == b"EVALSHA"
    assert lines[6:-1:2] == [b"1", b"skyledger:rate:a", b"100", b"0.166666667", b"5", b"2", b"3"]
    assert math.isclose(float(lines[12]), 1 / 6, rel_tol=1e-8)


@pytest.mark.parametrize(
    ("address", "known_as"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        (None, "unknown"),
        ("socket", "unknown"),
    ],
)
def test_an_address_is_what_a_client_cannot_change(address: str | None, known_as: str) -> None:
    assert site(address) == known_as
