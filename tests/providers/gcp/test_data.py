"""Databases, buckets, warehouses and queues, exactly as the inventory tells them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.providers.base import Relation
from app.records import RelationshipKind
from tests.providers.gcp.cases import MAY, MAY_MILLISECONDS, NETWORK, Case, check
from tests.providers.gcp.conftest import Find
from tests.providers.gcp.google import PROJECT, Google, asset

CASES = [
    Case(
        "sqladmin.googleapis.com/Instance",
        f"projects/{PROJECT}/instances/db",
        "us-central1",
        {
            "state": "RUNNABLE",
            "createTime": "2026-05-01T00:00:00Z",
            "databaseVersion": "POSTGRES_16",
            "gceZone": "us-central1-f",
            "rootPassword": "s3cret",
            "replicaConfiguration": {"mysqlReplicaConfiguration": {"password": "s3cret"}},
            "settings": {
                "tier": "db-custom-4-26624",
                "availabilityType": "REGIONAL",
                "activationPolicy": "ALWAYS",
                "dataDiskSizeGb": "250",
                "storageAutoResizeLimit": "0",
                "userLabels": {"team": "data"},
                "backupConfiguration": {"enabled": True, "startTime": "01:00"},
                "ipConfiguration": {"ipv4Enabled": False, "privateNetwork": f"projects/{PROJECT}/global/networks/main"},
                "databaseFlags": [{"name": "x", "value": "s3cret"}],
            },
        },
        {
            "databaseId": f"{PROJECT}:db",
            "databaseVersion": "POSTGRES_16",
            "gceZone": "us-central1-f",
            "settings": {
                "tier": "db-custom-4-26624",
                "availabilityType": "REGIONAL",
                "activationPolicy": "ALWAYS",
                "dataDiskSizeGb": 250,
                "storageAutoResizeLimit": 0,
                "backupConfiguration": {"enabled": True},
                "ipConfiguration": {"ipv4Enabled": False, "privateNetwork": f"projects/{PROJECT}/global/networks/main"},
            },
        },
        region="us-central1",
        zone="us-central1-f",
        status="RUNNABLE",
        tags={"team": "data"},
        created_at=MAY,
        relations=(NETWORK,),
        native_id=f"//cloudsql.googleapis.com/projects/{PROJECT}/instances/db",
    ),
    Case(
        "storage.googleapis.com/Bucket",
        "acme-logs",
        "US-EAST1",
        {
            "timeCreated": "2026-05-01T00:00:00.000Z",
            "locationType": "region",
            "storageClass": "STANDARD",
            "lifecycle": {"rule": [{"action": {"type": "Delete"}, "condition": {"age": 30.0}}]},
            "versioning": {"enabled": True},
            "softDeletePolicy": {"retentionDurationSeconds": "604800", "effectiveTime": "2024-03-01T08:00:00Z"},
            "acl": [{"entity": "s3cret"}],
            "labels": {"env": "prod"},
        },
        {
            "locationType": "region",
            "storageClass": "STANDARD",
            "metricClasses": ["STANDARD", "REGIONAL"],
            "lifecycle": {"rule": [{"action": {"type": "Delete"}, "condition": {"age": 30}}]},
            "versioning": {"enabled": True},
            "softDeletePolicy": {"retentionDurationSeconds": 604800},
        },
        region="us-east1",
        tags={"env": "prod"},
        created_at=MAY,
    ),
    Case(
        "bigquery.googleapis.com/Dataset",
        f"projects/{PROJECT}/datasets/sales",
        "US",
        {
            "creationTime": MAY_MILLISECONDS,
            "lastModifiedTime": MAY_MILLISECONDS,
            "defaultTableExpirationMs": "3600000",
            "storageBillingModel": "PHYSICAL",
            "maxTimeTravelHours": "168",
            "access": [{"userByEmail": "s3cret@example.com"}],
        },
        {
            "lastModifiedTime": 1777593600000,
            "defaultTableExpirationMs": 3600000,
            "storageBillingModel": "PHYSICAL",
            "maxTimeTravelHours": 168,
        },
        region="us",
        created_at=MAY,
        last_used_at=MAY,
    ),
    Case(
        "bigquery.googleapis.com/Table",
        f"projects/{PROJECT}/datasets/sales/tables/orders",
        "US",
        {
            "creationTime": "1767225600000",
            "lastModifiedTime": MAY_MILLISECONDS,
            "type": "TABLE",
            "numBytes": "123456789012",
            "numRows": "42",
            "timePartitioning": {"type": "DAY", "expirationMs": "7776000000"},
            "schema": {"fields": [{"name": "s3cret"}]},
            "view": {"query": "SELECT s3cret"},
        },
        {
            "lastModifiedTime": 1777593600000,
            "type": "TABLE",
            "numBytes": 123456789012,
            "numRows": 42,
            "timePartitioning": {"type": "DAY", "expirationMs": 7776000000},
        },
        region="us",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        last_used_at=MAY,
        relations=(
            Relation(RelationshipKind.MEMBER_OF, f"//bigquery.googleapis.com/projects/{PROJECT}/datasets/sales"),
        ),
    ),
    Case(
        "bigqueryreservation.googleapis.com/Reservation",
        f"projects/{PROJECT}/locations/EU/reservations/prod",
        "EU",
        {
            "slotCapacity": "500",
            "edition": "ENTERPRISE",
            "autoscale": {"currentSlots": "0", "maxSlots": "200"},
            "creationTime": "2026-05-01T00:00:00Z",
        },
        {
            "slotCapacity": 500,
            "edition": "ENTERPRISE",
            "autoscale": {"currentSlots": 0, "maxSlots": 200},
            "metricLocations": ["eu", "EU"],
        },
        region="eu",
        created_at=MAY,
    ),
    Case(
        "bigqueryreservation.googleapis.com/CapacityCommitment",
        f"projects/{PROJECT}/locations/EU/capacityCommitments/c",
        "EU",
        {"slotCount": "500", "plan": "ANNUAL", "state": "ACTIVE", "commitmentEndTime": "2027-01-01T00:00:00Z"},
        {"slotCount": 500, "plan": "ANNUAL", "commitmentEndTime": "2027-01-01T00:00:00Z"},
        region="eu",
        status="ACTIVE",
    ),
    Case(
        "redis.googleapis.com/Instance",
        f"projects/{PROJECT}/locations/us-central1/instances/cache",
        "us-central1",
        {
            "state": "READY",
            "tier": "STANDARD_HA",
            "memorySizeGb": 16.0,
            "currentLocationId": "us-central1-b",
            "authorizedNetwork": f"projects/{PROJECT}/global/networks/main",
            "redisConfigs": {"requirepass": "s3cret"},
            "createTime": "2026-05-01T00:00:00.123456789Z",
        },
        {
            "path": f"projects/{PROJECT}/locations/us-central1/instances/cache",
            "tier": "STANDARD_HA",
            "memorySizeGb": 16,
            "currentLocationId": "us-central1-b",
            "authorizedNetwork": f"projects/{PROJECT}/global/networks/main",
        },
        region="us-central1",
        zone="us-central1-b",
        status="READY",
        created_at=datetime(2026, 5, 1, 0, 0, 0, 123456, tzinfo=UTC),
        relations=(NETWORK,),
    ),
    Case(
        "memcache.googleapis.com/Instance",
        f"projects/{PROJECT}/locations/us-central1/instances/m",
        "us-central1",
        {
            "state": "READY",
            "nodeCount": 3,
            "nodeConfig": {"cpuCount": 2, "memorySizeMb": 4096},
            "authorizedNetwork": f"projects/{PROJECT}/global/networks/main",
        },
        {
            "nodeCount": 3,
            "nodeConfig": {"cpuCount": 2, "memorySizeMb": 4096},
            "authorizedNetwork": f"projects/{PROJECT}/global/networks/main",
        },
        region="us-central1",
        status="READY",
        relations=(NETWORK,),
    ),
    Case(
        "pubsub.googleapis.com/Topic",
        f"projects/{PROJECT}/topics/orders",
        "global",
        {"messageRetentionDuration": "86400s", "labels": {"a": "b"}},
        {"messageRetentionDuration": "86400s"},
        region="global",
        tags={"a": "b"},
    ),
    Case(
        "pubsub.googleapis.com/Subscription",
        f"projects/{PROJECT}/subscriptions/s",
        "global",
        {
            "topic": f"projects/{PROJECT}/topics/orders",
            "ackDeadlineSeconds": 10,
            "state": "ACTIVE",
            "pushConfig": {"pushEndpoint": "https://user:s3cret@hooks.example/path?token=s3cret"},
        },
        {"topic": f"projects/{PROJECT}/topics/orders", "ackDeadlineSeconds": 10, "pushHost": "hooks.example"},
        region="global",
        status="ACTIVE",
        relations=(
            Relation(RelationshipKind.ATTACHED_TO, f"//pubsub.googleapis.com/projects/{PROJECT}/topics/orders"),
        ),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=[c.path.rpartition("/")[2] + " " + c.kind for c in CASES])
def test_exactly_as_told(google: Google, find: Find, case: Case) -> None:
    check(google, find, case)


@pytest.mark.parametrize(
    ("told", "classes"),
    [
        ({"storageClass": "STANDARD", "locationType": "region"}, ["STANDARD", "REGIONAL"]),
        ({"storageClass": "STANDARD", "locationType": "multi-region"}, ["STANDARD", "MULTI_REGIONAL"]),
        ({"storageClass": "STANDARD", "locationType": "dual-region"}, ["STANDARD", "MULTI_REGIONAL"]),
        ({"storageClass": "NEARLINE", "locationType": "region"}, ["NEARLINE"]),
        ({"locationType": "region"}, None),
    ],
)
def test_what_metrics_call_the_class_of_a_bucket(
    google: Google, find: Find, told: dict[str, str], classes: list[str] | None
) -> None:
    google.hold(asset("storage.googleapis.com/Bucket", "logs", told, "us"))
    (bucket,) = find("storage.googleapis.com/Bucket")
    assert bucket.properties.get("metricClasses") == classes
