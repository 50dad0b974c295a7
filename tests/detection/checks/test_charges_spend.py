"""Checks of what bills alone tell: tags, credits, corrections, transfer, surcharges, growth and test environments."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from app.detection.charges import Charges
from app.records import Provider
from app.records.detection import PriceBasis
from tests.detection.cases import CLEAR, FOUND, NOW, TOO_LITTLE, UNKNOWN, Case, ago, charged, subject

OF = subject("", "111", provider=Provider.AWS, region=None)
UNTAGGED, CREDITS, CORRECTED = "focus.spend.untagged", "focus.credits.expiring", "focus.charges.corrected"
TRANSFER, EXTENDED = "focus.transfer.share", "focus.support.extended"
GROWTH, ALWAYS_ON = "focus.service.growth", "focus.nonprod.always_on"
SEPTEMBER, OCTOBER, NOVEMBER = date(2026, 9, 1), date(2026, 10, 1), date(2026, 11, 1)


def case(check: str, proves: str, expected: Any, charges: Charges | None, amount: str | None = "0") -> Case:
    basis = PriceBasis.ACTUAL if check == EXTENDED else PriceBasis.LIST
    return Case(check, proves, OF, expected, amount if expected is FOUND else None, basis, charges=charges)


def months(since: date = SEPTEMBER, missing: bool = False, **kinds: tuple[Any, ...]) -> Charges:
    """Sums of the months up to October, the newest last."""
    firsts = [SEPTEMBER, OCTOBER]
    amounts = {
        kind: dict(zip(firsts[-len(told) :], (Decimal(str(one)) for one in told), strict=True))
        for kind, told in kinds.items()
    }
    return Charges("USD", since, NOVEMBER, amounts, [(date(2026, 10, 5), date(2026, 10, 6))] if missing else [])


def week(working: str, weekend: str, count: int = 35) -> list[str]:
    """Costs of days up to yesterday."""
    return [weekend if ago(back).weekday() > 4 else working for back in range(count, 0, -1)]


def given(before: str, now: str, on: int = 31) -> Charges:
    return charged(credits=["0"] * (31 - on) + [f"-{before}"] * on + [f"-{now}"] * 7)


CASES = (
    case(UNTAGGED, "found", FOUND, charged(untagged=30, tagged=70)),
    case(UNTAGGED, "clear", CLEAR, charged(tagged=70)),
    case(UNTAGGED, "boundary:mostUntagged", CLEAR, charged(untagged=20, tagged=80)),
    case(UNTAGGED, "boundary:mostUntagged", FOUND, charged(untagged="20.1", tagged="79.9")),
    case(UNTAGGED, "nothing spent", CLEAR, charged()),
    case(UNTAGGED, "a day is missing", UNKNOWN, charged(untagged=30, tagged=70, missing=30)),
    case(CREDITS, "found", FOUND, given("10", "0")),
    case(CREDITS, "clear", CLEAR, given("10", "10")),
    case(CREDITS, "never any", CLEAR, charged()),
    case(CREDITS, "boundary:mostDrop", CLEAR, given("10", "5")),
    case(CREDITS, "boundary:mostDrop", FOUND, given("10", "4.9")),
    case(CREDITS, "boundary:leastDays", CLEAR, given("10", "0", on=6)),
    case(CREDITS, "boundary:leastDays", FOUND, given("10", "0", on=7)),
    case(CREDITS, "a month is not known", UNKNOWN, charged(days=30, credits=[-10] * 23 + [0] * 7)),
    case(CORRECTED, "found", FOUND, months(charged=(40,))),
    case(CORRECTED, "refunds count", FOUND, months(charged=(6,), refunded=(-5,))),
    case(CORRECTED, "clear", CLEAR, months(charged=(40, 0))),
    case(CORRECTED, "boundary:leastAmount", CLEAR, months(charged=(10,))),
    case(CORRECTED, "boundary:leastAmount", FOUND, months(charged=("10.01",))),
    case(CORRECTED, "a day is missing", UNKNOWN, months(missing=True, charged=(40,))),
    case(TRANSFER, "found", FOUND, charged(transfer=20, total=100), "unknown"),
    case(TRANSFER, "clear", CLEAR, charged(total=100)),
    case(TRANSFER, "boundary:mostShare", CLEAR, charged(transfer=10, total=100)),
    case(TRANSFER, "boundary:mostShare", FOUND, charged(transfer="10.1", total=100), "unknown"),
    case(TRANSFER, "a day is missing", UNKNOWN, charged(transfer=20, total=100, missing=1)),
    case(EXTENDED, "found", FOUND, charged(surcharge=2), "60.8750"),
    case(EXTENDED, "clear", CLEAR, charged()),
    case(EXTENDED, "upgraded", CLEAR, charged(surcharge=[2] * 20 + [0] * 7)),
    case(EXTENDED, "a cent", TOO_LITTLE, charged(surcharge="0.01")),
    case(EXTENDED, "a day is missing", UNKNOWN, charged(surcharge=2, missing=4)),
    case(GROWTH, "found", FOUND, months(cost=(3000, 6200))),
    case(GROWTH, "clear", CLEAR, months(cost=(3000, 3100))),
    case(GROWTH, "a new service", CLEAR, months(cost=(3100,))),
    # 30 and 31 days: 100 a day, then 130 a day
    case(GROWTH, "boundary:mostGrowth", CLEAR, months(cost=(3000, 4030))),
    case(GROWTH, "boundary:mostGrowth", FOUND, months(cost=(3000, "4030.01"))),
    case(GROWTH, "boundary:leastIncrease", CLEAR, months(cost=(30, 80))),
    case(GROWTH, "boundary:leastIncrease", FOUND, months(cost=(30, "80.01"))),
    case(GROWTH, "the month before is not known", UNKNOWN, months(since=OCTOBER, cost=(3100,))),
    case(GROWTH, "a day is missing", UNKNOWN, months(missing=True, cost=(3000, 6200))),
    case(ALWAYS_ON, "found", FOUND, charged(cost=week("10", "10")), "unknown"),
    case(ALWAYS_ON, "clear", CLEAR, charged(cost=week("10", "0"))),
    case(ALWAYS_ON, "boundary:leastFlatness", CLEAR, charged(cost=week("10", "8.99"))),
    case(ALWAYS_ON, "boundary:leastFlatness", FOUND, charged(cost=week("10", "9")), "unknown"),
    case(ALWAYS_ON, "a day is missing", UNKNOWN, charged(cost=week("10", "10"), missing=20)),
    *(case(check, "nothing imported", UNKNOWN, None) for check in (UNTAGGED, CREDITS, CORRECTED, GROWTH, ALWAYS_ON)),
)
assert NOW.date() > NOVEMBER


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    case.verify()
