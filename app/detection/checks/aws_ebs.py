"""EBS volumes: unattached, left behind by stopped instances, of a dearer kind than they need, unused."""

from __future__ import annotations

from collections.abc import Iterable
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
    Parameter,
    days,
    percent,
)
from app.detection.facts import Facts, Subject, UnknownFactError
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import busiest_day
from app.detection.savings import Part, difference, less, whole
from app.records import Provider, RelationshipKind
from app.records.conditions import Below, Older, Since, StatusIn, TextIn
from app.records.detection import Confidence, PriceUnit, Remedy, Saving, Severity

VOLUME: Final = "AWS::EC2::Volume"
INSTANCE: Final = "AWS::EC2::Instance"
_PROVISIONED: Final = ("io1", "io2", "gp3")
_GP3_IOPS: Final = Decimal(3000)
_GP3_MIBPS: Final = Decimal(125)
"""What gp3 includes without extra charge: https://aws.amazon.com/ebs/pricing/."""
_GP2_FAST_GIB: Final = 170
_HOUR_SECONDS: Final = 3600
_VOLUME_ID: Final = (("VolumeId", "id"),)
_READS: Final = Metric("reads", "VolumeReadOps", Daily.SUM, "AWS/EBS", _VOLUME_ID)
_WRITES: Final = Metric("writes", "VolumeWriteOps", Daily.SUM, "AWS/EBS", _VOLUME_ID)
_PEAK_READS: Final = Metric("peakReads", "VolumeReadOps", Daily.PEAK_HOUR, "AWS/EBS", _VOLUME_ID)
_PEAK_WRITES: Final = Metric("peakWrites", "VolumeWriteOps", Daily.PEAK_HOUR, "AWS/EBS", _VOLUME_ID)
_ATTACHED_TO: Final = Neighbours(RelationshipKind.ATTACHED_TO, INSTANCE, ("stateChangedAt",), outgoing=True)
_PROPERTIES: Final = ("volumeType", "sizeGiB", "iops", "throughputMiBps", "attachments")
_PRICES: Final = ("ebs.*.storage", "ebs.*.iops", "ebs.io2.iops.tier*", "ebs.gp3.throughput")
_PRICING: Final = "https://aws.amazon.com/ebs/pricing/"
_DELETE_VOLUME: Final = (
    "Look at what is on it, take a snapshot if that may be needed (a snapshot costs about half, for what is written "
    "only), then delete the volume."
)


def volume_parts(volume: Subject, kind: str | None = None, *, iops: Decimal | None = None) -> list[Part]:
    """What a volume is billed for a month, as the kind that it is or would be."""
    kind = kind or _kind(volume)
    parts = [Part(f"ebs.{kind}.storage", volume.number("sizeGiB"), PriceUnit.GIB_MONTH, "GiB")]
    if kind in _PROVISIONED:
        asked = volume.number("iops") if iops is None else iops
        extra = asked - _GP3_IOPS if kind == "gp3" else asked
        if extra > 0:
            parts.append(Part(f"ebs.{kind}.iops", extra, PriceUnit.IOPS_MONTH, "provisioned IOPS"))
    if kind == "gp3" and _kind(volume) == "gp3" and volume.text("throughputMiBps") is not None:
        parts += _gp3_throughput(volume.number("throughputMiBps"))
    return parts


def _gp3_throughput(throughput: Decimal) -> list[Part]:
    extra = throughput - _GP3_MIBPS
    return [Part("ebs.gp3.throughput", extra, PriceUnit.MIBPS_MONTH, "MiB/s above 125")] if extra > 0 else []


def _kind(volume: Subject) -> str:
    kind = volume.text("volumeType")
    if kind is None:
        message = f"`volumeType` of {volume.native_id} is not known."
        raise UnknownFactError(message)
    return kind


def _instances_of(volume: Subject) -> list[str]:
    return sorted({each["instanceId"] for each in volume.items("attachments") if each.get("instanceId")})


def _instance_of(volume: Subject) -> str | None:
    return next(iter(_instances_of(volume)), None)


def _unattached(facts: Facts) -> Finding | None:
    since = facts.status_since()
    return Finding(
        saving=whole(facts, *volume_parts(facts.subject)),
        evidence=(Evidence("state", "available"), Evidence("unattached since, at the latest", since.isoformat())),
    )


def _on_stopped_instance(facts: Facts) -> Finding | None:
    volume = facts.subject
    attached = _instances_of(volume)
    if not attached:
        return None
    instances = {each.native_id: each for each in facts.related(RelationshipKind.ATTACHED_TO, INSTANCE)}
    absent = [name for name in attached if name not in instances]
    if absent:
        message = f"What it is attached to is not in the inventory: {', '.join(absent)}."
        raise UnknownFactError(message)
    stopped = {name: stopped_since(instances[name]) for name in attached}
    if not all(since is not None and facts.is_older(since, MIN_AGE_DAYS) for since in stopped.values()):
        return None
    return Finding(
        saving=whole(facts, *volume_parts(volume)),
        evidence=tuple(
            Evidence(f"{name} stopped since", since.isoformat()) for name, since in stopped.items() if since
        ),
        part_of=attached[0],
    )


def stopped_since(instance: Subject) -> datetime | None:
    """Since when an instance is stopped, as EC2 says or else as scans have seen it; None where it is not stopped."""
    if instance.status != "stopped":
        return None
    return instance.moment("stateChangedAt") or instance.status_since or instance.first_seen_at


def _changed_to(facts: Facts, target: str, then: Iterable[Part]) -> Finding:
    return _change(facts, target, difference(facts, now=volume_parts(facts.subject), then=list(then)))


def _change(facts: Facts, target: str, saving: Saving) -> Finding:
    volume = facts.subject
    return Finding(
        saving=saving,
        evidence=(Evidence("type", _kind(volume)), Evidence("size", str(volume.number("sizeGiB")), "GiB")),
        part_of=_instance_of(volume),
        target=target,
    )


def _gp2_to_gp3(facts: Facts) -> Finding | None:
    volume = facts.subject
    size = volume.number("sizeGiB")
    # gp2 gives 3 IOPS a GiB, at most 16,000, and up to 250 MiB/s from 170 GiB on, below that 128:
    # https://docs.aws.amazon.com/ebs/latest/userguide/general-purpose.html
    iops = min(max(_GP3_IOPS, 3 * size), Decimal(16_000))
    throughput = Decimal(250) if size > _GP2_FAST_GIB else _GP3_MIBPS
    return _changed_to(facts, "gp3", [*volume_parts(volume, "gp3", iops=iops), *_gp3_throughput(throughput)])


def _io1_to_io2(facts: Facts) -> Finding | None:
    # Same prices up to 32,000 IOPS, and a hundred times the durability; above them io2 is cheaper by tiers.
    return _changed_to(facts, "io2", _io2_parts(facts.subject))


def _io2_parts(volume: Subject) -> list[Part]:
    iops = volume.number("iops")
    steps = (
        ("ebs.io2.iops", Decimal(0), Decimal(32_000), "IOPS up to 32,000"),
        ("ebs.io2.iops.tier2", Decimal(32_000), Decimal(64_000), "IOPS up to 64,000"),
        ("ebs.io2.iops.tier3", Decimal(64_000), iops, "IOPS above 64,000"),
    )
    parts = [Part("ebs.io2.storage", volume.number("sizeGiB"), PriceUnit.GIB_MONTH, "GiB")]
    for code, above, upto, label in steps:
        count = min(iops, upto) - above
        if count > 0:
            parts.append(Part(code, count, PriceUnit.IOPS_MONTH, label))
    return parts


def _magnetic(facts: Facts) -> Finding | None:
    then = volume_parts(facts.subject, "gp3", iops=_GP3_IOPS)
    return _change(facts, "gp3", less(facts, then=then, why="Its requests are billed too, and only charges tell them."))


def _overprovisioned_iops(facts: Facts) -> Finding | None:
    volume = facts.subject
    provisioned = volume.number("iops")
    least = _GP3_IOPS if _kind(volume) == "gp3" else Decimal(100)
    if provisioned <= least:
        return None
    reads, writes = facts.usage("peakReads"), facts.usage("peakWrites")
    pairs = zip(reads.values, writes.values, strict=True)
    # The hours of the two need not be the same one, so this is the most that it can have been.
    peak = Decimal(str(max((read or 0) + (write or 0) for read, write in pairs))) / _HOUR_SECONDS
    if peak * 100 >= provisioned * facts.threshold("usedPercent"):
        return None
    headroom = (peak * Decimal("1.2")).to_integral_value() + 1
    target = max(least, headroom)
    return Finding(
        saving=difference(facts, now=volume_parts(volume), then=volume_parts(volume, iops=target)),
        evidence=(
            Evidence("provisioned", str(provisioned), "IOPS"),
            Evidence("busiest hour", f"{peak:.1f}", "IOPS"),
            Evidence("days", str(reads.days)),
        ),
        part_of=_instance_of(volume),
        target=f"{target} IOPS",
    )


def _idle(facts: Facts) -> Finding | None:
    volume = facts.subject
    a_day, days = busiest_day(facts, "reads", "writes"), facts.usage("reads").days
    return Finding(
        saving=whole(facts, *volume_parts(volume)),
        evidence=(Evidence("busiest day", f"{a_day:f}", "operations"), Evidence("days", str(days))),
        part_of=_instance_of(volume),
    )


CHECKS: Final = (
    Check(
        id="aws.ebs.unattached",
        title="Volume that is attached to nothing",
        description="An EBS volume in the state `available` is paid for in full, and nothing can read or write it.",
        provider=Provider.AWS,
        area=Area.STORAGE,
        resource_types=(VOLUME,),
        severity=Severity.HIGH,
        confidence=Confidence.OBVIOUS,
        remedy=Remedy.DELETE,
        remediation=_DELETE_VOLUME,
        find=_unattached,
        only_where=(StatusIn(("available",)), Older(MIN_AGE_DAYS, Since.STATUS)),
        properties=_PROPERTIES,
        prices=_PRICES,
        saving="All of the volume: storage, provisioned IOPS and throughput.",
        parameters=(days(MIN_AGE_DAYS, 7, "How long it has to be unattached."),),
        links=(_PRICING, "https://docs.aws.amazon.com/ebs/latest/userguide/ebs-deleting-volume.html"),
    ),
    Check(
        id="aws.ebs.on_stopped_instance",
        title="Volume of an instance that has long been stopped",
        description="A stopped instance costs nothing, its volumes cost as much as before.",
        provider=Provider.AWS,
        area=Area.STORAGE,
        resource_types=(VOLUME,),
        severity=Severity.MEDIUM,
        confidence=Confidence.OBVIOUS,
        remedy=Remedy.DELETE,
        remediation="Start the instance again if it is needed; else make an image of it and terminate it. "
        + _DELETE_VOLUME,
        find=_on_stopped_instance,
        properties=_PROPERTIES,
        prices=_PRICES,
        saving="All of the volume: storage, provisioned IOPS and throughput.",
        parameters=(days(MIN_AGE_DAYS, 30, "How long all instances it is attached to have to be stopped."),),
        neighbours=(_ATTACHED_TO,),
        links=(_PRICING,),
    ),
    Check(
        id="aws.ebs.gp2_to_gp3",
        title="gp2 volume that could be gp3",
        description="gp3 costs a fifth less a GiB, lets IOPS and throughput be chosen, and is changed to while in use.",
        provider=Provider.AWS,
        area=Area.STORAGE,
        resource_types=(VOLUME,),
        severity=Severity.LOW,
        confidence=Confidence.OBVIOUS,
        remedy=Remedy.CHANGE_TYPE,
        remediation="Modify the volume to gp3, with the IOPS and the throughput that gp2 gave it. It stays in use.",
        find=_gp2_to_gp3,
        only_where=(TextIn("volumeType", ("gp2",), needed=True),),
        properties=_PROPERTIES,
        prices=_PRICES,
        saving="Price as gp2 less the price as gp3 with the IOPS and throughput that gp2 gave.",
        links=(_PRICING, "https://docs.aws.amazon.com/ebs/latest/userguide/general-purpose.html"),
    ),
    Check(
        id="aws.ebs.io1_to_io2",
        title="io1 volume that could be io2",
        description="io2 costs no more than io1, less above 32,000 IOPS, and fails a hundred times less often.",
        provider=Provider.AWS,
        area=Area.STORAGE,
        resource_types=(VOLUME,),
        severity=Severity.LOW,
        confidence=Confidence.OBVIOUS,
        remedy=Remedy.CHANGE_TYPE,
        remediation="Modify the volume to io2 with the same IOPS. It stays in use.",
        find=_io1_to_io2,
        only_where=(TextIn("volumeType", ("io1",), needed=True),),
        properties=_PROPERTIES,
        prices=_PRICES,
        saving="Price as io1 less the price as io2, whose IOPS get cheaper above 32,000.",
        links=(_PRICING, "https://docs.aws.amazon.com/ebs/latest/userguide/provisioned-iops.html"),
    ),
    Check(
        id="aws.ebs.magnetic",
        title="Magnetic volume of the previous generation",
        description="Magnetic volumes (`standard`) are slow and bill each million requests beside the storage.",
        provider=Provider.AWS,
        area=Area.STORAGE,
        resource_types=(VOLUME,),
        severity=Severity.INFORMATIONAL,
        confidence=Confidence.OBVIOUS,
        remedy=Remedy.CHANGE_TYPE,
        remediation="Modify the volume to gp3, or sc1 and st1 for large sequential data. It stays in use.",
        find=_magnetic,
        only_where=(TextIn("volumeType", ("standard",), needed=True),),
        properties=_PROPERTIES,
        prices=_PRICES,
        saving="Its own charges, requests among them, less the price as gp3.",
        links=("https://docs.aws.amazon.com/ebs/latest/userguide/ebs-volume-types.html",),
    ),
    Check(
        id="aws.ebs.overprovisioned_iops",
        title="Volume with many more IOPS than it uses",
        description="Provisioned IOPS are paid for whether they are used or not.",
        provider=Provider.AWS,
        area=Area.STORAGE,
        resource_types=(VOLUME,),
        severity=Severity.MEDIUM,
        confidence=Confidence.LIKELY,
        remedy=Remedy.RESIZE,
        remediation="Modify the volume to the IOPS told as the target: the busiest hour and a fifth more.",
        find=_overprovisioned_iops,
        only_where=(TextIn("volumeType", _PROVISIONED, needed=True), StatusIn(("in-use",))),
        properties=_PROPERTIES,
        prices=_PRICES,
        saving="Price of the provisioned IOPS less the price of those that are needed.",
        parameters=(
            percent("usedPercent", 40, "The busiest hour has to use less than this of the provisioned IOPS."),
            days(LOOKBACK_DAYS, 30, "How many days are looked at.", most=90),
        ),
        metrics=(_PEAK_READS, _PEAK_WRITES),
        links=(_PRICING, "https://docs.aws.amazon.com/ebs/latest/userguide/using_cloudwatch_ebs.html"),
    ),
    Check(
        id="aws.ebs.idle",
        title="Attached volume that is hardly used",
        description="A volume that is attached but is neither read nor written to is paid for in full.",
        provider=Provider.AWS,
        area=Area.STORAGE,
        resource_types=(VOLUME,),
        severity=Severity.MEDIUM,
        confidence=Confidence.POSSIBLE,
        remedy=Remedy.DELETE,
        remediation="Find out what the volume is for, detach it, wait some days. " + _DELETE_VOLUME,
        find=_idle,
        only_where=(StatusIn(("in-use",)), Below(("reads", "writes"), "operationsPerDay")),
        properties=_PROPERTIES,
        prices=_PRICES,
        saving="All of the volume: storage, provisioned IOPS and throughput.",
        parameters=(
            Parameter("operationsPerDay", Decimal(100), "operations", "Each day has to have fewer reads and writes."),
            days(LOOKBACK_DAYS, 14, "How many days are looked at.", most=90),
        ),
        metrics=(_READS, _WRITES),
        links=(_PRICING, "https://docs.aws.amazon.com/ebs/latest/userguide/using_cloudwatch_ebs.html"),
    ),
)
