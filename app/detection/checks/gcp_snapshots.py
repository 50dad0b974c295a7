"""Disk snapshots and images that nobody needs: orphaned, old, never used."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from app.detection.check import MIN_AGE_DAYS, Area, Check, Neighbours, days
from app.detection.checks.gcp_disks import DISK_PRICING
from app.detection.checks.gcp_values import DISK, REGION_DISK, at, last, listed
from app.detection.facts import Facts, Subject, UnknownFactError
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import GIB
from app.detection.savings import Part, whole
from app.records import Provider, RelationshipKind
from app.records.detection import Confidence, PriceUnit, Remedy, Saving, Severity

SNAPSHOT: Final = "compute.googleapis.com/Snapshot"
IMAGE: Final = "compute.googleapis.com/Image"
TEMPLATE: Final = "compute.googleapis.com/InstanceTemplate"
_PROPERTIES: Final = ("sourceDisk", "sourceDiskId", "storageBytes", "snapshotType")
_DISKS: Final = tuple(
    Neighbours(RelationshipKind.CREATED_FROM, kind, ("id",), outgoing=True) for kind in (DISK, REGION_DISK)
)
_OF_SAME_DISK: Final = Neighbours(
    RelationshipKind.CREATED_FROM, SNAPSHOT, ("sourceDiskId", "snapshotType"), siblings=True
)
_MADE_FROM_IMAGE: Final = tuple(
    Neighbours(RelationshipKind.CREATED_FROM, kind) for kind in (DISK, REGION_DISK, IMAGE, TEMPLATE)
)
_FAMILIES: Final = Neighbours(RelationshipKind.MEMBER_OF, TEMPLATE, ("properties",), peers=True)
_MOST_TEMPLATES: Final = 100
"""So many others of a type are given to a check for certain."""
_GUIDE: Final = "https://cloud.google.com/compute/docs/disks/manage-snapshots"


def _made_at(subject: Subject) -> datetime:
    return subject.created_at or subject.first_seen_at


def _cost(facts: Facts) -> Saving:
    """What a snapshot costs: Google tells how much it stores itself."""
    snapshot = facts.subject
    code = "gcp.snapshot.archive" if snapshot.text("snapshotType") == "ARCHIVE" else "gcp.snapshot"
    size = snapshot.number("storageBytes") / GIB
    return whole(facts, Part(code, size, PriceUnit.GIB_MONTH, "GiB stored"))


def _evidence(facts: Facts) -> tuple[Evidence, ...]:
    snapshot = facts.subject
    stored = snapshot.number("storageBytes") / GIB
    return (Evidence("made at", _made_at(snapshot).isoformat()), Evidence("stored", f"{stored:.1f}", "GiB"))


def _orphan(facts: Facts) -> Finding | None:
    snapshot = facts.subject
    source = snapshot.text("sourceDisk")
    if not source or snapshot.status != "READY" or not facts.is_older(_made_at(snapshot), MIN_AGE_DAYS):
        return None
    kind = REGION_DISK if "/regions/" in source else DISK
    facts.none_other(kind)
    if any(_is_the_same(snapshot, disk) for disk in facts.related(RelationshipKind.CREATED_FROM, kind)):
        return None
    return Finding(saving=_cost(facts), evidence=(Evidence("disk that is gone", last(source)), *_evidence(facts)))


def _is_the_same(snapshot: Subject, disk: Subject) -> bool:
    """Whether a disk of that name is the one of then; a disk of another number has only taken its name."""
    then, now = snapshot.text("sourceDiskId"), disk.text("id")
    return then is None or now is None or then == now


def _old(facts: Facts) -> Finding | None:
    snapshot = facts.subject
    made = _made_at(snapshot)
    if snapshot.status != "READY" or not snapshot.text("sourceDisk") or not facts.is_older(made, MIN_AGE_DAYS):
        return None
    if snapshot.text("snapshotType") == "ARCHIVE":
        return None  # put away for long on purpose
    others = facts.related(RelationshipKind.CREATED_FROM, SNAPSHOT)
    disk = snapshot.text("sourceDiskId")
    newer = [other for other in others if _made_at(other) > made and other.text("sourceDiskId") == disk]
    if not newer:
        return None
    evidence = (*_evidence(facts), Evidence("newer ones of the disk", str(len(newer))))
    return Finding(saving=_cost(facts), evidence=evidence)


def _unused_image(facts: Facts) -> Finding | None:
    image = facts.subject
    made = _made_at(image)
    if image.status != "READY" or not facts.is_older(made, MIN_AGE_DAYS):
        return None
    for neighbours in _MADE_FROM_IMAGE:
        facts.none_other(neighbours.resource_type)
        if facts.related(RelationshipKind.CREATED_FROM, neighbours.resource_type):
            return None
    if _is_newest_by_family(facts):
        return None
    size = image.number("archiveSizeBytes") / GIB
    return Finding(
        saving=whole(facts, Part("gcp.image", size, PriceUnit.GIB_MONTH, "GiB stored")),
        evidence=(
            Evidence("made at", made.isoformat()),
            Evidence("disks, images and templates made from it", "0"),
            Evidence("stored", f"{size:.1f}", "GiB"),
        ),
    )


def _is_newest_by_family(facts: Facts) -> bool:
    """Whether a template asks for the image's family: which image that means is not asked, so none of it is found."""
    family = facts.subject.text("family")
    if family is None or at(facts.subject, "deprecated.state"):
        return False
    ending = f"/images/family/{family}"
    templates = facts.related(RelationshipKind.MEMBER_OF, TEMPLATE)
    if len(templates) >= _MOST_TEMPLATES:
        message = (
            f"The account has {_MOST_TEMPLATES} templates or more: whether one asks for {family} is not looked at."
        )
        raise UnknownFactError(message)
    return any(
        str((disk.get("initializeParams") or {}).get("sourceImage", "")).endswith(ending)
        for template in templates
        for disk in listed(template, "properties.disks")
    )


CHECKS: Final = (
    Check(
        id="gcp.snapshot.orphan",
        title="Snapshot of a disk that is gone",
        description="The disk that it was made of was deleted, and the snapshot stayed. If it is the last copy of data "
        "that is still needed, keep it on purpose: leave it out by a label.",
        provider=Provider.GCP,
        area=Area.STORAGE,
        resource_types=(SNAPSHOT,),
        severity=Severity.MEDIUM,
        confidence=Confidence.LIKELY,
        remedy=Remedy.DELETE,
        remediation="Ask whoever had the disk whether its data is still needed. Then delete the snapshot; what younger "
        "ones of the same disk need of it, Google hands on to them.",
        find=_orphan,
        properties=_PROPERTIES,
        prices=("gcp.snapshot", "gcp.snapshot.archive"),
        saving="All that the snapshot stores itself; less where a younger one of the disk needs a part of it.",
        parameters=(days(MIN_AGE_DAYS, 30, "How old it has to be."),),
        neighbours=_DISKS,
        absence_of=(DISK, REGION_DISK),
        links=(DISK_PRICING, _GUIDE),
    ),
    Check(
        id="gcp.snapshot.old",
        title="Old snapshot that has newer ones",
        description="There are newer snapshots of the same disk, so this one is only of use to go back that far.",
        provider=Provider.GCP,
        area=Area.STORAGE,
        resource_types=(SNAPSHOT,),
        severity=Severity.LOW,
        confidence=Confidence.LIKELY,
        remedy=Remedy.DELETE,
        remediation="Delete it if nobody has to go back that far, or make an archive snapshot if a law asks for it. A "
        "snapshot schedule with a retention keeps new ones from piling up.",
        find=_old,
        properties=_PROPERTIES,
        prices=("gcp.snapshot",),
        saving="All that the snapshot stores itself; less where a younger one of the disk needs a part of it.",
        parameters=(days(MIN_AGE_DAYS, 90, "How old it has to be."),),
        neighbours=(_OF_SAME_DISK,),
        links=(DISK_PRICING, "https://cloud.google.com/compute/docs/disks/scheduled-snapshots"),
    ),
    Check(
        id="gcp.image.unused",
        title="Image that nothing is made from",
        description="No disk, no other image and no instance template of the account comes from it. Machines of other "
        "accounts may: an image can be shared, and Google does not tell who uses it.",
        provider=Provider.GCP,
        area=Area.STORAGE,
        resource_types=(IMAGE,),
        severity=Severity.LOW,
        confidence=Confidence.POSSIBLE,
        remedy=Remedy.DELETE,
        remediation="Look at who may use it by its policy. Mark it as deprecated first, which warns who still does; "
        "if nobody comes, delete it.",
        find=_unused_image,
        properties=("archiveSizeBytes", "family", "deprecated"),
        prices=("gcp.image",),
        saving="All that the image stores.",
        parameters=(days(MIN_AGE_DAYS, 90, "How old it has to be."),),
        neighbours=(*_MADE_FROM_IMAGE, _FAMILIES),
        absence_of=(DISK, REGION_DISK, IMAGE, TEMPLATE),
        links=(DISK_PRICING, "https://cloud.google.com/compute/docs/images/image-management-best-practices"),
    ),
)
