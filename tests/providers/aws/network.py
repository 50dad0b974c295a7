"""A network in moto for the tests whose resources are placed in one."""

from __future__ import annotations

from tests.providers.moto import far_client


def network(url: str) -> tuple[str, list[str]]:
    """A VPC with a subnet in each of two zones: their ids."""
    client = far_client(url, "ec2")
    vpc = client.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        client.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"eu-west-1{zone}")
        for number, zone in enumerate("ab")
    ]
    return vpc, [answer["Subnet"]["SubnetId"] for answer in subnets]
