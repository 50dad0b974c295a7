"""Machines, scale sets, and capacity that is kept for them: waste, and what only looks like it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.providers.azure.rows import identity
from tests.waste.az_seeding import GIB, KEEP, OLD, AzureSeeding, Table, named, one_hour

VM = "Microsoft.Compute/virtualMachines"
SETS = "Microsoft.Compute/virtualMachineScaleSets"
GROUPS = "Microsoft.Compute/capacityReservationGroups"
HOSTS = "Microsoft.Compute/hostGroups/hosts"
SQL_VM = "Microsoft.SqlVirtualMachine/sqlVirtualMachines"
MEGABYTE = 1_000_000
ONE_BUSY_HOUR = one_hour(95, 10)


@dataclass(frozen=True)
class Machine:
    """A machine with its system disk; it needs so much of its processor, leaves so much memory, sends so many MB a day.

    Left as it is it is busy, and of a size of today.
    """

    name: str
    size: str = "Standard_D4s_v5"
    cpu: float | Sequence[float] = 60
    free: float = 2
    megabytes: float = 5000
    system: str = "Linux"
    age: float = OLD
    state: str = "running"
    tags: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)


ON_HOST = {"host": named(HOSTS, "hosts/host_in_use")}
OF_SET = {"virtualMachineScaleSet": named(SETS, "flexible_set")}
FROM_IMAGE = {"storageProfile": {"imageReference": named("Microsoft.Compute/images", "used_image")}}
LICENSED = {"licenseType": "Windows_Server"}
LEFT_BEHIND = {
    "storageProfile": {
        "osDisk": {"osType": "Linux", "managedDisk": named("Microsoft.Compute/disks", "system_of_deallocated_machine")},
        "dataDisks": [{"managedDisk": named("Microsoft.Compute/disks", "data_of_deallocated_machine")}],
    },
    "networkProfile": {"networkInterfaces": [named("Microsoft.Network/networkInterfaces", "interface_of_deallocated")]},
}
MACHINES = (
    Machine("busy_machine", more=FROM_IMAGE),
    Machine("idle_machine", cpu=3, megabytes=4.9),
    Machine("hardly_busy_machine", cpu=5, megabytes=4.9),
    Machine("silent_machine", cpu=3, megabytes=5),
    Machine("young_idle_machine", cpu=3, megabytes=1, age=13.5),
    Machine("kept_idle_machine", cpu=3, megabytes=1, tags=KEEP),
    Machine("idle_machine_on_host", cpu=3, megabytes=1, more=ON_HOST),
    Machine("idle_machine_of_set", cpu=3, megabytes=1, more=OF_SET),
    Machine("idle_machine_of_no_metrics", cpu=3, megabytes=1),
    Machine("large_machine", "Standard_D16s_v5", cpu=ONE_BUSY_HOUR, free=48),
    Machine("large_and_full_machine", "Standard_D16s_v5", cpu=10, free=38.4),
    Machine("large_and_busy_machine", "Standard_D16s_v5", cpu=40, free=48),
    Machine("large_spot_machine", "Standard_D16s_v5", cpu=10, free=48, more={"priority": "Spot"}),
    Machine("large_young_machine", "Standard_D16s_v5", cpu=10, free=48, age=29.5),
    Machine("burstable_machine", "Standard_B8ms", cpu=10, free=28),
    Machine("old_machine", "Standard_DS3_v2"),
    Machine("older_machine", "Standard_D8s_v4"),
    Machine("old_machine_at_its_price", "Standard_D4s_v3"),
    Machine("windows_machine", system="Windows"),
    Machine("large_windows_machine", "Standard_D16s_v5", cpu=10, free=48, system="Windows"),
    Machine("licensed_machine", system="Windows", more=LICENSED),
    Machine("licensed_desktop", system="Windows", more={"licenseType": "Windows_Client"}),
    Machine("sql_machine", "Standard_D8s_v5", system="Windows"),
    Machine("small_sql_machine", "Standard_D2s_v5", system="Windows", more=LICENSED, free=1),
    Machine("stopped_machine", "Standard_D2s_v5", state="stopped"),
    Machine("machine_stopped_today", "Standard_D2s_v5", state="stopped", age=0.9),
    Machine("stopped_machine_on_host", "Standard_D2s_v5", state="stopped", more=ON_HOST),
    Machine("deallocated_machine", "Standard_D2s_v5", state="deallocated", more=LEFT_BEHIND),
    Machine("machine_deallocated_of_late", "Standard_D2s_v5", state="deallocated"),
)
SCALE_SETS: Table = (
    # Name, size, machines, system, percent of the processor, GiB of memory that are free, tags, what else.
    ("large_set", "Standard_D4s_v5", 10, "Linux", 20, 12.0, {}, {}),
    ("full_set", "Standard_D4s_v5", 10, "Linux", 20, 9.6, {}, {}),
    ("set_of_kubernetes", "Standard_D4s_v5", 10, "Linux", 20, 12.0, {"aks-managed-poolName": "users"}, {}),
    ("spot_set", "Standard_D4s_v5", 10, "Linux", 20, 12.0, {}, {"priority": "Spot"}),
    ("single_set", "Standard_D4s_v5", 1, "Linux", 5, 12.0, {}, {}),
    ("windows_set", "Standard_D2s_v5", 2, "Windows", 60, 1.0, {}, {}),
    ("licensed_set", "Standard_D2s_v5", 2, "Windows", 60, 1.0, {}, LICENSED),
    ("empty_windows_set", "Standard_D2s_v5", 0, "Windows", 60, 1.0, {}, {}),
    ("flexible_set", "Standard_D4s_v5", 1, "Linux", 60, 1.0, {}, {}),
)
SQL_SERVERS: Table = (
    # Machine, edition, licence.
    ("sql_machine", "Standard", "PAYG"),
    ("small_sql_machine", "Enterprise", "PAYG"),
    ("licensed_machine", "Enterprise", "AHUB"),
    ("windows_machine", "Developer", "PAYG"),
)
RESERVATIONS: Table = (
    # Group, size, how many, machines in it, age.
    ("unused_reservations", "Standard_D4s_v5", 3, [], OLD),
    ("used_reservations", "Standard_D4s_v5", 3, [named(VM, "busy_machine")], OLD),
    ("new_reservations", "Standard_D4s_v5", 3, [], 6.9),
    ("nothing_reserved", "Standard_D4s_v5", 0, [], OLD),
)
DEDICATED_HOSTS: Table = (
    # Name, machines, age.
    ("empty_host", [], OLD),
    ("host_in_use", [named(VM, "idle_machine_on_host")], OLD),
    ("new_host", [], 0.9),
)


def seed(to: AzureSeeding) -> None:
    """Fill the subscription."""
    for machine in MACHINES:
        _add(to, machine)
    to.monitor.not_taken.add(to.ids["idle_machine_of_no_metrics"])
    _scale_sets(to)
    for name, edition, licence in SQL_SERVERS:
        properties = {"sqlImageSku": edition, "sqlServerLicenseType": licence}
        machine_id = identity(VM, name)
        to.add(SQL_VM, name, {**properties, "virtualMachineResourceId": machine_id}, label=f"sql_of_{name}")
    for name, size, count, machines, age in RESERVATIONS:
        to.add(GROUPS, name, {"virtualMachinesAssociated": machines}, age=age)
        reserved = {"name": size, "capacity": count}
        to.add(f"{GROUPS}/capacityReservations", f"{name}/one", sku=reserved, label=f"of_{name}", age=age)
    to.add("Microsoft.Compute/hostGroups", "hosts", {"platformFaultDomainCount": 1})
    for name, machines, age in DEDICATED_HOSTS:
        to.add(HOSTS, f"hosts/{name}", {"virtualMachines": machines}, age=age, sku={"name": "DSv3-Type3"})


def _add(to: AzureSeeding, machine: Machine) -> None:
    disk = f"system_of_{machine.name}"
    more = dict(machine.more)
    is_off = machine.state == "deallocated"
    system = {"osType": machine.system, "managedDisk": named("Microsoft.Compute/disks", disk)}
    to.add(
        VM,
        machine.name,
        {
            "hardwareProfile": {"vmSize": machine.size},
            "storageProfile": {"osDisk": system, "dataDisks": [], **more.pop("storageProfile", {})},
            "extended": {"instanceView": {"powerState": {"code": f"PowerState/{machine.state}"}}},
            "networkProfile": {"networkInterfaces": []},
            **more,
        },
        age=machine.age,
        tags=dict(machine.tags) or None,
    )
    if not is_off:
        to.add(
            "Microsoft.Compute/disks",
            disk,
            {"diskState": "Attached", "diskSizeGB": 64},
            age=machine.age,
            sku={"name": "StandardSSD_LRS", "tier": "Standard"},
            managedBy=identity(VM, machine.name),
        )
    if machine.state == "running":
        sent = one_hour(machine.megabytes * MEGABYTE / 2)
        traffic = {"Network In Total": sent, "Network Out Total": sent}
        to.measure(
            machine.name, {"Percentage CPU": machine.cpu, "Available Memory Bytes": machine.free * GIB, **traffic}
        )


def _scale_sets(to: AzureSeeding) -> None:
    for name, size, count, system, cpu, free, tags, more in SCALE_SETS:
        profile = {"storageProfile": {"osDisk": {"osType": system}}, **more}
        sku = {"name": size, "tier": "Standard", "capacity": count}
        to.add(SETS, name, {"virtualMachineProfile": profile}, sku=sku, tags=tags or None)
        to.measure(name, {"Percentage CPU": cpu, "Available Memory Bytes": free * GIB})
