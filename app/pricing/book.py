"""The prices that are delivered with the product, as checks look them up."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from app.records import Provider
from app.records.detection import Price, PriceBasis, PriceUnit

ANY_REGION = "*"
"""The region of a price that is the same everywhere."""

Key = tuple[Provider, str, str]


class PriceBook:
    """Looks prices up; see app.detection.facts.Prices."""

    def __init__(self, prices: Mapping[Key, Price]) -> None:
        self._prices = prices

    def price(self, provider: Provider, code: str, region: str | None) -> Price | None:
        """The region's own price before one for all regions; None if neither is known."""
        of_region = self._prices.get((provider, code, region)) if region else None
        return of_region or self._prices.get((provider, code, ANY_REGION))


@cache
def seed_prices() -> Mapping[Key, Price]:
    """All delivered prices; where one is given for several days, the newest. Raises ValueError for a wrong row."""
    found: dict[Key, Price] = {}
    for name, row in _rows():
        try:
            key = (Provider(row["provider"]), row["code"], row["region"])
            price = Price(
                amount=Decimal(row["amount"]),
                currency=row["currency"],
                unit=PriceUnit(row["unit"]),
                basis=PriceBasis.LIST,
                valid_from=date.fromisoformat(row["valid_from"]),
                source=row["source"],
            )
        except (ValueError, ArithmeticError, KeyError) as error:
            message = f"{name}: {row} is no price: {error}"
            raise ValueError(message) from None
        held = found.get(key)
        if held is None or held.valid_from < price.valid_from:
            found[key] = price
    return MappingProxyType(found)


def seed_book() -> PriceBook:
    """A book of the delivered prices."""
    return PriceBook(seed_prices())


def _rows() -> Iterator[tuple[str, dict[str, str]]]:
    for file in sorted(files("app.pricing.seed").iterdir(), key=lambda file: file.name):
        if file.name.endswith(".csv"):
            for row in csv.DictReader(file.read_text(encoding="utf-8").splitlines()):
                yield file.name, row
