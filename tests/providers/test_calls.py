"""SDK calls run in a bounded number of threads, end in time for who waits, and tell problems without their secrets."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.errors import BadUserInputError
from app.providers.base import Collector, FoundResource
from app.providers.calls import ATTEMPTS, LONGEST_PAUSE, ProviderPool
from app.providers.problems import ProblemCode, ProviderError
from app.providers.registry import CLOUDS, cloud, service_names
from app.records import Provider
from tests.workers.probes import until

PROJECT = Path(__file__).resolve().parents[2]
PAGES = [[FoundResource("s", "T", f"{number}", f"{number}")] for number in range(3)]


class Naps:
    """Stands in for the pauses between tries."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)


@pytest.fixture
async def naps() -> Naps:
    return Naps()


@pytest.fixture
async def pool(naps: Naps) -> ProviderPool:
    return ProviderPool(4, sleep=naps)


def problem(code: ProblemCode, retry_after: float | None = None) -> ProviderError:
    return ProviderError(code, "It went wrong.", "Mend it.", retry_after=retry_after)


def collector(*attempts: Callable[[], Iterator[list[FoundResource]]]) -> Collector:
    """Reads as the first function says at first, then as the second does."""
    left = list(attempts)

    def pages(_connection: Any, _region: str) -> Iterator[list[FoundResource]]:
        return (left.pop(0) if len(left) > 1 else left[0])()

    return Collector(("T",), (), pages)


def breaking(error: BaseException) -> Callable[[], Iterator[list[FoundResource]]]:
    def pages() -> Iterator[list[FoundResource]]:
        yield PAGES[0]
        raise error

    return pages


def whole() -> Iterator[list[FoundResource]]:
    return iter(PAGES)


async def read(
    pool: ProviderPool, source: Collector, seconds: float = 20, whole: float = 60
) -> list[list[FoundResource]]:
    async with aclosing(pool.pages(source, None, "eu-west-1", seconds, whole=whole)) as pages:
        return [page async for page in pages]


async def test_results_and_problems_come_through(pool: ProviderPool) -> None:
    assert await pool.call(lambda: threading.current_thread().name) == "provider-call"
    denied = problem(ProblemCode.DENIED)

    def refuse() -> None:
        raise denied

    with pytest.raises(ProviderError) as refused:
        await pool.call(refuse)
    assert refused.value is denied


@pytest.mark.parametrize("error", [ValueError("secret=hunter2"), StopIteration("hunter2"), SystemExit("hunter2")])
async def test_a_foreign_exception_becomes_a_problem_with_its_type_only(
    pool: ProviderPool, error: BaseException
) -> None:
    def leak() -> None:
        raise error

    with capture_logs() as logs, pytest.raises(ProviderError) as told:
        await pool.call(leak)
    assert told.value.code is ProblemCode.FAILED
    assert type(error).__name__ in told.value.message
    assert [(log["event"], log["error"]) for log in logs] == [("provider_call_failed", type(error).__name__)]
    assert "test_calls.py:" in logs[0]["place"]
    assert "hunter2" not in f"{logs}{told.value.message}{told.value.remedy}{told.value.__cause__}"


async def test_who_waits_is_told_in_time_and_the_thread_keeps_its_place_until_it_ends(naps: Naps) -> None:
    pool, gate = ProviderPool(1, sleep=naps), threading.Event()
    with pytest.raises(ProviderError, match=r"did not answer within 0\.05 s") as late:
        await pool.call(lambda: gate.wait(30), 0.05)
    assert late.value.code is ProblemCode.UNREACHABLE
    next_call = asyncio.create_task(pool.call(lambda: "next"))
    await asyncio.sleep(0.1)
    assert not next_call.done(), "the place was given away while its thread still ran"
    gate.set()
    assert await next_call == "next"


async def test_no_more_threads_than_places(pool: ProviderPool) -> None:
    most, now, lock = 0, 0, threading.Lock()
    full_house = threading.Barrier(4)

    def count() -> None:
        nonlocal most, now
        with lock:
            now += 1
            most = max(most, now)
        full_house.wait(60)
        with lock:
            now -= 1

    await asyncio.gather(*(pool.call(count) for _ in range(40)))
    assert most == 4


async def test_a_caller_that_leaves_waits_for_nothing(pool: ProviderPool) -> None:
    gate = threading.Event()
    tasks = [asyncio.create_task(pool.call(lambda: gate.wait(30))) for _ in range(6)]
    await asyncio.sleep(0.05)
    for task in tasks:
        task.cancel()
    assert all(isinstance(end, asyncio.CancelledError) for end in await asyncio.gather(*tasks, return_exceptions=True))
    assert not pool._places._waiting, "two of them had been waiting for a place"
    gate.set()
    assert await pool.call(lambda: "free again") == "free again"


async def test_a_closed_pool_takes_no_calls(pool: ProviderPool) -> None:
    pool.close()
    with pytest.raises(RuntimeError, match="closed"):
        await pool.call(lambda: None)


async def test_pages_come_one_at_a_time(pool: ProviderPool) -> None:
    begun: list[int] = []

    def pages() -> Iterator[list[FoundResource]]:
        for number, page in enumerate(PAGES):
            begun.append(number)
            yield page

    seen = 0
    async with aclosing(pool.pages(collector(pages), None, "eu-west-1")) as stream:
        async for page in stream:
            assert page is PAGES[seen]
            seen += 1
            assert begun == list(range(seen)), "a page was read before it was asked for"
    assert seen == 3


@pytest.mark.parametrize(
    "code", [ProblemCode.THROTTLED, ProblemCode.UNREACHABLE, ProblemCode.BAD_ANSWER, ProblemCode.FAILED]
)
async def test_what_may_pass_begins_anew(pool: ProviderPool, naps: Naps, code: ProblemCode) -> None:
    assert await read(pool, collector(breaking(problem(code)), whole)) == [PAGES[0], *PAGES]
    assert len(naps.taken) == 1


async def test_the_pause_grows_and_the_problem_is_told_after_the_last_try(pool: ProviderPool, naps: Naps) -> None:
    with pytest.raises(ProviderError, match="It went wrong"):
        await read(pool, collector(breaking(problem(ProblemCode.THROTTLED))))
    assert len(naps.taken) == ATTEMPTS - 1
    assert 1 <= naps.taken[0] <= 3
    assert 2 <= naps.taken[1] <= 6


async def test_the_provider_says_how_long_to_wait(pool: ProviderPool, naps: Naps) -> None:
    await read(pool, collector(breaking(problem(ProblemCode.THROTTLED, retry_after=17)), whole))
    assert naps.taken == [17]
    with pytest.raises(ProviderError):
        await read(pool, collector(breaking(problem(ProblemCode.THROTTLED, retry_after=LONGEST_PAUSE + 1)), whole))
    assert naps.taken == [17], "longer than anybody waits"


@pytest.mark.parametrize("code", [ProblemCode.DENIED, ProblemCode.CREDENTIALS, ProblemCode.NOT_ENABLED])
async def test_what_does_not_pass_is_told_at_once(pool: ProviderPool, naps: Naps, code: ProblemCode) -> None:
    with pytest.raises(ProviderError) as told:
        await read(pool, collector(breaking(problem(code)), whole))
    assert told.value.code is code
    assert naps.taken == []


async def test_who_knows_better_than_the_code_decides_about_another_try(pool: ProviderPool, naps: Naps) -> None:
    ours = ProviderError(ProblemCode.FAILED, "It went wrong.", "Report it.", retry=False)
    with pytest.raises(ProviderError) as told:
        await read(pool, collector(breaking(ours), whole))
    assert (told.value, naps.taken) == (ours, [])
    passing = ProviderError(ProblemCode.DENIED, "Not yet allowed.", "Wait.", retry=True)
    assert await read(pool, collector(breaking(passing), whole)) == [PAGES[0], *PAGES]


@pytest.mark.parametrize("code", [ProblemCode.DENIED, ProblemCode.THROTTLED])
async def test_what_is_listed_without_all_properties_is_not_read_again(
    pool: ProviderPool, naps: Naps, code: ProblemCode
) -> None:
    partly = ProviderError(code, "The tags are not told.", "Allow it.", listed=True)
    with pytest.raises(ProviderError) as told:
        await read(pool, collector(breaking(partly), whole))
    assert (told.value, naps.taken) == (partly, [])


async def test_a_collector_without_an_end_is_given_up(pool: ProviderPool, naps: Naps) -> None:
    def endless() -> Iterator[list[FoundResource]]:
        while True:
            yield PAGES[0]

    with pytest.raises(ProviderError, match="had not ended after") as told:
        await read(pool, collector(endless), whole=0.1)
    assert (told.value.code, told.value.retry, naps.taken) == (ProblemCode.BAD_ANSWER, False, [])


async def test_hanging_calls_of_one_leave_places_for_the_others(naps: Naps) -> None:
    pool, gate = ProviderPool(8, sleep=naps), threading.Event()
    greedy = [asyncio.create_task(pool.call(lambda: gate.wait(30), 30, "greedy")) for _ in range(50)]
    await asyncio.sleep(0.1)
    assert await pool.call(lambda: "served", 30, "modest") == "served"
    assert await pool.call(lambda: "served") == "served"
    gate.set()
    assert all(await asyncio.gather(*greedy))


async def test_who_holds_the_fewest_places_is_next(naps: Naps) -> None:
    pool, gate = ProviderPool(1, sleep=naps), threading.Event()
    order: list[str] = []
    first = asyncio.create_task(pool.call(lambda: gate.wait(30), 30, "greedy"))
    await asyncio.sleep(0.05)
    owners = ["greedy", "greedy", "greedy", "modest", "late", "modest"]
    rest = [asyncio.create_task(pool.call(partial(order.append, owner), 30, owner)) for owner in owners]
    await asyncio.sleep(0.05)
    gate.set()
    await asyncio.gather(first, *rest)
    assert order == ["greedy", "modest", "late", "greedy", "modest", "greedy"]


async def test_the_wait_for_a_place_counts_in_the_time_limit(naps: Naps) -> None:
    pool, gate = ProviderPool(1, sleep=naps), threading.Event()
    hanging = asyncio.create_task(pool.call(lambda: gate.wait(30), 30))
    await asyncio.sleep(0.05)
    for limits in ({"seconds": 0.1}, {"seconds": 30, "wait": 0.1}):
        with pytest.raises(ProviderError, match=r"No place for a call to the provider came free within 0\.1 s") as told:
            await pool.call(lambda: None, **limits)
        assert told.value.code is ProblemCode.THROTTLED
    gate.set()
    await hanging
    assert await pool.call(lambda: "free again") == "free again"


async def test_a_hanging_page_begins_anew(pool: ProviderPool) -> None:
    gate = threading.Event()

    def hangs() -> Iterator[list[FoundResource]]:
        yield PAGES[0]
        gate.wait(30)

    assert await read(pool, collector(hangs, whole), seconds=1) == [PAGES[0], *PAGES]
    gate.set()


async def test_an_iterator_that_is_let_go_is_closed(pool: ProviderPool) -> None:
    closed = threading.Event()

    def pages() -> Iterator[list[FoundResource]]:
        try:
            yield from PAGES
        finally:
            closed.set()

    async with aclosing(pool.pages(collector(pages), None, "eu-west-1")) as stream:
        await anext(stream)
    await until(closed.is_set)


async def test_patience_with_a_call_that_only_reads(pool: ProviderPool, naps: Naps) -> None:
    left = [problem(ProblemCode.UNREACHABLE), problem(ProblemCode.THROTTLED, retry_after=9)]

    def regions() -> list[str]:
        if left:
            raise left.pop(0)
        return ["eu-west-1"]

    assert await pool.patiently(regions) == ["eu-west-1"]
    assert naps.taken[1] == 9


def test_a_hanging_call_does_not_keep_the_process_alive() -> None:
    program = """
import asyncio, threading
from app.providers.calls import ProviderPool

async def main():
    asyncio.create_task(ProviderPool(1).call(threading.Event().wait))
    await asyncio.sleep(0.1)

asyncio.run(main())
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120, cwd=PROJECT)


def test_every_cloud_of_the_registry_has_services_of_its_own() -> None:
    for provider in CLOUDS:
        assert cloud(provider).provider is provider
        assert cloud(provider) is cloud(provider)
        names = service_names(provider)
        assert names
        assert len(set(names)) == len(names)


def test_other_providers_cannot_be_connected_to() -> None:
    with pytest.raises(BadUserInputError, match="cannot connect to OPENAI; the clouds are AWS, AZURE, GCP"):
        cloud(Provider.OPENAI)


def test_naming_the_registry_imports_no_sdk() -> None:
    program = (
        "import sys, app.providers.registry, app.scanning.start; "
        "assert not {'boto3', 'botocore', 'azure', 'google.cloud', 'grpc'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60, cwd=PROJECT)
