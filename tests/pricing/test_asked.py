"""Whether checks ask for a price: patterns that meet, and hints for those that meet none."""

from __future__ import annotations

import pytest

from app.pricing.asked import AskedPrices
from app.records import Provider
from app.records.detection import PriceUnit

ASKED = AskedPrices([(Provider.AWS, "ebs.*.storage"), (Provider.AWS, "nat.hour"), (Provider.AZURE, "az.vm.*")], {})


@pytest.mark.parametrize(
    "pattern", ["nat.hour", "nat.*", "*", "*.hour", "ebs.gp3.storage", "ebs.*", "ebs.gp*", "*.storage", "e*s*e"]
)
def test_a_pattern_that_may_meet_a_code_is_asked_for(pattern: str) -> None:
    assert ASKED.why_not(Provider.AWS, pattern) is None


@pytest.mark.parametrize("pattern", ["nat.hours", "ebs.gp3.iops", "ebs.*.iops", "esb.*", "az.vm.standard_b1s.linux"])
def test_a_pattern_that_meets_none_is_told(pattern: str) -> None:
    assert "no check asks for" in (ASKED.why_not(Provider.AWS, pattern) or "")


def test_hints_are_near_and_few() -> None:
    asked = AskedPrices([(Provider.AWS, "nat.hour")], {})

    told = [asked.why_not(Provider.AWS, "nat.hours") or "" for _ in range(30)]

    assert sum("did you mean `nat.hour`?" in each for each in told) == 20, "looking for more would take too long"
    assert "no check asks for prices of GCP" in (asked.why_not(Provider.GCP, "nat.hour") or "")


def test_units_are_those_of_what_was_read_then_of_what_is_delivered() -> None:
    asked = AskedPrices([], {(Provider.AWS, "mq.m5.large.activemq"): PriceUnit.HOUR})

    assert asked.other_unit(Provider.AWS, "mq.m5.large.activemq", PriceUnit.MONTH) is PriceUnit.HOUR
    assert asked.other_unit(Provider.AWS, "nat.hour", PriceUnit.MONTH) is PriceUnit.HOUR
    assert asked.other_unit(Provider.AWS, "nat.hour", PriceUnit.HOUR) is None
    assert asked.other_unit(Provider.MICROSOFT_365, "m365.seat.x", PriceUnit.MONTH) is None
