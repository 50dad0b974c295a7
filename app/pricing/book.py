"""Looks prices up for checks: what an organization pays before list prices, the region's own before the general."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cache
from types import MappingProxyType

from app.pricing.delivered import delivered_prices
from app.records import Provider
from app.records.detection import Price, PriceBasis
from app.records.prices import ANY_REGION, ListPrice, PriceOverride

Key = tuple[Provider, str, str]
_PERCENT = Decimal(100)


class PriceBook:
    """List prices of one day, and what an organization pays instead; see app.detection.facts.Prices."""

    def __init__(self, prices: Mapping[Key, Price], overrides: Iterable[PriceOverride] = ()) -> None:
        self._prices = prices
        self._overrides = tuple(overrides)
        self._known: dict[tuple[Provider, str, str | None], Price | None] = {}
        self._terms = _Terms()
        for override in self._overrides:
            self._terms.add(override)

    def lines(self) -> Iterator[str]:
        """All that it rests on, in an order of its own: two books with the same lines tell the same prices."""
        for (provider, code, region), price in sorted(self._prices.items()):
            yield f"{provider} {code} {region} {price.amount} {price.currency} {price.unit} {price.valid_from}"
        for override in sorted(self._overrides, key=lambda one: one.id):
            yield repr(override)

    def price(self, provider: Provider, code: str, region: str | None) -> Price | None:
        """What the organization pays before the list price; the region's own before one for all regions."""
        key = (provider, code, region)
        if key not in self._known:
            self._known[key] = self._price(*key)
        return self._known[key]

    def _price(self, provider: Provider, code: str, region: str | None) -> Price | None:
        own = self._terms.own.get((provider, code, region or ANY_REGION))
        own = own or self._terms.own.get((provider, code, ANY_REGION))
        if own is not None:
            return own
        listed = self._prices.get((provider, code, region)) if region else None
        listed = listed or self._prices.get((provider, code, ANY_REGION))
        discount = None if listed is None else self._terms.discount(provider, code, region)
        return listed if listed is None or discount is None else _less(listed, discount)


@dataclass
class _Terms:
    """Overrides, ready to be looked up."""

    own: dict[Key, Price] = field(default_factory=dict)
    discounts: list[tuple[re.Pattern[str], PriceOverride]] = field(default_factory=list)

    def add(self, override: PriceOverride) -> None:
        """Of two that are alike the newer one holds."""
        if override.discount_percent is not None:
            self.discounts.append((pattern_of(override.pattern), override))
            return
        key = (override.provider, override.pattern, override.region)
        held = self.own.get(key)
        if held is None or held.valid_from < override.valid_from:
            self.own[key] = _own_price(override)

    def discount(self, provider: Provider, code: str, region: str | None) -> PriceOverride | None:
        """The most special one that fits: by the letters of its pattern, then by its region, then the newest."""
        fitting = [
            each
            for pattern, each in self.discounts
            if each.provider is provider and each.region in {region, ANY_REGION} and pattern.fullmatch(code)
        ]
        return max(fitting, key=_speciality, default=None)


def pattern_of(pattern: str) -> re.Pattern[str]:
    """A pattern of codes, in which `*` stands for anything, as a regular expression."""
    return re.compile(".*".join(re.escape(part) for part in pattern.split("*")))


def _speciality(override: PriceOverride) -> tuple[int, bool, date]:
    return len(override.pattern.replace("*", "")), override.region != ANY_REGION, override.valid_from


def _own_price(override: PriceOverride) -> Price:
    if override.amount is None or override.currency is None or override.unit is None:
        message = f"An own price of {override.pattern} needs an amount, a currency and a unit."
        raise ValueError(message)
    return Price(
        amount=override.amount,
        currency=override.currency,
        unit=override.unit,
        basis=PriceBasis.CONTRACTED,
        valid_from=override.valid_from,
        source=override.note or "the organization's own price",
    )


def _less(listed: Price, discount: PriceOverride) -> Price:
    percent = discount.discount_percent or Decimal(0)
    return Price(
        amount=listed.amount * (_PERCENT - percent) / _PERCENT,
        currency=listed.currency,
        unit=listed.unit,
        basis=PriceBasis.CONTRACTED,
        valid_from=max(listed.valid_from, discount.valid_from),
        source=f"{percent.normalize():f} % off the price of {listed.source}",
    )


def newest(prices: Iterable[ListPrice]) -> dict[Key, Price]:
    """List prices as they are looked up; where one is given for several days, the newest."""
    found: dict[Key, Price] = {}
    for each in prices:
        key = (each.provider, each.code, each.region)
        held = found.get(key)
        if held is None or held.valid_from < each.valid_from:
            found[key] = Price(each.amount, each.currency, each.unit, PriceBasis.LIST, each.valid_from, each.source)
    return found


@cache
def seed_prices() -> Mapping[Key, Price]:
    """All delivered prices, the newest of each."""
    return MappingProxyType(newest(delivered_prices()))


def seed_book() -> PriceBook:
    """A book of the delivered prices alone."""
    return PriceBook(seed_prices())
