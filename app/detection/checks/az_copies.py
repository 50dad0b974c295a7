"""Snapshots and images that nobody needs, or that are kept on dearer storage than they need."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Final

from app.detection.check import MIN_AGE_DAYS, Area, Check, Neighbours, days
from app.detection.checks.az_facts import LEARN, MACHINE, PRICING, SCALE_SET, each_of, number, sku, told
from app.detection.facts import Facts, Subject
from app.detection.finding import Evidence, Finding
from app.detection.savings import Part, difference, unknown, whole
from app.records import Provider, RelationshipKind
from app.records.detection import Confidence, PriceUnit, Remedy, Saving, Severity

SNAPSHOT: Final = "microsoft.compute/snapshots"
IMAGE: Final = "microsoft.compute/images"
VERSION: Final = "microsoft.compute/galleries/images/versions"
_STANDARD: Final = "standard_lrs"
_BACKUP_GROUP: Final = "azurebackuprg"
"""The resource groups in which Azure Backup keeps its own snapshots."""
_INCREMENTAL: Final = (
    "It keeps only what changed since an older snapshot of the disk; how much that is, only its charges tell."
)
_PRICES: Final = ("az.snapshot.*",)
_MACHINES: Final = tuple(Neighbours(RelationshipKind.CREATED_FROM, kind) for kind in (MACHINE, SCALE_SET))
_VERSIONS: Final = Neighbours(RelationshipKind.MEMBER_OF, VERSION, siblings=True)


def _made_at(copy: Subject) -> datetime:
    return copy.created_at or copy.first_seen_at


def _is_of_backup(snapshot: Subject) -> bool:
    return (snapshot.text("resourceGroup") or "").lower().startswith(_BACKUP_GROUP)


def _stored(snapshot: Subject, kind: str) -> Part:
    return Part(f"az.snapshot.{kind}", snapshot.number("diskSizeGB"), PriceUnit.GIB_MONTH, f"GiB at most, {kind}")


def _is_incremental(snapshot: Subject) -> bool:
    return snapshot.text("incremental") is not None and snapshot.flag("incremental")


def _old_snapshot(facts: Facts) -> Finding | None:
    snapshot = facts.subject
    made = _made_at(snapshot)
    if _is_of_backup(snapshot) or not facts.is_older(made, MIN_AGE_DAYS):
        return None
    return Finding(
        saving=_snapshot_cost(facts),
        evidence=(
            Evidence("made at", made.isoformat()),
            Evidence("size of the disk", snapshot.text("diskSizeGB") or "not told", "GiB"),
        ),
    )


def _snapshot_cost(facts: Facts) -> Saving:
    if facts.cost is None and _is_incremental(facts.subject):
        return unknown(_INCREMENTAL)
    return whole(facts, _stored(facts.subject, sku(facts.subject)))


def _premium_snapshot(facts: Facts) -> Finding | None:
    snapshot = facts.subject
    kind = sku(snapshot)
    if not kind.startswith("premium") or _is_of_backup(snapshot):
        return None
    dearer, cheaper = _stored(snapshot, kind), _stored(snapshot, _STANDARD)
    return Finding(
        saving=unknown(_INCREMENTAL) if _is_incremental(snapshot) else difference(facts, now=[dearer], then=[cheaper]),
        evidence=(Evidence("storage", kind), Evidence("size of the disk", f"{dearer.quantity:f}", "GiB")),
        target=_STANDARD,
    )


def _unused_image(facts: Facts) -> Finding | None:
    image = facts.subject
    made = _made_at(image)
    if not facts.is_older(made, MIN_AGE_DAYS):
        return None
    for kind in (MACHINE, SCALE_SET):
        facts.none_other(kind)
        if facts.related(RelationshipKind.CREATED_FROM, kind):
            return None
    if image.resource_type == VERSION and not _has_newer(facts):
        return None
    return Finding(
        saving=whole(facts, *_image_parts(image)),
        evidence=(Evidence("made at", made.isoformat()), Evidence("machines and scale sets made from it", "none")),
    )


def _has_newer(facts: Facts) -> bool:
    """Whether there is a newer version of the image: the newest is what new machines are made from."""
    made = _made_at(facts.subject)
    return any(_made_at(other) > made for other in facts.related(RelationshipKind.MEMBER_OF, VERSION))


def _image_parts(image: Subject) -> list[Part]:
    profile = image.record("storageProfile")
    if image.resource_type == IMAGE:
        disks = [profile.get("osDisk"), *each_of(profile, "dataDisks")]
        size = sum((_size(image, disk, "diskSizeGB") for disk in disks if disk), Decimal(0))
        return [Part(f"az.snapshot.{_STANDARD}", size, PriceUnit.GIB_MONTH, "GiB at most")]
    disks = [profile.get("osDiskImage"), *each_of(profile, "dataDiskImages")]
    size = sum((_size(image, disk, "sizeInGB") for disk in disks if disk), Decimal(0))
    return [
        Part(f"az.snapshot.{kind}", size * count, PriceUnit.GIB_MONTH, f"GiB at most, {kind}, of all copies")
        for kind, count in _copies(image).items()
    ]


def _size(image: Subject, disk: object, name: str) -> Decimal:
    return number(image, disk, name)


def _copies(version: Subject) -> dict[str, Decimal]:
    """How many copies of a version there are in all regions, by the storage that they are on."""
    found: dict[str, Decimal] = {}
    for region in each_of(version.record("publishingProfile"), "targetRegions"):
        kind = (told(region, "storageAccountType") or _STANDARD).lower()
        found[kind] = found.get(kind, Decimal(0)) + number(version, region, "regionalReplicaCount", otherwise=1)
    return found


_check = partial(Check, provider=Provider.AZURE, area=Area.STORAGE, prices=_PRICES)
_PRICE_LIST: Final = PRICING + "managed-disks/"
CHECKS: Final = (
    _check(
        id="az.snapshot.old",
        title="Old snapshot of a disk",
        description="Snapshots are rarely needed once they are some months old, and are paid until they are deleted. "
        "Those that Azure Backup keeps are left out.",
        resource_types=(SNAPSHOT,),
        severity=Severity.LOW,
        confidence=Confidence.POSSIBLE,
        remedy=Remedy.DELETE,
        remediation="Ask its owner what it is kept for. Delete it, or let Azure Backup keep as many as a policy says.",
        find=_old_snapshot,
        properties=("sku", "diskSizeGB", "incremental", "resourceGroup"),
        saving="All of the snapshot: by its charges, else at most the size of its disk.",
        parameters=(days(MIN_AGE_DAYS, 90, "How old it has to be."),),
        links=(_PRICE_LIST, LEARN + "virtual-machines/snapshot-copy-managed-disk"),
    ),
    _check(
        id="az.snapshot.premium",
        title="Snapshot on premium storage",
        description="A snapshot is read when a disk is made from it, and Standard storage is fast enough for that at "
        "less than half the price.",
        resource_types=(SNAPSHOT,),
        severity=Severity.LOW,
        confidence=Confidence.OBVIOUS,
        remedy=Remedy.CHANGE_TYPE,
        remediation="Change its SKU to Standard_LRS, or Standard_ZRS where zones matter; let what makes the snapshots "
        "do so from the start.",
        find=_premium_snapshot,
        properties=("sku", "diskSizeGB", "incremental", "resourceGroup"),
        saving="Price of its size on premium storage less the price on Standard storage.",
        links=(_PRICE_LIST, LEARN + "virtual-machines/disks-incremental-snapshots"),
    ),
    _check(
        id="az.image.unused",
        title="Image that no machine was made from",
        description="Neither a machine nor a scale set of the subscription was made from it. Of a gallery's image the "
        "newest version is left out, which new machines are made from.",
        resource_types=(IMAGE, VERSION),
        severity=Severity.LOW,
        confidence=Confidence.POSSIBLE,
        remedy=Remedy.DELETE,
        remediation="Ask who built it, and whether other subscriptions that a gallery is shared with use it. Then "
        "delete it.",
        find=_unused_image,
        properties=("storageProfile", "publishingProfile"),
        saving="Storage of all its copies, at most the size of its disks.",
        parameters=(days(MIN_AGE_DAYS, 90, "How old it has to be."),),
        neighbours=(*_MACHINES, _VERSIONS),
        absence_of=(MACHINE, SCALE_SET),
        links=(_PRICE_LIST, LEARN + "virtual-machines/azure-compute-gallery"),
    ),
)
