"""What is said where the process that computes forecasts does not answer."""

from __future__ import annotations

import os

from app.costs.forecasts import computed
from app.costs.outlook.forecast import ForecastUnavailable


async def test_a_process_that_is_killed_over_a_question_takes_no_other_field_along() -> None:
    found = await computed(os._exit, 1)
    assert isinstance(found, ForecastUnavailable)
    assert "was ended twice" in found.reason
    assert await computed(divmod, 7, 3) == (2, 1)
