"""Checks of Kubernetes clusters."""

from __future__ import annotations

from typing import Any

import pytest

from app.detection.checks.az_kubernetes import CLUSTER
from app.detection.facts import Subject
from app.records.detection import PriceUnit
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, subject

PRICES = {"az.aks.standard": ("0.10", PriceUnit.HOUR)}


def pool(count: int = 0, mode: str = "User", **values: Any) -> dict[str, Any]:
    return {"name": "work", "mode": mode, "count": count, "vmSize": "Standard_D2s_v5"} | values


SYSTEM = pool(3, "System")


def cluster(*pools: dict[str, Any], tier: str = "Standard", since: float = 90, status: str = "Running") -> Subject:
    properties = {"sku": {"name": "Base", "tier": tier}, "agentPoolProfiles": list(pools) or None}
    return subject(
        CLUSTER,
        "/clusters/c",
        status=status,
        changed_at={"agentPoolProfiles": ago(since)},
        properties=properties,
    )


def empty(proves: str, given: Subject, expected: Any, amount: str | None = None) -> Case:
    return Case("az.aks.empty", proves, given, expected, amount, prices=PRICES)


def spot(proves: str, given: Subject, expected: Any) -> Case:
    return Case("az.aks.no_spot", proves, given, expected, "unknown" if expected is FOUND else None)


GROWING = pool(2, enableAutoScaling=True)
CASES = (
    empty("found", cluster(SYSTEM, pool(), pool()), FOUND, "73.0000"),
    empty("clear", cluster(SYSTEM, pool(), pool(1)), CLEAR),
    empty("boundary:minAgeDays", cluster(SYSTEM, pool(), since=7), CLEAR),
    empty("boundary:minAgeDays", cluster(SYSTEM, pool(), since=7.01), FOUND),
    empty("all runs on the system's nodes", cluster(SYSTEM), CLEAR),
    empty("free", cluster(SYSTEM, pool(), tier="Free"), CLEAR),
    empty("stopped", cluster(SYSTEM, pool(), status="Stopped"), CLEAR),
    empty("pools that are not told", cluster(), UNKNOWN),
    spot("found", cluster(SYSTEM, GROWING), FOUND),
    spot("clear", cluster(SYSTEM, GROWING, pool(1, scaleSetPriority="Spot")), CLEAR),
    spot("does not grow", cluster(SYSTEM, pool(2)), CLEAR),
    spot("only the system grows", cluster(pool(3, "System", enableAutoScaling=True)), CLEAR),
    spot("stopped", cluster(SYSTEM, GROWING, status="Stopped"), CLEAR),
    spot("pools that are not told", cluster(), UNKNOWN),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
