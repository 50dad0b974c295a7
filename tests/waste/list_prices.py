"""The delivered list prices as anybody reads them in the CSV files, without the product's own reader."""

from __future__ import annotations

import csv
from decimal import Decimal
from functools import cache
from pathlib import Path

SEED = Path(__file__).resolve().parents[2] / "app" / "pricing" / "seed"
HOURS = 730
"""The hours of a month, for what is paid by the hour."""


@cache
def prices(provider: str, region: str) -> dict[str, Decimal]:
    """By code; a family of sizes only by the amount of its row, under its code with `{size}`."""
    found: dict[str, Decimal] = {}
    for path in sorted(SEED.glob("*.csv")):
        with path.open(encoding="utf-8") as file:
            for row in csv.DictReader(file):
                there = {region, "*"} & set(row["regions"].split())
                if row["provider"] == provider and row["currency"] == "USD" and there:
                    found[row["code"]] = Decimal(row["amount"])
    return found


def cents(amount: Decimal) -> Decimal:
    """As amounts are stored: to the hundredth of a cent."""
    return amount.quantize(Decimal("0.0001"))
