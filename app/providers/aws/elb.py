"""Elastic Load Balancing: application, network and gateway load balancers with their targets, and classic ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from app.providers.aws.errors import error_code
from app.providers.aws.reading import arn, moment, paged, placed_in, tags
from app.providers.aws.session import AwsConnection
from app.providers.base import Collector, FoundResource, Relation, Service
from app.records import RelationshipKind

_SERVICE_NAME: Final = "AWSELB"
_TAGGED: Final = 20
"""The most load balancers whose tags can be asked for at once."""
_PAGE: Final = 400
_THREADS: Final = 4
"""Calls at a time for the health of target groups: there is one call for each group."""


def load_balancers(connection: AwsConnection, region: str) -> Iterator[list[FoundResource]]:
    """Application, network and gateway load balancers."""
    client = connection.client("elbv2", region)
    for page in paged(client, "describe_load_balancers", "LoadBalancers", PageSize=_PAGE):
        told = _tags(client, [balancer["LoadBalancerArn"] for balancer in page])
        yield [_load_balancer(region, each, told.get(each["LoadBalancerArn"], {})) for each in page]


def target_groups(connection: AwsConnection, region: str) -> Iterator[list[FoundResource]]:
    """Target groups, with how many of their targets are healthy."""
    client = connection.client("elbv2", region)

    def health(group: Mapping[str, Any]) -> list[dict[str, Any]] | None:
        return _health(client, group["TargetGroupArn"])

    for page in paged(client, "describe_target_groups", "TargetGroups", PageSize=_PAGE):
        told = _tags(client, [group["TargetGroupArn"] for group in page])
        with ThreadPoolExecutor(_THREADS) as threads:
            checked = list(zip(page, threads.map(health, page), strict=True))
        yield [
            _target_group(region, group, found, told.get(group["TargetGroupArn"], {}))
            for group, found in checked
            if found is not None
        ]


def classic_load_balancers(connection: AwsConnection, region: str) -> Iterator[list[FoundResource]]:
    """Load balancers of the first generation, which name their instances."""
    client = connection.client("elb", region)
    for page in paged(client, "describe_load_balancers", "LoadBalancerDescriptions", PageSize=_PAGE):
        told = _tags(client, [balancer["LoadBalancerName"] for balancer in page])
        yield [_classic(connection, region, each, told.get(each["LoadBalancerName"], {})) for each in page]


ELBV2: Final = Service(
    "elbv2",
    (
        Collector(
            ("AWS::ElasticLoadBalancingV2::LoadBalancer",),
            ("elasticloadbalancing:DescribeLoadBalancers", "elasticloadbalancing:DescribeTags"),
            load_balancers,
        ),
        Collector(
            ("AWS::ElasticLoadBalancingV2::TargetGroup",),
            (
                "elasticloadbalancing:DescribeTargetGroups",
                "elasticloadbalancing:DescribeTargetHealth",
                "elasticloadbalancing:DescribeTags",
            ),
            target_groups,
        ),
    ),
)
ELB: Final = Service(
    "elb",
    (
        Collector(
            ("AWS::ElasticLoadBalancing::LoadBalancer",),
            ("elasticloadbalancing:DescribeLoadBalancers", "elasticloadbalancing:DescribeTags"),
            classic_load_balancers,
        ),
    ),
)


def _tags(client: Any, identifiers: list[str]) -> dict[str, dict[str, str]]:
    """Tags by ARN, or by name for classic load balancers. What was deleted meanwhile has none.

    A call that names one such fails as a whole; its halves are asked again.
    """
    told: dict[str, dict[str, str]] = {}
    asked = [identifiers[start : start + _TAGGED] for start in range(0, len(identifiers), _TAGGED)]
    while asked:
        batch = asked.pop()
        argument = "ResourceArns" if client.meta.service_model.service_name == "elbv2" else "LoadBalancerNames"
        try:
            described = client.describe_tags(**{argument: batch})["TagDescriptions"]
        except client.exceptions.ClientError as error:
            if not error_code(error).endswith("NotFound"):
                raise
            if len(batch) > 1:
                asked += [batch[: len(batch) // 2], batch[len(batch) // 2 :]]
            continue
        for each in described:
            told[each.get("ResourceArn") or each["LoadBalancerName"]] = tags(each.get("Tags"))
    return told


def _health(client: Any, group_arn: str) -> list[dict[str, Any]] | None:
    """The targets of a group with their states; None where it was deleted meanwhile."""
    try:
        answer = client.describe_target_health(TargetGroupArn=group_arn)
    except client.exceptions.TargetGroupNotFoundException:
        return None
    return list(answer["TargetHealthDescriptions"])


def _load_balancer(region: str, balancer: Mapping[str, Any], told: Mapping[str, str]) -> FoundResource:
    zones = balancer.get("AvailabilityZones", ())
    subnets = [zone.get("SubnetId") for zone in zones]
    groups = list(balancer.get("SecurityGroups", ()))
    return FoundResource(
        service=_SERVICE_NAME,
        resource_type="AWS::ElasticLoadBalancingV2::LoadBalancer",
        native_id=balancer["LoadBalancerArn"],
        name=balancer["LoadBalancerName"],
        region=region,
        status=balancer.get("State", {}).get("Code"),
        tags=told,
        properties={
            "arn": balancer["LoadBalancerArn"],
            # What its metrics call it: `app/web/50dc6c495c0c9188`.
            "loadBalancerDimension": balancer["LoadBalancerArn"].partition(":loadbalancer/")[2],
            "loadBalancerType": balancer.get("Type"),
            "scheme": balancer.get("Scheme"),
            "dnsName": balancer.get("DNSName"),
            "ipAddressType": balancer.get("IpAddressType"),
            "vpcId": balancer.get("VpcId"),
            "availabilityZones": [zone.get("ZoneName") for zone in zones],
            "subnetIds": [subnet for subnet in subnets if subnet],
            "securityGroupIds": groups,
        },
        created_at=moment(balancer.get("CreatedTime")),
        relations=placed_in(balancer.get("VpcId"), subnets, groups),
    )


def _target_group(
    region: str, group: Mapping[str, Any], health: list[dict[str, Any]], told: Mapping[str, str]
) -> FoundResource:
    balancers = list(group.get("LoadBalancerArns", ()))
    states = Counter(target.get("TargetHealth", {}).get("State", "unknown") for target in health)
    targets = list(dict.fromkeys(target["Target"]["Id"] for target in health))
    # An address is no resource; instances, functions and load balancers are known by their own ids.
    known = targets if group.get("TargetType") != "ip" else []
    return FoundResource(
        service=_SERVICE_NAME,
        resource_type="AWS::ElasticLoadBalancingV2::TargetGroup",
        native_id=group["TargetGroupArn"],
        name=group["TargetGroupName"],
        region=region,
        tags=told,
        properties={
            "arn": group["TargetGroupArn"],
            "targetType": group.get("TargetType"),
            "protocol": group.get("Protocol"),
            "port": group.get("Port"),
            "vpcId": group.get("VpcId"),
            "loadBalancerArns": balancers,
            "targets": targets,
            "registeredTargets": len(health),
            "healthyTargets": states["healthy"],
            "targetStates": dict(states),
        },
        relations=(
            *(Relation(RelationshipKind.BEHIND, balancer) for balancer in balancers),
            *(Relation(RelationshipKind.ATTACHED_TO, target) for target in known),
            *placed_in(group.get("VpcId")),
        ),
    )


def _classic(
    connection: AwsConnection, region: str, balancer: Mapping[str, Any], told: Mapping[str, str]
) -> FoundResource:
    name = balancer["LoadBalancerName"]
    own = arn(connection, "elasticloadbalancing", region, f"loadbalancer/{name}")
    instances = [each["InstanceId"] for each in balancer.get("Instances", ())]
    subnets, groups = list(balancer.get("Subnets", ())), list(balancer.get("SecurityGroups", ()))
    return FoundResource(
        service=_SERVICE_NAME,
        resource_type="AWS::ElasticLoadBalancing::LoadBalancer",
        native_id=own,
        name=name,
        region=region,
        tags=told,
        properties={
            "arn": own,
            "scheme": balancer.get("Scheme"),
            "dnsName": balancer.get("DNSName"),
            "vpcId": balancer.get("VPCId"),
            "availabilityZones": list(balancer.get("AvailabilityZones", ())),
            "subnetIds": subnets,
            "securityGroupIds": groups,
            "instanceIds": instances,
            "listeners": len(balancer.get("ListenerDescriptions", ())),
        },
        created_at=moment(balancer.get("CreatedTime")),
        relations=(
            *(Relation(RelationshipKind.ATTACHED_TO, instance) for instance in instances),
            *placed_in(balancer.get("VPCId"), subnets, groups),
        ),
    )
