"""Classes of RDS and node types of ElastiCache."""

from __future__ import annotations

from decimal import Decimal

import pytest

from app.detection.sizes import memory_gib, smaller, virtual_cpus


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("db.m6g.xlarge", "db.m6g.large"),
        ("db.m6g.large", None),
        ("db.t4g.small", "db.t4g.micro"),
        ("db.t4g.micro", None),
        ("db.r7i.48xlarge", "db.r7i.24xlarge"),
        ("db.r4.16xlarge", "db.r4.8xlarge"),
        ("db.m4.10xlarge", "db.m4.4xlarge"),
        ("cache.m5.12xlarge", "cache.m5.4xlarge"),
        ("cache.r6g.12xlarge", "cache.r6g.8xlarge"),
        ("cache.r6gd.2xlarge", None),
        ("db.serverless", None),
        ("db.r5.2xlarge.tpc1.mem2x", None),
        ("db.z9.4xlarge", None),
    ],
)
def test_the_next_smaller_class(name: str, expected: str | None) -> None:
    assert smaller(name) == expected


@pytest.mark.parametrize(
    ("name", "cpus", "gib"),
    [
        ("db.t3.medium", 2, 4),
        ("db.t2.micro", 1, 1),
        ("db.m5.large", 2, 8),
        ("db.m5.4xlarge", 16, 64),
        ("db.r6g.xlarge", 4, 32),
        ("db.r4.large", 2, "15.25"),
        ("db.x2g.large", 2, 32),
        ("db.z9.large", 2, None),
        ("db.serverless", None, None),
        ("db.m5.metal", None, None),
    ],
)
def test_what_a_class_is_made_of(name: str, cpus: int | None, gib: int | str | None) -> None:
    assert virtual_cpus(name) == (None if cpus is None else Decimal(cpus))
    assert memory_gib(name) == (None if gib is None else Decimal(gib))
