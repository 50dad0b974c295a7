"""Networks, their interfaces and addresses, and the ways out of them, as a scan finds them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from app.providers.aws import ec2_gateways
from app.providers.base import FoundResource, Service
from tests.providers.aws.answering import Refusal, answering
from tests.providers.aws.answering import read as told_by
from tests.providers.aws.reads import attached_to, ids, in_network, named, pages_of, read
from tests.providers.moto import ACCOUNT, REGION, far_client

ZONE = f"{REGION}a"
EC2_ARN = f"arn:aws:ec2:{REGION}:{ACCOUNT}"


def make_network(ec2: Any) -> tuple[str, str, str]:
    """A VPC, a subnet in it and a security group."""
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=named("vpc", Name="main"))["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24", AvailabilityZone=ZONE)["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="web", Description="web servers", VpcId=vpc)["GroupId"]
    return vpc, subnet, group


def test_a_vpc_its_subnet_and_security_group(moto_url: str) -> None:
    ec2 = far_client(moto_url, "ec2")
    vpc, subnet, group = make_network(ec2)
    anywhere = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[anywhere])
    assert read(moto_url, "AWS::EC2::VPC", vpc) == FoundResource(
        service="AmazonEC2",
        resource_type="AWS::EC2::VPC",
        native_id=vpc,
        name="main",
        region=REGION,
        status="available",
        tags={"Name": "main"},
        properties={
            "arn": f"{EC2_ARN}:vpc/{vpc}",
            "ownerId": ACCOUNT,
            "cidrBlock": "10.0.0.0/16",
            "isDefault": False,
            "instanceTenancy": "default",
        },
    )
    assert read(moto_url, "AWS::EC2::Subnet", subnet) == FoundResource(
        service="AmazonEC2",
        resource_type="AWS::EC2::Subnet",
        native_id=subnet,
        name=subnet,
        region=REGION,
        availability_zone=ZONE,
        status="available",
        properties={
            "arn": f"{EC2_ARN}:subnet/{subnet}",
            "ownerId": ACCOUNT,
            "vpcId": vpc,
            "cidrBlock": "10.0.1.0/24",
            "availableIpAddresses": 251,
            "isDefault": False,
            "mapsPublicIps": False,
        },
        relations=in_network(vpc),
    )
    assert read(moto_url, "AWS::EC2::SecurityGroup", group) == FoundResource(
        service="AmazonEC2",
        resource_type="AWS::EC2::SecurityGroup",
        native_id=group,
        name="web",
        region=REGION,
        properties={
            "arn": f"{EC2_ARN}:security-group/{group}",
            "ownerId": ACCOUNT,
            "vpcId": vpc,
            "groupName": "web",
            "description": "web servers",
            "inboundRules": 1,
            "outboundRules": 1,
        },
        relations=in_network(vpc),
    )


def test_an_address_without_use_and_one_of_an_instance(moto_url: str) -> None:
    ec2 = far_client(moto_url, "ec2")
    idle = ec2.allocate_address(Domain="vpc", TagSpecifications=named("elastic-ip", team="web"))
    image = ec2.register_image(Name="base", RootDeviceName="/dev/sda1")["ImageId"]
    instance = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"][0]
    used = ec2.allocate_address(Domain="vpc")["AllocationId"]
    association = ec2.associate_address(AllocationId=used, InstanceId=instance["InstanceId"])["AssociationId"]
    found = read(moto_url, "AWS::EC2::EIP", idle["AllocationId"])
    assert (found.name, dict(found.tags), found.relations) == (idle["PublicIp"], {"team": "web"}, ())
    assert found.properties["arn"] == f"{EC2_ARN}:elastic-ip/{idle['AllocationId']}"
    assert found.properties["associationId"] is None
    assert found.properties["networkInterfaceId"] is None
    assert found.properties["publicIp"] == idle["PublicIp"]
    busy = read(moto_url, "AWS::EC2::EIP", used)
    assert busy.properties["associationId"] == association
    assert busy.properties["instanceId"] == instance["InstanceId"]
    assert set(attached_to(instance["InstanceId"])) <= set(busy.relations)


def test_an_interface_without_use_and_one_of_an_instance(moto_url: str) -> None:
    ec2 = far_client(moto_url, "ec2")
    vpc, subnet, group = make_network(ec2)
    idle = ec2.create_network_interface(
        SubnetId=subnet,
        Groups=[group],
        Description="left over",
        TagSpecifications=named("network-interface", team="web"),
    )["NetworkInterface"]
    image = ec2.register_image(Name="base", RootDeviceName="/dev/sda1")["ImageId"]
    instance = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, SubnetId=subnet)["Instances"][0]
    found = read(moto_url, "AWS::EC2::NetworkInterface", idle["NetworkInterfaceId"])
    assert found == FoundResource(
        service="AmazonEC2",
        resource_type="AWS::EC2::NetworkInterface",
        native_id=idle["NetworkInterfaceId"],
        name=idle["NetworkInterfaceId"],
        region=REGION,
        availability_zone=ZONE,
        status="available",
        tags={"team": "web"},
        properties={
            "arn": f"{EC2_ARN}:network-interface/{idle['NetworkInterfaceId']}",
            "ownerId": ACCOUNT,
            "interfaceType": "interface",
            "description": "left over",
            "requesterId": idle["RequesterId"],
            "requesterManaged": False,
            "vpcId": vpc,
            "subnetId": subnet,
            "securityGroupIds": [group],
            "privateIps": [idle["PrivateIpAddress"]],
            "publicIp": None,
            "instanceId": None,
            "attachmentStatus": None,
            "attachedAt": None,
            "deleteOnTermination": None,
        },
        relations=in_network(vpc, subnet, group),
    )
    busy = read(moto_url, "AWS::EC2::NetworkInterface", instance["NetworkInterfaces"][0]["NetworkInterfaceId"])
    assert busy.status == "in-use"
    assert busy.properties["instanceId"] == instance["InstanceId"]
    assert set(attached_to(instance["InstanceId"])) <= set(busy.relations)


def test_a_nat_gateway_and_the_routes_to_it(moto_url: str) -> None:
    ec2 = far_client(moto_url, "ec2")
    vpc, subnet, _ = make_network(ec2)
    address = ec2.allocate_address(Domain="vpc")
    made = ec2.create_nat_gateway(
        SubnetId=subnet, AllocationId=address["AllocationId"], TagSpecifications=named("natgateway", Name="out")
    )["NatGateway"]
    gone = ec2.create_nat_gateway(SubnetId=subnet, ConnectivityType="private")["NatGateway"]["NatGatewayId"]
    ec2.delete_nat_gateway(NatGatewayId=gone)
    gateway = made["NatGatewayId"]
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=gateway)
    ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
    found = read(moto_url, "AWS::EC2::NatGateway", gateway)
    assert (found.name, found.status, found.created_at) == ("out", "available", made["CreateTime"])
    assert found.relations == in_network(vpc, subnet)
    assert found.properties["arn"] == f"{EC2_ARN}:natgateway/{gateway}"
    assert found.properties["allocationIds"] == [address["AllocationId"]]
    assert found.properties["publicIps"] == [address["PublicIp"]]
    assert ids(moto_url, "AWS::EC2::NatGateway") == {gateway}
    assert read(moto_url, "AWS::EC2::RouteTable", table) == FoundResource(
        service="AmazonEC2",
        resource_type="AWS::EC2::RouteTable",
        native_id=table,
        name=table,
        region=REGION,
        properties={
            "arn": f"{EC2_ARN}:route-table/{table}",
            "vpcId": vpc,
            "isMain": False,
            "subnetIds": [subnet],
            "natGatewayIds": [gateway],
            "routes": [
                {"destination": "10.0.0.0/16", "natGatewayId": None, "target": "local", "state": "active"},
                {"destination": "0.0.0.0/0", "natGatewayId": gateway, "target": None, "state": "active"},
            ],
        },
        relations=(*attached_to(gateway), *in_network(vpc, subnet)),
    )


def test_an_endpoint_of_a_vpc(moto_url: str) -> None:
    ec2 = far_client(moto_url, "ec2")
    vpc, subnet, group = make_network(ec2)
    service = f"com.amazonaws.{REGION}.ec2"
    made = ec2.create_vpc_endpoint(
        VpcId=vpc, ServiceName=service, VpcEndpointType="Interface", SubnetIds=[subnet], SecurityGroupIds=[group]
    )["VpcEndpoint"]
    found = read(moto_url, "AWS::EC2::VPCEndpoint", made["VpcEndpointId"])
    assert (found.name, found.status) == (service, "available")
    assert found.properties["endpointType"] == "Interface"
    assert found.properties["subnetIds"] == [subnet]
    assert found.properties["serviceRegion"] == made.get("ServiceRegion")
    assert found.properties["networkInterfaceIds"] == made["NetworkInterfaceIds"]
    assert found.relations == in_network(vpc, subnet, *(each["GroupId"] for each in made.get("Groups", ())))
    ec2.delete_vpc_endpoints(VpcEndpointIds=[made["VpcEndpointId"]])
    assert ids(moto_url, "AWS::EC2::VPCEndpoint") == set()


def test_attachments_of_a_transit_gateway(moto_url: str) -> None:
    ec2 = far_client(moto_url, "ec2")
    vpc, subnet, _ = make_network(ec2)
    gateway = ec2.create_transit_gateway()["TransitGateway"]["TransitGatewayId"]
    made = ec2.create_transit_gateway_vpc_attachment(TransitGatewayId=gateway, VpcId=vpc, SubnetIds=[subnet])
    attachment = made["TransitGatewayVpcAttachment"]["TransitGatewayAttachmentId"]
    found = read(moto_url, "AWS::EC2::TransitGatewayAttachment", attachment)
    assert found.status == "available"
    assert found.relations == (*attached_to(gateway), *in_network(vpc))
    assert found.properties["attachedResourceType"] == "vpc"
    assert found.properties["attachedResourceId"] == vpc
    assert found.properties["transitGatewayId"] == gateway
    assert found.properties["arn"] == f"{EC2_ARN}:transit-gateway-attachment/{attachment}"


def test_a_vpn_connection_tells_its_tunnels_and_no_keys() -> None:
    tunnel = (
        "<item><outsideIpAddress>192.0.2.{n}</outsideIpAddress><status>{status}</status>"
        "<lastStatusChange>2026-10-0{n}T00:00:00.000Z</lastStatusChange>"
        "<acceptedRouteCount>0</acceptedRouteCount></item>"
    )
    telemetry = tunnel.format(n=1, status="UP") + tunnel.format(n=2, status="DOWN")
    item = (
        "<vpnConnectionId>vpn-1</vpnConnectionId><state>available</state><type>ipsec.1</type>"
        "<customerGatewayId>cgw-1</customerGatewayId><vpnGatewayId>vgw-1</vpnGatewayId><category>VPN</category>"
        "<customerGatewayConfiguration>pre_shared_key hunter2</customerGatewayConfiguration>"
        "<options><staticRoutesOnly>true</staticRoutesOnly>"
        "<tunnelOptionSet><item><preSharedKey>hunter2</preSharedKey></item></tunnelOptionSet></options>"
        f"<vgwTelemetry>{telemetry}</vgwTelemetry><tagSet><item><key>Name</key><value>office</value></item></tagSet>"
    )
    gone = "<vpnConnectionId>vpn-2</vpnConnectionId><state>deleted</state>"
    answers = {
        "DescribeVpnConnections": f"<R><vpnConnectionSet><item>{item}</item><item>{gone}</item></vpnConnectionSet></R>"
    }
    with answering(**answers) as far_side:
        (found,) = (each for page in pages_of(far_side.url, "AWS::EC2::VPNConnection") for each in page)
    assert found == FoundResource(
        service="AmazonEC2",
        resource_type="AWS::EC2::VPNConnection",
        native_id="vpn-1",
        name="office",
        region=REGION,
        status="available",
        tags={"Name": "office"},
        properties={
            "arn": f"{EC2_ARN}:vpn-connection/vpn-1",
            "connectionType": "ipsec.1",
            "category": "VPN",
            "customerGatewayId": "cgw-1",
            "vpnGatewayId": "vgw-1",
            "transitGatewayId": None,
            "staticRoutesOnly": True,
            "tunnels": [
                {
                    "outsideIp": "192.0.2.1",
                    "status": "UP",
                    "statusChangedAt": "2026-10-01T00:00:00+00:00",
                    "acceptedRoutes": 0,
                },
                {
                    "outsideIp": "192.0.2.2",
                    "status": "DOWN",
                    "statusChangedAt": "2026-10-02T00:00:00+00:00",
                    "acceptedRoutes": 0,
                },
            ],
            "tunnelsUp": 1,
        },
        relations=attached_to("vgw-1"),
    )
    assert "hunter2" not in repr(found)


def test_a_client_vpn() -> None:
    item = (
        "<clientVpnEndpointId>cvpn-endpoint-1</clientVpnEndpointId><description>people</description>"
        "<status><code>available</code></status><creationTime>2026-10-01T00:00:00</creationTime>"
        "<vpcId>vpc-1</vpcId><securityGroupIdSet><item>sg-1</item></securityGroupIdSet>"
        "<clientCidrBlock>10.9.0.0/16</clientCidrBlock><splitTunnel>true</splitTunnel>"
    )
    gone = "<clientVpnEndpointId>cvpn-endpoint-2</clientVpnEndpointId><status><code>deleted</code></status>"
    listed = f"<clientVpnEndpoint><item>{item}</item><item>{gone}</item></clientVpnEndpoint>"
    networks = "".join(
        f"<item><targetNetworkId>{subnet}</targetNetworkId><status><code>{state}</code></status></item>"
        for subnet, state in (("subnet-2", "associated"), ("subnet-1", "associating"), ("subnet-3", "disassociated"))
    )
    answers = {
        "DescribeClientVpnEndpoints": f"<R>{listed}</R>",
        "DescribeClientVpnTargetNetworks": f"<R><clientVpnTargetNetworks>{networks}</clientVpnTargetNetworks></R>",
    }
    with answering(**answers) as far_side:
        (found,) = (each for page in pages_of(far_side.url, "AWS::EC2::ClientVpnEndpoint") for each in page)
        assert len(far_side.calls("DescribeClientVpnTargetNetworks")) == 1
    assert (found.native_id, found.status) == ("cvpn-endpoint-1", "available")
    assert found.created_at == datetime(2026, 10, 1, tzinfo=UTC)
    assert found.relations == in_network("vpc-1", "sg-1")
    assert found.properties["clientCidrBlock"] == "10.9.0.0/16"
    assert found.properties["splitTunnel"] is True
    assert found.properties["arn"] == f"{EC2_ARN}:client-vpn-endpoint/cvpn-endpoint-1"
    assert found.properties["associatedSubnetIds"] == ["subnet-1", "subnet-2"]


def test_a_client_vpn_whose_subnets_are_denied() -> None:
    item = "<clientVpnEndpointId>cvpn-endpoint-1</clientVpnEndpointId><status><code>available</code></status>"
    answers = {
        "DescribeClientVpnEndpoints": f"<R><clientVpnEndpoint><item>{item}</item></clientVpnEndpoint></R>",
        "DescribeClientVpnTargetNetworks": Refusal("UnauthorizedOperation", 403),
    }
    with answering(**answers) as far_side:
        (found,) = told_by(far_side.url, Service("ec2", ec2_gateways.COLLECTORS), "AWS::EC2::ClientVpnEndpoint")
    assert found.properties["associatedSubnetIds"] is None
    assert found.properties["unreadable"] == ["associatedSubnetIds"]
