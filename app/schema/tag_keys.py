"""Tag keys: how they are spelt, which are promoted, and how much cost carries them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import strawberry

from app.costs.outlook.series import ratio


@strawberry.type(description="How much of the cost of a month carries a tag key, in one currency.")
class TagKeyCost:
    """An entry of `costs` of a row of `tag_key_figures`."""

    currency: str = strawberry.field(description="The currency in which it was billed.")
    effective_cost: Decimal = strawberry.field(description="Effective cost of the charges that carry the key.")
    total_effective_cost: Decimal = strawberry.field(description="Effective cost of all charges.")
    share: Decimal | None = strawberry.field(description="The one divided by the other; null where there is no cost.")


@strawberry.type(description="A tag key of the charges: all spellings that differ in case or blanks are one key.")
class TagKey:
    """A row of `tag_key_figures`, of `promoted_tag_keys`, or of both."""

    key: str = strawberry.field(description="Its normal form: no blanks around it, single ones in it, lower case.")
    promoted: bool = strawberry.field(description="Whether costs are grouped and allocated by it.")
    position: int | None = strawberry.field(description="Its place among the promoted keys, from 1.")
    spellings: list[str] = strawberry.field(description="How it was delivered, at most 20, the commonest first.")
    tag_sets: int | None = strawberry.field(
        description="How many different sets of tags have it; null for a promoted key that was not counted yet."
    )
    month: date | None = strawberry.field(
        description="First day of the last month that was over and had charges, whose costs are told here."
    )
    costs: list[TagKeyCost] = strawberry.field(
        description="How much of that month's cost carries it; one for each currency billed."
    )
    counted_at: datetime | None = strawberry.field(description="When this was counted: after imports, within minutes.")

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> TagKey:
        """Make it of a row."""
        pairs = [(each["currency"], Decimal(each["cost"]), Decimal(each["total"])) for each in row["costs"] or ()]
        return cls(
            key=row["key"],
            promoted=row["position"] is not None,
            position=row["position"],
            spellings=row["spellings"] or [],
            tag_sets=row["tag_sets"],
            month=row["month"],
            costs=[
                TagKeyCost(currency=currency, effective_cost=cost, total_effective_cost=total, share=ratio(cost, total))
                for currency, cost, total in pairs
            ],
            counted_at=row["counted_at"],
        )
