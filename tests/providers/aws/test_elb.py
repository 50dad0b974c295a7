"""Load balancers and target groups as a scan finds them."""

from __future__ import annotations

from typing import Any

import pytest

from app.providers.base import FoundResource
from app.providers.problems import ProblemCode, ProviderError
from tests.providers.aws.answering import Refusal, answering
from tests.providers.aws.reads import attached_to, behind, in_network, pages_of, read
from tests.providers.moto import ACCOUNT, REGION, far_client

BALANCER = "AWS::ElasticLoadBalancingV2::LoadBalancer"
TARGET_GROUP = "AWS::ElasticLoadBalancingV2::TargetGroup"
CLASSIC = "AWS::ElasticLoadBalancing::LoadBalancer"
TAGS = [{"Key": "team", "Value": "web"}]


def make_network(ec2: Any) -> tuple[str, list[str], str]:
    """A VPC, two subnets in it and a security group."""
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"{REGION}{zone}")
        for number, zone in enumerate("ab")
    ]
    group = ec2.create_security_group(GroupName="web", Description="web", VpcId=vpc)["GroupId"]
    return vpc, [subnet["Subnet"]["SubnetId"] for subnet in subnets], group


def test_a_load_balancer_and_its_targets(moto_url: str) -> None:
    ec2, elbv2 = far_client(moto_url, "ec2"), far_client(moto_url, "elbv2")
    vpc, subnets, group = make_network(ec2)
    made = elbv2.create_load_balancer(
        Name="web", Subnets=subnets, SecurityGroups=[group], Scheme="internet-facing", Tags=TAGS
    )
    balancer = made["LoadBalancers"][0]
    balancer_arn = balancer["LoadBalancerArn"]
    targets = elbv2.create_target_group(Name="web", Protocol="HTTP", Port=80, VpcId=vpc, Tags=TAGS)["TargetGroups"][0]
    target_arn = targets["TargetGroupArn"]
    forward = [{"Type": "forward", "TargetGroupArn": target_arn}]
    elbv2.create_listener(LoadBalancerArn=balancer_arn, Protocol="HTTP", Port=80, DefaultActions=forward)
    image = ec2.register_image(Name="base", RootDeviceName="/dev/sda1")["ImageId"]
    launched = ec2.run_instances(ImageId=image, MinCount=2, MaxCount=2, SubnetId=subnets[0])["Instances"]
    instances = [instance["InstanceId"] for instance in launched]
    elbv2.register_targets(TargetGroupArn=target_arn, Targets=[{"Id": instance} for instance in instances])
    ec2.stop_instances(InstanceIds=instances[1:])
    assert read(moto_url, BALANCER, balancer_arn) == FoundResource(
        service="AWSELB",
        resource_type=BALANCER,
        native_id=balancer_arn,
        name="web",
        region=REGION,
        status="active",
        tags={"team": "web"},
        properties={
            "arn": balancer_arn,
            "loadBalancerDimension": balancer_arn.split(":loadbalancer/")[1],
            "loadBalancerType": "application",
            "scheme": "internet-facing",
            "dnsName": balancer["DNSName"],
            "ipAddressType": balancer.get("IpAddressType"),
            "vpcId": vpc,
            "availabilityZones": [f"{REGION}a", f"{REGION}b"],
            "subnetIds": subnets,
            "securityGroupIds": [group],
        },
        created_at=balancer["CreatedTime"],
        relations=in_network(vpc, *subnets, group),
    )
    assert read(moto_url, TARGET_GROUP, target_arn) == FoundResource(
        service="AWSELB",
        resource_type=TARGET_GROUP,
        native_id=target_arn,
        name="web",
        region=REGION,
        tags={"team": "web"},
        properties={
            "arn": target_arn,
            "targetType": "instance",
            "protocol": "HTTP",
            "port": 80,
            "vpcId": vpc,
            "loadBalancerArns": [balancer_arn],
            "targets": instances,
            "registeredTargets": 2,
            "healthyTargets": 1,
            "targetStates": {"healthy": 1, "unused": 1},
        },
        relations=(*behind(balancer_arn), *attached_to(*instances), *in_network(vpc)),
    )


def test_a_load_balancer_without_targets(moto_url: str) -> None:
    ec2, elbv2 = far_client(moto_url, "ec2"), far_client(moto_url, "elbv2")
    vpc, subnets, _ = make_network(ec2)
    made = elbv2.create_load_balancer(Name="idle", Subnets=subnets, Type="network", Scheme="internal")
    targets = elbv2.create_target_group(Name="ips", Protocol="TCP", Port=80, VpcId=vpc, TargetType="ip")
    target_arn = targets["TargetGroups"][0]["TargetGroupArn"]
    elbv2.register_targets(TargetGroupArn=target_arn, Targets=[{"Id": "10.0.0.9"}])
    found = read(moto_url, BALANCER, made["LoadBalancers"][0]["LoadBalancerArn"])
    assert found.properties["loadBalancerType"] == "network"
    assert found.properties["scheme"] == "internal"
    group = read(moto_url, TARGET_GROUP, target_arn)
    assert group.properties["targets"] == ["10.0.0.9"]
    assert group.properties["loadBalancerArns"] == []
    assert group.relations == in_network(vpc)


def test_load_balancers_come_page_by_page_with_their_tags(monkeypatch: pytest.MonkeyPatch, moto_url: str) -> None:
    monkeypatch.setattr("app.providers.aws.elb._PAGE", 25)
    ec2, elbv2 = far_client(moto_url, "ec2"), far_client(moto_url, "elbv2")
    _, subnets, _ = make_network(ec2)
    for number in range(30):
        tags = [{"Key": "number", "Value": str(number)}]
        elbv2.create_load_balancer(Name=f"web-{number}", Subnets=subnets, Tags=tags)
    pages = pages_of(moto_url, BALANCER)
    assert [len(page) for page in pages] == [25, 5]
    told = {balancer.name: dict(balancer.tags) for page in pages for balancer in page}
    assert told == {f"web-{number}": {"number": str(number)} for number in range(30)}


def test_a_classic_load_balancer(moto_url: str) -> None:
    ec2, elb = far_client(moto_url, "ec2"), far_client(moto_url, "elb")
    vpc, subnets, group = make_network(ec2)
    listener = {"Protocol": "HTTP", "LoadBalancerPort": 80, "InstancePort": 80}
    elb.create_load_balancer(
        LoadBalancerName="old", Listeners=[listener], Subnets=subnets, SecurityGroups=[group], Tags=TAGS
    )
    image = ec2.register_image(Name="base", RootDeviceName="/dev/sda1")["ImageId"]
    instance = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    elb.register_instances_with_load_balancer(LoadBalancerName="old", Instances=[{"InstanceId": instance}])
    told = elb.describe_load_balancers()["LoadBalancerDescriptions"][0]
    own = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:loadbalancer/old"
    assert read(moto_url, CLASSIC, own) == FoundResource(
        service="AWSELB",
        resource_type=CLASSIC,
        native_id=own,
        name="old",
        region=REGION,
        tags={"team": "web"},
        properties={
            "arn": own,
            "scheme": told["Scheme"],
            "dnsName": told["DNSName"],
            "vpcId": vpc,
            "availabilityZones": told["AvailabilityZones"],
            "subnetIds": told["Subnets"],
            "securityGroupIds": [group],
            "instanceIds": [instance],
            "listeners": 1,
        },
        created_at=told["CreatedTime"],
        relations=(*attached_to(instance), *in_network(vpc, *told["Subnets"], group)),
    )


def described(*names: str) -> str:
    """The answer to DescribeTargetGroups."""
    members = "".join(
        f"<member><TargetGroupArn>{name}</TargetGroupArn><TargetGroupName>{name}</TargetGroupName></member>"
        for name in names
    )
    return f"<R><DescribeTargetGroupsResult><TargetGroups>{members}</TargetGroups></DescribeTargetGroupsResult></R>"


def tagged(arguments: dict[str, Any]) -> Any:
    """The answer to DescribeTags: refused as a whole when it names what is gone."""
    asked = [value for name, value in arguments.items() if name.startswith("ResourceArns.")]
    if "gone" in asked:
        return Refusal("TargetGroupNotFound")
    tag = "<Tags><member><Key>of</Key><Value>{0}</Value></member></Tags>"
    members = "".join(f"<member><ResourceArn>{each}</ResourceArn>{tag.format(each)}</member>" for each in asked)
    return f"<R><DescribeTagsResult><TagDescriptions>{members}</TagDescriptions></DescribeTagsResult></R>"


def healthy(arguments: dict[str, Any]) -> Any:
    """The answer to DescribeTargetHealth: a group without targets, or none."""
    if arguments["TargetGroupArn"] == "gone":
        return Refusal("TargetGroupNotFound")
    return "<R><DescribeTargetHealthResult><TargetHealthDescriptions/></DescribeTargetHealthResult></R>"


def test_what_is_deleted_meanwhile_spoils_nothing_else() -> None:
    answers = {
        "DescribeTargetGroups": described("a", "gone", "b", "c"),
        "DescribeTags": tagged,
        "DescribeTargetHealth": healthy,
    }
    with answering(**answers) as far_side:
        (page,) = pages_of(far_side.url, TARGET_GROUP)
    assert {group.name: dict(group.tags) for group in page} == {"a": {"of": "a"}, "b": {"of": "b"}, "c": {"of": "c"}}


def test_health_that_is_denied_is_not_a_group_without_targets() -> None:
    answers = {
        "DescribeTargetGroups": described("a"),
        "DescribeTags": tagged,
        "DescribeTargetHealth": Refusal("AccessDenied", 403),
    }
    with answering(**answers) as far_side, pytest.raises(ProviderError) as caught:
        pages_of(far_side.url, TARGET_GROUP)
    assert caught.value.code is ProblemCode.DENIED
    assert caught.value.permission == "elasticloadbalancing:DescribeTargetHealth"
