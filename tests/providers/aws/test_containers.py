"""ECR, EKS and ECS as moto tells them, with AWS's wire format where moto lacks an operation."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from app.providers.aws import ecr, ecs, eks
from app.providers.aws.asking import AT_ONCE
from app.providers.base import FoundResource, Relation
from app.records import RelationshipKind
from tests.providers.aws.answering import DENIED, Refusal, answering, read
from tests.providers.aws.in_front import Told, in_front, refused_as_json
from tests.providers.aws.network import network
from tests.providers.moto import far_client

ECR_ARN = "arn:aws:ecr:eu-west-1:123456789012:repository/"
EKS_ARN = "arn:aws:eks:eu-west-1:123456789012:"
ECS_ARN = "arn:aws:ecs:eu-west-1:123456789012:"
ROLE = "arn:aws:iam::123456789012:role/any"
IN, MEMBER_OF = RelationshipKind.IN_NETWORK, RelationshipKind.MEMBER_OF
POLICY = {
    "rulePriority": 1,
    "selection": {"tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": 1},
    "action": {"type": "expire"},
}
NO_IMAGES: dict[str, Any] = {
    "count": 0,
    "bytes": 0,
    "untagged": 0,
    "untaggedBytes": 0,
    "indexes": 0,
    "oldestPushedAt": None,
    "newestPushedAt": None,
    "lastPulledAt": None,
    "byMonthOfLastUse": {},
    "untaggedByMonthOfPush": {},
}


def by_name(found: list[FoundResource]) -> dict[str, FoundResource]:
    return {resource.name: resource for resource in found}


def images(url: str) -> FoundResource:
    (found,) = read(url, ecr.SERVICE, "AWS::ECR::Repository")
    return found


def test_repository_with_a_policy_and_one_that_keeps_its_images_from_us(moto_url: str) -> None:
    client = far_client(moto_url, "ecr")
    client.create_repository(repositoryName="shop", tags=[{"Key": "team", "Value": "shop"}])
    client.create_repository(repositoryName="locked", imageTagMutability="IMMUTABLE")
    client.put_lifecycle_policy(repositoryName="shop", lifecyclePolicyText=json.dumps({"rules": [POLICY]}))

    def ours(name: str, body: str) -> Told | None:
        denied = name in {"DescribeImages", "GetLifecyclePolicy"} and "locked" in body
        return refused_as_json("AccessDeniedException") if denied else None

    with in_front(moto_url, ours) as front:
        found = by_name(read(front.url, ecr.SERVICE, "AWS::ECR::Repository"))

    shop, locked = found["shop"], found["locked"]
    assert (shop.service, shop.native_id, shop.tags) == ("AmazonECR", ECR_ARN + "shop", {"team": "shop"})
    assert shop.created_at is not None
    assert shop.last_used_at is None
    assert shop.properties == {
        "arn": ECR_ARN + "shop",
        "uri": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop",
        "tagMutability": "MUTABLE",
        "encryption": "AES256",
        "lifecyclePolicy": True,
        "images": NO_IMAGES,
    }
    assert (locked.properties["lifecyclePolicy"], locked.properties["images"]) == (None, None)
    assert locked.properties["unreadable"] == ["images", "lifecyclePolicy"]
    assert locked.properties["tagMutability"] == "IMMUTABLE"


def test_images_of_many_pages_come_to_one_summary() -> None:
    january, june, july = 1767323045.0, 1780358400.0, 1782950400.0
    index = "application/vnd.oci.image.index.v1+json"
    pages = [
        {
            "imageDetails": [
                {"imageSizeInBytes": 100, "imagePushedAt": january, "imageTags": ["v1"], "lastRecordedPullTime": july},
                {"imageSizeInBytes": 30, "imagePushedAt": january},
            ],
            "nextToken": "two",
        },
        {"imageDetails": [], "nextToken": "three"},
        {
            "imageDetails": [
                {"imageSizeInBytes": 7, "imagePushedAt": june, "lastRecordedPullTime": june},
                {"imagePushedAt": june, "imageTags": ["latest"], "imageManifestMediaType": index},
            ]
        },
    ]
    repository = {"repositoryArn": ECR_ARN + "shop", "repositoryName": "shop"}
    with answering(
        DescribeRepositories={"repositories": [repository]},
        DescribeImages=pages,
        GetLifecyclePolicy={"lifecyclePolicyText": "{}"},
        ListTagsForResource={"tags": []},
    ) as far_side:
        found = images(far_side.url)

    assert [call.get("nextToken") for call in far_side.calls("DescribeImages")] == [None, "two", "three"]
    assert {call["maxResults"] for call in far_side.calls("DescribeImages")} == {1000}
    assert found.last_used_at is not None
    assert found.last_used_at.isoformat() == "2026-07-02T00:00:00+00:00"
    assert found.properties["images"] == {
        "count": 4,
        "bytes": 137,
        "untagged": 2,
        "untaggedBytes": 37,
        "indexes": 1,
        "oldestPushedAt": "2026-01-02T03:04:05+00:00",
        "newestPushedAt": "2026-06-02T00:00:00+00:00",
        "lastPulledAt": "2026-07-02T00:00:00+00:00",
        "byMonthOfLastUse": {
            "2026-01": {"images": 1, "bytes": 30},
            "2026-06": {"images": 2, "bytes": 7},
            "2026-07": {"images": 1, "bytes": 100},
        },
        "untaggedByMonthOfPush": {
            "2026-01": {"images": 1, "bytes": 30},
            "2026-06": {"images": 1, "bytes": 7},
        },
    }


def seed_eks(url: str) -> list[str]:
    _, subnets = network(url)
    client = far_client(url, "eks")
    for name in ("production", "empty"):
        client.create_cluster(
            name=name, version="1.29", roleArn=ROLE, resourcesVpcConfig={"subnetIds": subnets}, tags={"team": name}
        )
    client.create_nodegroup(
        clusterName="production",
        nodegroupName="workers",
        subnets=subnets,
        nodeRole=ROLE,
        instanceTypes=["m5.large"],
        scalingConfig={"minSize": 1, "maxSize": 5, "desiredSize": 2},
        capacityType="SPOT",
        tags={"team": "platform"},
    )
    client.create_fargate_profile(
        clusterName="production",
        fargateProfileName="jobs",
        podExecutionRoleArn=ROLE,
        selectors=[{"namespace": "jobs"}],
    )
    return subnets


def test_eks_clusters_with_the_support_of_their_version(moto_url: str) -> None:
    subnets = seed_eks(moto_url)
    version = {
        "clusterVersion": "1.29",
        "versionStatus": "EXTENDED_SUPPORT",
        "endOfStandardSupportDate": 1742688000,
        "endOfExtendedSupportDate": 1774224000,
    }

    def ours(name: str, _body: str) -> Told | None:
        url = urlsplit(name.removeprefix("GET "))
        if url.path != "/cluster-versions":
            return None
        assert parse_qs(url.query)["includeAll"] == ["true"]
        return Told(json.dumps({"clusterVersions": [version]}))

    with in_front(moto_url, ours) as front:
        found = by_name(read(front.url, eks.SERVICE, "AWS::EKS::Cluster"))

    assert len([name for name in front.asked if "cluster-versions" in name]) == 1
    production = found["production"]
    assert (production.service, production.native_id) == ("AmazonEKS", EKS_ARN + "cluster/production")
    assert (production.status, production.tags) == ("ACTIVE", {"team": "production"})
    assert production.created_at is not None
    assert production.properties == {
        "arn": EKS_ARN + "cluster/production",
        "version": "1.29",
        "platformVersion": "eks.4",
        "supportType": None,
        "versionStatus": "EXTENDED_SUPPORT",
        "standardSupportEndsAt": "2025-03-23T00:00:00+00:00",
        "extendedSupportEndsAt": "2026-03-23T00:00:00+00:00",
        "autoMode": False,
        "nodegroups": ["workers"],
        "fargateProfiles": ["jobs"],
        "outpost": False,
        "connectedFrom": None,
    }
    assert production.relations == tuple(Relation(IN, subnet) for subnet in subnets)
    assert (found["empty"].properties["nodegroups"], found["empty"].properties["fargateProfiles"]) == ([], [])


def test_eks_whose_versions_and_node_groups_are_denied(moto_url: str) -> None:
    seed_eks(moto_url)
    denied = refused_as_json("AccessDeniedException", 403)

    def ours(name: str, _body: str) -> Told | None:
        return denied if "/cluster-versions" in name or name.startswith("GET /clusters/empty/node-groups") else None

    with in_front(moto_url, ours) as front:
        found = by_name(read(front.url, eks.SERVICE, "AWS::EKS::Cluster"))

    of_version = ["extendedSupportEndsAt", "standardSupportEndsAt", "versionStatus"]
    assert found["production"].properties["unreadable"] == of_version
    assert found["production"].properties["nodegroups"] == ["workers"]
    assert found["empty"].properties["unreadable"] == sorted([*of_version, "nodegroups"])
    assert found["empty"].properties["nodegroups"] is None


def test_node_groups_are_members_of_their_cluster_and_a_cluster_may_go_meanwhile(moto_url: str) -> None:
    subnets = seed_eks(moto_url)

    def ours(name: str, _body: str) -> Told | None:
        gone = name.startswith("GET /clusters/empty/node-groups")
        return refused_as_json("ResourceNotFoundException", 404) if gone else None

    with in_front(moto_url, ours) as front:
        (workers,) = read(front.url, eks.SERVICE, "AWS::EKS::Nodegroup")

    assert workers.native_id == EKS_ARN + "nodegroup/production/workers/*"
    assert re.fullmatch(rf"{EKS_ARN}nodegroup/production/workers/[0-9a-f-]+", workers.properties["arn"])
    assert (workers.name, workers.status, workers.tags) == ("workers", "ACTIVE", {"team": "platform"})
    assert workers.relations == (
        Relation(MEMBER_OF, EKS_ARN + "cluster/production"),
        *(Relation(IN, subnet) for subnet in subnets),
    )
    told = {key: workers.properties[key] for key in ("cluster", "capacityType", "instanceTypes", "diskSizeGib")}
    assert told == {"cluster": "production", "capacityType": "SPOT", "instanceTypes": ["m5.large"], "diskSizeGib": 20}
    sizes = [workers.properties[key] for key in ("minSize", "maxSize", "desiredSize")]
    assert sizes == [1, 5, 2]
    assert len(workers.properties["autoScalingGroups"]) == 1


def seed_ecs(url: str) -> Any:
    client = far_client(url, "ecs")
    for name in ("web", "idle"):
        client.create_cluster(
            clusterName=name,
            tags=[{"key": "team", "value": name}],
            settings=[{"name": "containerInsights", "value": "enabled"}],
        )
    client.register_task_definition(
        family="site",
        containerDefinitions=[{"name": "site", "image": "i", "memory": 64}],
        cpu="512",
        memory="1024",
        runtimePlatform={"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"},
    )
    return client


def test_ecs_cluster(moto_url: str) -> None:
    seed_ecs(moto_url).create_service(cluster="web", serviceName="site", taskDefinition="site", desiredCount=2)

    found = by_name(read(moto_url, ecs.SERVICE, "AWS::ECS::Cluster"))

    assert sorted(found) == ["idle", "web"]
    web = found["web"]
    assert (web.service, web.native_id) == ("AmazonECS", ECS_ARN + "cluster/web")
    assert (web.status, web.tags) == ("ACTIVE", {"team": "web"})
    assert {**web.properties, "statistics": {}} == {
        "arn": ECS_ARN + "cluster/web",
        "containerInstances": 0,
        "runningTasks": 0,
        "pendingTasks": 2,
        "activeServices": 0,
        "statistics": {},
        "containerInsights": "enabled",
        "capacityProviders": [],
        "defaultCapacityProviders": [],
    }


def test_ecs_services_beyond_a_call_of_ten(moto_url: str) -> None:
    _, subnets = network(moto_url)
    client = seed_ecs(moto_url)
    names = [f"site-{number:02}" for number in range(23)]
    for number, name in enumerate(names):
        client.create_service(
            cluster="web",
            serviceName=name,
            taskDefinition="site",
            desiredCount=number,
            launchType="FARGATE",
            tags=[{"key": "number", "value": str(number)}],
            networkConfiguration={"awsvpcConfiguration": {"subnets": subnets, "securityGroups": []}},
        )

    with in_front(moto_url, lambda _name, _body: None) as front:
        found = by_name(read(front.url, ecs.SERVICE, "AWS::ECS::Service"))

    assert sorted(found) == names
    assert front.asked.count("DescribeServices") == 3
    site = found["site-07"]
    assert (site.native_id, site.status) == (ECS_ARN + "service/web/site-07", "ACTIVE")
    assert site.tags == {"number": "7"}
    assert (site.properties["launchType"], site.properties["desiredCount"]) == ("FARGATE", 7)
    assert site.properties["runningCount"] == 0
    assert site.properties["clusterName"] == "web"
    assert (site.properties["taskCpuUnits"], site.properties["taskMemoryMib"]) == (512, 1024)
    assert (site.properties["architecture"], site.properties["operatingSystem"]) == ("ARM64", "LINUX")
    # By some threads at once, but not for each service.
    assert 1 <= front.asked.count("DescribeTaskDefinition") <= AT_ONCE
    assert site.relations == (
        Relation(MEMBER_OF, ECS_ARN + "cluster/web"),
        *(Relation(IN, subnet) for subnet in subnets),
    )


def test_ecs_service_behind_a_target_group_or_a_classic_balancer_and_not_one_that_was_deleted() -> None:
    group = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/site/1"
    service: dict[str, Any] = {"clusterArn": ECS_ARN + "cluster/web", "status": "ACTIVE", "createdAt": 1767323045.0}
    told = [
        {
            **service,
            "serviceArn": ECS_ARN + "service/web/site",
            "serviceName": "site",
            "loadBalancers": [{"targetGroupArn": group, "containerPort": 80}, {"loadBalancerName": "old"}],
            "capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 1}],
        },
        {**service, "serviceArn": ECS_ARN + "service/web/was", "serviceName": "was", "status": "INACTIVE"},
    ]
    with answering(
        ListClusters={"clusterArns": [ECS_ARN + "cluster/web"]},
        ListServices={"serviceArns": [item["serviceArn"] for item in told]},
        DescribeServices={"services": told, "failures": []},
    ) as far_side:
        (found,) = read(far_side.url, ecs.SERVICE, "AWS::ECS::Service")

    classic = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/old"
    assert found.relations == (
        Relation(MEMBER_OF, ECS_ARN + "cluster/web"),
        Relation(RelationshipKind.BEHIND, group),
        Relation(RelationshipKind.BEHIND, classic),
    )
    assert found.created_at is not None
    assert found.created_at.isoformat() == "2026-01-02T03:04:05+00:00"
    assert found.properties["capacityProviders"] == [{"provider": "FARGATE_SPOT", "weight": 1, "base": 0}]


@pytest.mark.parametrize(
    ("answer", "units", "unreadable"),
    [
        ({"taskDefinition": {"cpu": "256", "memory": "512"}}, 256, None),
        ({"taskDefinition": {}}, None, None),
        (Refusal("ClientException"), None, None),
        (DENIED, None, ["architecture", "operatingSystem", "taskCpuUnits", "taskMemoryMib"]),
    ],
)
def test_the_size_of_the_tasks_of_a_service(answer: Any, units: int | None, unreadable: list[str] | None) -> None:
    service = {
        "clusterArn": ECS_ARN + "cluster/web",
        "status": "ACTIVE",
        "serviceArn": ECS_ARN + "service/web/site",
        "serviceName": "site",
        "taskDefinition": "arn:aws:ecs:eu-west-1:123456789012:task-definition/site:1",
    }
    with answering(
        ListClusters={"clusterArns": [service["clusterArn"]]},
        ListServices={"serviceArns": [service["serviceArn"]]},
        DescribeServices={"services": [service], "failures": []},
        DescribeTaskDefinition=answer,
    ) as far_side:
        (found,) = read(far_side.url, ecs.SERVICE, "AWS::ECS::Service")
    assert found.properties["taskCpuUnits"] == units
    assert found.properties.get("unreadable") == unreadable
