"""Addresses, gateways, load balancers and connections: waste, and what only looks like it."""

from __future__ import annotations

from moto.ec2.models import ec2_backends

from tests.providers.moto import ACCOUNT
from tests.waste.far_missing import HELD
from tests.waste.seeding import OLD, REGION, Seeding, arn, now


def seed(to: Seeding) -> None:
    """Fill the account."""
    to.ago(OLD)
    _addresses(to)
    _gateways(to)
    _endpoints(to)
    _transit(to)
    _vpns(to)
    _balancers(to)
    _classic(to)


def tell_of_interfaces(_to: Seeding) -> None:
    """Moto calls every interface that it made itself available; AWS says that they are in use."""
    for each in ec2_backends[ACCOUNT][REGION].enis.values():
        if each.description != "loose":
            each.status = "in-use"


def _addresses(to: Seeding) -> None:
    ec2 = to.client("ec2")
    for label in ("loose_address", "used_address"):
        to.ids[label] = ec2.allocate_address(Domain="vpc")["AllocationId"]
    ec2.associate_address(AllocationId=to.ids["used_address"], InstanceId=to.ids["busy_machine"])
    made = ec2.create_network_interface(SubnetId=to.ids["subnet"], Description="loose")
    to.ids["loose_interface"] = made["NetworkInterface"]["NetworkInterfaceId"]


def _gateways(to: Seeding) -> None:
    ec2 = to.client("ec2")
    for label, sent in (("idle_nat", 0.0), ("busy_nat", 1e9)):
        address = ec2.allocate_address(Domain="vpc")["AllocationId"]
        to.ids[f"address_of_{label}"] = address
        made = ec2.create_nat_gateway(SubnetId=to.ids["subnet"], AllocationId=address)["NatGateway"]
        to.ids[label] = made["NatGatewayId"]
        for name in ("BytesOutToDestination", "BytesInFromSource"):
            to.metric("AWS/NATGateway", name, sent, NatGatewayId=to.ids[label])


def _endpoints(to: Seeding) -> None:
    subnets = [to.ids["subnet"], to.ids["subnet_b"]]
    for label, kind, service in (
        ("idle_endpoint", "Interface", "ssm"),
        ("used_endpoint", "Interface", "ec2messages"),
        ("gateway_endpoint", "Gateway", "s3"),
    ):
        name = f"com.amazonaws.us-east-1.{service}"
        placed = {"SubnetIds": subnets} if kind == "Interface" else {}
        made = to.client("ec2").create_vpc_endpoint(
            VpcId=to.ids["vpc"], ServiceName=name, VpcEndpointType=kind, **placed
        )
        to.ids[label] = made["VpcEndpoint"]["VpcEndpointId"]
        if label == "used_endpoint":
            where = {"Endpoint Type": kind, "Service Name": name}
            where |= {"VPC Endpoint Id": to.ids[label], "VPC Id": to.ids["vpc"]}
            to.metric("AWS/PrivateLinkEndpoints", "BytesProcessed", 5000, **where)


def _transit(to: Seeding) -> None:
    ec2 = to.client("ec2")
    gateway = ec2.create_transit_gateway()["TransitGateway"]["TransitGatewayId"]
    for label, sent in (("idle_attachment", 0), ("busy_attachment", 5000)):
        vpc = to.ids["vpc"] if label == "idle_attachment" else ec2.create_vpc(CidrBlock="10.2.0.0/16")["Vpc"]["VpcId"]
        made = ec2.create_transit_gateway_vpc_attachment(
            TransitGatewayId=gateway, VpcId=vpc, SubnetIds=[to.ids["subnet"]]
        )["TransitGatewayVpcAttachment"]
        to.ids[label] = made["TransitGatewayAttachmentId"]
        where = {"TransitGateway": gateway, "TransitGatewayAttachment": to.ids[label]}
        for name in ("BytesIn", "BytesOut"):
            to.metric("AWS/TransitGateway", name, sent, **where)


def _vpns(to: Seeding) -> None:
    ec2 = to.client("ec2")
    customer = ec2.create_customer_gateway(BgpAsn=65_000, PublicIp="198.51.100.7", Type="ipsec.1")["CustomerGateway"]
    gateway = ec2.create_vpn_gateway(Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]
    for label, up in (("down_vpn", 0), ("up_vpn", 1)):
        made = ec2.create_vpn_connection(
            CustomerGatewayId=customer["CustomerGatewayId"], VpnGatewayId=gateway, Type="ipsec.1"
        )
        to.ids[label] = made["VpnConnection"]["VpnConnectionId"]
        to.metric("AWS/VPN", "TunnelState", up, VpnId=to.ids[label])
    for label, active in (("idle_client_vpn", 0), ("used_client_vpn", 3)):
        to.ids[label] = f"cvpn-endpoint-{len(HELD['ClientVpnEndpoints']):017x}"
        endpoint = {"ClientVpnEndpointId": to.ids[label], "Status": {"Code": "available"}, "CreationTime": now()}
        HELD["ClientVpnEndpoints"].append({**endpoint, "VpcId": to.ids["vpc"]})
        to.metric("AWS/ClientVPN", "ActiveConnectionsCount", active, Endpoint=to.ids[label])
    associated = {"TargetNetworkId": to.ids["subnet"], "Status": {"Code": "associated"}, "VpcId": to.ids["vpc"]}
    HELD["ClientVpnTargetNetworks"].append({**associated, "AssociationId": "cvpn-assoc-1"})


def _balancers(to: Seeding) -> None:
    """Each with a target group behind it, if it is named after it."""
    for label, kind, target, requests, redirects in (
        ("empty_alb", "application", None, 100, 0),
        ("redirecting_alb", "application", None, 100, 100),
        ("empty_nlb", "network", None, 0, 0),
        ("empty_gwlb", "gateway", None, 0, 0),
        ("idle_alb", "application", "busy_machine", 0, 0),
        ("busy_alb", "application", "busy_machine", 100, 0),
        ("idle_nlb", "network", "busy_machine", 0, 0),
        ("busy_nlb", "network", "busy_machine", 50, 0),
    ):
        name = label.replace("_", "-")
        to.ids[label] = _balancer(to, name, kind, target)
        where = {"LoadBalancer": to.ids[label].partition(":loadbalancer/")[2]}
        if kind == "application" and requests:
            to.metric("AWS/ApplicationELB", "RequestCount", requests, **where)
        if redirects:
            to.metric("AWS/ApplicationELB", "HTTP_Redirect_Count", redirects, **where)
        if kind == "network" and target:
            to.metric("AWS/NetworkELB", "NewFlowCount", requests, **where)


def _balancer(to: Seeding, name: str, kind: str, target: str | None) -> str:
    elb = to.client("elbv2")
    protocol, port = {"application": ("HTTP", 80), "network": ("TCP", 80), "gateway": ("GENEVE", 6081)}[kind]
    subnets = [to.ids["subnet"], to.ids["subnet_b"]]
    balancer: str = elb.create_load_balancer(Name=name, Subnets=subnets, Type=kind)["LoadBalancers"][0][
        "LoadBalancerArn"
    ]
    group = elb.create_target_group(Name=name, Protocol=protocol, Port=port, VpcId=to.ids["vpc"])["TargetGroups"][0]
    if target:
        elb.register_targets(TargetGroupArn=group["TargetGroupArn"], Targets=[{"Id": to.ids[target]}])
    listening = {} if kind == "gateway" else {"Protocol": protocol, "Port": port}
    action = {"Type": "forward", "TargetGroupArn": group["TargetGroupArn"]}
    elb.create_listener(LoadBalancerArn=balancer, DefaultActions=[action], **listening)
    return balancer


def _classic(to: Seeding) -> None:
    elb = to.client("elb")
    listener = {"Protocol": "HTTP", "LoadBalancerPort": 80, "InstanceProtocol": "HTTP", "InstancePort": 80}
    for label in ("empty_classic", "used_classic"):
        elb.create_load_balancer(LoadBalancerName=label, Listeners=[listener], AvailabilityZones=["us-east-1a"])
        to.ids[label] = arn("elasticloadbalancing", f"loadbalancer/{label}")
    elb.register_instances_with_load_balancer(
        LoadBalancerName="used_classic", Instances=[{"InstanceId": to.ids["busy_machine"]}]
    )
