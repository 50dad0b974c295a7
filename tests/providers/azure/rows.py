"""How Azure words a row of Resource Graph, and the ids that the test inventory is woven from."""

from __future__ import annotations

from typing import Any

from tests.providers.azure.arm_server import SUBSCRIPTION

Row = dict[str, Any]
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/Prod"
PROVIDERS = f"{GROUP}/providers"
VNET = f"{PROVIDERS}/Microsoft.Network/virtualNetworks/vnet"
SUBNET = f"{VNET}/subnets/apps"
POOL = f"{PROVIDERS}/Microsoft.Network/loadBalancers/lb/backendAddressPools/pool"
GATEWAY_POOL = f"{PROVIDERS}/Microsoft.Network/applicationGateways/agw/backendAddressPools/pool"


def identity(resource_type: str, name: str, group: str = GROUP) -> str:
    """The ARM id of a resource; names of nested ones are joined by `/`."""
    namespace, _, types = resource_type.partition("/")
    parts = [part for pair in zip(types.split("/"), name.split("/"), strict=True) for part in pair]
    return f"{group}/providers/{namespace}/{'/'.join(parts)}"


def row(resource_type: str, name: str, properties: Row | None = None, **columns: Any) -> Row:
    """A row as Resource Graph tells it: the type in lower case, the id in any."""
    return {
        "id": columns.pop("id", None) or identity(resource_type, name),
        "name": name.rpartition("/")[2],
        "type": resource_type.lower(),
        "location": columns.pop("location", "westeurope"),
        "resourceGroup": columns.pop("group", "prod"),
        "tags": columns.pop("tags", None),
        "properties": properties or {},
        **columns,
    }


def inner(**properties: Any) -> Row:
    """A part with properties of its own."""
    return {"properties": properties}


VM = identity("Microsoft.Compute/virtualMachines", "web-1")
NIC = identity("Microsoft.Network/networkInterfaces", "web-1-nic")
