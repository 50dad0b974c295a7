"""EFS and FSx: file systems that nobody uses, or whose files never move to a cheaper class."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Final

from app.detection.check import LOOKBACK_DAYS, MIN_AGE_DAYS, Area, Check, Daily, Metric, Parameter, days, percent
from app.detection.facts import Facts, Subject
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import GIB, has_lived, required, unused
from app.detection.savings import Part, difference, nothing, whole
from app.records import Provider
from app.records.detection import Confidence, PriceUnit, Remedy, Severity

ELASTIC: Final = "AWS::EFS::FileSystem"
WINDOWS_AND_MORE: Final = "AWS::FSx::FileSystem"
_BY_ID: Final = (("FileSystemId", "properties.fileSystemId"),)
_SIZES: Final = (
    ("sizeBytesStandard", "standard", "GiB in Standard"),
    ("sizeBytesInfrequentAccess", "ia", "GiB in Infrequent Access"),
    ("sizeBytesArchive", "archive", "GiB in Archive"),
)
_IOPS_A_GIB: Final = 3
"""What a GiB on SSDs includes: https://docs.aws.amazon.com/fsx/latest/WindowsGuide/performance.html and its like."""


def _storage(system: Subject, place: str) -> str:
    return f"efs.onezone.{place}" if system.flag("oneZone") else f"efs.{place}"


def _elastic_parts(system: Subject) -> list[Part]:
    parts = [
        Part(_storage(system, place), system.number(name) / GIB, PriceUnit.GIB_MONTH, label)
        for name, place, label in _SIZES
        if system.text(name) not in {None, "0"}
    ]
    if system.text("throughputMode") == "provisioned":
        speed = system.number("provisionedThroughputMibps")
        parts.append(Part("efs.throughput", speed, PriceUnit.MIBPS_MONTH, "provisioned MiB/s"))
    return parts


def _elastic_idle(facts: Facts) -> Finding | None:
    system = facts.subject
    if system.status != "available" or not has_lived(facts):
        return None
    if system.number("mountTargets") == 0:
        shown: tuple[Evidence, ...] | None = (Evidence("mount targets", "0"),)
        confidence = Confidence.OBVIOUS
    else:
        shown, confidence = unused(facts, "connections", unit="connections"), Confidence.LIKELY
    if shown is None:
        return None
    parts = _elastic_parts(system)
    saving = whole(facts, *parts) if parts or facts.cost else nothing("An empty file system costs nothing.")
    return Finding(saving, shown, confidence)


def _no_infrequent_access(facts: Facts) -> Finding | None:
    system = facts.subject
    if system.status != "available" or "TransitionToIA" in system.record("lifecyclePolicies"):
        return None
    since = system.created_at or system.first_seen_at
    if not facts.is_older(since, MIN_AGE_DAYS):
        return None
    size = system.number("sizeBytesStandard") / GIB
    cold = size * facts.threshold("coldPercent") / 100
    if size <= facts.threshold("sizeGiB") or cold <= 0:
        return None
    label = "GiB taken to be cold"
    return Finding(
        saving=difference(
            facts,
            now=[Part(_storage(system, "standard"), cold, PriceUnit.GIB_MONTH, label)],
            then=[Part(_storage(system, "ia"), cold, PriceUnit.GIB_MONTH, label)],
            beside=[Part(_storage(system, "standard"), size - cold, PriceUnit.GIB_MONTH, "GiB that stay")],
        ),
        evidence=(Evidence("in Standard", f"{size:.1f}", "GiB"), Evidence("move to Infrequent Access", "never")),
        target="TransitionToIA",
    )


def _fsx_parts(system: Subject) -> list[Part]:
    kind, deployment = required(system, "fileSystemType").lower(), required(system, "deploymentType").lower()
    disk, size = required(system, "storageType").lower(), system.number("storageCapacityGib")
    if kind == "lustre":
        speed = f".{system.number('throughputPerTibMibps'):f}" if system.text("throughputPerTibMibps") else ""
        return [Part(f"fsx.lustre.{deployment}{speed}.{disk}.storage", size, PriceUnit.GIB_MONTH, "GiB")]
    parts = [
        Part(f"fsx.{kind}.{deployment}.{disk}.storage", size, PriceUnit.GIB_MONTH, "GiB"),
        Part(
            f"fsx.{kind}.{deployment}.throughput",
            system.number("throughputCapacityMibps"),
            PriceUnit.MIBPS_MONTH,
            "MiB/s",
        ),
    ]
    if system.text("iopsMode") == "USER_PROVISIONED" and (more := system.number("iops") - size * _IOPS_A_GIB) > 0:
        parts.append(Part(f"fsx.{kind}.{deployment}.iops", more, PriceUnit.IOPS_MONTH, "IOPS above those included"))
    return parts


def _fsx_idle(facts: Facts) -> Finding | None:
    system = facts.subject
    if system.status != "AVAILABLE":
        return None
    shown = unused(facts, "reads", "writes", unit="operations")
    return None if shown is None else Finding(whole(facts, *_fsx_parts(system)), shown)


_check = partial(Check, provider=Provider.AWS, area=Area.STORAGE)
_EFS: Final = "https://docs.aws.amazon.com/efs/latest/ug/"
_EFS_PRICING: Final = "https://aws.amazon.com/efs/pricing/"

CHECKS: Final = (
    _check(
        id="aws.efs.idle",
        title="File system that nothing mounts",
        description="Without mount targets nothing can reach it; without connections of clients nothing does.",
        resource_types=(ELASTIC,),
        severity=Severity.MEDIUM,
        confidence=Confidence.LIKELY,
        remedy=Remedy.DELETE,
        remediation="Ask its owner, keep a backup with AWS Backup if the files matter, then delete the file system.",
        find=_elastic_idle,
        properties=(
            "mountTargets",
            "oneZone",
            "throughputMode",
            "provisionedThroughputMibps",
            *(name for name, *_ in _SIZES),
        ),
        prices=("efs.*",),
        saving="Its storage in all classes, and provisioned throughput.",
        parameters=(days(LOOKBACK_DAYS, 30, "How many days have to pass without a connection.", most=90),),
        metrics=(Metric("connections", "ClientConnections", Daily.SUM, "AWS/EFS", _BY_ID, silent_at_zero=True),),
        links=(_EFS + "efs-metrics.html", _EFS_PRICING),
    ),
    _check(
        id="aws.efs.no_ia",
        title="File system whose files never move to Infrequent Access",
        description="Most files are read in their first days only, and Infrequent Access costs a fraction of Standard.",
        resource_types=(ELASTIC,),
        severity=Severity.LOW,
        confidence=Confidence.POSSIBLE,
        remedy=Remedy.CONFIGURE,
        remediation="Set a lifecycle policy that moves files not read for 30 days to Infrequent Access. Reading them "
        "there is charged.",
        find=_no_infrequent_access,
        properties=("lifecyclePolicies", "sizeBytesStandard", "oneZone"),
        prices=("efs.standard", "efs.ia", "efs.onezone.*"),
        saving="Price in Standard less the price in Infrequent Access, for the part that is taken to be cold.",
        parameters=(
            days(MIN_AGE_DAYS, 30, "How old it has to be."),
            Parameter("sizeGiB", Decimal(10), "GiB", "It has to hold more than this in Standard."),
            percent("coldPercent", 50, "How much of it is taken to be read rarely; an assumption, for the money only."),
        ),
        links=(_EFS + "lifecycle-management-efs.html", _EFS_PRICING),
    ),
    _check(
        id="aws.fsx.idle",
        title="File system of FSx that nobody reads or writes",
        description="Storage and throughput of FSx are paid for as they were asked for, used or not.",
        resource_types=(WINDOWS_AND_MORE,),
        severity=Severity.HIGH,
        confidence=Confidence.LIKELY,
        remedy=Remedy.DELETE,
        remediation="Ask its owner, keep a last backup, then delete the file system.",
        find=_fsx_idle,
        properties=(
            "fileSystemType",
            "deploymentType",
            "storageType",
            "storageCapacityGib",
            "throughputCapacityMibps",
            "throughputPerTibMibps",
            "iops",
            "iopsMode",
        ),
        prices=("fsx.*",),
        saving="Its storage, throughput and provisioned IOPS.",
        parameters=(days(LOOKBACK_DAYS, 30, "How many days have to pass without a read or write.", most=90),),
        metrics=(
            Metric("reads", "DataReadOperations", Daily.SUM, "AWS/FSx", _BY_ID),
            Metric("writes", "DataWriteOperations", Daily.SUM, "AWS/FSx", _BY_ID),
        ),
        links=(
            "https://docs.aws.amazon.com/fsx/latest/WindowsGuide/monitoring-cloudwatch.html",
            "https://aws.amazon.com/fsx/windows/pricing/",
        ),
    ),
)
