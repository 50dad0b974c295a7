"""Ways out of networks, and what guards them: waste, and what only looks like it."""

from __future__ import annotations

from tests.waste.az_seeding import KEEP, OLD, AzureSeeding, Table, named, one_hour

NAT = "Microsoft.Network/natGateways"
GATEWAYS = "Microsoft.Network/virtualNetworkGateways"
CONNECTIONS = "Microsoft.Network/connections"
CIRCUITS = "Microsoft.Network/expressRouteCircuits"
FIREWALLS = "Microsoft.Network/azureFirewalls"
BASTIONS = "Microsoft.Network/bastionHosts"
ENDPOINTS = "Microsoft.Network/privateEndpoints"
PLANS = "Microsoft.Network/ddosProtectionPlans"
SUBNET = named("Microsoft.Network/virtualNetworks/subnets", "network/used_subnet")
ADDRESS = named("Microsoft.Network/publicIPAddresses", "address_of_machine")
NAT_GATEWAYS: Table = (
    # Name, subnets, bytes an hour, age.
    ("orphan_nat", [], None, OLD),
    ("idle_nat", [SUBNET], 1_388_000, OLD),
    ("busy_nat", [SUBNET], 1_389_000, OLD),
    ("new_orphan_nat", [], None, 6.9),
    ("young_idle_nat", [SUBNET], 0, 29.5),
)
"""A GB in 30 days is 1,388,889 bytes an hour."""
NETWORK_GATEWAYS: Table = (
    # Name, kind, SKU, connected, bytes a second of its tunnels, users, age. None where nobody may connect.
    ("unconnected_gateway", "Vpn", "VpnGw1", False, None, None, OLD),
    ("silent_gateway", "Vpn", "VpnGw2", True, 0, None, OLD),
    ("gateway_without_users", "Vpn", "VpnGw1AZ", False, None, 0, OLD),
    ("gateway_in_use", "Vpn", "VpnGw1", True, 1, None, OLD),
    ("gateway_of_users", "Vpn", "VpnGw1", False, None, one_hour(1), OLD),
    ("gateway_of_circuit", "ExpressRoute", "Standard", True, None, None, OLD),
    ("young_gateway", "Vpn", "VpnGw1", False, None, None, 29.5),
    ("kept_network_gateway", "Vpn", "VpnGw1", False, None, None, OLD),
)
EXPRESS_ROUTES: Table = (
    # Name, Mbit/s, state at the provider, bits a second, on a port of one's own, age.
    ("unprovisioned_circuit", 200, "NotProvisioned", None, False, OLD),
    ("idle_circuit", 1000, "Provisioned", 0, False, OLD),
    ("busy_circuit", 1000, "Provisioned", 1, False, OLD),
    ("new_circuit", 200, "NotProvisioned", None, False, 29.9),
    ("circuit_on_port", 1000, "NotProvisioned", None, True, OLD),
    ("young_idle_circuit", 1000, "Provisioned", 0, False, 29.5),
)
AZURE_FIREWALLS: Table = (
    # Name, tier, in a network, metrics that it has any of, age.
    ("idle_firewall", "Standard", True, (), OLD),
    ("busy_firewall", "Standard", True, ("DataProcessed",), OLD),
    ("firewall_with_hits", "Premium", True, ("NetworkRuleHit",), OLD),
    ("firewall_with_names", "Premium", True, ("ApplicationRuleHit",), OLD),
    ("firewall_switched_off", "Premium", False, (), OLD),
    ("young_firewall", "Premium", True, (), 29.5),
)
BASTION_HOSTS: Table = (
    # Name, SKU, units, sessions an hour, age.
    ("idle_bastion", "Standard", 4, 0, OLD),
    ("used_bastion", "Standard", 2, one_hour(1), OLD),
    ("developers_bastion", "Developer", None, 0, OLD),
    ("young_bastion", "Basic", 2, 0, 29.5),
)
PRIVATE_ENDPOINTS: Table = (
    # Name, state, bytes an hour, age.
    ("disconnected_endpoint", "Disconnected", None, OLD),
    ("rejected_endpoint", "Rejected", None, OLD),
    ("idle_endpoint", "Approved", 0, OLD),
    ("used_endpoint", "Approved", 1, OLD),
    ("pending_endpoint", "Pending", 0, OLD),
    ("endpoint_disconnected_of_late", "Disconnected", None, 6.9),
    ("young_endpoint", "Approved", 0, 29.5),
)
PROTECTION_PLANS: Table = (
    # Name, what it protects, age.
    ("unused_plan", {}, OLD),
    ("used_plan", {"virtualNetworks": [named("Microsoft.Network/virtualNetworks", "network")]}, OLD),
    ("plan_of_addresses", {"publicIPAddresses": [ADDRESS]}, OLD),
    ("new_plan", {}, 6.9),
)


def seed(to: AzureSeeding) -> None:
    """Fill the subscription."""
    for name, subnets, sent, age in NAT_GATEWAYS:
        to.add(NAT, name, {"subnets": subnets, "idleTimeoutInMinutes": 4}, age=age, sku={"name": "Standard"})
        if sent is not None:
            to.measure(name, {"ByteCount": sent})
    _network_gateways(to)
    for name, speed, state, bits, is_on_port, age in EXPRESS_ROUTES:
        told = {"serviceProviderProvisioningState": state, "serviceProviderProperties": {"bandwidthInMbps": speed}}
        if is_on_port:
            told["expressRoutePort"] = named("Microsoft.Network/expressRoutePorts", "port")
        sku = {"name": "Standard_MeteredData", "tier": "Standard", "family": "MeteredData"}
        to.add(CIRCUITS, name, told, age=age, sku=sku)
        if bits is not None:
            to.measure(name, {"BitsInPerSecond": bits, "BitsOutPerSecond": 0})
    _guards(to)
    for name, state, sent, age in PRIVATE_ENDPOINTS:
        told = {"privateLinkServiceConnectionState": {"status": state}}
        to.add(ENDPOINTS, name, {"privateLinkServiceConnections": [{"properties": told}], "subnet": SUBNET}, age=age)
        if sent is not None:
            to.measure(name, {"PEBytesIn": sent, "PEBytesOut": 0})
    for name, protects, age in PROTECTION_PLANS:
        to.add(PLANS, name, protects, age=age)


def _network_gateways(to: AzureSeeding) -> None:
    for name, kind, sku, is_connected, sent, users, age in NETWORK_GATEWAYS:
        told = {"gatewayType": kind, "sku": {"name": sku, "tier": sku, "capacity": 2}}
        if users is not None:
            told["vpnClientConfiguration"] = {"vpnClientProtocols": ["OpenVPN"]}
        tags = KEEP if name.startswith("kept") else None
        to.add(GATEWAYS, name, told, age=age, tags=tags)
        if is_connected:
            ends = {"virtualNetworkGateway1": named(GATEWAYS, name), "connectionStatus": "Connected"}
            to.add(CONNECTIONS, f"connection_of_{name}", ends)
        if sent is not None:
            to.measure(name, {"TunnelAverageBandwidth": sent})
        if users is not None:
            to.measure(name, {"P2SConnectionCount": users})


def _guards(to: AzureSeeding) -> None:
    for name, tier, is_placed, busy, age in AZURE_FIREWALLS:
        placed = [{"name": "one", "properties": {"subnet": SUBNET}}] if is_placed else []
        to.add(FIREWALLS, name, {"sku": {"name": "AZFW_VNet", "tier": tier}, "ipConfigurations": placed}, age=age)
        if busy:
            to.measure(name, dict.fromkeys(busy, 1))
    for name, kind, units, sessions, age in BASTION_HOSTS:
        told = {"scaleUnits": units} if units else {}
        to.add(BASTIONS, name, {**told, "ipConfigurations": []}, age=age, sku={"name": kind})
        to.measure(name, {"sessions": sessions})
