"""A budget's arithmetic by hand."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.costs.outlook.budget_state import BudgetState, Likelihood, Threshold, ThresholdBasis, budget_state
from app.costs.outlook.forecast import ForecastTotal

START, END = date(2026, 4, 1), date(2026, 5, 1)


def total(expected: str, lower: str, upper: str) -> ForecastTotal:
    return ForecastTotal(START, END, Decimal(expected), Decimal(lower), Decimal(upper))


def threshold(percent: str, basis: ThresholdBasis) -> Threshold:
    return Threshold(Decimal(percent), basis)


ACTUAL_50, ACTUAL_80 = threshold("50", ThresholdBasis.ACTUAL), threshold("80", ThresholdBasis.ACTUAL)
FORECAST_100, FORECAST_120 = threshold("100", ThresholdBasis.FORECAST), threshold("120", ThresholdBasis.FORECAST)
ALL = (ACTUAL_50, ACTUAL_80, FORECAST_100, FORECAST_120)


def state(limit: str, actual: str, days: int, expected: ForecastTotal | None) -> BudgetState:
    return budget_state(
        limit=Decimal(limit),
        start=START,
        end=END,
        actual=Decimal(actual),
        until=START + timedelta(days),
        thresholds=ALL,
        expected=expected,
    )


def test_a_budget_in_the_middle_of_its_month() -> None:
    found = state("1000", "600.10", 15, total("1200.20", "1100", "1300"))
    assert (found.remaining, found.spent, found.elapsed) == (Decimal("399.90"), Decimal("0.6001"), Decimal("0.5"))
    assert (found.burn_rate, found.allowed_rate) == (Decimal("40.006667"), Decimal("26.66"))
    assert (found.expected_over, found.likelihood) == (Decimal("200.20"), Likelihood.OVER)
    assert [one.amount for one in found.thresholds] == [500, 800, 1000, 1200]
    assert found.crossed == (ACTUAL_50, FORECAST_100, FORECAST_120)


def test_a_threshold_is_crossed_when_it_is_reached() -> None:
    assert state("1000", "500", 15, total("1000", "900", "1000")).crossed == (ACTUAL_50, FORECAST_100)
    assert state("1000", "499.999999", 15, total("999.999999", "900", "1000")).crossed == ()


@pytest.mark.parametrize(
    ("lower", "upper", "likelihood"),
    [("900", "1000", Likelihood.UNDER), ("999", "1001", Likelihood.UNCERTAIN), ("1001", "1002", Likelihood.OVER)],
)
def test_the_whole_interval_decides(lower: str, upper: str, likelihood: Likelihood) -> None:
    assert state("1000", "500", 15, total("1000", lower, upper)).likelihood is likelihood


def test_what_is_unknown_is_none() -> None:
    found = state("0", "0", 0, None)
    assert (found.spent, found.burn_rate, found.expected, found.expected_over, found.likelihood) == (None,) * 5
    assert [one.crossed for one in found.thresholds] == [True, True, None, None]


def test_a_period_that_is_over_needs_no_forecast() -> None:
    found = state("1000", "1000.01", 45, total("5", "5", "5"))
    assert found.expected == total("1000.01", "1000.01", "1000.01")
    assert (found.elapsed, found.allowed_rate, found.likelihood) == (Decimal(1), None, Likelihood.OVER)
    assert found.crossed == (ACTUAL_50, ACTUAL_80, FORECAST_100)


def test_an_overspent_budget_allows_nothing_more() -> None:
    found = state("1000", "1500", 15, None)
    assert (found.remaining, found.allowed_rate) == (Decimal(-500), Decimal(0))


def test_credits_may_make_the_actual_negative() -> None:
    found = state("1000", "-20", 10, None)
    assert (found.remaining, found.spent, found.burn_rate) == (Decimal(1020), Decimal("-0.02"), Decimal(-2))
    assert found.crossed == ()


@pytest.mark.parametrize(("limit", "percent", "end"), [("-1", "80", END), ("1", "-1", END), ("1", "80", START)])
def test_impossible_budgets_are_refused(limit: str, percent: str, end: date) -> None:
    with pytest.raises(ValueError, match="a budget has a limit"):
        budget_state(
            limit=Decimal(limit),
            start=START,
            end=end,
            actual=Decimal(0),
            until=START,
            thresholds=[threshold(percent, ThresholdBasis.ACTUAL)],
        )


money = st.decimals(0, 10**20, places=12)


@given(money, money, st.decimals(0, 1000, places=3), st.integers(0, 40))
def test_limit_is_actual_and_remaining_to_the_last_digit(
    limit: Decimal, actual: Decimal, percent: Decimal, days: int
) -> None:
    found = budget_state(
        limit=limit,
        start=START,
        end=END,
        actual=actual,
        until=START + timedelta(days),
        thresholds=[Threshold(percent, ThresholdBasis.ACTUAL)],
    )
    assert Fraction(found.remaining) + Fraction(actual) == Fraction(limit)
    assert found.thresholds[0].crossed is (Fraction(actual) * 100 >= Fraction(limit) * Fraction(percent))
