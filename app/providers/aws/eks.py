"""Reads EKS: clusters with the support of their version, and node groups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from botocore.exceptions import ClientError

from app.providers.aws.asking import Asking, read_each
from app.providers.aws.errors import error_code
from app.providers.aws.reading import arn, moment, names_in, placed_in, plain, tags
from app.providers.aws.session import AwsConnection
from app.providers.base import Collector, FoundResource, Relation, Service
from app.records import RelationshipKind

_GONE: Final = frozenset({"ResourceNotFoundException"})
_OF_VERSION: Final = ("versionStatus", "standardSupportEndsAt", "extendedSupportEndsAt")


def nodegroup_id(connection: AwsConnection, region: str, cluster: str, name: str) -> str:
    """The native id of a node group, which its Auto Scaling group can build: that knows its names only, by its tags.

    It is the node group's ARN with `*` in place of its random number.
    """
    return arn(connection, "eks", region, f"nodegroup/{cluster}/{name}/*")


def clusters(connection: AwsConnection, region: str) -> Iterator[list[FoundResource]]:
    """Clusters; the list tells names only."""
    client = connection.client("eks", region)
    asking = Asking(client)
    answers = asking.about()
    versions: dict[str, dict[str, Any]] | None = None
    for names in names_in(client, "list_clusters", "clusters"):
        if names and versions is None:
            # Some are told once for each kind of cluster.
            told = answers.all("describe_cluster_versions", "clusterVersions", _OF_VERSION, includeAll=True)
            versions = {version["clusterVersion"]: version for version in told}
        yield from read_each(names, partial(_cluster, asking, region, versions or {}, answers.unreadable), _GONE)


def nodegroups(connection: AwsConnection, region: str) -> Iterator[list[FoundResource]]:
    """Managed node groups, a page of one cluster at a time."""
    client = connection.client("eks", region)
    for listed in names_in(client, "list_clusters", "clusters"):
        for cluster in listed:
            yield from _nodegroups_of(connection, client, region, cluster)


def _cluster(
    asking: Asking, region: str, versions: Mapping[str, Mapping[str, Any]], unreadable: list[str], name: str
) -> FoundResource:
    cluster = asking.client.describe_cluster(name=name)["cluster"]
    answers = asking.about(*unreadable)
    network = cluster.get("resourcesVpcConfig") or {}
    version = versions.get(cluster.get("version", ""), {})
    return FoundResource(
        service="AmazonEKS",
        resource_type="AWS::EKS::Cluster",
        native_id=cluster["arn"],
        name=name,
        region=region,
        status=cluster.get("status"),
        tags=tags(cluster.get("tags")),
        created_at=moment(cluster.get("createdAt")),
        properties=answers.known(
            {
                "arn": cluster["arn"],
                "version": cluster.get("version"),
                "platformVersion": cluster.get("platformVersion"),
                "supportType": (cluster.get("upgradePolicy") or {}).get("supportType"),
                "versionStatus": version.get("versionStatus") or version.get("status"),
                "standardSupportEndsAt": plain(version.get("endOfStandardSupportDate")),
                "extendedSupportEndsAt": plain(version.get("endOfExtendedSupportDate")),
                "autoMode": (cluster.get("computeConfig") or {}).get("enabled", False),
                "nodegroups": answers.all("list_nodegroups", "nodegroups", ("nodegroups",), clusterName=name),
                "fargateProfiles": answers.all(
                    "list_fargate_profiles", "fargateProfileNames", ("fargateProfiles",), clusterName=name
                ),
                "outpost": cluster.get("outpostConfig") is not None,
                "connectedFrom": (cluster.get("connectorConfig") or {}).get("provider"),
            }
        ),
        relations=placed_in(network.get("vpcId"), network.get("subnetIds") or ()),
    )


def _nodegroups_of(connection: AwsConnection, client: Any, region: str, cluster: str) -> Iterator[list[FoundResource]]:
    try:
        for names in names_in(client, "list_nodegroups", "nodegroups", clusterName=cluster):
            yield from read_each(names, partial(_nodegroup, connection, client, region, cluster), _GONE)
    except ClientError as error:
        # The cluster may be deleted since the list of clusters.
        if error_code(error) not in _GONE:
            raise


def _nodegroup(connection: AwsConnection, client: Any, region: str, cluster: str, name: str) -> FoundResource:
    group = client.describe_nodegroup(clusterName=cluster, nodegroupName=name)["nodegroup"]
    owner = arn(connection, "eks", region, f"cluster/{cluster}")
    scaling = group.get("scalingConfig") or {}
    scaled = (group.get("resources") or {}).get("autoScalingGroups") or ()
    return FoundResource(
        service="AmazonEKS",
        resource_type="AWS::EKS::Nodegroup",
        native_id=nodegroup_id(connection, region, cluster, name),
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
