"""Checks that hold bills against the inventory."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from app.records import Provider
from app.records.detection import PriceBasis
from tests.detection.cases import CLEAR, FOUND, TOO_LITTLE, UNKNOWN, Case, subject
from tests.detection.checks.test_charges_spend import months

UNLISTED, UNBILLED = "focus.resource.unlisted", "focus.resource.unbilled"
INSTANCE = "AWS::EC2::Instance"
READ = frozenset({INSTANCE})


def unlisted(proves: str, cost: Any, expected: Any, amount: str | None = None, read: frozenset[str] = READ) -> Case:
    given = subject("", "i-1", provider=Provider.AWS, properties={"types": [INSTANCE]})
    charges = None if cost is None else months(cost=(cost,))
    return Case(UNLISTED, proves, given, expected, amount, PriceBasis.ACTUAL, charges=charges, complete_types=read)


def unbilled(proves: str, there: int, without: int, expected: Any) -> Case:
    given = subject("", INSTANCE, provider=Provider.AWS)
    return Case(UNBILLED, proves, given, expected, charges=months(resources=(there,), unbilled=(without,)))


CASES = (
    unlisted("found", 62, FOUND, "60.8750"),  # 62 / 31 * 30.4375
    unlisted("clear", 0, CLEAR),
    unlisted("boundary:leastCost", 1, CLEAR),
    unlisted("boundary:leastCost", "1.1", FOUND),
    unlisted("it may be there", 62, UNKNOWN, read=frozenset()),
    unlisted("nothing imported", None, UNKNOWN),
    unlisted("less than the least saving", "1.01", TOO_LITTLE),
    unbilled("found", 10, 6, FOUND),
    unbilled("clear", 10, 0, CLEAR),
    unbilled("none of the type is billed", 10, 10, CLEAR),
    unbilled("boundary:mostUnbilled", 10, 5, CLEAR),
    unbilled("boundary:mostUnbilled", 100, 51, FOUND),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()


def test_a_day_of_the_month_is_missing() -> None:
    charges = months(missing=True, resources=(10,), unbilled=(6,))
    given = subject("", INSTANCE, provider=Provider.AWS)
    Case(UNBILLED, "a day is missing", given, UNKNOWN, charges=charges).verify()
    assert charges.missing == [(date(2026, 10, 5), date(2026, 10, 6))]
