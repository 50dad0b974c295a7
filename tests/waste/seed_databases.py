"""Databases and caches: waste, and what only looks like it."""

from __future__ import annotations

from typing import Any

from tests.waste.far_missing import HELD
from tests.waste.seeding import OLD, Seeding, arn

GIB = 1024**3
SIGN_IN = {"MasterUsername": "someone", "MasterUserPassword": "a-password-of-tests"}


def seed(to: Seeding) -> None:
    """Fill the account."""
    to.ago(OLD)
    _instances(to)
    _stopped(to)
    to.ago(OLD)
    _clusters(to)
    _snapshots(to)
    to.ago(OLD)
    _caches(to)
    _replication_groups(to)
    _warehouses(to)
    _tables(to)


def _database(to: Seeding, label: str, kind: str = "db.m6g.large", gib: int = 100, **values: Any) -> None:
    name = label.replace("_", "-")
    plain = {"Engine": "postgres", "EngineVersion": "16.3", "StorageType": "gp2", **SIGN_IN}
    to.client("rds").create_db_instance(
        DBInstanceIdentifier=name, DBInstanceClass=kind, AllocatedStorage=gib, **(plain | values)
    )
    to.ids[label] = arn("rds", f"db:{name}")


def _used(to: Seeding, label: str, connections: float, cpu: float, memory: float, disk: float) -> None:
    """So many connections, percent of the processor, and GiB of memory and of the disk that are free."""
    told = {"DatabaseConnections": connections, "CPUUtilization": cpu}
    told |= {"FreeableMemory": memory * GIB, "FreeStorageSpace": disk * GIB}
    for name, value in told.items():
        to.metric("AWS/RDS", name, value, DBInstanceIdentifier=label.replace("_", "-"))


def _instances(to: Seeding) -> None:
    _database(to, "idle_database")
    _used(to, "idle_database", connections=0, cpu=50, memory=1, disk=10)
    _database(to, "busy_database")
    _used(to, "busy_database", connections=20, cpu=60, memory=1, disk=10)
    _database(to, "large_database", "db.m6g.2xlarge")
    _used(to, "large_database", connections=20, cpu=10, memory=28, disk=10)
    _database(to, "full_database", "db.m6g.2xlarge")
    _used(to, "full_database", connections=20, cpu=10, memory=4, disk=10)
    _database(to, "roomy_database", gib=1000)
    _used(to, "roomy_database", connections=20, cpu=60, memory=1, disk=800)
    _database(to, "old_database", Engine="mysql", EngineVersion="5.7.44")
    _used(to, "old_database", connections=20, cpu=60, memory=1, disk=10)
    _database(to, "intel_database", "db.t3.medium")
    _used(to, "intel_database", connections=20, cpu=60, memory=1, disk=10)


def _stopped(to: Seeding) -> None:
    for label, days in (("stopped_database", OLD), ("stopped_database_of_late", 2)):
        to.ago(days)
        _database(to, label, gib=200)
        to.client("rds").stop_db_instance(DBInstanceIdentifier=label.replace("_", "-"))


def _clusters(to: Seeding) -> None:
    """Each with one instance."""
    for label, service, engine, kind, namespace, metric, used in (
        ("idle_aurora", "rds", "aurora-postgresql", "db.r6g.large", "AWS/RDS", "DatabaseConnections", 0),
        ("busy_aurora", "rds", "aurora-postgresql", "db.r6g.large", "AWS/RDS", "DatabaseConnections", 9),
        ("idle_graph", "neptune", "neptune", "db.r5.large", "AWS/Neptune", "TotalRequestsPerSec", 0),
        ("busy_graph", "neptune", "neptune", "db.r5.large", "AWS/Neptune", "TotalRequestsPerSec", 9),
    ):
        name, client = label.replace("_", "-"), to.client(service)
        made = {"Engine": engine, "DBClusterIdentifier": name} | ({"EngineVersion": "16.3"} if service == "rds" else {})
        client.create_db_cluster(**made, **({} if service == "neptune" else SIGN_IN))
        client.create_db_instance(**made, DBInstanceIdentifier=f"{name}-1", DBInstanceClass=kind)
        to.ids[label] = arn("rds", f"cluster:{name}")
        to.metric(namespace, metric, used, DBClusterIdentifier=name)


def _snapshots(to: Seeding) -> None:
    rds = to.client("rds")

    def snapshot(label: str, of: str) -> None:
        name = label.replace("_", "-")
        rds.create_db_snapshot(DBInstanceIdentifier=of.replace("_", "-"), DBSnapshotIdentifier=name)
        to.ids[label] = arn("rds", f"snapshot:{name}")

    _database(to, "gone_database")
    snapshot("old_database_snapshot", "busy_database")
    to.ago(60)
    snapshot("orphan_database_snapshot", "gone_database")
    to.ago(20)
    snapshot("orphan_database_snapshot_of_late", "gone_database")
    snapshot("new_database_snapshot", "busy_database")
    rds.delete_db_instance(DBInstanceIdentifier="gone-database", SkipFinalSnapshot=True)
    del to.ids["gone_database"]


def _caches(to: Seeding) -> None:
    for label, kind, engine, figures in (
        ("idle_cache", "cache.m6g.large", "redis", (0, 0, 0, 50, 90)),
        ("busy_cache", "cache.m6g.large", "redis", (1000, 10, 50, 60, 90)),
        ("large_cache", "cache.m6g.xlarge", "redis", (1000, 10, 50, 10, 20)),
        ("full_cache", "cache.m6g.xlarge", "redis", (1000, 10, 50, 10, 70)),
    ):
        name = label.replace("_", "-")
        to.client("elasticache").create_cache_cluster(
            CacheClusterId=name, Engine=engine, CacheNodeType=kind, NumCacheNodes=1
        )
        to.ids[label] = arn("elasticache", f"cluster:{name}")
        _cache_used(to, name, *figures)


def _cache_used(
    to: Seeding, name: str, hits: float, misses: float, connections: float, cpu: float, full: float
) -> None:
    told = {"CacheHits": hits, "CacheMisses": misses, "CurrConnections": connections}
    told |= {"EngineCPUUtilization": cpu, "DatabaseMemoryUsagePercentage": full}
    for metric, value in told.items():
        to.metric("AWS/ElastiCache", metric, value, CacheClusterId=name)


def _replication_groups(to: Seeding) -> None:
    for label, figures in (
        ("idle_cache_group", (0, 0, 0, 50, 90)),
        ("busy_cache_group", (1000, 10, 50, 60, 90)),
        ("large_cache_group", (1000, 10, 50, 10, 20)),
    ):
        name = label.replace("_", "-")
        made = to.client("elasticache").create_replication_group(
            ReplicationGroupId=name,
            ReplicationGroupDescription=name,
            Engine="redis",
            CacheNodeType="cache.m6g.xlarge",
            NumNodeGroups=1,
            ReplicasPerNodeGroup=1,
        )["ReplicationGroup"]
        to.ids[label] = made["ARN"]
        for member in made["MemberClusters"]:
            _cache_used(to, member, *figures)


def _warehouses(to: Seeding) -> None:
    for label, nodes, connections, cpu in (
        ("idle_warehouse", 2, 0, 50),
        ("busy_warehouse", 2, 5, 50),
        ("large_warehouse", 4, 5, 5),
        ("paused_warehouse", 4, 5, 5),
    ):
        name = label.replace("_", "-")
        to.client("redshift").create_cluster(
            ClusterIdentifier=name, NodeType="ra3.xlplus", NumberOfNodes=nodes, ClusterType="multi-node", **SIGN_IN
        )
        to.ids[label] = arn("redshift", f"cluster:{name}")
        to.metric("AWS/Redshift", "DatabaseConnections", connections, ClusterIdentifier=name)
        to.metric("AWS/Redshift", "CPUUtilization", cpu, ClusterIdentifier=name)
    pause = {"PauseCluster": {"ClusterIdentifier": "paused-warehouse"}}
    HELD["ScheduledActions"].append({"ScheduledActionName": "nightly", "State": "ACTIVE", "TargetAction": pause})


def _tables(to: Seeding) -> None:
    for label, read, written, used in (
        ("unused_table", 100, 50, 0.0),
        ("large_table", 1000, 500, 0.1),
        ("busy_table", 100, 50, 0.9),
    ):
        to.client("dynamodb").create_table(
            TableName=label,
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            ProvisionedThroughput={"ReadCapacityUnits": read, "WriteCapacityUnits": written},
        )
        to.ids[label] = arn("dynamodb", f"table/{label}")
        if used:
            to.metric("AWS/DynamoDB", "ConsumedReadCapacityUnits", read * used * 3600, TableName=label)
            to.metric("AWS/DynamoDB", "ConsumedWriteCapacityUnits", written * used * 3600, TableName=label)
