"""Reads S3: buckets with what decides on their costs: lifecycle, versions, unfinished uploads, tiering."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from app.providers.aws.errors import REFUSED_BY_REGION
from app.providers.aws.parts import Parts, read_each
from app.providers.aws.reading import moment, paged, plain, tags
from app.providers.aws.session import AwsConnection
from app.providers.base import GLOBAL, Collector, FoundResource, Service

PAGE: Final = 250
"""Buckets a page; S3 tells the regions of buckets only when it is asked for pages."""
_GONE: Final = frozenset({"NoSuchBucket"})
_OLD_NAMES: Final = {"": "us-east-1", "EU": "eu-west-1"}
"""Location constraints of the first regions."""
_OF_RULES: Final = ("lifecycleRules", "transitions", "expiresNoncurrentVersions", "abortsIncompleteUploads")
_NO_ENCRYPTION: Final = {"ServerSideEncryptionConfigurationNotFoundError": "NONE"}
_NO_LIFECYCLE: Final[Mapping[str, list[dict[str, Any]]]] = {"NoSuchLifecycleConfiguration": []}
_NO_TAGS: Final[Mapping[str, list[dict[str, Any]]]] = {"NoSuchTagSet": []}


def buckets(connection: AwsConnection, region: str) -> Iterator[list[FoundResource]]:
    """All buckets of the account, whatever region they are in.

    The policy of a bucket, or a region that is switched off, may keep single parts from us: those are unknown.
    """
    client = connection.client("s3", region)
    for page in paged(client, "list_buckets", "Buckets", PaginationConfig={"PageSize": PAGE}):
        yield from read_each(page, partial(_bucket, connection), _GONE)


def _bucket(connection: AwsConnection, bucket: Mapping[str, Any]) -> FoundResource:
    name = bucket["Name"]
    parts = Parts(REFUSED_BY_REGION)
    region = bucket.get("BucketRegion") or parts.read(("region",), lambda: _located(connection, name))
    # Asked anywhere else, S3 sends every single call on to the bucket's region.
    client = connection.client("s3", region or GLOBAL)
    told = parts.read(("tags",), lambda: client.get_bucket_tagging(Bucket=name)["TagSet"], _NO_TAGS)
    return FoundResource(
        service="AmazonS3",
        resource_type="AWS::S3::Bucket",
        native_id=name,
        name=name,
        region=region,
        tags=tags(told),
        created_at=moment(bucket.get("CreationDate")),
        properties=parts.told(
            {
                "arn": f"arn:{connection.partition}:s3:::{name}",
                **_properties(parts, client, name),
            }
        ),
    )


def _properties(parts: Parts, client: Any, name: str) -> dict[str, Any]:
    """What a bucket tells in calls of its own; None for what is unknown."""
    rules = parts.read(
        _OF_RULES, lambda: client.get_bucket_lifecycle_configuration(Bucket=name)["Rules"], _NO_LIFECYCLE
    )
    # A bucket that never had versions says nothing.
    versioning = parts.read(
        ("versioning",), lambda: str(client.get_bucket_versioning(Bucket=name).get("Status", "Disabled"))
    )
    return {
        "versioning": versioning,
        **_lifecycle(rules),
        "encryption": parts.read(("encryption",), lambda: _encryption(client, name), _NO_ENCRYPTION),
        "intelligentTiering": parts.read(("intelligentTiering",), lambda: _tiering(client, name)),
        "incompleteUploads": parts.read(("incompleteUploads",), lambda: _uploads(client, name)),
    }


def _lifecycle(rules: Sequence[Mapping[str, Any]] | None) -> dict[str, Any]:
    """What the rules come to; only rules that are switched on count. All None where the rules are unknown."""
    if rules is None:
        return dict.fromkeys(_OF_RULES)
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


def _located(connection: AwsConnection, name: str) -> str:
    told = connection.client("s3", GLOBAL).get_bucket_location(Bucket=name).get("LocationConstraint") or ""
    return _OLD_NAMES.get(told, told)


def _encryption(client: Any, name: str) -> str:
    rules = client.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
    return next((str(rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"]) for rule in rules), "NONE")


def _tiering(client: Any, name: str) -> list[dict[str, Any]]:
    pages = paged(
        client, "list_bucket_intelligent_tiering_configurations", "IntelligentTieringConfigurationList", Bucket=name
    )
    return [
        {
            "id": configuration["Id"],
            "enabled": configuration.get("Status") == "Enabled",
            "tiers": [{"tier": tier["AccessTier"], "days": tier["Days"]} for tier in configuration["Tierings"]],
        }
        for page in pages
        for configuration in page
    ]


def _uploads(client: Any, name: str) -> dict[str, Any]:
    """Unfinished uploads on the first page, which has up to 1,000 in the order of their keys, not of their age."""
    answer = client.list_multipart_uploads(Bucket=name)
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
                "s3:ListBucketMultipartUploads",
            ),
            buckets,
        ),
    ),
    is_global=True,
)
