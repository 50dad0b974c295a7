"""No more is asked of a provider than may change a finding, in as few calls as it fits into."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.detection.catalogue import ALL_CHECKS
from app.detection.check import Check, Daily, Metric, signature, window_days
from app.detection.facts import Facts, Subject, UnknownFactError
from app.detection.finding import Finding
from app.pricing.book import seed_book
from app.providers.metrics import MetricQuery, Statistic
from app.recommendations.usage_plan import (
    MOST_POINTS,
    MOST_STATISTICS,
    Ask,
    Unaskable,
    Wanted,
    chunks,
    needs_usage,
    plan,
    properties_of,
    wanted_of,
)
from app.records import Provider
from app.records.usage import StoredUsage
from tests.recommendations.measuring import CPU, NOON, SILENT, TODAY, check, day, instance, rules, stored

P95 = replace(CPU, key="p95", daily=Daily.P95)
NUMBER = "111122223333"


def facts(subject: Subject) -> Facts:
    return Facts(subject=subject, now=NOON, parameters={"lookbackDays": Decimal(14)}, prices=seed_book())


def needs(subject: Subject, one: Any = None, **rule: Any) -> bool:
    one = one or check()
    return needs_usage(one, facts(subject), replace(rules(one)[one.id], **rule), lambda amount, _: amount)


def ask(subject: Subject, metric: Metric = CPU, days: int = 14, before: StoredUsage | None = None) -> Ask:
    planned = plan(Wanted(subject, metric, days), before, TODAY, NUMBER)
    assert isinstance(planned, Ask)
    return planned


def begin(before: StoredUsage | None, days: int = 14) -> int | None:
    """How many days before today the window begins; None where nothing is asked."""
    planned = plan(Wanted(instance(), CPU, days), before, TODAY, NUMBER)
    assert not isinstance(planned, Unaskable)
    return None if planned is None else (TODAY - planned.begin).days


def test_only_what_may_change_a_finding_is_asked_for() -> None:
    assert needs(instance())
    assert not needs(instance(status="stopped"))
    assert not needs(instance(), enabled=False)
    assert not needs(instance(), excluded_regions=frozenset({"eu-west-1"}))


def test_what_lacks_another_fact_is_not_asked_for_either() -> None:
    def find(told: Facts) -> Finding | None:
        told.subject.number("sizeGiB")
        told.usage("cpu")
        return None

    assert not needs(instance(), check(find=find))
    assert needs(instance(properties={"sizeGiB": 8}), check(find=find))


def test_a_check_that_looks_for_the_latest_value_asks_too() -> None:
    def find(told: Facts) -> Finding | None:
        if told.usages.get("cpu") is None:
            message = "not known"
            raise UnknownFactError(message)
        return None

    assert needs(instance(), check(find=find))


def test_equal_metrics_of_several_checks_are_one_over_the_longest_window() -> None:
    checks = [
        check("a", lookback=7),
        check("b", replace(CPU, key="busy"), lookback=30),
        check("c", replace(CPU, days=3)),
        check("d", P95),
    ]
    found = wanted_of(instance(), checks, rules(*checks))
    assert {key: one.days for key, one in found.items()} == {signature(CPU): 30, signature(P95): 14}
    changed = wanted_of(instance(), checks[:1], rules(checks[0], lookbackDays=Decimal(60)))
    assert [one.days for one in changed.values()] == [60]


def test_a_rule_says_what_a_day_is_made_by() -> None:
    one = check("a", CPU, SILENT)
    tuned = {"a": replace(rules(one)["a"], statistic=Daily.P95)}
    assert set(wanted_of(instance(), [one], tuned)) == {signature(P95), signature(SILENT)}


def test_a_metric_that_the_type_does_not_have_is_not_wanted() -> None:
    one = check("a", replace(CPU, resource_types=("AWS::RDS::DBInstance",)), SILENT)
    assert list(wanted_of(instance(), [one], rules(one))) == [signature(SILENT)]


def test_a_metric_is_the_same_whatever_it_is_called() -> None:
    assert signature(replace(CPU, key="x", days=3)) == signature(CPU)
    others = [
        replace(CPU, daily=Daily.P95),
        replace(CPU, silent_at_zero=True),
        replace(CPU, region="us-east-1"),
        replace(CPU, dimensions=(("InstanceId", "name"),)),
        replace(CPU, daily=Daily.QUIET_HOURS, below=5.0),
        replace(CPU, daily=Daily.QUIET_HOURS, below=4.0),
        replace(CPU, namespace="CWAgent"),
        replace(CPU, name="CPUCreditBalance"),
    ]
    assert len({signature(one) for one in (CPU, *others)}) == 1 + len(others)


@pytest.mark.parametrize(
    ("dimension", "values"),
    [
        ("id", ["i-1"]),
        ("name", ["name of i-1"]),
        ("account", [NUMBER]),
        ("=Global", ["Global"]),
        ("properties.short", ["app/web/1"]),
        ("properties.number", ["7"]),
        ("properties.members", ["a", "b"]),
    ],
)
def test_values_of_dimensions(dimension: str, values: list[str]) -> None:
    properties = {"short": "app/web/1", "number": 7, "members": ["a", "b", "a"]}
    metric = replace(CPU, dimensions=(("D", dimension),))
    queries = ask(instance(properties=properties), metric).queries
    assert [query.dimensions for query in queries] == [(("D", value),) for value in values]


@pytest.mark.parametrize(
    ("properties", "why"),
    [
        ({}, "`members` of i-1, by which its metrics are named, is not known."),
        ({"members": [None]}, "is not known"),
        ({"members": [True]}, "is not known"),
        ({"members": ""}, "is not known"),
        ({"members": []}, "kept in 0 parts"),
        ({"members": [str(number) for number in range(201)]}, "kept in 201 parts"),
        ({"unreadable": ["members"]}, "could not be read; the scan says why, and what to do"),
        ({"leftOut": ["members"]}, "too large to be kept"),
    ],
)
def test_what_cannot_be_asked_for_says_why(properties: dict[str, Any], why: str) -> None:
    metric = replace(CPU, dimensions=(("D", "properties.members"),))
    planned = plan(Wanted(instance(properties=properties), metric, 14), None, TODAY, NUMBER)
    assert isinstance(planned, Unaskable)
    assert why in planned.why


def test_a_query_says_where_the_metric_is() -> None:
    subject = instance(region=None, properties={"project": "acme"})
    (query,) = ask(subject, replace(CPU, region="us-east-1")).queries
    assert query == MetricQuery(
        "i-1", "us-east-1", "CPUUtilization", frozenset({Statistic.MAXIMUM}), "AWS/EC2", (("InstanceId", "i-1"),)
    )
    (query,) = ask(subject).queries
    assert (query.region, query.account) == ("global", None)
    (query,) = ask(replace(subject, provider=Provider.GCP)).queries
    assert query.account == "acme"
    arm = "/subscriptions/1/resourceGroups/a/providers/microsoft.compute/disks/d"
    (query,) = ask(instance(arm, provider=Provider.AZURE), replace(CPU, namespace=None, dimensions=())).queries
    assert query.resource == arm
    assert isinstance(plan(Wanted(instance(provider=Provider.AZURE), CPU, 14), None, TODAY, NUMBER), Unaskable)


def test_properties_that_name_metrics_are_asked_of_the_inventory() -> None:
    named = replace(CPU, dimensions=(("D", "properties.short"), ("E", "properties.long"), ("F", "id")))
    assert properties_of([check("a", named), check("b")]) == {"short", "long"}
    assert properties_of([check("a", provider=Provider.GCP)]) == {"project"}


ALL_KNOWN = (1.0,) * 14


@pytest.mark.parametrize(
    ("before", "days", "expected"),
    [
        (None, 14, 14),
        (stored(14, *ALL_KNOWN), 14, None),  # read today
        (stored(14, *(None,) * 14), 14, None),  # read today: there is nothing
        (stored(15, *ALL_KNOWN), 14, 4),  # read yesterday: the day since, and three that may have grown
        (stored(15, *(None,) * 14), 14, 4),
        (stored(17, *ALL_KNOWN), 14, 7),
        (stored(24, *ALL_KNOWN), 14, 14),  # ten days ago
        (stored(60, *ALL_KNOWN), 14, 14),  # none of it is in the window any more
        (stored(14, *ALL_KNOWN), 30, 30),  # the window has grown
        (stored(14, *ALL_KNOWN), 7, None),  # the window has shrunk
        (stored(14, *ALL_KNOWN, problem="denied"), 14, 4),
        (stored(15, *ALL_KNOWN, problem="denied"), 14, 4),
        (stored(14, None, *ALL_KNOWN[1:], problem="cut"), 14, 14),
        (stored(14, *ALL_KNOWN[:8], None, *ALL_KNOWN[9:], problem="cut"), 14, 7),
        (stored(0, problem="denied"), 14, 14),  # never told anything
        (stored(15, *ALL_KNOWN), 1, 1),
    ],
)
def test_only_days_that_are_missing_or_recent_are_asked_for(
    before: StoredUsage | None, days: int, expected: int | None
) -> None:
    assert begin(before, days) == expected


def test_each_day_is_asked_for_once_more_when_it_is_three_days_old() -> None:
    """Scans on any days: the last reading that covers a day comes three days after it, or later."""
    asked: dict[int, int] = {}
    row = None
    for today in (0, 1, 3, 4, 9, 10, 17):
        planned = plan(Wanted(instance(), CPU, 14), row, TODAY + timedelta(days=today), NUMBER)
        assert isinstance(planned, Ask)
        asked |= dict.fromkeys(range((planned.begin - TODAY).days, today), today)
        row = StoredUsage(instance().id, "m", TODAY + timedelta(days=today - 14), (1.0,) * 14, (1,) * 14, NOON)
    assert sorted(asked) == list(range(-14, 17))
    assert all(read - of >= 3 for of, read in asked.items() if of < 14)


def test_what_differs_only_in_the_statistic_is_one_query() -> None:
    asks = [ask(instance()), ask(instance(), P95, 30), ask(instance(), SILENT)]
    first, second = chunks(asks, TODAY)
    (query,) = first.asks
    assert query.statistics == {Statistic.MAXIMUM, Statistic.P95}
    assert first.asks[query] == asks[:2]
    assert (first.window.begin, first.window.end) == (_midnight(30), _midnight(0))
    assert [one.name for one in second.asks] == ["Requests"]
    assert second.window.begin == _midnight(14)


def test_hours_are_read_where_a_day_is_made_of_them() -> None:
    asks = [ask(instance(), replace(CPU, daily=daily)) for daily in (Daily.SUM, Daily.PEAK_HOUR, Daily.QUIET_HOURS)]
    periods = {
        frozenset(query.statistics): one.window.period_seconds for one in chunks(asks, TODAY) for query in one.asks
    }
    assert periods == {
        frozenset({Statistic.SUM}): 86_400,
        frozenset({Statistic.SUM, Statistic.AVERAGE}): 3600,
    }


def test_queries_go_together_by_region_account_and_window() -> None:
    places = [
        instance("i-1"),
        instance("i-2"),
        instance("i-3", region="us-east-1"),
        instance("i-4", provider=Provider.GCP, properties={"project": "acme"}),
    ]
    recent = ask(instance("i-5"), before=stored(15, *ALL_KNOWN))
    found = chunks([*map(ask, places), recent], TODAY)
    told = {(one.region, one.account, one.window.begin): [query.resource for query in one.asks] for one in found}
    assert told == {
        ("eu-west-1", None, _midnight(14)): ["i-1", "i-2"],
        ("us-east-1", None, _midnight(14)): ["i-3"],
        ("eu-west-1", "acme", _midnight(14)): ["i-4"],
        ("eu-west-1", None, _midnight(4)): ["i-5"],
    }


def test_no_chunk_is_larger_than_a_call() -> None:
    many = [instance(f"i-{number}") for number in range(300)]
    daily = [ask(one, metric) for one in many for metric in (CPU, P95, replace(CPU, name="Network"))]
    hourly = [ask(one, replace(CPU, daily=Daily.PEAK_HOUR), 30) for one in many]
    found = chunks([*daily, *hourly], TODAY)
    assert sum(len(one.asks) for one in found) == 300 * 3
    for one in found:
        statistics = sum(len(query.statistics) for query in one.asks)
        assert statistics == one.statistics <= MOST_STATISTICS
        assert statistics * one.window.periods <= MOST_POINTS


def test_parts_of_a_metric_are_all_asked_for() -> None:
    metric = replace(CPU, dimensions=(("D", "properties.members"),))
    one = ask(instance(properties={"members": ["a", "b", "c"]}), metric)
    (chunk,) = chunks([one], TODAY)
    assert list(chunk.asks) == list(one.queries)
    assert all(asks == [one] for asks in chunk.asks.values())


def _midnight(back: int) -> datetime:
    return datetime.combine(day(back), datetime.min.time(), UTC)


@pytest.mark.parametrize(
    ("one", "metric"),
    [pytest.param(one, metric, id=f"{one.id}-{metric.key}") for one in ALL_CHECKS for metric in one.metrics],
)
def test_metrics_of_all_checks_can_be_asked_for(one: Check, metric: Metric) -> None:
    labels = {Provider.AWS: r".+", Provider.AZURE: r".+", Provider.GCP: r"(resource|metric)\.labels\.[A-Za-z0-9_]+"}
    assert metric.namespace or one.provider is not Provider.AWS
    assert metric.daily is not Daily.P95 or one.provider is not Provider.AZURE, "Azure Monitor has no percentiles"
    assert (metric.below is not None) == (metric.daily is Daily.QUIET_HOURS)
    for name, told in metric.dimensions:
        assert one.provider is not None
        assert re.fullmatch(labels[one.provider], name)
        assert re.fullmatch(r"id|name|account|=.+|properties\.[A-Za-z0-9]+", told)
    assert 1 <= window_days(metric, rules(one)[one.id].parameters) <= 93
