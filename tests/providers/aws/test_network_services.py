"""Network Firewall, Global Accelerator and Direct Connect, against moto and a far side of their wire format."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.providers.aws import network_services
from app.providers.base import GLOBAL, FoundResource, Relation
from app.providers.problems import ProblemCode, ProviderError
from app.records import RelationshipKind
from tests.providers.aws.answering import DENIED, answering, read
from tests.providers.moto import REGION, far_client

FIREWALLS, ACCELERATORS, CONNECTIONS = network_services.SERVICES
FIREWALL = "arn:aws:network-firewall:eu-west-1:123456789012:firewall/edge"
POLICY = "arn:aws:network-firewall:eu-west-1:123456789012:firewall-policy/strict"
ACCELERATOR = "arn:aws:globalaccelerator::123456789012:accelerator/1234abcd"
CONNECTION = {
    "ownerAccount": "123456789012",
    "connectionId": "dxcon-1",
    "connectionName": "frankfurt",
    "connectionState": "available",
    "region": REGION,
    "location": "EqFR5",
    "bandwidth": "1Gbps",
    "tags": [{"key": "site", "value": "hq"}],
}


def a_firewall() -> FoundResource:
    return FoundResource(
        service="AWSNetworkFirewall",
        resource_type="AWS::NetworkFirewall::Firewall",
        native_id=FIREWALL,
        name="edge",
        region=REGION,
        status="READY",
        tags={"team": "net"},
        properties={
            "arn": FIREWALL,
            "vpcId": "vpc-1",
            "firewallPolicyArn": POLICY,
            "deleteProtection": True,
            "endpoints": ["vpce-1", "vpce-2"],
            "zones": ["eu-west-1a", "eu-west-1b"],
            "transitGatewayAttachmentId": None,
        },
        relations=tuple(Relation(RelationshipKind.IN_NETWORK, target) for target in ("vpc-1", "subnet-a", "subnet-b")),
    )


def test_firewall_with_its_network_and_endpoints() -> None:
    described = {
        "Firewall": {
            "FirewallName": "edge",
            "FirewallArn": FIREWALL,
            "FirewallPolicyArn": POLICY,
            "VpcId": "vpc-1",
            "SubnetMappings": [{"SubnetId": "subnet-a"}, {"SubnetId": "subnet-b"}],
            "DeleteProtection": True,
            "FirewallId": "f-1",
            "Tags": [{"Key": "team", "Value": "net"}],
        },
        "FirewallStatus": {
            "Status": "READY",
            "ConfigurationSyncStateSummary": "IN_SYNC",
            "SyncStates": {
                "eu-west-1b": {"Attachment": {"SubnetId": "subnet-b", "EndpointId": "vpce-2", "Status": "READY"}},
                "eu-west-1a": {"Attachment": {"SubnetId": "subnet-a", "EndpointId": "vpce-1", "Status": "READY"}},
            },
        },
    }
    listed = {"Firewalls": [{"FirewallName": "edge", "FirewallArn": FIREWALL}]}
    with answering(ListFirewalls=listed, DescribeFirewall=described) as far_side:
        found = read(far_side.url, FIREWALLS, "AWS::NetworkFirewall::Firewall")

    assert found == [a_firewall()]


def test_a_firewall_that_may_not_be_described_is_listed_with_unknowns() -> None:
    listed = {"Firewalls": [{"FirewallName": "edge", "FirewallArn": FIREWALL}]}
    with answering(ListFirewalls=listed, DescribeFirewall=DENIED) as far_side:
        (found,) = read(far_side.url, FIREWALLS, "AWS::NetworkFirewall::Firewall")

    assert (found.native_id, found.status, found.relations) == (FIREWALL, None, ())
    assert found.properties == {
        "arn": FIREWALL,
        "vpcId": None,
        "firewallPolicyArn": None,
        "deleteProtection": None,
        "endpoints": None,
        "zones": None,
        "transitGatewayAttachmentId": None,
        "unreadable": ["deleteProtection", "endpoints", "firewallPolicyArn", "status", "tags", "vpcId", "zones"],
        "deniedPermissions": ["DescribeFirewall"],
    }


def an_accelerator() -> FoundResource:
    return FoundResource(
        service="AWSGlobalAccelerator",
        resource_type="AWS::GlobalAccelerator::Accelerator",
        native_id=ACCELERATOR,
        name="front",
        region="global",
        status="DEPLOYED",
        tags={"team": "web"},
        properties={
            "arn": ACCELERATOR,
            "acceleratorId": "1234abcd",
            "enabled": True,
            "dnsName": "a1.awsglobalaccelerator.com",
            "ipAddressType": "IPV4",
            "ipAddresses": ["192.0.2.1", "192.0.2.2"],
            "listenerCount": 1,
            "lastModifiedAt": "2026-01-02T00:00:00+00:00",
        },
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def test_accelerators_are_read_once_for_all_regions() -> None:
    accelerator = {
        "AcceleratorArn": ACCELERATOR,
        "Name": "front",
        "IpAddressType": "IPV4",
        "Enabled": True,
        "IpSets": [{"IpFamily": "IPv4", "IpAddresses": ["192.0.2.1", "192.0.2.2"]}],
        "DnsName": "a1.awsglobalaccelerator.com",
        "Status": "DEPLOYED",
        "CreatedTime": 1767225600,
        "LastModifiedTime": 1767312000,
    }
    with answering(
        ListAccelerators=[{"Accelerators": [accelerator], "NextToken": "more"}, {"Accelerators": []}],
        ListListeners={"Listeners": [{"ListenerArn": f"{ACCELERATOR}/listener/1"}]},
        ListTagsForResource={"Tags": [{"Key": "team", "Value": "web"}]},
    ) as far_side:
        found = read(far_side.url, ACCELERATORS, "AWS::GlobalAccelerator::Accelerator", GLOBAL)

    assert ACCELERATORS.is_global
    assert found == [an_accelerator()]


def test_accelerators_are_not_asked_for_outside_the_commercial_partition() -> None:
    with answering() as far_side, pytest.raises(ProviderError) as raised:
        read(far_side.url, ACCELERATORS, "AWS::GlobalAccelerator::Accelerator", GLOBAL, regions=["cn-north-1"])
    assert raised.value.code is ProblemCode.NOT_ENABLED
    assert far_side.asked == []


def a_connection(arn: str) -> FoundResource:
    return FoundResource(
        service="AWSDirectConnect",
        resource_type="AWS::DirectConnect::Connection",
        native_id=arn,
        name="frankfurt",
        region=REGION,
        status="available",
        tags={"site": "hq"},
        properties={
            "arn": arn,
            "connectionId": "dxcon-1",
            "location": "EqFR5",
            "bandwidth": "1Gbps",
            "partnerName": None,
            "lagId": None,
            "virtualInterfaceCount": 2,
            "availableVirtualInterfaceCount": 1,
        },
    )


def test_connections_count_their_own_interfaces_and_those_of_their_group() -> None:
    grouped = CONNECTION | {"connectionId": "dxcon-2", "connectionName": "", "lagId": "dxlag-1", "tags": []}
    gone = CONNECTION | {"connectionId": "dxcon-3", "connectionState": "deleted"}
    pages = [{"connections": [CONNECTION, gone], "nextToken": "more"}, {"connections": [grouped]}]

    def interface(owner: str, state: str) -> dict[str, object]:
        return {"connectionId": owner, "virtualInterfaceState": state, "authKey": "never-told"}

    interfaces = [
        interface("dxcon-1", "available"),
        interface("dxcon-1", "down"),
        interface("dxcon-1", "deleted"),
        interface("dxlag-1", "available"),
    ]
    with answering(DescribeConnections=pages, DescribeVirtualInterfaces={"virtualInterfaces": interfaces}) as far_side:
        found = read(far_side.url, CONNECTIONS, "AWS::DirectConnect::Connection")

    assert far_side.calls("DescribeConnections") == [{}, {"nextToken": "more"}]
    assert len(far_side.calls("DescribeVirtualInterfaces")) == 1
    arn = "arn:aws:directconnect:eu-west-1:123456789012:dxcon/dxcon-1"
    assert found[0] == a_connection(arn)
    assert [(one.name, one.properties["virtualInterfaceCount"]) for one in found] == [("frankfurt", 2), ("dxcon-2", 1)]
    assert "never-told" not in repr(found)


def test_interfaces_that_may_not_be_listed_are_unknown_and_not_none() -> None:
    with answering(DescribeConnections={"connections": [CONNECTION]}, DescribeVirtualInterfaces=DENIED) as far_side:
        (found,) = read(far_side.url, CONNECTIONS, "AWS::DirectConnect::Connection")

    assert found.properties["virtualInterfaceCount"] is None
    assert found.properties["unreadable"] == ["availableVirtualInterfaceCount", "virtualInterfaceCount"]


def test_firewalls_and_connections_of_moto(moto_url: str) -> None:
    far_client(moto_url, "network-firewall").create_firewall(
        FirewallName="edge",
        FirewallPolicyArn=POLICY,
        VpcId="vpc-1",
        SubnetMappings=[{"SubnetId": "subnet-a"}],
        Tags=[{"Key": "team", "Value": "net"}],
    )
    far_client(moto_url, "directconnect").create_connection(
        location="EqFR5", bandwidth="10Gbps", connectionName="frankfurt", tags=[{"key": "site", "value": "hq"}]
    )

    (firewall,) = read(moto_url, FIREWALLS, "AWS::NetworkFirewall::Firewall")
    (connection,) = read(moto_url, CONNECTIONS, "AWS::DirectConnect::Connection")

    assert (firewall.native_id, firewall.status, firewall.tags) == (FIREWALL, "READY", {"team": "net"})
    assert [relation.target for relation in firewall.relations] == ["vpc-1", "subnet-a"]
    assert (connection.name, connection.status, connection.tags) == ("frankfurt", "available", {"site": "hq"})
    assert connection.properties["bandwidth"] == "10Gbps"
    assert connection.properties["unreadable"] == ["availableVirtualInterfaceCount", "virtualInterfaceCount"]
