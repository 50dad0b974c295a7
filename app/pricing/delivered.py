"""The list prices that are delivered with the product: CSV files in `seed`, one row for a price or for a family.

Columns: `provider`, `code`, `sizes`, `regions`, `unit`, `currency`, `amount`, `valid_from`, `source`. A row holds in
each of its `regions`. Where `code` contains `{size}` the row is a family whose price doubles with its size: one price
for each of its `sizes`, `amount` being that of `large` or, where sizes are numbers, of 1.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Final

from app.records import Provider
from app.records.detection import PriceUnit
from app.records.prices import ListPrice

_SIZE: Final = "{size}"
_SMALL: Final = {"nano": 16, "micro": 8, "small": 4, "medium": 2, "large": 1}
"""How many of a size cost as much as one `large`."""
_MULTIPLE: Final = re.compile(r"(\d*)xlarge")


@cache
def delivered_prices() -> tuple[ListPrice, ...]:
    """All delivered prices. Raises ValueError for a row that is none, or a price that is told twice."""
    found: dict[tuple[Provider, str, str, date], ListPrice] = {}
    for name, row in _rows():
        for price in _read(name, row):
            key = (price.provider, price.code, price.region, price.valid_from)
            if key in found:
                message = f"{name}: {price.code} in {price.region} is told twice for {price.valid_from}"
                raise ValueError(message)
            found[key] = price
    return tuple(found.values())


@dataclass(frozen=True, slots=True)
class DeliveredCount:
    """How many prices of a provider are delivered, in how many regions, and since when the newest holds."""

    provider: Provider
    prices: int
    regions: int
    newest: date


@cache
def delivered_counts() -> tuple[DeliveredCount, ...]:
    """One count for each provider of which prices are delivered."""
    by_provider: dict[Provider, list[ListPrice]] = defaultdict(list)
    for price in delivered_prices():
        by_provider[price.provider].append(price)
    return tuple(
        DeliveredCount(
            provider, len(prices), len({each.region for each in prices}), max(each.valid_from for each in prices)
        )
        for provider, prices in sorted(by_provider.items())
    )


def _rows() -> Iterator[tuple[str, dict[str, str]]]:
    for file in sorted(files("app.pricing.seed").iterdir(), key=lambda file: file.name):
        if file.name.endswith(".csv"):
            for row in csv.DictReader(file.read_text(encoding="utf-8").splitlines()):
                yield file.name, row


def _read(name: str, row: Mapping[str, str]) -> Iterator[ListPrice]:
    try:
        regions, sizes = row["regions"].split(), row["sizes"].split()
        _refuse_halves(row["code"], regions, sizes)
        for region in regions:
            for size in sizes or [""]:
                yield ListPrice(
                    provider=Provider(row["provider"]),
                    code=row["code"].replace(_SIZE, size),
                    region=region,
                    unit=PriceUnit(row["unit"]),
                    currency=row["currency"],
                    amount=Decimal(row["amount"]) * (_factor(size) if size else 1),
                    valid_from=date.fromisoformat(row["valid_from"]),
                    source=row["source"],
                )
    except (ValueError, ArithmeticError, KeyError) as error:
        message = f"{name}: {dict(row)} is no price: {error}"
        raise ValueError(message) from None


def _refuse_halves(code: str, regions: Sequence[str], sizes: Sequence[str]) -> None:
    if not regions or bool(sizes) is not (_SIZE in code):
        message = "it has no region, or sizes where its code has none"
        raise ValueError(message)


def _factor(size: str) -> Decimal:
    """How many times as much as `large` a size costs; a number stands for itself."""
    if size in _SMALL:
        return Decimal(1) / _SMALL[size]
    found = _MULTIPLE.fullmatch(size)
    return Decimal(size) if found is None else Decimal(2 * int(found[1] or 1))
