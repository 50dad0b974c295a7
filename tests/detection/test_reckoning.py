"""What many checks reckon alike."""

from __future__ import annotations

from decimal import Decimal

import pytest

from app.detection.check import LOOKBACK_DAYS
from app.detection.facts import Facts, UnknownFactError
from app.detection.reckoning import busiest_day, has_lived, latest, required, unused
from app.detection.usage import Usage
from app.pricing.book import PriceBook
from tests.detection.cases import NOW, ago, subject

FIRST = ago(3).date()


def facts(*, born: float = 300, **usages: Usage | None) -> Facts:
    given = subject("AWS::RDS::DBInstance", "db-1", created_at=ago(born), properties={"engine": "mysql", "empty": ""})
    return Facts(given, NOW, {LOOKBACK_DAYS: Decimal(3)}, PriceBook({}), usages=usages)


def test_the_busiest_day_is_of_all_metrics_together() -> None:
    reads, writes = Usage(FIRST, (1.5, 4.0, 0.0)), Usage(FIRST, (3.0, 0.0, 1.0))

    assert busiest_day(facts(reads=reads, writes=writes), "reads", "writes") == Decimal("4.5")


def test_a_metric_with_a_gap_makes_the_busiest_day_unknown() -> None:
    with pytest.raises(UnknownFactError, match="2 of 3 days"):
        busiest_day(facts(reads=Usage(FIRST, (0.0, None, 0.0))), "reads")


def test_the_latest_value_is_taken_across_a_gap() -> None:
    assert latest(facts(size=Usage(FIRST, (7.0, 8.0, None))), "size") == 8
    for nothing in (None, Usage(FIRST, (None, None, None))):
        with pytest.raises(UnknownFactError, match="size is not known"):
            latest(facts(size=nothing), "size")


def test_what_is_new_had_no_time_to_be_used() -> None:
    assert not has_lived(facts(born=2.9))
    assert has_lived(facts(born=3))
    # Its metrics are not even looked at.
    assert unused(facts(born=1), "reads", unit="reads") is None


def test_unused_is_no_day_with_more_than_so_much() -> None:
    some = facts(reads=Usage(FIRST, (0.0, 2.0, 1.0)))

    assert unused(some, "reads", unit="reads") is None
    shown = unused(some, "reads", unit="reads", upto=Decimal(2))
    assert shown is not None
    assert [(each.label, each.value, each.unit) for each in shown] == [
        ("busiest day", "2.0", "reads"),
        ("days", "3", None),
    ]


def test_a_property_that_has_to_be_there() -> None:
    given = facts().subject

    assert required(given, "engine") == "mysql"
    for name in ("empty", "absent"):
        with pytest.raises(UnknownFactError, match=f"`{name}` of db-1 is not known"):
            required(given, name)
