"""Checks of EC2 instances that do nothing."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.detection.checks.aws_ebs import INSTANCE, VOLUME
from app.detection.checks.aws_ec2 import EIP
from app.detection.facts import ActualCost, Subject
from app.detection.usage import Usage
from app.records import RelationshipKind
from app.records.detection import PriceBasis, PriceUnit
from tests.detection.cases import CLEAR, FOUND, NOW, UNKNOWN, Case, ago, flat, subject

PRICES = {
    "ebs.gp3.storage": ("0.08", PriceUnit.GIB_MONTH),
    "eip.hour": ("0.005", PriceUnit.HOUR),
    "ec2.m5.large.linux": ("0.10", PriceUnit.HOUR),
    "ec2.m5.large.windows": ("0.20", PriceUnit.HOUR),
    "ec2.m5.large.linux.dedicated": ("0.11", PriceUnit.HOUR),
}
ALL_DAY = (1 << 24) - 1
NIGHT = (1 << 8) - 1
"""The first eight hours of a day."""


def instance(status: str = "running", **values: Any) -> Subject:
    properties = {
        "instanceType": "m5.large",
        "platformDetails": "Linux/UNIX",
        "lifecycle": "on-demand",
        "tenancy": "default",
        "stateChangedAt": None if status == "running" else ago(45).isoformat(),
        "blockDevices": [{"device": "/dev/xvda", "volumeId": "vol-1"}],
    }
    given = {name: values.pop(name) for name in ("tags", "status_since") if name in values}
    return subject(INSTANCE, "i-1", status=status, properties=properties | values, **given)


MEMBER = {"aws:autoscaling:groupName": "web"}


def volume(name: str, size: int) -> Subject:
    properties = {"volumeType": "gp3", "sizeGiB": size, "iops": 3000, "throughputMiBps": 125, "attachments": []}
    return subject(VOLUME, name, status="in-use", properties=properties)


ATTACHED = {
    (RelationshipKind.ATTACHED_TO, VOLUME): [volume("vol-1", 100), volume("vol-2", 50)],
    (RelationshipKind.ATTACHED_TO, EIP): [subject(EIP, "eipalloc-1", name="203.0.113.7")],
}


def quiet(*days: int | None) -> dict[str, Usage | None]:
    return {"quietHours": Usage(NOW.date(), tuple(None if day is None else float(day) for day in days))}


def used(cpu: float = 1, megabytes: float = 1, days: int = 14) -> dict[str, Usage | None]:
    half = flat(megabytes * 500_000, days)
    return {"cpu": flat(cpu, days), "received": half, "sent": half}


def case(check: str, proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    return Case(f"aws.ec2.{check}", proves, given, expected, amount, **({"prices": PRICES} | values))


def stopped(proves: str, given: Subject, expected: Any, amount: str | None = None, **values: Any) -> Case:
    return case("stopped_long", proves, given, expected, amount, **({"neighbours": ATTACHED} | values))


def idle(proves: str, expected: Any, amount: str | None = None, *, given: Subject | None = None, **values: Any) -> Case:
    return case("idle", proves, given or instance(), expected, amount, **({"usages": used()} | values))


def schedule(
    proves: str, days: dict[str, Usage | None], expected: Any, amount: str | None = None, **given: Any
) -> Case:
    return case("schedule_candidate", proves, instance(**given), expected, amount, usages=days)


WORK_WEEK = (NIGHT, NIGHT, NIGHT, NIGHT, NIGHT, ALL_DAY, ALL_DAY)
LONG_NIGHTS = ((1 << 12) - 1,) * 5 + (ALL_DAY, ALL_DAY)
"""108 of 168 hours."""

CASES = (
    # 150 GiB at 0.08 and 730 hours at 0.005.
    stopped("found", instance("stopped"), FOUND, "15.6500"),
    stopped("clear", instance(), CLEAR),
    stopped("boundary:minAgeDays", instance("stopped", stateChangedAt=ago(30).isoformat()), CLEAR),
    stopped("boundary:minAgeDays", instance("stopped", stateChangedAt=ago(30.01).isoformat()), FOUND),
    stopped("as scans saw it", instance("stopped", stateChangedAt=None, status_since=ago(29)), CLEAR),
    stopped("kept by a group", instance("stopped", tags=MEMBER), CLEAR),
    stopped("a volume that was not read", instance("stopped"), FOUND, "unknown", neighbours={}),
    stopped(
        "nothing is paid",
        instance("stopped", blockDevices=[]),
        FOUND,
        "0",
        neighbours={},
    ),
    stopped("disks that were not read", instance("stopped", blockDevices=None), UNKNOWN),
    idle("found", FOUND, "73.0000"),
    idle("clear", CLEAR, usages=used(cpu=60)),
    idle("boundary:cpuPercent", CLEAR, usages=used(cpu=5)),
    idle("boundary:cpuPercent", FOUND, usages=used(cpu=4.99)),
    idle("boundary:networkMegabytesPerDay", CLEAR, usages=used(megabytes=5)),
    idle("boundary:networkMegabytesPerDay", FOUND, usages=used(megabytes=4.99)),
    idle("missing:cpu", UNKNOWN, usages=used() | {"cpu": Usage(NOW.date(), (1.0,) * 13 + (None,))}),
    idle("missing:received", UNKNOWN, usages=used() | {"received": None}),
    idle("missing:sent", UNKNOWN, usages=used() | {"sent": None}),
    idle("stopped", CLEAR, given=instance("stopped")),
    idle("a member of a group", CLEAR, given=instance(tags=MEMBER)),
    idle("paid by its host", CLEAR, given=instance(tenancy="host")),
    idle("with Windows", FOUND, "146.0000", given=instance(platformDetails="Windows")),
    idle("with a licence of one's own", FOUND, "73.0000", given=instance(platformDetails="Windows BYOL")),
    idle("no details of its system", FOUND, "73.0000", given=instance(platformDetails=None)),
    idle("no details of Windows", FOUND, "146.0000", given=instance(platformDetails=None, platform="windows")),
    idle("a system without a price", FOUND, "unknown", given=instance(platformDetails="Windows with SQL Server Web")),
    idle("dedicated", FOUND, "80.3000", given=instance(tenancy="dedicated")),
    idle("spot", FOUND, "unknown", given=instance(lifecycle="spot")),
    idle(
        "spot by its charges",
        FOUND,
        "30.4375",
        given=instance(lifecycle="spot"),
        basis=PriceBasis.ACTUAL,
        cost=ActualCost(Decimal(30), "USD", 30),
    ),
    # 730 hours at 0.10, 108 of 168 of them.
    schedule("found", quiet(*LONG_NIGHTS * 2), FOUND, "46.9286"),
    schedule("clear", quiet(*WORK_WEEK * 2), CLEAR),
    schedule("boundary:quietPercent", quiet(*((1 << 11) - 1,) * 5 + (ALL_DAY,) * 2), FOUND),
    schedule("boundary:quietPercent", quiet(*((1 << 10) - 1,) * 5 + (ALL_DAY,) * 2), CLEAR),
    schedule("missing:quietHours", {"quietHours": None}, UNKNOWN),
    schedule("missing:quietHours", quiet(*LONG_NIGHTS, *(None,) * 7), UNKNOWN),
    schedule("one week is not like the other", quiet(*LONG_NIGHTS, *(0,) * 7), CLEAR),
    schedule("never busy", quiet(*(ALL_DAY,) * 14), CLEAR),
    schedule("less than a week", quiet(*(ALL_DAY,) * 4), CLEAR),
    schedule("a member of a group", quiet(*LONG_NIGHTS * 2), CLEAR, tags=MEMBER),
    schedule("spot", quiet(*LONG_NIGHTS * 2), CLEAR, lifecycle="spot"),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
