"""Takes from buckets and gives back, in Valkey where it is there and in memory where not."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import math
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import hiredis
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.rate_limits.own import OwnBuckets
from app.rate_limits.pipe import Pipe, PipeClosedError
from app.rate_limits.script import Entry, Rate, command

PREFIX = b"skyledger:rate:"
AGAIN_SECONDS = 2.0
"""Between tries to reach a Valkey that is away."""
KEEP_SECONDS = 0.25
"""How long points stay with this process that nobody used: whoever asks again meanwhile is not held up by Valkey."""
AT_A_TIME = 100
"""Buckets of one call that gives back."""
_IPV6_SITE_BITS = 64  # one subscriber has a whole /64 to choose addresses from

_log = structlog.stdlib.get_logger(__name__)


class Take(NamedTuple):
    """How much of which bucket, and how much more for what the caller asks next."""

    bucket: str
    rate: Rate
    amount: int
    ahead: int = 0


class Taken(NamedTuple):
    """What became of a take: seconds to wait where there was not enough (0 where there was), what each bucket has."""

    wait: int
    available: tuple[int, ...]


class _Kept:
    """Points of a bucket that this process has taken and nobody has used: taken ahead, or given back.

    `available` is what the bucket has with them, None where that is not known; `since` when it was.
    """

    __slots__ = ("available", "points", "rate", "since")

    def __init__(self, rate: Rate, points: int, available: int | None, since: float) -> None:
        self.rate, self.points, self.available, self.since = rate, points, available, since


class RateLimits:
    """The buckets of all callers.

    `key` keeps network addresses unreadable in Valkey; `on_store` is told where takes are counted that are not paid of
    what was taken ahead: `valkey` or `memory`.
    """

    def __init__(self, valkey: Redis, *, key: str, on_store: Callable[[str], None] | None = None) -> None:
        self._valkey, self._key = valkey, key.encode()
        self.on_store = on_store
        self._pipe: Pipe | None = None
        self._opening: asyncio.Task[None] | None = None
        self._again_at = 0.0
        self._own: OwnBuckets | None = None
        self._kept: dict[str, _Kept] = {}
        self._asked: set[str] = set()
        self._flush: asyncio.TimerHandle | None = None

    @property
    def in_memory(self) -> bool:
        """Whether this process counts alone at the moment."""
        return self._own is not None

    def of_address(self, address: str | None) -> str:
        """The name of a bucket for a network address."""
        return "address:" + hmac.new(self._key, site(address).encode(), hashlib.sha256).hexdigest()[:32]

    def take_kept(self, bucket: str, amount: int) -> int | None:
        """Take from what this process has of a bucket: what the bucket has now, None where that is too little."""
        kept = self._kept.get(bucket)
        if kept is None or kept.points < amount or kept.available is None:
            return None
        kept.points -= amount
        kept.available -= amount
        restored = int((time.monotonic() - kept.since) * kept.rate.restored)
        return min(kept.available + restored, kept.rate.maximum - amount)

    async def take(self, takes: Sequence[Take]) -> Taken:
        """Take from all of these buckets, or from none."""
        entries = []
        for bucket, rate, amount, ahead in takes:
            kept = self._kept.pop(bucket, None)
            points = kept.points if kept is not None else 0
            # Who asks for the first time in a while need not ask again: what is taken ahead has to be given back.
            again = ahead if bucket in self._asked else 0
            entries.append(Entry(PREFIX + bucket.encode(), rate, amount, points, again))
            if ahead:
                self._note(bucket)
        answer = await self._ask(entries)
        store = "memory" if answer is None else "valkey"
        if answer is None:
            answer = self._count_here(entries)
        if self.on_store is not None:
            self.on_store(store)
        available = tuple(answer[1::2])
        if answer[0]:
            for take, has, ahead in zip(takes, available, answer[2::2], strict=True):
                if ahead:
                    self._keep(take.bucket, take.rate, ahead, has)
            return Taken(0, available)
        lacking = zip(takes, available, strict=True)
        waits = [(take.amount - has) / take.rate.restored for take, has in lacking if take.amount > has]
        return Taken(max(1, math.ceil(max(waits, default=0))), available)

    def give_back(self, bucket: str, rate: Rate, amount: int) -> None:
        """Give back what was not used: for the caller's next take, or soon to Valkey. Nobody waits for it."""
        if amount > 0:
            self._keep(bucket, rate, amount, None)

    def _keep(self, bucket: str, rate: Rate, points: int, available: int | None) -> None:
        kept = self._kept.get(bucket)
        if kept is None:
            self._kept[bucket] = _Kept(rate, points, available, time.monotonic())
        else:
            if available is not None:  # a later take, which found the bucket without the points that are here
                kept.available, kept.since = available + kept.points, time.monotonic()
            elif kept.available is not None:
                kept.available += points
            kept.points += points
        self._note(bucket)

    def _note(self, bucket: str) -> None:
        """Remember who has asked, and what to give back, for a while."""
        self._asked.add(bucket)
        if self._flush is None:
            self._flush = asyncio.get_running_loop().call_later(KEEP_SECONDS, self._send_back)

    async def close(self) -> None:
        """Give back what waits, and hang up."""
        if self._flush is not None:
            self._flush.cancel()
            self._send_back()
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.gather(self._opening, return_exceptions=True)
        if self._pipe is not None:
            self._pipe.close()

    def _send_back(self) -> None:
        self._flush = None
        waiting = [Entry(PREFIX + bucket.encode(), kept.rate, 0, kept.points) for bucket, kept in self._kept.items()]
        self._kept, self._asked = {}, set()
        for start in range(0, len(waiting), AT_A_TIME):
            some = waiting[start : start + AT_A_TIME]
            if self._own is not None:
                self._own.take(some)
            elif self._pipe is not None and not self._pipe.closed:
                self._pipe.send(command(some), awaited=False)

    async def _ask(self, entries: Sequence[Entry]) -> list[int] | None:
        """What Valkey answers; None where it is away."""
        pipe = self._pipe
        if pipe is None or pipe.closed:
            pipe = await self._opened()
            if pipe is None:
                return None
        try:
            try:
                found: list[int] = await pipe.send(command(entries))
            except hiredis.ReplyError as error:
                if not str(error).startswith("NOSCRIPT"):
                    raise
                found = await pipe.send(command(entries, whole=True))
        except (PipeClosedError, hiredis.HiredisError) as error:
            if self._pipe is pipe:
                self._lost(error)
            return None
        return found

    async def _opened(self) -> Pipe | None:
        """A pipe, opened by the first who needs one; None while Valkey is away."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._again_at:
            return None
        if self._opening is None:
            self._opening = asyncio.create_task(self._open(), name="rate-limits-connect")
        await asyncio.shield(self._opening)
        return self._pipe

    async def _open(self) -> None:
        try:
            async with asyncio.timeout(1.0):
                self._pipe = await Pipe.open(self._valkey)
        except (RedisError, OSError) as error:  # TimeoutError is an OSError
            self._lost(error)
        else:
            if self._own is not None:
                self._own = None
                _log.info("rate_limits_count_in_valkey")
        finally:
            self._opening = None

    def _lost(self, error: Exception) -> None:
        self._pipe = None
        self._again_at = asyncio.get_running_loop().time() + AGAIN_SECONDS
        if self._own is None:
            self._own = OwnBuckets()
            _log.warning("rate_limits_count_in_memory", error=str(error) or type(error).__name__)

    def _count_here(self, entries: Sequence[Entry]) -> list[int]:
        if self._own is None:
            self._own = OwnBuckets()
        return self._own.take(entries)


def site(address: str | None) -> str:
    """What a client cannot change at will: the IPv4 address, the IPv6 network; a socket without one is one client."""
    try:
        parsed: Any = ipaddress.ip_address((address or "").split("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, _IPV6_SITE_BITS), strict=False))
