"""Checks of model endpoints, log buckets and repositories of packages."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.detection.checks.gcp_services import ENDPOINT, LOG_BUCKET, REPOSITORY
from app.detection.facts import ActualCost, Subject
from app.detection.usage import Usage
from app.records.detection import Confidence, PriceBasis, PriceUnit
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, flat, subject

GIB = 2**30
PRICES = {
    "gcp.vertex.n1.vcpu": ("0.04", PriceUnit.HOUR),
    "gcp.vertex.n1.gib": ("0.01", PriceUnit.HOUR),
    "gcp.vertex.gpu.nvidia_tesla_t4": ("0.40", PriceUnit.HOUR),
    "gcp.logging.retention": ("0.01", PriceUnit.GIB_MONTH),
    "gcp.artifact.storage": ("0.10", PriceUnit.GIB_MONTH),
}
POLICIES = {"old": {"action": "DELETE"}}


def model(kind: str | None = "n1-standard-4", number: str = "9", **spec: Any) -> dict[str, Any]:
    return {"id": number, "dedicatedResources": {"machineSpec": {"machineType": kind} | spec, "minReplicaCount": 2}}


def endpoint(*models: dict[str, Any], born: float = 300) -> Subject:
    told = {"deployedModels": list(models)} if models else {}
    return subject(ENDPOINT, "churn", created_at=ago(born), properties={"endpointId": "1"} | told)


def asked(each: float | None = 0, responses: float | None = 0, private: float | None = 0) -> dict[str, Usage | None]:
    told = {"predictions": each, "responses": responses, "privateResponses": private}
    return {key: None if count is None else flat(count, 30) for key, count in told.items()}


def logs(name: str = "_Default", status: str = "ACTIVE", **properties: Any) -> Subject:
    plain = {"retentionDays": 365, "locked": False, "location": "global"}
    return subject(LOG_BUCKET, name, status=status, properties=plain | properties)


def kept(gib: float | None = 1000) -> dict[str, Usage | None]:
    return {"kept": None if gib is None else flat(gib * GIB, 7)}


def packages(born: float = 300, gib: float | None = 100, **properties: Any) -> Subject:
    plain = {"mode": "STANDARD_REPOSITORY", "sizeBytes": None if gib is None else int(gib * GIB)}
    return subject(REPOSITORY, "images", created_at=ago(born), properties=plain | properties)


def requests(each: float | None = 0) -> dict[str, Usage | None]:
    return {"requests": None if each is None else flat(each, 90)}


def case(check: str, proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    return Case(f"gcp.{check}", proves, given, expected, amount, **({"prices": PRICES} | values))


CASES = (
    # Two machines of 4 virtual CPUs and 15 GiB: 0.62 an hour.
    case("vertex.endpoint_idle", "found", endpoint(model()), FOUND, "452.6000", usages=asked()),
    case("vertex.endpoint_idle", "clear", endpoint(model()), CLEAR, usages=asked(3)),
    case("vertex.endpoint_idle", "answers only", endpoint(model()), CLEAR, usages=asked(0, 3)),
    case("vertex.endpoint_idle", "private answers only", endpoint(model()), CLEAR, usages=asked(0, 0, 3)),
    case("vertex.endpoint_idle", "missing:privateResponses", endpoint(model()), UNKNOWN, usages=asked(0, 0, None)),
    case("vertex.endpoint_idle", "missing:predictions", endpoint(model()), UNKNOWN, usages=asked(None)),
    case("vertex.endpoint_idle", "missing:responses", endpoint(model()), UNKNOWN, usages=asked(0, None)),
    case("vertex.endpoint_idle", "no models", endpoint(), CLEAR, usages=asked()),
    case("vertex.endpoint_idle", "new", endpoint(model(), born=20), CLEAR, usages=asked()),
    case(
        "vertex.endpoint_idle",
        "with GPUs",
        endpoint(model(acceleratorType="NVIDIA_TESLA_T4", acceleratorCount=1)),
        FOUND,
        "1036.6000",
        usages=asked(),
    ),
    case("vertex.endpoint_idle", "two models", endpoint(model(), model(number="8")), FOUND, "905.2000", usages=asked()),
    case("vertex.endpoint_idle", "a type that is not known", endpoint(model("x9")), FOUND, "unknown", usages=asked()),
    case("vertex.endpoint_idle", "machines of Google's", endpoint({"id": "9"}), FOUND, "unknown", usages=asked()),
    case(
        "vertex.endpoint_idle",
        "its charges",
        endpoint({"id": "9"}),
        FOUND,
        "30.4375",
        basis=PriceBasis.ACTUAL,
        cost=ActualCost(Decimal(30), "USD", 30),
        usages=asked(),
    ),
    case("logging.retention", "found", logs(), FOUND, "10.0000", usages=kept()),
    case("logging.retention", "clear", logs(), CLEAR, usages=kept(0)),
    case("logging.retention", "boundary:retentionDays", logs(retentionDays=30), CLEAR, usages=kept()),
    case("logging.retention", "boundary:retentionDays", logs(retentionDays=31), FOUND, usages=kept()),
    case("logging.retention", "missing:kept", logs(), UNKNOWN, usages=kept(None)),
    case("logging.retention", "audit logs", logs("_Required"), CLEAR, usages=kept()),
    case("logging.retention", "being deleted", logs(status="DELETE_REQUESTED"), CLEAR, usages=kept()),
    case("logging.retention", "locked", logs(locked=True), FOUND, usages=kept(), confidence=Confidence.POSSIBLE),
    case("logging.retention", "not told", logs(retentionDays=None), UNKNOWN, usages=kept()),
    case("artifact.stale", "found", packages(), FOUND, "10.0000", usages=requests()),
    case("artifact.stale", "clear", packages(), CLEAR, usages=requests(1)),
    case(
        "artifact.stale",
        "boundary:sizeGiB",
        packages(gib=50),
        CLEAR,
        usages=requests(),
        parameters={"sizeGiB": Decimal(50)},
    ),
    case(
        "artifact.stale",
        "boundary:sizeGiB",
        packages(gib=51),
        FOUND,
        usages=requests(),
        parameters={"sizeGiB": Decimal(50)},
    ),
    case("artifact.stale", "missing:requests", packages(), UNKNOWN, usages=requests(None)),
    case("artifact.stale", "cleaned up", packages(cleanupPolicies=POLICIES), CLEAR, usages=requests()),
    case(
        "artifact.stale",
        "cleaned up on trial",
        packages(cleanupPolicies=POLICIES, cleanupPolicyDryRun=True),
        FOUND,
        usages=requests(),
    ),
    case("artifact.stale", "of others", packages(mode="VIRTUAL_REPOSITORY"), CLEAR, usages=requests()),
    case("artifact.stale", "new", packages(born=60), CLEAR, usages=requests()),
    case("artifact.stale", "size not told", packages(gib=None), UNKNOWN, usages=requests()),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
