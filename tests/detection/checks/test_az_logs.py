"""Checks of workspaces of logs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.detection.checks.az_logs import WORKSPACE
from app.detection.facts import ActualCost, Subject
from app.records.detection import PriceUnit
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, subject

PRICES = {
    "az.loganalytics.ingested": ("2", PriceUnit.GIB),
    "az.loganalytics.commitment100": ("1.80", PriceUnit.GIB),
    "az.loganalytics.commitment200": ("1.60", PriceUnit.GIB),
}


def workspace(kept: int | None = 365, age: float = 200, sku: str | None = "PerGB2018") -> Subject:
    properties = {"sku": {"name": sku}, "retentionInDays": kept}
    return subject(WORKSPACE, "/workspaces/w", created_at=ago(age), properties=properties)


def charged(gigabytes_a_day: int, currency: str = "USD") -> ActualCost:
    return ActualCost(Decimal(gigabytes_a_day) * 2 * 30, currency, 30)


def sprawl(proves: str, given: Subject, expected: Any) -> Case:
    return Case("az.loganalytics.sprawl", proves, given, expected, "unknown" if expected is FOUND else None)


def uncommitted(proves: str, expected: Any, amount: str | None = None, **values: Any) -> Case:
    plain: dict[str, Any] = {"subject": workspace(), "prices": PRICES, "cost": charged(240)}
    return Case("az.loganalytics.no_commitment", proves, expected=expected, amount=amount, **(plain | values))


CASES = (
    sprawl("found", workspace(), FOUND),
    sprawl("clear", workspace(30), CLEAR),
    sprawl("boundary:retentionDays", workspace(90), CLEAR),
    sprawl("boundary:retentionDays", workspace(91), FOUND),
    sprawl("boundary:minAgeDays", workspace(age=90), CLEAR),
    sprawl("boundary:minAgeDays", workspace(age=90.01), FOUND),
    sprawl("retention that is not told", workspace(None), UNKNOWN),
    # 240 GB a day for 480, in the tier of 200 for 384: 96 less on each of 30.4375 days.
    uncommitted("found", FOUND, "2922.0000", target="200 GB a day"),
    uncommitted("clear", CLEAR, cost=charged(20)),
    uncommitted("boundary:gigabytesPerDay", CLEAR, cost=charged(100)),
    uncommitted("boundary:gigabytesPerDay", FOUND, cost=charged(101), target="100 GB a day"),
    uncommitted("committed", CLEAR, subject=workspace(sku="CapacityReservation")),
    uncommitted("no charges", UNKNOWN, cost=None),
    uncommitted("charges in another currency", UNKNOWN, cost=charged(240, "EUR")),
    uncommitted("no price of a GB", UNKNOWN, prices={}),
    uncommitted(
        "no price of the tier",
        FOUND,
        "unknown",
        prices={"az.loganalytics.ingested": PRICES["az.loganalytics.ingested"]},
    ),
    uncommitted("no SKU", UNKNOWN, subject=workspace(sku=None)),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
