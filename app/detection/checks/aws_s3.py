"""S3: buckets whose objects never move or go, and buckets that nobody uses."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Final

from app.detection.check import LOOKBACK_DAYS, MIN_AGE_DAYS, Area, Check, Daily, Metric, Parameter, days, percent
from app.detection.facts import Facts, UnknownFactError
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import GIB, exact, has_lived, latest
from app.detection.savings import Part, difference, unknown, whole
from app.records import Provider
from app.records.detection import Confidence, PriceUnit, Remedy, Severity

BUCKET: Final = "AWS::S3::Bucket"
_DAYS_OF_SIZE: Final = 7
"""S3 tells sizes once a day and up to two days late: the newest of some days is taken."""


def _size(key: str, storage: str) -> Metric:
    dimensions = (("BucketName", "name"), ("StorageType", f"={storage}"))
    return Metric(key, "BucketSizeBytes", Daily.AVERAGE, "AWS/S3", dimensions, days=_DAYS_OF_SIZE)


def _requests(key: str, name: str) -> Metric:
    dimensions = (("BucketName", "name"), ("FilterId", "properties.requestMetricsFilter"))
    return Metric(key, name, Daily.SUM, "AWS/S3", dimensions, silent_at_zero=True)


_STANDARD: Final = _size("standardBytes", "StandardStorage")
_WRITING: Final = ("puts", "posts", "lists")
_READING: Final = ("gets", "heads")
_REQUESTS: Final = (
    _requests("puts", "PutRequests"),
    _requests("posts", "PostRequests"),
    _requests("lists", "ListRequests"),
    _requests("gets", "GetRequests"),
    _requests("heads", "HeadRequests"),
)


def _standard_gib(facts: Facts) -> Decimal:
    return latest(facts, "standardBytes") / GIB


def _no_lifecycle(facts: Facts) -> Finding | None:
    bucket = facts.subject
    if any(rule.get("enabled") for rule in bucket.items("lifecycleRules")):
        return None
    size = _standard_gib(facts)
    cold = size * facts.threshold("coldPercent") / 100
    if size <= facts.threshold("sizeGiB") or cold <= 0:
        return None
    now = Part("s3.standard.storage", cold, PriceUnit.GIB_MONTH, "GiB taken to be cold")
    then = Part("s3.standard_ia.storage", cold, PriceUnit.GIB_MONTH, "GiB taken to be cold")
    rest = Part("s3.standard.storage", size - cold, PriceUnit.GIB_MONTH, "GiB that stay")
    return Finding(
        saving=difference(facts, now=[now], then=[then], beside=[rest]),
        evidence=(Evidence("in the class Standard", f"{size:.1f}", "GiB"), Evidence("lifecycle rules", "none")),
        target="lifecycle rules",
    )


def _unfinished_uploads(facts: Facts) -> Finding | None:
    bucket = facts.subject
    uploads = bucket.record("incompleteUploads")
    if bucket.flag("abortsIncompleteUploads"):
        return None
    begun = uploads.get("oldestStartedAt")
    if begun is None or not facts.is_older(oldest := datetime.fromisoformat(begun), MIN_AGE_DAYS):
        return None
    count = f"{uploads.get('count')}{' or more' if uploads.get('truncated') else ''}"
    return Finding(
        saving=unknown("S3 does not tell the size of uploads that were not finished; Storage Lens does."),
        evidence=(Evidence("uploads", count), Evidence("oldest begun", oldest.isoformat())),
    )


def _noncurrent(facts: Facts) -> Finding | None:
    bucket = facts.subject
    if bucket.text("versioning") not in {"Enabled", "Suspended"} or bucket.flag("expiresNoncurrentVersions"):
        return None
    return Finding(
        saving=unknown("S3 does not tell what old versions hold; an inventory or Storage Lens does."),
        evidence=(
            Evidence("versioning", str(bucket.text("versioning"))),
            Evidence("expiry of old versions", "none"),
        ),
    )


def _abandoned(facts: Facts) -> Finding | None:
    bucket = facts.subject
    if not has_lived(facts):
        return None
    if bucket.text("requestMetricsFilter") is None:
        message = f"Requests to {bucket.name} are not counted: it has no request metrics of the whole bucket."
        raise UnknownFactError(message)
    size = _standard_gib(facts)
    writing = sum((exact(facts.usage(key).total) for key in _WRITING), Decimal(0))
    reading = sum((exact(facts.usage(key).total) for key in _READING), Decimal(0))
    if writing >= facts.threshold("writeRequests") or reading >= facts.threshold("readRequests"):
        return None
    if size <= facts.threshold("sizeGiB"):
        return None
    return Finding(
        saving=whole(facts, Part("s3.standard.storage", size, PriceUnit.GIB_MONTH, "GiB")),
        evidence=(
            Evidence("PUT, POST and LIST requests", f"{writing:f}"),
            Evidence("GET and HEAD requests", f"{reading:f}"),
            Evidence("in the class Standard", f"{size:.1f}", "GiB"),
        ),
    )


_check = partial(Check, provider=Provider.AWS, area=Area.STORAGE, resource_types=(BUCKET,))
_DOCS: Final = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/"
_PRICING: Final = "https://aws.amazon.com/s3/pricing/"

CHECKS: Final = (
    _check(
        id="aws.s3.no_lifecycle",
        title="Large bucket without lifecycle rules",
        description="All objects stay in the class Standard for ever, however long nobody has read them.",
        severity=Severity.MEDIUM,
        confidence=Confidence.POSSIBLE,
        remedy=Remedy.CONFIGURE,
        remediation="Look at storage class analysis or Storage Lens, then add lifecycle rules that move objects to "
        "Standard-IA or Glacier and expire what may go; or let Intelligent-Tiering decide.",
        find=_no_lifecycle,
        properties=("lifecycleRules",),
        prices=("s3.standard.storage", "s3.standard_ia.storage"),
        saving="Price as Standard less the price as Standard-IA, for the part that is taken to be cold.",
        parameters=(
            Parameter("sizeGiB", Decimal(100), "GiB", "It has to hold more than this in the class Standard."),
            percent("coldPercent", 50, "How much of it is taken to be read rarely; an assumption, for the money only."),
        ),
        metrics=(_STANDARD,),
        links=(_DOCS + "object-lifecycle-mgmt.html", _PRICING),
    ),
    _check(
        id="aws.s3.mpu",
        title="Bucket with uploads that were never finished",
        description="The parts of an unfinished upload are paid for, and no list of objects shows them.",
        severity=Severity.LOW,
        confidence=Confidence.OBVIOUS,
        remedy=Remedy.CONFIGURE,
        remediation="Add a lifecycle rule that aborts incomplete multipart uploads seven days after they began.",
        find=_unfinished_uploads,
        properties=("incompleteUploads", "abortsIncompleteUploads"),
        saving="The storage of the parts, whose size S3 does not tell.",
        parameters=(days(MIN_AGE_DAYS, 7, "How long ago the oldest of them has to have begun."),),
        links=(_DOCS + "abort-incomplete-mpu-lifecycle-config.html", _PRICING),
    ),
    _check(
        id="aws.s3.noncurrent",
        title="Bucket that keeps old versions for ever",
        description="With versions switched on, each overwritten or deleted object stays and is paid for.",
        severity=Severity.LOW,
        confidence=Confidence.POSSIBLE,
        remedy=Remedy.CONFIGURE,
        remediation="Add a lifecycle rule that expires noncurrent versions after as many days as you may want back.",
        find=_noncurrent,
        properties=("versioning", "expiresNoncurrentVersions"),
        saving="The storage of old versions, whose size S3 does not tell.",
        links=(_DOCS + "lifecycle-configuration-examples.html", _PRICING),
    ),
    _check(
        id="aws.s3.abandoned",
        title="Bucket that hardly anybody uses",
        description="Nearly nothing is written to it or read from it, and what it holds is paid for.",
        severity=Severity.LOW,
        confidence=Confidence.POSSIBLE,
        remedy=Remedy.REVIEW,
        remediation="Ask its owner: delete what nobody needs, or move it to Glacier Deep Archive.",
        find=_abandoned,
        properties=("requestMetricsFilter",),
        prices=("s3.standard.storage",),
        saving="All that it costs, or its storage in the class Standard by its price.",
        parameters=(
            Parameter("writeRequests", Decimal(100), "requests", "PUT, POST and LIST requests have to be fewer."),
            Parameter("readRequests", Decimal(2000), "requests", "GET and HEAD requests have to be fewer."),
            Parameter("sizeGiB", Decimal(1), "GiB", "It has to hold more than this in the class Standard."),
            days(LOOKBACK_DAYS, 7, "How many days are looked at.", most=90),
        ),
        metrics=(_STANDARD, *_REQUESTS),
        links=(_DOCS + "metrics-configurations.html", _PRICING),
    ),
)
