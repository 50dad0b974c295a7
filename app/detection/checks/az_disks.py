"""Managed disks: unattached, left behind by deallocated machines, of a dearer kind than they need."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Final

from app.detection.check import LOOKBACK_DAYS, MIN_AGE_DAYS, Area, Check, Daily, Metric, days, percent
from app.detection.checks.az_facts import LEARN, PRICING, sku
from app.detection.facts import Facts, Subject, UnknownFactError
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import busiest_day, has_lived
from app.detection.savings import Part, difference, whole
from app.records import Provider
from app.records.detection import Confidence, PriceUnit, Remedy, Severity

DISK: Final = "microsoft.compute/disks"
DISK_PROPERTIES: Final = ("sku", "tier", "diskSizeGB", "diskIOPSReadWrite", "diskMBpsReadWrite")
"""What the price of a disk depends on."""
DISK_PRICES: Final = ("az.disk.*",)
_UNATTACHED: Final = "Unattached"
_RESERVED: Final = "Reserved"
"""The state of a disk whose machine is deallocated."""
_TIERS: Final = {4: 1, 8: 2, 16: 3, 32: 4, 64: 6, 128: 10, 256: 15, 512: 20, 1024: 30, 2048: 40, 4096: 50, 8192: 60}
_LARGE_TIERS: Final = {16_384: 70, 32_767: 80}
_LETTERS: Final = {"premium": "p", "standardssd": "e", "standard": "s"}
_LEAST_HDD: Final = 32
_BY_THE_GIB: Final = frozenset({"ultrassd", "premiumv2"})
_INCLUDED: Final = {"premiumv2": (Decimal(3000), Decimal(125)), "ultrassd": (Decimal(0), Decimal(0))}
"""IOPS and MB/s that the price of the GiB includes: https://learn.microsoft.com/azure/virtual-machines/disks-types."""
_SSD_LIMITS: Final = ((4096, 500, 100), (8192, 2000, 400), (16_384, 4000, 600), (32_767, 6000, 750))
"""Largest GiB, IOPS and MB/s of Standard SSDs."""
_SECONDS_AN_HOUR: Final = 3600
_MEGABYTE: Final = Decimal(1_000_000)
_REPLICA: Final = re.compile(r"asr(seeddisk|replica|test)", re.IGNORECASE)
"""Names that Site Recovery gives to the disks that it keeps for a disaster."""
_CLAIMED: Final = "kubernetes.io-created-for-pvc"
_DISKS: Final = LEARN + "virtual-machines/disks-types"
_PRICES_OF_DISKS: Final = PRICING + "managed-disks/"
_PEAKS: Final = (
    Metric("peakReads", "Composite Disk Read Operations/sec", Daily.MAXIMUM),
    Metric("peakWrites", "Composite Disk Write Operations/sec", Daily.MAXIMUM),
    Metric("peakBytesRead", "Composite Disk Read Bytes/sec", Daily.MAXIMUM),
    Metric("peakBytesWritten", "Composite Disk Write Bytes/sec", Daily.MAXIMUM),
)


def disk_parts(disk: Subject, kind: str | None = None) -> list[Part]:
    """What a disk is billed for a month, as the SKU that it is or would be, such as `standardssd_lrs`."""
    name = kind or sku(disk)
    family = name.partition("_")[0]
    size = disk.number("diskSizeGB")
    if family in _BY_THE_GIB:
        return _by_the_gib(disk, name, family, size)
    letter = _LETTERS.get(family)
    if letter is None:
        message = f"The SKU {name} of {disk.native_id} is not in the catalogue."
        raise UnknownFactError(message)
    tier = disk.text("tier") if kind is None else None
    return [Part(f"az.disk.{name}.{(tier or _tier(letter, size)).lower()}", Decimal(1), PriceUnit.MONTH, "disks")]


def _tier(letter: str, size: Decimal) -> str:
    """The tier that a size is billed as: the next larger one; hard disks begin with 32 GiB."""
    least = max(size, Decimal(_LEAST_HDD)) if letter == "s" else size
    step = next((number for gib, number in {**_TIERS, **_LARGE_TIERS}.items() if gib >= least), None)
    if step is None:
        message = f"There is no tier of {size} GiB."
        raise UnknownFactError(message)
    return f"{letter}{step}"


def _by_the_gib(disk: Subject, name: str, family: str, size: Decimal) -> list[Part]:
    iops, throughput = _INCLUDED[family]
    parts = [Part(f"az.disk.{name}.storage", size, PriceUnit.GIB_MONTH, "GiB")]
    more, faster = disk.number("diskIOPSReadWrite") - iops, disk.number("diskMBpsReadWrite") - throughput
    if more > 0:
        parts.append(Part(f"az.disk.{name}.iops", more, PriceUnit.IOPS_MONTH, "provisioned IOPS"))
    if faster > 0:
        parts.append(Part(f"az.disk.{name}.throughput", faster, PriceUnit.MIBPS_MONTH, "provisioned MB/s"))
    return parts


def owner_of(disk: Subject) -> str | None:
    """The machine that a disk is attached to."""
    owner = disk.text("managedBy")
    return owner.lower() if owner else None


def changed_hands_at(disk: Subject) -> datetime:
    """When a disk was last attached or detached, or its machine deallocated, as Azure says or scans have seen it."""
    return disk.last_used_at or disk.status_since or disk.first_seen_at


def _unattached(facts: Facts) -> Finding | None:
    disk = facts.subject
    if disk.status != _UNATTACHED or owner_of(disk) or _is_kept(disk):
        return None
    since = changed_hands_at(disk)
    if not facts.is_older(since, MIN_AGE_DAYS):
        return None
    return Finding(
        saving=whole(facts, *disk_parts(disk)),
        evidence=(Evidence("state", _UNATTACHED), Evidence("unattached since, at the latest", since.isoformat())),
    )


def _is_kept(disk: Subject) -> bool:
    """Whether Site Recovery or Kubernetes looks after the disk."""
    return _REPLICA.search(disk.name) is not None or any(tag.startswith(_CLAIMED) for tag in disk.tags)


def _on_deallocated_machine(facts: Facts) -> Finding | None:
    disk = facts.subject
    owner = owner_of(disk)
    if disk.status != _RESERVED or owner is None or _is_kept(disk):
        return None
    since = changed_hands_at(disk)
    if not facts.is_older(since, MIN_AGE_DAYS):
        return None
    return Finding(
        saving=whole(facts, *disk_parts(disk)),
        evidence=(Evidence("state", _RESERVED), Evidence("deallocated since, at the latest", since.isoformat())),
        part_of=owner,
    )


def _premium_underused(facts: Facts) -> Finding | None:
    disk = facts.subject
    if disk.status != "Attached":
        return None
    family, _, redundancy = sku(disk).partition("_")
    if family != "premium" or not has_lived(facts):
        return None
    size, share = disk.number("diskSizeGB"), facts.threshold("usedPercent") / 100
    peaks = busiest_day(facts, "peakReads", "peakWrites"), busiest_day(facts, "peakBytesRead", "peakBytesWritten")
    operations, megabytes = peaks[0], peaks[1] / _MEGABYTE
    iops, throughput = disk.number("diskIOPSReadWrite"), disk.number("diskMBpsReadWrite")
    if operations >= iops * share or megabytes >= throughput * share:
        return None
    limits = next((each for each in _SSD_LIMITS if each[0] >= size), None)
    if limits is None or operations > limits[1] or megabytes > limits[2]:
        return None
    target = f"standardssd_{redundancy}"
    return Finding(
        saving=difference(facts, now=disk_parts(disk), then=disk_parts(disk, target)),
        evidence=(
            Evidence("busiest moment", f"{operations:.0f}", f"of {iops:f} IOPS"),
            Evidence("busiest moment, data", f"{megabytes:.1f}", f"of {throughput:f} MB/s"),
            Evidence("days", str(facts.usage("peakReads").days)),
        ),
        part_of=owner_of(disk),
        target=target,
    )


_check = partial(Check, provider=Provider.AZURE, area=Area.STORAGE, resource_types=(DISK,), prices=DISK_PRICES)
_DELETE: Final = (
    "Look at what is on it, take a snapshot if that may be needed (it costs less, for what is written only), then "
    "delete the disk."
)
CHECKS: Final = (
    _check(
        id="az.disk.unattached",
        title="Disk that is attached to nothing",
        description="A managed disk is paid for in full while no machine can use it. Disks of Site Recovery and of "
        "Kubernetes volumes are left out, and those that are just read or written through a link.",
        severity=Severity.HIGH,
        confidence=Confidence.OBVIOUS,
        remedy=Remedy.DELETE,
        remediation=_DELETE,
        find=_unattached,
        properties=(*DISK_PROPERTIES, "managedBy"),
        saving="All of the disk.",
        parameters=(days(MIN_AGE_DAYS, 7, "How long it has to be unattached."),),
        links=(_PRICES_OF_DISKS, LEARN + "virtual-machines/windows/find-unattached-disks"),
    ),
    _check(
        id="az.disk.on_deallocated_vm",
        title="Disk of a machine that has long been deallocated",
        description="A deallocated machine costs nothing, its disks cost as much as before.",
        severity=Severity.MEDIUM,
        confidence=Confidence.OBVIOUS,
        remedy=Remedy.DELETE,
        remediation="Start the machine again if it is needed; else make an image of it and delete it. " + _DELETE,
        find=_on_deallocated_machine,
        properties=(*DISK_PROPERTIES, "managedBy"),
        saving="All of the disk.",
        parameters=(days(MIN_AGE_DAYS, 30, "How long its machine has to be deallocated."),),
        links=(_PRICES_OF_DISKS, LEARN + "virtual-machines/states-billing"),
    ),
    _check(
        id="az.disk.premium_underused",
        title="Premium disk that Standard SSD would do for",
        description="Even in its busiest moment it did a small part of what a Premium SSD is paid for, and less than "
        "a Standard SSD of its size can do. Answers come a little later from one: ask whoever waits for them.",
        severity=Severity.MEDIUM,
        confidence=Confidence.LIKELY,
        remedy=Remedy.CHANGE_TYPE,
        remediation="Deallocate the machine, change the disk to the SKU told as the target, start the machine again.",
        find=_premium_underused,
        properties=(*DISK_PROPERTIES, "managedBy"),
        saving="Price of its tier less the price of the same size as Standard SSD.",
        parameters=(
            percent("usedPercent", 30, "The busiest moment has to use less than this of its IOPS and of its MB/s."),
            days(LOOKBACK_DAYS, 30, "How many days are looked at.", most=90),
        ),
        metrics=_PEAKS,
        links=(_PRICES_OF_DISKS, _DISKS, LEARN + "virtual-machines/disks-convert-types"),
    ),
)
