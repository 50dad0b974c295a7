"""Checks of load balancers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from app.detection.checks.aws_elb import BALANCER, CLASSIC, TARGET_GROUP
from app.detection.facts import Subject
from app.detection.usage import Usage
from app.records import RelationshipKind
from app.records.detection import Confidence, PriceUnit
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, flat, subject

PRICES = {
    "elb.alb.hour": ("0.02", PriceUnit.HOUR),
    "elb.nlb.hour": ("0.03", PriceUnit.HOUR),
    "elb.gwlb.hour": ("0.01", PriceUnit.HOUR),
    "elb.classic.hour": ("0.04", PriceUnit.HOUR),
}
KINDS = {"alb": "application", "nlb": "network", "gwlb": "gateway"}
AMOUNTS = {"alb": "14.6000", "nlb": "21.9000", "gwlb": "7.3000"}
READ = frozenset({TARGET_GROUP})


def balancer(kind: str = "application", *, age: float = 90, status: str = "active") -> Subject:
    return subject(BALANCER, "arn:lb", status=status, created_at=ago(age), properties={"loadBalancerType": kind})


def groups(*states: Mapping[str, int], since: float = 90) -> dict[tuple[RelationshipKind, str], list[Subject]]:
    """A target group for each number of targets by their state."""
    found = [
        subject(
            TARGET_GROUP,
            f"arn:tg/{number}",
            changed_at={"registeredTargets": ago(since)},
            properties={"registeredTargets": sum(by_state.values()), "targetStates": dict(by_state)},
        )
        for number, by_state in enumerate(states)
    ]
    return {(RelationshipKind.BEHIND, TARGET_GROUP): found}


def classic(*instances: str, since: float = 90, age: float = 200) -> Subject:
    return subject(
        CLASSIC,
        "arn:elb",
        created_at=ago(age),
        changed_at={"instanceIds": ago(since)},
        properties={"instanceIds": list(instances)},
    )


def quiet(requests: float = 0, others: float = 0, days: int = 7) -> dict[str, Usage | None]:
    return {
        "requests": flat(requests, days),
        "redirects": flat(others / 2, days),
        "fixedResponses": flat(others / 2, days),
        "flows": flat(requests, days),
    }


def bare(short: str, proves: str, expected: Any, amount: str | None = None, **values: Any) -> Case:
    given = values.pop("given", balancer(KINDS[short]))
    plain: dict[str, Any] = {"prices": PRICES, "complete_types": READ, "usages": quiet()}
    return Case(f"aws.elb.{short}_no_targets", proves, given, expected, amount, **(plain | values))


def idle(proves: str, expected: Any, amount: str | None = None, **values: Any) -> Case:
    given = values.pop("given", balancer())
    plain: dict[str, Any] = {"prices": PRICES, "usages": quiet(days=14)}
    return Case("aws.elb.idle", proves, given, expected, amount, **(plain | values))


def unused(proves: str, given: Subject, expected: Any, amount: str | None = None) -> Case:
    return Case("aws.elb.classic_unused", proves, given, expected, amount, prices=PRICES)


def of_each_kind(short: str) -> tuple[Case, ...]:
    kind = KINDS[short]
    return (
        bare(short, "found", FOUND, AMOUNTS[short], confidence=Confidence.OBVIOUS),
        bare(short, "clear", CLEAR, neighbours=groups({"healthy": 1})),
        bare(short, "boundary:minAgeDays", CLEAR, given=balancer(kind, age=7)),
        bare(short, "boundary:minAgeDays", FOUND, given=balancer(kind, age=7.01)),
        bare(short, "groups without targets", FOUND, neighbours=groups({}, {}), confidence=Confidence.OBVIOUS),
        bare(short, "groups that just lost their targets", CLEAR, neighbours=groups({}, since=1)),
        bare(
            short,
            "all unhealthy",
            FOUND,
            neighbours=groups({"unhealthy": 2}, {"unused": 1}),
            confidence=Confidence.POSSIBLE,
        ),
        bare(short, "some unhealthy", CLEAR, neighbours=groups({"unhealthy": 2, "healthy": 1})),
        bare(short, "targets without health checks", CLEAR, neighbours=groups({"unavailable": 1})),
        bare(short, "groups that were not read", UNKNOWN, complete_types=frozenset()),
        bare(short, "being made", CLEAR, given=balancer(kind, status="provisioning")),
        bare(short, "another kind", CLEAR, given=balancer("application" if short != "alb" else "network")),
    )


CASES = (
    *of_each_kind("alb"),
    *of_each_kind("nlb"),
    *of_each_kind("gwlb"),
    bare("alb", "boundary:requestsPerDay", CLEAR, usages=quiet(others=10)),
    bare("alb", "boundary:requestsPerDay", FOUND, usages=quiet(others=9)),
    bare("alb", "missing:redirects", UNKNOWN, usages=quiet() | {"redirects": None}),
    bare("alb", "missing:fixedResponses", UNKNOWN, usages=quiet() | {"fixedResponses": None}),
    idle("found", FOUND, "14.6000"),
    idle("clear", CLEAR, usages=quiet(5000, days=14)),
    idle("boundary:requestsPerDay", CLEAR, usages=quiet(4, 6, days=14)),
    idle("boundary:requestsPerDay", FOUND, usages=quiet(4, 5, days=14)),
    idle("missing:requests", UNKNOWN, usages=quiet(days=14) | {"requests": None}),
    idle("missing:redirects", UNKNOWN, usages=quiet(days=14) | {"redirects": None}),
    idle("missing:fixedResponses", UNKNOWN, usages=quiet(days=14) | {"fixedResponses": None}),
    idle("missing:flows", UNKNOWN, given=balancer("network"), usages=quiet(days=14) | {"flows": flat(None, 14)}),
    idle("no flows", FOUND, "21.9000", given=balancer("network")),
    idle("one flow a day", CLEAR, given=balancer("network"), usages=quiet(1, days=14)),
    idle("younger than the window", CLEAR, given=balancer(age=10)),
    idle("a gateway", CLEAR, given=balancer("gateway")),
    unused("found", classic(), FOUND, "29.2000"),
    unused("clear", classic("i-1"), CLEAR),
    unused("boundary:minAgeDays", classic(since=7), CLEAR),
    unused("boundary:minAgeDays", classic(since=7.01), FOUND),
    unused("just made", classic(age=1), CLEAR),
    unused("instances that were not read", subject(CLASSIC, "arn:elb"), UNKNOWN),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
