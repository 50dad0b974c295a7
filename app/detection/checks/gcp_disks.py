"""Persistent disks and Hyperdisks: unattached, left behind by stopped machines, faster than they have to be."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final

from app.detection.check import (
    LOOKBACK_DAYS,
    MIN_AGE_DAYS,
    Area,
    Check,
    Daily,
    Metric,
    Neighbours,
    days,
    percent,
)
from app.detection.checks.gcp_values import DISK, INSTANCE, REGION_DISK, last, listed, stopped_since, window, word
from app.detection.facts import Facts, Subject, UnknownFactError
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import exact
from app.detection.savings import Part, difference, unknown, whole
from app.records import Provider, RelationshipKind
from app.records.detection import Confidence, PriceUnit, Remedy, Saving, Severity

DISK_PRICES: Final = ("gcp.disk.*",)
DISK_PROPERTIES: Final = (
    "type",
    "sizeGb",
    "users",
    "userIds",
    "lastAttachTimestamp",
    "lastDetachTimestamp",
    "provisionedIops",
    "provisionedThroughput",
    "storagePool",
)
DISK_PRICING: Final = "https://cloud.google.com/compute/disks-image-pricing"
_PAYS_IOPS: Final = {"pd-extreme": 0, "hyperdisk-extreme": 0, "hyperdisk-balanced": 3000}
_PAYS_THROUGHPUT: Final = {"hyperdisk-throughput": 0, "hyperdisk-ml": 0, "hyperdisk-balanced": 140}
"""What is paid beside the size, above what the size includes (IOPS, MiB/s)."""
_SSD: Final = "pd-ssd"
_BALANCED: Final = "pd-balanced"
_MIB: Final = Decimal(2**20)
_HEADROOM: Final = Decimal("1.2")


def _peak(key: str, name: str) -> Metric:
    """Of the busiest disk of the machines that a disk is attached to: the disk's own is no more than that."""
    metric = f"compute.googleapis.com/instance/disk/{name}"
    machines = (("resource.labels.instance_id", "properties.userIds"),)
    return Metric(key, metric, Daily.MAXIMUM, "gce_instance", machines)


_PEAKS: Final = (
    _peak("reads", "max_read_ops_count"),
    _peak("writes", "max_write_ops_count"),
    _peak("bytesRead", "max_read_bytes_count"),
    _peak("bytesWritten", "max_write_bytes_count"),
)
_MACHINES: Final = Neighbours(RelationshipKind.ATTACHED_TO, INSTANCE, ("lastStopTimestamp",), outgoing=True)
_DELETE_DISK: Final = (
    "Look at what is on it, take a snapshot if that may be needed (it costs less, and only for what is written), then "
    "delete the disk."
)


def disk_parts(disk: Subject, kind: str | None = None, *, iops: Decimal | None = None) -> list[Part]:
    """What a disk is billed for a month, as the type that it is or would be; those in two zones cost more."""
    kind = kind or word(disk, "type")
    place = ".regional" if disk.resource_type == REGION_DISK else ""
    code = f"gcp.disk.{kind}{place}"
    parts = [Part(code, disk.number("sizeGb"), PriceUnit.GIB_MONTH, "GiB")]
    if kind in _PAYS_IOPS:
        extra = (disk.number("provisionedIops") if iops is None else iops) - _PAYS_IOPS[kind]
        if extra > 0:
            parts.append(Part(f"{code}.iops", extra, PriceUnit.IOPS_MONTH, "provisioned IOPS"))
    if kind in _PAYS_THROUGHPUT:
        extra = disk.number("provisionedThroughput") - _PAYS_THROUGHPUT[kind]
        if extra > 0:
            parts.append(Part(f"{code}.throughput", extra, PriceUnit.MIBPS_MONTH, "provisioned MiB/s"))
    return parts


def disk_cost(facts: Facts) -> Saving:
    """All that a disk costs."""
    if facts.subject.text("storagePool") and facts.cost is None:
        return unknown("It is in a storage pool, and the pool is what is paid for.")
    return whole(facts, *disk_parts(facts.subject))


def _in_use_until(disk: Subject) -> datetime:
    """When a disk without users was last in use, else when it was made."""
    told = [disk.moment("lastAttachTimestamp"), disk.moment("lastDetachTimestamp"), disk.created_at]
    return max((moment for moment in told if moment), default=disk.first_seen_at)


def _unattached(facts: Facts) -> Finding | None:
    disk = facts.subject
    since = _in_use_until(disk)
    if disk.status != "READY" or listed(disk, "users") or not facts.is_older(since, MIN_AGE_DAYS):
        return None
    return Finding(
        saving=disk_cost(facts),
        evidence=(Evidence("users", "none"), Evidence("not in use since", since.isoformat())),
    )


def _on_stopped_vm(facts: Facts) -> Finding | None:
    disk = facts.subject
    users = [str(user) for user in listed(disk, "users")]
    if not users:
        return None
    machines = {each.native_id: each for each in facts.related(RelationshipKind.ATTACHED_TO, INSTANCE)}
    absent = [last(user) for user in users if user not in machines]
    if absent:
        message = f"What it is attached to is not in the inventory: {', '.join(absent)}."
        raise UnknownFactError(message)
    stopped = {user: stopped_since(machines[user]) for user in users}
    if not all(since is not None and facts.is_older(since, MIN_AGE_DAYS) for since in stopped.values()):
        return None
    return Finding(
        saving=disk_cost(facts),
        evidence=tuple(
            Evidence(f"{last(user)} stopped since", since.isoformat()) for user, since in stopped.items() if since
        ),
        part_of=users[0],
    )


def _overprovisioned(facts: Facts) -> Finding | None:
    disk = facts.subject
    kind, users = word(disk, "type"), listed(disk, "users")
    if not users or disk.text("storagePool"):
        return None
    if len(users) > 1:
        message = "It is attached to several machines, and what they ask of it together is not told."
        raise UnknownFactError(message)
    if kind == _SSD:
        return _ssd_to_balanced(facts, str(users[0]))
    return _fewer_iops(facts, kind, str(users[0])) if kind in _PAYS_IOPS else None


def _busiest(facts: Facts, *keys: str) -> Decimal:
    """The busiest minute for reading and that for writing need not be the same: this is the most it can have been."""
    return sum((exact(facts.usage(key).maximum) for key in keys), Decimal(0))


def _ssd_to_balanced(facts: Facts, user: str) -> Finding | None:
    # Each type gives so much at least and so much more a GiB: https://cloud.google.com/compute/docs/disks/performance
    size = facts.subject.number("sizeGb")
    operations = _busiest(facts, "reads", "writes")
    mibps = _busiest(facts, "bytesRead", "bytesWritten") / _MIB
    used = max(
        operations * 100 / min(6000 + 30 * size, Decimal(100_000)),
        mibps * 100 / min(240 + Decimal("0.48") * size, Decimal(1200)),
    )
    fits = operations * _HEADROOM <= min(3000 + 6 * size, Decimal(80_000)) and (
        mibps * _HEADROOM <= min(140 + Decimal("0.28") * size, Decimal(1200))
    )
    if used >= facts.threshold("usedPercent") or not fits:
        return None
    return Finding(
        saving=difference(facts, now=disk_parts(facts.subject), then=disk_parts(facts.subject, _BALANCED)),
        evidence=(
            Evidence("busiest minute, at most", f"{operations:f}", "operations a second"),
            Evidence("busiest minute, at most", f"{mibps:.1f}", "MiB/s"),
            Evidence("of what the disk gives", f"{used:.1f}", "%"),
            window(facts),
        ),
        part_of=user,
        target=_BALANCED,
    )


def _fewer_iops(facts: Facts, kind: str, user: str) -> Finding | None:
    disk = facts.subject
    provisioned = disk.number("provisionedIops")
    least = Decimal(_PAYS_IOPS[kind] or 2500)
    operations = _busiest(facts, "reads", "writes")
    if provisioned <= least or operations * 100 >= provisioned * facts.threshold("usedPercent"):
        return None
    target = max(least, (operations * _HEADROOM).to_integral_value() + 1)
    return Finding(
        saving=difference(facts, now=disk_parts(disk), then=disk_parts(disk, iops=target)),
        evidence=(
            Evidence("provisioned", f"{provisioned:f}", "IOPS"),
            Evidence("busiest minute, at most", f"{operations:f}", "operations a second"),
            window(facts),
        ),
        part_of=user,
        target=f"{target:f} IOPS",
    )


CHECKS: Final = (
    Check(
        id="gcp.disk.unattached",
        title="Disk that is attached to nothing",
        description="A disk without users is paid for in full, and nothing can read or write it.",
        provider=Provider.GCP,
        area=Area.STORAGE,
        resource_types=(DISK, REGION_DISK),
        severity=Severity.HIGH,
        confidence=Confidence.OBVIOUS,
        remedy=Remedy.DELETE,
        remediation=_DELETE_DISK,
        find=_unattached,
        properties=DISK_PROPERTIES,
        prices=DISK_PRICES,
        saving="All of the disk: its size, and the IOPS and throughput that are provisioned.",
        parameters=(days(MIN_AGE_DAYS, 7, "How long it has to be unattached."),),
        links=(DISK_PRICING, "https://cloud.google.com/compute/docs/disks/detach-reattach-boot-disk"),
    ),
    Check(
        id="gcp.disk.on_stopped_vm",
        title="Disk of a machine that has long been stopped",
        description="A stopped machine costs nothing, its disks cost as much as before.",
        provider=Provider.GCP,
        area=Area.STORAGE,
        resource_types=(DISK, REGION_DISK),
        severity=Severity.MEDIUM,
        confidence=Confidence.OBVIOUS,
        remedy=Remedy.DELETE,
        remediation="Start the machine again if it is needed; else make a machine image of it and delete it. "
        + _DELETE_DISK,
        find=_on_stopped_vm,
        properties=DISK_PROPERTIES,
        prices=DISK_PRICES,
        saving="All of the disk: its size, and the IOPS and throughput that are provisioned.",
        parameters=(days(MIN_AGE_DAYS, 30, "How long all machines it is attached to have to be stopped."),),
        neighbours=(_MACHINES,),
        links=(DISK_PRICING, "https://cloud.google.com/compute/docs/instances/stop-start-instance"),
    ),
    Check(
        id="gcp.disk.overprovisioned",
        title="Disk that is much faster than it has to be",
        description="Even in the busiest minute the machine used a small part of what the disk gives. An SSD disk "
        "could be a balanced one, or fewer IOPS could be provisioned. What the busiest disk of the machine did is held "
        "against each of them, so less is found rather than too much.",
        provider=Provider.GCP,
        area=Area.STORAGE,
        resource_types=(DISK, REGION_DISK),
        severity=Severity.MEDIUM,
        confidence=Confidence.LIKELY,
        remedy=Remedy.CHANGE_TYPE,
        remediation="Provision the IOPS told as the target. For another type, make a snapshot and a disk of that type "
        "from it, and attach that one instead; the machine has to be stopped for it.",
        find=_overprovisioned,
        properties=DISK_PROPERTIES,
        prices=DISK_PRICES,
        saving="Price of the disk less its price as a balanced one, or with the IOPS that the busiest minute needs and "
        "a fifth more.",
        parameters=(
            percent("usedPercent", 30, "The busiest minute has to use less than this of what the disk gives."),
            days(LOOKBACK_DAYS, 30, "How many days are looked at.", most=90),
        ),
        metrics=_PEAKS,
        links=(DISK_PRICING, "https://cloud.google.com/compute/docs/disks/performance"),
    ),
)
