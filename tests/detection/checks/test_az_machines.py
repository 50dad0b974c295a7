"""Checks of virtual machines that do nothing."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.detection.checks.az_disks import DISK
from app.detection.checks.az_facts import INTERFACE, MACHINE
from app.detection.facts import ActualCost, Subject
from app.detection.usage import Usage
from app.records import RelationshipKind
from app.records.detection import PriceBasis, PriceUnit
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, flat, subject

PRICES = {
    "az.vm.standard_d2s_v5.linux": ("0.10", PriceUnit.HOUR),
    "az.vm.standard_d2s_v5.windows": ("0.20", PriceUnit.HOUR),
    "az.pip.standard": ("0.005", PriceUnit.HOUR),
    "az.disk.premium_lrs.p10": ("20", PriceUnit.MONTH),
    "az.disk.standardssd_lrs.e10": ("10", PriceUnit.MONTH),
}
NIC = "/nics/nic"
NETWORK = {"networkInterfaces": [{"id": "/NICs/nic"}]}
SET = {"id": "/scalesets/flex"}


def machine(state: str = "running", system: str = "Linux", **values: Any) -> Subject:
    given = {name: values.pop(name) for name in ("status_since", "created_at") if name in values}
    properties = {
        "hardwareProfile": {"vmSize": "Standard_D2s_v5"},
        "storageProfile": {
            "osDisk": {"osType": system, "managedDisk": {"id": "/Disks/OS"}},
            "dataDisks": [{"managedDisk": {"id": "/disks/data"}}],
        },
    }
    return subject(MACHINE, "/vms/vm", status=f"PowerState/{state}", properties=properties | values, **given)


def disks(since: float | None = 60, status: str = "Reserved") -> dict[tuple[RelationshipKind, str], list[Subject]]:
    used = None if since is None else ago(since)
    found = [
        subject(
            DISK,
            f"/disks/{name}",
            status=status,
            last_used_at=used,
            properties={"sku": {"name": kind}, "diskSizeGB": 128},
        )
        for name, kind in (("os", "Premium_LRS"), ("data", "StandardSSD_LRS"))
    ]
    return {(RelationshipKind.ATTACHED_TO, DISK): found}


def interface(addresses: int) -> dict[tuple[RelationshipKind, str], list[Subject]]:
    """A network interface with one private address more than public ones."""
    public = [{"properties": {"publicIPAddress": {"id": f"/ips/{number}"}}} for number in range(addresses)]
    configurations = [*public, {"properties": {"privateIPAddress": "10.0.0.4"}}]
    return {
        (RelationshipKind.ATTACHED_TO, INTERFACE): [
            subject(INTERFACE, NIC, properties={"ipConfigurations": configurations})
        ]
    }


def used(cpu: float = 1, megabytes: float = 1, days: int = 14) -> dict[str, Usage | None]:
    half = flat(megabytes * 500_000, days)
    return {"cpu": flat(cpu, days), "received": half, "sent": half}


def stopped(proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    return Case("az.vm.stopped_not_deallocated", proves, given, expected, amount, prices=PRICES, **values)


def gone(proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    plain: dict[str, Any] = {"prices": PRICES, "neighbours": disks()}
    return Case("az.vm.deallocated_long", proves, given, expected, amount, **(plain | values))


def idle(proves: str, expected: Any, amount: str | None = None, **values: Any) -> Case:
    plain: dict[str, Any] = {"subject": machine(), "prices": PRICES, "usages": used()}
    return Case("az.vm.idle", proves, expected=expected, amount=amount, **(plain | values))


CASES = (
    stopped("found", machine("stopped"), FOUND, "73.0000"),
    stopped("clear", machine(), CLEAR),
    stopped("boundary:minAgeDays", machine("stopped", status_since=ago(1)), CLEAR),
    stopped("boundary:minAgeDays", machine("stopped", status_since=ago(1.01)), FOUND),
    stopped("deallocated", machine("deallocated"), CLEAR),
    stopped("with Windows", machine("stopped", "Windows"), FOUND, "146.0000"),
    stopped("a licence of one's own", machine("stopped", "Windows", licenseType="Windows_Server"), FOUND, "73.0000"),
    stopped("spot", machine("stopped", priority="Spot"), FOUND, "unknown"),
    stopped(
        "spot by its charges",
        machine("stopped", priority="Spot"),
        FOUND,
        "30.4375",
        basis=PriceBasis.ACTUAL,
        cost=ActualCost(Decimal(30), "USD", 30),
    ),
    stopped("paid by its host", machine("stopped", host={"id": "/hosts/h"}), CLEAR),
    stopped("no size", machine("stopped", hardwareProfile=None), UNKNOWN),
    stopped("no system", machine("stopped", storageProfile={}), UNKNOWN),
    gone("found", machine("deallocated"), FOUND, "30.0000"),
    gone("clear", machine(), CLEAR),
    gone("boundary:minAgeDays", machine("deallocated"), CLEAR, neighbours=disks(30)),
    gone("boundary:minAgeDays", machine("deallocated"), FOUND, neighbours=disks(30.01)),
    gone("as scans saw it", machine("deallocated", status_since=ago(5)), CLEAR, neighbours=disks(None)),
    gone("a disk that was not read", machine("deallocated"), FOUND, "unknown", neighbours={}),
    gone(
        "with two public addresses",
        machine("deallocated", networkProfile=NETWORK),
        FOUND,
        "37.3000",
        neighbours=disks() | interface(2),
    ),
    gone("an interface that was not read", machine("deallocated", networkProfile=NETWORK), FOUND, "unknown"),
    gone("no disks", machine("deallocated", storageProfile={}), FOUND, "0", neighbours={}),
    gone(
        "a disk that is a blob",
        machine("deallocated", storageProfile={"osDisk": {"vhd": {"uri": "https://a/b.vhd"}}}),
        FOUND,
        "unknown",
        neighbours={},
    ),
    gone("of a scale set", machine("deallocated", virtualMachineScaleSet=SET), CLEAR),
    idle("found", FOUND, "73.0000"),
    idle("clear", CLEAR, usages=used(cpu=60)),
    idle("boundary:cpuPercent", CLEAR, usages=used(cpu=5)),
    idle("boundary:cpuPercent", FOUND, usages=used(cpu=4.99)),
    idle("boundary:networkMegabytesPerDay", CLEAR, usages=used(megabytes=5)),
    idle("boundary:networkMegabytesPerDay", FOUND, usages=used(megabytes=4.99)),
    idle("missing:cpu", UNKNOWN, usages=used() | {"cpu": flat(None, 14)}),
    idle("missing:received", UNKNOWN, usages=used() | {"received": None}),
    idle("missing:sent", UNKNOWN, usages=used() | {"sent": None}),
    idle("younger than the window", CLEAR, subject=machine(created_at=ago(10))),
    idle("of a scale set", CLEAR, subject=machine(virtualMachineScaleSet=SET)),
    idle("paid by its host", CLEAR, subject=machine(host={"id": "/hosts/h"})),
    idle("no price", FOUND, "unknown", prices={}),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
