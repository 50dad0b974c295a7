"""Checks of S3."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.detection.checks.aws_s3 import BUCKET
from app.detection.facts import ActualCost, Subject
from app.detection.usage import Usage
from app.records.detection import PriceBasis, PriceUnit
from tests.detection.cases import CLEAR, FOUND, NOW, UNKNOWN, Case, ago, flat, subject

GIB = 2**30
PRICES = {
    "s3.standard.storage": ("0.02", PriceUnit.GIB_MONTH),
    "s3.standard_ia.storage": ("0.01", PriceUnit.GIB_MONTH),
}


def bucket(born: float = 300, **properties: Any) -> Subject:
    plain: dict[str, Any] = {
        "lifecycleRules": [],
        "versioning": "Disabled",
        "expiresNoncurrentVersions": False,
        "abortsIncompleteUploads": False,
        "incompleteUploads": {"count": 0, "oldestStartedAt": None, "newestStartedAt": None, "truncated": False},
        "requestMetricsFilter": "all",
    }
    return subject(BUCKET, "raw", created_at=ago(born), properties=plain | properties)


def uploads(oldest: float, *, truncated: bool = False) -> dict[str, Any]:
    return {"count": 3, "oldestStartedAt": ago(oldest).isoformat(), "newestStartedAt": None, "truncated": truncated}


def size(gib: float | None) -> dict[str, Usage | None]:
    return {"standardBytes": flat(None if gib is None else gib * GIB, 7)}


def requests(gib: float | None = 100, **counts: float | None) -> dict[str, Usage | None]:
    """So many requests a week, all on one day."""
    told = {"puts": 0, "posts": 0, "lists": 0, "gets": 0, "heads": 0} | counts
    used = {
        key: None if count is None else Usage(ago(7).date(), (0.0,) * 6 + (float(count),))
        for key, count in told.items()
    }
    return size(gib) | used


def case(check: str, proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    return Case(f"aws.s3.{check}", proves, given, expected, amount, **({"prices": PRICES} | values))


NOT_LATE = Usage(NOW.date(), (1000 * float(GIB), 1000 * float(GIB), None, None))
CASES = (
    # Half of 1,000 GiB for 0.01 less.
    case("no_lifecycle", "found", bucket(), FOUND, "5.0000", usages=size(1000)),
    case("no_lifecycle", "clear", bucket(lifecycleRules=[{"enabled": True}]), CLEAR, usages=size(1000)),
    case("no_lifecycle", "rules that are off", bucket(lifecycleRules=[{"enabled": False}]), FOUND, usages=size(1000)),
    case("no_lifecycle", "boundary:sizeGiB", bucket(), CLEAR, usages=size(100)),
    case("no_lifecycle", "boundary:sizeGiB", bucket(), FOUND, usages=size(201)),
    case(
        "no_lifecycle",
        "boundary:coldPercent",
        bucket(),
        CLEAR,
        usages=size(1000),
        parameters={"coldPercent": Decimal(0)},
    ),
    case(
        "no_lifecycle",
        "boundary:coldPercent",
        bucket(),
        FOUND,
        "10.0000",
        usages=size(1000),
        parameters={"coldPercent": Decimal(100)},
    ),
    case("no_lifecycle", "missing:standardBytes", bucket(), UNKNOWN, usages=size(None)),
    case("no_lifecycle", "sizes come late", bucket(), FOUND, "5.0000", usages={"standardBytes": NOT_LATE}),
    case("no_lifecycle", "rules could not be read", bucket(unreadable=["lifecycleRules"]), UNKNOWN, usages=size(1000)),
    case("mpu", "found", bucket(incompleteUploads=uploads(30)), FOUND, "unknown"),
    case("mpu", "more than a page", bucket(incompleteUploads=uploads(30, truncated=True)), FOUND, "unknown"),
    case("mpu", "clear", bucket(), CLEAR),
    case("mpu", "a rule ends them", bucket(incompleteUploads=uploads(30), abortsIncompleteUploads=True), CLEAR),
    case("mpu", "boundary:minAgeDays", bucket(incompleteUploads=uploads(7)), CLEAR),
    case("mpu", "boundary:minAgeDays", bucket(incompleteUploads=uploads(7.01)), FOUND),
    case("mpu", "uploads could not be read", bucket(incompleteUploads=None), UNKNOWN),
    case("noncurrent", "found", bucket(versioning="Enabled"), FOUND, "unknown"),
    case("noncurrent", "no longer", bucket(versioning="Suspended"), FOUND, "unknown"),
    case("noncurrent", "clear", bucket(), CLEAR),
    case("noncurrent", "they expire", bucket(versioning="Enabled", expiresNoncurrentVersions=True), CLEAR),
    case(
        "noncurrent",
        "rules could not be read",
        bucket(versioning="Enabled", unreadable=["expiresNoncurrentVersions"]),
        UNKNOWN,
    ),
    case("abandoned", "found", bucket(), FOUND, "2.0000", usages=requests()),
    case("abandoned", "clear", bucket(), CLEAR, usages=requests(gets=50_000)),
    case("abandoned", "boundary:writeRequests", bucket(), CLEAR, usages=requests(puts=50, posts=1, lists=49)),
    case("abandoned", "boundary:writeRequests", bucket(), FOUND, usages=requests(puts=50, lists=49)),
    case("abandoned", "boundary:readRequests", bucket(), CLEAR, usages=requests(gets=1000, heads=1000)),
    case("abandoned", "boundary:readRequests", bucket(), FOUND, usages=requests(gets=1000, heads=999)),
    case("abandoned", "boundary:sizeGiB", bucket(), CLEAR, usages=requests(1)),
    case(
        "abandoned",
        "boundary:sizeGiB",
        bucket(),
        FOUND,
        basis=PriceBasis.ACTUAL,
        usages=requests(1.01),
        cost=ActualCost(Decimal(5), "USD", 30),
    ),
    case("abandoned", "missing:standardBytes", bucket(), UNKNOWN, usages=requests(None)),
    *(
        case("abandoned", f"missing:{key}", bucket(), UNKNOWN, usages=requests(**{key: None}))
        for key in ("puts", "posts", "lists", "gets", "heads")
    ),
    case("abandoned", "requests are not counted", bucket(requestMetricsFilter=None), UNKNOWN, usages=requests()),
    case("abandoned", "too new", bucket(born=6), CLEAR, usages=requests()),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
