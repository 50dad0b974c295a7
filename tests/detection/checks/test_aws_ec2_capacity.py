"""Checks of capacity that is kept and not used: hosts, reservations, Auto Scaling groups."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from app.detection.checks.aws_ebs import INSTANCE
from app.detection.checks.aws_ec2 import GROUP
from app.detection.checks.aws_ec2_capacity import HOST, RESERVATION
from app.detection.facts import ActualCost, Subject
from app.detection.usage import Usage
from app.records import RelationshipKind
from app.records.detection import PriceBasis, PriceUnit
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, flat, subject

PRICES = {
    "ec2.host.m5": ("5", PriceUnit.HOUR),
    "ec2.m5.large.linux": ("0.10", PriceUnit.HOUR),
}


def host(*, since: float = 10, **values: Any) -> Subject:
    properties = {"instanceIds": [], "instanceType": "m5.large", "instanceFamily": "m5"}
    status = values.pop("status", "available")
    created_at = values.pop("created_at", ago(300))
    return subject(
        HOST,
        "h-1",
        status=status,
        created_at=created_at,
        changed_at={"instanceIds": ago(since)},
        properties=properties | values,
    )


def reservation(**values: Any) -> Subject:
    properties = {
        "arn": "arn:aws:ec2:us-east-1:123456789012:capacity-reservation/cr-1",
        "ownerId": "123456789012",
        "instanceType": "m5.large",
        "instancePlatform": "Linux/UNIX",
        "tenancy": "default",
        "reservationType": "default",
        "totalInstances": 10,
    }
    status = values.pop("status", "active")
    return subject(RESERVATION, "cr-1", status=status, properties=properties | values)


def group(wanted: int = 2) -> Subject:
    return subject(GROUP, "arn:aws:autoscaling:group/web", name="web", properties={"desiredCapacity": wanted})


def members(count: int = 2, **values: Any) -> dict[tuple[RelationshipKind, str], list[Subject]]:
    properties = {
        "instanceType": "m5.large",
        "platformDetails": "Linux/UNIX",
        "lifecycle": "on-demand",
        "tenancy": "default",
    }
    found = [
        subject(INSTANCE, f"i-{number}", id=UUID(int=number + 7), status="running", properties=properties | values)
        for number in range(count)
    ]
    return {(RelationshipKind.MEMBER_OF, INSTANCE): found}


def case(check: str, proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    return Case(f"aws.{check}", proves, given, expected, amount, **({"prices": PRICES} | values))


def empty(proves: str, given: Subject, expected: Any, amount: str | None = None) -> Case:
    return case("ec2.dedicated_host_empty", proves, given, expected, amount)


def unused(proves: str, peak: float | None, expected: Any, amount: str | None = None, **values: Any) -> Case:
    usages = {"used": flat(peak, 7)}
    target = values.pop("target", None)
    return case(
        "ec2.capacity_reservation_unused",
        proves,
        reservation(**values),
        expected,
        amount,
        usages=usages,
        target=target,
    )


def used(cpu: float = 1, megabytes: float = 1) -> dict[str, Usage | None]:
    half = flat(megabytes * 500_000, 14)
    return {"cpu": flat(cpu, 14), "received": half, "sent": half}


def underused(proves: str, expected: Any, amount: str | None = None, **values: Any) -> Case:
    given = values.pop("given", group())
    return case(
        "asg.underused", proves, given, expected, amount, **({"usages": used(), "neighbours": members()} | values)
    )


CASES = (
    empty("found", host(), FOUND, "3650.0000"),
    empty("clear", host(instanceIds=["i-1"]), CLEAR),
    empty("boundary:minAgeDays", host(since=1), CLEAR),
    empty("boundary:minAgeDays", host(since=1.01), FOUND),
    empty("just allocated", host(created_at=ago(0.5)), CLEAR),
    empty("being looked at by AWS", host(status="under-assessment"), CLEAR),
    empty("of one type only", host(instanceFamily=None), FOUND, "3650.0000"),
    empty("no type at all", host(instanceFamily=None, instanceType=None), UNKNOWN),
    empty("instances that were not read", host(instanceIds=None), UNKNOWN),
    # 3.5 of 10 were used at most: 6 are free, for 730 hours at 0.10.
    unused("found", 35, FOUND, "438.0000", target="4 instances"),
    unused("clear", 90, CLEAR),
    unused("boundary:usedPercent", 50, CLEAR),
    unused("boundary:usedPercent", 49, FOUND, "365.0000"),
    unused("missing:used", None, UNKNOWN),
    unused("never used", 0, FOUND, "730.0000", target="0 instances"),
    unused("shared by another account", 0, CLEAR, ownerId="210987654321"),
    unused("paid in advance", 0, CLEAR, reservationType="capacity-block"),
    unused("not there yet", 0, CLEAR, status="pending"),
    unused("a size that is not known", 0, UNKNOWN, totalInstances=None),
    underused("found", FOUND, "146.0000"),
    underused("clear", CLEAR, usages=used(cpu=50)),
    underused("boundary:cpuPercent", CLEAR, usages=used(cpu=5)),
    underused("boundary:cpuPercent", FOUND, usages=used(cpu=4.99)),
    underused("boundary:networkMegabytesPerDay", CLEAR, usages=used(megabytes=10)),
    underused("boundary:networkMegabytesPerDay", FOUND, usages=used(megabytes=9.98)),
    underused("missing:cpu", UNKNOWN, usages=used() | {"cpu": None}),
    underused("missing:received", UNKNOWN, usages=used() | {"received": None}),
    underused("missing:sent", UNKNOWN, usages=used() | {"sent": flat(None, 14)}),
    underused("without instances", CLEAR, given=group(0)),
    underused("a size that is not known", UNKNOWN, given=subject(GROUP, "web")),
    underused("members that were not read", FOUND, "unknown", neighbours=members(1)),
    underused("spot", FOUND, "unknown", neighbours=members(lifecycle="spot")),
    underused(
        "spot, by charges",
        FOUND,
        "60.8750",
        neighbours=members(lifecycle="spot"),
        neighbour_costs={UUID(int=number): ActualCost(Decimal(30), "USD", 30) for number in (7, 8)},
        basis=PriceBasis.ACTUAL,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
