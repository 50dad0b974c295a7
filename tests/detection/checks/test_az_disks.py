"""Checks of managed disks."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.detection.checks.az_disks import DISK
from app.detection.facts import ActualCost, Subject
from app.detection.usage import Usage
from app.records.detection import PriceBasis, PriceUnit
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, flat, subject

PRICES = {
    "az.disk.premium_lrs.p10": ("20", PriceUnit.MONTH),
    "az.disk.premium_lrs.p20": ("70", PriceUnit.MONTH),
    "az.disk.standardssd_lrs.e10": ("10", PriceUnit.MONTH),
    "az.disk.standard_lrs.s4": ("1.5", PriceUnit.MONTH),
    "az.disk.premiumv2_lrs.storage": ("0.08", PriceUnit.GIB_MONTH),
    "az.disk.premiumv2_lrs.iops": ("0.005", PriceUnit.IOPS_MONTH),
    "az.disk.premiumv2_lrs.throughput": ("0.04", PriceUnit.MIBPS_MONTH),
}
OWNER = "/subscriptions/s/resourceGroups/G/providers/Microsoft.Compute/virtualMachines/VM"


def disk(status: str = "Unattached", kind: str = "Premium_LRS", *, since: float | None = 60, **values: Any) -> Subject:
    given = {name: values.pop(name) for name in ("tags", "name", "status_since", "created_at") if name in values}
    properties = {
        "sku": {"name": kind},
        "diskSizeGB": 128,
        "diskIOPSReadWrite": 500,
        "diskMBpsReadWrite": 100,
        "managedBy": None if status == "Unattached" else OWNER,
    }
    used = None if since is None else ago(since)
    plain = {"status": status, "last_used_at": used, "properties": properties | values}
    return subject(DISK, "/disks/d", **(plain | given))


def busy(iops: float = 10, megabytes: float = 1) -> dict[str, Usage | None]:
    half = flat(megabytes * 500_000, 30)
    return {
        "peakReads": flat(iops / 2, 30),
        "peakWrites": flat(iops / 2, 30),
        "peakBytesRead": half,
        "peakBytesWritten": half,
    }


def unattached(proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    return Case("az.disk.unattached", proves, given, expected, amount, **({"prices": PRICES} | values))


def reserved(proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    return Case("az.disk.on_deallocated_vm", proves, given, expected, amount, prices=PRICES, **values)


def premium(proves: str, expected: Any, amount: str | None = None, **values: Any) -> Case:
    plain: dict[str, Any] = {"subject": disk("Attached"), "usages": busy(), "prices": PRICES}
    return Case("az.disk.premium_underused", proves, expected=expected, amount=amount, **(plain | values))


CASES = (
    unattached("found", disk(), FOUND, "20.0000"),
    unattached("clear", disk("Attached"), CLEAR),
    unattached("boundary:minAgeDays", disk(since=7), CLEAR),
    unattached("boundary:minAgeDays", disk(since=7.01), FOUND),
    unattached("never attached", disk(since=None), FOUND),
    unattached("detached as scans saw it", disk(since=None, status_since=ago(2)), CLEAR),
    unattached("read through a link", disk("ActiveSAS", managedBy=None), CLEAR),
    unattached("kept by Site Recovery", disk(name="web-os-ASRReplica"), CLEAR),
    unattached("a volume of Kubernetes", disk(tags={"kubernetes.io-created-for-pvc-name": "data"}), CLEAR),
    unattached("no price", disk(), FOUND, "unknown", prices={}),
    unattached("a faster tier than its size", disk(tier="P20"), FOUND, "70.0000"),
    unattached("hard disks begin with 32 GiB", disk(kind="Standard_LRS", diskSizeGB=4), FOUND, "1.5000"),
    # 128 GiB for 10.24, 1,000 IOPS more for 5, 25 MB/s more for 1.
    unattached(
        "billed by the GiB",
        disk(kind="PremiumV2_LRS", diskIOPSReadWrite=4000, diskMBpsReadWrite=150),
        FOUND,
        "16.2400",
    ),
    unattached("a SKU that is not known", disk(kind="Quantum_LRS"), UNKNOWN),
    unattached("larger than any tier", disk(diskSizeGB=40_000), UNKNOWN),
    unattached("no size", disk(diskSizeGB=None), UNKNOWN),
    unattached("what was left out", disk(leftOut=["managedBy"]), UNKNOWN),
    unattached(
        "charges before prices",
        disk(),
        FOUND,
        "30.4375",
        basis=PriceBasis.ACTUAL,
        cost=ActualCost(Decimal(30), "USD", 30),
    ),
    reserved("found", disk("Reserved"), FOUND, "20.0000", part_of=OWNER.lower()),
    reserved("clear", disk("Attached"), CLEAR),
    reserved("boundary:minAgeDays", disk("Reserved", since=30), CLEAR),
    reserved("boundary:minAgeDays", disk("Reserved", since=30.01), FOUND),
    reserved("as scans saw it", disk("Reserved", since=None, status_since=ago(20)), CLEAR),
    reserved("unattached", disk(), CLEAR),
    premium("found", FOUND, "10.0000", target="standardssd_lrs", part_of=OWNER.lower()),
    premium("clear", CLEAR, usages=busy(450)),
    premium("boundary:usedPercent", CLEAR, usages=busy(150)),
    premium("boundary:usedPercent", FOUND, usages=busy(149)),
    premium("much data", CLEAR, usages=busy(megabytes=30)),
    premium(
        "more than a Standard SSD can do", CLEAR, usages=busy(600), subject=disk("Attached", diskIOPSReadWrite=5000)
    ),
    premium("missing:peakReads", UNKNOWN, usages=busy() | {"peakReads": None}),
    premium("missing:peakWrites", UNKNOWN, usages=busy() | {"peakWrites": flat(None, 30)}),
    premium("missing:peakBytesRead", UNKNOWN, usages=busy() | {"peakBytesRead": None}),
    premium("missing:peakBytesWritten", UNKNOWN, usages=busy() | {"peakBytesWritten": None}),
    premium("another kind", CLEAR, subject=disk("Attached", "StandardSSD_LRS")),
    premium("younger than the window", CLEAR, subject=disk("Attached", created_at=ago(10))),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
