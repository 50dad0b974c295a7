"""The process beside ours: the same answers, once for each question, whoever is killed."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from app.costs.outlook.aside import REMEMBERED, Aside
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
