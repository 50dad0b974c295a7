"""What a scan would store of the demo's resources: state, properties and relations, in each provider's own words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from app.costs.providers import resource_key
from app.demo.estate import ACCOUNTS, Resource, between
from app.records import RelationshipKind

GIB = 2**30
_GP2_IOPS, _LEAST_IOPS, _MOST_IOPS = 3, 100, 16_000


@dataclass(frozen=True)
class Stored:
    """A resource as the inventory has it. Relations are (kind, the other end's native id)."""

    status: str
    properties: Mapping[str, Any] = field(default_factory=dict)
    relations: tuple[tuple[RelationshipKind, str], ...] = ()


def stored(resource: Resource) -> Stored:
    """What is stored of a resource; of a type that nothing more is told of, its state alone."""
    describe = _BY_TYPE.get(resource.kind.inventory_type)
    return Stored(resource.status) if describe is None else describe(resource)


def _id(resource: Resource) -> str:
    return resource_key(resource.id)


def _attached(resource: Resource) -> tuple[tuple[RelationshipKind, str], ...]:
    owner = resource.attached_to
    return () if owner is None else ((RelationshipKind.ATTACHED_TO, _id(owner)),)


def _moment(resource: Resource) -> str | None:
    return None if resource.stopped_at is None else resource.stopped_at.isoformat()


def _instance(one: Resource) -> Stored:
    name = one.variant[0]
    devices = [
        {"deviceName": f"/dev/xvd{letter}", "volumeId": _id(disk)}
        for letter, disk in zip("abcdefgh", one.disks, strict=False)
    ]
    properties = {
        "instanceType": name,
        "architecture": "arm64" if "g." in name else "x86_64",
        "platformDetails": "Linux/UNIX",
        "lifecycle": "on-demand",
        "tenancy": "default",
        "stateChangedAt": _moment(one),
        "blockDevices": devices,
    }
    return Stored(one.status, properties)


def _volume(one: Resource) -> Stored:
    kind, owner = one.variant[0], one.attached_to
    iops = {"gp2": min(max(_GP2_IOPS * one.size, _LEAST_IOPS), _MOST_IOPS), "gp3": 3000}
    properties = {
        "volumeType": kind,
        "sizeGiB": one.size,
        "iops": iops.get(kind, 100),
        "throughputMiBps": 125 if kind == "gp3" else None,
        "encrypted": True,
        "attachments": [] if owner is None else [{"instanceId": _id(owner), "state": "attached"}],
    }
    return Stored("available" if owner is None else "in-use", properties, _attached(one))


def _address(one: Resource) -> Stored:
    owner = one.attached_to
    properties = {
        "publicIp": f"192.0.2.{between(1, 254, one.id)}",
        "associationId": None if owner is None else f"eipassoc-0000000{one.id[-10:]}",
        "instanceId": None if owner is None else _id(owner),
        "networkInterfaceId": None,
        "publicIpv4Pool": "amazon",
        "serviceManaged": None,
    }
    return Stored("associated" if owner else "available", properties, _attached(one))


def _database(one: Resource) -> Stored:
    engine, _, version = ("mysql 5.7.44" if one.status == "old" else "postgres 16.4").partition(" ")
    properties = {
        "instanceClass": one.variant[0],
        "engine": engine,
        "engineVersion": version,
        "engineLifecycleSupport": "open-source-rds-extended-support",
        "licenseModel": "general-public-license" if engine == "mysql" else "postgresql-license",
        "multiAz": False,
        "storageType": "gp3",
        "allocatedStorageGib": 100,
        "iops": 3000,
        "storageThroughputMibps": 125,
        "cluster": None,
    }
    return Stored("available", properties)


def _database_snapshot(one: Resource) -> Stored:
    properties = {
        "snapshotType": "manual",
        "engine": "postgres",
        "allocatedStorageGib": one.size,
        "fullSizeBytes": one.size * GIB * 6 // 10,
        "sourceRegion": None,
        "sourceSnapshot": None,
    }
    return Stored("available", properties)


def _bucket(one: Resource) -> Stored:
    properties = {
        "versioning": None,
        "expiresNoncurrentVersions": False,
        "incompleteUploads": {"count": 0, "isComplete": True},
        "abortsIncompleteUploads": True,
        "lifecycleRules": [{"id": "tidy", "enabled": True}],
    }
    return Stored(one.status, properties)


def _gateway(one: Resource) -> Stored:
    address = f"198.51.100.{between(1, 254, one.id)}"
    return Stored("available", {"availabilityMode": "zonal", "connectivityType": "public", "publicIps": [address]})


def _function(one: Resource) -> Stored:
    properties = {"architectures": [one.variant[0]], "memoryMb": 512, "runtime": "python3.13"}
    return Stored("Active", properties)


def _classic_balancer(one: Resource) -> Stored:
    owner = one.attached_to
    return Stored("active", {"scheme": "internet-facing", "instanceIds": [] if owner is None else [_id(owner)]})


def _log_group(one: Resource) -> Stored:
    kept = None if one.status == "for ever" else 30
    return Stored("active", {"retentionDays": kept, "storedBytes": one.size * GIB})


def _machine(one: Resource) -> Stored:
    states = {"running": "PowerState/running", "stopped": "PowerState/deallocated", "halted": "PowerState/stopped"}
    disks = [{"managedDisk": {"id": _id(disk)}} for disk in one.disks]
    properties = {
        "hardwareProfile": {"vmSize": one.variant[0]},
        "storageProfile": {"osDisk": {"osType": "Linux", **(disks[0] if disks else {})}, "dataDisks": disks[1:]},
        "networkProfile": {"networkInterfaces": []},
        "priority": "Regular",
    }
    return Stored(states[one.status], properties)


def _managed_disk(one: Resource) -> Stored:
    owner = one.attached_to
    properties = {
        "sku": {"name": one.variant[0]},
        "diskSizeGB": one.size,
        "managedBy": None if owner is None else _id(owner),
    }
    if owner is None:
        return Stored("Unattached", properties)
    return Stored("Attached" if owner.stopped_at is None else "Reserved", properties, _attached(one))


def _azure_database(one: Resource) -> Stored:
    name = one.variant[0]
    return Stored("Online", {"sku": {"name": name}, "currentServiceObjectiveName": name, "licenseType": "BasePrice"})


def _storage_account(one: Resource) -> Stored:
    tier = one.variant[0].partition(" ")[0]
    properties = {"sku": {"name": "Standard_LRS"}, "kind": "StorageV2", "accessTier": tier, "lifecycleRules": 1}
    return Stored("available", properties)


def _azure_address(one: Resource) -> Stored:
    used = one.status == "in use"
    properties = {
        "sku": {"name": "Standard"},
        "publicIPAllocationMethod": "Static",
        "publicIPAddressVersion": "IPv4",
        "ipAddress": f"203.0.113.{between(1, 254, one.id)}",
        "natGateway": {"id": f"{_id(one)}-nat"} if used else None,
    }
    return Stored("Succeeded", properties)


def _azure_snapshot(one: Resource) -> Stored:
    properties = {"sku": {"name": one.variant[0]}, "diskSizeGB": one.size, "incremental": False}
    return Stored("Succeeded", properties | {"resourceGroup": f"rg-{one.account}"})


def _plan(one: Resource) -> Stored:
    properties = {
        "sku": {"name": one.variant[0], "tier": "PremiumV3", "capacity": 1},
        "kind": "linux",
        "reserved": True,
        "numberOfSites": 0 if one.status == "empty" else 3,
    }
    return Stored("Ready", properties)


def _azure_balancer(one: Resource) -> Stored:
    pool = {"backendIPConfigurations": [] if one.status == "empty" else [{"id": f"{_id(one)}-nic"}]}
    properties = {
        "sku": {"name": "Standard"},
        "backendAddressPools": [{"name": "pool", "properties": pool}],
        "loadBalancingRules": [{"name": "https"}],
    }
    return Stored("Succeeded", properties)


def _google_machine(one: Resource) -> Stored:
    properties = {
        "id": str(between(10**18, 9 * 10**18, one.id)),
        "machineType": one.variant[0],
        "scheduling": {"provisioningModel": "STANDARD", "preemptible": False},
        "disks": [{"source": _id(disk), "type": "PERSISTENT"} for disk in one.disks],
        "lastStopTimestamp": _moment(one),
    }
    return Stored("RUNNING" if one.stopped_at is None else "TERMINATED", properties)


def _google_disk(one: Resource) -> Stored:
    owner = one.attached_to
    properties = {"type": one.variant[0], "sizeGb": one.size, "lastAttachTimestamp": one.created.isoformat()}
    if owner is None:
        detached = one.created + timedelta(days=5)
        return Stored("READY", properties | {"users": [], "lastDetachTimestamp": detached.isoformat()})
    machine = _google_machine(owner).properties
    return Stored("READY", properties | {"users": [_id(owner)], "userIds": [machine["id"]]}, _attached(one))


def _google_bucket(one: Resource) -> Stored:
    return Stored(one.status, {"storageClass": one.variant[0].upper(), "lifecycle": {"rule": [{"age": 365}]}})


def _google_database(one: Resource) -> Stored:
    project = ACCOUNTS[one.account][1]
    properties = {
        "databaseId": f"{project}:{one.name}",
        "databaseVersion": "POSTGRES_16",
        "instanceType": "CLOUD_SQL_INSTANCE",
        "settings": {
            "tier": one.variant[0],
            "edition": "ENTERPRISE",
            "availabilityType": "ZONAL",
            "activationPolicy": "ALWAYS",
            "dataDiskSizeGb": "100",
            "dataDiskType": "PD_SSD",
        },
    }
    return Stored("RUNNABLE", properties)


def _google_address(one: Resource) -> Stored:
    properties = {"address": f"203.0.113.{between(1, 254, one.id)}", "addressType": "EXTERNAL", "ipVersion": "IPV4"}
    if one.attached_to is None:
        return Stored("RESERVED", properties | {"users": []})
    return Stored("IN_USE", properties | {"users": [_id(one.attached_to)]}, _attached(one))


def _google_snapshot(one: Resource) -> Stored:
    source = "" if one.attached_to is None else _id(one.attached_to)
    properties = {
        "sourceDisk": source,
        "sourceDiskId": "4000000000000000001",
        "storageBytes": str(one.size * GIB * 3 // 10),
        "snapshotType": "STANDARD",
    }
    return Stored("READY", properties, ((RelationshipKind.CREATED_FROM, source),))


_BY_TYPE: Mapping[str, Callable[[Resource], Stored]] = MappingProxyType(
    {
        "AWS::EC2::Instance": _instance,
        "AWS::EC2::Volume": _volume,
        "AWS::EC2::EIP": _address,
        "AWS::EC2::NatGateway": _gateway,
        "AWS::ElasticLoadBalancing::LoadBalancer": _classic_balancer,
        "AWS::Lambda::Function": _function,
        "AWS::Logs::LogGroup": _log_group,
        "AWS::RDS::DBInstance": _database,
        "AWS::RDS::DBSnapshot": _database_snapshot,
        "AWS::S3::Bucket": _bucket,
        "microsoft.compute/disks": _managed_disk,
        "microsoft.compute/snapshots": _azure_snapshot,
        "microsoft.compute/virtualmachines": _machine,
        "microsoft.network/loadbalancers": _azure_balancer,
        "microsoft.network/publicipaddresses": _azure_address,
        "microsoft.sql/servers/databases": _azure_database,
        "microsoft.storage/storageaccounts": _storage_account,
        "microsoft.web/serverfarms": _plan,
        "compute.googleapis.com/Address": _google_address,
        "compute.googleapis.com/Disk": _google_disk,
        "compute.googleapis.com/Instance": _google_machine,
        "compute.googleapis.com/Snapshot": _google_snapshot,
        "sqladmin.googleapis.com/Instance": _google_database,
        "storage.googleapis.com/Bucket": _google_bucket,
    }
)
