"""Reads RDS: instances, clusters, their snapshots, and the backups that outlive a deleted instance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from app.providers.aws.reading import arn, moment, paged, placed_in, plain, tags
from app.providers.aws.session import AwsConnection
from app.providers.base import Collector, FoundResource, Relation, Service
from app.records import RelationshipKind

ENGINES_OF_OTHER_SERVICES: Final = {"docdb": "AmazonDocDB", "neptune": "AmazonNeptune"}
"""The API of RDS also tells of these; `app.providers.aws.documentdb` reads them. Snapshots have one home for all."""
_LIVE_BACKUPS: Final = frozenset({"active", "creating"})
"""Automated backups of an instance that exists: a part of it, and not kept any longer than it."""


def found_instance(
    connection: AwsConnection, region: str, instance: Mapping[str, Any], service: str, resource_type: str
) -> FoundResource:
    """An instance of RDS, DocumentDB or Neptune, which share an API. Sizes in GiB, throughput in MiB/s."""
    cluster = instance.get("DBClusterIdentifier")
    source = instance.get("ReadReplicaSourceDBInstanceIdentifier")
    group = instance.get("DBSubnetGroup") or {}
    relations = placed_in(group.get("VpcId"), [subnet["SubnetIdentifier"] for subnet in group.get("Subnets", ())])
    if cluster:
        relations += (Relation(RelationshipKind.MEMBER_OF, arn(connection, "rds", region, f"cluster:{cluster}")),)
    if source:
        # A source in another region is told by its ARN, one nearby by its name.
        target = source if source.startswith("arn:") else arn(connection, "rds", region, f"db:{source}")
        relations += (Relation(RelationshipKind.CREATED_FROM, target),)
    return FoundResource(
        service=service,
        resource_type=resource_type,
        native_id=instance["DBInstanceArn"],
        name=instance["DBInstanceIdentifier"],
        region=region,
        availability_zone=instance.get("AvailabilityZone"),
        status=instance.get("DBInstanceStatus"),
        tags=tags(instance.get("TagList")),
        created_at=moment(instance.get("InstanceCreateTime")),
        properties=_instance_properties(instance),
        relations=relations,
    )


def found_cluster(region: str, cluster: Mapping[str, Any], service: str, resource_type: str) -> FoundResource:
    """A cluster of Aurora, RDS Multi-AZ, DocumentDB or Neptune."""
    return FoundResource(
        service=service,
        resource_type=resource_type,
        native_id=cluster["DBClusterArn"],
        name=cluster["DBClusterIdentifier"],
        region=region,
        status=cluster.get("Status"),
        tags=tags(cluster.get("TagList")),
        created_at=moment(cluster.get("ClusterCreateTime")),
        properties=_cluster_properties(cluster),
        relations=_cluster_source(cluster),
    )


def instances(connection: AwsConnection, region: str) -> Iterator[list[FoundResource]]:
    """Instances of RDS and Aurora."""
    for page in paged(connection.client("rds", region), "describe_db_instances", "DBInstances"):
        yield [
            found_instance(connection, region, instance, "AmazonRDS", "AWS::RDS::DBInstance")
            for instance in page
            if instance["Engine"] not in ENGINES_OF_OTHER_SERVICES
        ]


def clusters(connection: AwsConnection, region: str) -> Iterator[list[FoundResource]]:
    """Clusters of Aurora and RDS Multi-AZ."""
    for page in paged(connection.client("rds", region), "describe_db_clusters", "DBClusters"):
        yield [
            found_cluster(region, cluster, "AmazonRDS", "AWS::RDS::DBCluster")
            for cluster in page
            if cluster["Engine"] not in ENGINES_OF_OTHER_SERVICES
        ]


def snapshots(connection: AwsConnection, region: str) -> Iterator[list[FoundResource]]:
    """Snapshots of instances, manual and automated, without those that others share."""
    for page in paged(connection.client("rds", region), "describe_db_snapshots", "DBSnapshots"):
        yield [_snapshot(connection, region, snapshot) for snapshot in page]


def cluster_snapshots(connection: AwsConnection, region: str) -> Iterator[list[FoundResource]]:
    """Snapshots of clusters, also those of DocumentDB and Neptune, which have no type of their own."""
    for page in paged(connection.client("rds", region), "describe_db_cluster_snapshots", "DBClusterSnapshots"):
        yield [_cluster_snapshot(connection, region, snapshot) for snapshot in page]


def automated_backups(connection: AwsConnection, region: str) -> Iterator[list[FoundResource]]:
    """Automated backups that were retained when their instance was deleted, or are replicated from another region."""
    client = connection.client("rds", region)
    for page in paged(client, "describe_db_instance_automated_backups", "DBInstanceAutomatedBackups"):
        yield [_automated_backup(region, backup) for backup in page if backup.get("Status") not in _LIVE_BACKUPS]


def _instance_properties(instance: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "arn": instance["DBInstanceArn"],
        "resourceId": instance.get("DbiResourceId"),
        "instanceClass": instance.get("DBInstanceClass"),
        "engine": instance["Engine"],
        "engineVersion": instance.get("EngineVersion"),
        "engineLifecycleSupport": instance.get("EngineLifecycleSupport"),
        "licenseModel": instance.get("LicenseModel"),
        "multiAz": instance.get("MultiAZ"),
        "storageType": instance.get("StorageType"),
        "allocatedStorageGib": instance.get("AllocatedStorage"),
        "maxAllocatedStorageGib": instance.get("MaxAllocatedStorage"),
        "iops": instance.get("Iops"),
        "storageThroughputMibps": instance.get("StorageThroughput"),
        "cluster": instance.get("DBClusterIdentifier"),
        "replicaSource": instance.get("ReadReplicaSourceDBInstanceIdentifier"),
        "replicas": instance.get("ReadReplicaDBInstanceIdentifiers") or [],
        "backupRetentionDays": instance.get("BackupRetentionPeriod"),
        "automaticRestartAt": plain(instance.get("AutomaticRestartTime")),
        "performanceInsights": instance.get("PerformanceInsightsEnabled"),
        "performanceInsightsRetentionDays": instance.get("PerformanceInsightsRetentionPeriod"),
        "monitoringIntervalSeconds": instance.get("MonitoringInterval"),
        "dedicatedLogVolume": instance.get("DedicatedLogVolume"),
        "publiclyAccessible": instance.get("PubliclyAccessible"),
        "deletionProtection": instance.get("DeletionProtection"),
        "encrypted": instance.get("StorageEncrypted"),
    }


def _cluster_properties(cluster: Mapping[str, Any]) -> dict[str, Any]:
    serverless = cluster.get("ServerlessV2ScalingConfiguration") or {}
    return {
        "arn": cluster["DBClusterArn"],
        "resourceId": cluster.get("DbClusterResourceId"),
        "engine": cluster["Engine"],
        "engineVersion": cluster.get("EngineVersion"),
        "engineMode": cluster.get("EngineMode"),
        "engineLifecycleSupport": cluster.get("EngineLifecycleSupport"),
        "instanceClass": cluster.get("DBClusterInstanceClass"),
        "multiAz": cluster.get("MultiAZ"),
        "availabilityZones": cluster.get("AvailabilityZones") or [],
        "storageType": cluster.get("StorageType"),
        "allocatedStorageGib": cluster.get("AllocatedStorage"),
        "iops": cluster.get("Iops"),
        "members": [
            {"instance": member["DBInstanceIdentifier"], "writer": member.get("IsClusterWriter", False)}
            for member in cluster.get("DBClusterMembers", ())
        ],
        "capacity": cluster.get("Capacity"),
        "serverlessMinCapacity": serverless.get("MinCapacity"),
        "serverlessMaxCapacity": serverless.get("MaxCapacity"),
        "replicationSource": cluster.get("ReplicationSourceIdentifier"),
        "globalCluster": cluster.get("GlobalClusterIdentifier"),
        "backupRetentionDays": cluster.get("BackupRetentionPeriod"),
        "backtrackWindowSeconds": cluster.get("BacktrackWindow"),
        "automaticRestartAt": plain(cluster.get("AutomaticRestartTime")),
        "deletionProtection": cluster.get("DeletionProtection"),
        "encrypted": cluster.get("StorageEncrypted"),
    }


def _cluster_source(cluster: Mapping[str, Any]) -> tuple[Relation, ...]:
    source = cluster.get("ReplicationSourceIdentifier") or ""
    return (Relation(RelationshipKind.CREATED_FROM, source),) if source.startswith("arn:") else ()


def _snapshot(connection: AwsConnection, region: str, snapshot: Mapping[str, Any]) -> FoundResource:
    source = arn(connection, "rds", region, f"db:{snapshot['DBInstanceIdentifier']}")
    return FoundResource(
        service="AmazonRDS",
        resource_type="AWS::RDS::DBSnapshot",
        native_id=snapshot["DBSnapshotArn"],
        name=snapshot["DBSnapshotIdentifier"],
        region=region,
        availability_zone=snapshot.get("AvailabilityZone"),
        status=snapshot.get("Status"),
        tags=tags(snapshot.get("TagList")),
        created_at=moment(snapshot.get("SnapshotCreateTime")),
        properties={
            "arn": snapshot["DBSnapshotArn"],
            "snapshotType": snapshot.get("SnapshotType"),
            "sourceInstance": snapshot["DBInstanceIdentifier"],
            "sourceResourceId": snapshot.get("DbiResourceId"),
            "sourceSnapshot": snapshot.get("SourceDBSnapshotIdentifier"),
            "sourceRegion": snapshot.get("SourceRegion"),
            "originalCreatedAt": plain(snapshot.get("OriginalSnapshotCreateTime")),
            "engine": snapshot.get("Engine"),
            "engineVersion": snapshot.get("EngineVersion"),
            "licenseModel": snapshot.get("LicenseModel"),
            "storageType": snapshot.get("StorageType"),
            "allocatedStorageGib": snapshot.get("AllocatedStorage"),
            "fullSizeBytes": snapshot.get("FullSnapshotSizeInBytes"),
            "encrypted": snapshot.get("Encrypted"),
        },
        relations=(Relation(RelationshipKind.CREATED_FROM, source),),
    )


def _cluster_snapshot(connection: AwsConnection, region: str, snapshot: Mapping[str, Any]) -> FoundResource:
    source = arn(connection, "rds", region, f"cluster:{snapshot['DBClusterIdentifier']}")
    return FoundResource(
        service=ENGINES_OF_OTHER_SERVICES.get(snapshot.get("Engine", ""), "AmazonRDS"),
        resource_type="AWS::RDS::DBClusterSnapshot",
        native_id=snapshot["DBClusterSnapshotArn"],
        name=snapshot["DBClusterSnapshotIdentifier"],
        region=region,
        status=snapshot.get("Status"),
        tags=tags(snapshot.get("TagList")),
        created_at=moment(snapshot.get("SnapshotCreateTime")),
        properties={
            "arn": snapshot["DBClusterSnapshotArn"],
            "snapshotType": snapshot.get("SnapshotType"),
            "sourceCluster": snapshot["DBClusterIdentifier"],
            "sourceResourceId": snapshot.get("DbClusterResourceId"),
            "sourceSnapshot": snapshot.get("SourceDBClusterSnapshotArn"),
            "engine": snapshot.get("Engine"),
            "engineMode": snapshot.get("EngineMode"),
            "engineVersion": snapshot.get("EngineVersion"),
            "licenseModel": snapshot.get("LicenseModel"),
            "storageType": snapshot.get("StorageType"),
            "allocatedStorageGib": snapshot.get("AllocatedStorage"),
            "encrypted": snapshot.get("StorageEncrypted"),
        },
        relations=(Relation(RelationshipKind.CREATED_FROM, source),),
    )


def _automated_backup(region: str, backup: Mapping[str, Any]) -> FoundResource:
    return FoundResource(
        service="AmazonRDS",
        resource_type="AWS::RDS::DBInstanceAutomatedBackup",
        native_id=backup["DBInstanceAutomatedBackupsArn"],
        name=backup["DBInstanceIdentifier"],
        region=region,
        availability_zone=backup.get("AvailabilityZone"),
        status=backup.get("Status"),
        tags=tags(backup.get("TagList")),
        properties={
            "arn": backup["DBInstanceAutomatedBackupsArn"],
            "sourceInstance": backup["DBInstanceIdentifier"],
            "sourceResourceId": backup.get("DbiResourceId"),
            "sourceRegion": backup.get("Region"),
            "instanceCreatedAt": plain(backup.get("InstanceCreateTime")),
            "engine": backup.get("Engine"),
            "engineVersion": backup.get("EngineVersion"),
            "licenseModel": backup.get("LicenseModel"),
            "storageType": backup.get("StorageType"),
            "allocatedStorageGib": backup.get("AllocatedStorage"),
            "retentionDays": backup.get("BackupRetentionPeriod"),
            "encrypted": backup.get("Encrypted"),
        },
        relations=(Relation(RelationshipKind.CREATED_FROM, backup["DBInstanceArn"]),),
    )


SERVICE: Final = Service(
    "rds",
    (
        Collector(("AWS::RDS::DBInstance",), ("rds:DescribeDBInstances",), instances),
        Collector(("AWS::RDS::DBCluster",), ("rds:DescribeDBClusters",), clusters),
        Collector(("AWS::RDS::DBSnapshot",), ("rds:DescribeDBSnapshots",), snapshots),
        Collector(("AWS::RDS::DBClusterSnapshot",), ("rds:DescribeDBClusterSnapshots",), cluster_snapshots),
        Collector(
            ("AWS::RDS::DBInstanceAutomatedBackup",),
            ("rds:DescribeDBInstanceAutomatedBackups",),
            automated_backups,
        ),
    ),
)
