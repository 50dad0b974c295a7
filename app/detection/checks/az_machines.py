"""Virtual machines that do nothing: stopped but still paid, long deallocated, idle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Final

from app.detection.check import (
    LOOKBACK_DAYS,
    MIN_AGE_DAYS,
    Area,
    Check,
    Daily,
    Metric,
    Neighbours,
    Parameter,
    days,
    percent,
)
from app.detection.checks.az_disks import DISK, DISK_PRICES, DISK_PROPERTIES, disk_parts
from app.detection.checks.az_facts import INTERFACE, LEARN, MACHINE, PRICING, each_of, listed, told
from app.detection.checks.az_machine_sizes import is_spot, machine_part
from app.detection.facts import Facts, Subject
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import busiest_day, exact
from app.detection.savings import hours, in_all, nothing, unknown, whole
from app.records import Provider, RelationshipKind
from app.records.conditions import Below, NoText, Older, Since, StatusIn
from app.records.detection import Confidence, Remedy, Saving, Severity

RUNNING: Final = "PowerState/running"
DEALLOCATED: Final = "PowerState/deallocated"
STOPPED: Final = "PowerState/stopped"
MACHINE_PROPERTIES: Final = ("hardwareProfile", "storageProfile", "licenseType", "priority")
"""What the price of a machine depends on."""
MACHINE_PRICES: Final = ("az.vm.*",)
ADDRESS_HOUR: Final = "az.pip.standard"
"""Addresses of the Basic SKU are gone since September 2025."""
MACHINE_PRICING: Final = PRICING + "virtual-machines/linux/"
_PLACED: Final = ("virtualMachineScaleSet", "host")
_MEGABYTE: Final = Decimal(1_000_000)
_CPU: Final = Metric("cpu", "Percentage CPU", Daily.MAXIMUM)
_RECEIVED: Final = Metric("received", "Network In Total", Daily.SUM)
_SENT: Final = Metric("sent", "Network Out Total", Daily.SUM)
_ITS_DISKS: Final = Neighbours(RelationshipKind.ATTACHED_TO, DISK, (*DISK_PROPERTIES, "managedBy"), costs=True)
_ITS_INTERFACES: Final = Neighbours(RelationshipKind.ATTACHED_TO, INTERFACE, ("ipConfigurations",))


def is_member(machine: Subject) -> bool:
    """Whether a scale set decides about the machine."""
    return machine.text("virtualMachineScaleSet") is not None


def is_on_host(machine: Subject) -> bool:
    """Whether its dedicated host is what is paid."""
    return machine.text("host") is not None


def running_cost(facts: Facts) -> Saving:
    """What a machine costs while it is allocated."""
    if facts.cost is None and is_spot(facts.subject):
        return unknown("Spot prices move; only its charges tell what it costs.")
    return whole(facts, machine_part(facts.subject))


def _stopped(facts: Facts) -> Finding | None:
    machine = facts.subject
    since = facts.status_since()
    if machine.status != STOPPED or is_on_host(machine) or not facts.is_older(since, MIN_AGE_DAYS):
        return None
    return Finding(
        saving=running_cost(facts),
        evidence=(Evidence("state", "stopped, not deallocated"), Evidence("since, at the latest", since.isoformat())),
    )


def _deallocated_long(facts: Facts) -> Finding | None:
    machine = facts.subject
    if machine.status != DEALLOCATED or is_member(machine):
        return None
    disks = facts.related(RelationshipKind.ATTACHED_TO, DISK)
    since = _deallocated_since(facts, disks)
    if not facts.is_older(since, MIN_AGE_DAYS):
        return None
    return Finding(
        saving=_left_behind(facts, disks),
        evidence=(
            Evidence("state", "deallocated"),
            Evidence("since, at the latest", since.isoformat()),
            Evidence("disks", ", ".join(sorted(disk.name for disk in disks)) or "none"),
        ),
        covers_parts=True,
    )


def _deallocated_since(facts: Facts, disks: Sequence[Subject]) -> datetime:
    """Azure notes on each disk when its machine was deallocated; scans only see what the state was at their time."""
    noted = [disk.last_used_at for disk in disks if disk.status == "Reserved" and disk.last_used_at is not None]
    return min(noted, default=facts.status_since())


def _left_behind(facts: Facts, disks: Sequence[Subject]) -> Saving:
    """What is paid for a deallocated machine: its disks, and the public addresses that it keeps."""
    there = {disk.native_id for disk in disks}
    interfaces = facts.related(RelationshipKind.ATTACHED_TO, INTERFACE)
    there |= {interface.native_id for interface in interfaces}
    missing = sorted({*_named_disks(facts.subject), *_named_interfaces(facts.subject)} - there)
    if missing:
        return unknown(f"Its disks and interfaces were not all read: {', '.join(missing)}.")
    parts = [
        replace(part, label=f"{part.label}: {disk.name}", of=disk)
        for disk in sorted(disks, key=lambda disk: disk.name)
        for part in disk_parts(disk)
    ]
    addresses = sum(_public_addresses(interface) for interface in interfaces)
    if addresses:
        parts.append(hours(ADDRESS_HOUR, "hours of public addresses", addresses))
    return in_all(facts, *parts) if parts else nothing("It has no managed disks and no public addresses.")


def _named_interfaces(machine: Subject) -> Iterator[str]:
    for interface in each_of(machine.properties.get("networkProfile"), "networkInterfaces"):
        name = told(interface, "id")
        if name is not None:
            yield name.lower()


def _public_addresses(interface: Subject) -> int:
    configurations = listed(interface, "ipConfigurations")
    return sum(told(each, "properties", "publicIPAddress", "id") is not None for each in configurations)


def _named_disks(machine: Subject) -> Iterator[str]:
    profile = machine.record("storageProfile")
    for disk in (profile.get("osDisk"), *each_of(profile, "dataDisks")):
        managed = told(disk, "managedDisk", "id") or told(disk, "vhd", "uri")
        if managed is not None:
            yield managed.lower()


def _idle(facts: Facts) -> Finding | None:
    cpu = exact(facts.usage("cpu").maximum)
    traffic = busiest_day(facts, "received", "sent") / _MEGABYTE
    return Finding(
        saving=running_cost(facts),
        evidence=(
            Evidence("busiest moment", f"{cpu:f}", "% CPU"),
            Evidence("busiest day", f"{traffic:f}", "MB sent and received"),
            Evidence("days", str(facts.usage("cpu").days)),
        ),
    )


_check = partial(Check, provider=Provider.AZURE, area=Area.COMPUTE, resource_types=(MACHINE,))
_STATES: Final = LEARN + "virtual-machines/states-billing"
CHECKS: Final = (
    _check(
        id="az.vm.stopped_not_deallocated",
        title="Machine that is stopped but still paid",
        description="A machine that was shut down from inside keeps its place, and each hour is paid as if it ran. "
        "Only one that is deallocated costs nothing but its disks and addresses.",
        severity=Severity.HIGH,
        confidence=Confidence.OBVIOUS,
        remedy=Remedy.STOP,
        remediation="Stop it once more in the portal or with `az vm deallocate`. A temporary disk is lost, and a "
        "dynamic public address changes.",
        find=_stopped,
        properties=(*MACHINE_PROPERTIES, *_PLACED),
        prices=MACHINE_PRICES,
        saving="All hours of the machine.",
        parameters=(days(MIN_AGE_DAYS, 1, "How long it has to be stopped."),),
        links=(_STATES, MACHINE_PRICING),
    ),
    _check(
        id="az.vm.deallocated_long",
        title="Machine that has long been deallocated",
        description="A deallocated machine is not paid for, but its disks and public addresses are. Machines of "
        "scale sets are left out.",
        severity=Severity.MEDIUM,
        confidence=Confidence.OBVIOUS,
        remedy=Remedy.DELETE,
        remediation="Ask its owner. If it may be needed again, make an image of it. Then delete it with its disks, "
        "interfaces and public addresses.",
        find=_deallocated_long,
        properties=(*_PLACED, "storageProfile", "networkProfile"),
        prices=(*DISK_PRICES, ADDRESS_HOUR),
        saving="Its disks and its public addresses.",
        parameters=(days(MIN_AGE_DAYS, 30, "How long it has to be deallocated."),),
        neighbours=(_ITS_DISKS, _ITS_INTERFACES),
        links=(_STATES, PRICING + "managed-disks/"),
    ),
    _check(
        id="az.vm.idle",
        title="Machine that does nothing",
        description="Its processor was never busy and it sent and received next to nothing, yet each hour is paid. "
        "Machines of scale sets are looked at with their set, those on dedicated hosts cost nothing beside it.",
        severity=Severity.HIGH,
        confidence=Confidence.LIKELY,
        remedy=Remedy.STOP,
        remediation="Ask its owner what it is for, then deallocate it. If nobody misses it for some weeks, make an "
        "image and delete it with its disks.",
        find=_idle,
        only_where=(
            StatusIn((RUNNING,)),
            NoText("virtualMachineScaleSet"),
            NoText("host"),
            Older(LOOKBACK_DAYS, Since.CREATED, or_equal=True),
            Below(("cpu",), "cpuPercent"),
            Below(("received", "sent"), "networkMegabytesPerDay", unit=_MEGABYTE),
        ),
        properties=(*MACHINE_PROPERTIES, *_PLACED),
        prices=MACHINE_PRICES,
        saving="All hours of the machine; its disks are still paid while it is deallocated.",
        parameters=(
            percent("cpuPercent", 5, "The processor has to be less busy than this at all times."),
            Parameter("networkMegabytesPerDay", Decimal(5), "MB", "Each day has to have less traffic, in and out."),
            days(LOOKBACK_DAYS, 14, "How many days are looked at.", most=90),
        ),
        metrics=(_CPU, _RECEIVED, _SENT),
        links=(MACHINE_PRICING, LEARN + "virtual-machines/monitor-vm"),
    ),
)
