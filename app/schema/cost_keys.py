"""What the groupings of a report say of the charges of a group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import strawberry

from app.execution import from_rows
from app.records.cost_analysis import CostDimension, CostQuestion
from app.schema.node import global_id


@from_rows("dimension", "tag", "sku_price_detail", "value")
@strawberry.type(description="What one grouping says of the charges of a group.")
class CostKey:
    """A grouping and its value."""

    dimension: CostDimension | None = strawberry.field(description="The column, if it is one.")
    tag: str | None = strawberry.field(description="The tag key in its normal form, if it is one.")
    sku_price_detail: str | None = strawberry.field(description="The key of SkuPriceDetails, if it is one.")
    value: str | None = strawberry.field(
        description="What the charges have there, moments and amounts as text; null where they have nothing."
    )


def rows_of_keys(wanted: tuple[str, ...] | None, question: CostQuestion, values: Sequence[str | None]) -> list[Any]:
    """What each grouping says: keys, or rows of the wanted columns."""
    if wanted == ("value",):
        return list(zip(values))
    keys = [
        CostKey(dimension=of.dimension, tag=of.tag, sku_price_detail=of.sku_detail, value=value)
        for of, value in zip(question.groupings, values, strict=False)
    ]
    return keys if wanted is None else [tuple([getattr(key, name) for name in wanted]) for key in keys]


def shown_keys(key: Sequence[str | None], question: CostQuestion, organization_id: UUID) -> Sequence[str | None]:
    """The values of a group; that of a team is its global id."""
    return [
        value
        if value is None or of.dimension is not CostDimension.TEAM
        else global_id("Team", UUID(value), organization_id)
        for of, value in zip(question.groupings, key, strict=False)
    ]
