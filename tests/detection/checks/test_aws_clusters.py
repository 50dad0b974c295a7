"""Checks of clusters of DocumentDB, Neptune and MemoryDB."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.detection.checks.aws_clusters import DOCUMENTS, DOCUMENTS_INSTANCE, GRAPH, GRAPH_INSTANCE, MEMORY
from app.detection.facts import ActualCost, Subject
from app.detection.usage import Usage
from app.records import RelationshipKind
from app.records.detection import PriceBasis, PriceUnit
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, flat, subject

PRICES = {
    "docdb.db.r6g.large": ("0.2", PriceUnit.HOUR),
    "docdb.db.r6g.large.iopt1": ("0.3", PriceUnit.HOUR),
    "neptune.db.r6g.large": ("0.4", PriceUnit.HOUR),
    "memorydb.db.r6g.large.redis": ("0.2", PriceUnit.HOUR),
    "memorydb.db.r6g.large.valkey": ("0.1", PriceUnit.HOUR),
}


def cluster(kind: str, status: str = "available", born: float = 300, **properties: Any) -> Subject:
    return subject(kind, "arn:cluster", status=status, created_at=ago(born), properties=properties)


def memory(status: str = "available", **properties: Any) -> Subject:
    plain: dict[str, Any] = {"nodeType": "db.r6g.large", "engine": "valkey", "nodes": 3}
    return cluster(MEMORY, status, **(plain | properties))


def members(kind: str, *classes: str, storage: str | None = None) -> dict[tuple[RelationshipKind, str], list[Subject]]:
    found = [
        subject(kind, f"db-{number}", properties={"instanceClass": name, "storageType": storage})
        for number, name in enumerate(classes)
    ]
    return {(RelationshipKind.MEMBER_OF, kind): found}


def use(**most: float | None) -> dict[str, Usage | None]:
    return {key: flat(value, 14) for key, value in most.items()}


def case(check: str, proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    return Case(f"aws.{check}.idle", proves, given, expected, amount, **({"prices": PRICES} | values))


DOCS = members(DOCUMENTS_INSTANCE, "db.r6g.large", "db.r6g.large")
NODES = members(GRAPH_INSTANCE, "db.r6g.large")
CASES = (
    case("docdb", "found", cluster(DOCUMENTS), FOUND, "292.0000", usages=use(connections=0), neighbours=DOCS),
    case("docdb", "clear", cluster(DOCUMENTS), CLEAR, usages=use(connections=1), neighbours=DOCS),
    case("docdb", "missing:connections", cluster(DOCUMENTS), UNKNOWN, usages=use(connections=None), neighbours=DOCS),
    case("docdb", "instances were not read", cluster(DOCUMENTS), UNKNOWN, usages=use(connections=0)),
    case(
        "docdb",
        "no instances",
        cluster(DOCUMENTS),
        CLEAR,
        usages=use(connections=0),
        complete_types=frozenset({DOCUMENTS_INSTANCE}),
    ),
    case("docdb", "stopped", cluster(DOCUMENTS, "stopped"), CLEAR),
    case("docdb", "too new", cluster(DOCUMENTS, born=13), CLEAR),
    case(
        "docdb",
        "I/O optimised",
        cluster(DOCUMENTS),
        FOUND,
        "219.0000",
        usages=use(connections=0),
        neighbours=members(DOCUMENTS_INSTANCE, "db.r6g.large", storage="iopt1"),
    ),
    case("neptune", "found", cluster(GRAPH), FOUND, "292.0000", usages=use(requests=0), neighbours=NODES),
    case("neptune", "clear", cluster(GRAPH), CLEAR, usages=use(requests=0.1), neighbours=NODES),
    case("neptune", "missing:requests", cluster(GRAPH), UNKNOWN, usages=use(requests=None), neighbours=NODES),
    case(
        "neptune",
        "serverless",
        cluster(GRAPH),
        FOUND,
        "unknown",
        usages=use(requests=0),
        neighbours=members(GRAPH_INSTANCE, "db.serverless"),
    ),
    case("memorydb", "found", memory(), FOUND, "219.0000", usages=use(hits=0, misses=0, writes=0)),
    case("memorydb", "clear", memory(), CLEAR, usages=use(hits=0, misses=1, writes=0)),
    case("memorydb", "only written", memory(), CLEAR, usages=use(hits=0, misses=0, writes=1)),
    case("memorydb", "missing:hits", memory(), UNKNOWN, usages=use(hits=None, misses=0, writes=0)),
    case("memorydb", "missing:misses", memory(), UNKNOWN, usages=use(hits=0, misses=None, writes=0)),
    case("memorydb", "missing:writes", memory(), UNKNOWN, usages=use(hits=0, misses=0)),
    case("memorydb", "no engine", memory(engine=None), FOUND, "438.0000", usages=use(hits=0, misses=0, writes=0)),
    case("memorydb", "being made", memory("creating"), CLEAR),
    case("memorydb", "no nodes", memory(nodes=None), UNKNOWN, usages=use(hits=0, misses=0, writes=0)),
    case(
        "memorydb",
        "charges before prices",
        memory(),
        FOUND,
        "101.4583",
        usages=use(hits=0, misses=0, writes=0),
        basis=PriceBasis.ACTUAL,
        cost=ActualCost(Decimal(100), "USD", 30),
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
