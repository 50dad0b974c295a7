"""What guards an account: secrets, keys, trails, recorders of AWS Config, web ACLs. Never a secret's value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from app.providers.aws import waf
from app.providers.aws.asking import GONE, Answers, Asking, read_each
from app.providers.aws.reading import arn, moment, paged, tags
from app.providers.base import Collector, FoundResource, Service

_SECRET: Final = "AWS::SecretsManager::Secret"  # noqa: S105  (a type)
_KEY: Final = "AWS::KMS::Key"
_TRAIL: Final = "AWS::CloudTrail::Trail"
_RECORDER: Final = "AWS::Config::ConfigurationRecorder"
_KEY_DESCRIBED: Final = (
    "deletionAt",
    "enabled",
    "keyManager",
    "keySpec",
    "keyUsage",
    "multiRegion",
    "multiRegionType",
    "origin",
    "state",
)
_KEY_USED: Final = ("lastUsedAt", "usageTrackedSince")
_ROTATION: Final = ("rotationEnabled", "rotationPeriodDays")
_RECORDING: Final = ("lastStartedAt", "lastStoppedAt", "recording", "status")
_ALIASES: Final = 100
"""The most that a page may hold."""
_TRAILS_TAGGED_AT_ONCE: Final = 20
"""The most ARNs that one call of ListTags takes."""


def _secrets(connection: Any, region: str) -> Iterator[list[FoundResource]]:
    client = connection.client("secretsmanager", region)
    for page in paged(client, "list_secrets", "SecretList"):
        yield [_secret(region, secret) for secret in page]


def _secret(region: str, secret: dict[str, Any]) -> FoundResource:
    native_id = secret["ARN"]
    primary = secret.get("PrimaryRegion")
    return FoundResource(
        service="AWSSecretsManager",
        resource_type=_SECRET,
        native_id=native_id,
        name=secret["Name"],
        region=region,
        tags=tags(secret.get("Tags")),
        properties={
            "arn": native_id,
            "rotationEnabled": bool(secret.get("RotationEnabled")),
            "lastRotatedAt": _text(secret.get("LastRotatedDate")),
            "lastChangedAt": _text(secret.get("LastChangedDate")),
            "owningService": secret.get("OwningService"),
            "kmsKeyId": secret.get("KmsKeyId"),
            "primaryRegion": primary,
            "replica": bool(primary and primary != region),
        },
        created_at=moment(secret.get("CreatedDate")),
        # A day, told with a delay of a day at most.
        last_used_at=moment(secret.get("LastAccessedDate")),
    )


def _text(value: Any) -> str | None:
    told = moment(value)
    return told.isoformat() if told else None


def _keys(connection: Any, region: str) -> Iterator[list[FoundResource]]:
    client = connection.client("kms", region)
    asking = Asking(client)
    answers = asking.about()
    aliases: dict[str, list[str]] = {}
    for alias in answers.all("list_aliases", "Aliases", ("aliases",), Limit=_ALIASES):
        if alias.get("TargetKeyId"):
            aliases.setdefault(alias["TargetKeyId"], []).append(alias["AliasName"])
    for page in paged(client, "list_keys", "Keys"):
        # Keys that AWS manages cost nothing, and only they can have an alias below alias/aws/.
        own = [key for key in page if not any(name.startswith("alias/aws/") for name in aliases.get(key["KeyId"], ()))]
        for found in read_each(own, partial(_key, asking, answers.unreadable, region, aliases), GONE):
            yield [key for key in found if key.properties["keyManager"] != "AWS"]


def _key(
    asking: Asking, unreadable: list[str], region: str, aliases: Mapping[str, list[str]], key: dict[str, Any]
) -> FoundResource:
    answers = asking.about(*unreadable)
    identifier, native_id = key["KeyId"], key["KeyArn"]
    described = answers.one("describe_key", _KEY_DESCRIBED, KeyId=identifier).get("KeyMetadata", {})
    names = sorted(aliases.get(identifier, ()))
    properties: dict[str, Any] = {
        "arn": native_id,
        "keyId": identifier,
        "aliases": names,
        "enabled": described.get("Enabled"),
        "state": described.get("KeyState"),
        "keyManager": described.get("KeyManager"),
        "keySpec": described.get("KeySpec"),
        "keyUsage": described.get("KeyUsage"),
        "origin": described.get("Origin"),
        "multiRegion": described.get("MultiRegion"),
        "multiRegionType": (described.get("MultiRegionConfiguration") or {}).get("MultiRegionKeyType"),
        "deletionAt": moment(described.get("DeletionDate")),
    }
    tagged: list[dict[str, Any]] = []
    if described.get("KeyManager") != "AWS":
        properties |= _rotation(answers, described, identifier) | _key_usage(answers, identifier)
        tagged = answers.all("list_resource_tags", "Tags", ("tags",), KeyId=identifier)
    return FoundResource(
        service="awskms",
        resource_type=_KEY,
        native_id=native_id,
        name=names[0].removeprefix("alias/") if names else identifier,
        region=region,
        status=described.get("KeyState"),
        tags=tags(tagged),
        last_used_at=properties.get("lastUsedAt"),
        properties=answers.known(properties),
        created_at=moment(described.get("CreationDate")),
    )


def _rotation(answers: Answers, described: Mapping[str, Any], identifier: str) -> dict[str, Any]:
    """Whether the key changes by itself; null for keys that cannot, and AWS refuses to answer for those not in use."""
    can = described.get("KeySpec") == "SYMMETRIC_DEFAULT" and described.get("Origin") == "AWS_KMS"
    if not described:
        answers.unreadable.extend(_ROTATION)
    told: Mapping[str, Any] = {}
    if can and described.get("KeyState") in {"Enabled", "Disabled"}:
        told = answers.one("get_key_rotation_status", _ROTATION, KeyId=identifier)
    return {
        "rotationEnabled": told.get("KeyRotationEnabled"),
        "rotationPeriodDays": told.get("RotationPeriodInDays"),
    }


def _key_usage(answers: Answers, identifier: str) -> dict[str, Any]:
    """When the key last did something; null means never since `usageTrackedSince`."""
    told = answers.one("get_key_last_usage", _KEY_USED, KeyId=identifier)
    return {
        "lastUsedAt": moment((told.get("KeyLastUsage") or {}).get("Timestamp")),
        "usageTrackedSince": moment(told.get("TrackingStartDate")),
    }


def _trails(connection: Any, region: str) -> Iterator[list[FoundResource]]:
    client = connection.client("cloudtrail", region)
    asking = Asking(client)
    # Trails of an organization are told as shadows; those of other regions are read there, so that each is one row.
    listed = client.describe_trails(includeShadowTrails=True)["trailList"]
    trails = [trail for trail in listed if trail.get("HomeRegion", region) == region]
    for first in range(0, len(trails), _TRAILS_TAGGED_AT_ONCE):
        some = trails[first : first + _TRAILS_TAGGED_AT_ONCE]
        # Asking for the tags of another account's trail would deny those of all.
        own = [trail["TrailARN"] for trail in some if f":{connection.account}:" in trail["TrailARN"]]
        answers = asking.about()
        pairs = answers.all("list_tags", "ResourceTagList", ("tags",), ResourceIdList=own) if own else []
        tagged = {one["ResourceId"]: one.get("TagsList") for one in pairs}
        read = partial(_trail, asking, answers.unreadable, region, connection.account, tagged)
        yield from read_each(some, read, GONE)


def _trail(
    asking: Asking,
    unreadable: list[str],
    region: str,
    account: str,
    tagged: Mapping[str, Any],
    trail: dict[str, Any],
) -> FoundResource:
    native_id = trail["TrailARN"]
    own = f":{account}:" in native_id
    answers = asking.about(*(unreadable if own else ("tags",)))
    selected = answers.one("get_event_selectors", ("managementEvents",), TrailName=native_id)
    status = answers.one("get_trail_status", ("logging", "latestDeliveryAt", "status"), Name=native_id)
    logging = status.get("IsLogging")
    return FoundResource(
        service="AWSCloudTrail",
        resource_type=_TRAIL,
        native_id=native_id,
        name=trail["Name"],
        region=region,
        status=None if logging is None else "LOGGING" if logging else "STOPPED",
        tags=tags(tagged.get(native_id)),
        properties=answers.known(
            {
                "arn": native_id,
                "multiRegion": bool(trail.get("IsMultiRegionTrail")),
                "organizationTrail": bool(trail.get("IsOrganizationTrail")),
                "ownedByAccount": own,
                "homeRegion": trail.get("HomeRegion"),
                "globalServiceEvents": bool(trail.get("IncludeGlobalServiceEvents")),
                "managementEvents": _management_events(selected),
                "s3Bucket": trail.get("S3BucketName"),
                "logGroupArn": trail.get("CloudWatchLogsLogGroupArn"),
                "logging": logging,
                "latestDeliveryAt": moment(status.get("LatestDeliveryTime")),
            }
        ),
    )


def _management_events(selected: Mapping[str, Any]) -> bool:
    """Whether a copy of the management events goes to the trail: the first is free, each further one is paid."""
    selectors, advanced = selected.get("EventSelectors") or (), selected.get("AdvancedEventSelectors") or ()
    if not selectors and not advanced:
        # https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-management-events-with-cloudtrail.html
        return True
    return any(selector.get("IncludeManagementEvents") for selector in selectors) or any(
        field.get("Field") == "eventCategory" and "Management" in field.get("Equals", ())
        for selector in advanced
        for field in selector.get("FieldSelectors", ())
    )


def _recorders(connection: Any, region: str) -> Iterator[list[FoundResource]]:
    client = connection.client("config", region)
    recorders = client.describe_configuration_recorders().get("ConfigurationRecorders", [])
    answers = Asking(client).about()
    told = answers.one("describe_configuration_recorder_status", _RECORDING) if recorders else {}
    statuses = {status["name"]: status for status in told.get("ConfigurationRecordersStatus", ())}
    yield [
        _recorder(connection, answers, region, recorder, statuses.get(recorder["name"], {})) for recorder in recorders
    ]


def _recorder(
    connection: Any, answers: Answers, region: str, recorder: dict[str, Any], status: Mapping[str, Any]
) -> FoundResource:
    name = recorder["name"]
    native_id = recorder.get("arn") or arn(connection, "config", region, f"configuration-recorder/{name}")
    group, mode = recorder.get("recordingGroup") or {}, recorder.get("recordingMode") or {}
    recording = status.get("recording")
    return FoundResource(
        service="AWSConfig",
        resource_type=_RECORDER,
        native_id=native_id,
        name=name,
        region=region,
        status=None if recording is None else "RECORDING" if recording else "STOPPED",
        properties=answers.known(
            {
                "arn": native_id,
                "recording": recording,
                "lastStartedAt": moment(status.get("lastStartTime")),
                "lastStoppedAt": moment(status.get("lastStopTime")),
                "allSupported": group.get("allSupported"),
                "globalResourceTypes": group.get("includeGlobalResourceTypes"),
                "resourceTypes": group.get("resourceTypes") or [],
                "frequency": mode.get("recordingFrequency"),
            }
        ),
    )


def _service(name: str, resource_type: str, pages: Any, *permissions: str) -> Service:
    return Service(name=name, collectors=(Collector((resource_type,), permissions, pages),))


SERVICES: Final = (
    _service("secretsmanager", _SECRET, _secrets, "secretsmanager:ListSecrets"),
    _service(
        "kms",
        _KEY,
        _keys,
        "kms:ListKeys",
        "kms:ListAliases",
        "kms:DescribeKey",
        "kms:GetKeyRotationStatus",
        "kms:GetKeyLastUsage",
        "kms:ListResourceTags",
    ),
    _service(
        "cloudtrail",
        _TRAIL,
        _trails,
        "cloudtrail:DescribeTrails",
        "cloudtrail:GetEventSelectors",
        "cloudtrail:GetTrailStatus",
        "cloudtrail:ListTags",
    ),
    _service(
        "config",
        _RECORDER,
        _recorders,
        "config:DescribeConfigurationRecorders",
        "config:DescribeConfigurationRecorderStatus",
    ),
    waf.SERVICE,
)
