"""What Microsoft.Compute runs: virtual machines, scale sets, disks, snapshots, images, hosts and reservations."""

from __future__ import annotations

from app.providers.azure.kinds import Kind, attached_to, behind, created_from, in_subnet, member_of, part_of_parent
from app.providers.azure.reading import Reading

_SCALE_SET_IP = (
    "properties.virtualMachineProfile.networkProfile.networkInterfaceConfigurations[].properties.ipConfigurations[]"
    ".properties"
)
_IMAGE_DISK = "properties.storageProfile"

VIRTUAL_MACHINE = Kind(
    "Microsoft.Compute/virtualMachines",
    status=("properties.extended.instanceView.powerState.code", "properties.provisioningState"),
    created="properties.timeCreated",
    links=(
        *member_of(
            "properties.virtualMachineScaleSet.id",
            "properties.availabilitySet.id",
            "properties.host.id",
            "properties.hostGroup.id",
            "properties.capacityReservation.capacityReservationGroup.id",
        ),
        *created_from("properties.storageProfile.imageReference.id"),
    ),
)
SCALE_SET = Kind(
    "Microsoft.Compute/virtualMachineScaleSets",
    created="properties.timeCreated",
    links=(
        *member_of(
            "properties.hostGroup.id",
            "properties.virtualMachineProfile.capacityReservation.capacityReservationGroup.id",
        ),
        *created_from("properties.virtualMachineProfile.storageProfile.imageReference.id"),
        *behind(
            f"{_SCALE_SET_IP}.loadBalancerBackendAddressPools[].id",
            f"{_SCALE_SET_IP}.applicationGatewayBackendAddressPools[].id",
        ),
        *in_subnet(f"{_SCALE_SET_IP}.subnet.id"),
    ),
)
AVAILABILITY_SET = Kind("Microsoft.Compute/availabilitySets")
DISK = Kind(
    "Microsoft.Compute/disks",
    status=("properties.diskState", "properties.provisioningState"),
    created="properties.timeCreated",
    last_used="properties.LastOwnershipUpdateTime",
    when_idle=frozenset({"Unattached", "Reserved"}),
    links=(
        *attached_to("managedBy", "managedByExtended[]"),
        *created_from(
            "properties.creationData.sourceResourceId",
            "properties.creationData.imageReference.id",
            "properties.creationData.galleryImageReference.id",
        ),
    ),
)
SNAPSHOT = Kind(
    "Microsoft.Compute/snapshots",
    created="properties.timeCreated",
    links=created_from("properties.creationData.sourceResourceId"),
)
IMAGE = Kind(
    "Microsoft.Compute/images",
    links=created_from(
        "properties.sourceVirtualMachine.id",
        f"{_IMAGE_DISK}.osDisk.managedDisk.id",
        f"{_IMAGE_DISK}.osDisk.snapshot.id",
        f"{_IMAGE_DISK}.dataDisks[].managedDisk.id",
        f"{_IMAGE_DISK}.dataDisks[].snapshot.id",
    ),
)
GALLERY = Kind("Microsoft.Compute/galleries")
GALLERY_IMAGE = Kind("Microsoft.Compute/galleries/images", links=part_of_parent())
GALLERY_VERSION = Kind(
    "Microsoft.Compute/galleries/images/versions",
    created="properties.publishingProfile.publishedDate",
    links=(
        *part_of_parent(),
        *created_from("properties.storageProfile.source.id", "properties.storageProfile.source.virtualMachineId"),
    ),
)
RESERVATION_GROUP = Kind("Microsoft.Compute/capacityReservationGroups")
RESERVATION = Kind(
    "Microsoft.Compute/capacityReservationGroups/capacityReservations",
    created="properties.timeCreated",
    links=part_of_parent(),
)
HOST_GROUP = Kind("Microsoft.Compute/hostGroups")
HOST = Kind("Microsoft.Compute/hostGroups/hosts", created="properties.timeCreated", links=part_of_parent())

COMPUTE = (
    Reading("virtual machines", (VIRTUAL_MACHINE, SCALE_SET, AVAILABILITY_SET)),
    Reading("disks", (DISK,)),
    Reading("snapshots", (SNAPSHOT,)),
    Reading("images", (IMAGE, GALLERY, GALLERY_IMAGE, GALLERY_VERSION)),
    Reading("capacity reservations", (RESERVATION_GROUP, RESERVATION)),
    Reading("dedicated hosts", (HOST_GROUP, HOST)),
)
SQL_VIRTUAL_MACHINE = Kind(
    "Microsoft.SqlVirtualMachine/sqlVirtualMachines", links=attached_to("properties.virtualMachineResourceId")
)
SQL_VIRTUAL_MACHINES = (Reading("SQL virtual machines", (SQL_VIRTUAL_MACHINE,)),)
