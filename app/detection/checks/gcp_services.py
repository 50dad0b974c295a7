"""Model endpoints without requests, logs that are kept for long, packages that nobody fetches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from app.detection.check import LOOKBACK_DAYS, Area, Check, Daily, Metric, Parameter, days
from app.detection.checks.gcp_machine_types import machine_type
from app.detection.checks.gcp_values import at, listed, number
from app.detection.facts import Facts
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import GIB, latest, unused
from app.detection.savings import Part, hours, part, unknown, whole
from app.records import Provider
from app.records.detection import Confidence, PriceUnit, Remedy, Saving, Severity

ENDPOINT: Final = "aiplatform.googleapis.com/Endpoint"
LOG_BUCKET: Final = "logging.googleapis.com/LogBucket"
REPOSITORY: Final = "artifactregistry.googleapis.com/Repository"
_ENDPOINT_ID: Final = (("resource.labels.endpoint_id", "properties.endpointId"),)
_ONLINE: Final = "aiplatform.googleapis.com/prediction/online"
_PREDICTIONS: Final = Metric(
    "predictions", f"{_ONLINE}/prediction_count", Daily.SUM, ENDPOINT, _ENDPOINT_ID, silent_at_zero=True
)
_RESPONSES: Final = Metric(
    "responses", f"{_ONLINE}/response_count", Daily.SUM, ENDPOINT, _ENDPOINT_ID, silent_at_zero=True
)
_PRIVATE_RESPONSES: Final = Metric(
    "privateResponses", f"{_ONLINE}/private/response_count", Daily.SUM, ENDPOINT, _ENDPOINT_ID, silent_at_zero=True
)
"""Those of private endpoints, which are in none of the others."""
_KEPT: Final = Metric(
    "kept",
    "logging.googleapis.com/billing/bytes_stored",
    Daily.AVERAGE,
    "global",
    (("metric.labels.log_bucket_id", "name"), ("metric.labels.log_bucket_location", "properties.location")),
    days=7,
    silent_at_zero=True,
)
_REQUESTS: Final = Metric(
    "requests",
    "artifactregistry.googleapis.com/repository/request_count",
    Daily.SUM,
    REPOSITORY,
    (("resource.labels.repository_id", "name"),),
    silent_at_zero=True,
)
_LOG_STORAGE: Final = "gcp.logging.retention"
_PACKAGE_STORAGE: Final = "gcp.artifact.storage"
_AUDIT_LOGS: Final = "_Required"
"""Holds audit logs for 400 days, free of charge and as Google wants it."""


def _endpoint_idle(facts: Facts) -> Finding | None:
    models = [model for model in listed(facts.subject, "deployedModels") if isinstance(model, dict)]
    keys = ("predictions", "responses", "privateResponses")
    evidence = unused(facts, *keys, unit="predictions and responses") if models else None
    if evidence is None:
        return None
    return Finding(saving=_cost_of_models(facts, models), evidence=(Evidence("models", str(len(models))), *evidence))


def _cost_of_models(facts: Facts, models: list[dict[str, Any]]) -> Saving:
    if facts.cost is not None and facts.cost.days > 0:
        return whole(facts)
    parts: list[Part] = []
    for model in models:
        of_model = list(_model_parts(model))
        if not of_model:
            return unknown("Not all of its models run on machines of a known type; its charges would tell the cost.")
        parts += [replace(part, label=f"{part.label} of model {model.get('id')}") for part in of_model]
    return whole(facts, *parts)


def _model_parts(model: dict[str, Any]) -> Iterator[Part]:
    """What a model is billed that runs on machines of its own; nothing where that is not known."""
    resources = model.get("dedicatedResources") or {}
    spec, count = resources.get("machineSpec") or {}, Decimal(str(resources.get("minReplicaCount", 1)))
    made = machine_type(str(spec.get("machineType")))
    if made is None:
        return
    yield hours(f"gcp.vertex.{made.family}.vcpu", "virtual CPU hours", made.cpus * count)
    yield hours(f"gcp.vertex.{made.family}.gib", "GiB hours", made.gib * count)
    if kind := spec.get("acceleratorType"):
        gpus = Decimal(str(spec.get("acceleratorCount", 1))) * count
        yield hours(f"gcp.vertex.gpu.{str(kind).lower()}", "GPU hours", gpus)


def _log_retention(facts: Facts) -> Finding | None:
    bucket = facts.subject
    if bucket.name == _AUDIT_LOGS or bucket.status != "ACTIVE":
        return None
    kept = number(bucket, "retentionDays")
    if kept <= facts.threshold("retentionDays"):
        return None
    size = latest(facts, "kept") / GIB
    if size == 0:
        return None
    return Finding(
        saving=part(facts, Part(_LOG_STORAGE, size, PriceUnit.GIB_MONTH, "GiB beyond the days that are free")),
        evidence=(
            Evidence("retention", f"{kept:f}", "days"),
            Evidence("kept beyond the days that are free", f"{size:.1f}", "GiB"),
        ),
        confidence=Confidence.POSSIBLE if at(bucket, "locked") is True else None,
    )


def _stale_packages(facts: Facts) -> Finding | None:
    repository = facts.subject
    if at(repository, "mode") == "VIRTUAL_REPOSITORY" or _cleans_up(facts):
        return None
    size = number(repository, "sizeBytes") / GIB
    evidence = unused(facts, "requests", unit="requests") if size > facts.threshold("sizeGiB") else None
    if evidence is None:
        return None
    return Finding(
        saving=whole(facts, Part(_PACKAGE_STORAGE, size, PriceUnit.GIB_MONTH, "GiB")),
        evidence=(Evidence("stored", f"{size:.1f}", "GiB"), Evidence("cleanup policies", "none"), *evidence),
    )


def _cleans_up(facts: Facts) -> bool:
    """Whether there are policies that delete, and not only on trial."""
    return bool(at(facts.subject, "cleanupPolicies")) and at(facts.subject, "cleanupPolicyDryRun") is not True


CHECKS: Final = (
    Check(
        id="gcp.vertex.endpoint_idle",
        title="Model endpoint that nobody asks",
        description="A model that is deployed on an endpoint is paid by the hour of its machines, whether it is asked "
        "or not. Nobody asked this one.",
        provider=Provider.GCP,
        area=Area.AI,
        resource_types=(ENDPOINT,),
        severity=Severity.HIGH,
        confidence=Confidence.LIKELY,
        remedy=Remedy.DELETE,
        remediation="Undeploy the models, which ends the payment; they can be deployed again. Then delete the "
        "endpoint if nobody misses it.",
        find=_endpoint_idle,
        properties=("endpointId", "deployedModels"),
        prices=("gcp.vertex.*",),
        saving="All hours of the machines and GPUs that its models keep at least.",
        parameters=(days(LOOKBACK_DAYS, 30, "How many days are looked at.", most=90),),
        metrics=(_PREDICTIONS, _RESPONSES, _PRIVATE_RESPONSES),
        links=(
            "https://cloud.google.com/vertex-ai/pricing",
            "https://cloud.google.com/vertex-ai/docs/general/monitoring-metrics",
        ),
    ),
    Check(
        id="gcp.logging.retention",
        title="Log bucket that keeps logs for long",
        description="Logs are kept free of charge for 30 days; each day more is paid by what is kept.",
        provider=Provider.GCP,
        area=Area.OPERATIONS,
        resource_types=(LOG_BUCKET,),
        severity=Severity.LOW,
        confidence=Confidence.LIKELY,
        remedy=Remedy.CONFIGURE,
        remediation="Ask how long the logs have to be kept. Lower the retention to 30 days, and send what a law asks "
        "for to a bucket of Cloud Storage in Archive. The retention of a locked bucket cannot be lowered.",
        find=_log_retention,
        properties=("retentionDays", "locked", "location"),
        prices=(_LOG_STORAGE,),
        saving="Storage of the logs beyond the days that are free.",
        parameters=(days("retentionDays", 30, "Logs have to be kept for more days than this."),),
        metrics=(_KEPT,),
        links=(
            "https://cloud.google.com/stackdriver/pricing",
            "https://cloud.google.com/logging/docs/buckets#custom-retention",
        ),
    ),
    Check(
        id="gcp.artifact.stale",
        title="Repository of packages that nobody fetches",
        description="Nothing was fetched from it or put into it, and nothing cleans up what is in it.",
        provider=Provider.GCP,
        area=Area.CONTAINERS,
        resource_types=(REPOSITORY,),
        severity=Severity.LOW,
        confidence=Confidence.LIKELY,
        remedy=Remedy.DELETE,
        remediation="Ask whether anything that runs still comes from it: a machine that starts again would have to "
        "fetch it. Give it a cleanup policy that keeps the newest versions, or delete it.",
        find=_stale_packages,
        properties=("mode", "sizeBytes", "cleanupPolicies", "cleanupPolicyDryRun"),
        prices=(_PACKAGE_STORAGE,),
        saving="All that the repository stores.",
        parameters=(
            Parameter("sizeGiB", Decimal(1), "GiB", "It has to hold more than this."),
            days(LOOKBACK_DAYS, 90, "How many days are looked at.", most=90),
        ),
        metrics=(_REQUESTS,),
        links=(
            "https://cloud.google.com/artifact-registry/pricing",
            "https://cloud.google.com/artifact-registry/docs/repositories/cleanup-policy",
        ),
    ),
)
