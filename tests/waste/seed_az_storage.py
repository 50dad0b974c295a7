"""Disks, snapshots, images, backups and storage accounts: waste, and what only looks like it."""

from __future__ import annotations

from typing import Any

from tests.providers.azure.rows import identity
from tests.waste.az_seeding import GIB, KEEP, OLD, AzureSeeding, Table, group_id, named, one_hour
from tests.waste.seed_az_compute import VM

DISKS = "Microsoft.Compute/disks"
VERSIONS = "Microsoft.Compute/galleries/images/versions"
ACCOUNTS = "Microsoft.Storage/storageAccounts"
ITEMS = "Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems"
BACKUP = "AzureBackupRG_eastus_1"
CLAIM = {"kubernetes.io-created-for-pvc-name": "data"}
LOOSE_DISKS: Table = (
    # Name, SKU, GiB, state, days since it was attached last, tags.
    ("loose_disk", "Premium_LRS", 1024, "Unattached", 60, None),
    ("loose_hard_disk", "Standard_LRS", 100, "Unattached", 60, None),
    ("disk_loose_of_late", "Premium_LRS", 1024, "Unattached", 6.9, None),
    ("asrseeddisk-data", "Premium_LRS", 1024, "Unattached", 60, None),
    ("disk_of_a_claim", "Premium_LRS", 1024, "Unattached", 60, CLAIM),
    ("disk_that_is_read", "Premium_LRS", 1024, "ActiveSAS", 60, None),
    ("kept_disk", "Premium_LRS", 1024, "Unattached", 60, KEEP),
    ("disk_of_cents", "StandardSSD_LRS", 8, "Unattached", 60, None),
)
DISKS_OF_MACHINES: Table = (
    # Name, machine, SKU, GiB, state, days since its machine was deallocated.
    ("system_of_deallocated_machine", "deallocated_machine", "Premium_LRS", 128, "Reserved", 31),
    ("data_of_deallocated_machine", "deallocated_machine", "StandardSSD_LRS", 512, "Reserved", 31),
    ("system_of_machine_deallocated_of_late", "machine_deallocated_of_late", "Premium_LRS", 128, "Reserved", 29.9),
)
BUSY_DISKS: Table = (
    # Name, SKU, GiB, IOPS and MB/s that it may do, age; reads, as many writes a second, MB/s of either.
    ("quiet_disk", "Premium_LRS", 1024, 5000, 200, OLD, 200, 10),
    ("busy_disk", "Premium_LRS", 1024, 5000, 200, OLD, 300, 10),
    ("streaming_disk", "Premium_LRS", 1024, 5000, 200, OLD, 200, 30),
    ("small_premium_disk", "Premium_LRS", 128, 500, 100, OLD, 75, 10),
    ("young_premium_disk", "Premium_LRS", 1024, 5000, 200, 29.5, 1, 1),
    ("standard_disk", "StandardSSD_LRS", 1024, 500, 100, OLD, 1, 1),
)
ELSEWHERE: Table = (
    # Type, name, region, document, SKU, what else.
    (DISKS, "loose_disk_far_away", "westeurope", {"diskState": "Unattached", "diskSizeGB": 64}, "Premium_LRS", {}),
    (ACCOUNTS, "unusedineastus2", "eastus2", {"accessTier": "Hot"}, "Standard_LRS", {"kind": "StorageV2"}),
)
SNAPSHOTS: Table = (
    # Name, SKU, GiB, incremental, age, in the group of Azure Backup, tags.
    ("old_snapshot", "Standard_LRS", 200, False, 90.1, False, None),
    ("old_part_of_a_snapshot", "Standard_ZRS", 200, True, OLD, False, None),
    ("recent_snapshot", "Standard_LRS", 200, False, 89.9, False, None),
    ("old_snapshot_of_backup", "Standard_LRS", 200, False, OLD, True, None),
    ("kept_snapshot", "Standard_LRS", 200, False, OLD, False, KEEP),
    ("snapshot_of_cents", "Standard_LRS", 19, False, OLD, False, None),
    ("premium_snapshot", "Premium_LRS", 100, False, 30, False, None),
    ("premium_snapshot_of_backup", "Premium_LRS", 100, False, 30, True, None),
)
IMAGES: Table = (
    # Name, age.
    ("unused_image", 90.1),
    ("recent_image", 89.9),
    ("used_image", OLD),
)
IMAGE_VERSIONS: Table = (
    # Name, age.
    ("1.0.0", 120),
    ("1.1.0", 100),
)
STORAGE_ACCOUNTS: Table = (
    # Name, kind, tier, GiB, GiB that come each day, transactions an hour, lifecycle rules, age.
    ("unusedstorage", "StorageV2", "Hot", 500, 0, 0, 0, OLD),
    ("emptystorage", "StorageV2", "Hot", 0, 0, 0, 0, OLD),
    ("oldkindunused", "Storage", None, 200, 0, 0, 0, OLD),
    ("usedstorage", "StorageV2", "Hot", 500, 0, 1, 0, OLD),
    ("youngstorage", "StorageV2", "Hot", 500, 0, 0, 0, 29.5),
    ("growingstorage", "StorageV2", "Hot", 1000, 5, 100, 0, OLD),
    ("growingwithrules", "StorageV2", "Hot", 1000, 5, 100, 1, OLD),
    ("growingcool", "StorageV2", "Cool", 1000, 5, 100, 0, OLD),
    ("smallandgrowing", "StorageV2", "Hot", 100, 1, 100, 0, OLD),
    ("shrinkingstorage", "StorageV2", "Hot", 1000, -5, 100, 0, OLD),
    ("oldkind", "Storage", None, 50, 0, 100, 0, OLD),
)
BACKUPS: Table = (
    # Name, what was backed up, days since the last time.
    ("backup_of_gone_machine", named(VM, "gone_machine"), 30.1),
    ("backup_of_machine_gone_of_late", named(VM, "machine_gone_of_late"), 29.9),
    ("backup_of_busy_machine", named(VM, "busy_machine"), 1),
    ("backup_of_files", named(ACCOUNTS, "usedstorage"), 200),
)


def seed(to: AzureSeeding) -> None:
    """Fill the subscription."""
    _disks(to)
    _snapshots(to)
    _images(to)
    for account in STORAGE_ACCOUNTS:
        _account(to, *account)
    for resource_type, name, region, told, sku, more in ELSEWHERE:
        to.add(resource_type, name, told, sku={"name": sku}, location=region, **more)
    to.measure("unusedineastus2", {"UsedCapacity": 500 * GIB})
    to.add("Microsoft.RecoveryServices/vaults", "vault")
    for name, source, days in BACKUPS:
        told = {"protectionState": "ProtectionStopped", "sourceResourceId": source["id"]}
        told |= {"lastRecoveryPoint": to.ago(days), "dataSourceType": "VM"}
        to.add(ITEMS, f"vault/Azure/container/{name}", told, table="recoveryservicesresources")


def _disks(to: AzureSeeding) -> None:
    for name, sku, gib, state, days, tags in LOOSE_DISKS:
        properties = {"diskState": state, "diskSizeGB": gib, "LastOwnershipUpdateTime": to.ago(days)}
        to.add(DISKS, name, properties, sku={"name": sku}, managedBy="", tags=tags)
    for name, machine, sku, gib, state, days in DISKS_OF_MACHINES:
        properties = {"diskState": state, "diskSizeGB": gib, "LastOwnershipUpdateTime": to.ago(days)}
        to.add(DISKS, name, properties, sku={"name": sku}, managedBy=identity(VM, machine))
    for name, sku, gib, iops, megabytes, age, operations, stream in BUSY_DISKS:
        properties = {"diskState": "Attached", "diskSizeGB": gib}
        properties |= {"diskIOPSReadWrite": iops, "diskMBpsReadWrite": megabytes}
        to.add(DISKS, name, properties, sku={"name": sku}, managedBy=identity(VM, "busy_machine"), age=age)
        for way in ("Read", "Write"):
            to.measure(name, {f"Composite Disk {way} Operations/sec": one_hour(operations, 1)})
            to.measure(name, {f"Composite Disk {way} Bytes/sec": one_hour(stream * 1_000_000, 1)})


def _snapshots(to: AzureSeeding) -> None:
    for name, sku, gib, is_part, age, is_of_backup, tags in SNAPSHOTS:
        kind, where = "Microsoft.Compute/snapshots", {}
        if is_of_backup:
            where = {"id": identity(kind, name, group_id(BACKUP)), "group": BACKUP.lower()}
        to.add(kind, name, {"diskSizeGB": gib, "incremental": is_part}, age=age, sku={"name": sku}, tags=tags, **where)


def _images(to: AzureSeeding) -> None:
    for name, age in IMAGES:
        disks = {"osDisk": {"osType": "Linux", "diskSizeGB": 128}, "dataDisks": [{"lun": 0, "diskSizeGB": 64}]}
        to.add("Microsoft.Compute/images", name, {"storageProfile": disks}, age=age)
    to.add("Microsoft.Compute/galleries", "gallery")
    to.add("Microsoft.Compute/galleries/images", "gallery/base")
    for name, age in IMAGE_VERSIONS:
        regions: list[dict[str, Any]] = [
            {"name": "East US", "regionalReplicaCount": 1, "storageAccountType": "Standard_LRS"},
            {"name": "West US 2", "regionalReplicaCount": 2, "storageAccountType": "Standard_ZRS"},
        ]
        published = {"publishedDate": to.ago(age), "targetRegions": regions}
        properties = {"publishingProfile": published, "storageProfile": {"osDiskImage": {"sizeInGB": 128}}}
        to.add(VERSIONS, f"gallery/base/{name}", properties, age=age)


def _account(
    to: AzureSeeding, name: str, kind: str, tier: str | None, gib: int, grows: int, asked: int, rules: int, age: float
) -> None:
    properties = {"statusOfPrimary": "available", **({"accessTier": tier} if tier else {})}
    made = to.add(ACCOUNTS, name, properties, age=age, kind=kind, sku={"name": "Standard_LRS", "tier": "Standard"})
    to.measure(name, {"UsedCapacity": gib * GIB}, grows * GIB)
    if asked:
        to.measure(name, {"Transactions": asked})
    if rules:
        policy = {"properties": {"policy": {"rules": [{"name": "cool", "enabled": True}] * rules}}}
        to.things[f"{made}/managementPolicies/default".lower()] = policy
