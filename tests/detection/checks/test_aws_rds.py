"""Checks of RDS and Aurora."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.detection.checks.aws_rds import CLUSTER, INSTANCE
from app.detection.facts import ActualCost, Subject
from app.detection.usage import Usage
from app.records import RelationshipKind
from app.records.detection import PriceBasis, PriceUnit
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, flat, subject

GIB = 2**30
PRICES = {
    "rds.db.m5.xlarge.postgres": ("0.4", PriceUnit.HOUR),
    "rds.db.m5.xlarge.postgres.multiaz": ("0.8", PriceUnit.HOUR),
    "rds.db.m5.xlarge.postgres.cluster": ("0.5", PriceUnit.HOUR),
    "rds.db.m5.large.postgres": ("0.2", PriceUnit.HOUR),
    "rds.db.m5.xlarge.oracle-se2.byol": ("0.3", PriceUnit.HOUR),
    "rds.db.r6g.large.aurora-postgresql": ("0.2", PriceUnit.HOUR),
    "rds.db.r6g.large.aurora-postgresql.iopt1": ("0.3", PriceUnit.HOUR),
    "rds.storage.gp2": ("0.1", PriceUnit.GIB_MONTH),
    "rds.storage.gp3": ("0.1", PriceUnit.GIB_MONTH),
    "rds.storage.gp2.multiaz": ("0.2", PriceUnit.GIB_MONTH),
    "rds.storage.io1": ("0.1", PriceUnit.GIB_MONTH),
    "rds.iops.io1": ("0.1", PriceUnit.IOPS_MONTH),
    "rds.iops.gp3": ("0.02", PriceUnit.IOPS_MONTH),
    "rds.throughput.gp3": ("0.08", PriceUnit.MIBPS_MONTH),
    "rds.extended_support.years1_2": ("0.1", PriceUnit.HOUR),
    "rds.extended_support.year3": ("0.2", PriceUnit.HOUR),
}
ARN = "arn:aws:rds:us-east-1:123456789012:cluster:orders"
IN_CLUSTER = {RelationshipKind.MEMBER_OF: [ARN]}


def instance(status: str = "available", *, since: float = 90, **properties: Any) -> Subject:
    plain = {
        "instanceClass": "db.m5.xlarge",
        "engine": "postgres",
        "engineVersion": "16.4",
        "engineLifecycleSupport": "open-source-rds-extended-support",
        "licenseModel": "postgresql-license",
        "multiAz": False,
        "storageType": "gp2",
        "allocatedStorageGib": 100,
        "iops": None,
        "storageThroughputMibps": None,
        "cluster": None,
        "automaticRestartAt": None,
    }
    return subject(INSTANCE, "db-1", status=status, status_since=ago(since), properties=plain | properties)


def member(name: str = "db-1", **properties: Any) -> Subject:
    plain = {
        "instanceClass": "db.r6g.large",
        "engine": "aurora-postgresql",
        "storageType": "aurora",
        "cluster": "orders",
    }
    given = instance(**(plain | properties))
    return subject(INSTANCE, name, status="available", properties=given.properties)


def cluster(status: str = "available", since: float = 90, born: float = 300) -> Subject:
    return subject(CLUSTER, ARN, status=status, status_since=ago(since), created_at=ago(born))


def members(*found: Subject) -> dict[tuple[RelationshipKind, str], list[Subject]]:
    return {(RelationshipKind.MEMBER_OF, INSTANCE): list(found)}


def connections(most: float | None, days: int = 7) -> dict[str, Usage | None]:
    return {"connections": flat(most, days)}


def load(cpu: float, free_gib: float, days: int = 30) -> dict[str, Usage | None]:
    return {"cpu": flat(cpu, days), "freeMemory": flat(free_gib * GIB, days)}


def free(gib: float, days: int = 30) -> dict[str, Usage | None]:
    return {"freeStorage": flat(gib * GIB, days)}


def case(check: str, proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    return Case(f"aws.rds.{check}", proves, given, expected, amount, **({"prices": PRICES} | values))


IDLE = (
    # 730 hours for 0.4 and 100 GiB for 0.1.
    case("idle", "found", instance(), FOUND, "302.0000", usages=connections(0)),
    case("idle", "clear", instance(), CLEAR, usages=connections(1)),
    case("idle", "missing:connections", instance(), UNKNOWN, usages=connections(None)),
    case("idle", "missing:connections", instance(), UNKNOWN),
    case("idle", "stopped", instance("stopped"), CLEAR),
    case("idle", "a member of a cluster", member(), CLEAR),
    case("idle", "two zones", instance(multiAz=True), FOUND, "604.0000", usages=connections(0)),
    case("idle", "no price", instance(), FOUND, "unknown", usages=connections(0), prices={}),
    case(
        "idle",
        "own licence and provisioned IOPS",
        instance(engine="oracle-se2", licenseModel="bring-your-own-license", storageType="io1", iops=1000),
        FOUND,
        "329.0000",
        usages=connections(0),
    ),
    # 1,000 IOPS for 20 and 100 MiB/s for 8 above those included.
    case(
        "idle",
        "gp3 with more than it includes",
        instance(storageType="gp3", iops=4000, storageThroughputMibps=225),
        FOUND,
        "330.0000",
        usages=connections(0),
    ),
    case(
        "idle",
        "gp3 over four volumes",
        instance(storageType="gp3", allocatedStorageGib=400, iops=12_000, storageThroughputMibps=500),
        FOUND,
        "332.0000",
        usages=connections(0),
    ),
    case(
        "idle",
        "charges before prices",
        instance(),
        FOUND,
        "60.8750",
        usages=connections(0),
        basis=PriceBasis.ACTUAL,
        cost=ActualCost(Decimal(60), "USD", 30),
    ),
    case("idle", "serverless", instance(instanceClass="db.serverless"), FOUND, "unknown", usages=connections(0)),
    case(
        "cluster_idle",
        "found",
        cluster(),
        FOUND,
        "292.0000",
        usages=connections(0),
        neighbours=members(member(), member("db-2")),
    ),
    case("cluster_idle", "clear", cluster(), CLEAR, usages=connections(3), neighbours=members(member())),
    case("cluster_idle", "missing:connections", cluster(), UNKNOWN, usages=connections(None)),
    case("cluster_idle", "instances were not read", cluster(), UNKNOWN, usages=connections(0)),
    case("cluster_idle", "no instances", cluster(), CLEAR, usages=connections(0), complete_types=frozenset({INSTANCE})),
    case("cluster_idle", "too new", cluster(born=6), CLEAR, usages=connections(None)),
    case("cluster_idle", "stopped", cluster("stopped"), CLEAR),
    case(
        "cluster_idle",
        "serverless",
        cluster(),
        FOUND,
        "unknown",
        usages=connections(0),
        neighbours=members(member(instanceClass="db.serverless")),
    ),
    case(
        "cluster_idle",
        "I/O optimised",
        cluster(),
        FOUND,
        "219.0000",
        usages=connections(0),
        neighbours=members(member(storageType="aurora-iopt1")),
    ),
    case(
        "cluster_idle",
        "two readable standbys",
        cluster(),
        FOUND,
        "365.0000",
        usages=connections(0),
        neighbours=members(instance(cluster="orders", storageType="io1")),
    ),
)
OVERSIZED = (
    case("oversized", "found", instance(), FOUND, "146.0000", target="db.m5.large", usages=load(20, 12)),
    case("oversized", "clear", instance(), CLEAR, usages=load(70, 12)),
    case("oversized", "boundary:cpuPercent", instance(), CLEAR, usages=load(40, 12)),
    case("oversized", "boundary:cpuPercent", instance(), FOUND, usages=load(39.9, 12)),
    case("oversized", "boundary:freeMemoryPercent", instance(), CLEAR, usages=load(20, 9.6)),
    case("oversized", "boundary:freeMemoryPercent", instance(), FOUND, usages=load(20, 9.61)),
    case("oversized", "missing:cpu", instance(), UNKNOWN, usages=load(20, 12) | {"cpu": None}),
    case("oversized", "missing:freeMemory", instance(), UNKNOWN, usages=load(20, 12) | {"freeMemory": flat(None, 30)}),
    case("oversized", "the smallest of its family", instance(instanceClass="db.m5.large"), CLEAR),
    case("oversized", "a family that is not known", instance(instanceClass="db.z9.xlarge"), CLEAR),
    case("oversized", "the smallest of Aurora", member(instanceClass="db.t3.medium"), CLEAR),
    case(
        "oversized",
        "memory has to fit",
        instance(),
        CLEAR,
        usages=load(20, 9),
        parameters={"freeMemoryPercent": Decimal(50)},
    ),
    case(
        "oversized",
        "a member of a cluster",
        member(instanceClass="db.r6g.xlarge"),
        FOUND,
        "unknown",
        usages=load(20, 24),
        targets=IN_CLUSTER,
        part_of=ARN,
    ),
)
STOPPED = (
    case("stopped", "found", instance("stopped"), FOUND, "10.0000"),
    case("stopped", "clear", instance(), CLEAR),
    case("stopped", "boundary:minAgeDays", instance("stopped", since=3), CLEAR),
    case("stopped", "boundary:minAgeDays", instance("stopped", since=3.01), FOUND),
    case("stopped", "as RDS says", instance("stopped", automaticRestartAt=ago(-5).isoformat()), CLEAR),
    case("stopped", "two zones", instance("stopped", multiAz=True), FOUND, "20.0000"),
    case("stopped", "a cluster", cluster("stopped"), FOUND, "unknown"),
    case("stopped", "a member of a cluster", instance("stopped", cluster="orders"), CLEAR),
    case("stopped", "no size", instance("stopped", allocatedStorageGib=None), UNKNOWN),
)
STORAGE = (
    # 20 of 100 GiB are used: 25 would do.
    case("storage_overallocated", "found", instance(), FOUND, "7.5000", target="25 GiB", usages=free(80)),
    case("storage_overallocated", "clear", instance(), CLEAR, usages=free(30)),
    case("storage_overallocated", "boundary:freePercent", instance(), CLEAR, usages=free(60)),
    case("storage_overallocated", "boundary:freePercent", instance(), FOUND, usages=free(60.1)),
    case("storage_overallocated", "missing:freeStorage", instance(), UNKNOWN, usages={"freeStorage": None}),
    case("storage_overallocated", "two zones", instance(multiAz=True), FOUND, "15.0000", usages=free(80)),
    case("storage_overallocated", "the least", instance(storageType="io1", iops=1000), CLEAR, usages=free(99)),
    case("storage_overallocated", "a member of a cluster", member(), CLEAR),
    case("storage_overallocated", "stopped", instance("stopped"), CLEAR),
)


def old(version: str = "5.7.44", engine: str = "mysql", **properties: Any) -> Subject:
    return instance(engine=engine, engineVersion=version, **properties)


SUPPORT = (
    # Four vCPUs: 5.7 is in its third year.
    case("extended_support", "found", old(), FOUND, "584.0000"),
    case("extended_support", "clear", old("8.4.3"), CLEAR),
    case("extended_support", "the first two years", old("13.14", "postgres"), FOUND, "292.0000"),
    case("extended_support", "two zones", old("13.14", "postgres", multiAz=True), FOUND, "584.0000"),
    case("extended_support", "not yet", old("14.11", "postgres"), CLEAR),
    case(
        "extended_support",
        "will be upgraded",
        old(engineLifecycleSupport="open-source-rds-extended-support-disabled"),
        CLEAR,
    ),
    case("extended_support", "stopped", instance("stopped", engine="mysql", engineVersion="5.7.44"), CLEAR),
    case("extended_support", "no version", old(None), UNKNOWN),  # type: ignore[arg-type]
    case(
        "extended_support",
        "a member of a cluster",
        member(engine="aurora-mysql", engineVersion="5.7.mysql_aurora.2.11.2"),
        FOUND,
        "146.0000",
        targets=IN_CLUSTER,
        part_of=ARN,
    ),
    case("extended_support", "serverless", old(instanceClass="db.serverless"), FOUND, "unknown"),
)
CASES = (*IDLE, *OVERSIZED, *STOPPED, *STORAGE, *SUPPORT)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
