"""What EC2 keeps: volumes, snapshots, images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from app.providers.aws.ec2 import PAGE, ec2_resource, iso
from app.providers.aws.reading import moment, paged
from app.providers.aws.session import AwsConnection
from app.providers.base import Collector, FoundResource, Relation
from app.records import RelationshipKind

_NO_VOLUME: Final = "vol-ffffffff"
"""What EC2 names as the volume of a snapshot that was copied or imported."""


def volumes(connection: AwsConnection, region: str) -> Iterator[list[FoundResource]]:
    """EBS volumes, with what they are attached to."""
    client = connection.client("ec2", region)
    for page in paged(client, "describe_volumes", "Volumes", MaxResults=PAGE):
        yield [_volume(connection, region, volume) for volume in page]


def snapshots(connection: AwsConnection, region: str) -> Iterator[list[FoundResource]]:
    """EBS snapshots that the account owns."""
    client = connection.client("ec2", region)
    for page in paged(client, "describe_snapshots", "Snapshots", OwnerIds=["self"], MaxResults=PAGE):
        yield [_snapshot(connection, region, snapshot) for snapshot in page]


def images(connection: AwsConnection, region: str) -> Iterator[list[FoundResource]]:
    """Machine images that the account owns, also those that are deprecated or disabled."""
    client = connection.client("ec2", region)
    arguments = {"Owners": ["self"], "IncludeDeprecated": True, "IncludeDisabled": True, "MaxResults": PAGE}
    for page in paged(client, "describe_images", "Images", **arguments):
        yield [_image(connection, region, image) for image in page]


COLLECTORS: Final = (
    Collector(("AWS::EC2::Volume",), ("ec2:DescribeVolumes",), volumes),
    Collector(("AWS::EC2::Snapshot",), ("ec2:DescribeSnapshots",), snapshots),
    Collector(("AWS::EC2::Image",), ("ec2:DescribeImages",), images),
)


def _volume(connection: AwsConnection, region: str, volume: Mapping[str, Any]) -> FoundResource:
    attachments = volume.get("Attachments", ())
    relations = [
        Relation(RelationshipKind.ATTACHED_TO, attachment["InstanceId"])
        for attachment in attachments
        if attachment.get("InstanceId")
    ]
    if volume.get("SnapshotId"):
        relations.append(Relation(RelationshipKind.CREATED_FROM, volume["SnapshotId"]))
    return ec2_resource(
        connection,
        region,
        volume,
        resource_type="Volume",
        native_id=volume["VolumeId"],
        arn_type="volume",
        status=volume.get("State"),
        created_at=moment(volume.get("CreateTime")),
        relations=relations,
        properties={
            "volumeType": volume.get("VolumeType"),
            "sizeGiB": volume.get("Size"),
            "iops": volume.get("Iops"),
            "throughputMiBps": volume.get("Throughput"),
            "encrypted": volume.get("Encrypted"),
            "kmsKeyArn": volume.get("KmsKeyId"),
            "multiAttach": volume.get("MultiAttachEnabled", False),
            "snapshotId": volume.get("SnapshotId") or None,
            "attachments": [_attachment(attachment) for attachment in attachments],
        },
    )


def _attachment(attachment: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "instanceId": attachment.get("InstanceId"),
        "device": attachment.get("Device"),
        "state": attachment.get("State"),
        "attachedAt": iso(moment(attachment.get("AttachTime"))),
        "deleteOnTermination": attachment.get("DeleteOnTermination"),
    }


def _snapshot(connection: AwsConnection, region: str, snapshot: Mapping[str, Any]) -> FoundResource:
    volume_id = snapshot.get("VolumeId")
    if volume_id == _NO_VOLUME:
        volume_id = None
    return ec2_resource(
        connection,
        region,
        snapshot,
        resource_type="Snapshot",
        native_id=snapshot["SnapshotId"],
        arn_type="snapshot",
        status=snapshot.get("State"),
        created_at=moment(snapshot.get("StartTime")),
        relations=[Relation(RelationshipKind.CREATED_FROM, volume_id)] if volume_id else (),
        properties={
            "ownerId": snapshot.get("OwnerId"),
            "volumeId": volume_id,
            "volumeSizeGiB": snapshot.get("VolumeSize"),
            "fullSnapshotSizeBytes": snapshot.get("FullSnapshotSizeInBytes"),
            "storageTier": snapshot.get("StorageTier") or "standard",
            "restoreExpiresAt": iso(moment(snapshot.get("RestoreExpiryTime"))),
            "description": snapshot.get("Description"),
            "encrypted": snapshot.get("Encrypted"),
            "kmsKeyArn": snapshot.get("KmsKeyId"),
        },
    )


def _image(connection: AwsConnection, region: str, image: Mapping[str, Any]) -> FoundResource:
    disks = [mapping["Ebs"] for mapping in image.get("BlockDeviceMappings", ()) if mapping.get("Ebs")]
    snapshot_ids = list(dict.fromkeys(disk["SnapshotId"] for disk in disks if disk.get("SnapshotId")))
    launched_at = moment(image.get("LastLaunchedTime"))
    return ec2_resource(
        connection,
        region,
        image,
        resource_type="Image",
        native_id=image["ImageId"],
        arn_type="image",
        name=image.get("Name"),
        status=image.get("State"),
        created_at=moment(image.get("CreationDate")),
        last_used_at=launched_at,
        relations=[Relation(RelationshipKind.CREATED_FROM, snapshot_id) for snapshot_id in snapshot_ids],
        properties={
            "ownerId": image.get("OwnerId"),
            "imageName": image.get("Name"),
            "description": image.get("Description"),
            "architecture": image.get("Architecture"),
            "platformDetails": image.get("PlatformDetails"),
            "imageType": image.get("ImageType"),
            "public": image.get("Public", False),
            "rootDeviceType": image.get("RootDeviceType"),
            "snapshotIds": snapshot_ids,
            "snapshotSizeGiB": sum(disk.get("VolumeSize", 0) for disk in disks),
            "deprecatedAt": iso(moment(image.get("DeprecationTime"))),
            "lastLaunchedAt": iso(launched_at),
            "sourceImageId": image.get("SourceImageId"),
        },
    )
