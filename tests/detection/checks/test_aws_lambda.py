"""Checks of Lambda functions."""

from __future__ import annotations

from typing import Any

import pytest

from app.detection.checks.aws_lambda import FUNCTION
from app.detection.facts import Subject
from app.detection.usage import Usage
from app.records.detection import PriceUnit
from tests.detection.cases import CLEAR, FOUND, NOW, TOO_LITTLE, UNKNOWN, Case, ago, flat, subject

PRICES = {
    "lambda.provisioned.gib": ("0.015", PriceUnit.HOUR),
    "lambda.provisioned.arm.gib": ("0.012", PriceUnit.HOUR),
    "lambda.duration.gib": ("0.06", PriceUnit.HOUR),
}
HOUR = 3_600_000.0


def function(*, since: float = 30, **values: Any) -> Subject:
    properties = {
        "architectures": ["x86_64"],
        "memoryMb": 2048,
        "provisionedConcurrency": [{"qualifier": "live", "requested": 5}, {"qualifier": "next", "requested": 5}],
    }
    changed_at = {"provisionedConcurrency": ago(since)}
    return subject(FUNCTION, "arn:function", changed_at=changed_at, properties=properties | values)


def ready(proves: str, peak: float | None, expected: Any, amount: str | None = None, **values: Any) -> Case:
    given = values.pop("given", function())
    usages = {"utilization": flat(peak, 7)}
    check = "aws.lambda.provisioned_concurrency_idle"
    return Case(check, proves, given, expected, amount, usages=usages, prices=PRICES, **values)


def ran(hours_a_day: float | None = 24, memory: float | None = 20) -> dict[str, Usage | None]:
    duration = flat(None if hours_a_day is None else hours_a_day * HOUR, 14)
    return {"duration": duration, "memory": flat(memory, 14)}


def roomy(proves: str, expected: Any, amount: str | None = None, **values: Any) -> Case:
    given = values.pop("given", function())
    plain: dict[str, Any] = {"usages": ran(), "prices": PRICES}
    return Case("aws.lambda.overmemory", proves, given, expected, amount, **(plain | values))


CASES = (
    # 10 times 2 GiB, 730 hours at 0.015.
    ready("found", 0, FOUND, "219.0000"),
    ready("clear", 0.8, CLEAR),
    ready("boundary:usedPercent", 0.1, CLEAR),
    ready("boundary:usedPercent", 0.09, FOUND),
    ready("missing:utilization", None, UNKNOWN),
    ready("on Arm", 0, FOUND, "175.2000", given=function(architectures=["arm64"])),
    ready("nothing is kept ready", 0, CLEAR, given=function(provisionedConcurrency=[])),
    ready("kept ready since yesterday", 0, CLEAR, given=function(since=1)),
    ready("what is kept ready was not read", 0, UNKNOWN, given=function(provisionedConcurrency=None)),
    # 24 hours a day of 2 GiB at 0.06 are 87.66 a month; 492 of 2,048 MiB would do.
    roomy("found", FOUND, "66.6011", target="492 MiB"),
    roomy("clear", CLEAR, usages=ran(memory=90)),
    roomy("boundary:memoryPercent", CLEAR, usages=ran(memory=50)),
    roomy("boundary:memoryPercent", FOUND, usages=ran(memory=49)),
    roomy("missing:duration", UNKNOWN, usages=ran(hours_a_day=None)),
    roomy("missing:memory", UNKNOWN, usages=ran() | {"memory": None}),
    roomy("Lambda Insights is off", UNKNOWN, usages=ran(memory=0)),
    roomy(
        "Lambda Insights was off at first",
        UNKNOWN,
        usages=ran() | {"memory": Usage(NOW.date(), (0.0,) * 7 + (20.0,) * 7)},
    ),
    roomy(
        "not called at weekends",
        FOUND,
        usages={
            "duration": Usage(NOW.date(), ((HOUR,) * 5 + (0.0,) * 2) * 2),
            "memory": Usage(NOW.date(), ((20.0,) * 5 + (0.0,) * 2) * 2),
        },
    ),
    roomy("never called", CLEAR, usages=ran(0, 0)),
    roomy("seldom called", TOO_LITTLE, usages=ran(0.1)),
    roomy("the least there is", CLEAR, given=function(memoryMb=128)),
    roomy("never less than the least", FOUND, given=function(memoryMb=256), usages=ran(memory=1), target="128 MiB"),
    roomy("a fifth of room needs all of it", CLEAR, given=function(memoryMb=129), usages=ran(memory=90)),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
