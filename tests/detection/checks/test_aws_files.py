"""Checks of EFS and FSx."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.detection.checks.aws_files import ELASTIC, WINDOWS_AND_MORE
from app.detection.facts import ActualCost, Subject
from app.detection.usage import Usage
from app.records.detection import Confidence, PriceBasis, PriceUnit
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, flat, subject

GIB = 2**30
PRICES = {
    "efs.standard": ("0.3", PriceUnit.GIB_MONTH),
    "efs.ia": ("0.02", PriceUnit.GIB_MONTH),
    "efs.archive": ("0.01", PriceUnit.GIB_MONTH),
    "efs.onezone.standard": ("0.16", PriceUnit.GIB_MONTH),
    "efs.onezone.ia": ("0.01", PriceUnit.GIB_MONTH),
    "efs.throughput": ("6", PriceUnit.MIBPS_MONTH),
    "fsx.windows.multi_az_1.ssd.storage": ("0.2", PriceUnit.GIB_MONTH),
    "fsx.windows.multi_az_1.throughput": ("4", PriceUnit.MIBPS_MONTH),
    "fsx.windows.multi_az_1.iops": ("0.01", PriceUnit.IOPS_MONTH),
    "fsx.lustre.persistent_2.125.ssd.storage": ("0.1", PriceUnit.GIB_MONTH),
}


def elastic(status: str = "available", born: float = 300, **properties: Any) -> Subject:
    plain: dict[str, Any] = {
        "mountTargets": 2,
        "oneZone": False,
        "throughputMode": "bursting",
        "provisionedThroughputMibps": None,
        "sizeBytesStandard": 100 * GIB,
        "sizeBytesInfrequentAccess": 0,
        "sizeBytesArchive": None,
        "lifecyclePolicies": {},
    }
    return subject(ELASTIC, "arn:fs", status=status, created_at=ago(born), properties=plain | properties)


def windows(status: str = "AVAILABLE", born: float = 300, **properties: Any) -> Subject:
    plain: dict[str, Any] = {
        "fileSystemType": "WINDOWS",
        "deploymentType": "MULTI_AZ_1",
        "storageType": "SSD",
        "storageCapacityGib": 1000,
        "throughputCapacityMibps": 32,
        "throughputPerTibMibps": None,
        "iops": 3000,
        "iopsMode": "AUTOMATIC",
    }
    return subject(WINDOWS_AND_MORE, "arn:fs", status=status, created_at=ago(born), properties=plain | properties)


def connections(each: float | None) -> dict[str, Usage | None]:
    return {"connections": flat(each, 30)}


def operations(reads: float | None, writes: float | None) -> dict[str, Usage | None]:
    return {"reads": flat(reads, 30), "writes": flat(writes, 30)}


def case(check: str, proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    return Case(f"aws.{check}", proves, given, expected, amount, **({"prices": PRICES} | values))


CASES = (
    case("efs.idle", "found", elastic(), FOUND, "30.0000", usages=connections(0), confidence=None),
    case("efs.idle", "clear", elastic(), CLEAR, usages=connections(1)),
    case("efs.idle", "missing:connections", elastic(), UNKNOWN, usages=connections(None)),
    case("efs.idle", "no mount target", elastic(mountTargets=0), FOUND, "30.0000", confidence=Confidence.OBVIOUS),
    case("efs.idle", "empty", elastic(mountTargets=0, sizeBytesStandard=0), FOUND, "0"),
    case("efs.idle", "too new", elastic(born=29, mountTargets=0), CLEAR),
    case("efs.idle", "being made", elastic("creating"), CLEAR),
    case(
        "efs.idle",
        "all that is billed",
        elastic(
            mountTargets=0,
            sizeBytesInfrequentAccess=50 * GIB,
            sizeBytesArchive=10 * GIB,
            throughputMode="provisioned",
            provisionedThroughputMibps=2.0,
        ),
        FOUND,
        "43.1000",
    ),
    case("efs.idle", "one zone", elastic(mountTargets=0, oneZone=True), FOUND, "16.0000"),
    case(
        "efs.idle",
        "charges before prices",
        elastic(mountTargets=0),
        FOUND,
        "10.1458",
        basis=PriceBasis.ACTUAL,
        cost=ActualCost(Decimal(10), "USD", 30),
    ),
    # Half of 100 GiB for 0.28 less.
    case("efs.no_ia", "found", elastic(), FOUND, "14.0000"),
    case("efs.no_ia", "one zone", elastic(oneZone=True), FOUND, "7.5000"),
    case("efs.no_ia", "clear", elastic(lifecyclePolicies={"TransitionToIA": "AFTER_30_DAYS"}), CLEAR),
    case("efs.no_ia", "only moves back", elastic(lifecyclePolicies={"TransitionToPrimaryStorageClass": "x"}), FOUND),
    case("efs.no_ia", "boundary:minAgeDays", elastic(born=30), CLEAR),
    case("efs.no_ia", "boundary:minAgeDays", elastic(born=30.01), FOUND),
    case("efs.no_ia", "boundary:sizeGiB", elastic(sizeBytesStandard=10 * GIB), CLEAR),
    case("efs.no_ia", "boundary:sizeGiB", elastic(sizeBytesStandard=11 * GIB), FOUND, "1.5400"),
    case("efs.no_ia", "boundary:coldPercent", elastic(), CLEAR, parameters={"coldPercent": Decimal(0)}),
    case("efs.no_ia", "boundary:coldPercent", elastic(), FOUND, parameters={"coldPercent": Decimal(10)}),
    case("efs.no_ia", "policies could not be read", elastic(unreadable=["lifecyclePolicies"]), UNKNOWN),
    case("fsx.idle", "found", windows(), FOUND, "328.0000", usages=operations(0, 0)),
    case("fsx.idle", "clear", windows(), CLEAR, usages=operations(0, 1)),
    case("fsx.idle", "missing:reads", windows(), UNKNOWN, usages=operations(None, 0)),
    case("fsx.idle", "missing:writes", windows(), UNKNOWN, usages=operations(0, None)),
    case("fsx.idle", "being made", windows("CREATING"), CLEAR),
    case(
        "fsx.idle",
        "provisioned IOPS",
        windows(iops=5000, iopsMode="USER_PROVISIONED"),
        FOUND,
        "348.0000",
        usages=operations(0, 0),
    ),
    case(
        "fsx.idle",
        "Lustre",
        windows(fileSystemType="LUSTRE", deploymentType="PERSISTENT_2", throughputPerTibMibps=125),
        FOUND,
        "100.0000",
        usages=operations(0, 0),
    ),
    case("fsx.idle", "no price", windows(deploymentType="SINGLE_AZ_1"), FOUND, "unknown", usages=operations(0, 0)),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
