"""Anomalies: small cases computed by hand, properties, and precision and recall on a seeded set."""

from __future__ import annotations

import math
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.costs.outlook.anomalies import (
    Anomaly,
    Direction,
    JudgedDay,
    JudgementUnavailable,
    Sensitivity,
    find_anomalies,
)
from app.costs.outlook.baseline import judge
from app.costs.outlook.series import DailySeries
from benchmarks.cost_series import Background, Injection, injected_case
from benchmarks.outlook import NOISES, Counts, judged, ours

MONDAY = date(2026, 1, 5)


def daily(*amounts: float | str, start: date = MONDAY) -> DailySeries:
    return DailySeries(start, tuple(Decimal(str(amount)) for amount in amounts))


def found(series: DailySeries, **options: object) -> list[Anomaly]:
    anomalies = find_anomalies(series, **options)  # type: ignore[arg-type]  # options of the tests below
    assert isinstance(anomalies, list)
    return anomalies


def test_a_spike_in_even_costs() -> None:
    # Noise is taken for 2 % of the level: 0.2. The score 20 / 0.2 = 100.
    assert found(daily(*[10] * 28, 30)) == [
        Anomaly(
            start=date(2026, 2, 2),
            end=date(2026, 2, 3),
            expected=Decimal(10),
            actual=Decimal(30),
            excess=Decimal(20),
            score=Decimal(100),
            direction=Direction.INCREASE,
            days=(JudgedDay(date(2026, 2, 2), Decimal(10), Decimal(30)),),
        )
    ]


def test_sensitivity_is_the_least_score() -> None:
    series = daily(*[10] * 28, 11, *[10] * 3)  # 1 / 0.2 = 5 standard deviations
    assert [one.score for one in found(series, sensitivity=Sensitivity.MEDIUM)] == [5]
    assert [one.score for one in found(series, sensitivity=Sensitivity.HIGH)] == [5]
    assert found(series, sensitivity=Sensitivity.LOW) == []


def test_weekends_are_expected_to_be_weekends() -> None:
    week = [10] * 5 + [4] * 2
    assert found(daily(*week * 8)) == []
    saturday = found(daily(*week * 7, 10, 10, 10, 10, 10, 10, 4))  # noise 0.2, so (10 - 4) / 0.2 = 30
    assert [(one.start.weekday(), one.score) for one in saturday] == [(5, Decimal(30))]
    assert (saturday[0].expected, saturday[0].excess) == (Decimal(4), Decimal(6))


def test_a_drop_has_a_negative_excess() -> None:
    (drop,) = found(daily(*[10] * 28, 2, 2, *[10] * 5))
    assert (drop.excess, drop.direction, drop.end - drop.start) == (Decimal(-16), Direction.DECREASE, timedelta(2))


def test_a_step_is_one_anomaly_until_it_is_the_new_normal() -> None:
    # Three days are set aside as a spike, eleven more outnumber the rest of the last three weeks.
    (step,) = found(daily(*[10] * 40, *[20] * 40))
    assert (step.start, step.end) == (MONDAY + timedelta(40), MONDAY + timedelta(54))
    assert (step.expected, step.actual, step.excess) == (Decimal(140), Decimal(280), Decimal(140))


def test_the_first_cost_ever_is_an_anomaly_and_nothing_is_none() -> None:
    assert found(daily(*[0] * 60)) == []
    (first,) = found(daily(*[0] * 40, 5))
    assert (first.expected, first.excess, first.score) == (Decimal(0), Decimal(5), Decimal(100))


def test_credits_that_grow_are_decreases() -> None:
    (credit,) = found(daily(*[-10] * 28, -30))
    assert (credit.excess, credit.direction) == (Decimal(-20), Direction.DECREASE)


@pytest.mark.parametrize(("day", "amount", "excess"), [(86, 110, None), (86, 10, None), (86, 250, 140), (87, 110, 100)])
def test_month_start_purchases_seen_before_are_expected(day: int, amount: int, excess: int | None) -> None:
    # 27, 55 and 86 days after the first Monday begin February, March and April; 110 was paid on the first two.
    amounts = [10] * 100
    amounts[27] = amounts[55] = 110
    amounts[day] = amount
    assert [one.excess for one in found(daily(*amounts))] == ([] if excess is None else [excess])


def test_small_amounts_are_left_out() -> None:
    series = daily(*[10] * 28, 30)
    assert len(found(series, minimum_amount=Decimal(20))) == 1
    assert found(series, minimum_amount=Decimal("20.000001")) == []


@pytest.mark.parametrize("days", [0, 1, 3, 10, 14])
def test_too_few_days_are_told(days: int) -> None:
    answer = find_anomalies(daily(*[10] * days))
    assert answer == JudgementUnavailable(f"{days} complete days; judging a day needs 14 days before it")


amounts_strategy = st.lists(
    st.decimals(-(10**9), 10**9, places=2) | st.sampled_from([Decimal(0), Decimal(100)]), min_size=15, max_size=90
)


@settings(max_examples=100, deadline=None)
@given(amounts_strategy, st.sampled_from(Sensitivity))
def test_amounts_add_up_and_nothing_is_infinite(amounts: list[Decimal], sensitivity: Sensitivity) -> None:
    series = DailySeries(MONDAY, tuple(amounts))
    last = MONDAY + timedelta(14)
    for one in found(series, sensitivity=sensitivity):
        assert one.start >= last
        assert one.start < one.end <= series.end
        assert one.actual == sum(series.between(one.start, one.end).values)
        assert one.excess == one.actual - one.expected
        assert one.expected.is_finite()
        assert 0 < one.score <= 100
        last = one.start


def calm(seed: int, days: int = 90) -> list[Decimal]:
    chance = np.random.default_rng(seed)
    return [Decimal(f"{amount:.2f}") for amount in chance.uniform(80, 120, days)]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1024, 0.125]))
def test_scaled_costs_have_scaled_anomalies(seed: int, factor: float) -> None:
    amounts = calm(seed)
    amounts[50], amounts[70] = Decimal(400), Decimal(-30)
    plain = found(DailySeries(MONDAY, tuple(amounts)))
    scale = Decimal(str(factor))
    scaled = found(DailySeries(MONDAY, tuple(amount * scale for amount in amounts)))
    assert len(plain) >= 2
    assert [(one.start, one.end, one.score) for one in plain] == [(one.start, one.end, one.score) for one in scaled]
    for one, other in zip(plain, scaled, strict=True):
        assert math.isclose(one.excess * scale, other.excess, rel_tol=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 500))
def test_whole_weeks_change_nothing_but_where_months_start(seed: int, weeks: int) -> None:
    first, later = MONDAY, MONDAY + timedelta(weeks=weeks)
    amounts = tuple(calm(seed))
    here, there = judge(DailySeries(first, amounts)), judge(DailySeries(later, amounts))
    starts = [{first + timedelta(day), later + timedelta(day)} for day in range(len(amounts))]
    same = np.array([all(one.day > 1 for one in pair) for pair in starts])
    assert np.array_equal(here.expected[same], there.expected[same])
    assert np.array_equal(here.noise[same], there.noise[same], equal_nan=True)


@pytest.mark.parametrize("kind", list(Injection))
def test_later_days_do_not_change_a_judgement(kind: Injection) -> None:
    case = injected_case(1, 1, kind, Background.WANDERING, 0.08)
    whole = judge(case.series)
    for days in (30, 60, 100):
        part = judge(case.series.until(case.series.start + timedelta(days)))
        assert np.array_equal(whole.expected[:days], part.expected)
        assert np.array_equal(whole.noise[:days], part.noise, equal_nan=True)


def test_precision_and_recall_on_a_seeded_set() -> None:
    counts, _ = judged(ours(Sensitivity.MEDIUM), 3)
    whole = counts["all", "all"]
    assert whole.series == len(Injection) * 4 * len(NOISES) * 3
    assert whole.precision >= 0.9
    assert whole.recall >= 0.7
    assert counts["all", "3%"].recall >= 0.9
    assert counts["all", "8%"].recall >= 0.8
    nothing = counts[Injection.NOTHING.value, "all"]
    assert nothing.false <= 0.1 * nothing.series


def test_the_count_tells_right_from_false() -> None:
    case = injected_case(1, 1, Injection.SPIKE, Background.STEADY, 0.03)
    first, last = (case.start - case.series.start).days, (case.end - case.series.start).days
    counts = Counts()
    counts.add(case, [(first, last, 1), (5, 6, 1)])
    counts.add(case, [(first, last, -1)])
    counts.add(case, [(last, last + 1, 1)])
    assert (counts.injected, counts.found, counts.right, counts.false) == (3, 1, 2, 2)
