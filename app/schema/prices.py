"""Prices: what an organization pays instead of list prices, and what the platform knows of list prices."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

import strawberry

from app.context import Info
from app.pricing.lookup import MOST_CODES, check_codes
from app.records import Permission, Provider
from app.records.criteria import Direction, PriceOverrideOrderField
from app.records.detection import Price as PriceRecord
from app.records.detection import PriceBasis, PriceUnit
from app.records.prices import ANY_REGION
from app.schema.enums import graph_enum
from app.schema.errors import InvalidInput, NotFound
from app.schema.filters import EnumFilter, StringFilter
from app.schema.ingestion import RowIssue
from app.schema.node import Node, global_id
from app.schema.organization_part import OrganizationPart
from app.schema.pages import rows_page
from app.schema.paging import After, Before, Connection, First, Last, PageArguments

graph_enum(
    PriceUnit,
    "What a price is for. A GiB is 2^30 bytes, a month 730 hours.",
    HOUR="An hour.",
    MONTH="A month.",
    GIB_MONTH="A GiB kept for a month.",
    IOPS_MONTH="An operation a second, provisioned for a month.",
    MIBPS_MONTH="A MiB a second, provisioned for a month.",
    GIB="A GiB that is moved.",
    MILLION_REQUESTS="A million requests.",
    SEAT_MONTH="A seat for a month.",
)
_PATTERN = "Code of a price as checks name it, such as `nat.hour`; in a discount's `*` stands for any part: `ec2.*`."
_REGION = f"The region as its provider names it; `{ANY_REGION}` for all."
_FROM = "The first day on which it holds."
_TO = "The day from which on it no longer holds; null where no end is known."
_DISCOUNT = "How much is taken off list prices, in percent; null for an own price."
_AMOUNT = "What one unit costs; null for a discount."
_CURRENCY = "Currency of the amount, a code of ISO 4217; null for a discount."
_UNIT = "What the amount is for; null for a discount."


@strawberry.type(
    description="What an organization pays instead of list prices: a price of its own, which comes before all, or a "
    "discount, of which the one with the most special pattern counts. Accounts of the provider are "
    "looked at again at once; their savings have the basis CONTRACTED then."
)
class PriceOverride(Node):
    """A row of `price_overrides`."""

    provider: Provider = strawberry.field(description="Whose prices.")
    pattern: str = strawberry.field(description=_PATTERN)
    region: str = strawberry.field(description=_REGION)
    valid_from: date = strawberry.field(description=_FROM)
    valid_to: date | None = strawberry.field(description=_TO)
    discount_percent: Decimal | None = strawberry.field(description=_DISCOUNT)
    amount: Decimal | None = strawberry.field(description=_AMOUNT)
    currency: str | None = strawberry.field(description=_CURRENCY)
    unit: PriceUnit | None = strawberry.field(description=_UNIT)
    note: str = strawberry.field(description="Where it is from, such as the number of a contract.")
    updated_at: datetime = strawberry.field(description="When it was stored or last changed.")

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> PriceOverride:
        """Make it of a row."""
        names = ("pattern", "region", "valid_from", "valid_to", "discount_percent", "amount", "currency", "note")
        return cls(
            id=global_id("PriceOverride", row["id"], row["organization_id"]),
            provider=Provider(row["provider"]),
            unit=None if row["unit"] is None else PriceUnit(row["unit"]),
            updated_at=row["updated_at"],
            **{name: row[name] for name in names},
        )


@strawberry.input(description="Which own prices and discounts; all conditions must hold.")
class PriceOverrideFilter:
    """Fields are named like columns of `price_overrides`."""

    provider: EnumFilter[Provider] | None = strawberry.field(default=None, description="Whose prices.")
    pattern: StringFilter | None = strawberry.field(default=None, description="Their pattern, as it is written.")


@strawberry.type(description="What one unit of something costs an organization, and who says so.")
class Price:
    """See app.records.detection.Price."""

    unit: PriceUnit = strawberry.field(description="What the amount is for.")
    amount: Decimal = strawberry.field(description="What one unit costs.")
    currency: str = strawberry.field(description="Its currency, a code of ISO 4217.")
    basis: PriceBasis = strawberry.field(description="CONTRACTED where the organization pays other than list prices.")
    valid_from: date = strawberry.field(description="Since when it holds.")
    source: str = strawberry.field(description="Who says so: the address of a price list, or an organization's note.")


@strawberry.type(description="What is known of the price of one code.")
class PriceAnswer:
    """One of the answers of `Organization.prices`."""

    code: str = strawberry.field(description="The code, as it was asked for.")
    region: str = strawberry.field(description="The region, as it was asked for.")
    price: Price | None = strawberry.field(description="Its price; null where none is known.")
    reason: str | None = strawberry.field(description="Why there is no price; null where there is one.")

    @classmethod
    def make(cls, code: str, region: str, price: PriceRecord | None) -> PriceAnswer:
        """Make it of what was found."""
        if price is None:
            where = "for all regions" if region == ANY_REGION else f"in {region}"
            reason = f"There is no price of {code} {where}; set one with `setPriceOverrides`."
            return cls(code=code, region=region, price=None, reason=reason)
        names = ("unit", "amount", "currency", "basis", "valid_from", "source")
        made = Price(**{name: getattr(price, name) for name in names})
        return cls(code=code, region=region, price=made, reason=None)


@strawberry.type
class OrganizationPrices(OrganizationPart):
    """The part of `Organization` that this room adds; `Organization` inherits it."""

    @strawberry.field(
        description=f"What some codes cost today, 1 to {MOST_CODES} of them, in their order: its own prices and "
        "discounts come before list prices, those of the region before those for all. `Check.prices` tells the codes."
    )
    async def prices(
        self,
        info: Info,
        provider: Annotated[Provider, strawberry.argument(description="Whose prices.")],
        codes: Annotated[list[str], strawberry.argument(description="Codes as checks name them, such as `nat.hour`.")],
        region: Annotated[str, strawberry.argument(description=_REGION)] = ANY_REGION,
    ) -> list[PriceAnswer] | None:
        """Two statements for any number of codes."""
        key = self.require(Permission.ORGANIZATION_READ)
        check_codes(codes, region)
        found = await info.context.loaders.prices(key, provider, codes, region)
        return [PriceAnswer.make(code, region, price) for code, price in zip(codes, found, strict=True)]

    @strawberry.field(description="What it pays instead of list prices, by pattern.")
    async def price_overrides(
        self,
        info: Info,
        where: Annotated[PriceOverrideFilter | None, strawberry.argument(description="Which ones.")] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[PriceOverride] | None:
        """One statement a page, one more for the count when it is asked."""
        key = self.require(Permission.ORGANIZATION_READ)
        page = PageArguments(first, after, last, before)
        order = (PriceOverrideOrderField.PATTERN, Direction.ASC)
        return await rows_page(
            info, info.context.loaders.price_overrides, PriceOverride.from_row, key, where, order, page
        )


@strawberry.input(description="An own price (`amount`, `currency`, `unit`) or a discount (`discountPercent`).")
class PriceOverrideInput:
    """See app.pricing.overrides.SentOverride."""

    provider: Provider = strawberry.field(description="Whose prices.")
    pattern: str = strawberry.field(description=_PATTERN)
    valid_from: date = strawberry.field(description=_FROM)
    region: str = strawberry.field(default=ANY_REGION, description=_REGION)
    valid_to: date | None = strawberry.field(default=None, description=_TO)
    discount_percent: Decimal | None = strawberry.field(default=None, description="Above 0, at most 100.")
    amount: Decimal | None = strawberry.field(default=None, description="What one unit costs, 0 or more.")
    currency: str | None = strawberry.field(default=None, description="Currency of the amount, a code of ISO 4217.")
    unit: PriceUnit | None = strawberry.field(default=None, description="What the amount is for.")
    note: str = strawberry.field(default="", description="Where it is from; at most 500 characters.")


@strawberry.input(
    description="At most 500. One that is there for the same provider, pattern, region and first day is replaced."
)
class SetPriceOverridesInput:
    """See `setPriceOverrides`."""

    organization_id: strawberry.ID = strawberry.field(description="The organization.")
    overrides: list[PriceOverrideInput] = strawberry.field(description="1 to 500 of them; numbered from 1.")


@strawberry.type(description="What became of them. Accounts of these providers are looked at again at once.")
class SetPriceOverridesPayload:
    """See `setPriceOverrides`."""

    received: int = strawberry.field(description="How many were sent.")
    added: int = strawberry.field(description="Those that are new.")
    changed: int = strawberry.field(description="Those that took the place of another.")
    unchanged: int = strawberry.field(description="Those that were there just so.")
    issues: list[RowIssue] = strawberry.field(description="What was wrong, row by row; such rows did not land.")


SetPriceOverridesResult = Annotated[
    SetPriceOverridesPayload | InvalidInput | NotFound,
    strawberry.union("SetPriceOverridesResult", description="What `setPriceOverrides` answers."),
]


@strawberry.input(description="Own prices and discounts to delete.")
class DeletePriceOverridesInput:
    """See `deletePriceOverrides`."""

    organization_id: strawberry.ID = strawberry.field(description="The organization that they belong to.")
    ids: list[strawberry.ID] = strawberry.field(description="Their global ids, 1 to 500.")


@strawberry.type(
    description="They are gone, those that were gone before not counted. Accounts are looked at again at once."
)
class DeletePriceOverridesPayload:
    """See `deletePriceOverrides`."""

    deleted: int = strawberry.field(description="How many there were.")


DeletePriceOverridesResult = Annotated[
    DeletePriceOverridesPayload | InvalidInput | NotFound,
    strawberry.union("DeletePriceOverridesResult", description="What `deletePriceOverrides` answers."),
]
