"""Checks of SageMaker and Bedrock."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.detection.checks.aws_models import APP, ENDPOINT, NOTEBOOK, THROUGHPUT
from app.detection.facts import ActualCost, Subject
from app.detection.usage import Usage
from app.records.detection import PriceBasis, PriceUnit
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, flat, subject

PRICES = {
    "sagemaker.endpoint.ml.m5.large": ("0.1", PriceUnit.HOUR),
    "sagemaker.notebook.ml.t3.medium": ("0.05", PriceUnit.HOUR),
    "sagemaker.studio.ml.t3.medium": ("0.04", PriceUnit.HOUR),
    "bedrock.unit.anthropic.claude-v2:1": ("40", PriceUnit.HOUR),
}
VARIANT = {"name": "main", "instanceType": "ml.m5.large", "instanceCount": 2}
SERVERLESS = {"name": "main", "instanceType": None, "instanceCount": None, "serverlessMemoryMegabytes": 1024}
ASYNC: dict[str, Any] = {"async": True}
MODEL = "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-v2:1"


def endpoint(status: str = "InService", born: float = 300, **properties: Any) -> Subject:
    plain: dict[str, Any] = {"variants": [VARIANT], "variantNames": ["main"], "async": False}
    return subject(ENDPOINT, "arn:endpoint", status=status, created_at=ago(born), properties=plain | properties)


def notebook(status: str = "InService", since: float = 5, **properties: Any) -> Subject:
    plain = {"instanceType": "ml.t3.medium", "lifecycleConfig": None, "lastModifiedAt": ago(since).isoformat()}
    return subject(NOTEBOOK, "arn:notebook", status=status, status_since=ago(2), properties=plain | properties)


def studio(status: str = "InService", used: float | None = 5, **properties: Any) -> Subject:
    plain: dict[str, Any] = {
        "instanceType": "ml.t3.medium",
        "lastUserActivityAt": None if used is None else ago(used).isoformat(),
    }
    return subject(APP, "arn:app", status=status, created_at=ago(0.5), properties=plain | properties)


def throughput(status: str = "InService", born: float = 300, **properties: Any) -> Subject:
    plain: dict[str, Any] = {
        "modelUnits": 2,
        "modelArn": "arn:aws:bedrock:us-east-1:123456789012:custom-model/own",
        "foundationModelArn": MODEL,
        "commitmentEndsAt": None,
    }
    return subject(THROUGHPUT, "arn:unit", status=status, created_at=ago(born), properties=plain | properties)


def invocations(each: float | None, days: int = 14) -> dict[str, Usage | None]:
    return {"invocations": flat(each, days)}


def case(check: str, proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    return Case(f"aws.{check}", proves, given, expected, amount, **({"prices": PRICES} | values))


ENDPOINTS = (
    case("sagemaker.endpoint_idle", "found", endpoint(), FOUND, "146.0000", usages=invocations(0)),
    case("sagemaker.endpoint_idle", "clear", endpoint(), CLEAR, usages=invocations(1)),
    case("sagemaker.endpoint_idle", "missing:invocations", endpoint(), UNKNOWN, usages=invocations(None)),
    case("sagemaker.endpoint_idle", "serverless", endpoint(variants=[SERVERLESS]), CLEAR),
    case("sagemaker.endpoint_idle", "asynchronous", endpoint(**ASYNC), CLEAR),
    case("sagemaker.endpoint_idle", "too new", endpoint(born=13), CLEAR),
    case("sagemaker.endpoint_idle", "being made", endpoint("Creating"), CLEAR),
    case("sagemaker.endpoint_idle", "variants could not be read", endpoint(unreadable=["variants"]), UNKNOWN),
    case(
        "sagemaker.endpoint_idle",
        "charges before prices",
        endpoint(),
        FOUND,
        "50.7292",
        usages=invocations(0),
        basis=PriceBasis.ACTUAL,
        cost=ActualCost(Decimal(50), "USD", 30),
    ),
)
NOTEBOOKS = (
    case("sagemaker.notebook_running", "found", notebook(), FOUND, "36.5000"),
    case("sagemaker.notebook_running", "clear", notebook("Stopped"), CLEAR),
    case("sagemaker.notebook_running", "boundary:minAgeDays", notebook(since=1), CLEAR),
    case("sagemaker.notebook_running", "boundary:minAgeDays", notebook(since=1.01), FOUND),
    case("sagemaker.notebook_running", "stops by itself", notebook(lifecycleConfig="auto-stop"), CLEAR),
    case("sagemaker.notebook_running", "as scans saw it", notebook(lastModifiedAt=None), FOUND),
    case("sagemaker.notebook_running", "no type", notebook(instanceType=None), UNKNOWN),
    case("sagemaker.app_idle", "found", studio(), FOUND, "29.2000"),
    case("sagemaker.app_idle", "clear", studio("Deleting"), CLEAR),
    case("sagemaker.app_idle", "boundary:minAgeDays", studio(used=1), CLEAR),
    case("sagemaker.app_idle", "boundary:minAgeDays", studio(used=1.01), FOUND),
    case("sagemaker.app_idle", "made today and not used yet", studio(used=None), CLEAR),
    case("sagemaker.app_idle", "free", studio(instanceType="system"), CLEAR),
    case("sagemaker.app_idle", "activity could not be read", studio(unreadable=["lastUserActivityAt"]), UNKNOWN),
    case("sagemaker.app_idle", "no price", studio(instanceType="ml.p3.2xlarge"), FOUND, "unknown"),
)
UNITS = (
    case("bedrock.pt_idle", "found", throughput(), FOUND, "58400.0000", usages=invocations(0, 7)),
    case("bedrock.pt_idle", "clear", throughput(), CLEAR, usages=invocations(50, 7)),
    case("bedrock.pt_idle", "boundary:invocationsPerDay", throughput(), CLEAR, usages=invocations(1, 7)),
    case("bedrock.pt_idle", "boundary:invocationsPerDay", throughput(), FOUND, usages=invocations(0, 7)),
    case("bedrock.pt_idle", "missing:invocations", throughput(), UNKNOWN, usages=invocations(None, 7)),
    case("bedrock.pt_idle", "being made", throughput("Creating"), CLEAR),
    case("bedrock.pt_idle", "too new", throughput(born=6), CLEAR),
    case(
        "bedrock.pt_idle",
        "committed to",
        throughput(commitmentEndsAt=ago(-20).isoformat()),
        FOUND,
        "unknown",
        usages=invocations(0, 7),
    ),
    case(
        "bedrock.pt_idle",
        "the commitment has ended",
        throughput(commitmentEndsAt=ago(1).isoformat()),
        FOUND,
        "58400.0000",
        usages=invocations(0, 7),
    ),
)
CASES = (*ENDPOINTS, *NOTEBOOKS, *UNITS)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
