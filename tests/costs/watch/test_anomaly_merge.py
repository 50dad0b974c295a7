"""One cause is one anomaly: series made by hand, and a seeded set of causes of different breadth."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal

import pytest

from app.costs.anomalies.merge import Cause, find_causes
from app.costs.anomalies.series import SeriesName
from app.costs.outlook.anomalies import Anomaly, JudgedDay
from app.costs.outlook.series import DailySeries, exact_sum
from app.records.budgets import AnomalySeries
from app.records.costs import CostMetric
from benchmarks.outlook_causes import Breadth, counts, each_cause, each_series

MONDAY = date(2026, 1, 5)
DAYS = 60
LEAST = {"USD": Decimal(1)}
Pairs = Mapping[tuple[str, str], tuple[int, Mapping[int, int]]]
"""By service and account: what it costs on a usual day, and on some days more."""


def name(service: str | None = None, account: str | None = None) -> SeriesName:
    kinds = {
        (True, True): AnomalySeries.SERVICE_ACCOUNT,
        (True, False): AnomalySeries.SERVICE,
        (False, True): AnomalySeries.ACCOUNT,
        (False, False): AnomalySeries.TOTAL,
    }
    kind = kinds[service is not None, account is not None]
    return SeriesName(kind, CostMetric.EFFECTIVE_COST, "USD", service, account)


def series(pairs: Pairs) -> dict[SeriesName, DailySeries]:
    sums: dict[SeriesName, list[Decimal]] = {}
    for (service, account), (usual, more) in pairs.items():
        for one in (name(service, account), name(service), name(account=account), name()):
            amounts = sums.setdefault(one, [Decimal(0)] * DAYS)
            for day in range(DAYS):
                amounts[day] += usual + more.get(day, 0)
    return {one: DailySeries(MONDAY, tuple(amounts)) for one, amounts in sums.items()}


def causes(pairs: Pairs, held: Mapping[SeriesName, list[Anomaly]] | None = None) -> dict[SeriesName, Cause]:
    found = find_causes(series(pairs), LEAST, held or {})
    by_name = {cause.name: cause for cause in found}
    assert len(by_name) == len(found)
    return by_name


def also(cause: Cause) -> set[SeriesName]:
    return {seen.name for seen in cause.also_seen_in}


def test_a_service_in_an_account_is_one_anomaly_that_shows_in_three_more_series() -> None:
    found = causes({("vpc", "1"): (50, {40: 300, 41: 280}), ("vpc", "2"): (40, {}), ("ec2", "1"): (90, {})})
    assert set(found) == {name("vpc", "1")}
    one = found[name("vpc", "1")]
    assert one.anomaly.excess == 580
    assert also(one) == {name("vpc"), name(account="1"), name()}
    assert (one.parts, one.without) == ([], ())


def test_a_service_that_rises_in_all_accounts_is_one_anomaly_with_parts() -> None:
    found = causes({("s3", str(n)): (10 * n, {40: 10 * n}) for n in range(1, 6)} | {("ec2", "1"): (200, {})})
    assert set(found) == {name("s3")}
    one = found[name("s3")]
    assert one.anomaly.excess == 150
    assert {part.name for part in one.parts} == {name("s3", str(n)) for n in range(1, 6)}
    assert name() in also(one)


def test_the_part_that_costs_most_is_no_cause_where_all_rise_alike() -> None:
    found = causes({("s3", "1"): (900, {40: 450}), ("s3", "2"): (50, {40: 25}), ("s3", "3"): (50, {40: 25})})
    assert set(found) == {name("s3")}
    assert found[name("s3")].anomaly.excess == 500


def test_causes_that_have_nothing_in_common_stay_apart() -> None:
    found = causes({("a", "1"): (50, {40: 300}), ("b", "2"): (50, {40: 200}), ("c", "3"): (400, {})})
    assert {one.series for one in found} == {AnomalySeries.SERVICE_ACCOUNT}
    assert sorted(cause.anomaly.excess for cause in found.values()) == [200, 300]
    assert all(name() in also(cause) for cause in found.values())


def test_another_day_is_another_cause() -> None:
    """What lasts is told of the account, what comes on top of it for a day of the service that it is of."""
    lasting = dict.fromkeys(range(40, 52), 60)
    found = causes({("a", "1"): (50, lasting), ("b", "1"): (50, lasting), ("c", "1"): (20, {50: 400})})
    assert set(found) == {name(account="1"), name("c", "1")}
    assert found[name("c", "1")].anomaly.excess == 400
    assert found[name(account="1")].anomaly.excess == 12 * 120
    assert found[name(account="1")].without == (name("c", "1"),)


def test_a_wider_series_is_told_of_the_rest_that_no_narrower_one_explains() -> None:
    """20 accounts of which none is out of line by more than is material, and one that is by far."""
    least = {"USD": Decimal(8)}
    pairs = {("s3", str(n)): (20, {40: 7}) for n in range(20)} | {("s3", "x"): (20, {40: 900})}
    found = {cause.name: cause for cause in find_causes(series(pairs), least, {})}
    assert set(found) == {name("s3", "x"), name("s3")}
    rest = found[name("s3")]
    assert [found[name("s3", "x")].anomaly.excess, rest.anomaly.excess] == [900, 140]
    assert (rest.anomaly.actual, rest.anomaly.expected) == (Decimal(1460), Decimal(1320))
    assert rest.without == (name("s3", "x"),)
    assert name("s3") in also(found[name("s3", "x")])


def test_opposite_changes_are_not_one() -> None:
    """A move from one account to another: the service costs the same, each account another amount."""
    found = causes({("ec2", "1"): (200, {40: -150}), ("ec2", "2"): (100, {40: 150})})
    assert {one: cause.anomaly.excess for one, cause in found.items()} == {
        name("ec2", "1"): -150,
        name("ec2", "2"): 150,
    }


def test_what_is_held_explains_a_wider_series_that_goes_on() -> None:
    """The narrow series ends before the days of what was found in it: its charges are arriving anew."""
    made = series({("vpc", "1"): (50, {50: 300, 51: 300}), ("ec2", "2"): (90, {})})
    narrow = name("vpc", "1")
    day = MONDAY + timedelta(50)
    days = [JudgedDay(day + timedelta(n), Decimal(50), Decimal(350)) for n in range(2)]
    for until, held in ((day, days), (day + timedelta(1), days[1:])):
        cut = made | {narrow: made[narrow].until(until)}
        (cause,) = find_causes(cut, LEAST, {narrow: [Anomaly.of(held, Decimal(50))]})
        assert (cause.name, cause.anomaly.excess, cause.is_held) == (narrow, Decimal(600), until == day)


def test_a_level_that_a_narrow_series_has_got_used_to_is_no_news_in_a_wider_one() -> None:
    """The wider one takes longer, as it varied more: its last days are the same cause."""
    noisy = {day: 60 if day % 2 else 0 for day in range(DAYS)}
    found = causes({("a", "1"): (50, dict.fromkeys(range(35, DAYS), 300)), ("b", "2"): (300, noisy)})
    assert set(found) == {name("a", "1")}


@pytest.mark.parametrize("breadth", [breadth for breadth in Breadth if breadth is not Breadth.NOTHING])
def test_rows_for_each_cause_on_a_seeded_set(breadth: Breadth) -> None:
    alone, merged = (counts(7, 1, tell, breadth) for tell in (each_series, each_cause))
    assert merged.causes == alone.causes > 0
    assert merged.found == alone.found
    assert merged.false <= alone.false
    assert merged.right <= 1.2 * merged.found
    assert alone.right >= 2.5 * alone.found


def test_no_money_is_told_twice() -> None:
    """The excess of everything on a day is that of all causes, where nothing else varies."""
    pairs: Pairs = {
        ("a", "1"): (50, {40: 300}),
        ("a", "2"): (50, {40: 40}),
        ("b", "1"): (50, {40: 45}),
        ("b", "2"): (50, {40: 50}),
        ("c", "3"): (70, {40: 500}),
    }
    found = causes(pairs).values()
    assert exact_sum(cause.anomaly.excess for cause in found) == 300 + 40 + 45 + 50 + 500
