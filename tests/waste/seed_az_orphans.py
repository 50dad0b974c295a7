"""Zones, policies, groups and tables that nothing uses, and resource groups: waste, and what only looks like it."""

from __future__ import annotations

from typing import Any

from tests.providers.azure.arm_server import SUBSCRIPTION
from tests.providers.azure.rows import identity, row
from tests.waste.az_seeding import KEEP, OLD, AzureSeeding, Table, group_id, named

NETWORK = "Microsoft.Network/"
SUBNETS = f"{NETWORK}virtualNetworks/subnets"
API_CONNECTIONS = "Microsoft.Web/connections"
USED_SUBNET = named(SUBNETS, "network/used_subnet")
INTERFACE = named(f"{NETWORK}networkInterfaces", "interface_of_machine")
FIREWALL = named(f"{NETWORK}azureFirewalls", "busy_firewall")
CLASSIC, STANDARD = "Classic_AzureFrontDoor", "Standard_AzureFrontDoor"
LINK = [named("Microsoft.Cdn/profiles/securityPolicies", "used_front_door/policy")]
ORPHANS: Table = (
    # Type, name, document, SKU, age, tags.
    ("privateDnsZones", "orphan.example", {"numberOfVirtualNetworkLinks": 0}, None, OLD, None),
    ("privateDnsZones", "used.example", {"numberOfVirtualNetworkLinks": 1}, None, OLD, None),
    ("privateDnsZones", "new.example", {"numberOfVirtualNetworkLinks": 0}, None, 29.9, None),
    ("trafficManagerProfiles", "empty_profile", {"profileStatus": "Enabled", "endpoints": []}, None, OLD, None),
    ("trafficManagerProfiles", "used_profile", {"endpoints": [{"name": "shop"}]}, None, OLD, None),
    ("trafficManagerProfiles", "new_profile", {"endpoints": []}, None, 29.9, None),
    ("frontdoorWebApplicationFirewallPolicies", "orphan_classic_policy", {}, CLASSIC, OLD, None),
    ("frontdoorWebApplicationFirewallPolicies", "orphan_policy", {}, STANDARD, OLD, None),
    ("frontdoorWebApplicationFirewallPolicies", "used_policy", {"securityPolicyLinks": LINK}, STANDARD, OLD, None),
    ("frontdoorWebApplicationFirewallPolicies", "classic_in_use", {"routingRuleLinks": LINK}, CLASSIC, OLD, None),
    ("frontdoorWebApplicationFirewallPolicies", "new_policy", {}, CLASSIC, 29.9, None),
    ("ipGroups", "orphan_addresses", {"firewalls": [], "firewallPolicies": []}, None, OLD, None),
    ("ipGroups", "used_addresses", {"firewalls": [FIREWALL]}, None, OLD, None),
    ("networkSecurityGroups", "orphan_guard", {"securityRules": []}, None, OLD, None),
    ("networkSecurityGroups", "guard_of_interface", {"networkInterfaces": [INTERFACE]}, None, OLD, None),
    ("networkSecurityGroups", "guard_of_subnet", {"subnets": [USED_SUBNET]}, None, OLD, None),
    ("networkSecurityGroups", "new_guard", {}, None, 29.9, None),
    ("networkSecurityGroups", "kept_guard", {}, None, OLD, KEEP),
    ("routeTables", "orphan_routes", {"routes": []}, None, OLD, None),
    ("routeTables", "used_routes", {"subnets": [USED_SUBNET]}, None, OLD, None),
    ("routeTables", "new_routes", {}, None, 29.9, None),
)
ADDRESS_RANGE = {"addressPrefix": "10.0.0.0/24"}
GLOBAL = frozenset({"privateDnsZones", "trafficManagerProfiles", "frontdoorWebApplicationFirewallPolicies"})
NETWORK_PARTS: Table = (
    # Subnet, what is in it.
    ("empty_subnet", {}),
    ("used_subnet", {"ipConfigurations": [{"id": f"{INTERFACE['id']}/ipConfigurations/primary"}]}),
    ("subnet_of_service", {"delegations": [{"properties": {"serviceName": "Microsoft.Web/serverFarms"}}]}),
    ("subnet_of_endpoints", {"privateEndpoints": [named(f"{NETWORK}privateEndpoints", "used_endpoint")]}),
    ("subnet_of_gateway", {"applicationGatewayIPConfigurations": [{"id": "/subscriptions/x/gateway"}]}),
)
SIGN_INS: Table = (
    # API connection, kind, age.
    ("unused_sign_in", "V1", OLD),
    ("used_sign_in", "V1", OLD),
    ("sign_in_of_standard", "V2", OLD),
    ("new_sign_in", "V1", 29.9),
)
GROUPS: Table = (
    # Resource group, who manages it.
    ("prod", None),
    ("azurebackuprg_eastus_1", None),
    ("empty_group", None),
    ("group_of_cluster", identity("Microsoft.ContainerService/managedClusters", "used_cluster")),
)


def seed(to: AzureSeeding) -> None:
    """Fill the subscription."""
    for kind, name, told, sku, age, tags in ORPHANS:
        more: dict[str, Any] = {"location": "global"} if kind in GLOBAL else {}
        more |= {"sku": {"name": sku}} if sku else {}
        to.add(f"{NETWORK}{kind}", name, told, age=age, tags=tags, **more)
    subnets = [
        {
            "id": identity(SUBNETS, f"network/{name}"),
            "name": name,
            "properties": {"addressPrefix": ADDRESS_RANGE, **told},
        }
        for name, told in NETWORK_PARTS
    ]
    to.add(f"{NETWORK}virtualNetworks", "network", {"subnets": subnets})
    for subnet in subnets:
        to.note(str(subnet["name"]), str(subnet["id"]))
    for name, kind, age in SIGN_INS:
        to.add(API_CONNECTIONS, name, {"overallStatus": "Connected"}, age=age, kind=kind)
    used = {"office": {"connectionId": identity(API_CONNECTIONS, "used_sign_in")}}
    to.add("Microsoft.Logic/workflows", "app", {"state": "Enabled", "parameters": {"$connections": {"value": used}}})
    _containers(to)


def _containers(to: AzureSeeding) -> None:
    for name, managed_by in GROUPS:
        kind = "Microsoft.Resources/subscriptions/resourceGroups"
        made = row(kind, name, {"provisioningState": "Succeeded"}, id=group_id(name), managedBy=managed_by)
        to.put(made, name, "resourcecontainers")
    told = {"state": "Enabled", "subscriptionPolicies": {"quotaId": "EnterpriseAgreement_2014-09-01"}}
    whole = row("Microsoft.Resources/subscriptions", "all", told, id=f"/subscriptions/{SUBSCRIPTION}", location="")
    to.put(whole, "subscription", "resourcecontainers")
