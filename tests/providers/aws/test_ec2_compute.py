"""Instances, launch templates, hosts and capacity reservations as a scan finds them, and Auto Scaling groups."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from app.providers.aws.ec2_compute import _changed_at
from app.providers.base import FoundResource
from tests.providers.aws.answering import answering
from tests.providers.aws.reads import behind, created_from, ids, in_network, member_of, named, pages_of, read
from tests.providers.moto import ACCOUNT, REGION, far_client

ZONE = f"{REGION}a"
EC2_ARN = f"arn:aws:ec2:{REGION}:{ACCOUNT}"
GROUP = f"arn:aws:autoscaling:{REGION}:{ACCOUNT}:autoScalingGroup:*:autoScalingGroupName/web"


def make_network(ec2: Any) -> tuple[str, str, str]:
    """A VPC, a subnet in it and a security group."""
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24", AvailabilityZone=ZONE)["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="web", Description="web", VpcId=vpc)["GroupId"]
    return vpc, subnet, group


def make_image(ec2: Any) -> str:
    image_id: str = ec2.register_image(Name="base", Architecture="x86_64", RootDeviceName="/dev/sda1")["ImageId"]
    return image_id


def test_a_running_instance(moto_url: str) -> None:
    ec2 = far_client(moto_url, "ec2")
    vpc, subnet, group = make_network(ec2)
    image = make_image(ec2)
    made = ec2.run_instances(
        ImageId=image,
        MinCount=1,
        MaxCount=1,
        InstanceType="m5.large",
        SubnetId=subnet,
        SecurityGroupIds=[group],
        UserData="password=hunter2",
        TagSpecifications=named("instance", Name="web-1", team="web"),
    )["Instances"][0]
    instance_id = made["InstanceId"]
    told = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]
    found = read(moto_url, "AWS::EC2::Instance", instance_id)
    assert found == FoundResource(
        service="AmazonEC2",
        resource_type="AWS::EC2::Instance",
        native_id=instance_id,
        name="web-1",
        region=REGION,
        availability_zone=ZONE,
        status="running",
        tags={"Name": "web-1", "team": "web"},
        properties={
            "arn": f"{EC2_ARN}:instance/{instance_id}",
            "instanceType": "m5.large",
            "architecture": told.get("Architecture"),
            "platform": None,
            "platformDetails": told.get("PlatformDetails"),
            "usageOperation": told.get("UsageOperation"),
            "lifecycle": "on-demand",
            "tenancy": "default",
            "hostId": None,
            "imageId": image,
            "launchedAt": told["LaunchTime"].astimezone(UTC).isoformat(),
            "stateReason": None,
            "stateTransitionReason": None,
            "stateChangedAt": None,
            "iamInstanceProfileArn": None,
            "vpcId": vpc,
            "subnetId": subnet,
            "publicIp": None,
            "privateIp": told["PrivateIpAddress"],
            "securityGroupIds": [group],
            "networkInterfaceIds": [told["NetworkInterfaces"][0]["NetworkInterfaceId"]],
            "rootDeviceName": "/dev/sda1",
            "rootDeviceType": "ebs",
            "blockDevices": [
                {
                    "device": "/dev/sda1",
                    "volumeId": told["BlockDeviceMappings"][0]["Ebs"]["VolumeId"],
                    "deleteOnTermination": True,
                }
            ],
            "ebsOptimized": False,
            "detailedMonitoring": False,
            "hibernation": False,
            "cpuCores": None,
            "threadsPerCore": None,
            "capacityReservationId": None,
            "spotInstanceRequestId": None,
        },
        created_at=min(told["LaunchTime"], told["NetworkInterfaces"][0]["Attachment"]["AttachTime"]),
        relations=(*created_from(image), *in_network(vpc, subnet, group)),
    )
    assert "hunter2" not in repr(found)


def test_a_stopped_instance_tells_since_when(moto_url: str) -> None:
    ec2 = far_client(moto_url, "ec2")
    instance_id = ec2.run_instances(ImageId=make_image(ec2), MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    ec2.stop_instances(InstanceIds=[instance_id])
    found = read(moto_url, "AWS::EC2::Instance", instance_id)
    assert found.status == "stopped"
    assert found.properties["stateReason"] == "Client.UserInitiatedShutdown"
    reason = found.properties["stateTransitionReason"]
    at = datetime.strptime(reason[16:35], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    assert found.properties["stateChangedAt"] == at.isoformat()


def test_the_moment_of_a_state_as_aws_words_it() -> None:
    assert _changed_at("User initiated (2026-10-01 12:00:05 GMT)") == datetime(2026, 10, 1, 12, 0, 5, tzinfo=UTC)
    assert _changed_at("User initiated") is None
    assert _changed_at("") is None


def test_a_terminated_instance_is_gone(moto_url: str) -> None:
    ec2 = far_client(moto_url, "ec2")
    made = ec2.run_instances(ImageId=make_image(ec2), MinCount=2, MaxCount=2)["Instances"]
    ec2.terminate_instances(InstanceIds=[made[0]["InstanceId"]])
    assert ids(moto_url, "AWS::EC2::Instance") == {made[1]["InstanceId"]}


def test_an_instance_keeps_its_age_when_it_is_started_again() -> None:
    volume = "<volumeId>vol-1</volumeId><attachTime>2024-01-01T00:00:00.000Z</attachTime>"
    disk = f"<item><deviceName>/dev/xvda</deviceName><ebs>{volume}</ebs></item>"
    item = (
        "<instanceId>i-1</instanceId><instanceState><name>running</name></instanceState>"
        "<launchTime>2026-11-01T00:00:00.000Z</launchTime><instanceLifecycle>spot</instanceLifecycle>"
        "<placement><hostId>h-1</hostId><tenancy>host</tenancy></placement>"
        "<capacityReservationId>cr-1</capacityReservationId>"
        "<tagSet><item><key>kubernetes.io/cluster/shop</key><value>owned</value></item></tagSet>"
        f"<blockDeviceMapping>{disk}</blockDeviceMapping>"
    )
    reservation = f"<item><instancesSet><item>{item}</item></instancesSet></item>"
    answers = {"DescribeInstances": f"<R><reservationSet>{reservation}</reservationSet></R>"}
    with answering(**answers) as far_side:
        found = read(far_side.url, "AWS::EC2::Instance", "i-1")
    assert found.created_at == datetime(2024, 1, 1, tzinfo=UTC)
    assert found.properties["launchedAt"] == "2026-11-01T00:00:00+00:00"
    assert (found.properties["lifecycle"], found.properties["tenancy"]) == ("spot", "host")
    assert found.relations == member_of(f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/shop", "h-1", "cr-1")


def test_instances_come_page_by_page(monkeypatch: pytest.MonkeyPatch, moto_url: str) -> None:
    monkeypatch.setattr("app.providers.aws.ec2_compute.PAGE", 5)
    ec2 = far_client(moto_url, "ec2")
    image = make_image(ec2)
    made = {ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"] for _ in range(12)}
    pages = pages_of(moto_url, "AWS::EC2::Instance")
    assert [len(page) for page in pages] == [5, 5, 2]
    assert {instance.native_id for page in pages for instance in page} == made


def test_a_launch_template_names_the_images_of_its_versions(moto_url: str) -> None:
    ec2 = far_client(moto_url, "ec2")
    first, second, third = make_image(ec2), make_image(ec2), make_image(ec2)
    made = ec2.create_launch_template(
        LaunchTemplateName="web",
        LaunchTemplateData={"ImageId": first, "UserData": "aHVudGVyMg=="},
        TagSpecifications=named("launch-template", team="web"),
    )["LaunchTemplate"]
    for image in (second, third):
        ec2.create_launch_template_version(LaunchTemplateName="web", LaunchTemplateData={"ImageId": image})
    found = read(moto_url, "AWS::EC2::LaunchTemplate", made["LaunchTemplateId"])
    used = sorted([first, third])
    assert found == FoundResource(
        service="AmazonEC2",
        resource_type="AWS::EC2::LaunchTemplate",
        native_id=made["LaunchTemplateId"],
        name="web",
        region=REGION,
        tags={"team": "web"},
        properties={
            "arn": f"{EC2_ARN}:launch-template/{made['LaunchTemplateId']}",
            "launchTemplateName": "web",
            "defaultVersion": 1,
            "latestVersion": 3,
            "createdBy": made["CreatedBy"],
            "imageIds": used,
        },
        created_at=made["CreateTime"],
        relations=created_from(*used),
    )


def test_a_dedicated_host_until_it_is_released(moto_url: str) -> None:
    ec2 = far_client(moto_url, "ec2")
    kept, released = ec2.allocate_hosts(AvailabilityZone=ZONE, InstanceType="mac1.metal", Quantity=2)["HostIds"]
    ec2.release_hosts(HostIds=[released])
    found = read(moto_url, "AWS::EC2::Host", kept)
    assert (found.status, found.availability_zone) == ("available", ZONE)
    assert found.properties["arn"] == f"{EC2_ARN}:dedicated-host/{kept}"
    assert found.properties["instanceType"] == "mac1.metal"
    assert found.properties["instanceIds"] == []
    assert ids(moto_url, "AWS::EC2::Host") == {kept}


def test_capacity_reservations_until_they_are_over() -> None:
    active = (
        "<capacityReservationId>cr-1</capacityReservationId><state>active</state><instanceType>m5.large</instanceType>"
        "<totalInstanceCount>10</totalInstanceCount><availableInstanceCount>7</availableInstanceCount>"
        f"<availabilityZone>{ZONE}</availabilityZone><createDate>2026-10-01T00:00:00.000Z</createDate>"
        "<endDateType>unlimited</endDateType><instancePlatform>Linux/UNIX</instancePlatform>"
    )
    over = "<capacityReservationId>cr-2</capacityReservationId><state>cancelled</state>"
    listed = f"<item>{active}</item><item>{over}</item>"
    answers = {"DescribeCapacityReservations": f"<R><capacityReservationSet>{listed}</capacityReservationSet></R>"}
    with answering(**answers) as far_side:
        (found,) = (each for page in pages_of(far_side.url, "AWS::EC2::CapacityReservation") for each in page)
    assert (found.native_id, found.status, found.availability_zone) == ("cr-1", "active", ZONE)
    assert found.created_at == datetime(2026, 10, 1, tzinfo=UTC)
    assert found.properties["totalInstances"] == 10
    assert found.properties["availableInstances"] == 7
    assert found.properties["instanceType"] == "m5.large"
    assert found.properties["arn"] == f"{EC2_ARN}:capacity-reservation/cr-1"


def test_an_auto_scaling_group_and_its_members(moto_url: str) -> None:
    ec2, scaling = far_client(moto_url, "ec2"), far_client(moto_url, "autoscaling")
    balancing = far_client(moto_url, "elbv2")
    vpc, subnet, _ = make_network(ec2)
    template = ec2.create_launch_template(
        LaunchTemplateName="web", LaunchTemplateData={"ImageId": make_image(ec2), "InstanceType": "t3.micro"}
    )["LaunchTemplate"]["LaunchTemplateId"]
    targets = balancing.create_target_group(Name="web", Protocol="HTTP", Port=80, VpcId=vpc)["TargetGroups"][0]
    scaling.create_auto_scaling_group(
        AutoScalingGroupName="web",
        LaunchTemplate={"LaunchTemplateId": template, "Version": "$Latest"},
        MinSize=1,
        MaxSize=4,
        DesiredCapacity=2,
        VPCZoneIdentifier=subnet,
        TargetGroupARNs=[targets["TargetGroupArn"]],
        Tags=[{"Key": "team", "Value": "web", "PropagateAtLaunch": False}],
    )
    told = scaling.describe_auto_scaling_groups()["AutoScalingGroups"][0]
    members = [member["InstanceId"] for member in told["Instances"]]
    found = read(moto_url, "AWS::AutoScaling::AutoScalingGroup", GROUP)
    assert len(members) == 2
    assert found == FoundResource(
        service="AmazonEC2",
        resource_type="AWS::AutoScaling::AutoScalingGroup",
        native_id=GROUP,
        name="web",
        region=REGION,
        tags={"team": "web"},
        properties={
            "arn": told["AutoScalingGroupARN"],
            "minSize": 1,
            "maxSize": 4,
            "desiredCapacity": 2,
            "instanceIds": members,
            "instancesInService": 2,
            "instanceTypes": ["t3.micro"],
            "launchTemplateId": template,
            "launchTemplateVersion": "$Latest",
            "launchConfigurationName": None,
            "mixedInstances": False,
            "onDemandPercentageAboveBase": None,
            "availabilityZones": [ZONE],
            "subnetIds": [subnet],
            "targetGroupArns": [targets["TargetGroupArn"]],
            "classicLoadBalancerNames": [],
            "suspendedProcesses": [],
            "warmPoolSize": None,
        },
        created_at=told["CreatedTime"],
        relations=(*behind(targets["TargetGroupArn"]), *created_from(template), *in_network(subnet)),
    )
    instance = read(moto_url, "AWS::EC2::Instance", members[0])
    assert set(member_of(GROUP)) <= set(instance.relations)


def test_the_group_behind_a_node_group_of_eks_is_a_member_of_it(moto_url: str) -> None:
    _, subnet, _ = make_network(far_client(moto_url, "ec2"))
    role = f"arn:aws:iam::{ACCOUNT}:role/any"
    eks, scaling = far_client(moto_url, "eks"), far_client(moto_url, "autoscaling")
    eks.create_cluster(name="shop", roleArn=role, resourcesVpcConfig={"subnetIds": [subnet]})
    eks.create_nodegroup(clusterName="shop", nodegroupName="nodes", subnets=[subnet], nodeRole=role)
    scaling.create_launch_configuration(LaunchConfigurationName="nodes", ImageId="ami-1", InstanceType="m5.large")
    # moto makes no group for a node group; EKS gives these tags to the one that it makes.
    for name, tagged in (("eks-nodes-1", {"eks:cluster-name": "shop", "eks:nodegroup-name": "nodes"}), ("own", {})):
        scaling.create_auto_scaling_group(
            AutoScalingGroupName=name,
            LaunchConfigurationName="nodes",
            MinSize=0,
            MaxSize=0,
            AvailabilityZones=[ZONE],
            Tags=[{"Key": key, "Value": value} for key, value in tagged.items()],
        )
    (nodes,) = ids(moto_url, "AWS::EKS::Nodegroup")
    group, own = (
        read(moto_url, "AWS::AutoScaling::AutoScalingGroup", GROUP.removesuffix("web") + name)
        for name in ("eks-nodes-1", "own")
    )
    assert group.relations == member_of(nodes)
    assert own.relations == ()


def test_groups_come_page_by_page(moto_url: str) -> None:
    ec2, scaling = far_client(moto_url, "ec2"), far_client(moto_url, "autoscaling")
    template = ec2.create_launch_template(LaunchTemplateName="web", LaunchTemplateData={"ImageId": make_image(ec2)})
    for number in range(120):
        scaling.create_auto_scaling_group(
            AutoScalingGroupName=f"group-{number:03}",
            LaunchTemplate={"LaunchTemplateId": template["LaunchTemplate"]["LaunchTemplateId"], "Version": "1"},
            MinSize=0,
            MaxSize=0,
            AvailabilityZones=[ZONE],
        )
    pages = pages_of(moto_url, "AWS::AutoScaling::AutoScalingGroup")
    assert [len(page) for page in pages] == [100, 20]
    assert {group.name for page in pages for group in page} == {f"group-{number:03}" for number in range(120)}
