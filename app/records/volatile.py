"""What of a resource moves by itself: kept current in the inventory, and no change, or every scan would find one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

UNREADABLE: Final = "unreadable"
"""The property that names what could not be read of a resource: properties, `tags` or `status`."""

# What people set stays in the history, also where a scaler sets it in their place, such as the desired size of a group.
VOLATILE_PROPERTIES: Final[Mapping[str, frozenset[str]]] = {
    "AWS::AppStream::Fleet": frozenset({"inUseInstances", "runningInstances"}),
    "AWS::AutoScaling::AutoScalingGroup": frozenset({"instanceIds", "instancesInService"}),
    "AWS::CloudTrail::Trail": frozenset({"latestDeliveryAt"}),
    "AWS::DMS::ReplicationInstance": frozenset({"taskStates"}),
    "AWS::DynamoDB::Table": frozenset({"globalIndexes.items", "globalIndexes.sizeBytes", "items", "sizeBytes"}),
    "AWS::EC2::CapacityReservation": frozenset({"availableInstances"}),
    "AWS::EC2::Host": frozenset({"availableVirtualCpus"}),
    "AWS::EC2::Image": frozenset({"lastLaunchedAt"}),
    "AWS::EC2::Subnet": frozenset({"availableIpAddresses"}),
    "AWS::EC2::VPNConnection": frozenset({"tunnels.acceptedRoutes"}),
    "AWS::ECR::Repository": frozenset({"images"}),
    "AWS::ECS::Cluster": frozenset({"containerInstances", "pendingTasks", "runningTasks", "statistics"}),
    "AWS::ECS::Service": frozenset({"pendingCount", "runningCount"}),
    "AWS::EFS::FileSystem": frozenset(
        {"sizeBytes", "sizeBytesArchive", "sizeBytesInfrequentAccess", "sizeBytesStandard"}
    ),
    "AWS::EMR::Cluster": frozenset(
        {"instances.onDemandCapacity", "instances.running", "instances.spotCapacity", "normalizedInstanceHours"}
    ),
    "AWS::ElasticLoadBalancingV2::TargetGroup": frozenset({"healthyTargets", "targetStates"}),
    "AWS::KMS::Key": frozenset({"lastUsedAt"}),
    "AWS::Lambda::Function": frozenset({"provisionedConcurrency.allocated"}),
    "AWS::Logs::LogGroup": frozenset({"storedBytes"}),
    "AWS::RDS::DBCluster": frozenset({"capacity"}),
    "AWS::Route53::HostedZone": frozenset({"recordSetCount"}),
    "AWS::S3::Bucket": frozenset({"incompleteUploads"}),
    "AWS::SageMaker::App": frozenset({"lastUserActivityAt"}),
    "AWS::SageMaker::Endpoint": frozenset({"variants.instanceCount"}),
    "AWS::WorkSpaces::Workspace": frozenset({"connectionState", "lastConnectedAt"}),
    "artifactregistry.googleapis.com/Repository": frozenset({"sizeBytes"}),
    "bigquery.googleapis.com/Dataset": frozenset({"lastModifiedTime"}),
    "bigquery.googleapis.com/Table": frozenset({"lastModifiedTime", "numBytes", "numLongTermBytes", "numRows"}),
    "bigqueryreservation.googleapis.com/Reservation": frozenset({"autoscale.currentSlots", "updateTime"}),
    "compute.googleapis.com/Autoscaler": frozenset({"recommendedSize"}),
    "compute.googleapis.com/InstanceGroup": frozenset({"size"}),
    "compute.googleapis.com/InstanceGroupManager": frozenset({"currentActions", "status.isStable"}),
    "compute.googleapis.com/Reservation": frozenset({"specificReservation.inUseCount"}),
    "compute.googleapis.com/Snapshot": frozenset({"storageBytes", "storageBytesStatus"}),
    "container.googleapis.com/Cluster": frozenset({"currentNodeCount"}),
    "microsoft.dbformysql/flexibleservers": frozenset({"backup.earliestRestoreDate"}),
    "microsoft.dbforpostgresql/flexibleservers": frozenset({"backup.earliestRestoreDate"}),
    "microsoft.graph/deletedUsers": frozenset({"licenses.assignedUsers", "licenses.consumedUnits"}),
    "microsoft.graph/devices": frozenset({"lastSignInAt", "operatingSystemVersion"}),
    "microsoft.graph/drives": frozenset({"use"}),
    "microsoft.graph/groups": frozenset({"activity"}),
    "microsoft.graph/sites": frozenset({"pageViews", "use"}),
    "microsoft.graph/subscribedSkus": frozenset({"consumedUnits"}),
    "microsoft.graph/teams": frozenset({"activity"}),
    "microsoft.graph/users": frozenset(
        {"activations", "apps", "calls", "copilot", "lastSignInAt", "mailbox", "services"}
    ),
    "microsoft.network/connections": frozenset(
        {"egressBytesTransferred", "ingressBytesTransferred", "tunnelConnectionStatus"}
    ),
    "microsoft.operationalinsights/workspaces": frozenset({"workspaceCapping.quotaNextResetTime"}),
    "microsoft.recoveryservices/vaults/backupfabrics/protectioncontainers/protecteditems": frozenset(
        {"extendedInfo", "lastBackupTime", "lastRecoveryPoint"}
    ),
    "microsoft.resources/subscriptions/resourcegroups": frozenset({"resourceCount"}),
    "microsoft.sql/servers/databases": frozenset({"earliestRestoreDate"}),
}
"""Dotted paths of properties by resource type; a path goes through every item of a list.

They are the counts, sizes and moments that use and growth move, of every type that is read. A resource of which only
these differ is written and counts as unchanged; they stand in no entry of the history.
"""


def lasting(resource_type: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """The properties less what moves by itself."""
    paths = [path.split(".") for path in VOLATILE_PROPERTIES.get(resource_type, ())]
    return {name: value for name, value in _without(properties, paths).items() if name != UNREADABLE}


def unread(properties: Mapping[str, Any]) -> frozenset[str]:
    """What could not be read, by the names in `unreadable`."""
    names = properties.get(UNREADABLE)
    return frozenset(name for name in names if isinstance(name, str)) if isinstance(names, list) else frozenset()


def _without(value: Any, paths: Iterable[Sequence[str]]) -> Any:
    if isinstance(value, list):
        return [_without(item, paths) for item in value]
    if not isinstance(value, Mapping):
        return value
    inner: dict[str, list[Sequence[str]]] = {}
    for path in paths:
        inner.setdefault(path[0], []).append(path[1:])
    return {
        name: _without(item, inner[name]) if name in inner else item
        for name, item in value.items()
        if [] not in inner.get(name, ())
    }
