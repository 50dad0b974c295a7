"""Forecasts: exact small cases, honest refusals, properties, and errors and coverage on seeded series."""

from __future__ import annotations

import math
import subprocess
import sys
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.costs.analysis.step_forecasts import forecast_periods
from app.costs.outlook.forecast import (
    INTERVAL,
    BackTest,
    CostOutlook,
    Forecast,
    ForecastPoint,
    ForecastTotal,
    ForecastUnavailable,
    back_test,
    cost_outlook,
    forecast,
    period_rest,
)
from app.costs.outlook.futures import simulate
from app.costs.outlook.series import DailySeries
from benchmarks.cost_series import Course, course

MONDAY = date(2026, 1, 5)


def daily(*amounts: float, start: date = MONDAY) -> DailySeries:
    return DailySeries(start, tuple(Decimal(f"{amount:.2f}") for amount in amounts))


def made(series: DailySeries, days: int, **options: object) -> Forecast:
    answer = forecast(series, days, **options)  # type: ignore[arg-type]  # options of the tests below
    assert isinstance(answer, Forecast), answer
    judged: list[ForecastPoint | ForecastTotal] = [*answer.points, answer.total, *answer.period_totals]
    for one in judged:
        assert all(amount.is_finite() for amount in (one.lower, one.expected, one.upper))
        assert one.lower <= one.expected <= one.upper
        assert one.expected.as_tuple().exponent == -6
    assert Fraction(answer.total.expected) == sum(Fraction(point.expected) for point in answer.points)
    assert [point.day for point in answer.points] == [series.end + timedelta(day) for day in range(days)]
    return answer


def noisy(seed: int, days: int, level: float = 100, noise: float = 10) -> list[float]:
    return [float(amount) for amount in np.random.default_rng(seed).uniform(level - noise, level + noise, days)]


@pytest.mark.parametrize("days", [0, 1, 3, 10, 13])
def test_too_short_a_history_is_told(days: int) -> None:
    answer = forecast(daily(*[10] * days), 30)
    assert answer == ForecastUnavailable(f"{days} days of history; a forecast needs 14")


def test_a_forecast_reaches_three_times_as_far_as_the_history() -> None:
    assert made(daily(*noisy(1, 14)), 42).error is None
    assert forecast(daily(*noisy(1, 14)), 43) == ForecastUnavailable(
        "14 days of history allow a forecast of 42 days, not 43"
    )


@pytest.mark.parametrize("history", [14, 20, 60, 400])
@pytest.mark.parametrize("amount", [0, 10, -3.5])
def test_constant_costs_stay_as_they_are(history: int, amount: float) -> None:
    answer = made(daily(*[amount] * history), 30)
    assert {(point.lower, point.expected, point.upper) for point in answer.points} == {(Decimal(str(amount)),) * 3}
    assert answer.total.expected == answer.total.upper == 30 * Decimal(str(amount))
    assert answer.method == "constant"


def test_purchases_on_the_first_come_again_on_the_first() -> None:
    amounts = [10.0] * 100
    for day in (27, 55, 86):
        amounts[day] = 110
    answer = made(daily(*amounts), 60)  # from 15 April: 1 May and 1 June
    assert {point.day: point.expected for point in answer.points if point.expected != 10} == {
        date(2026, 5, 1): 110,
        date(2026, 6, 1): 110,
    }
    assert answer.total.expected == 800
    assert answer.method == "constant, month-start purchases"
    assert answer.month_start_unseen is False


def test_a_purchase_seen_once_is_expected_by_half() -> None:
    """As it is drawn: what is expected of several months lies between the bounds of their total."""
    amounts = [10.0] * 40
    amounts[27] = 110
    answer = made(daily(*amounts), 90)
    first, *_ = [point for point in answer.points if point.day.day == 1]
    assert (first.lower, first.expected, first.upper) == (Decimal(10), Decimal(60), Decimal(110))
    assert answer.total.lower < answer.total.expected < answer.total.upper
    assert answer.total.expected == 900 + 3 * 50


def test_it_is_told_that_no_month_start_was_seen() -> None:
    assert made(daily(*noisy(1, 20)), 10).month_start_unseen is True
    assert made(daily(*noisy(1, 20)), 5).month_start_unseen is False


def test_one_spike_is_not_expected_again() -> None:
    amounts = noisy(3, 90, noise=2)
    amounts[60] = 5_000
    assert math.isclose(made(daily(*amounts), 30).total.expected, 3_000, rel_tol=0.02)


def test_a_new_level_is_expected_to_stay() -> None:
    amounts = noisy(4, 90, level=100, noise=2) + noisy(5, 10, level=200, noise=2)
    assert math.isclose(made(daily(*amounts), 30).total.expected, 6_000, rel_tol=0.05)


def test_costs_that_were_never_negative_are_not_expected_to_be() -> None:
    answer = made(daily(*[100 * (day % 3 == 0) + day % 2 for day in range(60)]), 90)
    assert all(point.lower >= 0 for point in answer.points)
    assert answer.total.lower >= 0
    mirrored = made(daily(*[-100 * (day % 3 == 0) - day % 2 for day in range(60)]), 90)
    assert all(point.upper <= 0 for point in mirrored.points)


def test_the_interval_of_a_total_is_narrower_than_the_sum_of_its_days() -> None:
    answer = made(daily(*noisy(6, 120)), 30)
    days = sum(point.upper - point.lower for point in answer.points)
    assert answer.total.upper - answer.total.lower < days / 2
    assert answer.total.lower < 3_000 < answer.total.upper


def test_a_wider_interval_holds_a_narrower_one() -> None:
    series = daily(*noisy(7, 60))
    narrow, wide = made(series, 30, interval=Decimal("0.5")), made(series, 30, interval=Decimal("0.95"))
    assert wide.total.lower < narrow.total.lower < narrow.total.upper < wide.total.upper
    assert wide.total.expected == narrow.total.expected


def test_periods_get_totals_of_their_own() -> None:
    series = daily(*noisy(8, 60))  # until 6 March
    periods = [(date(2026, 3, 6), date(2026, 4, 1)), (date(2026, 4, 1), date(2026, 5, 1))]
    answer = made(series, 90, periods=periods)
    assert [(one.start, one.end) for one in answer.period_totals] == periods
    april = [point.expected for point in answer.points if point.day.month == 4]
    assert answer.period_totals[1].expected == sum(april)
    with pytest.raises(ValueError, match="not within the days ahead"):
        forecast(series, 5, periods=periods)


@pytest.mark.parametrize(("days", "interval"), [(0, "0.8"), (367, "0.8"), (30, "0"), (30, "1")])
def test_impossible_questions_are_refused(days: int, interval: str) -> None:
    with pytest.raises(ValueError, match=r"forecast is of|interval is between"):
        forecast(daily(*[10] * 30), days, interval=Decimal(interval))


def outlook(history: DailySeries, days: int = 5) -> CostOutlook:
    answer = cost_outlook(history, days, INTERVAL)
    assert isinstance(answer, CostOutlook), answer
    return answer


def test_the_end_of_a_month() -> None:
    answer = outlook(daily(*[10] * 36))  # 5 January to 9 February: 9 days of 28
    assert answer.month_total == ForecastTotal(date(2026, 2, 1), date(2026, 3, 1), *[Decimal(280)] * 3)
    assert [point.day for point in answer.points] == [date(2026, 2, day) for day in range(10, 15)]
    assert answer.total == ForecastTotal(date(2026, 2, 10), date(2026, 2, 15), *[Decimal(50)] * 3)


def test_what_is_known_of_a_month_has_no_bounds() -> None:
    answer = outlook(daily(*noisy(9, 36)))
    left = made(daily(*noisy(9, 36)), 19).total
    known = sum(daily(*noisy(9, 36)).values[-9:])
    bounds = [known + part for part in (left.expected, left.lower, left.upper)]
    assert answer.month_total == ForecastTotal(date(2026, 2, 1), date(2026, 3, 1), *bounds)


@pytest.mark.parametrize("interval", [INTERVAL, Decimal("0.95")])
def test_a_month_ends_alike_whatever_days_are_asked_for(interval: Decimal) -> None:
    """As a budget's month does, whose days are the only ones that it asks for."""
    history = daily(*noisy(9, 120))  # until 4 May: 27 days are left
    rest = period_rest(history, history.end, date(2026, 6, 1), interval)
    assert isinstance(rest, ForecastTotal)
    known = history.between(date(2026, 5, 1), history.end).total
    sums = [known + part for part in (rest.expected, rest.lower, rest.upper)]
    for days in (1, 26, 27, 28, 30, 90):
        found = cost_outlook(history, days, interval)
        assert isinstance(found, CostOutlook)
        assert found.month_total == ForecastTotal(date(2026, 5, 1), date(2026, 6, 1), *sums)
        assert len(found.points) == days


def test_a_period_that_is_forecast_by_itself_ends_alike_whatever_comes_after_it() -> None:
    """The others are those of the whole forecast, and all of them are expected to cost what their days are."""
    history = daily(*noisy(9, 120))  # until 4 May
    may, june = (history.end, date(2026, 6, 1)), (date(2026, 6, 1), date(2026, 7, 1))
    whole = (history.end, june[1])
    together = forecast_periods(history, INTERVAL, (may, june, whole))
    by_itself = forecast_periods(history, INTERVAL, (may, june, whole), may)
    assert isinstance(together, Forecast)
    assert isinstance(by_itself, Forecast)
    first, *others = by_itself.period_totals
    assert first == period_rest(history, *may)
    assert first != together.period_totals[0]
    assert first.expected == together.period_totals[0].expected
    assert (others, by_itself.points) == ([*together.period_totals[1:]], together.points)
    alone = forecast_periods(history, INTERVAL, (may,), may)
    assert isinstance(alone, Forecast)
    assert alone.period_totals == (first,)


def test_a_month_that_is_over_is_exact() -> None:
    series = daily(*noisy(9, 55))  # until 28 February
    month = series.between(date(2026, 2, 1), date(2026, 3, 1)).total
    assert outlook(series).month_total == ForecastTotal(date(2026, 2, 1), date(2026, 3, 1), *[month] * 3)


def test_a_month_that_is_not_all_imported_has_no_total() -> None:
    answer = outlook(daily(*[10] * 20))
    assert (answer.month_total, answer.month_reason) == (None, "Costs before 2026-01-05 are not imported.")


def test_a_month_end_needs_history() -> None:
    answer = cost_outlook(daily(*[10] * 5, start=date(2026, 3, 1)), 5, INTERVAL)
    assert answer == ForecastUnavailable("5 days of history; a forecast needs 14")


def test_few_days_leave_a_drift_open_that_many_exclude() -> None:
    """Bounds of a month ahead in parts of it: of even noise, wider the fewer the days; of a drift, around it."""
    widths = []
    for days in (14, 28, 56):
        total = made(daily(*noisy(13, days, noise=5)), 30).total
        widths.append((total.upper - total.lower) / total.expected)
    assert widths[0] > 2 * widths[2] > 0
    assert widths[0] > widths[1]
    growing = [100 * 1.003**day + noise for day, noise in enumerate(noisy(14, 50, level=0, noise=5))]
    assert made(daily(*growing[:20]), 30, interval=Decimal("0.95")).total.upper > Decimal(sum(growing[20:]))


def test_a_back_test_of_what_is_certain_has_no_error() -> None:
    exact = back_test(daily(*[10] * 70), 14, 3)
    one, none = Decimal(1), Decimal(0)
    assert exact == BackTest(14, 3, mape=none, wape=none, total_wape=none, coverage=one, total_coverage=one)


def test_a_back_test_of_nothing_has_no_ratio() -> None:
    test = back_test(daily(*[0] * 70), 14, 3)
    assert isinstance(test, BackTest)
    assert (test.mape, test.wape, test.total_wape, test.coverage) == (None, None, None, Decimal(1))


def test_a_back_test_measures_what_came() -> None:
    # Even costs of 10 for 56 days, then 20: forecast 10, so half of what came is missing, and no day is within.
    test = back_test(daily(*[10] * 56, *[20] * 14), 14, 1)
    half = Decimal("0.5")
    assert test == BackTest(
        14, 1, mape=half, wape=half, total_wape=half, coverage=Decimal(0), total_coverage=Decimal(0)
    )


def test_a_back_test_needs_history() -> None:
    assert back_test(daily(*[10] * 57), 30, 3) == ForecastUnavailable("57 days; a back-test of 30 days needs 58")


def test_equal_input_gives_equal_output() -> None:
    series = daily(*noisy(10, 60))
    assert forecast(series, 30) == forecast(series, 30)


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([Decimal(1024), Decimal("0.125")]))
def test_scaled_costs_have_a_scaled_forecast(seed: int, factor: Decimal) -> None:
    series = daily(*noisy(seed, 40))
    scaled = DailySeries(series.start, tuple(amount * factor for amount in series.values))
    plain, other = made(series, 14), made(scaled, 14)
    for one, two in zip((*plain.points, plain.total), (*other.points, other.total), strict=True):
        for bound in ("lower", "expected", "upper"):
            assert math.isclose(getattr(one, bound) * factor, getattr(two, bound), rel_tol=1e-4)


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 200))
def test_whole_weeks_change_nothing_where_no_day_stands_out(seed: int, weeks: int) -> None:
    """One that does is a purchase on the first of a month, and on any other day it is not."""
    series = daily(*noisy(seed, 40, noise=1))
    later = DailySeries(series.start + timedelta(weeks=weeks), series.values)
    here, there = made(series, 14), made(later, 14)
    assert [point.expected for point in here.points] == [point.expected for point in there.points]
    assert (here.total.lower, here.total.upper) == (there.total.lower, there.total.upper)


odd = st.decimals(-(10**15), 10**15, places=6) | st.sampled_from([Decimal(0), Decimal("0.000001"), Decimal(100)])


@settings(max_examples=40, deadline=None)
@given(st.lists(odd, min_size=14, max_size=45), st.integers(1, 40), st.dates(date(2024, 1, 1), date(2026, 12, 31)))
def test_any_history_has_finite_bounds_in_order(amounts: list[Decimal], days: int, start: date) -> None:
    made(DailySeries(start, tuple(amounts)), days)


@pytest.mark.parametrize("size", [Decimal("1e-12"), Decimal("1e30")])
def test_very_small_and_very_large_costs(size: Decimal) -> None:
    series = DailySeries(MONDAY, tuple(Decimal(f"{amount:.2f}") * size for amount in noisy(11, 60)))
    answer = made(series, 30)
    assert math.isclose(answer.total.expected, 3_000 * size, rel_tol=0.05, abs_tol=1e-6)


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (Course.STEADY, 0.03),
        (Course.WEEKLY, 0.05),
        (Course.GROWING, 0.06),
        (Course.SHRINKING, 0.06),
        (Course.WANDERING, 0.10),
        (Course.MONTH_START, 0.05),
        (Course.WORKDAYS, 0.03),
    ],
)
def test_errors_and_coverage_on_seeded_series(kind: Course, error: float) -> None:
    errors, inside = [], []
    for number in range(4):
        series = course(np.random.default_rng([7, number]), kind, 100, 30)
        origin = series.start + timedelta(100)
        answer = made(series.until(origin), 30)
        actual = series.between(origin, series.end)
        errors.append(abs(answer.total.expected / actual.total - 1))
        inside += [
            point.lower <= amount <= point.upper for point, amount in zip(answer.points, actual.values, strict=True)
        ]
    assert sum(errors) / len(errors) <= error
    assert 0.6 <= sum(inside) / len(inside) <= 0.98


def test_a_new_service_is_expected_to_stay() -> None:
    """Its ten days decide, not the nothing before them: a mean of four weeks would miss two thirds."""
    for number in range(4):
        series = course(np.random.default_rng([8, number]), Course.NEW, 60, 30)
        origin = series.start + timedelta(60)
        answer, actual = made(series.until(origin), 30), series.between(origin, series.end).total
        assert abs(answer.total.expected / actual - 1) < 0.25
        assert answer.total.lower > 0


def test_nothing_ever_is_nothing_to_come() -> None:
    answer = made(daily(*[0] * 90), 30)
    assert {answer.total.lower, answer.total.expected, answer.total.upper} == {Decimal(0)}
    assert answer.error is not None
    assert (answer.error.mape, answer.error.wape, answer.error.coverage) == (None, None, Decimal(1))


def test_what_is_said_of_errors_is_what_earlier_forecasts_missed() -> None:
    """The back-test sees only earlier days: its error is that of forecasts that are made of those days alone."""
    series = course(np.random.default_rng(9), Course.WEEKLY, 88, 0)
    told = back_test(series, 30, 2)
    assert isinstance(told, BackTest)
    missed = came = Decimal(0)
    for origin in (series.start + timedelta(28), series.start + timedelta(58)):
        answer = simulated(series.until(origin), 30)
        actual = series.between(origin, origin + timedelta(30))
        missed += abs(sum(answer) - actual.total)
        came += actual.total
    assert told.origins == 2
    assert told.total_wape == pytest.approx(missed / came, abs=Decimal("0.0002"))


def simulated(series: DailySeries, days: int) -> list[Decimal]:
    """What is expected of each day, by the model alone."""
    return [Decimal(float(amount)) for amount in simulate(series, days, courses=200).expected]


def test_of_four_earlier_totals_the_one_that_missed_most_decides_how_wide_bounds_are() -> None:
    """As conformal prediction asks for 80 %; bounds are never narrowed, and at most doubled."""
    amounts = noisy(12, 148, noise=1)
    amounts[-30:] = [amount * 1.04 for amount in amounts[-30:]]  # the last of the four misses
    answer = made(daily(*amounts), 30)
    assert answer.error is not None
    assert (answer.error.origins, answer.widened) == (4, Decimal(2))
    assert answer.error.total_coverage <= Decimal("0.75")
    assert made(daily(*[10] * 148), 30).widened == 1


def test_the_libraries_are_loaded_only_when_asked() -> None:
    program = (
        "import sys, app.costs.outlook.anomalies, app.costs.outlook.budget_state, app.costs.outlook.explain, "
        "app.costs.outlook.forecast; sys.exit(bool({'numpy', 'pandas', 'scipy', 'statsmodels'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
