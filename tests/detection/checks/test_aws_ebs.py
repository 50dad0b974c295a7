"""Checks of EBS volumes. Prices are round numbers, so that the amounts can be reckoned in the head."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from app.detection.checks.aws_ebs import INSTANCE, VOLUME
from app.detection.facts import ActualCost, Subject
from app.detection.usage import Usage
from app.records import RelationshipKind
from app.records.detection import PriceBasis, PriceUnit
from tests.detection.cases import CLEAR, FOUND, NOW, TOO_LITTLE, UNKNOWN, Case, ago, flat, subject

PRICES = {
    "ebs.gp2.storage": ("0.10", PriceUnit.GIB_MONTH),
    "ebs.gp3.storage": ("0.08", PriceUnit.GIB_MONTH),
    "ebs.gp3.iops": ("0.005", PriceUnit.IOPS_MONTH),
    "ebs.gp3.throughput": ("0.04", PriceUnit.MIBPS_MONTH),
    "ebs.io1.storage": ("0.125", PriceUnit.GIB_MONTH),
    "ebs.io1.iops": ("0.065", PriceUnit.IOPS_MONTH),
    "ebs.io2.storage": ("0.125", PriceUnit.GIB_MONTH),
    "ebs.io2.iops": ("0.065", PriceUnit.IOPS_MONTH),
    "ebs.io2.iops.tier2": ("0.045", PriceUnit.IOPS_MONTH),
    "ebs.io2.iops.tier3": ("0.032", PriceUnit.IOPS_MONTH),
    "ebs.standard.storage": ("0.05", PriceUnit.GIB_MONTH),
}


def volume(kind: str = "gp3", *, status: str = "in-use", since: float = 90, **properties: Any) -> Subject:
    plain = {
        "volumeType": kind,
        "sizeGiB": 100,
        "iops": 3000,
        "throughputMiBps": 125 if kind == "gp3" else None,
        "attachments": [] if status == "available" else [{"instanceId": "i-1"}],
    }
    return subject(VOLUME, "vol-1", status=status, status_since=ago(since), properties=plain | properties)


def instance(status: str = "stopped", since: float | None = 45) -> Mapping[tuple[RelationshipKind, str], list[Subject]]:
    changed = None if since is None else ago(since).isoformat()
    found = subject(INSTANCE, "i-1", status=status, properties={"stateChangedAt": changed})
    return {(RelationshipKind.ATTACHED_TO, INSTANCE): [found]}


def case(check: str, proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    return Case(f"aws.ebs.{check}", proves, given, expected, amount, **({"prices": PRICES} | values))


def operations(key: str, each: float, days: int) -> dict[str, Usage | None]:
    """Half of so many operations read, half written."""
    reads, writes = ("peakReads", "peakWrites") if key == "peak" else ("reads", "writes")
    return {reads: flat(each / 2, days), writes: flat(each / 2, days)}


def gap(days: int) -> Usage:
    return Usage(NOW.date(), (0.0,) * (days - 1) + (None,))


CASES = (
    case("unattached", "found", volume(status="available", since=8), FOUND, "8.0000"),
    case("unattached", "clear", volume(), CLEAR),
    case("unattached", "boundary:minAgeDays", volume(status="available", since=7), CLEAR),
    case("unattached", "boundary:minAgeDays", volume(status="available", since=7.01), FOUND),
    case("unattached", "no price", volume(status="available"), FOUND, "unknown", prices={}),
    case("unattached", "all that is billed", volume("io2", status="available", iops=1000), FOUND, "77.5000"),
    case("unattached", "extras of gp3", volume(status="available", iops=4000, throughputMiBps=225), FOUND, "17.0000"),
    case(
        "unattached",
        "charges before prices",
        volume(status="available"),
        FOUND,
        "3.0438",
        basis=PriceBasis.ACTUAL,
        cost=ActualCost(Decimal(3), "USD", 30),
    ),
    case("unattached", "too little", volume(status="available", sizeGiB=10), TOO_LITTLE),
    case("on_stopped_instance", "found", volume(), FOUND, "8.0000", neighbours=instance(), part_of="i-1"),
    case("on_stopped_instance", "clear", volume(), CLEAR, neighbours=instance("running")),
    case("on_stopped_instance", "boundary:minAgeDays", volume(), CLEAR, neighbours=instance(since=30)),
    case("on_stopped_instance", "boundary:minAgeDays", volume(), FOUND, neighbours=instance(since=30.01)),
    case("on_stopped_instance", "an instance that was not read", volume(), UNKNOWN),
    case("on_stopped_instance", "stopped as scans saw it", volume(), FOUND, neighbours=instance(since=None)),
    case("on_stopped_instance", "attached to nothing", volume(status="available"), CLEAR),
    case("gp2_to_gp3", "found", volume("gp2"), FOUND, "2.0000", target="gp3"),
    # 2,000 GiB: 200 as gp2; as gp3 160, 3,000 IOPS more for 15, and 125 MiB/s more for 5.
    case("gp2_to_gp3", "with what gp2 gave", volume("gp2", sizeGiB=2000), FOUND, "20.0000"),
    case("gp2_to_gp3", "clear", volume("gp3"), CLEAR),
    case("gp2_to_gp3", "no type", volume(None), UNKNOWN),  # type: ignore[arg-type]
    # 50,000 IOPS: 3,250 as io1; as io2 32,000 for 2,080 and 18,000 for 810.
    case("io1_to_io2", "found", volume("io1", iops=50_000), FOUND, "360.0000", target="io2"),
    case("io1_to_io2", "no saving below 32,000", volume("io1", iops=10_000), TOO_LITTLE),
    case("io1_to_io2", "the third tier", volume("io1", iops=100_000), FOUND, "1828.0000"),
    case("io1_to_io2", "clear", volume("io2"), CLEAR),
    case("magnetic", "found", volume("standard"), FOUND, "22.4375", cost=ActualCost(Decimal(30), "USD", 30)),
    case("magnetic", "requests are not known", volume("standard"), FOUND, "unknown"),
    case("magnetic", "clear", volume("gp3"), CLEAR),
    # 1,000 of 10,000 IOPS in the busiest hour: 1,201 would do, below the 3,000 that gp3 includes.
    case(
        "overprovisioned_iops",
        "found",
        volume(iops=10_000),
        FOUND,
        "35.0000",
        target="3000 IOPS",
        usages=operations("peak", 3_600_000, 30),
    ),
    case(
        "overprovisioned_iops",
        "the busiest hour and a fifth",
        volume("io2", iops=10_000),
        FOUND,
        "571.9350",
        target="1201 IOPS",
        usages=operations("peak", 3_600_000, 30),
    ),
    case("overprovisioned_iops", "clear", volume(iops=10_000), CLEAR, usages=operations("peak", 32_400_000, 30)),
    case(
        "overprovisioned_iops",
        "boundary:usedPercent",
        volume("io2", iops=1000),
        CLEAR,
        usages=operations("peak", 1_440_000, 30),
    ),
    case(
        "overprovisioned_iops",
        "boundary:usedPercent",
        volume("io2", iops=1000),
        FOUND,
        usages=operations("peak", 1_439_996, 30),
    ),
    case(
        "overprovisioned_iops",
        "missing:peakReads",
        volume(iops=10_000),
        UNKNOWN,
        usages=operations("peak", 0, 30) | {"peakReads": gap(30)},
    ),
    case(
        "overprovisioned_iops",
        "missing:peakWrites",
        volume(iops=10_000),
        UNKNOWN,
        usages=operations("peak", 0, 30) | {"peakWrites": None},
    ),
    case("overprovisioned_iops", "what gp3 includes", volume(), CLEAR, usages=operations("peak", 0, 30)),
    case("idle", "found", volume(), FOUND, "8.0000", usages=operations("day", 10, 14)),
    case("idle", "clear", volume(), CLEAR, usages=operations("day", 50_000, 14)),
    case("idle", "boundary:operationsPerDay", volume(), CLEAR, usages=operations("day", 100, 14)),
    case("idle", "boundary:operationsPerDay", volume(), FOUND, usages=operations("day", 99, 14)),
    case("idle", "missing:reads", volume(), UNKNOWN, usages=operations("day", 0, 14) | {"reads": gap(14)}),
    case("idle", "missing:writes", volume(), UNKNOWN, usages=operations("day", 0, 14) | {"writes": None}),
    case("idle", "attached to nothing", volume(status="available"), CLEAR, usages=operations("day", 0, 14)),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
