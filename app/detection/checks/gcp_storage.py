"""Cloud Storage: buckets whose objects never move or go, old versions, deleted objects that are kept."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from app.detection.check import LOOKBACK_DAYS, Area, Check, Daily, Metric, Parameter, days, percent
from app.detection.checks.gcp_values import at, listed, number, word
from app.detection.facts import Facts, Subject
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import GIB, latest, unused
from app.detection.savings import Part, difference, part
from app.records import Provider
from app.records.detection import Confidence, PriceUnit, Remedy, Severity

BUCKET: Final = "storage.googleapis.com/Bucket"
_DAYS_OF_SIZE: Final = 7
"""Sizes are told once a day: the newest of some days is taken."""
_DAY_SECONDS: Final = 86_400
_PROPERTIES: Final = ("storageClass", "metricClasses", "lifecycle", "versioning", "softDeletePolicy", "autoclass")
_PRICES: Final = ("gcp.storage.*",)
_PRICING: Final = "https://cloud.google.com/storage/pricing"
_LIFECYCLE: Final = "https://cloud.google.com/storage/docs/lifecycle"


def _size(key: str, kind: str) -> Metric:
    """Objects of the bucket's own storage class: there is a series for each class, and none of what there is not."""
    labels = (
        ("resource.labels.bucket_name", "name"),
        ("metric.labels.type", f"={kind}"),
        ("metric.labels.storage_class", "properties.metricClasses"),
    )
    name = "storage.googleapis.com/storage/v2/total_bytes"
    return Metric(key, name, Daily.AVERAGE, "gcs_bucket", labels, days=_DAYS_OF_SIZE, silent_at_zero=True)


_LIVE: Final = _size("liveBytes", "live-object")
_OLD: Final = _size("oldBytes", "noncurrent-object")
_DELETED: Final = _size("deletedBytes", "soft-deleted-object")
_REQUESTS: Final = Metric(
    "requests",
    "storage.googleapis.com/api/request_count",
    Daily.SUM,
    "gcs_bucket",
    (("resource.labels.bucket_name", "name"),),
    silent_at_zero=True,
)


def _rules(bucket: Subject) -> list[Any]:
    return [rule for rule in listed(bucket, "lifecycle.rule") if isinstance(rule, dict)]


def _is_autoclass(bucket: Subject) -> bool:
    return at(bucket, "autoclass.enabled") is True


def _stored(bucket: Subject, size: Decimal, label: str, storage_class: str | None = None) -> Part:
    name = (storage_class or word(bucket, "storageClass")).lower()
    return Part(f"gcp.storage.{name}", size, PriceUnit.GIB_MONTH, label)


def _no_lifecycle(facts: Facts) -> Finding | None:
    bucket = facts.subject
    if _is_autoclass(bucket) or _rules(bucket) or word(bucket, "storageClass") != "STANDARD":
        return None
    size = latest(facts, "liveBytes") / GIB
    cold = size * facts.threshold("coldPercent") / 100
    if size <= facts.threshold("sizeGiB") or cold <= 0:
        return None
    now, then = _stored(bucket, cold, "GiB as it is"), _stored(bucket, cold, "GiB in Nearline", "nearline")
    return Finding(
        saving=difference(facts, now=[now], then=[then]),
        evidence=(Evidence("in the class Standard", f"{size:.1f}", "GiB"), Evidence("lifecycle rules", "none")),
        target="lifecycle rules",
    )


def _inactive(facts: Facts) -> Finding | None:
    bucket = facts.subject
    if _is_autoclass(bucket) or word(bucket, "storageClass") == "ARCHIVE":
        return None
    evidence = unused(facts, "requests", unit="requests")
    if evidence is None:
        return None
    size = latest(facts, "liveBytes") / GIB
    if size <= facts.threshold("sizeGiB"):
        return None
    now, then = _stored(bucket, size, "GiB as it is"), _stored(bucket, size, "GiB in the archive", "archive")
    return Finding(
        saving=difference(facts, now=[now], then=[then]),
        evidence=(Evidence("stored", f"{size:.1f}", "GiB"), *evidence),
        target="archive",
    )


def _versions(facts: Facts) -> Finding | None:
    bucket = facts.subject
    if at(bucket, "versioning.enabled") is not True or any(map(_ends_versions, _rules(bucket))):
        return None
    size = latest(facts, "oldBytes") / GIB
    if size <= facts.threshold("sizeGiB"):
        return None
    return Finding(
        saving=part(facts, _stored(bucket, size, "GiB of old versions")),
        evidence=(Evidence("old versions", f"{size:.1f}", "GiB"), Evidence("expiry of old versions", "none")),
    )


def _ends_versions(rule: dict[str, Any]) -> bool:
    """Whether a rule deletes old versions some day: all that delete do, but those for live objects only."""
    condition = rule.get("condition") or {}
    return (rule.get("action") or {}).get("type") == "Delete" and condition.get("isLive") is not True


def _soft_delete(facts: Facts) -> Finding | None:
    bucket = facts.subject
    kept = number(bucket, "softDeletePolicy.retentionDurationSeconds") / _DAY_SECONDS
    if kept <= facts.threshold("retentionDays"):
        return None
    live, deleted = latest(facts, "liveBytes") / GIB, latest(facts, "deletedBytes") / GIB
    if deleted * 100 <= live * facts.threshold("deletedPercent"):
        return None
    return Finding(
        saving=part(facts, _stored(bucket, deleted, "GiB of deleted objects")),
        evidence=(
            Evidence("deleted objects are kept for", f"{kept:.0f}", "days"),
            Evidence("deleted objects", f"{deleted:.1f}", "GiB"),
            Evidence("objects that are there", f"{live:.1f}", "GiB"),
        ),
    )


def _check(id_: str, title: str, **rest: Any) -> Check:
    return Check(
        id=id_,
        title=title,
        provider=Provider.GCP,
        area=Area.STORAGE,
        resource_types=(BUCKET,),
        properties=_PROPERTIES,
        prices=_PRICES,
        **rest,
    )


CHECKS: Final = (
    _check(
        "gcp.storage.no_lifecycle",
        "Large bucket without lifecycle rules",
        description="All objects stay in the class Standard for ever, also those that nobody reads any more. How many "
        "those are is taken from the rule: Google does not tell when objects were read.",
        severity=Severity.LOW,
        confidence=Confidence.POSSIBLE,
        remedy=Remedy.CONFIGURE,
        remediation="Add rules that move objects to Nearline, Coldline or Archive, and delete what is not needed; or "
        "turn on Autoclass if it is not known what is read. Reading from colder classes costs extra.",
        find=_no_lifecycle,
        saving="Price of the cold part in Standard less its price in Nearline.",
        parameters=(
            Parameter("sizeGiB", Decimal(100), "GiB", "It has to hold more than this."),
            percent("coldPercent", 50, "How much of it is taken to be cold."),
        ),
        metrics=(_LIVE,),
        links=(_PRICING, _LIFECYCLE),
    ),
    _check(
        "gcp.storage.inactive",
        "Bucket that nobody uses",
        description="No object was read, written or listed. What has to be kept can be kept in the archive.",
        severity=Severity.MEDIUM,
        confidence=Confidence.LIKELY,
        remedy=Remedy.CHANGE_TYPE,
        remediation="Ask its owner. Delete what is not needed, and move the rest to Archive by a lifecycle rule; it "
        "has to stay there for a year, and reading it costs extra.",
        find=_inactive,
        saving="Price of what is stored less its price in Archive; all of it if it is deleted.",
        parameters=(
            Parameter("sizeGiB", Decimal(1), "GiB", "It has to hold more than this."),
            days(LOOKBACK_DAYS, 30, "How many days are looked at.", most=90),
        ),
        metrics=(_LIVE, _REQUESTS),
        links=(_PRICING, "https://cloud.google.com/storage/docs/storage-classes"),
    ),
    _check(
        "gcp.storage.versions",
        "Bucket that keeps old versions for ever",
        description="Each object that is written over or deleted stays as an old version and is paid like any other, "
        "and no lifecycle rule ends that.",
        severity=Severity.MEDIUM,
        confidence=Confidence.LIKELY,
        remedy=Remedy.CONFIGURE,
        remediation="Add a lifecycle rule that deletes old versions after some days, or all but the newest few.",
        find=_versions,
        saving="All old versions of the bucket's own class.",
        parameters=(Parameter("sizeGiB", Decimal(1), "GiB", "Old versions have to take more than this."),),
        metrics=(_OLD,),
        links=(_PRICING, "https://cloud.google.com/storage/docs/object-versioning", _LIFECYCLE),
    ),
    _check(
        "gcp.storage.soft_delete",
        "Bucket that keeps deleted objects for long",
        description="Deleted objects stay for the days of the soft delete policy and are paid all the same. Where much "
        "is written and deleted, that is a large part of the bill.",
        severity=Severity.LOW,
        confidence=Confidence.LIKELY,
        remedy=Remedy.CONFIGURE,
        remediation="Keep deleted objects for fewer days, or turn soft delete off for what can be made again, such as "
        "caches and build results.",
        find=_soft_delete,
        saving="All deleted objects of the bucket's own class: what turning soft delete off saves.",
        parameters=(
            days("retentionDays", 7, "Deleted objects have to be kept for more days than this.", most=90),
            Parameter(
                "deletedPercent", Decimal(20), "percent", "Deleted objects have to be more than this of what is there."
            ),
        ),
        metrics=(_LIVE, _DELETED),
        links=(_PRICING, "https://cloud.google.com/storage/docs/soft-delete"),
    ),
)
