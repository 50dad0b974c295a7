"""What is said where the process that computes forecasts does not answer."""

from __future__ import annotations

import asyncio
import os
import time

from app.costs.forecasts import computed
from app.costs.outlook.aside import MOST_WAITING
from app.costs.outlook.forecast import ForecastUnavailable


async def test_a_process_that_is_killed_over_a_question_takes_no_other_field_along() -> None:
    found = await computed(os._exit, 1)
    assert isinstance(found, ForecastUnavailable)
    assert "was ended twice" in found.reason
    assert await computed(divmod, 7, 3) == (2, 1)


async def test_of_many_questions_at_once_the_last_are_told_to_come_again() -> None:
    slow = asyncio.create_task(computed(time.sleep, 2))
    await asyncio.sleep(0)
    found = await asyncio.gather(*(computed(divmod, number, 10) for number in range(MOST_WAITING + 5)))
    assert found[: MOST_WAITING - 1] == [divmod(number, 10) for number in range(MOST_WAITING - 1)]
    told = [one.reason for one in found[MOST_WAITING - 1 :] if isinstance(one, ForecastUnavailable)]
    assert told == ["Too many forecasts are being computed. Ask again in half a minute."] * 6
    assert await slow is None
    assert await computed(divmod, MOST_WAITING, 10) == divmod(MOST_WAITING, 10)
