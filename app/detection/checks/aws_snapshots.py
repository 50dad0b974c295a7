"""EBS snapshots and machine images that nobody needs: orphaned, old, never launched."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from app.detection.check import MIN_AGE_DAYS, Area, Check, Neighbours, days
from app.detection.checks.aws_ebs import INSTANCE, VOLUME
from app.detection.facts import Facts, Subject
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import GIB
from app.detection.savings import Part, in_all, less, unknown, whole
from app.records import Provider, RelationshipKind
from app.records.detection import Confidence, PriceUnit, Remedy, Saving, Severity

SNAPSHOT: Final = "AWS::EC2::Snapshot"
IMAGE: Final = "AWS::EC2::Image"
TEMPLATE: Final = "AWS::EC2::LaunchTemplate"
_MADE_BY_BACKUP: Final = "aws:backup:source-resource"
"""The tag of what AWS Backup made: its vault decides how long that is kept, and only through it is it deleted."""
_STANDARD: Final = "ebs.snapshot.storage"
_ARCHIVE: Final = "ebs.snapshot.archive"
_SIZES: Final = ("volumeSizeGiB", "fullSnapshotSizeBytes", "storageTier")
_SNAPSHOT: Final = (*_SIZES, "volumeId")
_OF_VOLUME: Final = Neighbours(RelationshipKind.CREATED_FROM, VOLUME, outgoing=True)
_OF_SAME_VOLUME: Final = Neighbours(RelationshipKind.CREATED_FROM, SNAPSHOT, siblings=True)
_USED_BY: Final = Neighbours(RelationshipKind.CREATED_FROM, IMAGE)
_ITS_SNAPSHOTS: Final = Neighbours(RelationshipKind.CREATED_FROM, SNAPSHOT, _SIZES, outgoing=True, costs=True)
_PRICING: Final = "https://aws.amazon.com/ebs/pricing/"
_GUIDE: Final = "https://docs.aws.amazon.com/ebs/latest/userguide/ebs-deleting-snapshot.html"
_INCREMENTAL: Final = (
    "It keeps only what changed since an older snapshot of the volume; how much that is, only its charges tell."
)


def _made_at(snapshot: Subject) -> datetime:
    return snapshot.created_at or snapshot.first_seen_at


def _full_gib(snapshot: Subject) -> Decimal:
    """The most that is stored of a snapshot: all blocks that were ever written, else the whole volume."""
    if snapshot.text("fullSnapshotSizeBytes") is not None:
        return snapshot.number("fullSnapshotSizeBytes") / GIB
    return snapshot.number("volumeSizeGiB")


def _stored(snapshot: Subject, label: str = "GiB at most") -> Part:
    tier = _ARCHIVE if snapshot.text("storageTier") == "archive" else _STANDARD
    return Part(tier, _full_gib(snapshot), PriceUnit.GIB_MONTH, label)


def _has_older(facts: Facts) -> bool:
    made = _made_at(facts.subject)
    return any(_made_at(other) < made for other in facts.related(RelationshipKind.CREATED_FROM, SNAPSHOT))


def _cost(facts: Facts) -> Saving:
    """What a snapshot costs. Of several of a volume only the first is full."""
    archived = facts.subject.text("storageTier") == "archive"
    if facts.cost is None and _has_older(facts) and not archived:
        return unknown(_INCREMENTAL)
    return whole(facts, _stored(facts.subject))


def _is_kept_by_others(facts: Facts) -> bool:
    """Whether an image needs the snapshot, or AWS Backup looks after it."""
    facts.none_other(IMAGE)
    return bool(facts.related(RelationshipKind.CREATED_FROM, IMAGE)) or _MADE_BY_BACKUP in facts.subject.tags


def _orphan(facts: Facts) -> Finding | None:
    snapshot = facts.subject
    volume = snapshot.text("volumeId")
    if volume is None or not facts.is_older(_made_at(snapshot), MIN_AGE_DAYS) or _is_kept_by_others(facts):
        return None
    facts.none_other(VOLUME)
    if facts.related(RelationshipKind.CREATED_FROM, VOLUME):
        return None
    return Finding(
        saving=_cost(facts),
        evidence=(
            Evidence("made at", _made_at(snapshot).isoformat()),
            Evidence("volume that is gone", volume),
            Evidence("stored, at most", f"{_full_gib(snapshot):.1f}", "GiB"),
        ),
    )


def _old(facts: Facts) -> Finding | None:
    snapshot = facts.subject
    if snapshot.text("volumeId") is None or snapshot.text("storageTier") == "archive":
        return None
    made = _made_at(snapshot)
    if not facts.is_older(made, MIN_AGE_DAYS) or _is_kept_by_others(facts):
        return None
    newer = [other for other in facts.related(RelationshipKind.CREATED_FROM, SNAPSHOT) if _made_at(other) > made]
    if not newer:
        return None
    archived = Part(_ARCHIVE, _full_gib(snapshot), PriceUnit.GIB_MONTH, "GiB in the archive, at most")
    return Finding(
        saving=less(facts, then=[archived], why=_INCREMENTAL),
        evidence=(
            Evidence("made at", made.isoformat()),
            Evidence("newer ones of the volume", str(len(newer))),
            Evidence("stored, at most", f"{_full_gib(snapshot):.1f}", "GiB"),
        ),
        target="archive",
    )


def _unused_image(facts: Facts) -> Finding | None:
    image = facts.subject
    launched = image.last_used_at or image.created_at or image.first_seen_at
    if image.flag("public") or _MADE_BY_BACKUP in image.tags or not facts.is_older(launched, MIN_AGE_DAYS):
        return None
    for user in (INSTANCE, TEMPLATE):
        facts.none_other(user)
        if facts.related(RelationshipKind.CREATED_FROM, user):
            return None
    last = image.last_used_at
    return Finding(
        saving=_backing(facts),
        evidence=(
            Evidence("last launched at", last.isoformat() if last else "never"),
            Evidence("instances and launch templates that use it", "0"),
        ),
        covers_parts=True,
    )


def _backing(facts: Facts) -> Saving:
    """What the snapshots behind an image cost: the image itself is not paid."""
    snapshots = {each.native_id: each for each in facts.related(RelationshipKind.CREATED_FROM, SNAPSHOT)}
    names = [str(name) for name in facts.subject.items("snapshotIds")]
    if not names:
        return unknown("It has no snapshots; its files are in S3.")
    if missing := [name for name in names if name not in snapshots]:
        return unknown(f"Its snapshots were not all read: {', '.join(missing)}.")
    stored = ((snapshots[name], f"GiB at most of {name}") for name in names)
    return in_all(facts, *(replace(_stored(each, label), of=each) for each, label in stored))


CHECKS: Final = (
    Check(
        id="aws.snapshot.orphan",
        title="Snapshot of a volume that is gone",
        description="The volume that the snapshot was taken of does not exist any more, and no image uses it. Copies, "
        "which never had a volume here, and what AWS Backup made are left out.",
        provider=Provider.AWS,
        area=Area.STORAGE,
        resource_types=(SNAPSHOT,),
        severity=Severity.MEDIUM,
        confidence=Confidence.LIKELY,
        remedy=Remedy.DELETE,
        remediation="Ask whoever ran the volume whether its data has to be kept. Delete the snapshot, or archive it.",
        find=_orphan,
        properties=_SNAPSHOT,
        prices=(_STANDARD, _ARCHIVE),
        saving="What the snapshot stores; without charges of its own at most its full size, and for one that builds on "
        "older ones unknown.",
        parameters=(days(MIN_AGE_DAYS, 30, "How old it has to be."),),
        neighbours=(_OF_VOLUME, _OF_SAME_VOLUME, _USED_BY),
        absence_of=(VOLUME, IMAGE),
        links=(_PRICING, _GUIDE),
    ),
    Check(
        id="aws.snapshot.old",
        title="Old snapshot that newer ones have replaced",
        description="There are newer snapshots of the same volume, so this one serves only to go back further. The "
        "archive keeps it for a quarter of the price, though always in full.",
        provider=Provider.AWS,
        area=Area.STORAGE,
        resource_types=(SNAPSHOT,),
        severity=Severity.LOW,
        confidence=Confidence.POSSIBLE,
        remedy=Remedy.CHANGE_TYPE,
        remediation="Delete it if nobody has to go back that far; newer ones lose nothing. Else move it to the "
        "archive, where it stays for 90 days at least. Let Data Lifecycle Manager do so from now on.",
        find=_old,
        properties=_SNAPSHOT,
        prices=(_ARCHIVE,),
        saving="Its own charges less the price of its full size in the archive; deleting it saves all.",
        parameters=(days(MIN_AGE_DAYS, 90, "How old it has to be."),),
        neighbours=(_OF_SAME_VOLUME, _USED_BY),
        absence_of=(IMAGE,),
        links=(_PRICING, "https://docs.aws.amazon.com/ebs/latest/userguide/snapshot-archive.html"),
    ),
    Check(
        id="aws.ami.unused",
        title="Machine image that nobody launches",
        description="No instance and no launch template uses the image, and none was launched from it for long. The "
        "snapshots behind it are paid. Public images and what AWS Backup made are left out.",
        provider=Provider.AWS,
        area=Area.STORAGE,
        resource_types=(IMAGE,),
        severity=Severity.LOW,
        confidence=Confidence.LIKELY,
        remedy=Remedy.DELETE,
        remediation="Disable the image first, which can be undone. If nobody misses it for some weeks, deregister it "
        "and delete its snapshots. Launch configurations and older versions of templates may still name it.",
        find=_unused_image,
        properties=("public", "snapshotIds"),
        prices=(_STANDARD, _ARCHIVE),
        saving="What its snapshots store, at most their full size.",
        parameters=(days(MIN_AGE_DAYS, 90, "How long ago it was launched last, or made if it never was."),),
        neighbours=(
            Neighbours(RelationshipKind.CREATED_FROM, INSTANCE),
            Neighbours(RelationshipKind.CREATED_FROM, TEMPLATE),
            _ITS_SNAPSHOTS,
        ),
        absence_of=(INSTANCE, TEMPLATE),
        links=(_PRICING, "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/disable-an-ami.html"),
    ),
)
