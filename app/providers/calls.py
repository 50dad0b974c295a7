"""Runs the synchronous SDKs of providers in threads: a bounded number at a time, with time limits and further tries."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import structlog

from app.providers.base import Collector, Connection, FoundResource
from app.providers.metrics import MetricQuery, MetricSeries, MetricWindow
from app.providers.opinions import FoundOpinion, OpinionReader
from app.providers.places import Places
from app.providers.problems import ProblemCode, ProviderError

CALL_SECONDS = 60.0
PAGE_SECONDS = 300.0
"""A page may take several calls, each with the SDK's own tries and pauses; this only ends what hangs."""
COLLECTOR_SECONDS = 3_600.0
"""For all pages of a collector and all its tries: a provider that hands out new tokens for ever is no inventory."""
WAIT_SECONDS = 900.0
"""For a place among the calls of a scan; a queue is no fault of the provider, so it may be long."""
ATTEMPTS = 3
FIRST_PAUSE = 2.0
LONGEST_PAUSE = 60.0
"""Seconds; a provider that asks for more patience than this gets none: the problem is told instead."""

Result = TypeVar("Result")
Sleep = Callable[[float], Awaitable[None]]

_log = structlog.stdlib.get_logger("skyledger.providers")


class ProviderPool:
    """At most `threads` calls at a time, over all accounts; further ones wait, each owner's in the order they came.

    The owner of a call is the organization it is made for: none can take all places (`app.providers.places`). Each
    call has a thread of its own that does not keep the process alive. A thread whose caller has gone keeps its place
    until the SDK's own time limit ends it, so hanging calls cannot pile up.
    """

    def __init__(self, threads: int, *, sleep: Sleep = asyncio.sleep) -> None:
        self._places = Places(threads)
        self._sleep = sleep
        self._closed = False

    async def call(
        self,
        function: Callable[[], Result],
        seconds: float = CALL_SECONDS,
        owner: Hashable | None = None,
        *,
        wait: float | None = None,
    ) -> Result:
        """Call a function in a thread. `seconds` begin with the wait for a place, unless that has its own in `wait`.

        Raises what it raises if that is a ProviderError. Any other exception becomes ProviderError(FAILED) with the
        name of its type, because texts of SDKs may hold secrets; no answer in time is ProviderError(UNREACHABLE), no
        place in time ProviderError(THROTTLED).
        """
        waited = await self._take(owner, seconds if wait is None else wait)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Result] = loop.create_future()

        def tell(result: Any, error: ProviderError | None) -> None:
            self._places.give_back(owner)
            if answer.done():  # nobody waits any more
                return
            if error is None:
                answer.set_result(result)
            else:
                answer.set_exception(error)

        def work() -> None:
            outcome = _outcome(function)
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(tell, *outcome)

        threading.Thread(target=work, name="provider-call", daemon=True).start()
        try:
            async with asyncio.timeout(seconds - waited if wait is None else seconds):
                return await answer
        except TimeoutError:
            raise _late(seconds) from None

    async def _take(self, owner: Hashable | None, seconds: float) -> float:
        """Take a place; returns how many seconds that took. Raises ProviderError, RuntimeError when closed."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        if not await self._places.take(owner, seconds):
            raise _crowded(seconds)
        if self._closed:
            self._places.give_back(owner)
            message = "the pool of provider threads is closed"
            raise RuntimeError(message)
        return loop.time() - began

    async def patiently(
        self, function: Callable[[], Result], seconds: float = CALL_SECONDS, owner: Hashable | None = None
    ) -> Result:
        """Call a function that only reads, with further tries after problems that may pass. Raises ProviderError."""
        attempt = 1
        while True:
            try:
                return await self.call(function, seconds, owner, wait=WAIT_SECONDS)
            except ProviderError as problem:
                pause = _pause(problem, attempt)
            await self._sleep(pause)
            attempt += 1

    def pages(
        self,
        collector: Collector,
        connection: Any,
        region: str,
        seconds: float = PAGE_SECONDS,
        owner: Hashable | None = None,
        *,
        whole: float = COLLECTOR_SECONDS,
    ) -> AsyncGenerator[list[FoundResource]]:
        """A collector's pages, one in memory at a time, at most `seconds` for each and `whole` for all tries together.

        After a problem that may pass the collector begins anew, so pages may come again. A clean end means that one
        whole pass has been read, and so does a ProviderError that is `listed`. Raises ProviderError.
        """
        return self._passes(
            partial(_lazily, collector, connection, region),
            "collector_begins_anew",
            seconds,
            owner,
            whole,
            region=region,
        )

    def opinions(
        self,
        reader: OpinionReader,
        connection: Any,
        seconds: float = PAGE_SECONDS,
        owner: Hashable | None = None,
        *,
        whole: float = COLLECTOR_SECONDS,
    ) -> AsyncGenerator[list[FoundOpinion]]:
        """An adviser's pages, in the same way as those of a collector. Raises ProviderError."""
        begin = partial(_said, reader, connection)
        return self._passes(begin, "adviser_begins_anew", seconds, owner, whole, source=reader.source)

    async def _passes(
        self,
        begin: Callable[[], Iterator[Result]],
        event: str,
        seconds: float,
        owner: Hashable | None,
        whole: float,
        **told: str,
    ) -> AsyncGenerator[Result]:
        """What a whole pass gives, after those that a passing problem has ended early; `event` is logged of these."""
        ends = asyncio.get_running_loop().time() + whole
        attempt = 1
        while True:
            pages = begin()
            try:
                while (
                    page := await self.call(partial(next, pages, None), seconds, owner, wait=WAIT_SECONDS)
                ) is not None:
                    if asyncio.get_running_loop().time() > ends:
                        raise _endless(whole)
                    yield page
            except ProviderError as problem:
                pause = _pause(problem, attempt)
                _log.info(event, code=problem.code, attempt=attempt, **told)
            else:
                return
            await self._sleep(pause)
            attempt += 1

    async def metrics(
        self,
        connection: Connection,
        queries: Sequence[MetricQuery],
        window: MetricWindow,
        seconds: float = PAGE_SECONDS,
        owner: Hashable | None = None,
        *,
        whole: float = COLLECTOR_SECONDS,
    ) -> AsyncGenerator[list[MetricSeries]]:
        """The series of queries, those of some calls in memory at a time, within the same times as `pages`.

        After a problem that may pass only what has not been told yet is asked again, so each series comes once; equal
        queries are one. Raises ProviderError; what was told before it stays told.
        """
        ends = asyncio.get_running_loop().time() + whole
        left = dict.fromkeys(queries)
        attempt = 1
        while True:
            series = _asked(connection, tuple(left), window)
            try:
                while (
                    told := await self.call(partial(next, series, None), seconds, owner, wait=WAIT_SECONDS)
                ) is not None:
                    if asyncio.get_running_loop().time() > ends:
                        raise _endless(whole)
                    for one in told:
                        left.pop(one.query, None)
                    yield told
            except ProviderError as problem:
                pause = _pause(problem, attempt)
                _log.info("metrics_asked_again", left=len(left), code=problem.code, attempt=attempt)
            else:
                return
            await self._sleep(pause)
            attempt += 1

    def let_go(self, close: Callable[[], None]) -> None:
        """Close something of an SDK without waiting for it."""
        threading.Thread(target=_outcome, args=(close,), name="provider-close", daemon=True).start()

    def close(self) -> None:
        """Take no more calls. Does not wait for threads that hang; they end with the process."""
        self._closed = True


def _lazily(collector: Collector, connection: Any, region: str) -> Iterator[list[FoundResource]]:
    """The pages, of which not even the first is begun here: a collector need not be a generator."""
    yield from collector.pages(connection, region)


def _said(reader: OpinionReader, connection: Any) -> Iterator[list[FoundOpinion]]:
    """The same of an adviser's pages."""
    yield from reader.pages(connection)


def _asked(
    connection: Connection, queries: Sequence[MetricQuery], window: MetricWindow
) -> Iterator[list[MetricSeries]]:
    """The series, of which nothing is asked here."""
    yield from connection.metrics(queries, window.begin, window.end, window.period_seconds)


def _outcome(function: Callable[[], Any]) -> tuple[Any, ProviderError | None]:
    try:
        return function(), None
    except ProviderError as problem:
        return None, problem
    except BaseException as error:  # noqa: BLE001 - whatever an SDK raises belongs to its call
        return None, _foreign(error)


def _foreign(error: BaseException) -> ProviderError:
    """An exception that no provider has put into words: its type and place, for its text may hold a secret."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else None
    _log.error("provider_call_failed", error=type(error).__name__, place=place)
    return ProviderError(
        ProblemCode.FAILED,
        f"Reading failed unexpectedly ({type(error).__name__}).",
        "Scan again. If it stays, report it: the worker's log has the place.",
    )


def _late(seconds: float) -> ProviderError:
    return ProviderError(
        ProblemCode.UNREACHABLE,
        f"The provider did not answer within {seconds:g} s.",
        "Scan again later. If it stays, check the endpoint and the network between it and the workers.",
    )


def _crowded(seconds: float) -> ProviderError:
    return ProviderError(
        ProblemCode.THROTTLED,
        f"No place for a call to the provider came free within {seconds:g} s: too many calls are under way here.",
        "Try again later. If it stays, ask the operator of Skyledger for more workers or provider threads.",
    )


def _endless(seconds: float) -> ProviderError:
    return ProviderError(
        ProblemCode.BAD_ANSWER,
        f"Reading had not ended after {seconds / 60:g} minutes, so it was given up.",
        "Scan this service alone. If it stays, report it: the provider's list may have no end.",
        retry=False,
    )


def _pause(problem: ProviderError, attempt: int) -> float:
    """Seconds to wait before the next attempt; raises the problem where there is to be none."""
    asked = problem.retry_after or 0.0
    if not problem.retry or problem.listed or attempt >= ATTEMPTS or asked > LONGEST_PAUSE:
        raise problem
    pause: float = FIRST_PAUSE * 2 ** (attempt - 1) * random.uniform(0.5, 1.5)  # noqa: S311 - not a secret
    return max(pause, asked)
