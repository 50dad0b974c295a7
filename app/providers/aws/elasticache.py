"""Reads ElastiCache: cache clusters with their nodes, replication groups, serverless caches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from app.providers.aws.asking import TAG_PERMISSION, tags_of
from app.providers.aws.reading import arn, moment, paged, placed_in
from app.providers.aws.session import AwsConnection
from app.providers.base import Collector, FoundResource, Relation, Service
from app.records import RelationshipKind


def cache_clusters(connection: AwsConnection, region: str) -> Iterator[list[FoundResource]]:
    """Cache clusters, those of replication groups included."""
    client = connection.client("elasticache", region)
    groups = {
        group["CacheSubnetGroupName"]: group
        for page in paged(client, "describe_cache_subnet_groups", "CacheSubnetGroups")
        for group in page
    }
    for page in paged(client, "describe_cache_clusters", "CacheClusters", ShowCacheNodeInfo=True):
        tagged = tags_of(connection, region, [cluster["ARN"] for cluster in page])
        yield [
            _cache_cluster(connection, region, cluster, tagged, groups.get(cluster.get("CacheSubnetGroupName", ""), {}))
            for cluster in page
        ]


def replication_groups(connection: AwsConnection, region: str) -> Iterator[list[FoundResource]]:
    """Replication groups; their members say so themselves."""
    client = connection.client("elasticache", region)
    for page in paged(client, "describe_replication_groups", "ReplicationGroups"):
        tagged = tags_of(connection, region, [group["ARN"] for group in page])
        yield [_replication_group(region, group, tagged) for group in page]


def serverless_caches(connection: AwsConnection, region: str) -> Iterator[list[FoundResource]]:
    """Serverless caches, which cost their smallest size when nobody uses them."""
    client = connection.client("elasticache", region)
    for page in paged(client, "describe_serverless_caches", "ServerlessCaches"):
        tagged = tags_of(connection, region, [cache["ARN"] for cache in page])
        yield [_serverless_cache(region, cache, tagged) for cache in page]


def _cache_cluster(
    connection: AwsConnection,
    region: str,
    cluster: Mapping[str, Any],
    tagged: Mapping[str, Mapping[str, str]],
    network: Mapping[str, Any],
) -> FoundResource:
    group = cluster.get("ReplicationGroupId")
    relations = placed_in(network.get("VpcId"), [subnet["SubnetIdentifier"] for subnet in network.get("Subnets", ())])
    if group:
        target = arn(connection, "elasticache", region, f"replicationgroup:{group}")
        relations += (Relation(RelationshipKind.MEMBER_OF, target),)
    return FoundResource(
        service="AmazonElastiCache",
        resource_type="AWS::ElastiCache::CacheCluster",
        native_id=cluster["ARN"],
        name=cluster["CacheClusterId"],
        region=region,
        availability_zone=_zone(cluster.get("PreferredAvailabilityZone")),
        status=cluster.get("CacheClusterStatus"),
        tags=tagged.get(cluster["ARN"], {}),
        created_at=moment(cluster.get("CacheClusterCreateTime")),
        properties={
            "arn": cluster["ARN"],
            "nodeType": cluster.get("CacheNodeType"),
            "engine": cluster.get("Engine"),
            "engineVersion": cluster.get("EngineVersion"),
            "nodes": cluster.get("NumCacheNodes"),
            "nodeIds": [node["CacheNodeId"] for node in cluster.get("CacheNodes") or ()],
            "replicationGroup": group,
            "snapshotRetentionDays": cluster.get("SnapshotRetentionLimit"),
            "encryptedAtRest": cluster.get("AtRestEncryptionEnabled"),
        },
        relations=relations,
    )


def _zone(zone: str | None) -> str | None:
    """The zone; a cluster over several says `Multiple`."""
    return None if zone == "Multiple" else zone


def _replication_group(region: str, group: Mapping[str, Any], tagged: Mapping[str, Mapping[str, str]]) -> FoundResource:
    return FoundResource(
        service="AmazonElastiCache",
        resource_type="AWS::ElastiCache::ReplicationGroup",
        native_id=group["ARN"],
        name=group["ReplicationGroupId"],
        region=region,
        status=group.get("Status"),
        tags=tagged.get(group["ARN"], {}),
        created_at=moment(group.get("ReplicationGroupCreateTime")),
        properties={
            "arn": group["ARN"],
            "description": group.get("Description"),
            "nodeType": group.get("CacheNodeType"),
            "engine": group.get("Engine"),
            "members": group.get("MemberClusters") or [],
            "shards": len(group.get("NodeGroups") or ()),
            "clusterEnabled": group.get("ClusterEnabled"),
            "automaticFailover": group.get("AutomaticFailover"),
            "multiAz": group.get("MultiAZ"),
            "dataTiering": group.get("DataTiering"),
            "globalReplicationGroup": (group.get("GlobalReplicationGroupInfo") or {}).get("GlobalReplicationGroupId"),
            "snapshotRetentionDays": group.get("SnapshotRetentionLimit"),
            "encryptedAtRest": group.get("AtRestEncryptionEnabled"),
        },
    )


def _serverless_cache(region: str, cache: Mapping[str, Any], tagged: Mapping[str, Mapping[str, str]]) -> FoundResource:
    limits = cache.get("CacheUsageLimits") or {}
    storage, units = limits.get("DataStorage") or {}, limits.get("ECPUPerSecond") or {}
    return FoundResource(
        service="AmazonElastiCache",
        resource_type="AWS::ElastiCache::ServerlessCache",
        native_id=cache["ARN"],
        name=cache["ServerlessCacheName"],
        region=region,
        status=cache.get("Status"),
        tags=tagged.get(cache["ARN"], {}),
        created_at=moment(cache.get("CreateTime")),
        properties={
            "arn": cache["ARN"],
            "engine": cache.get("Engine"),
            "engineVersion": cache.get("FullEngineVersion") or cache.get("MajorEngineVersion"),
            "storageMinimumGb": storage.get("Minimum"),
            "storageMaximumGb": storage.get("Maximum"),
            "ecpuPerSecondMinimum": units.get("Minimum"),
            "ecpuPerSecondMaximum": units.get("Maximum"),
            "snapshotRetentionDays": cache.get("SnapshotRetentionLimit"),
        },
        relations=placed_in(None, cache.get("SubnetIds") or ()),
    )


SERVICE: Final = Service(
    "elasticache",
    (
        Collector(
            ("AWS::ElastiCache::CacheCluster",),
            ("elasticache:DescribeCacheClusters", "elasticache:DescribeCacheSubnetGroups", TAG_PERMISSION),
            cache_clusters,
        ),
        Collector(
            ("AWS::ElastiCache::ReplicationGroup",),
            ("elasticache:DescribeReplicationGroups", TAG_PERMISSION),
            replication_groups,
        ),
        Collector(
            ("AWS::ElastiCache::ServerlessCache",),
            ("elasticache:DescribeServerlessCaches", TAG_PERMISSION),
            serverless_caches,
        ),
    ),
)
