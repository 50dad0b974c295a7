"""What joins EC2's resources: VPCs, subnets, security groups, route tables, network interfaces, Elastic IPs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from app.providers.aws.ec2 import PAGE, ec2_resource, iso
from app.providers.aws.reading import moment, paged, placed_in
from app.providers.aws.session import AwsConnection
from app.providers.base import Collector, FoundResource, Relation
from app.records import RelationshipKind

_ROUTE_TABLES: Final = 100
"""The most route tables that EC2 answers at once."""


def _read(
    operation: str,
    key: str,
    found: Callable[[AwsConnection, str, Mapping[str, Any]], FoundResource],
    **arguments: Any,
) -> Callable[[AwsConnection, str], Iterator[list[FoundResource]]]:
    """Reads the pages of one operation, each thing in them as `found` tells it."""

    def pages(connection: AwsConnection, region: str) -> Iterator[list[FoundResource]]:
        for page in paged(connection.client("ec2", region), operation, key, **arguments):
            yield [found(connection, region, described) for described in page]

    return pages


def _vpc(connection: AwsConnection, region: str, vpc: Mapping[str, Any]) -> FoundResource:
    return ec2_resource(
        connection,
        region,
        vpc,
        resource_type="VPC",
        native_id=vpc["VpcId"],
        arn_type="vpc",
        status=vpc.get("State"),
        properties={
            "ownerId": vpc.get("OwnerId"),
            "cidrBlock": vpc.get("CidrBlock"),
            "isDefault": vpc.get("IsDefault", False),
            "instanceTenancy": vpc.get("InstanceTenancy"),
        },
    )


def _subnet(connection: AwsConnection, region: str, subnet: Mapping[str, Any]) -> FoundResource:
    return ec2_resource(
        connection,
        region,
        subnet,
        resource_type="Subnet",
        native_id=subnet["SubnetId"],
        arn_type="subnet",
        status=subnet.get("State"),
        relations=placed_in(subnet.get("VpcId")),
        properties={
            "ownerId": subnet.get("OwnerId"),
            "vpcId": subnet.get("VpcId"),
            "cidrBlock": subnet.get("CidrBlock"),
            "availableIpAddresses": subnet.get("AvailableIpAddressCount"),
            "isDefault": subnet.get("DefaultForAz", False),
            "mapsPublicIps": subnet.get("MapPublicIpOnLaunch", False),
        },
    )


def _security_group(connection: AwsConnection, region: str, group: Mapping[str, Any]) -> FoundResource:
    return ec2_resource(
        connection,
        region,
        group,
        resource_type="SecurityGroup",
        native_id=group["GroupId"],
        arn_type="security-group",
        name=group.get("GroupName"),
        relations=placed_in(group.get("VpcId")),
        properties={
            "ownerId": group.get("OwnerId"),
            "vpcId": group.get("VpcId"),
            "groupName": group.get("GroupName"),
            "description": group.get("Description"),
            "inboundRules": len(group.get("IpPermissions", ())),
            "outboundRules": len(group.get("IpPermissionsEgress", ())),
        },
    )


def _route_table(connection: AwsConnection, region: str, table: Mapping[str, Any]) -> FoundResource:
    routes = [_route(route) for route in table.get("Routes", ())]
    associations = table.get("Associations", ())
    subnets = [each["SubnetId"] for each in associations if each.get("SubnetId")]
    gateways = list(dict.fromkeys(route["natGatewayId"] for route in routes if route["natGatewayId"]))
    return ec2_resource(
        connection,
        region,
        table,
        resource_type="RouteTable",
        native_id=table["RouteTableId"],
        arn_type="route-table",
        relations=(
            *(Relation(RelationshipKind.ATTACHED_TO, gateway) for gateway in gateways),
            *placed_in(table.get("VpcId"), subnets),
        ),
        properties={
            "vpcId": table.get("VpcId"),
            "isMain": any(each.get("Main", False) for each in associations),
            "subnetIds": subnets,
            "natGatewayIds": gateways,
            "routes": routes,
        },
    )


def _route(route: Mapping[str, Any]) -> dict[str, Any]:
    """`target` is where it leads when that is no NAT gateway: an internet or transit gateway, a peering."""
    others = ("GatewayId", "TransitGatewayId", "VpcPeeringConnectionId", "NetworkInterfaceId", "InstanceId")
    return {
        "destination": route.get("DestinationCidrBlock")
        or route.get("DestinationIpv6CidrBlock")
        or route.get("DestinationPrefixListId"),
        "natGatewayId": route.get("NatGatewayId"),
        "target": next((route[name] for name in others if route.get(name)), None),
        "state": route.get("State"),
    }


def _network_interface(connection: AwsConnection, region: str, interface: Mapping[str, Any]) -> FoundResource:
    attachment = interface.get("Attachment", {})
    instance = attachment.get("InstanceId")
    groups = [group["GroupId"] for group in interface.get("Groups", ())]
    return ec2_resource(
        connection,
        region,
        interface,
        resource_type="NetworkInterface",
        native_id=interface["NetworkInterfaceId"],
        arn_type="network-interface",
        status=interface.get("Status"),
        relations=(
            *((Relation(RelationshipKind.ATTACHED_TO, instance),) if instance else ()),
            *placed_in(interface.get("VpcId"), [interface.get("SubnetId")], groups),
        ),
        properties={
            "ownerId": interface.get("OwnerId"),
            "interfaceType": interface.get("InterfaceType"),
            "description": interface.get("Description"),
            "requesterId": interface.get("RequesterId"),
            "requesterManaged": interface.get("RequesterManaged", False),
            "vpcId": interface.get("VpcId"),
            "subnetId": interface.get("SubnetId"),
            "securityGroupIds": groups,
            "privateIps": [each["PrivateIpAddress"] for each in interface.get("PrivateIpAddresses", ())],
            "publicIp": interface.get("Association", {}).get("PublicIp"),
            "instanceId": instance,
            "attachmentStatus": attachment.get("Status"),
            "attachedAt": iso(moment(attachment.get("AttachTime"))),
            "deleteOnTermination": attachment.get("DeleteOnTermination"),
        },
    )


def _address(connection: AwsConnection, region: str, address: Mapping[str, Any]) -> FoundResource:
    users = (address.get("InstanceId"), address.get("NetworkInterfaceId"))
    return ec2_resource(
        connection,
        region,
        address,
        resource_type="EIP",
        native_id=address.get("AllocationId") or address["PublicIp"],
        arn_type="elastic-ip",
        name=address.get("PublicIp"),
        relations=[Relation(RelationshipKind.ATTACHED_TO, user) for user in users if user],
        properties={
            "publicIp": address.get("PublicIp"),
            "privateIp": address.get("PrivateIpAddress"),
            "associationId": address.get("AssociationId") or None,
            "instanceId": address.get("InstanceId") or None,
            "networkInterfaceId": address.get("NetworkInterfaceId") or None,
            "domain": address.get("Domain"),
            "publicIpv4Pool": address.get("PublicIpv4Pool"),
            "networkBorderGroup": address.get("NetworkBorderGroup"),
            "serviceManaged": address.get("ServiceManaged"),
        },
    )


COLLECTORS: Final = (
    Collector(("AWS::EC2::VPC",), ("ec2:DescribeVpcs",), _read("describe_vpcs", "Vpcs", _vpc, MaxResults=PAGE)),
    Collector(
        ("AWS::EC2::Subnet",),
        ("ec2:DescribeSubnets",),
        _read("describe_subnets", "Subnets", _subnet, MaxResults=PAGE),
    ),
    Collector(
        ("AWS::EC2::SecurityGroup",),
        ("ec2:DescribeSecurityGroups",),
        _read("describe_security_groups", "SecurityGroups", _security_group, MaxResults=PAGE),
    ),
    Collector(
        ("AWS::EC2::RouteTable",),
        ("ec2:DescribeRouteTables",),
        _read("describe_route_tables", "RouteTables", _route_table, MaxResults=_ROUTE_TABLES),
    ),
    Collector(
        ("AWS::EC2::NetworkInterface",),
        ("ec2:DescribeNetworkInterfaces",),
        _read("describe_network_interfaces", "NetworkInterfaces", _network_interface, MaxResults=PAGE),
    ),
    Collector(
        ("AWS::EC2::EIP",),
        ("ec2:DescribeAddresses",),
        _read("describe_addresses", "Addresses", _address),
    ),
)
