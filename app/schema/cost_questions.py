"""Questions about costs as arguments: what is summed, by what it is grouped, with what it is compared."""

from __future__ import annotations

import strawberry

from app.errors import BadUserInputError
from app.records.cost_analysis import CostComparison, CostDimension, CostMeasure, Grouping
from app.schema.cost_filters import checked_key
from app.schema.enums import graph_enum

graph_enum(
    CostMeasure,
    "What is summed over charges. Costs are in one currency. A quantity has a sum where all its charges have one unit: "
    "group by the unit, or choose one in `where`.",
    BILLED_COST="What is invoiced.",
    EFFECTIVE_COST="What it costs with upfront and recurring fees of commitments spread over what they cover.",
    LIST_COST="What it would cost at public list prices.",
    CONTRACTED_COST="What it would cost at negotiated prices, before commitments.",
    PRICING_QUANTITY="Quantity that is multiplied by the unit prices, in PRICING_UNIT.",
    CONSUMED_QUANTITY="How much was used, in CONSUMED_UNIT.",
    COMMITMENT_DISCOUNT_QUANTITY="How much of commitments was bought or consumed, in COMMITMENT_DISCOUNT_UNIT.",
    PRICING_CURRENCY_EFFECTIVE_COST="Effective cost in the pricing currency, such as credits; never converted. It "
    "needs PRICING_CURRENCY in `groupBy`, or one pricing currency in `where`.",
    CHARGE_COUNT="How many charges there are.",
)
graph_enum(
    CostComparison,
    "With what a period is compared.",
    PREVIOUS_PERIOD="As many whole months before whole months; the same days of the month, quarter or year before a "
    "period to date; as many days before any other.",
    PREVIOUS_YEAR="The same dates a year before.",
)
_OF_DIMENSION = {one: Grouping(one) for one in CostDimension}


@strawberry.input(description="By what charges are told apart: exactly one of the three.")
class CostGrouping:
    """See app.records.cost_analysis.Grouping."""

    dimension: CostDimension | None = strawberry.field(default=None, description="A column of FOCUS.")
    tag: str | None = strawberry.field(
        default=None, description="A tag key; case and blanks do not matter. Promoted keys are answered fastest."
    )
    sku_price_detail: str | None = strawberry.field(
        default=None, description="A key of SkuPriceDetails, such as `CoreCount`."
    )

    def grouping(self, path: tuple[str, ...] = ("groupBy",)) -> Grouping:
        """The record. Raises BadUserInputError unless exactly one is given."""
        if (self.dimension, self.tag, self.sku_price_detail).count(None) != 2:  # noqa: PLR2004  (all but one)
            message = "Each grouping names one of `dimension`, `tag` and `skuPriceDetail`."
            raise BadUserInputError(message, path=path)
        if self.dimension is not None:
            return _OF_DIMENSION[self.dimension]
        return Grouping(
            tag=None if self.tag is None else checked_key(self.tag, path),
            sku_detail=None if self.sku_price_detail is None else checked_key(self.sku_price_detail, path),
        )
