"""Checks of disks. Prices are round numbers, so that the amounts can be reckoned in the head."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.detection.checks.gcp_values import DISK, INSTANCE, REGION_DISK
from app.detection.facts import ActualCost, Subject
from app.detection.usage import Usage
from app.records import RelationshipKind
from app.records.detection import PriceBasis, PriceUnit
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, flat, subject

WEB = "//compute.googleapis.com/projects/acme/zones/us-central1-a/instances/web-1"
OTHER = "//compute.googleapis.com/projects/acme/zones/us-central1-a/instances/web-2"
MIB = 2**20
PRICES = {
    "gcp.disk.pd-ssd": ("0.17", PriceUnit.GIB_MONTH),
    "gcp.disk.pd-ssd.regional": ("0.34", PriceUnit.GIB_MONTH),
    "gcp.disk.pd-balanced": ("0.10", PriceUnit.GIB_MONTH),
    "gcp.disk.pd-extreme": ("0.125", PriceUnit.GIB_MONTH),
    "gcp.disk.pd-extreme.iops": ("0.065", PriceUnit.IOPS_MONTH),
    "gcp.disk.hyperdisk-balanced": ("0.08", PriceUnit.GIB_MONTH),
    "gcp.disk.hyperdisk-balanced.iops": ("0.005", PriceUnit.IOPS_MONTH),
    "gcp.disk.hyperdisk-balanced.throughput": ("0.04", PriceUnit.MIBPS_MONTH),
}


def disk(kind: str | None = "pd-ssd", *, type_: str = DISK, born: float = 90, **properties: Any) -> Subject:
    plain = {"type": kind, "sizeGb": 100, "users": [WEB], "userIds": ["17"]}
    kept = {name: value for name, value in (plain | properties).items() if value is not None}
    return subject(type_, "data-1", status="READY", created_at=ago(born), properties=kept)


def loose(**properties: Any) -> Subject:
    """A disk that is attached to nothing: Google leaves out that there are no users."""
    return disk(users=None, userIds=None, **properties)


def machines(
    since: float | None = 45, status: str = "TERMINATED", *names: str
) -> dict[tuple[RelationshipKind, str], list[Subject]]:
    stopped = {} if since is None else {"lastStopTimestamp": ago(since).isoformat()}
    found = [subject(INSTANCE, name, status=status, properties=stopped) for name in names or (WEB,)]
    return {(RelationshipKind.ATTACHED_TO, INSTANCE): found}


def peaks(operations: float, mibps: float = 0, days: int = 30) -> dict[str, Usage | None]:
    """In the busiest minutes so many operations and MiB a second, half of them read."""
    each, size = operations / 2, mibps * MIB / 2
    told = {"reads": each, "writes": each, "bytesRead": size, "bytesWritten": size}
    return {key: flat(value, days) for key, value in told.items()}


def case(check: str, proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    return Case(f"gcp.disk.{check}", proves, given, expected, amount, **({"prices": PRICES} | values))


CASES = (
    case("unattached", "found", loose(lastDetachTimestamp=ago(8).isoformat()), FOUND, "17.0000"),
    case("unattached", "clear", disk(), CLEAR),
    case("unattached", "boundary:minAgeDays", loose(lastDetachTimestamp=ago(7).isoformat()), CLEAR),
    case("unattached", "boundary:minAgeDays", loose(lastDetachTimestamp=ago(7.01).isoformat()), FOUND),
    case("unattached", "never attached", loose(born=8), FOUND),
    case("unattached", "never attached, and new", loose(born=6), CLEAR),
    case(
        "unattached",
        "attached since it was detached",
        loose(lastDetachTimestamp=ago(60).isoformat(), lastAttachTimestamp=ago(2).isoformat()),
        CLEAR,
    ),
    case("unattached", "in two zones", loose(type_=REGION_DISK), FOUND, "34.0000"),
    case("unattached", "all that is billed", loose(kind="pd-extreme", provisionedIops=1000), FOUND, "77.5000"),
    case(
        "unattached",
        "above what the size includes",
        loose(kind="hyperdisk-balanced", provisionedIops=4000, provisionedThroughput=240),
        FOUND,
        "17.0000",
    ),
    case("unattached", "in a pool", loose(storagePool="pools/p"), FOUND, "unknown"),
    case("unattached", "no price", loose(), FOUND, "unknown", prices={}),
    case("unattached", "no type", loose(kind=None), UNKNOWN),
    case(
        "unattached",
        "charges before prices",
        loose(),
        FOUND,
        "3.0438",
        basis=PriceBasis.ACTUAL,
        cost=ActualCost(Decimal(3), "USD", 30),
    ),
    case("on_stopped_vm", "found", disk(), FOUND, "17.0000", neighbours=machines(), part_of=WEB),
    case("on_stopped_vm", "clear", disk(), CLEAR, neighbours=machines(status="RUNNING")),
    case("on_stopped_vm", "boundary:minAgeDays", disk(), CLEAR, neighbours=machines(30)),
    case("on_stopped_vm", "boundary:minAgeDays", disk(), FOUND, neighbours=machines(30.01)),
    case("on_stopped_vm", "stopped as scans saw it", disk(), FOUND, neighbours=machines(None)),
    case("on_stopped_vm", "a machine that was not read", disk(users=[WEB, OTHER]), UNKNOWN, neighbours=machines()),
    case("on_stopped_vm", "attached to nothing", loose(), CLEAR),
    # 100 GiB of pd-ssd give 9,000 operations and 288 MiB a second, of pd-balanced 3,600 and 168.
    case(
        "overprovisioned",
        "found",
        disk(),
        FOUND,
        "7.0000",
        target="pd-balanced",
        part_of=WEB,
        usages=peaks(1000, 10),
    ),
    case("overprovisioned", "clear", disk(), CLEAR, usages=peaks(9000, 10)),
    case("overprovisioned", "shared by machines", disk(users=[WEB, OTHER]), UNKNOWN, usages=peaks(0)),
    case("overprovisioned", "boundary:usedPercent", disk(), CLEAR, usages=peaks(2700)),
    case("overprovisioned", "boundary:usedPercent", disk(), FOUND, usages=peaks(2698)),
    case("overprovisioned", "much throughput", disk(), CLEAR, usages=peaks(10, 200)),
    # 30 % of what 1,000 GiB of pd-ssd give are 10,800 operations: more than pd-balanced has.
    case("overprovisioned", "too much for another type", disk(sizeGb=1000), CLEAR, usages=peaks(9500)),
    # 1,000 of 10,000 IOPS: 1,201 would do, of which pd-extreme has 2,500 at least.
    case(
        "overprovisioned",
        "fewer IOPS",
        disk("pd-extreme", provisionedIops=10_000),
        FOUND,
        "487.5000",
        target="2500 IOPS",
        usages=peaks(1000),
    ),
    case(
        "overprovisioned",
        "fewer IOPS, with a fifth more than the busiest minute",
        disk("pd-extreme", provisionedIops=100_000),
        FOUND,
        "5719.9350",
        target="12001 IOPS",
        usages=peaks(10_000),
    ),
    case(
        "overprovisioned",
        "what the size includes",
        disk("hyperdisk-balanced", provisionedIops=3000, provisionedThroughput=140),
        CLEAR,
        usages=peaks(0),
    ),
    case("overprovisioned", "a type that is not paid by speed", disk("pd-standard"), CLEAR, usages=peaks(0)),
    case("overprovisioned", "attached to nothing", loose(), CLEAR),
    *(
        case("overprovisioned", f"missing:{key}", disk(), UNKNOWN, usages=peaks(0) | {key: None})
        for key in ("reads", "writes", "bytesRead", "bytesWritten")
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
