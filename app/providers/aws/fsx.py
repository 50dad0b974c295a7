"""Reads FSx: file systems of Windows, Lustre, ONTAP and OpenZFS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from app.providers.aws.reading import moment, paged, placed_in, tags
from app.providers.aws.session import AwsConnection
from app.providers.base import Collector, FoundResource, Service

_CONFIGURATIONS: Final = ("WindowsConfiguration", "LustreConfiguration", "OntapConfiguration", "OpenZFSConfiguration")


def file_systems(connection: AwsConnection, region: str) -> Iterator[list[FoundResource]]:
    """File systems."""
    for page in paged(connection.client("fsx", region), "describe_file_systems", "FileSystems"):
        yield [_file_system(region, system) for system in page]


def _file_system(region: str, system: Mapping[str, Any]) -> FoundResource:
    told = tags(system.get("Tags"))
    configuration: Mapping[str, Any] = next((system[name] for name in _CONFIGURATIONS if system.get(name)), {})
    disk = configuration.get("DiskIopsConfiguration") or configuration.get("MetadataConfiguration") or {}
    return FoundResource(
        service="AmazonFSx",
        resource_type="AWS::FSx::FileSystem",
        native_id=system["ResourceARN"],
        name=told.get("Name") or system["FileSystemId"],
        region=region,
        status=system.get("Lifecycle"),
        tags=told,
        created_at=moment(system.get("CreationTime")),
        properties={
            "arn": system["ResourceARN"],
            "fileSystemId": system["FileSystemId"],
            "fileSystemType": system.get("FileSystemType"),
            "fileSystemTypeVersion": system.get("FileSystemTypeVersion"),
            "deploymentType": configuration.get("DeploymentType"),
            "storageType": system.get("StorageType"),
            "storageCapacityGib": system.get("StorageCapacity"),
            "throughputCapacityMibps": configuration.get("ThroughputCapacity"),
            "throughputPerTibMibps": configuration.get("PerUnitStorageThroughput"),
            "iops": disk.get("Iops"),
            "iopsMode": disk.get("Mode"),
            "dataCompression": configuration.get("DataCompressionType"),
            "backupRetentionDays": configuration.get("AutomaticBackupRetentionDays"),
        },
        relations=placed_in(system.get("VpcId"), system.get("SubnetIds") or ()),
    )


SERVICE: Final = Service("fsx", (Collector(("AWS::FSx::FileSystem",), ("fsx:DescribeFileSystems",), file_systems),))
