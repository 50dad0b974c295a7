"""Reads ECS: clusters and their services."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from botocore.exceptions import ClientError

from app.providers.aws.asking import Asking, read_each
from app.providers.aws.errors import error_code
from app.providers.aws.reading import arn, moment, names_in, placed_in, tags
from app.providers.aws.session import AwsConnection
from app.providers.base import Collector, FoundResource, Relation, Service
from app.records import RelationshipKind

_LISTED: Final = {"PageSize": 100}
"""The most that a list gives; its own choice for services is ten."""
_DESCRIBED: Final = 10
"""The most services that one call describes."""
_GONE: Final = frozenset({"ClusterNotFoundException"})
_NO_DEFINITION: Final = frozenset({"ClientException"})
_OF_TASK: Final = ("architecture", "operatingSystem", "taskCpuUnits", "taskMemoryMib")
_DELETED: Final = "INACTIVE"
"""What a deleted cluster or service is called, which may be told of for a while."""


def clusters(connection: AwsConnection, region: str) -> Iterator[list[FoundResource]]:
    """Clusters, a hundred a call."""
    client = connection.client("ecs", region)
    for arns in names_in(client, "list_clusters", "clusterArns", PaginationConfig=_LISTED):
        if arns:
            told = client.describe_clusters(clusters=arns, include=["TAGS", "STATISTICS", "SETTINGS"])["clusters"]
            yield [_cluster(region, cluster) for cluster in told if cluster.get("status") != _DELETED]


def services(connection: AwsConnection, region: str) -> Iterator[list[FoundResource]]:
    """Services of all clusters, ten at a time, with the size of their tasks: a call for each task definition."""
    client = connection.client("ecs", region)
    definitions = _Definitions(Asking(client))
    for listed in names_in(client, "list_clusters", "clusterArns", PaginationConfig=_LISTED):
        for cluster in listed:
            yield from _services_of(connection, client, definitions, region, cluster)


class _Definitions:
    """What the tasks of services are made of; each definition is read once, for many services share one."""

    def __init__(self, asking: Asking) -> None:
        self.asking = asking
        self._read: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {}

    def of(self, name: str | None) -> tuple[dict[str, Any], tuple[str, ...]]:
        """What a definition tells, and which of it could not be read."""
        if name is None:
            return {}, ()
        if name not in self._read:
            answers = self.asking.about()
            told = answers.one("describe_task_definition", _OF_TASK, _NO_DEFINITION, taskDefinition=name)
            self._read[name] = (_task(told.get("taskDefinition") or {}), tuple(answers.unreadable))
        return self._read[name]


def _task(definition: Mapping[str, Any]) -> dict[str, Any]:
    platform = definition.get("runtimePlatform") or {}
    return {
        # Of the whole task; only Fargate has to be told them.
        "taskCpuUnits": _number(definition.get("cpu")),
        "taskMemoryMib": _number(definition.get("memory")),
        "architecture": platform.get("cpuArchitecture"),
        "operatingSystem": platform.get("operatingSystemFamily"),
    }


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() else None


def _services_of(
    connection: AwsConnection, client: Any, definitions: _Definitions, region: str, cluster: str
) -> Iterator[list[FoundResource]]:
    read = partial(_service, connection, definitions, region)
    try:
        for arns in names_in(client, "list_services", "serviceArns", cluster=cluster, PaginationConfig=_LISTED):
            for start in range(0, len(arns), _DESCRIBED):
                some = arns[start : start + _DESCRIBED]
                told = client.describe_services(cluster=cluster, services=some, include=["TAGS"])["services"]
                there = [service for service in told if service.get("status") != _DELETED]
                yield from read_each(there, read, frozenset())
    except ClientError as error:
        # The cluster may be deleted since the list of clusters.
        if error_code(error) not in _GONE:
            raise


def _cluster(region: str, cluster: Mapping[str, Any]) -> FoundResource:
    settings = {setting["name"]: setting["value"] for setting in cluster.get("settings") or ()}
    return FoundResource(
        service="AmazonECS",
        resource_type="AWS::ECS::Cluster",
        native_id=cluster["clusterArn"],
        name=cluster["clusterName"],
        region=region,
        status=cluster.get("status"),
        tags=tags(cluster.get("tags")),
        properties={
            "arn": cluster["clusterArn"],
            "containerInstances": cluster.get("registeredContainerInstancesCount"),
            "runningTasks": cluster.get("runningTasksCount"),
            "pendingTasks": cluster.get("pendingTasksCount"),
            "activeServices": cluster.get("activeServicesCount"),
            "statistics": {item["name"]: item["value"] for item in cluster.get("statistics") or ()},
            "containerInsights": settings.get("containerInsights"),
            "capacityProviders": cluster.get("capacityProviders") or [],
            "defaultCapacityProviders": _strategy(cluster.get("defaultCapacityProviderStrategy")),
        },
    )


def _service(
    connection: AwsConnection, definitions: _Definitions, region: str, service: Mapping[str, Any]
) -> FoundResource:
    task, unreadable = definitions.of(service.get("taskDefinition"))
    network = (service.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
    targets = dict.fromkeys(_target(connection, region, item) for item in service.get("loadBalancers") or ())
    return FoundResource(
        service="AmazonECS",
        resource_type="AWS::ECS::Service",
        native_id=service["serviceArn"],
        name=service["serviceName"],
        region=region,
        status=service.get("status"),
        tags=tags(service.get("tags")),
        created_at=moment(service.get("createdAt")),
        properties=definitions.asking.about(*unreadable).known(
            {
                "arn": service["serviceArn"],
                "clusterName": service["clusterArn"].rpartition("/")[2],
                "launchType": service.get("launchType"),
                "capacityProviders": _strategy(service.get("capacityProviderStrategy")),
                "platformVersion": service.get("platformVersion"),
                "schedulingStrategy": service.get("schedulingStrategy"),
                "taskDefinition": service.get("taskDefinition"),
                **dict.fromkeys(_OF_TASK),
                **task,
                "desiredCount": service.get("desiredCount"),
                "runningCount": service.get("runningCount"),
                "pendingCount": service.get("pendingCount"),
            }
        ),
        relations=(
            Relation(RelationshipKind.MEMBER_OF, service["clusterArn"]),
            *(Relation(RelationshipKind.BEHIND, target) for target in targets if target),
            *placed_in(None, network.get("subnets") or ()),
        ),
    )


def _target(connection: AwsConnection, region: str, balancer: Mapping[str, Any]) -> str | None:
    """What passes requests on to a service: a target group, or a classic load balancer itself."""
    if balancer.get("loadBalancerName"):
        return arn(connection, "elasticloadbalancing", region, f"loadbalancer/{balancer['loadBalancerName']}")
    return balancer.get("targetGroupArn")


def _strategy(strategy: Any) -> list[dict[str, Any]]:
    return [
        {"provider": item["capacityProvider"], "weight": item.get("weight", 0), "base": item.get("base", 0)}
        for item in strategy or ()
    ]


SERVICE: Final = Service(
    "ecs",
    (
        Collector(("AWS::ECS::Cluster",), ("ecs:ListClusters", "ecs:DescribeClusters"), clusters),
        Collector(
            ("AWS::ECS::Service",),
            ("ecs:ListClusters", "ecs:ListServices", "ecs:DescribeServices", "ecs:DescribeTaskDefinition"),
            services,
        ),
    ),
)
