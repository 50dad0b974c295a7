"""RDS and Aurora: instances and clusters that are idle, stopped, too large, or pay for an old version."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
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
    days,
    percent,
)
from app.detection.facts import Facts, Subject
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import GIB, exact, has_lived, quiet_days, required, unused
from app.detection.savings import Part, difference, hours, in_all, part, unknown, whole
from app.detection.sizes import memory_gib, smaller, virtual_cpus
from app.records import Provider, RelationshipKind
from app.records.conditions import Below, NoText, Older, Since, StatusIn
from app.records.detection import Confidence, PriceUnit, Remedy, Saving, Severity

INSTANCE: Final = "AWS::RDS::DBInstance"
CLUSTER: Final = "AWS::RDS::DBCluster"
_SERVERLESS: Final = "db.serverless"
_BY_USE: Final = "Serverless capacity is billed by use, which only charges tell."
_BY_INSTANCE: Final = (("DBInstanceIdentifier", "name"),)
_BY_CLUSTER: Final = (("DBClusterIdentifier", "name"),)
_CONNECTIONS: Final = Metric("connections", "DatabaseConnections", Daily.MAXIMUM, "AWS/RDS", _BY_INSTANCE)
_CLUSTER_CONNECTIONS: Final = Metric("connections", "DatabaseConnections", Daily.MAXIMUM, "AWS/RDS", _BY_CLUSTER)
_CPU: Final = Metric("cpu", "CPUUtilization", Daily.P95, "AWS/RDS", _BY_INSTANCE)
_MEMORY: Final = Metric("freeMemory", "FreeableMemory", Daily.MINIMUM, "AWS/RDS", _BY_INSTANCE)
_STORAGE: Final = Metric("freeStorage", "FreeStorageSpace", Daily.MINIMUM, "AWS/RDS", _BY_INSTANCE)
_KIND: Final = ("instanceClass", "engine", "licenseModel", "multiAz", "storageType", "cluster")
_DISK: Final = ("allocatedStorageGib", "iops", "storageThroughputMibps")
_PRICES: Final = ("rds.db.*", "rds.storage.*", "rds.iops.*", "rds.throughput.*")
_OWN_CLUSTER: Final = Neighbours(RelationshipKind.MEMBER_OF, CLUSTER, outgoing=True)
_RESTARTS_AFTER: Final = timedelta(days=7)
_LEAST_GIB: Final = {"io1": 100, "io2": 100}
_GP3_LEAST: Final = (Decimal(3000), Decimal(125))
_GP3_STRIPED: Final = (Decimal(12_000), Decimal(500))
_GP3_STRIPED_FROM_GIB: Final = {"oracle": 200, "sqlserver": None}
"""From what size gp3 is striped over four volumes and includes more: 400 GiB for engines that are not named here.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Storage.html
"""
_SUPPORT: Final = {
    ("mysql", "5.7"): (date(2024, 3, 1), date(2026, 3, 1)),
    ("mysql", "8.0"): (date(2026, 8, 1), date(2028, 8, 1)),
    ("postgres", "11"): (date(2024, 4, 1), date(2026, 4, 1)),
    ("postgres", "12"): (date(2025, 3, 1), date(2027, 3, 1)),
    ("postgres", "13"): (date(2026, 3, 1), date(2028, 3, 1)),
    ("postgres", "14"): (date(2027, 3, 1), date(2029, 3, 1)),
    ("aurora-mysql", "5.7"): (date(2024, 12, 1), date(2026, 12, 1)),
    ("aurora-mysql", "8.0"): (date(2028, 5, 1), date(2030, 5, 1)),
    ("aurora-postgresql", "11"): (date(2024, 4, 1), date(2026, 4, 1)),
    ("aurora-postgresql", "12"): (date(2025, 3, 1), date(2027, 3, 1)),
    ("aurora-postgresql", "13"): (date(2026, 3, 1), date(2028, 3, 1)),
    ("aurora-postgresql", "14"): (date(2027, 3, 1), date(2029, 3, 1)),
}
"""By engine and major version: from when extended support is charged, and from when at the price of the third year.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/MySQL.Concepts.VersionMgmt.html and its like for PostgreSQL and
Aurora.
"""


def instance_parts(instance: Subject, name: str | None = None) -> list[Part]:
    """The hours of an instance of RDS or Aurora, as the class that it is or would be."""
    engine = required(instance, "engine")
    pieces = ["rds", name or required(instance, "instanceClass"), engine]
    if instance.text("licenseModel") == "bring-your-own-license":
        pieces.append("byol")
    if instance.text("cluster") is None and instance.flag("multiAz"):
        pieces.append("multiaz")
    if instance.text("cluster") is not None and not engine.startswith("aurora"):
        pieces.append("cluster")
    if instance.text("storageType") == "aurora-iopt1":
        pieces.append("iopt1")
    return [hours(".".join(pieces), "hours")]


def storage_parts(instance: Subject) -> list[Part]:
    """The storage of an instance; that of a cluster is billed with the cluster."""
    if instance.text("cluster") is not None:
        return []
    kind, size = required(instance, "storageType"), instance.number("allocatedStorageGib")
    end = f"{kind}.multiaz" if instance.flag("multiAz") else kind
    parts = [Part(f"rds.storage.{end}", size, PriceUnit.GIB_MONTH, "GiB")]
    if kind in {"io1", "io2"}:
        parts.append(Part(f"rds.iops.{end}", instance.number("iops"), PriceUnit.IOPS_MONTH, "provisioned IOPS"))
    if kind == "gp3":
        iops, throughput = _included(required(instance, "engine"), size)
        more = (instance.number("iops") if instance.text("iops") else iops) - iops
        faster = instance.number("storageThroughputMibps") if instance.text("storageThroughputMibps") else throughput
        if more > 0:
            parts.append(Part(f"rds.iops.{end}", more, PriceUnit.IOPS_MONTH, "IOPS above those included"))
        if faster > throughput:
            label = "MiB/s above those included"
            parts.append(Part(f"rds.throughput.{end}", faster - throughput, PriceUnit.MIBPS_MONTH, label))
    return parts


def _included(engine: str, size: Decimal) -> tuple[Decimal, Decimal]:
    """IOPS and MiB/s that gp3 includes."""
    striped_from = next((gib for name, gib in _GP3_STRIPED_FROM_GIB.items() if engine.startswith(name)), 400)
    return _GP3_STRIPED if striped_from is not None and size >= striped_from else _GP3_LEAST


def _all_of_it(facts: Facts) -> Saving:
    """All that the instance costs; what a serverless one costs, only charges tell."""
    instance = facts.subject
    if instance.text("instanceClass") == _SERVERLESS:
        actual = whole(facts)
        return actual if actual.reason is None else unknown(_BY_USE)
    return whole(facts, *instance_parts(instance), *storage_parts(instance))


def _cluster_of(facts: Facts) -> str | None:
    """The cluster that an instance is a member of."""
    return next(iter(facts.targets.get(RelationshipKind.MEMBER_OF, ())), None)


def _idle(facts: Facts) -> Finding | None:
    return Finding(_all_of_it(facts), quiet_days(facts, "connections", unit="connections"))


def _cluster_idle(facts: Facts) -> Finding | None:
    if facts.subject.status != "available":
        return None
    shown = unused(facts, "connections", unit="connections")
    if shown is None:
        return None
    members = facts.related(RelationshipKind.MEMBER_OF, INSTANCE)
    if not members:
        facts.none_other(INSTANCE)
        return None  # without instances there are no hours to pay
    # Charges of a cluster are those of its storage: its instances have their own.
    parts = [
        replace(one, of=each)
        for each in members
        if each.text("instanceClass") != _SERVERLESS
        for one in instance_parts(each)
    ]
    saving = in_all(facts, *parts) if parts else unknown(_BY_USE)
    evidence = (*shown, Evidence("instances", ", ".join(sorted(each.name for each in members))))
    return Finding(saving=saving, evidence=evidence, covers_parts=True)


def _oversized(facts: Facts) -> Finding | None:
    instance = facts.subject
    name = required(instance, "instanceClass")
    target, total = smaller(name), memory_gib(name)
    if instance.status != "available" or target is None or total is None or not has_lived(facts):
        return None
    if required(instance, "engine").startswith("aurora") and target.endswith((".micro", ".small")):
        return None  # Aurora begins with `medium`
    cpu, free = exact(facts.usage("cpu").maximum), exact(facts.usage("freeMemory").minimum) / GIB
    if cpu >= facts.threshold("cpuPercent") or free * 100 <= total * facts.threshold("freeMemoryPercent"):
        return None
    left = memory_gib(target)
    if left is not None and (total - free) * Decimal("1.2") > left:
        return None
    return Finding(
        saving=difference(
            facts,
            now=instance_parts(instance),
            then=instance_parts(instance, target),
            beside=storage_parts(instance) if instance.text("allocatedStorageGib") else (),
        ),
        evidence=(
            Evidence("CPU, 95th percentile of the busiest day", f"{cpu:.1f}", "percent"),
            Evidence("least free memory", f"{free:.1f}", "GiB"),
            Evidence("memory", f"{total:f}", "GiB"),
        ),
        part_of=_cluster_of(facts),
        target=target,
    )


def _stopped_since(facts: Facts) -> datetime:
    restarts = facts.subject.moment("automaticRestartAt")
    return facts.status_since() if restarts is None else restarts - _RESTARTS_AFTER


def _stopped(facts: Facts) -> Finding | None:
    instance = facts.subject
    if instance.text("cluster") is not None:
        return None  # its cluster is told of
    if instance.status != "stopped" or not facts.is_older(since := _stopped_since(facts), MIN_AGE_DAYS):
        return None
    # The storage of a cluster is billed by what is written, whatever its instances do.
    known = instance.resource_type == INSTANCE
    return Finding(
        saving=part(facts, *storage_parts(instance)) if known else unknown("Its storage is billed by use."),
        evidence=(Evidence("stopped since, at the latest", since.isoformat()),),
    )


def _storage_overallocated(facts: Facts) -> Finding | None:
    instance = facts.subject
    if instance.status != "available" or instance.text("cluster") is not None or not has_lived(facts):
        return None
    size, free = instance.number("allocatedStorageGib"), exact(facts.usage("freeStorage").minimum) / GIB
    if free * 100 <= size * facts.threshold("freePercent"):
        return None
    kind = required(instance, "storageType")
    needed = ((size - free) * Decimal("1.2")).to_integral_value() + 1
    target = max(needed, Decimal(_LEAST_GIB.get(kind, 20)))
    if target >= size:
        return None
    end = f"{kind}.multiaz" if instance.flag("multiAz") else kind
    return Finding(
        saving=part(facts, Part(f"rds.storage.{end}", size - target, PriceUnit.GIB_MONTH, "GiB less")),
        evidence=(Evidence("allocated", f"{size:f}", "GiB"), Evidence("least free", f"{free:.1f}", "GiB")),
        target=f"{target} GiB",
    )


def _major(engine: str, version: str) -> str:
    """The major version: one number for PostgreSQL, two for MySQL; Aurora's comes before `.mysql_aurora`."""
    return ".".join(version.split(".")[: 1 if "postgres" in engine else 2])


def _extended_support(facts: Facts) -> Finding | None:
    instance = facts.subject
    engine, version = required(instance, "engine"), required(instance, "engineVersion")
    begins, dearer = _SUPPORT.get((engine, _major(engine, version)), (None, None))
    today = facts.now.date()
    if begins is None or dearer is None or today < begins or instance.status == "stopped":
        return None
    if instance.text("engineLifecycleSupport") == "open-source-rds-extended-support-disabled":
        return None  # AWS upgrades it instead of charging
    evidence = (Evidence("engine", f"{engine} {version}"), Evidence("charged since", begins.isoformat()))
    return Finding(_surcharge(facts, is_third=today >= dearer), evidence, part_of=_cluster_of(facts))


def _surcharge(facts: Facts, *, is_third: bool) -> Saving:
    instance = facts.subject
    cpus = virtual_cpus(required(instance, "instanceClass"))
    if cpus is None:
        return unknown(f"How many vCPUs {instance.text('instanceClass')} has is not known.")
    standby = instance.text("cluster") is None and instance.flag("multiAz")
    code = "rds.extended_support.year3" if is_third else "rds.extended_support.years1_2"
    return part(facts, hours(code, "vCPU hours", cpus * (2 if standby else 1)))


_check = partial(Check, provider=Provider.AWS, area=Area.DATABASE)
_DOCS: Final = "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/"
_PRICING: Final = "https://aws.amazon.com/rds/pricing/"
_DELETE: Final = (
    "Ask its owner, take a final snapshot, then delete it. If it is needed again soon, stop it instead: RDS starts it "
    "again after seven days."
)

CHECKS: Final = (
    _check(
        id="aws.rds.idle",
        title="Database that nobody connects to",
        description="An instance without a single connection costs as much as a busy one.",
        resource_types=(INSTANCE,),
        severity=Severity.HIGH,
        confidence=Confidence.LIKELY,
        remedy=Remedy.DELETE,
        remediation=_DELETE,
        find=_idle,
        # A member of a cluster may be there to take over; its cluster is judged as a whole.
        only_where=(
            StatusIn(("available",)),
            NoText("cluster"),
            Older(LOOKBACK_DAYS, Since.CREATED, or_equal=True),
            Below(("connections",)),
        ),
        properties=(*_KIND, *_DISK),
        prices=_PRICES,
        saving="All of the instance: its hours, storage and provisioned IOPS.",
        parameters=(days(LOOKBACK_DAYS, 7, "How many days have to pass without a connection.", most=90),),
        metrics=(_CONNECTIONS,),
        links=(_PRICING, _DOCS + "USER_DeleteInstance.html"),
    ),
    _check(
        id="aws.rds.cluster_idle",
        title="Cluster of databases that nobody connects to",
        description="A cluster without a connection to any of its instances pays the hours of all of them.",
        resource_types=(CLUSTER,),
        severity=Severity.HIGH,
        confidence=Confidence.LIKELY,
        remedy=Remedy.DELETE,
        remediation=_DELETE,
        find=_cluster_idle,
        prices=_PRICES,
        saving="The hours of its instances; storage, which only charges tell, comes on top.",
        parameters=(days(LOOKBACK_DAYS, 7, "How many days have to pass without a connection.", most=90),),
        metrics=(_CLUSTER_CONNECTIONS,),
        neighbours=(Neighbours(RelationshipKind.MEMBER_OF, INSTANCE, _KIND, costs=True),),
        absence_of=(INSTANCE,),
        links=("https://aws.amazon.com/rds/aurora/pricing/",),
    ),
    _check(
        id="aws.rds.oversized",
        title="Database on a larger class than it needs",
        description="CPU and memory are so little used that the next smaller class of the same family would do.",
        resource_types=(INSTANCE,),
        severity=Severity.MEDIUM,
        confidence=Confidence.LIKELY,
        remedy=Remedy.RESIZE,
        remediation="Modify the instance to the class told as the target in a maintenance window: it restarts once.",
        find=_oversized,
        properties=(*_KIND, *_DISK),
        prices=_PRICES,
        saving="Hours of its class less hours of the next smaller one.",
        parameters=(
            percent("cpuPercent", 40, "The 95th percentile of CPU has to stay below this on each day."),
            percent("freeMemoryPercent", 60, "More than this of the memory has to be free at all times."),
            days(LOOKBACK_DAYS, 30, "How many days are looked at.", most=90),
        ),
        metrics=(_CPU, _MEMORY),
        neighbours=(_OWN_CLUSTER,),
        links=(_PRICING, _DOCS + "Concepts.DBInstanceClass.html"),
    ),
    _check(
        id="aws.rds.stopped",
        title="Database that is stopped",
        description="A stopped instance still pays its storage, and RDS starts it again after seven days.",
        resource_types=(INSTANCE, CLUSTER),
        severity=Severity.LOW,
        confidence=Confidence.OBVIOUS,
        remedy=Remedy.DELETE,
        remediation="If it is not needed in the next weeks, take a final snapshot and delete the instance.",
        find=_stopped,
        properties=(*_KIND, *_DISK, "automaticRestartAt"),
        prices=_PRICES,
        saving="Storage and provisioned IOPS; a snapshot costs about as much for what is written only.",
        parameters=(days(MIN_AGE_DAYS, 3, "How long it has to be stopped: longer than a weekend."),),
        links=(_DOCS + "USER_StopInstance.html", _PRICING),
    ),
    _check(
        id="aws.rds.storage_overallocated",
        title="Database with much more storage than data",
        description="Storage is paid for as allocated. It grows by itself where that is allowed, and never shrinks.",
        resource_types=(INSTANCE,),
        severity=Severity.LOW,
        confidence=Confidence.POSSIBLE,
        remedy=Remedy.RESIZE,
        remediation="Make a blue/green deployment with the smaller storage told as the target, or move the data to a "
        "new instance, and let storage autoscaling do the rest. gp2 loses IOPS with its size: take gp3.",
        find=_storage_overallocated,
        properties=(*_KIND, "allocatedStorageGib"),
        prices=_PRICES,
        saving="Price of the GiB that are not needed: all beyond what is used and a fifth more.",
        parameters=(
            percent("freePercent", 60, "More than this of the storage has to be free at all times."),
            days(LOOKBACK_DAYS, 30, "How many days are looked at.", most=90),
        ),
        metrics=(_STORAGE,),
        links=(_DOCS + "CHAP_Storage.html", _PRICING),
    ),
    _check(
        id="aws.rds.extended_support",
        title="Database that pays for extended support of an old version",
        description="After the end of standard support each vCPU hour costs a surcharge, which doubles in the third "
        "year.",
        resource_types=(INSTANCE,),
        severity=Severity.HIGH,
        confidence=Confidence.OBVIOUS,
        remedy=Remedy.UPGRADE,
        remediation="Test a newer major version with a blue/green deployment, then switch over.",
        find=_extended_support,
        properties=(*_KIND, "engineVersion", "engineLifecycleSupport"),
        prices=("rds.extended_support.*",),
        neighbours=(_OWN_CLUSTER,),
        saving="The surcharge: vCPU hours, those of a standby too.",
        links=(_DOCS + "extended-support.html", _DOCS + "extended-support-charges.html"),
    ),
)
