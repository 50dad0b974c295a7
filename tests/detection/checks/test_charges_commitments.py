"""Checks of what commitments and capacity reservations leave unused."""

from __future__ import annotations

from typing import Any

import pytest

from app.detection.facts import Subject
from app.records import Provider
from app.records.detection import PriceBasis
from tests.detection.cases import CLEAR, FOUND, TOO_LITTLE, UNKNOWN, Case, charged, subject

OF = {
    "aws.commitment.underused": Provider.AWS,
    "az.reservation.underused": Provider.AZURE,
    "gcp.cud.underused": Provider.GCP,
    "focus.commitment.unused": Provider.OTHER,
    "focus.capacity.unused": Provider.AWS,
}
TOLD = ("aws.commitment.underused", "az.reservation.underused", "gcp.cud.underused")


def commitment(provider: Provider) -> Subject:
    return subject("", "plan-1", provider=provider, region=None)


def case(check: str, proves: str, expected: Any, amount: str | None = None, **charges: Any) -> Case:
    given = commitment(OF[check])
    return Case(check, proves, given, expected, amount, PriceBasis.ACTUAL, charges=charged(**charges))


CASES = (
    # 7 days with 20 of 100 unused: 140 / 7 * 30.4375
    *(case(check, "found", FOUND, "608.7500", used=80, unused=20) for check in OF),
    *(case(check, "clear", CLEAR, used=80) for check in OF),
    *(case(check, "never used", FOUND, "304.3750", unused=10) for check in OF),
    *(case(check, "boundary:leastUtilization", CLEAR, used=90, unused=10) for check in TOLD),
    *(case(check, "boundary:leastUtilization", FOUND, used="89.9", unused="10.1") for check in TOLD),
    *(case(check, "a day is missing", UNKNOWN, used=80, unused=20, missing=3) for check in OF),
    *(case(check, "a day before the window is missing", FOUND, used=80, unused=20, missing=9) for check in OF),
    *(case(check, "six days are known", UNKNOWN, days=6, used=80, unused=20) for check in OF),
    *(case(check, "no effective cost", UNKNOWN, used=80, unpriced="unused") for check in OF),
    *(case(check, "a cent", TOO_LITTLE, unused="0.01") for check in OF),
    *(case(check, "unused long ago", CLEAR, unused=[20] * 20 + [0] * 7, used=80) for check in OF),
    Case("focus.commitment.unused", "another check's", commitment(Provider.AWS), CLEAR, charges=charged(unused=20)),
    Case("aws.commitment.underused", "nothing imported", commitment(Provider.AWS), UNKNOWN),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
