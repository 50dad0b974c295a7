"""Checks of EKS clusters, ECS services and repositories of ECR."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from app.detection.checks.aws_containers import CLUSTER, REPOSITORY, SERVICE
from app.detection.checks.aws_ebs import INSTANCE
from app.detection.facts import ActualCost, Subject
from app.detection.usage import Usage
from app.records import RelationshipKind
from app.records.detection import PriceBasis, PriceUnit
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, flat, subject

PRICES = {
    "eks.cluster.hour": ("0.10", PriceUnit.HOUR),
    "eks.extended_support.hour": ("0.50", PriceUnit.HOUR),
    "fargate.vcpu.hour": ("0.04", PriceUnit.HOUR),
    "fargate.gib.hour": ("0.004", PriceUnit.HOUR),
    "fargate.arm.vcpu.hour": ("0.03", PriceUnit.HOUR),
    "fargate.arm.gib.hour": ("0.003", PriceUnit.HOUR),
    "ecr.storage": ("0.10", PriceUnit.GIB_MONTH),
}
READ = frozenset({INSTANCE})
GIB = 2**30


def cluster(*, age: float = 90, since: float = 30, status: str = "ACTIVE", **values: Any) -> Subject:
    properties = {
        "autoMode": False,
        "fargateProfiles": [],
        "nodegroups": [],
        "outpost": False,
        "standardSupportEndsAt": ago(-200).isoformat(),
        "version": "1.34",
    }
    return subject(
        CLUSTER,
        "arn:cluster",
        status=status,
        created_at=ago(age),
        changed_at={"nodegroups": ago(since)},
        properties=properties | values,
    )


OLD = ago(100).isoformat()
NODE = {(RelationshipKind.MEMBER_OF, INSTANCE): [subject(INSTANCE, "i-1")]}


def service(status: str = "ACTIVE", **values: Any) -> Subject:
    properties = {
        "capacityProviders": [],
        "desiredCount": 2,
        "launchType": "FARGATE",
        "taskCpuUnits": 2048,
        "taskMemoryMib": 8192,
        "architecture": "X86_64",
        "operatingSystem": "LINUX",
    }
    return subject(SERVICE, "arn:service", status=status, properties=properties | values)


def repository(
    by_use: Mapping[str, float] | None = None, untagged: Mapping[str, float] | None = None, *, indexes: int = 0
) -> Subject:
    """Gibibytes by month."""
    used = by_use or {"2026-11": 10}

    def told(months: Mapping[str, float]) -> dict[str, dict[str, int]]:
        return {month: {"images": 1, "bytes": int(gib * GIB)} for month, gib in months.items()}

    images = {
        "bytes": int(sum(used.values()) * GIB),
        "indexes": indexes,
        "byMonthOfLastUse": told(used),
        "untaggedByMonthOfPush": told(untagged or {}),
    }
    return subject(REPOSITORY, "arn:repository", properties={"images": images})


def case(check: str, proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    plain: dict[str, Any] = {"prices": PRICES, "complete_types": READ}
    return Case(f"aws.{check}", proves, given, expected, amount, **(plain | values))


def used(cpu: float | None = 4, memory: float | None = 20) -> dict[str, Usage | None]:
    return {"cpu": flat(cpu, 14), "memory": flat(memory, 14)}


def low(proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    return case("ecs.low_util", proves, given, expected, amount, **({"usages": used()} | values))


OLD_IMAGES = {"2025-12": 10.0, "2026-07": 20.0, "2026-11": 70.0}
CASES = (
    case("eks.empty", "found", cluster(), FOUND, "73.0000"),
    case("eks.empty", "clear", cluster(nodegroups=["workers"]), CLEAR),
    case("eks.empty", "boundary:minAgeDays", cluster(since=7), CLEAR),
    case("eks.empty", "boundary:minAgeDays", cluster(since=7.01), FOUND),
    case("eks.empty", "just made", cluster(age=1), CLEAR),
    case("eks.empty", "with Fargate", cluster(fargateProfiles=["default"]), CLEAR),
    case("eks.empty", "in auto mode", cluster(autoMode=True), CLEAR),
    case("eks.empty", "on an outpost", cluster(outpost=True), CLEAR),
    case("eks.empty", "seen only", cluster(connectedFrom="RANCHER"), CLEAR),
    case("eks.empty", "being made", cluster(status="CREATING"), CLEAR),
    case("eks.empty", "nodes of its own", cluster(), CLEAR, neighbours=NODE),
    case("eks.empty", "instances that were not read", cluster(), UNKNOWN, complete_types=frozenset()),
    case("eks.empty", "node groups that were not read", cluster(nodegroups=None), UNKNOWN),
    case("eks.empty", "on an old version", cluster(standardSupportEndsAt=OLD), FOUND, "438.0000"),
    case("eks.extended_support", "found", cluster(standardSupportEndsAt=OLD), FOUND, "365.0000"),
    case("eks.extended_support", "clear", cluster(), CLEAR),
    case("eks.extended_support", "a version that nobody knows", cluster(standardSupportEndsAt=None), UNKNOWN),
    case("eks.extended_support", "seen only", cluster(standardSupportEndsAt=OLD, connectedFrom="RANCHER"), CLEAR),
    # Twice 2 CPUs and 8 GiB are 0.224 an hour; twice 0.25 CPUs and 2 GiB are 0.036.
    low("found", service(), FOUND, "137.2400", target="256 units and 2048 MiB a task"),
    low("clear", service(), CLEAR, usages=used(cpu=60)),
    low("boundary:cpuPercent", service(), CLEAR, usages=used(cpu=10)),
    low("boundary:cpuPercent", service(), FOUND, usages=used(cpu=9.9), target="512 units and 2048 MiB a task"),
    low("missing:cpu", service(), UNKNOWN, usages=used(cpu=None)),
    low("missing:memory", service(), UNKNOWN, usages=used(memory=None)),
    low("memory is what counts", service(), FOUND, usages=used(memory=90), target="1024 units and 8192 MiB a task"),
    low("all memory is used", service(), FOUND, usages=used(memory=100), target="1024 units and 8192 MiB a task"),
    low("already the smallest", service(taskCpuUnits=256, taskMemoryMib=512), CLEAR),
    low("no tasks", service(desiredCount=0), CLEAR),
    low("being drained", service("DRAINING"), CLEAR),
    low("elsewhere", service(launchType="EXTERNAL"), CLEAR),
    low("on instances", service(launchType="EC2"), FOUND, "unknown"),
    low("by a provider", service(capacityProviders=[{"provider": "FARGATE"}], launchType=None), FOUND, "137.2400"),
    low("on spot capacity", service(capacityProviders=[{"provider": "FARGATE_SPOT"}]), FOUND, "unknown"),
    low("on Arm", service(architecture="ARM64"), FOUND, "102.9300"),
    low("with Windows", service(operatingSystem="WINDOWS_SERVER_2022_CORE"), FOUND, "unknown"),
    low("a task that was not read", service(taskCpuUnits=None), UNKNOWN),
    case("ecr.stale_images", "found", repository(OLD_IMAGES), FOUND, "3.0000"),
    case("ecr.stale_images", "clear", repository(), CLEAR),
    # July was over 113.5 days ago.
    case(
        "ecr.stale_images",
        "boundary:unpulledDays",
        repository({"2026-07": 20, "2026-11": 80}),
        FOUND,
        "2.0000",
        parameters={"unpulledDays": Decimal("113.4")},
    ),
    case(
        "ecr.stale_images",
        "boundary:unpulledDays",
        repository({"2026-07": 20, "2026-11": 80}),
        CLEAR,
        parameters={"unpulledDays": Decimal("113.5")},
    ),
    # September was over 52.5 days ago.
    case(
        "ecr.stale_images",
        "boundary:untaggedDays",
        repository({"2026-11": 100}, {"2026-09": 40}),
        FOUND,
        "4.0000",
        parameters={"untaggedDays": Decimal("52.4")},
    ),
    case(
        "ecr.stale_images",
        "boundary:untaggedDays",
        repository({"2026-11": 100}, {"2026-09": 40}),
        CLEAR,
        parameters={"untaggedDays": Decimal("52.5")},
    ),
    case("ecr.stale_images", "behind an index", repository({"2026-11": 10}, {"2026-01": 4}, indexes=1), CLEAR),
    case("ecr.stale_images", "of no known month", repository({"unknown": 10}), CLEAR),
    case("ecr.stale_images", "a year ends", repository({"2025-12": 100}), FOUND, "10.0000"),
    case("ecr.stale_images", "images that were not read", subject(REPOSITORY, "arn:repository"), UNKNOWN),
    case(
        "ecr.stale_images",
        "layers that images share are paid once",
        repository(OLD_IMAGES),
        FOUND,
        "1.2175",
        basis=PriceBasis.ACTUAL,
        cost=ActualCost(Decimal(4), "USD", 30),
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
