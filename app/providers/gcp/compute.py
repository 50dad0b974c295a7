"""Compute Engine's machines and disks: what is kept of them and what they say about each other."""

from __future__ import annotations

from collections.abc import Iterator

from app.providers.base import Relation
from app.providers.gcp.assets import Asset, every, inner
from app.providers.gcp.kinds import Kind
from app.records import RelationshipKind

CLUSTERS = "container.googleapis.com"


def related(asset: Asset, kind: RelationshipKind, *paths: str, service: str | None = None) -> Iterator[Relation]:
    """A relation to everything that is named at `paths`."""
    for path in paths:
        for told in every(asset.data, path):
            if name := asset.full_name(told, service):
                yield Relation(kind, name)


def in_networks(asset: Asset) -> Iterator[Relation]:
    """For what names its network and subnetwork at the top of its data."""
    yield from related(asset, RelationshipKind.IN_NETWORK, "network", "subnetwork")


def _of_disk(asset: Asset) -> Iterator[Relation]:
    yield from related(asset, RelationshipKind.ATTACHED_TO, "users")
    yield from related(
        asset, RelationshipKind.CREATED_FROM, "sourceImage", "sourceSnapshot", "sourceInstantSnapshot", "sourceDisk"
    )


def _of_copy(asset: Asset) -> Iterator[Relation]:
    yield from related(asset, RelationshipKind.CREATED_FROM, "sourceDisk", "sourceImage", "sourceSnapshot")


def _of_instance(asset: Asset) -> Iterator[Relation]:
    yield from related(asset, RelationshipKind.IN_NETWORK, "networkInterfaces.network", "networkInterfaces.subnetwork")
    yield from related(asset, RelationshipKind.CREATED_FROM, "sourceMachineImage")
    metadata = {
        item["key"]: item.get("value")
        for item in every(asset.data, "metadata.items")
        if isinstance(item, dict) and "key" in item
    }
    if manager := asset.full_name(metadata.get("created-by")):
        yield Relation(RelationshipKind.MEMBER_OF, manager)
    labels = inner(asset.data, "labels")
    cluster = labels.get("goog-k8s-cluster-name") or metadata.get("cluster-name")
    location = labels.get("goog-k8s-cluster-location") or metadata.get("cluster-location")
    if cluster and location:
        told = f"projects/{asset.project}/locations/{location}/clusters/{cluster}"
        if name := asset.full_name(told, CLUSTERS):
            yield Relation(RelationshipKind.MEMBER_OF, name)


def _of_template(asset: Asset) -> Iterator[Relation]:
    yield from related(asset, RelationshipKind.CREATED_FROM, "properties.disks.initializeParams.sourceImage")


def _of_autoscaler(asset: Asset) -> Iterator[Relation]:
    yield from related(asset, RelationshipKind.ATTACHED_TO, "target")


def _of_reservation(asset: Asset) -> Iterator[Relation]:
    yield from related(asset, RelationshipKind.MEMBER_OF, "commitment")


_DISK = (
    "id",
    "sizeGb",
    "type",
    "users",
    "lastAttachTimestamp",
    "lastDetachTimestamp",
    "provisionedIops",
    "provisionedThroughput",
    "sourceImage",
    "sourceSnapshot",
    "sourceDisk",
    "replicaZones",
    "storagePool",
    "accessMode",
    "architecture",
    "resourcePolicies",
    "diskEncryptionKey.kmsKeyName",
)
_DISK_USED = ("lastAttachTimestamp", "lastDetachTimestamp")
DISK = Kind("compute.googleapis.com/Disk", _DISK, used=_DISK_USED, relations=_of_disk)
# Disks that are kept in two zones are a type of their own in the inventory.
REGION_DISK = Kind("compute.googleapis.com/RegionDisk", _DISK, used=_DISK_USED, relations=_of_disk)
SNAPSHOT = Kind(
    "compute.googleapis.com/Snapshot",
    (
        "diskSizeGb",
        "storageBytes",
        "storageBytesStatus",
        "downloadBytes",
        "sourceDisk",
        "sourceDiskId",
        "autoCreated",
        "snapshotType",
        "storageLocations",
        "architecture",
        "sourceSnapshotSchedulePolicy",
    ),
    relations=_of_copy,
)
IMAGE = Kind(
    "compute.googleapis.com/Image",
    (
        "diskSizeGb",
        "archiveSizeBytes",
        "family",
        "sourceDisk",
        "sourceDiskId",
        "sourceImage",
        "sourceSnapshot",
        "storageLocations",
        "deprecated.state",
        "architecture",
    ),
    relations=_of_copy,
)
# Of the metadata nothing is kept: it holds start-up scripts and keys.
INSTANCE = Kind(
    "compute.googleapis.com/Instance",
    (
        "id",
        "machineType",
        "cpuPlatform",
        "minCpuPlatform",
        "scheduling.preemptible",
        "scheduling.provisioningModel",
        "scheduling.automaticRestart",
        "scheduling.onHostMaintenance",
        "guestAccelerators.acceleratorType",
        "guestAccelerators.acceleratorCount",
        "disks.source",
        "disks.boot",
        "disks.autoDelete",
        "disks.deviceName",
        "disks.diskSizeGb",
        "disks.mode",
        "disks.type",
        "networkInterfaces.name",
        "networkInterfaces.network",
        "networkInterfaces.subnetwork",
        "networkInterfaces.networkIP",
        "networkInterfaces.accessConfigs.natIP",
        "networkInterfaces.accessConfigs.networkTier",
        "lastStartTimestamp",
        "lastStopTimestamp",
        "lastSuspendedTimestamp",
        "deletionProtection",
        "reservationAffinity.consumeReservationType",
        "resourcePolicies",
    ),
    used=("lastStartTimestamp", "lastStopTimestamp", "lastSuspendedTimestamp"),
    relations=_of_instance,
)
# Of the metadata nothing either. Templates matter for the images that they name.
INSTANCE_TEMPLATE = Kind(
    "compute.googleapis.com/InstanceTemplate",
    ("properties.machineType", "properties.disks.initializeParams.sourceImage"),
    relations=_of_template,
)
INSTANCE_GROUP = Kind(
    "compute.googleapis.com/InstanceGroup",
    ("size", "namedPorts.name", "namedPorts.port", "network", "subnetwork"),
    relations=in_networks,
)
INSTANCE_GROUP_MANAGER = Kind(
    "compute.googleapis.com/InstanceGroupManager",
    (
        "id",
        "targetSize",
        "baseInstanceName",
        "instanceGroup",
        "instanceTemplate",
        "currentActions",
        "distributionPolicy.zones.zone",
        "status.isStable",
        "status.autoscaler",
        "updatePolicy.type",
        "targetPools",
    ),
)
# The least number of machines that a group is scaled down to is told by its autoscaler only.
AUTOSCALER = Kind(
    "compute.googleapis.com/Autoscaler",
    (
        "target",
        "recommendedSize",
        "autoscalingPolicy.minNumReplicas",
        "autoscalingPolicy.maxNumReplicas",
        "autoscalingPolicy.mode",
        "autoscalingPolicy.coolDownPeriodSec",
        "autoscalingPolicy.cpuUtilization.utilizationTarget",
    ),
    relations=_of_autoscaler,
)
RESERVATION = Kind(
    "compute.googleapis.com/Reservation",
    (
        "id",
        "specificReservation.count",
        "specificReservation.inUseCount",
        "specificReservation.assuredCount",
        "specificReservation.instanceProperties.machineType",
        "specificReservation.instanceProperties.minCpuPlatform",
        "specificReservation.instanceProperties.guestAccelerators",
        "specificReservation.instanceProperties.localSsds",
        "specificReservationRequired",
        "shareSettings.shareType",
        "commitment",
    ),
    relations=_of_reservation,
)
COMMITMENT = Kind(
    "compute.googleapis.com/Commitment",
    (
        "plan",
        "category",
        "type",
        "startTimestamp",
        "endTimestamp",
        "autoRenew",
        "resources.type",
        "resources.amount",
        "resources.acceleratorType",
        "mergeSourceCommitments",
        "splitSourceCommitment",
    ),
)
