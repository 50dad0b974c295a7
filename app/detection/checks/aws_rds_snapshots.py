"""Snapshots of databases that have outlived them, or are old."""

from __future__ import annotations

from functools import partial
from typing import Final

from app.detection.check import MIN_AGE_DAYS, Area, Check, Neighbours, days
from app.detection.facts import Facts, Subject
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import GIB, required
from app.detection.savings import Part, unknown, whole
from app.records import Provider, RelationshipKind
from app.records.detection import Confidence, PriceUnit, Remedy, Saving, Severity

SNAPSHOT: Final = "AWS::RDS::DBSnapshot"
CLUSTER_SNAPSHOT: Final = "AWS::RDS::DBClusterSnapshot"
BACKUP: Final = "AWS::RDS::DBInstanceAutomatedBackup"
SOURCES: Final = (
    "AWS::RDS::DBInstance",
    "AWS::RDS::DBCluster",
    "AWS::DocDB::DBCluster",
    "AWS::Neptune::DBCluster",
)
_CLUSTERS: Final = {"docdb": SOURCES[2], "neptune": SOURCES[3]}
_PROPERTIES: Final = (
    "snapshotType",
    "engine",
    "allocatedStorageGib",
    "fullSizeBytes",
    "sourceRegion",
    "sourceSnapshot",
)
_OWN_SIZES: Final = ("aurora", "docdb", "neptune")
"""Engines whose clusters allocate nothing, so that their snapshots tell no size."""


def _saving(facts: Facts) -> Saving:
    """What it costs, at the most: snapshots share what did not change between them."""
    snapshot = facts.subject
    actual = whole(facts)
    if actual.reason is None:
        return actual
    if snapshot.text("fullSizeBytes") is not None:
        size = snapshot.number("fullSizeBytes") / GIB
    elif required(snapshot, "engine").startswith(_OWN_SIZES):
        return unknown("Its size is told by charges only.")
    else:
        size = snapshot.number("allocatedStorageGib")
    return whole(facts, Part("rds.backup", size, PriceUnit.GIB_MONTH, "GiB, at most"))


def _source_type(snapshot: Subject) -> str:
    if snapshot.resource_type == CLUSTER_SNAPSHOT:
        return _CLUSTERS.get(required(snapshot, "engine"), SOURCES[1])
    return SOURCES[0]


def _orphan(facts: Facts) -> Finding | None:
    snapshot = facts.subject
    since = snapshot.created_at or snapshot.first_seen_at
    if not facts.is_older(since, MIN_AGE_DAYS):
        return None
    if snapshot.text("snapshotType") in {"automated", "awsbackup"} or _is_from_elsewhere(snapshot):
        return None  # goes by itself, is managed by AWS Backup, or its source may be elsewhere
    kind = _source_type(snapshot)
    if facts.related(RelationshipKind.CREATED_FROM, kind):
        return None
    facts.none_other(kind)
    source = next(iter(facts.targets.get(RelationshipKind.CREATED_FROM, ())), "")
    return Finding(
        saving=_saving(facts),
        evidence=(Evidence("source that is gone", source), Evidence("created", since.isoformat())),
    )


def _is_from_elsewhere(snapshot: Subject) -> bool:
    region = snapshot.text("sourceRegion")
    copied = snapshot.text("sourceSnapshot") or ""
    here = f":{snapshot.region}:"
    return (region is not None and region != snapshot.region) or (copied.startswith("arn:") and here not in copied)


def _old(facts: Facts) -> Finding | None:
    snapshot = facts.subject
    if snapshot.text("snapshotType") != "manual" or snapshot.created_at is None:
        return None
    if not facts.is_older(snapshot.created_at, MIN_AGE_DAYS):
        return None
    return Finding(_saving(facts), (Evidence("created", snapshot.created_at.isoformat()),))


_check = partial(
    Check,
    provider=Provider.AWS,
    area=Area.DATABASE,
    remedy=Remedy.DELETE,
    properties=_PROPERTIES,
    prices=("rds.backup",),
    saving="Price of its GiB, at the most: snapshots share what did not change. Backups up to the size of the "
    "databases of a region are free.",
    links=(
        "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_DeleteSnapshot.html",
        "https://aws.amazon.com/rds/pricing/",
    ),
)

CHECKS: Final = (
    _check(
        id="aws.rds.snapshot_orphan",
        title="Snapshot of a database that is gone",
        description="Manual snapshots and retained backups stay when their database is deleted, and are paid for.",
        resource_types=(SNAPSHOT, CLUSTER_SNAPSHOT, BACKUP),
        severity=Severity.MEDIUM,
        confidence=Confidence.LIKELY,
        remediation="Ask the former owner; if it has to be kept for long, export it to S3. Then delete it.",
        find=_orphan,
        parameters=(days(MIN_AGE_DAYS, 30, "How old it has to be."),),
        neighbours=tuple(Neighbours(RelationshipKind.CREATED_FROM, kind, outgoing=True) for kind in SOURCES),
        absence_of=SOURCES,
    ),
    _check(
        id="aws.rds.snapshot_old",
        title="Manual snapshot of a database that is old",
        description="Manual snapshots never go by themselves, and all are paid for.",
        resource_types=(SNAPSHOT, CLUSTER_SNAPSHOT),
        severity=Severity.LOW,
        confidence=Confidence.POSSIBLE,
        remediation="Delete it if no rule asks for it to be kept; else export it to S3, which costs less.",
        find=_old,
        parameters=(days(MIN_AGE_DAYS, 90, "How old it has to be."),),
    ),
)
