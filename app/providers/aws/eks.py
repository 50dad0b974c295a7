"""Reads EKS: clusters with the support of their version, and node groups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from botocore.exceptions import ClientError

from app.providers.aws.errors import error_code
from app.providers.aws.parts import Parts, names_in, read_each
from app.providers.aws.reading import arn, moment, paged, placed_in, plain, tags
from app.providers.aws.session import AwsConnection
from app.providers.base import Collector, FoundResource, Relation, Service
from app.records import RelationshipKind

_GONE: Final = frozenset({"ResourceNotFoundException"})
_OF_VERSION: Final = ("versionStatus", "standardSupportEndsAt", "extendedSupportEndsAt")


def clusters(connection: AwsConnection, region: str) -> Iterator[list[FoundResource]]:
    """Clusters; the list tells names only."""
    client = connection.client("eks", region)
    versions: Mapping[str, Mapping[str, Any]] | None = None
    unknown = Parts()
    for names in names_in(client, "list_clusters", "clusters"):
        if names and versions is None and not unknown.unreadable:
            versions = unknown.read(_OF_VERSION, lambda: _versions(client))
        yield from read_each(names, partial(_cluster, client, region, versions), _GONE)


def nodegroups(connection: AwsConnection, region: str) -> Iterator[list[FoundResource]]:
    """Managed node groups, a page of one cluster at a time."""
    client = connection.client("eks", region)
    for listed in names_in(client, "list_clusters", "clusters"):
        for cluster in listed:
            yield from _nodegroups_of(connection, client, region, cluster)


def _versions(client: Any) -> dict[str, dict[str, Any]]:
    """What is known of each version of Kubernetes; some are told once for each kind of cluster."""
    pages = paged(client, "describe_cluster_versions", "clusterVersions", includeAll=True)
    return {version["clusterVersion"]: version for page in pages for version in page}


def _cluster(client: Any, region: str, versions: Mapping[str, Mapping[str, Any]] | None, name: str) -> FoundResource:
    cluster = client.describe_cluster(name=name)["cluster"]
    parts = Parts()
    network = cluster.get("resourcesVpcConfig") or {}
    if versions is None:
        parts.unreadable.extend(_OF_VERSION)
    version = (versions or {}).get(cluster.get("version", ""), {})
    return FoundResource(
        service="AmazonEKS",
        resource_type="AWS::EKS::Cluster",
        native_id=cluster["arn"],
        name=name,
        region=region,
        status=cluster.get("status"),
        tags=tags(cluster.get("tags")),
        created_at=moment(cluster.get("createdAt")),
        properties=parts.told(
            {
                "arn": cluster["arn"],
                "version": cluster.get("version"),
                "platformVersion": cluster.get("platformVersion"),
                "supportType": (cluster.get("upgradePolicy") or {}).get("supportType"),
                "versionStatus": version.get("versionStatus") or version.get("status"),
                "standardSupportEndsAt": plain(version.get("endOfStandardSupportDate")),
                "extendedSupportEndsAt": plain(version.get("endOfExtendedSupportDate")),
                "autoMode": (cluster.get("computeConfig") or {}).get("enabled", False),
                "nodegroups": parts.read(
                    ("nodegroups",), lambda: _named(client, "list_nodegroups", "nodegroups", name)
                ),
                "fargateProfiles": parts.read(
                    ("fargateProfiles",), lambda: _named(client, "list_fargate_profiles", "fargateProfileNames", name)
                ),
                "outpost": cluster.get("outpostConfig") is not None,
                "connectedFrom": (cluster.get("connectorConfig") or {}).get("provider"),
            }
        ),
        relations=placed_in(network.get("vpcId"), network.get("subnetIds") or ()),
    )


def _named(client: Any, operation: str, key: str, cluster: str) -> list[str]:
    return [name for names in names_in(client, operation, key, clusterName=cluster) for name in names]


def _nodegroups_of(connection: AwsConnection, client: Any, region: str, cluster: str) -> Iterator[list[FoundResource]]:
    owner = arn(connection, "eks", region, f"cluster/{cluster}")
    try:
        for names in names_in(client, "list_nodegroups", "nodegroups", clusterName=cluster):
            yield from read_each(names, partial(_nodegroup, client, region, cluster, owner), _GONE)
    except ClientError as error:
        # The cluster may be deleted since the list of clusters.
        if error_code(error) not in _GONE:
            raise


def _nodegroup(client: Any, region: str, cluster: str, owner: str, name: str) -> FoundResource:
    group = client.describe_nodegroup(clusterName=cluster, nodegroupName=name)["nodegroup"]
    scaling = group.get("scalingConfig") or {}
    scaled = (group.get("resources") or {}).get("autoScalingGroups") or ()
    return FoundResource(
        service="AmazonEKS",
        resource_type="AWS::EKS::Nodegroup",
        native_id=group["nodegroupArn"],
        name=name,
        region=region,
        status=group.get("status"),
        tags=tags(group.get("tags")),
        created_at=moment(group.get("createdAt")),
        properties={
            "arn": group["nodegroupArn"],
            "cluster": cluster,
            "version": group.get("version"),
            "releaseVersion": group.get("releaseVersion"),
            "capacityType": group.get("capacityType"),
            "instanceTypes": group.get("instanceTypes") or [],
            "amiType": group.get("amiType"),
            "diskSizeGib": group.get("diskSize"),
            "minSize": scaling.get("minSize"),
            "maxSize": scaling.get("maxSize"),
            "desiredSize": scaling.get("desiredSize"),
            "autoScalingGroups": [item["name"] for item in scaled],
        },
        relations=(Relation(RelationshipKind.MEMBER_OF, owner), *placed_in(None, group.get("subnets") or ())),
    )


SERVICE: Final = Service(
    "eks",
    (
        Collector(
            ("AWS::EKS::Cluster",),
            (
                "eks:ListClusters",
                "eks:DescribeCluster",
                "eks:DescribeClusterVersions",
                "eks:ListFargateProfiles",
                "eks:ListNodegroups",
            ),
            clusters,
        ),
        Collector(
            ("AWS::EKS::Nodegroup",),
            ("eks:ListClusters", "eks:ListNodegroups", "eks:DescribeNodegroup"),
            nodegroups,
        ),
    ),
)
