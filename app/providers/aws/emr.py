"""Amazon EMR: clusters that are not terminated."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from app.providers.aws.asking import GONE, Answers, Asking, read_each
from app.providers.aws.reading import moment, paged, placed_in, tags
from app.providers.base import Collector, FoundResource, Service

_CLUSTER: Final = "AWS::EMR::Cluster"
_LIVE: Final = ("STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING", "TERMINATING")
_DESCRIBED: Final = (
    "applications",
    "autoTerminate",
    "extendedSupport",
    "instanceCollectionType",
    "instances",
    "releaseLabel",
    "tags",
    "terminationProtected",
)


def _clusters(connection: Any, region: str) -> Iterator[list[FoundResource]]:
    client = connection.client("emr", region)
    asking = Asking(client)
    for page in paged(client, "list_clusters", "Clusters", ClusterStates=list(_LIVE)):
        yield from read_each(page, partial(_cluster, asking, region), GONE)


def _cluster(asking: Asking, region: str, cluster: dict[str, Any]) -> FoundResource:
    answers = asking.about()
    identifier = cluster["Id"]
    described = answers.one("describe_cluster", _DESCRIBED, ClusterId=identifier).get("Cluster", {})
    policy = answers.one("get_auto_termination_policy", ("autoTerminationIdleSeconds",), ClusterId=identifier)
    timeline = cluster["Status"].get("Timeline", {})
    network = described.get("Ec2InstanceAttributes", {})
    collection = described.get("InstanceCollectionType")
    properties = {
        "arn": cluster["ClusterArn"],
        "clusterId": identifier,
        "releaseLabel": described.get("ReleaseLabel"),
        "applications": [one["Name"] for one in described.get("Applications", ()) if one.get("Name")],
        "instanceCollectionType": collection,
        "instances": _instances(answers, identifier, collection) if described else None,
        "normalizedInstanceHours": cluster.get("NormalizedInstanceHours"),
        "autoTerminate": described.get("AutoTerminate"),
        "autoTerminationIdleSeconds": policy.get("AutoTerminationPolicy", {}).get("IdleTimeout"),
        "terminationProtected": described.get("TerminationProtected"),
        "extendedSupport": described.get("ExtendedSupport"),
        "readyAt": moment(timeline.get("ReadyDateTime")),
    }
    return FoundResource(
        service="ElasticMapReduce",
        resource_type=_CLUSTER,
        native_id=cluster["ClusterArn"],
        name=cluster["Name"],
        region=region,
        availability_zone=network.get("Ec2AvailabilityZone") or None,
        status=cluster["Status"]["State"],
        tags=tags(described.get("Tags")),
        properties=answers.known(properties),
        created_at=moment(timeline.get("CreationDateTime")),
        relations=placed_in(None, (network.get("Ec2SubnetId"),)),
    )


def _instances(answers: Answers, identifier: str, collection: str | None) -> list[dict[str, Any]]:
    """The instance fleets, or the groups, that make up a cluster; clusters older than fleets do not say which."""
    if collection != "INSTANCE_FLEET":
        groups = answers.all("list_instance_groups", "InstanceGroups", ("instances",), ClusterId=identifier)
        return [
            {
                "role": group.get("InstanceGroupType"),
                "instanceType": group.get("InstanceType"),
                "market": group.get("Market"),
                "requested": group.get("RequestedInstanceCount"),
                "running": group.get("RunningInstanceCount"),
            }
            for group in groups
        ]
    fleets = answers.all("list_instance_fleets", "InstanceFleets", ("instances",), ClusterId=identifier)
    return [
        {
            "role": fleet.get("InstanceFleetType"),
            "instanceTypes": [kind["InstanceType"] for kind in fleet.get("InstanceTypeSpecifications", ())],
            "onDemandCapacity": fleet.get("ProvisionedOnDemandCapacity"),
            "spotCapacity": fleet.get("ProvisionedSpotCapacity"),
            "targetOnDemandCapacity": fleet.get("TargetOnDemandCapacity"),
            "targetSpotCapacity": fleet.get("TargetSpotCapacity"),
        }
        for fleet in fleets
    ]


SERVICE: Final = Service(
    name="emr",
    collectors=(
        Collector(
            resource_types=(_CLUSTER,),
            permissions=(
                "elasticmapreduce:ListClusters",
                "elasticmapreduce:DescribeCluster",
                "elasticmapreduce:GetAutoTerminationPolicy",
                "elasticmapreduce:ListInstanceGroups",
                "elasticmapreduce:ListInstanceFleets",
            ),
            pages=_clusters,
        ),
    ),
)
