"""Words that the fields on costs share: metrics, granularities, money."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import strawberry

from app.costs.commitments import Figure
from app.execution import Part, from_rows
from app.records.budgets import CostGranularity
from app.records.costs import CostMetric
from app.schema.enums import graph_enum

graph_enum(
    CostMetric,
    "The amount of a charge that is summed.",
    BILLED_COST="What is invoiced.",
    EFFECTIVE_COST="What it costs with upfront and recurring fees of commitments spread over what they cover.",
    LIST_COST="What it would cost at public list prices.",
    CONTRACTED_COST="What it would cost at negotiated prices, before commitments.",
)
graph_enum(
    CostGranularity,
    "How long the stretches are that amounts are summed over.",
    DAY="Days in UTC.",
    WEEK="Weeks from Monday.",
    MONTH="Calendar months.",
    QUARTER="Calendar quarters.",
    TOTAL="All of the period in one.",
)


@from_rows("amount", "currency")
@strawberry.type(description="An amount of money that stands alone.")
class Money:
    """An amount and its currency."""

    amount: Decimal = strawberry.field(description="The amount, exact.")
    currency: str = strawberry.field(description="Its currency, a code of ISO 4217.")


def money_part(amount: str, currency: str) -> Part:
    """Money in two columns of a row, whose amounts are text; null where there is no amount."""
    return Part({"amount": amount, "currency": currency}, _written_money, present=amount)


def _written_money(amount: str, currency: str) -> Money:
    return Money(amount=Decimal(amount), currency=currency)


def money_of(amounts: Mapping[str, Decimal]) -> list[Money]:
    """Amounts by currency."""
    return [Money(amount=amount, currency=currency) for currency, amount in amounts.items()]


def known_money(amounts: Mapping[str, Decimal | None]) -> list[Money]:
    """Amounts by currency without those that are unknown, or nothing: 0 needs no rate."""
    return money_of({currency: amount for currency, amount in amounts.items() if amount})


@strawberry.type(description="A figure that may be unknown.")
class CostFigure:
    """See app.costs.commitments.Figure."""

    value: Decimal | None = strawberry.field(description="The figure; null where it is unknown.")
    reason: str | None = strawberry.field(description="Why it is unknown.")

    @classmethod
    def of(cls, figure: Figure) -> CostFigure:
        """Make it of a figure."""
        return cls(value=figure.value, reason=figure.reason)
