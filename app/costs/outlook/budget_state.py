"""A budget's arithmetic: what is spent, what is left, how fast it goes, and which thresholds are crossed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from app.costs.outlook.forecast import ForecastTotal
from app.costs.outlook.series import AMOUNT_SCALE, exact_difference, exact_product, ratio


class ThresholdBasis(StrEnum):
    """What a threshold is compared with."""

    ACTUAL = "actual"
    FORECAST = "forecast"


class Likelihood(StrEnum):
    """Where the whole interval of the period's total lies."""

    UNDER = "under"
    UNCERTAIN = "uncertain"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Threshold:
    """A percentage of the limit (80 is 80 %) that actual or forecast costs may cross."""

    percent: Decimal
    basis: ThresholdBasis


@dataclass(frozen=True, slots=True)
class ThresholdState:
    """A threshold, the amount it stands for, and whether it is reached; None where there is no forecast to compare."""

    threshold: Threshold
    amount: Decimal
    crossed: bool | None


@dataclass(frozen=True, slots=True)
class BudgetState:
    """How a budget stands at the end of the last day with complete costs; amounts in the budget's currency.

    Exact: `actual`, `remaining` (limit - actual, negative when overspent), `expected_over` (expected total - limit,
    negative when under). Rounded to six digits: `burn_rate`, what a day has cost so far on average, and
    `allowed_rate`, what each day left may cost so that the limit holds (0 when it no longer can). `spent` and
    `elapsed` are parts of the limit and of the period with four digits; `spent` is None where the limit is 0.
    What is unknown is None: rates without days, the expected where there is no forecast.
    """

    limit: Decimal
    actual: Decimal
    remaining: Decimal
    spent: Decimal | None
    elapsed: Decimal | None
    burn_rate: Decimal | None
    allowed_rate: Decimal | None
    expected: ForecastTotal | None
    expected_over: Decimal | None
    likelihood: Likelihood | None
    thresholds: tuple[ThresholdState, ...]

    @property
    def crossed(self) -> tuple[Threshold, ...]:
        """The thresholds that are reached."""
        return tuple(state.threshold for state in self.thresholds if state.crossed)


def budget_state(
    *,
    limit: Decimal,
    start: date,
    end: date,
    actual: Decimal,
    until: date,
    thresholds: Sequence[Threshold] = (),
    expected: ForecastTotal | None = None,
) -> BudgetState:
    """The state of a budget of the period `start` to `end` (exclusive) with `actual` costs before the day `until`.

    `expected` is the total of the whole period, its actual costs included; None where there is no forecast, except
    that a period that is over needs none: its costs are its total. A threshold is crossed when the amount reaches it.
    A ValueError: a negative limit or percentage, a period without days.
    """
    if limit < 0 or end <= start or any(threshold.percent < 0 for threshold in thresholds):
        message = "a budget has a limit and thresholds of 0 or more and a period of at least one day"
        raise ValueError(message)
    seen = min(max((until - start).days, 0), (end - start).days)
    left = (end - start).days - seen
    total = expected if left else ForecastTotal(start, end, actual, actual, actual)
    remaining = exact_difference(limit, actual)
    return BudgetState(
        limit=limit,
        actual=actual,
        remaining=remaining,
        spent=ratio(actual, limit),
        elapsed=ratio(Decimal(seen), Decimal(seen + left)),
        burn_rate=ratio(actual, Decimal(seen), AMOUNT_SCALE),
        allowed_rate=ratio(max(remaining, Decimal(0)), Decimal(left), AMOUNT_SCALE),
        expected=total,
        expected_over=None if total is None else exact_difference(total.expected, limit),
        likelihood=None if total is None else _likelihood(total, limit),
        thresholds=tuple(_threshold_state(threshold, limit, actual, total) for threshold in thresholds),
    )


def _threshold_state(
    threshold: Threshold, limit: Decimal, actual: Decimal, expected: ForecastTotal | None
) -> ThresholdState:
    amount = exact_product(exact_product(limit, threshold.percent), Decimal("0.01"))
    compared = actual
    if threshold.basis is ThresholdBasis.FORECAST:
        if expected is None:
            return ThresholdState(threshold, amount, None)
        compared = expected.expected
    return ThresholdState(threshold, amount, compared >= amount)


def _likelihood(expected: ForecastTotal, limit: Decimal) -> Likelihood:
    if expected.lower > limit:
        return Likelihood.OVER
    return Likelihood.UNDER if expected.upper <= limit else Likelihood.UNCERTAIN
