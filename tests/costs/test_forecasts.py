"""What is said where the process that computes forecasts does not answer."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest

from app.costs import forecasts
from app.costs.budgets import kept
from app.costs.budgets.kept import made_forecast
from app.costs.budgets.standing import Standing
from app.costs.forecasts import computed
from app.costs.outlook.aside import ASIDE, MOST_WAITING, SHARE, Aside
from app.costs.outlook.forecast import ForecastUnavailable
from app.costs.outlook.series import DailySeries
from app.records.cost_analysis import DateRange

HERE, THERE = uuid4(), uuid4()


@pytest.fixture
def aside(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aside]:
    """One of its own, which gives a question up after three seconds."""
    made = Aside(seconds=3)
    for room in (forecasts, kept):
        monkeypatch.setattr(room, "ASIDE", made)
    yield made
    made.close()


def reasons(found: list[object]) -> list[str]:
    return [one.reason for one in found if isinstance(one, ForecastUnavailable)]


async def test_a_process_that_is_killed_over_a_question_takes_no_other_field_along() -> None:
    found = await computed(HERE, os._exit, 1)
    assert isinstance(found, ForecastUnavailable)
    assert "was ended twice" in found.reason
    assert await computed(HERE, divmod, 7, 3) == (2, 1)


async def test_of_many_questions_of_an_organization_the_last_are_told_to_come_again_and_others_are_answered() -> None:
    await ASIDE.answer(divmod, 1, 1)  # the process has started
    slow = asyncio.create_task(computed(HERE, time.sleep, 1))
    await asyncio.sleep(0)
    mine = asyncio.gather(*(computed(HERE, divmod, number, 10) for number in range(SHARE + 5)))
    assert await computed(THERE, divmod, 7, 2) == (3, 1)
    found = await mine
    assert found[: SHARE - 1] == [divmod(number, 10) for number in range(SHARE - 1)]
    told = "12 forecasts of your organization are being computed already. Ask again in a few seconds."
    assert reasons(list(found)) == [told] * 6
    assert await slow is None
    assert await computed(HERE, divmod, SHARE, 10) == divmod(SHARE, 10)


async def test_of_many_questions_of_many_organizations_the_last_are_told_to_come_again() -> None:
    await ASIDE.answer(divmod, 1, 1)
    slow = asyncio.create_task(computed(HERE, time.sleep, 2))
    await asyncio.sleep(0)
    found = await asyncio.gather(*(computed(uuid4(), divmod, number, 20) for number in range(MOST_WAITING + 5)))
    assert reasons(list(found)) == ["Too many forecasts are being computed. Ask again in half a minute."] * 6
    assert await slow is None
    assert await computed(HERE, divmod, MOST_WAITING, 20) == divmod(MOST_WAITING, 20)


async def test_a_process_that_hangs_leaves_its_question_without_a_forecast(aside: Aside) -> None:
    await aside.answer(divmod, 1, 1)
    hung = await computed(HERE, time.sleep, 3_600)
    assert isinstance(hung, ForecastUnavailable)
    assert hung.reason == "The forecast took longer than 3 seconds and was given up. Ask again in ten minutes."
    assert await aside.answer(divmod, 8, 3) == (2, 2)


async def test_a_budget_whose_forecast_hangs_is_kept_without_one_and_with_the_reason(aside: Aside) -> None:
    os.kill(await aside.answer(os.getpid), signal.SIGSTOP)
    start = date(2026, 10, 1)
    history = DailySeries(start, (Decimal(1),) * 20)
    until = start + timedelta(20)
    budget = {"id": uuid4(), "scope": {}, "metric": "EFFECTIVE_COST", "currency": "USD"}
    standing = Standing(budget, DateRange(start, date(2026, 11, 1)), Decimal(20), None, {}, until, history)
    row = await made_forecast(standing, None)
    assert row is not None
    assert (row["expected"], row["lower"], row["upper"], row["as_of"]) == (None, None, None, until)
    assert row["reason"] == (
        "The forecast took longer than 3 seconds and was given up. It is tried again once the costs have changed."
    )
    assert await made_forecast(standing, row) is None
