"""Checks of commitments."""

from __future__ import annotations

from typing import Any

import pytest

from app.detection.checks.aws_commitments import PLAN, RESERVED
from app.detection.facts import Subject
from tests.detection.cases import CLEAR, FOUND, UNKNOWN, Case, ago, subject


def commitment(ends: float | None = 10, status: str = "active", kind: str = PLAN) -> Subject:
    properties = {
        "endsAt": None if ends is None else ago(-ends).isoformat(),
        "hourlyCommitment": "1.5",
        "hourlyPrice": 0.02,
        "currency": "USD",
    }
    return subject(kind, "arn:plan", status=status, properties=properties)


def case(proves: str, given: Subject, expected: Any, amount: str | None = None) -> Case:
    return Case("aws.commitment.expiring", proves, given, expected, amount)


CASES = (
    case("found", commitment(), FOUND, "0"),
    case("a Reserved Instance", commitment(kind=RESERVED), FOUND, "0"),
    case("clear", commitment(200), CLEAR),
    case("boundary:withinDays", commitment(30), CLEAR),
    case("boundary:withinDays", commitment(29.99), FOUND),
    case("has ended", commitment(-1), CLEAR),
    case("not begun", commitment(status="queued"), CLEAR),
    case("no end", commitment(None), UNKNOWN),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
