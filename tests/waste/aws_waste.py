"""What is wasted in the far account: check, label and what it costs a month, reckoned from list prices by hand.

Everything of the account that is not told here is a decoy: it must not be found.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from tests.waste.list_prices import HOURS, cents, prices
from tests.waste.seeding import REGION

Told = tuple[str, str, Decimal | None]
"""Check, label, monthly saving in USD; None where it cannot be told."""


def expected() -> dict[tuple[str, str], Decimal | None]:
    """Monthly savings by check and label."""
    parts = (*_volumes(),)
    found = {(check, label): None if money is None else cents(money) for check, label, money in parts}
    assert len(found) == len(parts), "each is told once"
    return found


def price(code: str) -> Decimal:
    """A list price."""
    return prices("AWS", REGION)[code]


def hourly(code: str, times: Decimal | int = 1) -> Decimal:
    """What costs so many times an hourly price, for a month."""
    return price(code) * times * HOURS


def _volumes() -> Iterator[Told]:
    gp3 = price("ebs.gp3.storage")
    loose = 500 * gp3 + (4000 - 3000) * price("ebs.gp3.iops") + (225 - 125) * price("ebs.gp3.throughput")
    yield "aws.ebs.unattached", "loose", loose
