"""What runs customers' code and models in Azure, and the containers of it all: web apps, Kubernetes, AI, groups."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from app.providers.azure.connection import AzureConnection
from app.providers.azure.kinds import Kind, attached_to, in_subnet, member_of, native_id, part_of_parent, values
from app.providers.azure.reading import Reading

PLAN = Kind(
    "Microsoft.Web/serverFarms",
    status=("properties.status", "properties.provisioningState"),
    links=member_of("properties.hostingEnvironmentProfile.id"),
)
SITE = Kind(
    "Microsoft.Web/sites",
    status=("properties.state",),
    links=(*member_of("properties.serverFarmId"), *in_subnet("properties.virtualNetworkSubnetId")),
)
API_CONNECTION = Kind(
    "Microsoft.Web/connections",
    status=("properties.overallStatus", "properties.statuses[].status"),
    created="properties.createdTime",
)
LOGIC_APP = Kind(
    "Microsoft.Logic/workflows",
    status=("properties.state", "properties.provisioningState"),
    created="properties.createdTime",
    links=attached_to("properties.connections[]"),
)
KUBERNETES = Kind(
    "Microsoft.ContainerService/managedClusters",
    status=("properties.powerState.code", "properties.provisioningState"),
    links=in_subnet("properties.agentPoolProfiles[].vnetSubnetID"),
)
NODE_POOL = Kind(
    "Microsoft.ContainerService/managedClusters/agentPools",
    status=("properties.powerState.code", "properties.provisioningState"),
    links=(*part_of_parent(), *in_subnet("properties.vnetSubnetID")),
    derived=True,
)
MACHINE_LEARNING = Kind("Microsoft.MachineLearningServices/workspaces", created="properties.creationTime")
ML_ENDPOINT = Kind("Microsoft.MachineLearningServices/workspaces/onlineEndpoints", links=part_of_parent())
AI_ACCOUNT = Kind("Microsoft.CognitiveServices/accounts", created="properties.dateCreated")
AI_DEPLOYMENT = Kind(
    "Microsoft.CognitiveServices/accounts/deployments",
    created="systemData.createdAt",
    links=part_of_parent(),
    derived=True,
    more_permissions=("Microsoft.CognitiveServices/accounts/deployments/read",),
)
SUBSCRIPTION = Kind("Microsoft.Resources/subscriptions", status=("properties.state",))
RESOURCE_GROUP = Kind("Microsoft.Resources/subscriptions/resourceGroups")
_WITH_DEPLOYMENTS = frozenset({"openai", "aiservices"})
_COUNTS = "resources | summarize resourceCount = count() by resourceGroup | order by resourceGroup asc"


def without_definitions(_connection: AzureConnection, apps: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The logic apps with `connections`, the API connections that they use, and less what people wrote into them."""
    for app in apps:
        told = {**(app.get("properties") or {})}
        used = next(values(told.pop("parameters", None), "$connections.value"), None)
        told.pop("definition", None)
        told["connections"] = sorted(
            {str(one["connectionId"]) for one in (used if isinstance(used, dict) else {}).values() if _names_one(one)}
        )
        yield {**app, "properties": told}


def _names_one(connection: Any) -> bool:
    return isinstance(connection, dict) and bool(connection.get("connectionId"))


def with_node_pools(_connection: AzureConnection, clusters: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The clusters, and their node pools: Resource Graph tells these inside the clusters only."""
    for cluster in clusters:
        yield cluster
        for pool in values(cluster, "properties.agentPoolProfiles[]"):
            if isinstance(pool, dict) and pool.get("name"):
                yield {
                    "id": f"{native_id(cluster)}/agentpools/{pool['name']}",
                    "name": pool["name"],
                    "type": NODE_POOL.resource_type,
                    "location": cluster.get("location"),
                    "resourceGroup": cluster.get("resourceGroup"),
                    "tags": pool.get("tags"),
                    "zones": pool.get("availabilityZones"),
                    "properties": pool,
                }


def with_deployments(connection: AzureConnection, accounts: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The AI accounts, and the models deployed in them: one call for each account that can have some."""
    for account in accounts:
        yield account
        if str(account.get("kind")).lower() not in _WITH_DEPLOYMENTS:
            continue
        path = f"{native_id(account)}/deployments"
        for page in connection.manager.pages(path, "2024-10-01", "model deployments"):
            for deployment in page:
                yield {
                    **deployment,
                    "type": AI_DEPLOYMENT.resource_type,
                    "location": account.get("location"),
                    "resourceGroup": account.get("resourceGroup"),
                }


def with_counts(connection: AzureConnection, containers: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The containers; groups with `resourceCount`, None where resources may be hidden from us.

    A subscription has at most 980 groups, so all counts fit in one page.
    """
    counts: dict[str, int] | None = None
    if connection.reads_everything():
        pages = connection.graph.pages(_COUNTS, "the sizes of resource groups")
        counts = {str(row.get("resourceGroup")).lower(): int(row["resourceCount"]) for page in pages for row in page}
    for container in containers:
        if str(container.get("type")).lower() == RESOURCE_GROUP.resource_type:
            count = None if counts is None else counts.get(str(container.get("name")).lower(), 0)
            yield {**container, "properties": {**(container.get("properties") or {}), "resourceCount": count}}
        else:
            yield container


WEB = (
    Reading("app service plans and apps", (PLAN, SITE)),
    Reading("API connections", (API_CONNECTION,)),
)
LOGIC = (Reading("logic apps", (LOGIC_APP,), expand=without_definitions),)
CONTAINERS = (Reading("Kubernetes clusters", (KUBERNETES, NODE_POOL), expand=with_node_pools),)
MACHINE_LEARNING_ENDPOINTS = (Reading("machine learning endpoints", (MACHINE_LEARNING, ML_ENDPOINT)),)
AI = (Reading("AI accounts and deployments", (AI_ACCOUNT, AI_DEPLOYMENT), expand=with_deployments),)
RESOURCES = (
    Reading(
        "subscriptions and resource groups",
        (SUBSCRIPTION, RESOURCE_GROUP),
        table="resourcecontainers",
        expand=with_counts,
    ),
)
