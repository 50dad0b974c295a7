"""The process beside ours: the same answers, once for each question, whoever is killed."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from app.costs.outlook.aside import MOST_WAITING, REMEMBERED, SHARE, Aside, BusyError, KilledError, OverdueError
from app.costs.outlook.forecast import MOST_DAYS_AHEAD, Forecast, forecast
from app.costs.outlook.series import DailySeries, ratio

SERIES = DailySeries(date(2026, 1, 5), tuple(Decimal(10 + day % 7) for day in range(60)))
PROGRAM = """
import asyncio, sys, time
from datetime import date
from decimal import Decimal
from app.costs.outlook.aside import ASIDE
from app.costs.outlook.forecast import forecast
from app.costs.outlook.series import DailySeries
import multiprocessing

if __name__ == "__main__":
    series = DailySeries(date(2026, 1, 5), tuple(Decimal(10 + day % 7) for day in range(60)))
    made = asyncio.run(ASIDE.answer(forecast, series, 30))
    loaded = sorted({"numpy", "pandas", "scipy", "statsmodels"} & set(sys.modules))
    print(made.total.expected, loaded, *[child.pid for child in multiprocessing.active_children()], flush=True)
    time.sleep(60)
"""


@pytest.fixture
def aside() -> Iterator[Aside]:
    made = Aside()
    yield made
    made.close()


async def test_answers_are_those_of_this_process(aside: Aside) -> None:
    made = await aside.answer(forecast, SERIES, 30)
    assert isinstance(made, Forecast)
    assert made == forecast(SERIES, 30)
    assert aside.ask(forecast, SERIES, 30) is aside.ask(forecast, SERIES, 30)


async def test_an_error_is_raised_and_not_remembered(aside: Aside) -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match="a forecast is of 1 to"):
            await aside.answer(forecast, SERIES, MOST_DAYS_AHEAD + 1)
    first = aside.ask(forecast, SERIES, MOST_DAYS_AHEAD + 1)
    assert isinstance(first.exception(timeout=60), ValueError)
    assert aside.ask(forecast, SERIES, MOST_DAYS_AHEAD + 1) is not first


async def test_only_so_many_answers_are_kept(aside: Aside) -> None:
    for part in range(REMEMBERED + 10):
        await aside.answer(ratio, Decimal(part), Decimal(3))
    assert len(aside._answers) == REMEMBERED
    assert await aside.answer(ratio, Decimal(0), Decimal(3)) == 0


async def test_a_process_that_is_killed_is_started_again(aside: Aside) -> None:
    assert await aside.answer(ratio, Decimal(1), Decimal(2)) == Decimal("0.5")
    before = {child.pid for child in multiprocessing.active_children()}
    waiting = asyncio.create_task(aside.answer(forecast, SERIES, 30))
    await asyncio.sleep(0.3)
    for child in multiprocessing.active_children():
        child.kill()
    assert isinstance(await waiting, Forecast)
    assert before.isdisjoint({child.pid for child in multiprocessing.active_children()})


async def test_one_asker_fills_its_share_and_no_more_and_all_together_fill_the_places(aside: Aside) -> None:
    slow = aside.ask(time.sleep, 30, asker="first")
    told = [aside.ask(ratio, Decimal(part), Decimal(3), asker="first") for part in range(SHARE - 1)]
    with pytest.raises(BusyError) as full:
        aside.ask(ratio, Decimal(SHARE), Decimal(3), asker="first")
    assert full.value.own
    assert aside.ask(ratio, Decimal(0), Decimal(3), asker="first") is told[0]  # what waits already takes no place
    others = [aside.ask(ratio, Decimal(SHARE + part), Decimal(3), asker=part) for part in range(MOST_WAITING - SHARE)]
    with pytest.raises(BusyError) as full:
        aside.ask(ratio, Decimal(1_000), Decimal(3), asker="another")
    assert not full.value.own
    assert not slow.done()
    assert not any(answer.done() for answer in (*told, *others))


async def test_a_process_that_hangs_is_given_up_and_replaced() -> None:
    aside = Aside(seconds=3)
    try:
        hung = await aside.answer(os.getpid)
        asked = asyncio.create_task(aside.answer(time.sleep, 3_600))
        behind = asyncio.create_task(aside.answer(ratio, Decimal(1), Decimal(4)))
        with pytest.raises(OverdueError):
            await asked
        assert await behind == Decimal("0.25")
        assert not _is_running(hung)
        with pytest.raises(OverdueError):  # at once: it is not tried again yet
            await aside.answer(time.sleep, 3_600)
        assert aside.ask(time.sleep, 3_600).done()
    finally:
        aside.close()


async def test_a_stopped_process_is_replaced_too() -> None:
    aside = Aside(seconds=3)
    try:
        stopped = await aside.answer(os.getpid)
        os.kill(stopped, signal.SIGSTOP)
        with pytest.raises(OverdueError):
            await aside.answer(ratio, Decimal(1), Decimal(8))
        assert not _is_running(stopped)
        assert await aside.answer(ratio, Decimal(1), Decimal(4)) == Decimal("0.25")
    finally:
        aside.close()


async def test_what_cannot_be_sent_is_an_error_of_its_question_alone(aside: Aside) -> None:
    with pytest.raises(TypeError, match="cannot be sent"):
        await aside.answer(threading.Lock)
    with pytest.raises(FileNotFoundError):  # an error of the system is the function's, not the process's end
        await aside.answer(os.stat, "/there/is/no/such/file")
    assert await aside.answer(ratio, Decimal(1), Decimal(2)) == Decimal("0.5")


async def test_who_waits_for_a_closed_process_is_told(aside: Aside) -> None:
    waiting = [asyncio.create_task(aside.answer(time.sleep, seconds)) for seconds in (3_600, 3_601)]
    await asyncio.sleep(0)
    aside.close()
    for task in waiting:
        with pytest.raises(KilledError):
            await task
    assert await aside.answer(ratio, Decimal(1), Decimal(2)) == Decimal("0.5")  # the next question starts another


async def test_whoever_goes_away_does_not_take_the_answer_along(aside: Aside) -> None:
    first = asyncio.create_task(aside.answer(forecast, SERIES, 30))
    second = asyncio.create_task(aside.answer(forecast, SERIES, 30))
    await asyncio.sleep(0)
    first.cancel()
    assert isinstance(await second, Forecast)


def test_it_ends_with_its_parent_and_leaves_that_without_the_libraries(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    environment = os.environ | {"PYTHONPATH": str(Path.cwd())}
    with subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, text=True, env=environment) as parent:
        assert parent.stdout is not None
        expected, loaded, child = parent.stdout.readline().split(maxsplit=2)
        assert (Decimal(expected) > 300, loaded) == (True, "[]")
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while _is_running(int(child)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _is_running(int(child))


def _is_running(pid: int) -> bool:
    """Whether there is such a process that has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
