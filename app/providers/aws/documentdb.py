"""Reads DocumentDB and Neptune, which live behind the API of RDS, and MemoryDB: clusters and their instances."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from app.providers.aws.asking import Asking, read_each
from app.providers.aws.rds import found_cluster, found_instance
from app.providers.aws.reading import moment, paged, placed_in, tags
from app.providers.aws.session import AwsConnection
from app.providers.base import Collector, FoundResource, Service

_GONE: Final = frozenset({"ClusterNotFoundFault", "ResourceNotFoundFault"})


def engine_clusters(
    engine: str, service: str, resource_type: str, connection: AwsConnection, region: str
) -> Iterator[list[FoundResource]]:
    """Clusters of one engine.

    Asked of RDS itself, which answers the same call: only botocore's RDS knows the tags in its answer.
    """
    client = connection.client("rds", region)
    for page in paged(client, "describe_db_clusters", "DBClusters", Filters=_of(engine)):
        yield [
            found_cluster(region, cluster, service, resource_type) for cluster in page if cluster["Engine"] == engine
        ]


def engine_instances(
    engine: str, service: str, resource_type: str, connection: AwsConnection, region: str
) -> Iterator[list[FoundResource]]:
    """Instances of one engine."""
    client = connection.client("rds", region)
    for page in paged(client, "describe_db_instances", "DBInstances", Filters=_of(engine)):
        yield [
            found_instance(connection, region, instance, service, resource_type)
            for instance in page
            if instance["Engine"] == engine
        ]


def memory_clusters(connection: AwsConnection, region: str) -> Iterator[list[FoundResource]]:
    """Clusters of MemoryDB."""
    client = connection.client("memorydb", region)
    asking = Asking(client)
    groups = {
        group["Name"]: group for page in paged(client, "describe_subnet_groups", "SubnetGroups") for group in page
    }
    for page in paged(client, "describe_clusters", "Clusters", ShowShardDetails=True):
        yield from read_each(page, partial(_memory_cluster, asking, region, groups), _GONE)


def _of(engine: str) -> list[dict[str, Any]]:
    return [{"Name": "engine", "Values": [engine]}]


def _memory_cluster(
    asking: Asking, region: str, groups: Mapping[str, Mapping[str, Any]], cluster: Mapping[str, Any]
) -> FoundResource:
    answers = asking.about()
    nodes = [node for shard in cluster.get("Shards", ()) for node in shard.get("Nodes", ())]
    born = [created for node in nodes if (created := moment(node.get("CreateTime")))]
    group = groups.get(cluster.get("SubnetGroupName", ""), {})
    return FoundResource(
        service="AmazonMemoryDB",
        resource_type="AWS::MemoryDB::Cluster",
        native_id=cluster["ARN"],
        name=cluster["Name"],
        region=region,
        status=cluster.get("Status"),
        tags=tags(answers.one("list_tags", ("tags",), ResourceArn=cluster["ARN"]).get("TagList")),
        # A cluster does not tell when it was made; its oldest node is the nearest there is.
        created_at=min(born, default=None),
        properties=answers.known(
            {
                "arn": cluster["ARN"],
                "nodeType": cluster.get("NodeType"),
                "engine": cluster.get("Engine"),
                "engineVersion": cluster.get("EngineVersion"),
                "shards": cluster.get("NumberOfShards"),
                "nodes": len(nodes),
                "availabilityMode": cluster.get("AvailabilityMode"),
                "dataTiering": cluster.get("DataTiering"),
                "snapshotRetentionDays": cluster.get("SnapshotRetentionLimit"),
                "multiRegionCluster": cluster.get("MultiRegionClusterName"),
            }
        ),
        relations=placed_in(group.get("VpcId"), [subnet["Identifier"] for subnet in group.get("Subnets", ())]),
    )


def _engine_service(engine: str, service: str, namespace: str) -> Service:
    cluster, instance = f"AWS::{namespace}::DBCluster", f"AWS::{namespace}::DBInstance"
    return Service(
        engine,
        (
            Collector((cluster,), ("rds:DescribeDBClusters",), partial(engine_clusters, engine, service, cluster)),
            Collector((instance,), ("rds:DescribeDBInstances",), partial(engine_instances, engine, service, instance)),
        ),
    )


SERVICES: Final = (
    _engine_service("docdb", "AmazonDocDB", "DocDB"),
    _engine_service("neptune", "AmazonNeptune", "Neptune"),
    Service(
        "memorydb",
        (
            Collector(
                ("AWS::MemoryDB::Cluster",),
                ("memorydb:DescribeClusters", "memorydb:DescribeSubnetGroups", "memorydb:ListTags"),
                memory_clusters,
            ),
        ),
    ),
)
