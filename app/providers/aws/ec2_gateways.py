"""Ways out of a VPC: NAT gateways, endpoints, transit gateway attachments, VPN connections and client VPNs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from app.providers.aws.asking import Asking, read_each
from app.providers.aws.ec2 import PAGE, ec2_resource, iso
from app.providers.aws.reading import moment, paged, placed_in
from app.providers.aws.session import AwsConnection
from app.providers.base import Collector, FoundResource, Relation
from app.records import RelationshipKind

_GONE: Final = frozenset({"deleted", "Deleted"})
"""What EC2 still lists for a while after it is no more."""
_NO_CLIENT_VPN: Final = frozenset({"InvalidClientVpnEndpointId.NotFound"})


def nat_gateways(connection: AwsConnection, region: str) -> Iterator[list[FoundResource]]:
    """NAT gateways."""
    client = connection.client("ec2", region)
    for page in paged(client, "describe_nat_gateways", "NatGateways", MaxResults=PAGE):
        yield [_nat_gateway(connection, region, each) for each in page if each.get("State") not in _GONE]


def endpoints(connection: AwsConnection, region: str) -> Iterator[list[FoundResource]]:
    """Endpoints of VPCs, of all types."""
    client = connection.client("ec2", region)
    for page in paged(client, "describe_vpc_endpoints", "VpcEndpoints", MaxResults=PAGE):
        yield [_endpoint(connection, region, each) for each in page if each.get("State") not in _GONE]


def attachments(connection: AwsConnection, region: str) -> Iterator[list[FoundResource]]:
    """Attachments of transit gateways, also those of other accounts to a gateway of this one."""
    client = connection.client("ec2", region)
    key = "TransitGatewayAttachments"
    for page in paged(client, "describe_transit_gateway_attachments", key, MaxResults=PAGE):
        yield [_attachment(connection, region, each) for each in page if each.get("State") not in _GONE]


def vpn_connections(connection: AwsConnection, region: str) -> Iterator[list[FoundResource]]:
    """Site-to-site VPN connections. Their configuration holds the tunnels' keys and is left alone."""
    client = connection.client("ec2", region)
    for page in paged(client, "describe_vpn_connections", "VpnConnections"):
        yield [_vpn_connection(connection, region, each) for each in page if each.get("State") not in _GONE]


def client_vpns(connection: AwsConnection, region: str) -> Iterator[list[FoundResource]]:
    """Endpoints that people's machines dial in to, with the subnets that they are paid for: a call for each."""
    client = connection.client("ec2", region)
    read = partial(_client_vpn, connection, Asking(client), region)
    for page in paged(client, "describe_client_vpn_endpoints", "ClientVpnEndpoints", MaxResults=PAGE):
        there = [each for each in page if each.get("Status", {}).get("Code") not in _GONE]
        yield from read_each(there, read, _NO_CLIENT_VPN)


COLLECTORS: Final = (
    Collector(("AWS::EC2::NatGateway",), ("ec2:DescribeNatGateways",), nat_gateways),
    Collector(("AWS::EC2::VPCEndpoint",), ("ec2:DescribeVpcEndpoints",), endpoints),
    Collector(
        ("AWS::EC2::TransitGatewayAttachment",),
        ("ec2:DescribeTransitGatewayAttachments",),
        attachments,
    ),
    Collector(("AWS::EC2::VPNConnection",), ("ec2:DescribeVpnConnections",), vpn_connections),
    Collector(
        ("AWS::EC2::ClientVpnEndpoint",),
        ("ec2:DescribeClientVpnEndpoints", "ec2:DescribeClientVpnTargetNetworks"),
        client_vpns,
    ),
)


def _nat_gateway(connection: AwsConnection, region: str, gateway: Mapping[str, Any]) -> FoundResource:
    addresses = gateway.get("NatGatewayAddresses", ())
    return ec2_resource(
        connection,
        region,
        gateway,
        resource_type="NatGateway",
        native_id=gateway["NatGatewayId"],
        arn_type="natgateway",
        status=gateway.get("State"),
        created_at=moment(gateway.get("CreateTime")),
        relations=placed_in(gateway.get("VpcId"), [gateway.get("SubnetId")]),
        properties={
            "connectivityType": gateway.get("ConnectivityType"),
            "availabilityMode": gateway.get("AvailabilityMode"),
            "vpcId": gateway.get("VpcId"),
            "subnetId": gateway.get("SubnetId"),
            "allocationIds": [each["AllocationId"] for each in addresses if each.get("AllocationId")],
            "publicIps": [each["PublicIp"] for each in addresses if each.get("PublicIp")],
            "networkInterfaceIds": [each["NetworkInterfaceId"] for each in addresses if each.get("NetworkInterfaceId")],
            "failureCode": gateway.get("FailureCode"),
        },
    )


def _endpoint(connection: AwsConnection, region: str, endpoint: Mapping[str, Any]) -> FoundResource:
    subnets = list(endpoint.get("SubnetIds", ()))
    groups = [group["GroupId"] for group in endpoint.get("Groups", ())]
    return ec2_resource(
        connection,
        region,
        endpoint,
        resource_type="VPCEndpoint",
        native_id=endpoint["VpcEndpointId"],
        arn_type="vpc-endpoint",
        name=endpoint.get("ServiceName"),
        status=endpoint.get("State"),
        created_at=moment(endpoint.get("CreationTimestamp")),
        relations=placed_in(endpoint.get("VpcId"), subnets, groups),
        properties={
            "endpointType": endpoint.get("VpcEndpointType"),
            "serviceName": endpoint.get("ServiceName"),
            "serviceRegion": endpoint.get("ServiceRegion"),
            "vpcId": endpoint.get("VpcId"),
            "subnetIds": subnets,
            "networkInterfaceIds": list(endpoint.get("NetworkInterfaceIds", ())),
            "routeTableIds": list(endpoint.get("RouteTableIds", ())),
            "requesterManaged": endpoint.get("RequesterManaged", False),
            "ownerId": endpoint.get("OwnerId"),
        },
    )


def _attachment(connection: AwsConnection, region: str, attachment: Mapping[str, Any]) -> FoundResource:
    kind, resource_id = attachment.get("ResourceType"), attachment.get("ResourceId")
    gateway = attachment.get("TransitGatewayId")
    relations = [Relation(RelationshipKind.ATTACHED_TO, gateway)] if gateway else []
    if resource_id:
        relations.append(
            Relation(
                RelationshipKind.IN_NETWORK if kind == "vpc" else RelationshipKind.ATTACHED_TO,
                resource_id,
            )
        )
    return ec2_resource(
        connection,
        region,
        attachment,
        resource_type="TransitGatewayAttachment",
        native_id=attachment["TransitGatewayAttachmentId"],
        arn_type="transit-gateway-attachment",
        status=attachment.get("State"),
        created_at=moment(attachment.get("CreationTime")),
        relations=relations,
        properties={
            "attachedResourceType": kind,
            "attachedResourceId": resource_id,
            "attachedResourceOwnerId": attachment.get("ResourceOwnerId"),
            "transitGatewayId": gateway,
            "transitGatewayOwnerId": attachment.get("TransitGatewayOwnerId"),
            "associationState": attachment.get("Association", {}).get("State"),
        },
    )


def _vpn_connection(connection: AwsConnection, region: str, vpn: Mapping[str, Any]) -> FoundResource:
    gateways = [vpn[name] for name in ("VpnGatewayId", "TransitGatewayId") if vpn.get(name)]
    tunnels = [_tunnel(telemetry) for telemetry in vpn.get("VgwTelemetry", ())]
    return ec2_resource(
        connection,
        region,
        vpn,
        resource_type="VPNConnection",
        native_id=vpn["VpnConnectionId"],
        arn_type="vpn-connection",
        status=vpn.get("State"),
        relations=[Relation(RelationshipKind.ATTACHED_TO, gateway) for gateway in gateways],
        properties={
            "connectionType": vpn.get("Type"),
            "category": vpn.get("Category"),
            "customerGatewayId": vpn.get("CustomerGatewayId"),
            "vpnGatewayId": vpn.get("VpnGatewayId"),
            "transitGatewayId": vpn.get("TransitGatewayId"),
            "staticRoutesOnly": vpn.get("Options", {}).get("StaticRoutesOnly"),
            "tunnels": tunnels,
            "tunnelsUp": sum(tunnel["status"] == "UP" for tunnel in tunnels),
        },
    )


def _tunnel(telemetry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "outsideIp": telemetry.get("OutsideIpAddress"),
        "status": telemetry.get("Status"),
        "statusChangedAt": iso(moment(telemetry.get("LastStatusChange"))),
        "acceptedRoutes": telemetry.get("AcceptedRouteCount"),
    }


def _client_vpn(connection: AwsConnection, asking: Asking, region: str, endpoint: Mapping[str, Any]) -> FoundResource:
    groups = list(endpoint.get("SecurityGroupIds", ()))
    answers = asking.about()
    networks = answers.all(
        "describe_client_vpn_target_networks",
        "ClientVpnTargetNetworks",
        ("associatedSubnetIds",),
        ClientVpnEndpointId=endpoint["ClientVpnEndpointId"],
    )
    return ec2_resource(
        connection,
        region,
        endpoint,
        resource_type="ClientVpnEndpoint",
        native_id=endpoint["ClientVpnEndpointId"],
        arn_type="client-vpn-endpoint",
        status=endpoint.get("Status", {}).get("Code"),
        created_at=moment(endpoint.get("CreationTime")),
        relations=placed_in(endpoint.get("VpcId"), (), groups),
        properties=answers.known(
            {
                "description": endpoint.get("Description"),
                "vpcId": endpoint.get("VpcId"),
                "clientCidrBlock": endpoint.get("ClientCidrBlock"),
                "dnsName": endpoint.get("DnsName"),
                "splitTunnel": endpoint.get("SplitTunnel"),
                "transportProtocol": endpoint.get("TransportProtocol"),
                "associatedSubnetIds": sorted({each["TargetNetworkId"] for each in networks if _is_associated(each)}),
            }
        ),
    )


def _is_associated(network: Mapping[str, Any]) -> bool:
    return network.get("Status", {}).get("Code") in {"associating", "associated"}
