"""What EC2 runs, and what it runs from: instances, launch templates, dedicated hosts, capacity reservations."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from app.providers.aws.autoscaling import group_id
from app.providers.aws.ec2 import PAGE, ec2_resource, iso
from app.providers.aws.reading import arn, moment, paged, placed_in
from app.providers.aws.session import AwsConnection
from app.providers.base import Collector, FoundResource, Relation
from app.records import RelationshipKind

_GROUP_TAG: Final = "aws:autoscaling:groupName"
_CLUSTER_TAG: Final = "kubernetes.io/cluster/"
"""What the tag of a node of Kubernetes begins with; the name of its cluster follows."""
_CHANGED: Final = re.compile(r"\((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?:GMT|UTC)\)")
"""When EC2 says an instance was stopped: `User initiated (2026-10-01 12:00:00 GMT)`."""
_TEMPLATES: Final = 200
"""The most launch templates, or versions of them, that EC2 answers at once."""
_RELEASED: Final = frozenset({"released", "released-permanent-failure"})
_OVER: Final = frozenset({"expired", "cancelled", "failed", "payment-failed", "unsupported"})


def instances(connection: AwsConnection, region: str) -> Iterator[list[FoundResource]]:
    """Instances; those that are terminated are still listed for an hour and left out."""
    client = connection.client("ec2", region)
    for page in paged(client, "describe_instances", "Reservations[].Instances[]", MaxResults=PAGE):
        yield [
            _instance(connection, region, instance) for instance in page if instance["State"]["Name"] != "terminated"
        ]


def launch_templates(connection: AwsConnection, region: str) -> Iterator[list[FoundResource]]:
    """Launch templates, with the images of their default and latest versions."""
    client = connection.client("ec2", region)
    images: dict[str, set[str]] = {}
    versions = {"Versions": ["$Default", "$Latest"], "MaxResults": _TEMPLATES}
    for page in paged(client, "describe_launch_template_versions", "LaunchTemplateVersions", **versions):
        for version in page:
            image = version.get("LaunchTemplateData", {}).get("ImageId")
            if image:
                images.setdefault(version["LaunchTemplateId"], set()).add(image)
    for page in paged(client, "describe_launch_templates", "LaunchTemplates", MaxResults=_TEMPLATES):
        yield [
            _launch_template(connection, region, template, sorted(images.get(template["LaunchTemplateId"], ())))
            for template in page
        ]


def hosts(connection: AwsConnection, region: str) -> Iterator[list[FoundResource]]:
    """Dedicated hosts that are not given back."""
    client = connection.client("ec2", region)
    for page in paged(client, "describe_hosts", "Hosts", MaxResults=500):
        yield [_host(connection, region, host) for host in page if host.get("State") not in _RELEASED]


def capacity_reservations(connection: AwsConnection, region: str) -> Iterator[list[FoundResource]]:
    """On-demand capacity reservations that are not over."""
    client = connection.client("ec2", region)
    for page in paged(client, "describe_capacity_reservations", "CapacityReservations", MaxResults=PAGE):
        yield [_reservation(connection, region, each) for each in page if each.get("State") not in _OVER]


COLLECTORS: Final = (
    Collector(("AWS::EC2::Instance",), ("ec2:DescribeInstances",), instances),
    Collector(
        ("AWS::EC2::LaunchTemplate",),
        ("ec2:DescribeLaunchTemplates", "ec2:DescribeLaunchTemplateVersions"),
        launch_templates,
    ),
    Collector(("AWS::EC2::Host",), ("ec2:DescribeHosts",), hosts),
    Collector(("AWS::EC2::CapacityReservation",), ("ec2:DescribeCapacityReservations",), capacity_reservations),
)


def _instance(connection: AwsConnection, region: str, instance: Mapping[str, Any]) -> FoundResource:
    placement = instance.get("Placement", {})
    return ec2_resource(
        connection,
        region,
        {**instance, "AvailabilityZone": placement.get("AvailabilityZone")},
        resource_type="Instance",
        native_id=instance["InstanceId"],
        arn_type="instance",
        status=instance["State"]["Name"],
        created_at=_first_seen(instance),
        relations=_instance_relations(connection, region, instance),
        properties={
            "instanceType": instance.get("InstanceType"),
            "architecture": instance.get("Architecture"),
            "platform": instance.get("Platform"),
            "platformDetails": instance.get("PlatformDetails"),
            "usageOperation": instance.get("UsageOperation"),
            "lifecycle": instance.get("InstanceLifecycle") or "on-demand",
            "tenancy": placement.get("Tenancy"),
            "hostId": placement.get("HostId"),
            "imageId": instance.get("ImageId"),
            "launchedAt": iso(moment(instance.get("LaunchTime"))),
            "stateReason": instance.get("StateReason", {}).get("Code") or None,
            "stateTransitionReason": instance.get("StateTransitionReason") or None,
            "stateChangedAt": iso(_changed_at(instance.get("StateTransitionReason") or "")),
            "iamInstanceProfileArn": instance.get("IamInstanceProfile", {}).get("Arn"),
            "vpcId": instance.get("VpcId"),
            "subnetId": instance.get("SubnetId"),
            "publicIp": instance.get("PublicIpAddress") or None,
            "privateIp": instance.get("PrivateIpAddress"),
            "securityGroupIds": [group["GroupId"] for group in instance.get("SecurityGroups", ())],
            "networkInterfaceIds": [each["NetworkInterfaceId"] for each in instance.get("NetworkInterfaces", ())],
            "rootDeviceName": instance.get("RootDeviceName"),
            "rootDeviceType": instance.get("RootDeviceType"),
            "blockDevices": [_block_device(each) for each in instance.get("BlockDeviceMappings", ())],
            "ebsOptimized": instance.get("EbsOptimized"),
            "detailedMonitoring": instance.get("Monitoring", {}).get("State") == "enabled",
            "hibernation": instance.get("HibernationOptions", {}).get("Configured", False),
            "cpuCores": instance.get("CpuOptions", {}).get("CoreCount"),
            "threadsPerCore": instance.get("CpuOptions", {}).get("ThreadsPerCore"),
            "capacityReservationId": instance.get("CapacityReservationId"),
            "spotInstanceRequestId": instance.get("SpotInstanceRequestId"),
        },
    )


def _instance_relations(connection: AwsConnection, region: str, instance: Mapping[str, Any]) -> Iterator[Relation]:
    """An instance tells its group, and the EKS cluster that it is a node of, by tags that those keep on it."""
    for tag in instance.get("Tags", ()):
        if tag["Key"] == _GROUP_TAG:
            yield Relation(RelationshipKind.MEMBER_OF, group_id(connection, region, tag["Value"]))
        elif tag["Key"].startswith(_CLUSTER_TAG):
            cluster = tag["Key"].removeprefix(_CLUSTER_TAG)
            yield Relation(RelationshipKind.MEMBER_OF, arn(connection, "eks", region, f"cluster/{cluster}"))
    if instance.get("Placement", {}).get("HostId"):
        yield Relation(RelationshipKind.MEMBER_OF, instance["Placement"]["HostId"])
    if instance.get("CapacityReservationId"):
        yield Relation(RelationshipKind.MEMBER_OF, instance["CapacityReservationId"])
    if instance.get("ImageId"):
        yield Relation(RelationshipKind.CREATED_FROM, instance["ImageId"])
    groups = [group["GroupId"] for group in instance.get("SecurityGroups", ())]
    yield from placed_in(instance.get("VpcId"), [instance.get("SubnetId")], groups)


def _block_device(mapping: Mapping[str, Any]) -> dict[str, Any]:
    disk = mapping.get("Ebs", {})
    return {
        "device": mapping.get("DeviceName"),
        "volumeId": disk.get("VolumeId"),
        "deleteOnTermination": disk.get("DeleteOnTermination"),
    }


def _first_seen(instance: Mapping[str, Any]) -> datetime | None:
    """The earliest moment that EC2 tells: each start moves the launch time, what was attached first keeps its own."""
    told = [instance.get("LaunchTime")]
    told += [each.get("Attachment", {}).get("AttachTime") for each in instance.get("NetworkInterfaces", ())]
    told += [each.get("Ebs", {}).get("AttachTime") for each in instance.get("BlockDeviceMappings", ())]
    return min(filter(None, map(moment, told)), default=None)


def _changed_at(reason: str) -> datetime | None:
    found = _CHANGED.search(reason)
    return datetime.strptime(found.group(1), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC) if found else None


def _launch_template(
    connection: AwsConnection, region: str, template: Mapping[str, Any], image_ids: list[str]
) -> FoundResource:
    return ec2_resource(
        connection,
        region,
        template,
        resource_type="LaunchTemplate",
        native_id=template["LaunchTemplateId"],
        arn_type="launch-template",
        name=template.get("LaunchTemplateName"),
        created_at=moment(template.get("CreateTime")),
        relations=[
            Relation(RelationshipKind.CREATED_FROM, image_id) for image_id in image_ids if image_id.startswith("ami-")
        ],
        properties={
            "launchTemplateName": template.get("LaunchTemplateName"),
            "defaultVersion": template.get("DefaultVersionNumber"),
            "latestVersion": template.get("LatestVersionNumber"),
            "createdBy": template.get("CreatedBy"),
            "imageIds": image_ids,
        },
    )


def _host(connection: AwsConnection, region: str, host: Mapping[str, Any]) -> FoundResource:
    kind = host.get("HostProperties", {})
    return ec2_resource(
        connection,
        region,
        host,
        resource_type="Host",
        native_id=host["HostId"],
        arn_type="dedicated-host",
        status=host.get("State"),
        created_at=moment(host.get("AllocationTime")),
        properties={
            "instanceType": kind.get("InstanceType"),
            "instanceFamily": kind.get("InstanceFamily"),
            "cores": kind.get("Cores"),
            "virtualCpus": kind.get("TotalVCpus"),
            "availableVirtualCpus": host.get("AvailableCapacity", {}).get("AvailableVCpus"),
            "autoPlacement": host.get("AutoPlacement"),
            "hostReservationId": host.get("HostReservationId"),
            "instanceIds": [each["InstanceId"] for each in host.get("Instances", ()) if each.get("InstanceId")],
        },
    )


def _reservation(connection: AwsConnection, region: str, reservation: Mapping[str, Any]) -> FoundResource:
    return ec2_resource(
        connection,
        region,
        reservation,
        resource_type="CapacityReservation",
        native_id=reservation["CapacityReservationId"],
        arn_type="capacity-reservation",
        status=reservation.get("State"),
        created_at=moment(reservation.get("CreateDate")),
        properties={
            "ownerId": reservation.get("OwnerId"),
            "instanceType": reservation.get("InstanceType"),
            "instancePlatform": reservation.get("InstancePlatform"),
            "tenancy": reservation.get("Tenancy"),
            "reservationType": reservation.get("ReservationType"),
            "totalInstances": reservation.get("TotalInstanceCount"),
            "availableInstances": reservation.get("AvailableInstanceCount"),
            "startsAt": iso(moment(reservation.get("StartDate"))),
            "endsAt": iso(moment(reservation.get("EndDate"))),
            "endDateType": reservation.get("EndDateType"),
            "instanceMatchCriteria": reservation.get("InstanceMatchCriteria"),
        },
    )
