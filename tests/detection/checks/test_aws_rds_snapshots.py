"""Checks of snapshots of databases."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.detection.checks.aws_rds_snapshots import BACKUP, CLUSTER_SNAPSHOT, SNAPSHOT, SOURCES
from app.detection.facts import ActualCost, Subject
from app.records import RelationshipKind
from app.records.detection import PriceBasis, PriceUnit
from tests.detection.cases import CLEAR, FOUND, TOO_LITTLE, UNKNOWN, Case, ago, subject

PRICES = {"rds.backup": ("0.1", PriceUnit.GIB_MONTH)}
INSTANCE, CLUSTER, DOCUMENTS, _ = SOURCES
SOURCE = "arn:aws:rds:us-east-1:123456789012:db:gone"


def snapshot(age: float = 100, kind: str = SNAPSHOT, **properties: Any) -> Subject:
    plain = {
        "snapshotType": "manual",
        "engine": "postgres",
        "allocatedStorageGib": 100,
        "fullSizeBytes": None,
        "sourceRegion": None,
        "sourceSnapshot": None,
    }
    return subject(kind, "snap-1", created_at=ago(age), properties=plain | properties)


def source(kind: str) -> dict[tuple[RelationshipKind, str], list[Subject]]:
    return {(RelationshipKind.CREATED_FROM, kind): [subject(kind, SOURCE)]}


def case(check: str, proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    plain: dict[str, Any] = {
        "prices": PRICES,
        "complete_types": frozenset(SOURCES),
        "targets": {RelationshipKind.CREATED_FROM: [SOURCE]},
    }
    return Case(f"aws.rds.{check}", proves, given, expected, amount, **(plain | values))


CASES = (
    case("snapshot_orphan", "found", snapshot(), FOUND, "10.0000"),
    case("snapshot_orphan", "clear", snapshot(), CLEAR, neighbours=source(INSTANCE)),
    case("snapshot_orphan", "boundary:minAgeDays", snapshot(30), CLEAR),
    case("snapshot_orphan", "boundary:minAgeDays", snapshot(30.01), FOUND),
    case("snapshot_orphan", "instances were not read", snapshot(), UNKNOWN, complete_types=frozenset({CLUSTER})),
    case("snapshot_orphan", "automated ones go by themselves", snapshot(snapshotType="automated"), CLEAR),
    case("snapshot_orphan", "managed by AWS Backup", snapshot(snapshotType="awsbackup"), CLEAR),
    case("snapshot_orphan", "copied from another region", snapshot(sourceRegion="eu-west-1"), CLEAR),
    case(
        "snapshot_orphan",
        "a cluster's copied from another region",
        snapshot(kind=CLUSTER_SNAPSHOT, sourceSnapshot="arn:aws:rds:eu-west-1:123456789012:cluster-snapshot:s"),
        CLEAR,
    ),
    case(
        "snapshot_orphan",
        "copied within the region",
        snapshot(sourceSnapshot="arn:aws:rds:us-east-1:123456789012:snapshot:s", sourceRegion="us-east-1"),
        FOUND,
        "10.0000",
    ),
    case("snapshot_orphan", "the size that it tells", snapshot(fullSizeBytes=50 * 2**30), FOUND, "5.0000"),
    case("snapshot_orphan", "a cluster's", snapshot(kind=CLUSTER_SNAPSHOT), FOUND, "10.0000"),
    case("snapshot_orphan", "a cluster's", snapshot(kind=CLUSTER_SNAPSHOT), CLEAR, neighbours=source(CLUSTER)),
    case(
        "snapshot_orphan",
        "of DocumentDB",
        snapshot(kind=CLUSTER_SNAPSHOT, engine="docdb"),
        CLEAR,
        neighbours=source(DOCUMENTS),
    ),
    case("snapshot_orphan", "of DocumentDB", snapshot(kind=CLUSTER_SNAPSHOT, engine="docdb"), FOUND, "unknown"),
    case("snapshot_orphan", "retained backup", snapshot(kind=BACKUP, snapshotType=None), FOUND, "10.0000"),
    case("snapshot_old", "found", snapshot(), FOUND, "10.0000"),
    case("snapshot_old", "clear", snapshot(snapshotType="automated"), CLEAR),
    case("snapshot_old", "boundary:minAgeDays", snapshot(90), CLEAR),
    case("snapshot_old", "boundary:minAgeDays", snapshot(90.01), FOUND),
    case("snapshot_old", "no age", subject(SNAPSHOT, "snap-1", properties={"snapshotType": "manual"}), CLEAR),
    case("snapshot_old", "too little", snapshot(allocatedStorageGib=5), TOO_LITTLE),
    case("snapshot_old", "no price", snapshot(), FOUND, "unknown", prices={}),
    case("snapshot_old", "no size", snapshot(allocatedStorageGib=None), UNKNOWN),
    case(
        "snapshot_old",
        "charges before prices",
        snapshot(),
        FOUND,
        "3.0438",
        basis=PriceBasis.ACTUAL,
        cost=ActualCost(Decimal(3), "USD", 30),
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
