"""What Microsoft.Network and Microsoft.Cdn run: addresses, interfaces, balancers, gateways, networks and names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from app.providers.azure.connection import AzureConnection
from app.providers.azure.kinds import (
    Kind,
    attached_to,
    behind,
    in_network,
    in_parent_network,
    in_subnet,
    member_of,
    part_of_parent,
    values,
)
from app.providers.azure.reading import Reading

_IP = "properties.ipConfigurations[].properties"

PUBLIC_IP = Kind(
    "Microsoft.Network/publicIPAddresses",
    links=(
        *attached_to("properties.ipConfiguration.id", up=1),
        *attached_to("properties.natGateway.id"),
        *member_of("properties.publicIPPrefix.id"),
    ),
)
PUBLIC_IP_PREFIX = Kind(
    "Microsoft.Network/publicIPPrefixes",
    links=(
        *attached_to("properties.loadBalancerFrontendIpConfiguration.id", up=1),
        *attached_to("properties.natGateway.id"),
    ),
)
INTERFACE = Kind(
    "Microsoft.Network/networkInterfaces",
    links=(
        *attached_to(
            "properties.virtualMachine.id", "properties.privateEndpoint.id", "properties.privateLinkService.id"
        ),
        *behind(
            f"{_IP}.loadBalancerBackendAddressPools[].id",
            f"{_IP}.loadBalancerInboundNatRules[].id",
            f"{_IP}.applicationGatewayBackendAddressPools[].id",
        ),
        *in_subnet(f"{_IP}.subnet.id"),
    ),
)
LOAD_BALANCER = Kind(
    "Microsoft.Network/loadBalancers",
    links=in_subnet("properties.frontendIPConfigurations[].properties.subnet.id"),
)
APPLICATION_GATEWAY = Kind(
    "Microsoft.Network/applicationGateways",
    status=("properties.operationalState", "properties.provisioningState"),
    links=in_subnet("properties.gatewayIPConfigurations[].properties.subnet.id"),
)
NAT_GATEWAY = Kind(
    "Microsoft.Network/natGateways",
    links=(*attached_to("properties.subnets[].id"), *in_network("properties.virtualNetwork.id")),
)
NETWORK_GATEWAY = Kind("Microsoft.Network/virtualNetworkGateways", links=in_subnet(f"{_IP}.subnet.id"))
GATEWAY_CONNECTION = Kind(
    "Microsoft.Network/connections",
    status=("properties.connectionStatus", "properties.provisioningState"),
    links=attached_to(
        "properties.virtualNetworkGateway1.id",
        "properties.virtualNetworkGateway2.id",
        "properties.localNetworkGateway2.id",
        "properties.peer.id",
    ),
)
EXPRESS_ROUTE = Kind(
    "Microsoft.Network/expressRouteCircuits",
    status=("properties.serviceProviderProvisioningState", "properties.provisioningState"),
)
FIREWALL = Kind(
    "Microsoft.Network/azureFirewalls",
    links=(*in_subnet(f"{_IP}.subnet.id"), *member_of("properties.virtualHub.id")),
)
IP_GROUP = Kind(
    "Microsoft.Network/ipGroups", links=attached_to("properties.firewalls[].id", "properties.firewallPolicies[].id")
)
BASTION = Kind("Microsoft.Network/bastionHosts", links=in_subnet(f"{_IP}.subnet.id"))
_ENDPOINT = "privateLinkServiceConnections[].properties"
PRIVATE_ENDPOINT = Kind(
    "Microsoft.Network/privateEndpoints",
    status=(
        f"properties.{_ENDPOINT}.privateLinkServiceConnectionState.status",
        "properties.manualPrivateLinkServiceConnections[].properties.privateLinkServiceConnectionState.status",
        "properties.provisioningState",
    ),
    links=(
        *attached_to(
            f"properties.{_ENDPOINT}.privateLinkServiceId",
            "properties.manualPrivateLinkServiceConnections[].properties.privateLinkServiceId",
        ),
        *in_subnet("properties.subnet.id"),
    ),
)
DDOS_PLAN = Kind("Microsoft.Network/ddosProtectionPlans", links=attached_to("properties.virtualNetworks[].id"))
NETWORK = Kind("Microsoft.Network/virtualNetworks", links=attached_to("properties.ddosProtectionPlan.id"))
SUBNET = Kind(
    "Microsoft.Network/virtualNetworks/subnets",
    links=in_parent_network(),
    derived=True,
)
SECURITY_GROUP = Kind(
    "Microsoft.Network/networkSecurityGroups",
    links=attached_to("properties.networkInterfaces[].id", "properties.subnets[].id"),
)
ROUTE_TABLE = Kind("Microsoft.Network/routeTables", links=attached_to("properties.subnets[].id"))
DNS_ZONE = Kind("Microsoft.Network/privateDnsZones")
DNS_LINK = Kind(
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks",
    status=("properties.virtualNetworkLinkState", "properties.provisioningState"),
    links=(*part_of_parent(), *in_network("properties.virtualNetwork.id")),
)
TRAFFIC_MANAGER = Kind(
    "Microsoft.Network/trafficManagerProfiles",
    status=("properties.profileStatus",),
)
FRONT_DOOR_POLICY = Kind(
    "Microsoft.Network/frontdoorWebApplicationFirewallPolicies",
    status=("properties.resourceState", "properties.provisioningState"),
    links=attached_to(
        "properties.securityPolicyLinks[].id",
        "properties.frontendEndpointLinks[].id",
        "properties.routingRuleLinks[].id",
        up=1,
    ),
)
CDN_PROFILE = Kind("Microsoft.Cdn/profiles", status=("properties.resourceState", "properties.provisioningState"))


def with_subnets(_connection: AzureConnection, networks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The networks, and their subnets: Resource Graph tells these inside the networks only."""
    for network in networks:
        yield network
        for subnet in values(network, "properties.subnets[]"):
            if isinstance(subnet, dict) and subnet.get("id"):
                yield {
                    "id": subnet["id"],
                    "name": subnet.get("name"),
                    "type": SUBNET.resource_type,
                    "location": network.get("location"),
                    "resourceGroup": network.get("resourceGroup"),
                    "properties": subnet.get("properties"),
                }


NETWORKS = (
    Reading("public IP addresses", (PUBLIC_IP, PUBLIC_IP_PREFIX)),
    Reading("network interfaces", (INTERFACE,)),
    Reading("load balancers", (LOAD_BALANCER, APPLICATION_GATEWAY)),
    Reading("network gateways", (NAT_GATEWAY, NETWORK_GATEWAY, GATEWAY_CONNECTION, EXPRESS_ROUTE)),
    Reading("firewalls and bastions", (FIREWALL, IP_GROUP, BASTION)),
    Reading("private endpoints", (PRIVATE_ENDPOINT,)),
    Reading("networks", (NETWORK, SUBNET, DDOS_PLAN), expand=with_subnets),
    Reading("security groups and route tables", (SECURITY_GROUP, ROUTE_TABLE)),
    Reading("private DNS zones", (DNS_ZONE, DNS_LINK)),
    Reading("traffic manager profiles", (TRAFFIC_MANAGER,)),
    Reading("front door policies", (FRONT_DOOR_POLICY,)),
)
CONTENT_DELIVERY = (Reading("content delivery profiles", (CDN_PROFILE,)),)
