"""Clusters, services that run containers, models, logs, packages and projects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from app.providers.base import Relation
from app.providers.gcp.assets import Asset, at, every, inner
from app.providers.gcp.compute import related
from app.providers.gcp.kinds import Kind
from app.records import RelationshipKind

_COMPUTE = "compute.googleapis.com"
_RUN_STATES = {"CONDITION_SUCCEEDED": "READY", "CONDITION_FAILED": "FAILED", "True": "READY", "False": "FAILED"}


def _of_cluster(asset: Asset) -> Iterator[Relation]:
    yield from related(
        asset, RelationshipKind.IN_NETWORK, "networkConfig.network", "networkConfig.subnetwork", service=_COMPUTE
    )


def _of_node_pool(asset: Asset) -> Iterator[Relation]:
    cluster, found, _ = asset.name.partition("/nodePools/")
    if found:
        yield Relation(RelationshipKind.MEMBER_OF, cluster)


def _of_endpoint(asset: Asset) -> Iterator[Relation]:
    yield from related(asset, RelationshipKind.IN_NETWORK, "network", service=_COMPUTE)


def _run_service(asset: Asset) -> Mapping[str, Any]:
    """A service's scale and size, in the words of Cloud Run's API v2; the inventory also tells the form of v1.

    Environment variables are never among them.
    """
    told = _run_v1(asset.data) if "spec" in asset.data else _run_v2(asset.data)
    return told | _location(asset)


def _location(asset: Asset) -> dict[str, Any]:
    """Where it is, a zone for some clusters, as its metrics tell it."""
    return {"location": asset.location}


def _endpoint_id(asset: Asset) -> Mapping[str, Any]:
    """The number of an endpoint: its name is the one that people gave it."""
    return {"endpointId": asset.name.rpartition("/")[2]}


def _run_v1(data: Mapping[str, Any]) -> dict[str, Any]:
    notes = inner(data, "spec.template.metadata.annotations")
    service_notes = inner(data, "metadata.annotations")
    ready = [c for c in every(data, "status.conditions") if isinstance(c, dict) and c.get("type") == "Ready"]
    return _told(
        {
            "minInstanceCount": _whole(notes.get("autoscaling.knative.dev/minScale"))
            or _whole(service_notes.get("run.googleapis.com/minScale"))
            or 0,
            "maxInstanceCount": _whole(notes.get("autoscaling.knative.dev/maxScale")),
            "cpuIdle": notes.get("run.googleapis.com/cpu-throttling", "true") != "false",
            "limits": next(iter(every(data, "spec.template.spec.containers.resources.limits")), None),
            "maxInstanceRequestConcurrency": at(data, "spec.template.spec.containerConcurrency"),
            "uri": at(data, "status.url"),
            "state": _RUN_STATES.get(str(ready[0].get("status")), "PENDING") if ready else None,
        }
    )


def _run_v2(data: Mapping[str, Any]) -> dict[str, Any]:
    idle = every(data, "template.containers.resources.cpuIdle")
    state = at(data, "terminalCondition.state")
    return _told(
        {
            "minInstanceCount": at(data, "template.scaling.minInstanceCount")
            or at(data, "scaling.minInstanceCount")
            or 0,
            "maxInstanceCount": at(data, "template.scaling.maxInstanceCount"),
            "cpuIdle": bool(idle and idle[0]),
            "limits": next(iter(every(data, "template.containers.resources.limits")), None),
            "maxInstanceRequestConcurrency": at(data, "template.maxInstanceRequestConcurrency"),
            "uri": data.get("uri"),
            "state": _RUN_STATES.get(str(state), "PENDING") if state else None,
        }
    )


def _of_run_service(asset: Asset) -> Iterator[Relation]:
    yield from related(
        asset,
        RelationshipKind.IN_NETWORK,
        "template.vpcAccess.networkInterfaces.network",
        "template.vpcAccess.networkInterfaces.subnetwork",
        service=_COMPUTE,
    )


def _told(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _whole(told: object) -> int | None:
    return int(told) if isinstance(told, str) and told.isdecimal() else None


CLUSTER = Kind(
    "container.googleapis.com/Cluster",
    (
        "currentMasterVersion",
        "currentNodeCount",
        "locations",
        "autopilot.enabled",
        "autoscaling.enableNodeAutoprovisioning",
        "autoscaling.autoscalingProfile",
        "verticalPodAutoscaling.enabled",
        "releaseChannel.channel",
        "networkConfig.network",
        "networkConfig.subnetwork",
        "nodePools.name",
        "nodePools.status",
        "nodePools.initialNodeCount",
        "nodePools.autoscaling",
        "nodePools.config.machineType",
        "nodePools.config.spot",
    ),
    labels=("resourceLabels",),
    relations=_of_cluster,
    more=_location,
)
NODE_POOL = Kind(
    "container.googleapis.com/NodePool",
    (
        "version",
        "initialNodeCount",
        "locations",
        "autoscaling.enabled",
        "autoscaling.minNodeCount",
        "autoscaling.maxNodeCount",
        "autoscaling.totalMinNodeCount",
        "autoscaling.totalMaxNodeCount",
        "config.machineType",
        "config.diskSizeGb",
        "config.diskType",
        "config.imageType",
        "config.spot",
        "config.preemptible",
        "config.accelerators.acceleratorType",
        "config.accelerators.acceleratorCount",
        "instanceGroupUrls",
        "management.autoUpgrade",
        "management.autoRepair",
    ),
    labels=("config.resourceLabels",),
    relations=_of_node_pool,
)
RUN_SERVICE = Kind(
    "run.googleapis.com/Service",
    (),
    labels=("labels", "metadata.labels"),
    relations=_of_run_service,
    more=_run_service,
)
MODEL_ENDPOINT = Kind(
    "aiplatform.googleapis.com/Endpoint",
    (
        "deployedModels.id",
        "deployedModels.displayName",
        "deployedModels.model",
        "deployedModels.createTime",
        "deployedModels.dedicatedResources.machineSpec.machineType",
        "deployedModels.dedicatedResources.machineSpec.acceleratorType",
        "deployedModels.dedicatedResources.machineSpec.acceleratorCount",
        "deployedModels.dedicatedResources.minReplicaCount",
        "deployedModels.dedicatedResources.maxReplicaCount",
        "deployedModels.automaticResources.minReplicaCount",
        "deployedModels.automaticResources.maxReplicaCount",
        "deployedModels.sharedResources",
        "trafficSplit",
        "network",
        "updateTime",
    ),
    title="displayName",
    relations=_of_endpoint,
    more=_endpoint_id,
)
LOG_BUCKET = Kind(
    "logging.googleapis.com/LogBucket",
    ("retentionDays", "locked", "analyticsEnabled", "description", "updateTime"),
    more=_location,
)
# Not the remote repository's configuration: it names credentials.
PACKAGE_REPOSITORY = Kind(
    "artifactregistry.googleapis.com/Repository",
    ("format", "mode", "sizeBytes", "cleanupPolicies", "cleanupPolicyDryRun", "kmsKeyName", "updateTime"),
)
PROJECT = Kind(
    "cloudresourcemanager.googleapis.com/Project",
    ("projectId", "projectNumber", "displayName", "parent"),
    title="projectId",
)
