"""Checks of Redshift."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.detection.checks.aws_redshift import CLUSTER, SCHEDULE
from app.detection.facts import ActualCost, Subject
from app.detection.usage import Usage
from app.records import RelationshipKind
from app.records.detection import PriceBasis, PriceUnit
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, flat, subject

PRICES = {"redshift.ra3.xlplus": ("1", PriceUnit.HOUR)}
READ = frozenset({SCHEDULE})


def cluster(status: str = "available", born: float = 300, **properties: Any) -> Subject:
    plain: dict[str, Any] = {"nodeType": "ra3.xlplus", "nodes": 3, "multiAz": "Disabled"}
    return subject(CLUSTER, "arn:cluster", status=status, created_at=ago(born), properties=plain | properties)


def schedule(action: str, status: str = "ACTIVE") -> dict[tuple[RelationshipKind, str], list[Subject]]:
    found = subject(SCHEDULE, "arn:schedule", status=status, properties={"action": action})
    return {(RelationshipKind.ATTACHED_TO, SCHEDULE): [found]}


def connections(most: float | None) -> dict[str, Usage | None]:
    return {"connections": flat(most, 7)}


def cpu(average: float | None) -> dict[str, Usage | None]:
    return {"cpu": flat(average, 14)}


def case(check: str, proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    plain: dict[str, Any] = {"prices": PRICES, "complete_types": READ}
    return Case(f"aws.redshift.{check}", proves, given, expected, amount, **(plain | values))


CASES = (
    case("idle", "found", cluster(), FOUND, "2190.0000", usages=connections(0)),
    case("idle", "clear", cluster(), CLEAR, usages=connections(1)),
    case("idle", "missing:connections", cluster(), UNKNOWN, usages=connections(None)),
    case("idle", "paused", cluster("paused"), CLEAR),
    case("idle", "too new", cluster(born=6), CLEAR),
    case("idle", "two zones", cluster(multiAz="Enabled"), FOUND, "4380.0000", usages=connections(0)),
    case(
        "idle",
        "charges before prices",
        cluster(),
        FOUND,
        "101.4583",
        usages=connections(0),
        basis=PriceBasis.ACTUAL,
        cost=ActualCost(Decimal(100), "USD", 30),
    ),
    case("underused", "found", cluster(), FOUND, "730.0000", target="2 nodes", usages=cpu(4)),
    case("underused", "clear", cluster(), CLEAR, usages=cpu(50)),
    case("underused", "boundary:cpuPercent", cluster(), FOUND, usages=cpu(10)),
    case("underused", "boundary:cpuPercent", cluster(), CLEAR, usages=cpu(10.1)),
    case("underused", "missing:cpu", cluster(), UNKNOWN, usages=cpu(None)),
    case("underused", "paused by a schedule", cluster(), CLEAR, usages=cpu(4), neighbours=schedule("PauseCluster")),
    case(
        "underused", "only resumed by a schedule", cluster(), FOUND, usages=cpu(4), neighbours=schedule("ResumeCluster")
    ),
    case(
        "underused",
        "a schedule that is off",
        cluster(),
        FOUND,
        usages=cpu(4),
        neighbours=schedule("PauseCluster", "DISABLED"),
    ),
    case("underused", "schedules were not read", cluster(), UNKNOWN, usages=cpu(4), complete_types=frozenset()),
    case("underused", "one node", cluster(nodes=1), FOUND, "unknown", target="pause", usages=cpu(4)),
    case("underused", "paused", cluster("paused"), CLEAR),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
