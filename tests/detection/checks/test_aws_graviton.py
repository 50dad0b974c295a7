"""Checks of what could run on Graviton."""

from __future__ import annotations

from typing import Any

import pytest

from app.detection.checks import aws_elasticache, aws_lambda, aws_rds
from app.detection.checks.aws_ebs import INSTANCE
from app.detection.checks.aws_ec2 import GROUP
from app.detection.facts import Subject
from app.records import RelationshipKind
from app.records.detection import PriceUnit
from tests.detection.cases import CLEAR, FOUND, TOO_LITTLE, UNKNOWN, Case, flat, subject

PRICES = {
    name: (amount, PriceUnit.HOUR)
    for name, amount in {
        "ec2.m5.xlarge.linux": "0.20",
        "ec2.m7g.xlarge.linux": "0.16",
        "ec2.m5.xlarge.rhel": "0.26",
        "ec2.m7g.xlarge.rhel": "0.22",
        "rds.db.m5.large.postgres": "0.18",
        "rds.db.m7g.large.postgres": "0.16",
        "rds.db.r5.large.aurora-mysql": "0.29",
        "rds.db.r7g.large.aurora-mysql": "0.27",
        "elasticache.cache.r5.large.redis": "0.22",
        "elasticache.cache.r7g.large.redis": "0.21",
        "lambda.duration.gib": "0.06",
        "lambda.duration.arm.gib": "0.048",
    }.items()
}
HOUR = 3_600_000.0


def instance(name: str = "m5.xlarge", status: str = "running", **values: Any) -> Subject:
    properties = {
        "instanceType": name,
        "platformDetails": "Linux/UNIX",
        "lifecycle": "on-demand",
        "tenancy": "default",
        "architecture": "x86_64",
    }
    return subject(INSTANCE, "i-1", status=status, properties=properties | values)


def database(name: str = "db.m5.large", engine: str = "postgres", status: str = "available", **values: Any) -> Subject:
    properties = {"instanceClass": name, "engine": engine, "multiAz": False, "storageType": "gp3"}
    return subject(aws_rds.INSTANCE, "arn:db", status=status, properties=properties | values)


def cache(name: str = "cache.r5.large", **values: Any) -> Subject:
    properties = {"nodeType": name, "engine": "redis", "nodes": 1}
    return subject(aws_elasticache.CLUSTER, "arn:cache", status="available", properties=properties | values)


def group(*members: str) -> Subject:
    properties = {"nodeType": "cache.r5.large", "engine": "redis", "members": list(members)}
    return subject(aws_elasticache.GROUP, "arn:group", status="available", properties=properties)


def function(*architectures: str) -> Subject:
    properties = {"architectures": list(architectures), "memoryMb": 2048}
    return subject(aws_lambda.FUNCTION, "arn:function", properties=properties)


def case(proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    return Case("aws.ec2.graviton_candidate", proves, given, expected, amount, **({"prices": PRICES} | values))


ON_CLUSTER = {RelationshipKind.MEMBER_OF: ["arn:cluster"]}
CASES = (
    case("found", instance(), FOUND, "29.2000", target="m7g.xlarge"),
    case("clear", instance("m7g.xlarge", architecture="arm64"), CLEAR),
    case("with Red Hat's Linux", instance(platformDetails="Red Hat Enterprise Linux"), FOUND, "29.2000"),
    case("with Windows", instance(platformDetails="Windows"), CLEAR),
    case("nothing as large", instance("m5.24xlarge"), CLEAR),
    case("no such family", instance("m5zn.large"), CLEAR),
    case("stopped", instance(status="stopped"), CLEAR),
    case("spot", instance(lifecycle="spot"), CLEAR),
    case("a type that is not known", instance("p5.48xlarge"), UNKNOWN),
    case(
        "of a group",
        instance(),
        FOUND,
        neighbours={(RelationshipKind.MEMBER_OF, GROUP): [subject(GROUP, "arn:asg")]},
        part_of="arn:asg",
    ),
    case("a database", database(), FOUND, "14.6000", target="db.m7g.large"),
    case(
        "a database of a cluster",
        database("db.r5.large", "aurora-mysql", cluster="shop"),
        FOUND,
        "14.6000",
        targets=ON_CLUSTER,
        part_of="arn:cluster",
    ),
    case("a database on Graviton", database("db.m6g.large"), CLEAR),
    case("a database on a rare Graviton", database("db.x2g.large"), CLEAR),
    case("a database without a server", database("db.serverless", "aurora-mysql"), CLEAR),
    case("a database of Oracle's", database(engine="oracle-ee"), CLEAR),
    case("a database with local disks", database("db.m5d.large"), CLEAR),
    case("a database of a class that is not known", database("db.q1.large"), UNKNOWN),
    case("a stopped database", database(status="stopped"), CLEAR),
    case("a cache", cache(), FOUND, "7.3000", target="cache.r7g.large"),
    case("a group of caches", group("one", "two"), FOUND, "14.6000"),
    case("a cache of a group", cache(replicationGroup="shop"), CLEAR),
    case("a cache on Graviton", cache("cache.t4g.small"), CLEAR),
    # 24 hours a day of 2 GiB, 0.012 less an hour.
    case("a function", function("x86_64"), FOUND, "17.5320", usages={"duration": flat(24 * HOUR, 14)}),
    case("a function on Arm", function("arm64"), CLEAR),
    case("a function that never runs", function("x86_64"), CLEAR, usages={"duration": flat(0, 14)}),
    case("a function that seldom runs", function("x86_64"), TOO_LITTLE, usages={"duration": flat(HOUR, 14)}),
    case("missing:duration", function("x86_64"), UNKNOWN, usages={"duration": None}),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
