"""EC2 Auto Scaling: the groups that start and end instances."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from app.providers.aws.eks import nodegroup_id
from app.providers.aws.reading import arn, moment, paged, placed_in, tags
from app.providers.aws.session import AwsConnection
from app.providers.base import Collector, FoundResource, Relation, Service
from app.records import RelationshipKind

_PAGE: Final = 100
"""The most groups that EC2 Auto Scaling answers at once."""
_EKS_CLUSTER: Final = "eks:cluster-name"
_EKS_NODEGROUP: Final = "eks:nodegroup-name"
"""Tags that EKS gives to the group behind a managed node group."""


def group_id(connection: AwsConnection, region: str, name: str) -> str:
    """The native id of a group, which its members can build: they know its name only.

    It is the group's ARN with `*` in place of the group's random number.
    """
    return arn(connection, "autoscaling", region, f"autoScalingGroup:*:autoScalingGroupName/{name}")


def groups(connection: AwsConnection, region: str) -> Iterator[list[FoundResource]]:
    """Auto Scaling groups. Their instances say themselves that they are members."""
    client = connection.client("autoscaling", region)
    for page in paged(client, "describe_auto_scaling_groups", "AutoScalingGroups", MaxRecords=_PAGE):
        yield [_group(connection, region, group) for group in page]


SERVICE: Final = Service(
    "autoscaling",
    (
        Collector(
            ("AWS::AutoScaling::AutoScalingGroup",),
            ("autoscaling:DescribeAutoScalingGroups",),
            groups,
        ),
    ),
)


def _group(connection: AwsConnection, region: str, group: Mapping[str, Any]) -> FoundResource:
    name = group["AutoScalingGroupName"]
    members = group.get("Instances", ())
    mixed = group.get("MixedInstancesPolicy", {})
    template = group.get("LaunchTemplate") or mixed.get("LaunchTemplate", {}).get("LaunchTemplateSpecification", {})
    subnets = [subnet.strip() for subnet in (group.get("VPCZoneIdentifier") or "").split(",") if subnet.strip()]
    target_groups = list(group.get("TargetGroupARNs", ()))
    relations = [Relation(RelationshipKind.BEHIND, target_group) for target_group in target_groups]
    if template.get("LaunchTemplateId"):
        relations.append(Relation(RelationshipKind.CREATED_FROM, template["LaunchTemplateId"]))
    told = tags(group.get("Tags"))
    if told.keys() >= {_EKS_CLUSTER, _EKS_NODEGROUP}:
        owner = nodegroup_id(connection, region, told[_EKS_CLUSTER], told[_EKS_NODEGROUP])
        relations.append(Relation(RelationshipKind.MEMBER_OF, owner))
    return FoundResource(
        service="AmazonEC2",
        resource_type="AWS::AutoScaling::AutoScalingGroup",
        native_id=group_id(connection, region, name),
        name=name,
        region=region,
        # Told only while the group is being deleted.
        status=group.get("Status"),
        tags=told,
        properties={
            "arn": group.get("AutoScalingGroupARN"),
            "minSize": group.get("MinSize"),
            "maxSize": group.get("MaxSize"),
            "desiredCapacity": group.get("DesiredCapacity"),
            "instanceIds": [member["InstanceId"] for member in members],
            "instancesInService": sum(member.get("LifecycleState") == "InService" for member in members),
            "instanceTypes": sorted({member["InstanceType"] for member in members if member.get("InstanceType")}),
            "launchTemplateId": template.get("LaunchTemplateId"),
            "launchTemplateVersion": template.get("Version"),
            "launchConfigurationName": group.get("LaunchConfigurationName"),
            "mixedInstances": bool(mixed),
            "onDemandPercentageAboveBase": mixed.get("InstancesDistribution", {}).get(
                "OnDemandPercentageAboveBaseCapacity"
            ),
            "availabilityZones": list(group.get("AvailabilityZones", ())),
            "subnetIds": subnets,
            "targetGroupArns": target_groups,
            "classicLoadBalancerNames": list(group.get("LoadBalancerNames", ())),
            "suspendedProcesses": sorted(each["ProcessName"] for each in group.get("SuspendedProcesses", ())),
            "warmPoolSize": group.get("WarmPoolSize"),
        },
        created_at=moment(group.get("CreatedTime")),
        relations=(*dict.fromkeys(relations), *placed_in(None, subnets)),
    )
