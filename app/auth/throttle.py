"""Throttles of log-ins, codes and mail: tries are counted per account and per network address, in Valkey."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import structlog
from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import FixedWindowRateLimiter
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.errors import RateLimitedError
from app.rate_limits import site

WINDOW_MINUTES = 15
STORE_SECONDS = 1.0
RETRY_STORE_SECONDS = 5.0

Result = TypeVar("Result")


@dataclass(frozen=True)
class Attempt:
    """One try: whose account (None for an act without one) and from where, as keys of the counters."""

    account: str | None
    address: str


class Throttle:
    """Counts tries of one kind of act, such as log-ins, in windows of 15 minutes and refuses further ones.

    A try is counted before its password is checked and taken back when it succeeds: many tries at the same moment,
    such as aliases of one document, cannot all pass before the first is counted. Asking for mail is never taken back.
    While Valkey is away this process counts in its own memory. `key` keeps addresses and accounts unreadable in Valkey.
    """

    def __init__(
        self, valkey: Redis | None, *, key: str, per_account: int, per_address: int, act: str = "log-in"
    ) -> None:
        self._key = key.encode()
        self._per_account = RateLimitItemPerMinute(per_account, WINDOW_MINUTES, namespace=f"{act}-account")
        self._per_address = RateLimitItemPerMinute(per_address, WINDOW_MINUTES, namespace=f"{act}-address")
        self._shared = _limiter_on(valkey) if valkey is not None else None
        self._own: FixedWindowRateLimiter | None = None
        self._shared_again_at = 0.0

    async def begin(self, account_name: str | None, address: str | None) -> Attempt:
        """Count a try. Raises RateLimitedError when there were too many for the account or from the address.

        `account_name` is what tells accounts apart, an e-mail address or an id.
        """
        account = self._hidden(account_name) if account_name is not None else None
        attempt = Attempt(account, self._hidden(site(address)))
        await self._count(self._per_address, attempt.address)
        if attempt.account is not None:
            await self._count(self._per_account, attempt.account)
        return attempt

    async def count_account(self, account_name: str) -> None:
        """Count a try that began for an account for another one too. Raises RateLimitedError."""
        await self._count(self._per_account, self._hidden(account_name))

    async def succeeded(self, attempt: Attempt) -> None:
        """Take a try back, and forget the failures of the account."""
        await self._on_store(lambda limiter: limiter.hit(self._per_address, attempt.address, cost=-1))
        account = attempt.account
        if account is not None:
            await self._on_store(lambda limiter: limiter.clear(self._per_account, account))

    async def withdraw(self, attempt: Attempt) -> None:
        """Take a try back that came to no verdict."""
        await self._on_store(lambda limiter: limiter.hit(self._per_address, attempt.address, cost=-1))
        account = attempt.account
        if account is not None:
            await self._on_store(lambda limiter: limiter.hit(self._per_account, account, cost=-1))

    async def _count(self, limit: RateLimitItemPerMinute, who: str) -> None:
        if await self._on_store(lambda limiter: limiter.hit(limit, who)):
            return
        ends = (await self._on_store(lambda limiter: limiter.get_window_stats(limit, who))).reset_time
        seconds = max(1, math.ceil(ends - time.time()))
        message = f"Too many tries. Wait {seconds} seconds before the next."
        raise RateLimitedError(message, retry_after=seconds)

    async def _on_store(self, act: Callable[[FixedWindowRateLimiter], Awaitable[Result]]) -> Result:
        if self._shared is not None and time.monotonic() >= self._shared_again_at:
            try:
                async with asyncio.timeout(STORE_SECONDS):
                    result = await act(self._shared)
            except (RedisError, OSError) as error:  # TimeoutError is an OSError
                if self._own is None:
                    structlog.get_logger(__name__).warning("throttle_counts_in_memory", error=str(error))
                self._shared_again_at = time.monotonic() + RETRY_STORE_SECONDS
            else:
                if self._own is not None:
                    structlog.get_logger(__name__).info("throttle_counts_in_valkey")
                    self._own = None
                return result
        if self._own is None:
            self._own = FixedWindowRateLimiter(MemoryStorage())
        return await act(self._own)

    def _hidden(self, text: str) -> str:
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()


class _Storage(RedisStorage):
    """That of `limits`, which would load all clients that it knows and that are installed: 50 ms of a start for one."""

    DEPENDENCIES = {"redis": RedisStorage.DEPENDENCIES["redis"]}  # noqa: RUF012  (no class variable to mypy)


def _limiter_on(valkey: Redis) -> FixedWindowRateLimiter:
    # The pool of the client that is there already: TCP, TLS or unix socket, `limits` need not know.
    storage = _Storage(
        "async+redis://",
        implementation="redispy",
        key_prefix="skyledger:throttle",
        connection_pool=valkey.connection_pool,  # type: ignore[arg-type]  # its options are typed as plain values
    )
    return FixedWindowRateLimiter(storage)
