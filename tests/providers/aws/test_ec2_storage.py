"""Volumes, snapshots and images as a scan finds them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from app.providers.base import FoundResource
from tests.providers.aws.answering import answering
from tests.providers.aws.faults import volumes
from tests.providers.aws.reads import attached_to, created_from, ids, named, pages_of, read
from tests.providers.moto import ACCOUNT, REGION, far_client

ZONE = f"{REGION}a"
EC2_ARN = f"arn:aws:ec2:{REGION}:{ACCOUNT}"


def make_image(ec2: Any, **more: Any) -> str:
    image_id: str = ec2.register_image(Name="base", Architecture="x86_64", RootDeviceName="/dev/sda1", **more)[
        "ImageId"
    ]
    return image_id


def test_a_volume_that_nothing_uses(moto_url: str) -> None:
    ec2 = far_client(moto_url, "ec2")
    made = ec2.create_volume(
        AvailabilityZone=ZONE,
        Size=200,
        VolumeType="gp3",
        Iops=4000,
        Throughput=250,
        Encrypted=True,
        KmsKeyId="alias/data",
        TagSpecifications=named("volume", Name="data", team="billing"),
    )
    key = ec2.describe_volumes(VolumeIds=[made["VolumeId"]])["Volumes"][0].get("KmsKeyId")
    assert read(moto_url, "AWS::EC2::Volume", made["VolumeId"]) == FoundResource(
        service="AmazonEC2",
        resource_type="AWS::EC2::Volume",
        native_id=made["VolumeId"],
        name="data",
        region=REGION,
        availability_zone=ZONE,
        status="available",
        tags={"Name": "data", "team": "billing"},
        properties={
            "arn": f"{EC2_ARN}:volume/{made['VolumeId']}",
            "volumeType": "gp3",
            "sizeGiB": 200,
            "iops": 4000,
            "throughputMiBps": 250,
            "encrypted": True,
            "kmsKeyArn": key,
            "multiAttach": False,
            "snapshotId": None,
            "attachments": [],
        },
        created_at=made["CreateTime"],
    )


def test_a_volume_of_a_snapshot_at_an_instance(moto_url: str) -> None:
    ec2 = far_client(moto_url, "ec2")
    instance = ec2.run_instances(ImageId=make_image(ec2), MinCount=1, MaxCount=1, Placement={"AvailabilityZone": ZONE})
    instance_id = instance["Instances"][0]["InstanceId"]
    first = ec2.create_volume(AvailabilityZone=ZONE, Size=10)["VolumeId"]
    snapshot = ec2.create_snapshot(VolumeId=first)["SnapshotId"]
    volume = ec2.create_volume(AvailabilityZone=ZONE, SnapshotId=snapshot)["VolumeId"]
    attached = ec2.attach_volume(VolumeId=volume, InstanceId=instance_id, Device="/dev/sdf")
    found = read(moto_url, "AWS::EC2::Volume", volume)
    assert found.status == "in-use"
    assert found.name == volume
    assert found.relations == (*attached_to(instance_id), *created_from(snapshot))
    assert found.properties["snapshotId"] == snapshot
    assert found.properties["attachments"] == [
        {
            "instanceId": instance_id,
            "device": "/dev/sdf",
            "state": "attached",
            "attachedAt": attached["AttachTime"].astimezone(UTC).isoformat(),
            "deleteOnTermination": None,
        }
    ]


def test_volumes_come_page_by_page() -> None:
    answers = {"DescribeVolumes": [volumes("vol-1", "vol-2", token="t"), volumes("vol-3")]}
    with answering(**answers) as far_side:
        pages = pages_of(far_side.url, "AWS::EC2::Volume")
    assert [[volume.native_id for volume in page] for page in pages] == [["vol-1", "vol-2"], ["vol-3"]]
    first, second = far_side.calls("DescribeVolumes")
    assert first["MaxResults"] == second["MaxResults"] == "1000"
    assert (first.get("NextToken"), second["NextToken"]) == (None, "t")


def test_a_snapshot_and_its_volume(moto_url: str) -> None:
    ec2 = far_client(moto_url, "ec2")
    volume = ec2.create_volume(AvailabilityZone=ZONE, Size=30)["VolumeId"]
    made = ec2.create_snapshot(
        VolumeId=volume, Description="before the upgrade", TagSpecifications=named("snapshot", Name="safety")
    )
    ec2.delete_volume(VolumeId=volume)
    assert read(moto_url, "AWS::EC2::Snapshot", made["SnapshotId"]) == FoundResource(
        service="AmazonEC2",
        resource_type="AWS::EC2::Snapshot",
        native_id=made["SnapshotId"],
        name="safety",
        region=REGION,
        status="completed",
        tags={"Name": "safety"},
        properties={
            "arn": f"{EC2_ARN}:snapshot/{made['SnapshotId']}",
            "ownerId": ACCOUNT,
            "volumeId": volume,
            "volumeSizeGiB": 30,
            "fullSnapshotSizeBytes": None,
            "storageTier": "standard",
            "restoreExpiresAt": None,
            "description": "before the upgrade",
            "encrypted": False,
            "kmsKeyArn": None,
        },
        created_at=made["StartTime"],
        relations=created_from(volume),
    )


def test_snapshots_of_others_are_not_ours(moto_url: str) -> None:
    other = far_client(moto_url, "sts").assume_role(
        RoleArn="arn:aws:iam::222222222222:role/x", RoleSessionName="other"
    )["Credentials"]
    ec2 = far_client(moto_url, "ec2", key=other["AccessKeyId"])
    volume = ec2.create_volume(AvailabilityZone=ZONE, Size=30)["VolumeId"]
    theirs = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    everybody = {"GroupNames": ["all"], "OperationType": "add", "Attribute": "createVolumePermission"}
    ec2.modify_snapshot_attribute(SnapshotId=theirs, **everybody)
    assert ids(moto_url, "AWS::EC2::Snapshot") == set()


def test_an_archived_copy_of_no_volume() -> None:
    item = (
        "<snapshotId>snap-1</snapshotId><volumeId>vol-ffffffff</volumeId><storageTier>archive</storageTier>"
        "<restoreExpiryTime>2026-12-01T00:00:00.000Z</restoreExpiryTime><fullSnapshotSizeInBytes>42</fullSnapshotSizeInBytes>"
    )
    answers = {"DescribeSnapshots": f"<R><snapshotSet><item>{item}</item></snapshotSet></R>"}
    with answering(**answers) as far_side:
        found = read(far_side.url, "AWS::EC2::Snapshot", "snap-1")
    assert found.relations == ()
    assert found.properties["volumeId"] is None
    assert found.properties["storageTier"] == "archive"
    assert found.properties["restoreExpiresAt"] == "2026-12-01T00:00:00+00:00"
    assert found.properties["fullSnapshotSizeBytes"] == 42
    assert far_side.calls("DescribeSnapshots")[0]["Owner.1"] == "self"


def test_an_image_and_its_snapshots(moto_url: str) -> None:
    ec2 = far_client(moto_url, "ec2")
    source = make_image(ec2)
    instance = ec2.run_instances(ImageId=source, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    image_id = ec2.create_image(
        InstanceId=instance, Name="golden", Description="of May", TagSpecifications=named("image", team="web")
    )["ImageId"]
    described = ec2.describe_images(ImageIds=[image_id])["Images"][0]
    disk = described["BlockDeviceMappings"][0]["Ebs"]
    found = read(moto_url, "AWS::EC2::Image", image_id)
    assert (found.name, found.status, dict(found.tags)) == ("golden", "available", {"team": "web"})
    assert found.relations == created_from(disk["SnapshotId"])
    assert found.created_at == datetime.fromisoformat(described["CreationDate"])
    assert found.properties["snapshotIds"] == [disk["SnapshotId"]]
    assert found.properties["snapshotSizeGiB"] == disk["VolumeSize"]
    assert found.properties["ownerId"] == ACCOUNT
    assert found.properties["public"] is False
    assert ids(moto_url, "AWS::EC2::Image") == {source, image_id}


def test_an_image_that_was_launched_and_is_deprecated() -> None:
    item = (
        "<imageId>ami-1</imageId><name>old</name><lastLaunchedTime>2026-08-01T10:00:00Z</lastLaunchedTime>"
        "<deprecationTime>2026-09-01T00:00:00.000Z</deprecationTime><architecture>arm64</architecture>"
    )
    answers = {"DescribeImages": f"<R><imagesSet><item>{item}</item></imagesSet></R>"}
    with answering(**answers) as far_side:
        found = read(far_side.url, "AWS::EC2::Image", "ami-1")
    assert found.last_used_at == datetime(2026, 8, 1, 10, tzinfo=UTC)
    assert found.properties["lastLaunchedAt"] == "2026-08-01T10:00:00+00:00"
    assert found.properties["deprecatedAt"] == "2026-09-01T00:00:00+00:00"
    (asked,) = far_side.calls("DescribeImages")
    assert (asked["Owner.1"], asked["IncludeDeprecated"], asked["IncludeDisabled"]) == ("self", "true", "true")
