"""Checks of Cloud Storage."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.detection.checks.gcp_storage import BUCKET
from app.detection.facts import Subject
from app.detection.usage import Usage
from app.records.detection import PriceUnit
from tests.detection.cases import CLEAR, FOUND, TOO_LITTLE, UNKNOWN, Case, ago, flat, subject

GIB = 2**30
DAY = 86_400
PRICES = {
    "gcp.storage.standard": ("0.020", PriceUnit.GIB_MONTH),
    "gcp.storage.nearline": ("0.010", PriceUnit.GIB_MONTH),
    "gcp.storage.archive": ("0.001", PriceUnit.GIB_MONTH),
}
AUTOCLASS = {"enabled": True}


def bucket(storage_class: str | None = "STANDARD", *, born: float = 300, **properties: Any) -> Subject:
    plain = {"storageClass": storage_class, "softDeletePolicy": {"retentionDurationSeconds": 7 * DAY}}
    return subject(BUCKET, "raw", created_at=ago(born), properties=plain | properties)


def rule(action: str = "Delete", **condition: Any) -> dict[str, Any]:
    return {"rule": [{"action": {"type": action}, "condition": condition}]}


def size(
    live: float | None = 1000, *, old: float | None = None, deleted: float | None = None
) -> dict[str, Usage | None]:
    told = {"liveBytes": live, "oldBytes": old, "deletedBytes": deleted}
    return {key: None if gib is None else flat(gib * GIB, 7) for key, gib in told.items()}


def requests(each: float | None = 0, live: float | None = 1000) -> dict[str, Usage | None]:
    return size(live) | {"requests": None if each is None else flat(each, 30)}


def case(check: str, proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    return Case(f"gcp.storage.{check}", proves, given, expected, amount, **({"prices": PRICES} | values))


def cold(percent: int) -> dict[str, Decimal]:
    return {"coldPercent": Decimal(percent)}


KEPT = bucket(softDeletePolicy={"retentionDurationSeconds": 30 * DAY})
VERSIONED = bucket(versioning={"enabled": True})
CASES = (
    # Half of 1,000 GiB for 0.01 less.
    case("no_lifecycle", "found", bucket(), FOUND, "5.0000", usages=size()),
    case("no_lifecycle", "clear", bucket(lifecycle=rule(age=30)), CLEAR, usages=size()),
    case("no_lifecycle", "boundary:sizeGiB", bucket(), CLEAR, usages=size(100), parameters=cold(100)),
    case("no_lifecycle", "boundary:sizeGiB", bucket(), FOUND, usages=size(101), parameters=cold(100)),
    case("no_lifecycle", "boundary:coldPercent", bucket(), CLEAR, usages=size(), parameters=cold(0)),
    case("no_lifecycle", "boundary:coldPercent", bucket(), FOUND, "10.0000", usages=size(), parameters=cold(100)),
    case("no_lifecycle", "missing:liveBytes", bucket(), UNKNOWN, usages=size(None)),
    case("no_lifecycle", "too little", bucket(), TOO_LITTLE, usages=size(150)),
    case("no_lifecycle", "Autoclass", bucket(autoclass=AUTOCLASS), CLEAR, usages=size()),
    case("no_lifecycle", "another class", bucket("NEARLINE"), CLEAR, usages=size()),
    case("no_lifecycle", "no class", bucket(None), UNKNOWN, usages=size()),
    case("no_lifecycle", "rules that cannot be read", bucket(lifecycle={"rule": "x"}), UNKNOWN, usages=size()),
    case("inactive", "found", bucket(), FOUND, "19.0000", target="archive", usages=requests()),
    case("inactive", "clear", bucket(), CLEAR, usages=requests(1)),
    case(
        "inactive", "boundary:sizeGiB", bucket(), CLEAR, usages=requests(live=100), parameters={"sizeGiB": Decimal(100)}
    ),
    case(
        "inactive", "boundary:sizeGiB", bucket(), FOUND, usages=requests(live=101), parameters={"sizeGiB": Decimal(100)}
    ),
    case("inactive", "missing:requests", bucket(), UNKNOWN, usages=requests(None)),
    case("inactive", "missing:liveBytes", bucket(), UNKNOWN, usages=requests(live=None)),
    case("inactive", "new", bucket(born=20), CLEAR, usages=requests()),
    case("inactive", "in the archive", bucket("ARCHIVE"), CLEAR, usages=requests()),
    case("inactive", "Autoclass", bucket(autoclass=AUTOCLASS), CLEAR, usages=requests()),
    case("inactive", "no price", bucket("COLDLINE"), FOUND, "unknown", usages=requests()),
    case("versions", "found", VERSIONED, FOUND, "10.0000", usages=size(old=500)),
    case("versions", "clear", bucket(versioning={"enabled": True}, lifecycle=rule(daysSinceNoncurrentTime=30)), CLEAR),
    case("versions", "boundary:sizeGiB", VERSIONED, CLEAR, usages=size(old=100), parameters={"sizeGiB": Decimal(100)}),
    case("versions", "boundary:sizeGiB", VERSIONED, FOUND, usages=size(old=101), parameters={"sizeGiB": Decimal(100)}),
    case("versions", "missing:oldBytes", VERSIONED, UNKNOWN, usages=size()),
    case("versions", "no versions", bucket(), CLEAR, usages=size(old=500)),
    case(
        "versions",
        "a rule for live objects",
        bucket(versioning={"enabled": True}, lifecycle=rule(age=30, isLive=True)),
        FOUND,
        usages=size(old=500),
    ),
    case(
        "versions",
        "a rule that moves",
        bucket(versioning={"enabled": True}, lifecycle=rule("SetStorageClass", age=30)),
        FOUND,
        usages=size(old=500),
    ),
    case("soft_delete", "found", KEPT, FOUND, "10.0000", usages=size(deleted=500)),
    case("soft_delete", "clear", KEPT, CLEAR, usages=size(deleted=1)),
    case("soft_delete", "boundary:retentionDays", bucket(), CLEAR, usages=size(deleted=500)),
    case(
        "soft_delete",
        "boundary:retentionDays",
        bucket(softDeletePolicy={"retentionDurationSeconds": 8 * DAY}),
        FOUND,
        usages=size(deleted=500),
    ),
    case("soft_delete", "boundary:deletedPercent", KEPT, CLEAR, usages=size(deleted=200)),
    case("soft_delete", "boundary:deletedPercent", KEPT, FOUND, usages=size(deleted=201)),
    case("soft_delete", "missing:liveBytes", KEPT, UNKNOWN, usages=size(None, deleted=500)),
    case("soft_delete", "missing:deletedBytes", KEPT, UNKNOWN, usages=size()),
    case("soft_delete", "switched off", bucket(softDeletePolicy={"retentionDurationSeconds": 0}), CLEAR),
    case("soft_delete", "not told", bucket(softDeletePolicy=None), UNKNOWN),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
