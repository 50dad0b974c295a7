"""Daily series: gaps and zeros told apart, exact sums."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from app.costs.outlook.series import DailySeries, exact_difference, exact_sum, ratio, rounded

FIRST = date(2026, 1, 5)


def test_an_imported_day_without_charges_is_zero_and_other_days_are_no_part() -> None:
    amounts = {date(2026, 1, 4): Decimal(9), date(2026, 1, 6): Decimal("1.5"), date(2026, 1, 9): Decimal(7)}
    series = DailySeries.of_imported(FIRST, date(2026, 1, 8), amounts)
    assert series.values == (Decimal(0), Decimal("1.5"), Decimal(0))
    assert series.end == date(2026, 1, 8)


def test_nothing_imported_is_an_empty_series() -> None:
    series = DailySeries.of_imported(FIRST, FIRST, {})
    assert (series.days, series.end, series.total) == (0, FIRST, Decimal(0))


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-Infinity", "sNaN"])
def test_an_amount_that_is_no_number_is_refused(amount: str) -> None:
    with pytest.raises(ValueError, match="finite"):
        DailySeries(FIRST, (Decimal(amount),))


def test_parts_keep_their_dates() -> None:
    series = DailySeries(FIRST, tuple(Decimal(day) for day in range(10)))
    part = series.between(date(2026, 1, 7), date(2026, 1, 9))
    assert (part.start, part.values) == (date(2026, 1, 7), (Decimal(2), Decimal(3)))
    assert series.until(date(2026, 1, 6)).values == (Decimal(0),)
    assert series.between(date(2025, 1, 1), date(2027, 1, 1)) == series
    assert series.between(date(2027, 1, 1), date(2027, 2, 1)).days == 0
    assert list(part.dates()) == [date(2026, 1, 7), date(2026, 1, 8)]


def test_sums_are_exact_beyond_the_ordinary_28_digits() -> None:
    large, small = Decimal(10) ** 37, Decimal("1e-30")
    assert exact_sum((large, small, -large)) == small
    assert exact_difference(Decimal(10**37 + 1), large) == 1
    assert DailySeries(FIRST, (large, small)).total == Decimal("1" + "0" * 37 + "." + "0" * 29 + "1")


def test_estimates_are_rounded_half_to_even_without_a_negative_zero() -> None:
    assert [str(rounded(amount, 0)) for amount in (1.5, 2.5, -2.5)] == ["2", "2", "-2"]
    assert str(rounded(2.00000049)) == "2.000000"
    assert str(rounded(Decimal("-0.0000001"))) == "0.000000"
    assert str(rounded(1e30, 2)) == "1000000000000000019884624838656.00"
    assert ratio(Decimal(1), Decimal(3)) == Decimal("0.3333")
    assert ratio(Decimal(1), Decimal(0)) is None
