"""Checks of EC2 instances of another type than they need, and the catalogue of types."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.detection.checks.aws_ebs import INSTANCE
from app.detection.checks.aws_ec2 import GROUP
from app.detection.checks.aws_instance_types import (
    ARM_FAMILIES,
    SUCCESSORS,
    equivalent,
    instance_type,
    price_code,
    smallest,
)
from app.detection.facts import Subject
from app.detection.usage import Usage
from app.records import RelationshipKind
from app.records.detection import PriceUnit
from tests.detection.cases import CLEAR, FOUND, NOW, TOO_LITTLE, UNKNOWN, Case, flat, subject

PRICES = {
    f"ec2.{name}.linux": (amount, PriceUnit.HOUR)
    for name, amount in {
        "m5.xlarge": "0.20",
        "m5.large": "0.10",
        "m6i.xlarge": "0.19",
        "m6a.xlarge": "0.17",
        "m7i.xlarge": "0.21",
        "t3.large": "0.08",
        "t3.small": "0.02",
    }.items()
}
MEMBER = {"aws:autoscaling:groupName": "web"}
OF_GROUP = {(RelationshipKind.MEMBER_OF, GROUP): [subject(GROUP, "arn:aws:autoscaling:group/web")]}


def instance(name: str = "m5.xlarge", status: str = "running", **values: Any) -> Subject:
    properties = {
        "instanceType": name,
        "platformDetails": "Linux/UNIX",
        "lifecycle": "on-demand",
        "tenancy": "default",
    }
    tags = values.pop("tags", {})
    return subject(INSTANCE, "i-1", status=status, tags=tags, properties=properties | values)


def used(cpu: float = 20, memory: float = 20) -> dict[str, Usage | None]:
    return {"cpu": flat(cpu, 30), "memory": flat(memory, 30)}


def case(check: str, proves: str, expected: Any, amount: str | None = None, **values: Any) -> Case:
    given = values.pop("given", instance())
    return Case(f"aws.ec2.{check}", proves, given, expected, amount, **({"prices": PRICES} | values))


def oversized(proves: str, expected: Any, amount: str | None = None, **values: Any) -> Case:
    return case("oversized", proves, expected, amount, **({"usages": used()} | values))


CASES = (
    # 4 CPUs at 20 % and a fifth of room: 0.96 of the 2 that m5.large has; 3.84 of its 8 GiB.
    oversized("found", FOUND, "73.0000", target="m5.large"),
    oversized("clear", CLEAR, usages=used(cpu=80)),
    oversized("boundary:cpuPercent", CLEAR, usages=used(cpu=40)),
    oversized("boundary:cpuPercent", FOUND, usages=used(cpu=39.9)),
    oversized("boundary:memoryPercent", CLEAR, usages=used(memory=40)),
    oversized("boundary:memoryPercent", FOUND, usages=used(memory=39.9)),
    oversized("missing:cpu", UNKNOWN, usages=used() | {"cpu": None}),
    oversized("missing:memory", UNKNOWN, usages=used() | {"memory": Usage(NOW.date(), (20.0,) * 29 + (None,))}),
    oversized("already the smallest", CLEAR, given=instance("m5.large")),
    oversized(
        "two steps at once", FOUND, "unknown", given=instance("m5.2xlarge"), usages=used(9, 9), target="m5.large"
    ),
    # 2 CPUs at 15 %: 0.36, less than the 0.4 that t3.small may use for ever.
    oversized("credits count", FOUND, "43.8000", given=instance("t3.large"), usages=used(15, 20), target="t3.small"),
    oversized("credits are used up", CLEAR, given=instance("t3.large"), usages=used(30, 20)),
    oversized("local disks", CLEAR, given=instance("m5d.xlarge")),
    oversized("a type that is not known", UNKNOWN, given=instance("u-6tb1.metal")),
    oversized("no type", UNKNOWN, given=instance(instanceType=None)),
    oversized("stopped", CLEAR, given=instance(status="stopped")),
    oversized("a member of a group", CLEAR, given=instance(tags=MEMBER)),
    # The cheapest of m6i, m6a and m7i.
    case("previous_generation", "found", FOUND, "21.9000", target="m6a.xlarge"),
    case("previous_generation", "clear", CLEAR, given=instance("m7i.xlarge")),
    case("previous_generation", "no prices", FOUND, "unknown", prices={}, target="m6i.xlarge"),
    case(
        "previous_generation",
        "newer is dearer",
        TOO_LITTLE,
        prices=PRICES | {"ec2.m5.xlarge.linux": PRICES["ec2.m6a.xlarge.linux"]},
    ),
    case(
        "previous_generation",
        "a size that came with it",
        FOUND,
        given=instance("m4.10xlarge"),
        target="m6i.12xlarge",
        prices={},
    ),
    case("previous_generation", "a type that is not known", UNKNOWN, given=instance("p2.xlarge")),
    case("previous_generation", "spot", CLEAR, given=instance(lifecycle="spot")),
    case("previous_generation", "on a host", CLEAR, given=instance(tenancy="host")),
    case("previous_generation", "stopped", CLEAR, given=instance(status="stopped")),
    case(
        "previous_generation",
        "of a group",
        FOUND,
        given=instance(tags=MEMBER),
        neighbours=OF_GROUP,
        part_of="arn:aws:autoscaling:group/web",
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()


@pytest.mark.parametrize(
    ("name", "cpus", "gib"),
    [
        ("t2.micro", 1, "1"),
        ("t3.2xlarge", 8, "32"),
        ("m3.medium", 1, "3.75"),
        ("m4.10xlarge", 40, "160"),
        ("m5.24xlarge", 96, "384"),
        ("m7a.medium", 1, "4"),
        ("m8g.48xlarge", 192, "768"),
        ("c4.8xlarge", 36, "60"),
        ("c5.9xlarge", 36, "72"),
        ("c5n.18xlarge", 72, "189"),
        ("r4.16xlarge", 64, "488"),
        ("r6a.48xlarge", 192, "1536"),
        ("x1.32xlarge", 128, "1952"),
        ("i3.large", 2, "15.25"),
    ],
)
def test_what_a_type_is_made_of(name: str, cpus: int, gib: str) -> None:
    found = instance_type(name)
    assert found is not None
    assert (found.cpus, found.gib) == (Decimal(cpus), Decimal(gib))


@pytest.mark.parametrize("name", ["", "m5", "m5.", "m5.metal", "m5.32xlarge", "zz9.large"])
def test_what_is_not_listed_is_not_known(name: str) -> None:
    assert instance_type(name) is None


def test_sizes_of_a_family_grow() -> None:
    assert smallest("m5", Decimal(3), Decimal(4)) == instance_type("m5.xlarge")
    assert smallest("m5", Decimal(1), Decimal(100)) == instance_type("m5.8xlarge")
    assert smallest("t3", Decimal("0.5"), Decimal(1)) == instance_type("t3.large")
    assert smallest("m5", Decimal(1000), Decimal(1)) is None
    assert smallest("zz9", Decimal(1), Decimal(1)) is None


def test_each_family_that_is_led_to_is_known() -> None:
    families = {family for found in SUCCESSORS.values() for family in found} | set(ARM_FAMILIES.values())
    for family in {*families, *SUCCESSORS, *ARM_FAMILIES}:
        assert smallest(family, Decimal(0), Decimal(0)), family


@pytest.mark.parametrize(
    ("name", "family", "expected"),
    [
        ("r4.xlarge", "r6i", "r6i.xlarge"),
        ("c4.8xlarge", "c6i", "c6i.12xlarge"),
        ("t2.nano", "t3", "t3.nano"),
        ("i3.large", "i4i", "i4i.large"),
        ("x1.16xlarge", "x2idn", "x2idn.16xlarge"),
    ],
)
def test_what_is_no_smaller(name: str, family: str, expected: str) -> None:
    now = instance_type(name)
    assert now is not None
    assert equivalent(now, family) == instance_type(expected)


@pytest.mark.parametrize(
    ("platform", "tenancy", "expected"),
    [
        ("Linux/UNIX", "default", "ec2.m5.large.linux"),
        ("Red Hat Enterprise Linux", None, "ec2.m5.large.rhel"),
        ("SUSE Linux", "dedicated", "ec2.m5.large.suse.dedicated"),
        ("Windows with SQL Server Standard", "default", "ec2.m5.large.windows-with-sql-server-standard"),
        ("", "default", "ec2.m5.large.unknown"),
    ],
)
def test_the_code_of_a_price(platform: str, tenancy: str | None, expected: str) -> None:
    assert price_code("m5.large", platform, tenancy) == expected
