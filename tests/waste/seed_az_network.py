"""Addresses, interfaces, and what spreads requests: waste, and what only looks like it."""

from __future__ import annotations

from typing import Any

from tests.providers.azure.rows import identity
from tests.waste.az_seeding import KEEP, OLD, AzureSeeding, Table, named, one_hour
from tests.waste.seed_az_compute import VM

ADDRESSES = "Microsoft.Network/publicIPAddresses"
PREFIXES = "Microsoft.Network/publicIPPrefixes"
INTERFACES = "Microsoft.Network/networkInterfaces"
BALANCERS = "Microsoft.Network/loadBalancers"
GATEWAYS = "Microsoft.Network/applicationGateways"
FRONTENDS = f"{BALANCERS}/frontendIPConfigurations"
FRONT = {"id": identity(FRONTENDS, "used_balancer/front")}
"""An address answers at this frontend."""
BUSY_NAT = named("Microsoft.Network/natGateways", "busy_nat")
USED_PREFIX = named(PREFIXES, "used_prefix")
MACHINE = {"virtualMachine": named(VM, "busy_machine")}
DEALLOCATED = {"virtualMachine": named(VM, "deallocated_machine")}
ENDPOINT = {"privateEndpoint": named("Microsoft.Network/privateEndpoints", "used_endpoint")}
SERVICE = {"privateLinkService": named("Microsoft.Network/privateLinkServices", "offered")}


def _on(interface: str) -> dict[str, Any]:
    return {"ipConfiguration": {"id": identity(f"{INTERFACES}/ipConfigurations", f"{interface}/primary")}}


PUBLIC_ADDRESSES: Table = (
    # Name, how it is given out, version, SKU, what leads to it, age, tags.
    ("loose_address", "Static", "IPv4", "Standard", {}, OLD, None),
    ("loose_new_internet_address", "Static", "IPv6", "Standard", {}, OLD, None),
    ("loose_dynamic_address", "Dynamic", "IPv4", "Basic", {}, OLD, None),
    ("address_on_orphan", "Static", "IPv4", "Standard", _on("orphan_interface"), OLD, None),
    ("address_of_machine", "Static", "IPv4", "Standard", _on("interface_of_machine"), OLD, None),
    ("address_of_deallocated", "Static", "IPv4", "Standard", _on("interface_of_deallocated"), OLD, None),
    ("address_of_balancer", "Static", "IPv4", "Standard", {"ipConfiguration": FRONT}, OLD, None),
    ("address_of_gateway", "Static", "IPv4", "Standard", {"natGateway": BUSY_NAT}, OLD, None),
    ("address_of_prefix", "Static", "IPv4", "Standard", {"publicIPPrefix": USED_PREFIX}, OLD, None),
    ("address_loose_of_late", "Static", "IPv4", "Standard", {}, 6.9, None),
    ("kept_address", "Static", "IPv4", "Standard", {}, OLD, KEEP),
)
RANGES: Table = (
    # Name, length, version, what else, age.
    ("unused_prefix", 28, "IPv4", {}, OLD),
    ("used_prefix", 28, "IPv4", {"publicIPAddresses": [named(ADDRESSES, "address_of_prefix")]}, OLD),
    ("prefix_of_ones_own", 28, "IPv4", {"customIPPrefix": named("Microsoft.Network/customIPPrefixes", "own")}, OLD),
    ("prefix_of_gateway", 28, "IPv4", {"natGateway": BUSY_NAT}, OLD),
    ("new_internet_prefix", 124, "IPv6", {}, OLD),
    ("new_prefix", 28, "IPv4", {}, 6.9),
)
NETWORK_INTERFACES: Table = (
    # Name, its owner, its public address, age.
    ("orphan_interface", {}, "address_on_orphan", OLD),
    ("interface_orphan_of_late", {}, None, 29.9),
    ("interface_of_machine", MACHINE, "address_of_machine", OLD),
    ("interface_of_deallocated", DEALLOCATED, "address_of_deallocated", OLD),
    ("interface_of_endpoint", ENDPOINT, None, OLD),
    ("interface_of_service", SERVICE, None, OLD),
    ("interface_of_hosted", {"hostedWorkloads": ["databases"]}, None, OLD),
)


def _pool(**members: Any) -> dict[str, Any]:
    return {"name": "pool", "properties": {"provisioningState": "Succeeded", **members}}


IN_POOL = _pool(backendIPConfigurations=[{"id": identity(f"{INTERFACES}/ipConfigurations", "interface_of_machine/p")}])
BY_ADDRESS = _pool(loadBalancerBackendAddresses=[{"name": "one", "properties": {"ipAddress": "10.0.0.9"}}])
LOAD_BALANCERS: Table = (
    # Name, SKU, pools, rules, inbound rules, age, tags.
    ("empty_balancer", "Standard", [_pool(loadBalancerBackendAddresses=[])], 7, 0, OLD, None),
    ("balancer_without_pools", "Standard", [], 1, 0, OLD, None),
    ("balancer_without_rules", "Standard", [_pool()], 0, 0, OLD, None),
    ("basic_balancer", "Basic", [_pool()], 2, 0, OLD, None),
    ("used_balancer", "Standard", [_pool(), IN_POOL], 2, 0, OLD, None),
    ("balancer_of_addresses", "Standard", [BY_ADDRESS], 2, 0, OLD, None),
    ("balancer_into_machines", "Standard", [_pool()], 2, 1, OLD, None),
    ("new_balancer", "Standard", [_pool()], 2, 0, 6.9, None),
    ("kept_balancer", "Standard", [_pool()], 2, 0, OLD, KEEP),
)
BEHIND = _pool(backendAddresses=[{"fqdn": "shop.example"}])
APPLICATION_GATEWAYS: Table = (
    # Name, SKU, instances, least instances where it scales by itself, pools, state, requests an hour, age.
    ("empty_gateway", "Standard_v2", None, 2, [_pool(backendAddresses=[])], "Running", 0, OLD),
    ("empty_firewall_gateway", "WAF_v2", 3, None, [_pool()], "Running", one_hour(9), OLD),
    ("gateway_with_backend", "Standard_v2", None, 2, [_pool(), BEHIND], "Running", 0, OLD),
    ("redirecting_gateway", "Standard_v2", None, 2, [_pool()], "Running", one_hour(10), OLD),
    ("stopped_gateway", "Standard_v2", None, 2, [_pool()], "Stopped", 0, OLD),
    ("new_gateway", "Standard_v2", None, 2, [_pool()], "Running", 0, 6.9),
)
FRONT_DOORS: Table = (
    # Name, SKU, requests an hour, age.
    ("idle_front_door", "Premium_AzureFrontDoor", 0, OLD),
    ("used_front_door", "Premium_AzureFrontDoor", 1, OLD),
    ("young_front_door", "Standard_AzureFrontDoor", 0, 29.5),
    ("idle_delivery", "Standard_Microsoft", 0, OLD),
)


def seed(to: AzureSeeding) -> None:
    """Fill the subscription."""
    for name, given, version, sku, led, age, tags in PUBLIC_ADDRESSES:
        told = {"publicIPAllocationMethod": given, "publicIPAddressVersion": version, **led}
        to.add(ADDRESSES, name, told, age=age, sku={"name": sku, "tier": "Regional"}, tags=tags)
    for name, length, version, more, age in RANGES:
        told = {"prefixLength": length, "publicIPAddressVersion": version, **more}
        to.add(PREFIXES, name, told, age=age, sku={"name": "Standard", "tier": "Regional"})
    for name, owner, address, age in NETWORK_INTERFACES:
        public = {"publicIPAddress": named(ADDRESSES, address)} if address else {}
        configurations = [{"name": "primary", "properties": {"privateIPAddress": "10.0.0.4", **public}}]
        to.add(INTERFACES, name, {**owner, "ipConfigurations": configurations}, age=age)
    _balancers(to)
    for name, sku, requests, age in FRONT_DOORS:
        told = {"resourceState": "Active"}
        to.add("Microsoft.Cdn/profiles", name, told, age=age, sku={"name": sku}, location="Global")
        if requests:
            to.measure(name, {"RequestCount": requests})


def _balancers(to: AzureSeeding) -> None:
    for name, sku, pools, rules, inbound, age, tags in LOAD_BALANCERS:
        told: dict[str, Any] = {
            "frontendIPConfigurations": [{"id": identity(FRONTENDS, f"{name}/front"), "properties": {}}],
            "backendAddressPools": pools,
            "loadBalancingRules": [{"name": f"rule-{number}"} for number in range(rules)],
            "inboundNatRules": [{"name": f"into-{number}"} for number in range(inbound)],
            "outboundRules": [],
        }
        to.add(BALANCERS, name, told, age=age, sku={"name": sku, "tier": "Regional"}, tags=tags)
    for name, sku, count, least, pools, state, requests, age in APPLICATION_GATEWAYS:
        size = {"name": sku, "tier": sku, **({"capacity": count} if count else {})}
        told = {"operationalState": state, "sku": size, "backendAddressPools": pools}
        if least is not None:
            told["autoscaleConfiguration"] = {"minCapacity": least, "maxCapacity": 10}
        to.add(GATEWAYS, name, told, age=age)
        if requests:
            to.measure(name, {"TotalRequests": requests})
