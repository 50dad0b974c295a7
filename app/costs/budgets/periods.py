"""The periods of a budget: calendar steps from its first day, or one stretch of days."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from app.costs.analysis.periods import add_months
from app.records.budgets import BudgetRecurrence
from app.records.cost_analysis import DateRange

_MONTHS = {BudgetRecurrence.MONTHLY: 1, BudgetRecurrence.QUARTERLY: 3, BudgetRecurrence.YEARLY: 12}


def periods_until(budget: Mapping[Any, Any], day: date) -> Iterator[DateRange]:
    """The periods of a budget that have begun by a day, the newest first.

    A recurring budget's periods begin on the day of the month of its first one; a budget that ends cuts the last off.
    """
    start, end = budget["starts_on"], budget["ends_on"]
    if budget["recurrence"] == BudgetRecurrence.FIXED:
        if start <= day:
            yield DateRange(start, end)
        return
    months = _MONTHS[BudgetRecurrence(budget["recurrence"])]
    last = min(day, end) if end else day
    number = ((last.year - start.year) * 12 + last.month - start.month) // months
    while number >= 0:
        first, after = add_months(start, number * months), add_months(start, (number + 1) * months)
        if first <= day and (end is None or first < end):
            yield DateRange(first, after if end is None else min(after, end))
        number -= 1


def period_at(budget: Mapping[Any, Any], day: date) -> DateRange | None:
    """The period that a day lies in; None before the first and after the last."""
    newest = next(periods_until(budget, day), None)
    return newest if newest is not None and day < newest.end else None
