"""Checks of ElastiCache."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from app.detection.checks.aws_elasticache import CLUSTER, GROUP
from app.detection.facts import ActualCost, Subject
from app.detection.usage import Usage
from app.records import RelationshipKind
from app.records.detection import PriceBasis, PriceUnit
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, flat, subject

PRICES = {
    "elasticache.cache.r6g.xlarge.redis": ("0.4", PriceUnit.HOUR),
    "elasticache.cache.r6g.large.redis": ("0.2", PriceUnit.HOUR),
    "elasticache.cache.r6g.xlarge.memcached": ("0.4", PriceUnit.HOUR),
}


def cache(status: str = "available", born: float = 300, **properties: Any) -> Subject:
    plain: dict[str, Any] = {"nodeType": "cache.r6g.xlarge", "engine": "redis", "nodes": 1, "replicationGroup": None}
    return subject(CLUSTER, "arn:cache", status=status, created_at=ago(born), properties=plain | properties)


def group(status: str = "available", born: float = 300, **properties: Any) -> Subject:
    plain: dict[str, Any] = {"nodeType": "cache.r6g.xlarge", "engine": "redis", "members": ["a-001", "a-002"]}
    return subject(GROUP, "arn:group", status=status, created_at=ago(born), properties=plain | properties)


def use(hits: float | None, misses: float | None, connections: float | None) -> dict[str, Usage | None]:
    told = {"hits": hits, "misses": misses, "connections": connections}
    return {key: flat(value, 14) for key, value in told.items()}


def gets(hits: float | None, misses: float | None) -> dict[str, Usage | None]:
    return {"gets": flat(hits, 14), "failedGets": flat(misses, 14)}


def load(cpu: float | None, memory: float | None) -> dict[str, Usage | None]:
    return {"cpu": flat(cpu, 14), "memory": flat(memory, 14)}


def case(check: str, proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    return Case(f"aws.elasticache.{check}", proves, given, expected, amount, **({"prices": PRICES} | values))


def idle(check: str, given: Subject, amount: str) -> tuple[Case, ...]:
    """What is the same for a cluster and a group."""
    return (
        case(check, "found", given, FOUND, amount, usages=use(0, 0, 4)),
        case(check, "clear", given, CLEAR, usages=use(90, 10, 30)),
        case(check, "many who find nothing", given, CLEAR, usages=use(0, 100, 30)),
        case(check, "boundary:hitPercent", given, CLEAR, usages=use(5, 95, 4)),
        case(check, "boundary:hitPercent", given, FOUND, usages=use(4, 96, 4)),
        case(check, "boundary:connections", given, CLEAR, usages=use(0, 0, 6)),
        case(check, "boundary:connections", given, FOUND, usages=use(0, 0, 5)),
        case(check, "missing:hits", given, UNKNOWN, usages=use(None, 0, 0)),
        case(check, "missing:misses", given, UNKNOWN, usages=use(0, None, 0)),
        case(check, "missing:connections", given, UNKNOWN, usages=use(0, 0, None)),
    )


def oversized(check: str, given: Subject, amount: str) -> tuple[Case, ...]:
    """What is the same for a cluster and a group."""
    return (
        case(check, "found", given, FOUND, amount, target="cache.r6g.large", usages=load(10, 20)),
        case(check, "clear", given, CLEAR, usages=load(10, 80)),
        case(check, "boundary:cpuPercent", given, CLEAR, usages=load(40, 20)),
        case(check, "boundary:cpuPercent", given, FOUND, usages=load(39.9, 20)),
        case(check, "boundary:freeMemoryPercent", given, CLEAR, usages=load(10, 40)),
        case(check, "boundary:freeMemoryPercent", given, FOUND, usages=load(10, 39.9)),
        case(check, "missing:cpu", given, UNKNOWN, usages=load(None, 20)),
        case(check, "missing:memory", given, UNKNOWN, usages=load(10, None)),
    )


CLUSTERS = [replace(cache(replicationGroup="a"), id=UUID(int=number), native_id=f"arn:{number}") for number in (7, 8)]
BILLS: dict[str, Any] = {
    "neighbours": {(RelationshipKind.MEMBER_OF, CLUSTER): CLUSTERS},
    "neighbour_costs": {each.id: ActualCost(Decimal(60), "USD", 30) for each in CLUSTERS},
    "basis": PriceBasis.ACTUAL,
}
"""The charges of a group are those of its clusters: 121.75 a month, of 584 by prices."""

CASES = (
    case("group_idle", "by its clusters' charges", group(), FOUND, "121.7500", usages=use(0, 0, 4), **BILLS),
    case("group_oversized", "by its clusters' charges", group(), FOUND, "60.8750", usages=load(10, 10), **BILLS),
    *idle("idle", cache(), "292.0000"),
    *idle("group_idle", group(), "584.0000"),
    *oversized("oversized", cache(), "146.0000"),
    *oversized("group_oversized", group(), "292.0000"),
    case("idle", "a member of a group", cache(replicationGroup="a"), CLEAR),
    case("idle", "being made", cache("creating"), CLEAR),
    case("idle", "too new", cache(born=13), CLEAR),
    case("idle", "Memcached", cache(engine="memcached", nodes=2), FOUND, "584.0000", usages=gets(0, 0)),
    case("idle", "Memcached", cache(engine="memcached"), CLEAR, usages=gets(0, 1)),
    case("idle", "missing:gets", cache(engine="memcached"), UNKNOWN, usages=gets(None, 0)),
    case("idle", "missing:failedGets", cache(engine="memcached"), UNKNOWN, usages=gets(0, None)),
    case("idle", "no price", cache(nodeType="cache.m5.large"), FOUND, "unknown", usages=use(0, 0, 0)),
    case("idle", "no engine", cache(engine=None), UNKNOWN, usages=use(0, 0, 0)),
    case(
        "idle",
        "charges before prices",
        cache(),
        FOUND,
        "60.8750",
        usages=use(0, 0, 0),
        basis=PriceBasis.ACTUAL,
        cost=ActualCost(Decimal(60), "USD", 30),
    ),
    case("oversized", "a member of a group", cache(replicationGroup="a"), CLEAR),
    case("oversized", "the smallest of its family", cache(nodeType="cache.r6g.large"), CLEAR),
    case("oversized", "data on SSDs", cache(nodeType="cache.r6gd.2xlarge"), CLEAR),
    case("oversized", "Memcached", cache(engine="memcached"), CLEAR),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
