"""Checks of log groups."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.detection.checks.aws_logs import LOG_GROUP
from app.detection.facts import ActualCost, Subject
from app.records.detection import PriceBasis, PriceUnit
from tests.detection.cases import CLEAR, FOUND, TOO_LITTLE, UNKNOWN, Case, ago, flat, subject

PRICES = {"logs.storage": ("0.03", PriceUnit.GIB_MONTH)}
GIB = 2**30


def group(gib: float = 1000, *, age: float = 360, **values: Any) -> Subject:
    properties = {"retentionDays": None, "storedBytes": int(gib * GIB)}
    return subject(LOG_GROUP, "arn:log-group", created_at=ago(age), properties=properties | values)


def endless(proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    return Case("aws.logs.no_retention", proves, given, expected, amount, **({"prices": PRICES} | values))


def stale(proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    plain: dict[str, Any] = {"prices": PRICES, "usages": {"incoming": flat(0, 90)}}
    return Case("aws.logs.stale", proves, given, expected, amount, **(plain | values))


CASES = (
    # 1,000 GiB at 0.03, three quarters of which is older than 90 of 360 days.
    endless("found", group(), FOUND, "22.5000", target="90 days"),
    endless("clear", group(retentionDays=30), CLEAR),
    endless("boundary:gibibytes", group(1), CLEAR),
    endless("boundary:gibibytes", group(1.01), TOO_LITTLE),
    endless("boundary:gibibytes", group(1.01), FOUND, prices={"logs.storage": ("30", PriceUnit.GIB_MONTH)}),
    endless("boundary:keepDays", group(age=90), CLEAR),
    endless("boundary:keepDays", group(age=100), FOUND, "3.0000"),
    endless("on the hundredth day", group(age=99.01), FOUND, "3.0000"),
    endless("no size", group(storedBytes=None), UNKNOWN),
    endless("no price", group(), FOUND, "unknown", prices={}),
    stale("found", group(100), FOUND, "3.0000"),
    stale("clear", group(100), CLEAR, usages={"incoming": flat(1, 90)}),
    stale("missing:incoming", group(100), UNKNOWN, usages={"incoming": None}),
    stale("younger than the window", group(100, age=60), CLEAR),
    stale("empty", group(0), CLEAR),
    stale(
        "charges before prices",
        group(100),
        FOUND,
        "4.0583",
        basis=PriceBasis.ACTUAL,
        cost=ActualCost(Decimal(4), "USD", 30),
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
