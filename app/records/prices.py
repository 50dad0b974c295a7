"""Words of prices that cross rooms: a dated list price, and what an organization pays instead."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from app.records import Provider
from app.records.detection import PriceUnit

ANY_REGION = "*"
"""The region of a price that is the same everywhere."""


@dataclass(frozen=True, slots=True)
class ListPrice:
    """What a provider asks for one unit of something in a region, from a day on until before another, if that is set.

    `code` is ours, such as `ec2.m5.large.linux`; `sku` is the provider's own name for it, empty where there is none.
    """

    provider: Provider
    code: str
    region: str
    unit: PriceUnit
    currency: str
    amount: Decimal
    valid_from: date
    source: str
    sku: str = ""
    valid_to: date | None = None

    def is_valid(self, day: date) -> bool:
        """Whether it holds on a day."""
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)


@dataclass(frozen=True, slots=True)
class PriceOverride:
    """What an organization pays instead of list prices: `discount_percent` off them, or an `amount` of its own.

    `pattern` is a code; in a discount's `*` stands for any part: `ec2.*`. An own amount has a unit and a currency.
    """

    id: UUID
    provider: Provider
    pattern: str
    region: str
    valid_from: date
    valid_to: date | None = None
    discount_percent: Decimal | None = None
    amount: Decimal | None = None
    currency: str | None = None
    unit: PriceUnit | None = None
    note: str = ""

    def is_valid(self, day: date) -> bool:
        """Whether it holds on a day."""
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)
