"""Disks, copies of them, and buckets: waste, and what only looks like it."""

from __future__ import annotations

from typing import Any

from tests.waste.gcp_seeding import (
    GIB,
    GLOBAL,
    OLD,
    REGION,
    ZONE,
    Seed,
    Used,
    ago,
    compute,
    link,
    number,
)

DAY = 86_400
STORAGE = "storage.googleapis.com"


def disk(
    name: str,
    kind: str = "pd-balanced",
    gib: int = 100,
    *,
    of: str | None = None,
    detached: float | None = None,
    born: float = OLD,
    location: str = ZONE,
    **data: Any,
) -> Seed:
    """A disk that is attached to a machine, or was detached so many days ago."""
    told: dict[str, Any] = {"type": link("diskTypes", kind, location), "sizeGb": str(gib), "status": "READY"}
    if of is not None:
        told |= {"users": [link("instances", of)], "lastAttachTimestamp": ago(born)}
    if detached is not None:
        told["lastDetachTimestamp"] = ago(detached)
    kind_of_asset = "Disk" if location == ZONE else "RegionDisk"
    return compute(kind_of_asset, "disks", name, told | data, location, born=born)


def snapshot(name: str, of: str, gib: int, born: float, *, location: str = REGION, **data: Any) -> Seed:
    """A copy of a disk, which may be there or not."""
    told = {
        "status": "READY",
        "sourceDisk": link("disks", of),
        "sourceDiskId": number(of),
        "diskSizeGb": "500",
        "storageBytes": str(gib * GIB),
        "storageLocations": [location],
        "snapshotType": "STANDARD",
    }
    made = compute("Snapshot", "snapshots", name, told | data, GLOBAL, born=born)
    return Seed(made.label, made.kind, made.path, made.data, location)


def image(name: str, gib: int = 30, born: float = OLD, **data: Any) -> Seed:
    """An image of an operating system."""
    told = {"status": "READY", "archiveSizeBytes": str(gib * GIB), "diskSizeGb": "50", "storageLocations": [REGION]}
    made = compute("Image", "images", name, told | data, GLOBAL, born=born)
    return Seed(made.label, made.kind, made.path, made.data, REGION)


def template(name: str, source: str) -> Seed:
    """An instance template with a boot disk made from an image."""
    disks = [{"boot": True, "initializeParams": {"sourceImage": source}}]
    properties = {"machineType": "n2-standard-4", "disks": disks}
    return compute("InstanceTemplate", "instanceTemplates", name, {"properties": properties}, GLOBAL)


def bucket(
    name: str,
    live: int | None,
    *,
    called: str = "REGIONAL",
    requests: int = 100,
    old: int | None = None,
    deleted: int | None = None,
    born: float = OLD,
    location: str = REGION,
    **data: Any,
) -> Seed:
    """A bucket with so many GiB that are there, of old versions and deleted, and so many requests an hour.

    `called` is what its metrics call the class Standard.
    """
    told = {
        "name": name,
        "timeCreated": ago(born),
        "locationType": "region" if location == REGION else "multi-region",
        "storageClass": "STANDARD",
        "softDeletePolicy": {"retentionDurationSeconds": str(7 * DAY)},
    } | data
    whose = {"resource.labels.bucket_name": name, "resource.labels.location": location}
    sizes = {"live-object": live, "noncurrent-object": old, "soft-deleted-object": deleted}
    used = [
        Used(
            f"{STORAGE}/storage/v2/total_bytes",
            "gcs_bucket",
            {**whose, "metric.labels.type": kind, "metric.labels.storage_class": called},
            gib * GIB,
        )
        for kind, gib in sizes.items()
        if gib is not None
    ]
    if requests:
        labels = {**whose, "metric.labels.method": "ReadObject", "metric.labels.response_code": "OK"}
        used.append(Used(f"{STORAGE}/api/request_count", "gcs_bucket", labels, requests))
    return Seed(name, f"{STORAGE}/Bucket", name, told, location.upper(), tuple(used))


def rule(action: str = "Delete", **condition: Any) -> dict[str, Any]:
    """A lifecycle of one rule."""
    return {"rule": [{"action": {"type": action}, "condition": condition}]}


TIDY = rule(age=365)
ENDS_VERSIONS = rule(daysSinceNoncurrentTime=30)
VERSIONED = {"enabled": True}
LONG = {"retentionDurationSeconds": str(14 * DAY)}
SHARED = [link("instances", "database-host"), link("instances", "quiet-host")]
POOL = link("storagePools", "pool")
SEEDS: tuple[Seed, ...] = (
    disk("loose-disk", "pd-ssd", 500, detached=30),
    disk("loose-hyperdisk", "hyperdisk-balanced", 200, provisionedIops="5000", provisionedThroughput="300"),
    disk("loose-in-two-zones", gib=100, location=REGION, detached=8),
    disk("loose-in-a-pool", "hyperdisk-balanced", 100, provisionedIops="3000", storagePool=POOL),
    disk("detached-lately", "pd-ssd", 500, detached=6),
    disk("disk-of-a-week", "pd-ssd", 500, born=6),
    disk("kept-disk", "pd-ssd", 500, detached=30, labels={"keep": "yes"}),
    disk("cheap-disk", "pd-standard", 20, detached=30),
    disk("disk-being-made", "pd-ssd", 500, status="CREATING"),
    disk("attached-disk", of="busy-machine"),
    disk("boot-of-stopped", gib=50, of="stopped-machine"),
    disk("data-of-stopped", "pd-ssd", 200, of="stopped-machine"),
    disk("disk-of-stopped-lately", "pd-ssd", 200, of="stopped-lately"),
    disk("disk-of-a-machine-elsewhere", of="machine-that-was-not-read"),
    disk("fast-disk", "pd-ssd", 1000, of="database-host"),
    disk("many-operations", "pd-extreme", 500, of="ledger-host", provisionedIops="20000"),
    disk("used-disk", "pd-ssd", 1000, of="search-host"),
    disk("used-operations", "pd-extreme", 500, of="archive-host", provisionedIops="20000"),
    disk("shared-disk", "pd-ssd", 1000, of="database-host", users=SHARED),
    disk("unmeasured-disk", "pd-ssd", 1000, of="quiet-host"),
    snapshot("orphan-snapshot", "gone-disk", 50, 60),
    snapshot("orphan-of-a-name-used-again", "attached-disk", 100, 60, location="us", sourceDiskId="77"),
    snapshot("orphan-in-the-archive", "another-gone-disk", 200, 60, snapshotType="ARCHIVE"),
    snapshot("orphan-of-late", "third-gone-disk", 50, 29),
    snapshot("copy-of-a-disk-that-is-there", "fast-disk", 50, 60),
    snapshot("first-snapshot", "used-disk", 40, 100),
    snapshot("second-snapshot", "used-disk", 40, 89),
    snapshot("last-snapshot", "used-disk", 40, 10),
    snapshot("only-snapshot", "unmeasured-disk", 40, 140),
    snapshot("old-in-the-archive", "used-disk", 40, 130, snapshotType="ARCHIVE"),
    # An orphan and an old one at once: its money counts once.
    snapshot("first-of-a-gone-disk", "fourth-gone-disk", 80, 120),
    snapshot("second-of-a-gone-disk", "fourth-gone-disk", 60, 80),
    image("unused-image"),
    image("unused-and-deprecated", 40, family="web", deprecated={"state": "DEPRECATED"}),
    image("image-of-late", born=89),
    image("image-of-a-disk"),
    disk("disk-of-an-image", of="busy-machine", sourceImage=link("images", "image-of-a-disk", GLOBAL)),
    image("image-of-a-template"),
    template("template-of-an-image", link("images", "image-of-a-template", GLOBAL)),
    image("newest-of-a-family", family="web"),
    template("template-of-a-family", link("images/family", "web", GLOBAL)),
    image("image-of-an-image"),
    image("image-made-of-it", born=30, sourceImage=link("images", "image-of-an-image", GLOBAL)),
    bucket("large-bucket", 500),
    bucket("large-bucket-in-many-regions", 800, called="MULTI_REGIONAL", location="us"),
    bucket("bucket-at-the-threshold", 100),
    bucket("bucket-with-rules", 500, lifecycle=TIDY),
    bucket("bucket-with-autoclass", 500, autoclass={"enabled": True}),
    bucket("unused-bucket", 200, requests=0, lifecycle=TIDY),
    # No lifecycle and no requests: the dearer one counts.
    bucket("unused-bucket-without-rules", 300, requests=0),
    bucket("unused-bucket-of-late", 200, requests=0, lifecycle=TIDY, born=29),
    bucket("unused-and-nearly-empty", 1, requests=0, lifecycle=TIDY),
    bucket("unused-in-the-archive", 200, requests=0, called="ARCHIVE", storageClass="ARCHIVE", lifecycle=TIDY),
    bucket("versions-for-ever", 50, old=300, versioning=VERSIONED),
    bucket("versions-that-end", 50, old=300, versioning=VERSIONED, lifecycle=ENDS_VERSIONS),
    bucket("few-versions", 50, old=1, versioning=VERSIONED),
    bucket("versions-no-more", 50, old=300, versioning={"enabled": False}, lifecycle=TIDY),
    bucket("deleted-for-long", 90, deleted=100, softDeletePolicy=LONG),
    bucket("deleted-for-a-week", 90, deleted=100),
    bucket("deleted-at-the-threshold", 1000, deleted=200, softDeletePolicy=LONG, lifecycle=TIDY),
    bucket("bucket-of-unknown-size", None),
)
