"""Reads Redshift: provisioned clusters, and the schedules that pause, resume and resize them.

Serverless workgroups are left out: they cost nothing while nobody queries them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from app.providers.aws.reading import arn, moment, paged, placed_in, plain, tags
from app.providers.aws.session import AwsConnection
from app.providers.base import Collector, FoundResource, Relation, Service
from app.records import RelationshipKind


def clusters(connection: AwsConnection, region: str) -> Iterator[list[FoundResource]]:
    """Provisioned clusters, paused ones included."""
    for page in paged(connection.client("redshift", region), "describe_clusters", "Clusters"):
        yield [_cluster(connection, region, cluster) for cluster in page]


def scheduled_actions(connection: AwsConnection, region: str) -> Iterator[list[FoundResource]]:
    """Scheduled actions, attached to their cluster.

    A type of their own, so that a cluster without a pause schedule and one whose schedules may not be read differ:
    the latter's scope keeps its rows and is reported.
    """
    for page in paged(connection.client("redshift", region), "describe_scheduled_actions", "ScheduledActions"):
        yield [_scheduled_action(connection, region, action) for action in page]


def _cluster(connection: AwsConnection, region: str, cluster: Mapping[str, Any]) -> FoundResource:
    name = cluster["ClusterIdentifier"]
    cluster_arn = arn(connection, "redshift", region, f"cluster:{name}")
    return FoundResource(
        service="AmazonRedshift",
        resource_type="AWS::Redshift::Cluster",
        native_id=cluster_arn,
        name=name,
        region=region,
        availability_zone=cluster.get("AvailabilityZone"),
        status=cluster.get("ClusterStatus"),
        tags=tags(cluster.get("Tags")),
        created_at=moment(cluster.get("ClusterCreateTime")),
        properties={
            "arn": cluster_arn,
            "namespaceArn": cluster.get("ClusterNamespaceArn"),
            "nodeType": cluster.get("NodeType"),
            "nodes": cluster.get("NumberOfNodes"),
            "availabilityStatus": cluster.get("ClusterAvailabilityStatus"),
            "version": cluster.get("ClusterVersion"),
            "multiAz": cluster.get("MultiAZ"),
            "storageCapacityMb": cluster.get("TotalStorageCapacityInMegaBytes"),
            "automatedSnapshotRetentionDays": cluster.get("AutomatedSnapshotRetentionPeriod"),
            "manualSnapshotRetentionDays": cluster.get("ManualSnapshotRetentionPeriod"),
            "publiclyAccessible": cluster.get("PubliclyAccessible"),
            "encrypted": cluster.get("Encrypted"),
        },
        relations=placed_in(cluster.get("VpcId")),
    )


def _scheduled_action(connection: AwsConnection, region: str, action: Mapping[str, Any]) -> FoundResource:
    # One of PauseCluster, ResumeCluster and ResizeCluster is there.
    kind = next(iter(action.get("TargetAction") or ()), None)
    cluster = action["TargetAction"][kind].get("ClusterIdentifier") if kind else None
    name = action["ScheduledActionName"]
    # AWS has no ARN for these; made like those of its other parts of Redshift, it is unique in the account.
    action_arn = arn(connection, "redshift", region, f"scheduledaction:{name}")
    relations: tuple[Relation, ...] = ()
    if cluster:
        cluster_arn = arn(connection, "redshift", region, f"cluster:{cluster}")
        relations = (Relation(RelationshipKind.ATTACHED_TO, cluster_arn),)
    return FoundResource(
        service="AmazonRedshift",
        resource_type="AWS::Redshift::ScheduledAction",
        native_id=action_arn,
        name=name,
        region=region,
        status=action.get("State"),
        properties={
            "action": kind,
            "cluster": cluster,
            "schedule": action.get("Schedule"),
            "startsAt": plain(action.get("StartTime")),
            "endsAt": plain(action.get("EndTime")),
        },
        relations=relations,
    )


SERVICE: Final = Service(
    "redshift",
    (
        Collector(("AWS::Redshift::Cluster",), ("redshift:DescribeClusters",), clusters),
        Collector(("AWS::Redshift::ScheduledAction",), ("redshift:DescribeScheduledActions",), scheduled_actions),
    ),
)
