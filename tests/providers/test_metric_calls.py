"""Metrics are read as pages are: a batch at a time, and after a problem that may pass only what is not told yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.providers.base import Verification
from app.providers.calls import ATTEMPTS, ProviderPool
from app.providers.metrics import DAY_SECONDS, MetricQuery, MetricSeries, MetricWindow, Statistic
from app.providers.problems import ProblemCode, ProviderError

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
WINDOW = MetricWindow(BEGIN, BEGIN + timedelta(days=2))
QUERIES = [MetricQuery(f"i-{number}", "eu-west-1", "CPU", frozenset({Statistic.SUM})) for number in range(6)]
DENIED = ProviderError(ProblemCode.DENIED, "Not allowed.", "Allow it.")
BUSY = ProviderError(ProblemCode.THROTTLED, "Too many calls.", "Wait.")


class Far:
    """Tells two series at a time; `faults` come one for each attempt, after so many batches."""

    def __init__(self, *faults: tuple[int, Exception]) -> None:
        self.faults = list(faults)
        self.asked: list[list[str]] = []

    def metrics(
        self, queries: Sequence[MetricQuery], begin: datetime, end: datetime, period_seconds: int = DAY_SECONDS
    ) -> Iterator[list[MetricSeries]]:
        assert (begin, end, period_seconds) == (WINDOW.begin, WINDOW.end, WINDOW.period_seconds)
        self.asked.append([query.resource for query in queries])
        after, error = self.faults.pop(0) if self.faults else (None, None)
        for start in range(0, len(queries), 2):
            if error is not None and start == 2 * (after or 0):
                raise error
            yield [MetricSeries(query, (), WINDOW.periods) for query in queries[start : start + 2]]

    def verify(self) -> Verification:
        raise NotImplementedError

    def regions(self) -> list[str]:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


@pytest.fixture
def naps() -> list[float]:
    return []


@pytest.fixture
async def pool(naps: list[float]) -> ProviderPool:
    async def nap(seconds: float) -> None:
        naps.append(seconds)

    return ProviderPool(2, sleep=nap)


async def read(pool: ProviderPool, far: Far, told: list[str] | None = None, **limits: Any) -> list[str]:
    told = [] if told is None else told
    async with aclosing(pool.metrics(far, QUERIES, WINDOW, **limits)) as batches:
        async for batch in batches:
            told += [one.query.resource for one in batch]
    return told


EVERY = [query.resource for query in QUERIES]


async def test_each_series_comes_once(pool: ProviderPool) -> None:
    far = Far()
    assert await read(pool, far) == EVERY
    assert far.asked == [EVERY]


async def test_only_what_is_not_told_yet_is_asked_again(pool: ProviderPool, naps: list[float]) -> None:
    far = Far((2, BUSY), (0, BUSY))
    assert await read(pool, far) == EVERY
    assert far.asked == [EVERY, EVERY[4:], EVERY[4:]]
    assert len(naps) == 2


async def test_patience_ends(pool: ProviderPool, naps: list[float]) -> None:
    told: list[str] = []
    with pytest.raises(ProviderError, match="Too many calls"):
        await read(pool, Far((1, BUSY), *[(0, BUSY)] * ATTEMPTS), told)
    assert (told, len(naps)) == (EVERY[:2], ATTEMPTS - 1)


async def test_what_is_denied_is_told_at_once(pool: ProviderPool, naps: list[float]) -> None:
    told: list[str] = []
    with pytest.raises(ProviderError, match="Not allowed"):
        await read(pool, Far((1, DENIED)), told)
    assert (told, naps) == (EVERY[:2], [])


async def test_a_query_that_makes_no_sense_becomes_a_problem(pool: ProviderPool) -> None:
    with pytest.raises(ProviderError, match="ValueError") as failed:
        await read(pool, Far(*[(0, ValueError("without its namespace"))] * ATTEMPTS))
    assert failed.value.code is ProblemCode.FAILED


async def test_an_answer_without_an_end_is_given_up(pool: ProviderPool) -> None:
    with pytest.raises(ProviderError, match="had not ended"):
        await read(pool, Far(), whole=0)


async def test_nothing_is_read_before_it_is_wanted(pool: ProviderPool) -> None:
    far = Far()
    first: Callable[[], Any] = pool.metrics(far, QUERIES, WINDOW).__anext__
    assert far.asked == []
    assert [one.query.resource for one in await first()] == EVERY[:2]
