"""Checks of DynamoDB."""

from __future__ import annotations

from typing import Any

import pytest

from app.detection.checks.aws_dynamodb import TABLE
from app.detection.facts import Subject
from app.detection.usage import Usage
from app.records.detection import PriceUnit
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, flat, subject

GIB = 2**30
PRICES = {
    "dynamodb.rcu": ("0.0001", PriceUnit.HOUR),
    "dynamodb.wcu": ("0.001", PriceUnit.HOUR),
    "dynamodb.storage": ("0.25", PriceUnit.GIB_MONTH),
    "dynamodb.rcu.ia": ("0.0002", PriceUnit.HOUR),
    "dynamodb.wcu.ia": ("0.002", PriceUnit.HOUR),
    "dynamodb.storage.ia": ("0.1", PriceUnit.GIB_MONTH),
}
INDEX = {"name": "by-date", "readCapacityUnits": 100, "writeCapacityUnits": 10, "sizeBytes": 4 * GIB}


def table(status: str = "ACTIVE", born: float = 300, **properties: Any) -> Subject:
    plain: dict[str, Any] = {
        "billingMode": "PROVISIONED",
        "readCapacityUnits": 100,
        "writeCapacityUnits": 100,
        "tableClass": "STANDARD",
        "sizeBytes": 8 * GIB,
        "globalIndexes": [],
        "globalIndexNames": [],
    }
    return subject(TABLE, "arn:table", status=status, created_at=ago(born), properties=plain | properties)


def use(read: float | None, written: float | None) -> dict[str, Usage | None]:
    return {"read": flat(read, 30), "written": flat(written, 30)}


def peaks(read: float | None, written: float | None) -> dict[str, Usage | None]:
    """Units a second in the busiest hour."""
    hour = [None if value is None else value * 3600 for value in (read, written)]
    return {"peakRead": flat(hour[0], 30), "peakWritten": flat(hour[1], 30)}


def case(check: str, proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    return Case(f"aws.dynamodb.{check}", proves, given, expected, amount, **({"prices": PRICES} | values))


INDEXED = table(globalIndexes=[INDEX], globalIndexNames=["by-date"])
CASES = (
    # 7.3 for reads, 73 for writes, 2 for storage.
    case("unused", "found", table(), FOUND, "82.3000", usages=use(0, 0)),
    case("unused", "clear", table(), CLEAR, usages=use(0, 1)),
    case("unused", "missing:read", table(), UNKNOWN, usages=use(None, 0)),
    case("unused", "missing:written", table(), UNKNOWN, usages=use(0, None)),
    case("unused", "missing:readOfIndexes", INDEXED, UNKNOWN, usages=use(0, 0)),
    case("unused", "its index is read", INDEXED, CLEAR, usages=use(0, 0) | {"readOfIndexes": flat(1, 30)}),
    case("unused", "with its index", INDEXED, FOUND, "97.9000", usages=use(0, 0) | {"readOfIndexes": flat(0, 30)}),
    case("unused", "on demand", table(billingMode="PAY_PER_REQUEST"), CLEAR),
    case("unused", "being made", table("CREATING"), CLEAR),
    case("unused", "too new", table(born=29), CLEAR),
    case(
        "unused",
        "infrequent access",
        table(tableClass="STANDARD_INFREQUENT_ACCESS"),
        FOUND,
        "161.4000",
        usages=use(0, 0),
    ),
    case("unused", "no price", table(), FOUND, "unknown", usages=use(0, 0), prices={}),
    # 10 RCU are used: 13 would do, and of 50 WCU that are used all stay.
    case("overprovisioned", "found", table(), FOUND, "6.3510", target="13 RCU, 100 WCU", usages=peaks(10, 50)),
    case("overprovisioned", "clear", table(), CLEAR, usages=peaks(50, 50)),
    case("overprovisioned", "boundary:usedPercent", table(), CLEAR, usages=peaks(40, 40)),
    case("overprovisioned", "boundary:usedPercent", table(), FOUND, usages=peaks(40, 39.9)),
    case("overprovisioned", "missing:peakRead", table(), UNKNOWN, usages=peaks(None, 1)),
    case("overprovisioned", "missing:peakWritten", table(), UNKNOWN, usages=peaks(1, None)),
    case("overprovisioned", "the least", table(readCapacityUnits=1, writeCapacityUnits=1), CLEAR, usages=peaks(0, 0)),
    case("overprovisioned", "on demand", table(billingMode="PAY_PER_REQUEST"), CLEAR),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
