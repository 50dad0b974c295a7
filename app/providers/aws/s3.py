"""Reads S3: buckets with what decides on their costs: lifecycle, versions, unfinished uploads, tiering."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from app.providers.aws.asking import Answers, Asking, read_each
from app.providers.aws.errors import REFUSED_BY_REGION
from app.providers.aws.reading import moment, paged, plain, tags
from app.providers.aws.session import AwsConnection
from app.providers.base import GLOBAL, Collector, FoundResource, Service

PAGE: Final = 250
"""Buckets a page; S3 tells the regions of buckets only when it is asked for pages."""
_GONE: Final = frozenset({"NoSuchBucket"})
_OLD_NAMES: Final = {"": "us-east-1", "EU": "eu-west-1"}
"""Location constraints of the first regions."""
_OF_RULES: Final = ("lifecycleRules", "transitions", "expiresNoncurrentVersions", "abortsIncompleteUploads")
_NO_ENCRYPTION: Final = frozenset({"ServerSideEncryptionConfigurationNotFoundError"})
_NO_LIFECYCLE: Final = frozenset({"NoSuchLifecycleConfiguration"})
_NO_TAGS: Final = frozenset({"NoSuchTagSet"})


def buckets(connection: AwsConnection, region: str) -> Iterator[list[FoundResource]]:
    """All buckets of the account, whatever region they are in.

    The policy of a bucket, or a region that is switched off, may keep single parts from us: those are unknown.
    """
    client = connection.client("s3", region)
    asking = Asking(client, denials=REFUSED_BY_REGION)
    for page in paged(client, "list_buckets", "Buckets", PaginationConfig={"PageSize": PAGE}):
        yield from read_each(page, partial(_bucket, connection, asking), _GONE)


def _bucket(connection: AwsConnection, asking: Asking, bucket: Mapping[str, Any]) -> FoundResource:
    name = bucket["Name"]
    located = asking.about()
    region = bucket.get("BucketRegion") or _region(located, name)
    # Asked anywhere else, S3 sends every single call on to the bucket's region.
    answers = asking.through(connection.client("s3", region or GLOBAL)).about(*located.unreadable)
    tagged = answers.one("get_bucket_tagging", ("tags",), _NO_TAGS, Bucket=name)
    return FoundResource(
        service="AmazonS3",
        resource_type="AWS::S3::Bucket",
        native_id=name,
        name=name,
        region=region,
        tags=tags(tagged.get("TagSet")),
        created_at=moment(bucket.get("CreationDate")),
        properties=answers.known(
            {
                "arn": f"arn:{connection.partition}:s3:::{name}",
                **_properties(answers, name),
            }
        ),
    )


def _properties(answers: Answers, name: str) -> dict[str, Any]:
    """What a bucket tells in calls of its own."""
    rules = answers.one("get_bucket_lifecycle_configuration", _OF_RULES, _NO_LIFECYCLE, Bucket=name).get("Rules", ())
    versioning = answers.one("get_bucket_versioning", ("versioning",), Bucket=name)
    encryption = answers.one("get_bucket_encryption", ("encryption",), _NO_ENCRYPTION, Bucket=name)
    uploads = answers.one("list_multipart_uploads", ("incompleteUploads",), Bucket=name)
    measured = answers.all(
        "list_bucket_metrics_configurations", "MetricsConfigurationList", ("requestMetricsFilter",), Bucket=name
    )
    tiering = answers.all(
        "list_bucket_intelligent_tiering_configurations",
        "IntelligentTieringConfigurationList",
        ("intelligentTiering",),
        Bucket=name,
    )
    return {
        # A bucket that never had versions says nothing.
        "versioning": versioning.get("Status", "Disabled"),
        **_lifecycle(rules),
        "encryption": _encryption(encryption.get("ServerSideEncryptionConfiguration", {}).get("Rules", ())),
        "intelligentTiering": [_tiering(configuration) for configuration in tiering],
        "incompleteUploads": _uploads(uploads),
        # What requests to the whole bucket are counted under; null where they are not counted.
        "requestMetricsFilter": next((found["Id"] for found in measured if not found.get("Filter")), None),
    }


def _lifecycle(rules: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the rules come to; only rules that are switched on count."""
    working = [rule for rule in rules if rule.get("Status") == "Enabled"]
    return {
        "lifecycleRules": [_rule(rule) for rule in rules],
        "transitions": any(rule.get("Transitions") for rule in working),
        "expiresNoncurrentVersions": any(rule.get("NoncurrentVersionExpiration") for rule in working),
        "abortsIncompleteUploads": any(rule.get("AbortIncompleteMultipartUpload") for rule in working),
    }


def _rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    scope = rule.get("Filter") or {}
    both = scope.get("And") or {}
    expiration = rule.get("Expiration") or {}
    noncurrent = rule.get("NoncurrentVersionExpiration") or {}
    prefix = rule.get("Prefix") or scope.get("Prefix") or both.get("Prefix") or None
    return {
        "id": rule.get("ID"),
        "enabled": rule.get("Status") == "Enabled",
        "prefix": prefix,
        "wholeBucket": prefix is None and not set(scope) - {"Prefix"},
        "expirationDays": expiration.get("Days"),
        "expirationAt": plain(expiration.get("Date")),
        "transitions": [_transition(step, "Days") for step in rule.get("Transitions") or ()],
        "noncurrentExpirationDays": noncurrent.get("NoncurrentDays"),
        "noncurrentVersionsKept": noncurrent.get("NewerNoncurrentVersions"),
        "noncurrentTransitions": [
            _transition(step, "NoncurrentDays") for step in rule.get("NoncurrentVersionTransitions") or ()
        ],
        "abortIncompleteUploadsDays": (rule.get("AbortIncompleteMultipartUpload") or {}).get("DaysAfterInitiation"),
    }


def _transition(step: Mapping[str, Any], days: str) -> dict[str, Any]:
    return {"days": step.get(days), "at": plain(step.get("Date")), "storageClass": step.get("StorageClass")}


def _region(answers: Answers, name: str) -> str | None:
    """The region of a bucket whose list does not tell it; None where it is not told either."""
    answer = answers.one("get_bucket_location", ("region",), Bucket=name)
    constraint = answer.get("LocationConstraint") or ""
    return _OLD_NAMES.get(constraint, constraint) if answer else None


def _encryption(rules: Sequence[Mapping[str, Any]]) -> str:
    return next((str(rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"]) for rule in rules), "NONE")


def _tiering(configuration: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": configuration["Id"],
        "enabled": configuration.get("Status") == "Enabled",
        "tiers": [{"tier": tier["AccessTier"], "days": tier["Days"]} for tier in configuration["Tierings"]],
    }


def _uploads(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Unfinished uploads on the first page, which has up to 1,000 in the order of their keys, not of their age."""
    begun = sorted(upload["Initiated"] for upload in answer.get("Uploads") or ())
    return {
        "count": len(begun),
        "oldestStartedAt": plain(begun[0]) if begun else None,
        "newestStartedAt": plain(begun[-1]) if begun else None,
        "truncated": bool(answer.get("IsTruncated")),
    }


SERVICE: Final = Service(
    "s3",
    (
        Collector(
            ("AWS::S3::Bucket",),
            (
                "s3:ListAllMyBuckets",
                "s3:GetBucketLocation",
                "s3:GetBucketTagging",
                "s3:GetBucketVersioning",
                "s3:GetEncryptionConfiguration",
                "s3:GetIntelligentTieringConfiguration",
                "s3:GetLifecycleConfiguration",
                "s3:GetMetricsConfiguration",
                "s3:ListBucketMultipartUploads",
            ),
            buckets,
        ),
    ),
    is_global=True,
)
