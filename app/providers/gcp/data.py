"""Databases, buckets, warehouses and queues."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from app.providers.base import Relation
from app.providers.gcp.assets import Asset, at
from app.providers.gcp.compute import related
from app.providers.gcp.kinds import Kind
from app.records import RelationshipKind

_COMPUTE = "compute.googleapis.com"


def _of_sql(asset: Asset) -> Iterator[Relation]:
    yield from related(asset, RelationshipKind.IN_NETWORK, "settings.ipConfiguration.privateNetwork", service=_COMPUTE)


def _of_cache(asset: Asset) -> Iterator[Relation]:
    yield from related(asset, RelationshipKind.IN_NETWORK, "authorizedNetwork", service=_COMPUTE)


def _of_table(asset: Asset) -> Iterator[Relation]:
    dataset, found, _ = asset.name.partition("/tables/")
    if found:
        yield Relation(RelationshipKind.MEMBER_OF, dataset)


def _of_subscription(asset: Asset) -> Iterator[Relation]:
    # A topic that was deleted is told as `_deleted-topic_`, which names nothing.
    yield from related(asset, RelationshipKind.ATTACHED_TO, "topic")


def _push_host(asset: Asset) -> Mapping[str, Any]:
    """Of a push endpoint only the host: the rest of such URLs often holds a token."""
    told = at(asset.data, "pushConfig.pushEndpoint")
    try:
        host = urlsplit(told).hostname if isinstance(told, str) else None
    except ValueError:
        host = None
    return {"pushHost": host} if host else {}


def _metrics_of_sql(asset: Asset) -> Mapping[str, Any]:
    """What the metrics of an instance call it, such as `acme:orders`."""
    return {"databaseId": f"{asset.project}:{asset.name.rpartition('/')[2]}"}


def _metrics_of_cache(asset: Asset) -> Mapping[str, Any]:
    """What the metrics of an instance call it, such as `projects/acme/locations/us-east1/instances/cache`."""
    return {"path": asset.name.removeprefix(f"//{asset.service}/")}


def _classes_of_bucket(asset: Asset) -> Mapping[str, Any]:
    """What the metrics of a bucket may call its storage class.

    They call Standard REGIONAL or MULTI_REGIONAL by where the bucket is, as the class itself was called once.
    """
    told = asset.data.get("storageClass")
    if not isinstance(told, str):
        return {}
    place = "REGIONAL" if asset.data.get("locationType") == "region" else "MULTI_REGIONAL"
    return {"metricClasses": [told, place] if told == "STANDARD" else [told]}


def _places_of_slots(asset: Asset) -> Mapping[str, Any]:
    """What the metrics of a reservation may call its location: BigQuery writes `US` in some places, `us` in others."""
    return {"metricLocations": [asset.location, asset.location.upper()]} if asset.location else {}


SQL_INSTANCE = Kind(
    "sqladmin.googleapis.com/Instance",
    (
        "databaseVersion",
        "databaseInstalledVersion",
        "instanceType",
        "backendType",
        "gceZone",
        "secondaryGceZone",
        "masterInstanceName",
        "replicaNames",
        "ipAddresses.type",
        "ipAddresses.ipAddress",
        "settings.tier",
        "settings.edition",
        "settings.activationPolicy",
        "settings.availabilityType",
        "settings.pricingPlan",
        "settings.dataDiskSizeGb",
        "settings.dataDiskType",
        "settings.storageAutoResize",
        "settings.storageAutoResizeLimit",
        "settings.deletionProtectionEnabled",
        "settings.backupConfiguration.enabled",
        "settings.backupConfiguration.pointInTimeRecoveryEnabled",
        "settings.backupConfiguration.binaryLogEnabled",
        "settings.backupConfiguration.transactionLogRetentionDays",
        "settings.backupConfiguration.backupRetentionSettings.retainedBackups",
        "settings.ipConfiguration.ipv4Enabled",
        "settings.ipConfiguration.privateNetwork",
    ),
    labels=("settings.userLabels",),
    relations=_of_sql,
    more=_metrics_of_sql,
)
BUCKET = Kind(
    "storage.googleapis.com/Bucket",
    (
        "locationType",
        "storageClass",
        "lifecycle.rule",
        "versioning.enabled",
        "softDeletePolicy.retentionDurationSeconds",
        "autoclass.enabled",
        "retentionPolicy.retentionPeriod",
        "iamConfiguration.publicAccessPrevention",
        "rpo",
        "updated",
    ),
    more=_classes_of_bucket,
)
DATASET = Kind(
    "bigquery.googleapis.com/Dataset",
    (
        "defaultTableExpirationMs",
        "defaultPartitionExpirationMs",
        "lastModifiedTime",
        "maxTimeTravelHours",
        "storageBillingModel",
        "type",
    ),
    used=("lastModifiedTime",),
)
# Of a view not its query, of a table not its columns.
TABLE = Kind(
    "bigquery.googleapis.com/Table",
    (
        "type",
        "numBytes",
        "numLongTermBytes",
        "numRows",
        "lastModifiedTime",
        "expirationTime",
        "timePartitioning.type",
        "timePartitioning.field",
        "timePartitioning.expirationMs",
        "rangePartitioning.field",
        "clustering.fields",
    ),
    used=("lastModifiedTime",),
    relations=_of_table,
)
SLOT_RESERVATION = Kind(
    "bigqueryreservation.googleapis.com/Reservation",
    (
        "slotCapacity",
        "edition",
        "ignoreIdleSlots",
        "concurrency",
        "autoscale.currentSlots",
        "autoscale.maxSlots",
        "updateTime",
    ),
    more=_places_of_slots,
)
CAPACITY_COMMITMENT = Kind(
    "bigqueryreservation.googleapis.com/CapacityCommitment",
    ("slotCount", "plan", "renewalPlan", "edition", "commitmentStartTime", "commitmentEndTime"),
)
REDIS = Kind(
    "redis.googleapis.com/Instance",
    (
        "tier",
        "memorySizeGb",
        "redisVersion",
        "replicaCount",
        "readReplicasMode",
        "connectMode",
        "currentLocationId",
        "alternativeLocationId",
        "host",
        "port",
        "authEnabled",
        "transitEncryptionMode",
        "authorizedNetwork",
        "persistenceConfig.persistenceMode",
    ),
    relations=_of_cache,
    more=_metrics_of_cache,
)
MEMCACHE = Kind(
    "memcache.googleapis.com/Instance",
    ("nodeCount", "nodeConfig.cpuCount", "nodeConfig.memorySizeMb", "memcacheVersion", "zones", "authorizedNetwork"),
    relations=_of_cache,
)
TOPIC = Kind("pubsub.googleapis.com/Topic", ("messageRetentionDuration", "kmsKeyName", "schemaSettings.schema"))
SUBSCRIPTION = Kind(
    "pubsub.googleapis.com/Subscription",
    (
        "topic",
        "ackDeadlineSeconds",
        "messageRetentionDuration",
        "retainAckedMessages",
        "expirationPolicy.ttl",
        "enableMessageOrdering",
        "detached",
        "deadLetterPolicy.deadLetterTopic",
        "deadLetterPolicy.maxDeliveryAttempts",
        "bigqueryConfig.table",
        "cloudStorageConfig.bucket",
    ),
    relations=_of_subscription,
    more=_push_host,
)
