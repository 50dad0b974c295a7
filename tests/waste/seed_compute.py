"""Instances and what keeps capacity for them: waste, and what only looks like it."""

from __future__ import annotations

from typing import Any

from moto.ec2.models import ec2_backends

from tests.providers.moto import ACCOUNT
from tests.waste.far_missing import HELD
from tests.waste.seeding import OLD, REGION, ZONE, Seeding, arn, now, tagged

MEGABYTE = 1_000_000


def seed(to: Seeding) -> None:
    """Fill the account."""
    to.ago(OLD)
    _ground(to)
    _running(to)
    _stopped(to)
    to.ago(OLD)
    _groups(to)
    _hosts(to)
    _reservations(to)


def instance(to: Seeding, label: str, kind: str, image: str = "image_arm", **values: Any) -> str:
    """A running instance with a root volume of 8 GiB, known as `<label>_root`."""
    disk = {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8, "VolumeType": "gp3"}}
    made = to.client("ec2").run_instances(
        ImageId=to.ids[image],
        InstanceType=kind,
        MinCount=1,
        MaxCount=1,
        SubnetId=to.ids["subnet"],
        BlockDeviceMappings=[disk],
        TagSpecifications=tagged("instance", Name=label),
        **values,
    )["Instances"][0]
    to.ids[label] = made["InstanceId"]
    to.ids[f"{label}_root"] = made["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    return to.ids[label]


def _ground(to: Seeding) -> None:
    """A network of our own, and images to start from."""
    ec2 = to.client("ec2")
    to.ids["vpc"] = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    for label, zone, block in (("subnet", ZONE, "10.1.0.0/20"), ("subnet_b", f"{REGION}b", "10.1.16.0/20")):
        made = ec2.create_subnet(VpcId=to.ids["vpc"], CidrBlock=block, AvailabilityZone=zone)
        to.ids[label] = made["Subnet"]["SubnetId"]
    for label, architecture in (("image_arm", "arm64"), ("image_x86", "x86_64")):
        to.ids[label] = ec2.register_image(Name=label)["ImageId"]
        ec2_backends[ACCOUNT][REGION].amis[to.ids[label]].architecture = architecture


def _running(to: Seeding) -> None:
    _used(to, instance(to, "idle_machine", "m7g.large"), cpu=1.5, traffic=1000)
    _used(to, instance(to, "busy_machine", "m7g.large"), cpu=60, memory=70)
    _used(to, instance(to, "quiet_router", "m7g.large"), cpu=1.5, traffic=MEGABYTE)
    instance(to, "unmeasured_machine", "m7g.large")
    _used(to, instance(to, "office_machine", "m7g.xlarge"), cpu=_at_work(8), memory=70)
    _used(to, instance(to, "long_hours_machine", "m7g.xlarge"), cpu=_at_work(12), memory=70)
    _used(to, instance(to, "large_machine", "m7g.2xlarge"), cpu=10, memory=20)
    _used(to, instance(to, "full_machine", "m7g.2xlarge"), cpu=10, memory=60)
    _used(to, instance(to, "old_machine", "m5.large", "image_x86"), cpu=60, memory=70)


def _at_work(hours: int) -> list[float]:
    """Busy for so many hours of each day."""
    return [40.0 if hour < hours else 1.0 for hour in range(24)]


def _used(
    to: Seeding,
    instance_id: str,
    cpu: float | list[float],
    traffic: float = 100 * MEGABYTE,
    memory: float | None = None,
) -> None:
    to.metric("AWS/EC2", "CPUUtilization", cpu, InstanceId=instance_id)
    for name in ("NetworkIn", "NetworkOut"):
        to.metric("AWS/EC2", name, traffic, InstanceId=instance_id)
    if memory is not None:
        to.metric("CWAgent", "mem_used_percent", memory, InstanceId=instance_id)


def _stopped(to: Seeding) -> None:
    ec2 = to.client("ec2")
    address = ec2.allocate_address(Domain="vpc")
    for label, days in (("stopped_machine", 60), ("stopped_lately", 10)):
        to.ago(OLD)
        made = instance(to, label, "m7g.large")
        if label == "stopped_machine":
            to.ids["stopped_address"] = address["AllocationId"]
            ec2.associate_address(AllocationId=address["AllocationId"], InstanceId=made)
        to.ago(days)
        ec2.stop_instances(InstanceIds=[made])


def _groups(to: Seeding) -> None:
    ec2 = to.client("ec2")
    data = {"ImageId": to.ids["image_arm"], "InstanceType": "m7g.large"}
    template = ec2.create_launch_template(LaunchTemplateName="workers", LaunchTemplateData=data)["LaunchTemplate"]
    to.ids["template"] = template["LaunchTemplateId"]
    for label, cpu, traffic in (("idle_group", 2, 1000), ("busy_group", 50, 100 * MEGABYTE)):
        to.client("autoscaling").create_auto_scaling_group(
            AutoScalingGroupName=label,
            LaunchTemplate={"LaunchTemplateId": to.ids["template"]},
            MinSize=2,
            MaxSize=2,
            VPCZoneIdentifier=to.ids["subnet"],
        )
        to.ids[label] = arn("autoscaling", f"autoScalingGroup:*:autoScalingGroupName/{label}")
        to.metric("AWS/EC2", "CPUUtilization", cpu, AutoScalingGroupName=label)
        for name in ("NetworkIn", "NetworkOut"):
            to.metric("AWS/EC2", name, traffic, AutoScalingGroupName=label)


def _hosts(to: Seeding) -> None:
    def host(label: str) -> None:
        made = to.client("ec2").allocate_hosts(AvailabilityZone=ZONE, InstanceFamily="m5", Quantity=1)
        to.ids[label] = made["HostIds"][0]

    host("empty_host")
    to.ago(0.1)
    host("host_of_today")


def _reservations(to: Seeding) -> None:
    for label, used in (("unused_reservation", 25), ("used_reservation", 80)):
        to.ids[label] = f"cr-{len(HELD['CapacityReservations']):017x}"
        HELD["CapacityReservations"].append(
            {
                "CapacityReservationId": to.ids[label],
                "CapacityReservationArn": arn("ec2", f"capacity-reservation/{to.ids[label]}"),
                "OwnerId": ACCOUNT,
                "InstanceType": "m7g.xlarge",
                "InstancePlatform": "Linux/UNIX",
                "AvailabilityZone": ZONE,
                "Tenancy": "default",
                "TotalInstanceCount": 4,
                "AvailableInstanceCount": 3,
                "State": "active",
                "StartDate": now(),
                "CreateDate": now(),
                "EndDateType": "unlimited",
                "ReservationType": "default",
            }
        )
        where = {"CapacityReservationId": to.ids[label]}
        to.metric("AWS/EC2CapacityReservations", "InstanceUtilization", used, **where)
