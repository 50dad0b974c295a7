"""Reads EFS: file systems with their lifecycle policies and the networks they are mounted in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from app.providers.aws.asking import Asking, read_each
from app.providers.aws.reading import moment, paged, placed_in, tags
from app.providers.aws.session import AwsConnection
from app.providers.base import Collector, FoundResource, Service

_GONE: Final = frozenset({"FileSystemNotFound"})


def file_systems(connection: AwsConnection, region: str) -> Iterator[list[FoundResource]]:
    """File systems."""
    client = connection.client("efs", region)
    asking = Asking(client)
    for page in paged(client, "describe_file_systems", "FileSystems"):
        yield from read_each(page, partial(_file_system, connection, asking, region), _GONE)


def _file_system(connection: AwsConnection, asking: Asking, region: str, system: Mapping[str, Any]) -> FoundResource:
    identifier = system["FileSystemId"]
    # Older answers have no ARN.
    system_arn = system.get("FileSystemArn") or (
        f"arn:{connection.partition}:elasticfilesystem:{region}:{connection.account}:file-system/{identifier}"
    )
    answers = asking.about()
    moves = answers.one("describe_lifecycle_configuration", ("lifecyclePolicies",), FileSystemId=identifier)
    mounts: list[dict[str, Any]] = []
    if system.get("NumberOfMountTargets"):
        mounts = answers.all("describe_mount_targets", "MountTargets", ("mountTargetZones",), FileSystemId=identifier)
    size = system.get("SizeInBytes") or {}
    return FoundResource(
        service="AmazonEFS",
        resource_type="AWS::EFS::FileSystem",
        native_id=system_arn,
        name=system.get("Name") or identifier,
        region=region,
        availability_zone=system.get("AvailabilityZoneName"),
        status=system.get("LifeCycleState"),
        tags=tags(system.get("Tags")),
        created_at=moment(system.get("CreationTime")),
        properties=answers.known(
            {
                "arn": system_arn,
                "fileSystemId": identifier,
                "oneZone": system.get("AvailabilityZoneName") is not None,
                "sizeBytes": size.get("Value"),
                "sizeBytesStandard": size.get("ValueInStandard"),
                "sizeBytesInfrequentAccess": size.get("ValueInIA"),
                "sizeBytesArchive": size.get("ValueInArchive"),
                "performanceMode": system.get("PerformanceMode"),
                "throughputMode": system.get("ThroughputMode"),
                "provisionedThroughputMibps": system.get("ProvisionedThroughputInMibps"),
                "mountTargets": system.get("NumberOfMountTargets"),
                "mountTargetZones": sorted({zone for mount in mounts if (zone := mount.get("AvailabilityZoneName"))}),
                # After how long files move, such as {"TransitionToIA": "AFTER_30_DAYS"}; empty where they never do.
                "lifecyclePolicies": {
                    step: after for policy in moves.get("LifecyclePolicies", ()) for step, after in policy.items()
                },
                "encrypted": system.get("Encrypted"),
            }
        ),
        relations=placed_in(
            next((mount.get("VpcId") for mount in mounts), None), [mount.get("SubnetId") for mount in mounts]
        ),
    )


SERVICE: Final = Service(
    "efs",
    (
        Collector(
            ("AWS::EFS::FileSystem",),
            (
                "elasticfilesystem:DescribeFileSystems",
                "elasticfilesystem:DescribeLifecycleConfiguration",
                "elasticfilesystem:DescribeMountTargets",
            ),
            file_systems,
        ),
    ),
)
