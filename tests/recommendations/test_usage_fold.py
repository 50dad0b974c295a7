"""A day has a value where all of it is known, and 0 only where the provider answered and the resource was there."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.detection.check import Daily, Metric
from app.detection.facts import Facts, UnknownFactError
from app.detection.reckoning import latest
from app.detection.usage import Usage
from app.pricing.book import seed_book
from app.providers.metrics import MetricSeries, MetricWindow, Statistic
from app.recommendations.usage_fold import Days, fold, problem_of, stored_with, together, usage_or_why
from app.recommendations.usage_plan import BY_HOURS, STATISTICS, Wanted
from app.records.usage import StoredUsage
from tests.recommendations.measuring import CPU, NOON, SILENT, TODAY, day, instance, query_of, series, stored

LENGTH = 4
BEGIN = datetime.combine(day(LENGTH), datetime.min.time(), UTC)
END = BEGIN + timedelta(days=LENGTH)
BY_DAY, BY_HOUR = MetricWindow(BEGIN, END), MetricWindow(BEGIN, END, 3600)
LONG_AGO = day(700)
PEAK, QUIET = (replace(CPU, daily=daily, below=5.0) for daily in (Daily.PEAK_HOUR, Daily.QUIET_HOURS))


def window_of(metric: Metric) -> MetricWindow:
    return BY_HOUR if metric.daily in BY_HOURS else BY_DAY


def folded(metric: Metric, told: dict[int, float], since: int = 700, *, cut: bool = False) -> tuple[float | None, ...]:
    """The days of a metric of which some periods were told, counted from the first."""
    window = window_of(metric)
    points = {BEGIN + number * window.period: value for number, value in told.items()}
    answer = series(query_of(STATISTICS[metric.daily]), points, window.periods, is_cut=cut)
    return fold(answer, window, metric, day(since)).daily


def hours(*of_the_days: dict[int, float]) -> dict[int, float]:
    """Periods by the hour, of days each of which has some."""
    return {place * 24 + hour: value for place, told in enumerate(of_the_days) for hour, value in told.items()}


EVERY_HOUR = dict.fromkeys(range(24), 1.0)


def test_days_are_taken_as_they_are_told() -> None:
    assert folded(CPU, {0: 3.0, 1: 0.0, 3: 7.5}) == (3.0, 0.0, None, 7.5)


def test_a_metric_that_is_silent_at_zero_has_zero_where_nothing_is_told() -> None:
    assert folded(SILENT, {1: 2.0}) == (0.0, 2.0, 0.0, 0.0)
    assert folded(SILENT, {}) == (0.0,) * LENGTH


def test_nothing_is_zero_before_the_resource_was_there() -> None:
    assert folded(SILENT, {}, since=2) == (None, None, 0.0, 0.0)
    assert folded(SILENT, {0: 5.0}, since=2) == (5.0, None, 0.0, 0.0)
    assert folded(SILENT, {}, since=0) == (None,) * LENGTH


def test_nothing_is_zero_in_an_answer_that_is_cut() -> None:
    assert folded(SILENT, {1: 2.0}, cut=True) == (None, 2.0, None, None)


def test_nothing_is_zero_that_the_provider_does_not_offer() -> None:
    query = query_of(STATISTICS[SILENT.daily])
    refused = MetricSeries(query, (), BY_DAY.periods, not_offered=query.statistics)
    assert fold(refused, BY_DAY, SILENT, LONG_AGO).daily == (None,) * LENGTH
    assert problem_of(refused, SILENT) == "The provider does not offer SUM of Requests here."
    assert problem_of(MetricSeries(query, (), BY_DAY.periods, is_cut=True), SILENT) is not None
    assert problem_of(MetricSeries(query, (), BY_DAY.periods), SILENT) is None


def test_only_the_statistic_of_the_metric_counts() -> None:
    query = replace(query_of(), statistics=frozenset({Statistic.SUM, Statistic.P95}))
    both = series(query, {BEGIN: 4.0}, BY_DAY.periods)
    without = replace(both, points=(replace(both.points[0], values={Statistic.P95: 9.0}),))
    assert fold(both, BY_DAY, SILENT, LONG_AGO).daily[0] == 4.0
    assert fold(without, BY_DAY, replace(SILENT, silent_at_zero=False), LONG_AGO).daily[0] is None
    assert fold(without, BY_DAY, replace(CPU, daily=Daily.P95), LONG_AGO).daily[0] == 9.0


def test_the_busiest_hour_needs_all_hours() -> None:
    told = hours(EVERY_HOUR | {13: 40.0}, dict.fromkeys(range(23), 1.0), {}, EVERY_HOUR)
    assert folded(PEAK, told) == (40.0, None, None, 1.0)
    assert folded(replace(PEAK, silent_at_zero=True), told) == (40.0, 1.0, 0.0, 1.0)


def test_the_95th_percentile_of_a_day_is_that_of_its_hours() -> None:
    told = hours(EVERY_HOUR | {3: 90.0}, EVERY_HOUR | {3: 90.0, 7: 40.0}, dict.fromkeys(range(23), 1.0), EVERY_HOUR)
    assert folded(replace(CPU, daily=Daily.P95_HOURS), told) == (1.0, 40.0, None, 1.0)
    assert folded(replace(CPU, daily=Daily.P99_HOURS), told) == (90.0, 90.0, None, 1.0)


def test_quiet_hours_are_those_below() -> None:
    told = hours(EVERY_HOUR, EVERY_HOUR | {0: 5.0, 23: 80.0}, dict.fromkeys(range(24), 5.0), {1: 0.0})
    assert folded(QUIET, told) == (2.0**24 - 1, 2.0**23 - 2, 0.0, None)


def test_samples_are_counted() -> None:
    points = {BEGIN + timedelta(hours=hour): 1.0 for hour in range(30)}
    found = fold(series(query_of(), points, BY_HOUR.periods), BY_HOUR, PEAK, LONG_AGO)
    assert found.samples == (24, 6, 0, 0)
    assert fold(series(query_of(), {BEGIN: 1.0}, 4), BY_DAY, SILENT, LONG_AGO).samples == (1, 0, 0, 0)


@pytest.mark.parametrize(
    ("daily", "expected"),
    [
        (Daily.SUM, 9.0),
        (Daily.AVERAGE, 9.0),
        (Daily.MAXIMUM, 6.0),
        (Daily.P95, 6.0),
        (Daily.P99, 6.0),
        (Daily.P95_HOURS, 6.0),
        (Daily.P99_HOURS, 6.0),
        (Daily.MINIMUM, 3.0),
        (Daily.PEAK_HOUR, 9.0),
        (Daily.QUIET_HOURS, 2.0),  # 0b110 and 0b011
    ],
)
def test_several_series_are_one(daily: Daily, expected: float) -> None:
    parts = [Days(day(2), (6.0, 1.0), (1, 1)), Days(day(2), (3.0, None), (24, 0))]
    assert together(parts, daily) == Days(day(2), (expected, None), (25, 1))


def test_series_of_different_windows_are_one_where_both_are_known() -> None:
    parts = [Days(day(3), (1.0, 2.0, 3.0), (1, 1, 1)), Days(day(1), (5.0,), (1,))]
    assert together(parts, Daily.SUM) == Days(day(3), (None, None, 8.0), (1, 1, 2))


@given(
    daily=st.sampled_from(list(Daily)),
    silent=st.booleans(),
    cut=st.booleans(),
    since=st.integers(-1, LENGTH + 2),
    told=st.dictionaries(st.integers(0, LENGTH * 24 - 1), st.floats(0, 1e15)),
    whole_days=st.sets(st.integers(0, LENGTH - 1)),
)
def test_a_day_is_known_if_and_only_if_all_of_it_is(
    *, daily: Daily, silent: bool, cut: bool, since: int, told: dict[int, float], whole_days: set[int]
) -> None:
    metric = replace(CPU, daily=daily, silent_at_zero=silent, below=5.0)
    a_day = window_of(metric).periods // LENGTH
    told |= {place * a_day + number: 1.0 for place in whole_days for number in range(a_day)}
    told = {number: value for number, value in told.items() if number < LENGTH * a_day}
    found = folded(metric, told, since, cut=cut)
    for place, value in enumerate(found):
        there = [told[number] for number in range(place * a_day, (place + 1) * a_day) if number in told]
        is_zero = silent and not cut and LENGTH - place <= since
        assert (value is not None) == (len(there) == a_day or is_zero)
        if not there and value is not None:
            assert is_zero
            assert value == (2**24 - 1 if daily is Daily.QUIET_HOURS else 0)
        if value is not None and there and daily is Daily.PEAK_HOUR:
            assert value == max([*there, 0.0])
    usage = Usage(day(LENGTH), found)
    assert usage.is_complete == (None not in found)


def kept(metric_days: int, before: StoredUsage | None, told: Days | None, problem: str | None = None) -> StoredUsage:
    return stored_with(Wanted(instance(), CPU, metric_days), "m", before, told, NOON, TODAY, problem)


def test_what_is_told_now_goes_before_what_was_known() -> None:
    row = kept(5, stored(6, 1.0, 2.0, 3.0, 4.0, 5.0), Days(day(3), (7.0, None, 9.0), (1, 0, 1)))
    assert (row.first_day, row.daily, row.samples) == (day(5), (2.0, 3.0, 7.0, 5.0, 9.0), (1, 1, 1, 1, 1))
    assert (row.end, row.problem, row.read_at) == (TODAY, None, NOON)


def test_a_first_reading_has_the_whole_window() -> None:
    row = kept(3, None, Days(day(3), (1.0, None, 0.0), (1, 0, 0)))
    assert (row.first_day, row.daily, row.samples) == (day(3), (1.0, None, 0.0), (1, 0, 0))
    assert kept(2, None, Days(day(3), (1.0, None, 0.0), (1, 0, 0))).daily == (None, 0.0)


def test_what_is_refused_keeps_what_was_known_and_does_not_go_on() -> None:
    before = stored(6, 1.0, None, 3.0)
    row = kept(5, before, None, "denied")
    assert (row.first_day, row.daily, row.problem) == (before.first_day, before.daily, "denied")
    row = kept(5, None, None, "denied")
    assert (row.first_day, row.daily, row.problem) == (TODAY, (), "denied")


def test_a_check_is_given_its_own_window() -> None:
    row = stored(4, 1.0, 2.0, None, 4.0)
    assert usage_or_why(row, 4, TODAY) == Usage(day(4), (1.0, 2.0, None, 4.0), 3)
    assert usage_or_why(row, 1, TODAY) == Usage(day(1), (4.0,), 1)
    assert usage_or_why(row, 6, TODAY) == Usage(day(6), (None, None, 1.0, 2.0, None, 4.0), 3)


def test_a_window_that_ended_the_day_before_is_given_as_it_is() -> None:
    assert usage_or_why(stored(3, 1.0, 2.0), 2, TODAY) == Usage(day(3), (1.0, 2.0), 2)


def test_why_nothing_is_given() -> None:
    assert usage_or_why(stored(4, 1.0, problem="AWS denied it."), 1, TODAY) == "AWS denied it."
    assert usage_or_why(stored(4, 1.0, 2.0), 2, TODAY) == f"It was last read on {day(1)}."
    assert "only connected accounts" in str(usage_or_why(None, 2, TODAY))


def test_a_check_that_is_not_told_a_metric_says_why() -> None:
    given = Facts(instance(), NOON, {}, seed_book(), unread={"cpu": "AWS denied it."})
    with pytest.raises(UnknownFactError, match=r"^The metric cpu was not read\. AWS denied it\.$"):
        given.usage("cpu")
    with pytest.raises(UnknownFactError, match=r"^The metric cpu is not known\. AWS denied it\.$"):
        latest(given, "cpu")
    with pytest.raises(UnknownFactError, match=r"^The metric other was not read\.$"):
        given.usage("other")
