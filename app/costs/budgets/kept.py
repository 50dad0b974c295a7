"""Forecasts of budgets that are kept: the check of costs makes them, so that a page of budgets only reads them.

A forecast takes a third of a second to compute; a hundred of them are more than a request may take. It is made anew
when the costs that it is made of have changed, which is after an import and not more often.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import orjson

from app.costs.budgets.standing import Standing
from app.costs.outlook.aside import ASIDE, OverdueError
from app.costs.outlook.forecast import ForecastTotal, ForecastUnavailable, period_rest
from app.costs.outlook.series import DailySeries, exact_sum

METHOD = 1
"""Of the forecasts; another number has all of them made anew."""
NOT_MADE = "The forecast is not made yet: a worker makes it after each import and change. Ask again in a moment."
NOT_BEGUN = "A period is forecast once it has begun."


async def made_forecast(standing: Standing, kept: Mapping[Any, Any] | None) -> dict[str, Any] | None:
    """The row to keep of a period that is not over; None where there is nothing to forecast, or `kept` still holds."""
    if standing.actual is None or standing.history is None or standing.until >= standing.period.end:
        return None
    question, ground = _question_of(standing), ground_of(standing.history)
    if kept is not None and (kept["question"], kept["ground"]) == (question, ground):
        return None
    total = await _total(standing, standing.history)
    row = {
        "budget_id": standing.budget["id"],
        "period_start": standing.period.start,
        "question": question,
        "ground": ground,
        "as_of": standing.history.end,
    }
    if isinstance(total, ForecastUnavailable):
        return row | {"expected": None, "lower": None, "upper": None, "reason": total.reason}
    return row | {"expected": total.expected, "lower": total.lower, "upper": total.upper, "reason": None}


def expected_total(
    standing: Standing, kept: Mapping[Any, Any] | None, today: date
) -> ForecastTotal | ForecastUnavailable:
    """What the period will have cost when it is over, by the forecast that is kept of it; nothing is computed."""
    period, actual = standing.period, standing.actual
    if actual is None:
        return ForecastUnavailable(standing.reason or "")
    if standing.until >= period.end:
        return ForecastTotal(period.start, period.end, actual, actual, actual)
    if standing.no_forecast is not None:
        return ForecastUnavailable(standing.no_forecast)
    if kept is None or kept["question"] != _question_of(standing):
        return ForecastUnavailable(NOT_BEGUN if period.start > today else NOT_MADE)
    if kept["expected"] is None:
        return ForecastUnavailable(kept["reason"])
    # What has arrived by now may already be more than was expected.
    sums = [max(kept[name], actual) for name in ("expected", "lower", "upper")]
    return ForecastTotal(period.start, period.end, *sums)


async def _total(standing: Standing, history: DailySeries) -> ForecastTotal | ForecastUnavailable:
    """The whole period: what has arrived of it, and what is expected of the other days."""
    period = standing.period
    try:
        rest = await ASIDE.answer(period_rest, history, max(period.start, history.end), period.end)
    except OverdueError as overdue:
        return ForecastUnavailable(
            f"The forecast took longer than {overdue.seconds:g} seconds and was given up. It is tried again once the "
            "costs have changed."
        )
    if isinstance(rest, ForecastUnavailable):
        return rest
    arrived = history.between(period.start, period.end).total
    sums = [exact_sum((arrived, part)) for part in (rest.expected, rest.lower, rest.upper)]
    return ForecastTotal(period.start, period.end, *sums)


def _question_of(standing: Standing) -> bytes:
    """What is asked; the amount and the thresholds of a budget change without asking anew."""
    budget, period = standing.budget, standing.period
    asked = [METHOD, budget["scope"], budget["metric"], budget["currency"], period.start, period.end]
    return hashlib.sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)).digest()


def ground_of(history: DailySeries) -> bytes:
    """What tells one history from another: the SHA-256 of its days and amounts."""
    amounts = ",".join(_text(amount) for amount in history.values)
    return hashlib.sha256(f"{history.start} {amounts}".encode()).digest()


def _text(amount: Decimal) -> str:
    return format(amount.normalize(), "f")
