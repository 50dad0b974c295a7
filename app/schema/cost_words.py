"""Words that the fields on costs share: metrics, granularities, money, stretches of days, scopes of charges."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

import strawberry
from strawberry.utils.str_converters import to_camel_case

import app.schema.providers  # noqa: F401  (makes Provider an enum of the graph)
from app.costs.analysis.periods import checked_period
from app.costs.commitments import Figure
from app.costs.scopes import checked_scope
from app.records import Provider, budgets
from app.records.budgets import CostGranularity
from app.records.cost_analysis import DateRange
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


@strawberry.type(description="An amount of money that stands alone.")
class Money:
    """An amount and its currency."""

    amount: Decimal = strawberry.field(description="The amount, exact.")
    currency: str = strawberry.field(description="Its currency, a code of ISO 4217.")


def money_of(amounts: Mapping[str, Decimal]) -> list[Money]:
    """Amounts by currency."""
    return [Money(amount=amount, currency=currency) for currency, amount in amounts.items()]


@strawberry.type(description="A figure that may be unknown.")
class CostFigure:
    """See app.costs.commitments.Figure."""

    value: Decimal | None = strawberry.field(description="The figure; null where it is unknown.")
    reason: str | None = strawberry.field(description="Why it is unknown.")

    @classmethod
    def of(cls, figure: Figure) -> CostFigure:
        """Make it of a figure."""
        return cls(value=figure.value, reason=figure.reason)


@strawberry.input(description="A stretch of days in UTC.")
class DaysInput:
    """Days from `start` to before `end`."""

    start: date = strawberry.field(description="The first day.")
    end: date = strawberry.field(description="The day after the last one.")

    def checked(self) -> DateRange:
        """The days. Raises BadUserInputError."""
        return checked_period(self.start, self.end)


@strawberry.input(description="Values of a tag.")
class TagValuesInput:
    """A tag key that the organization has promoted."""

    key: str = strawberry.field(description="Its key, one of the promoted tag keys; case does not matter.")
    values: list[str] = strawberry.field(description="One of these values, 1 to 200.")


_VALUES = "one of these, 1 to 200."


@strawberry.input(description="Which charges; all that is given must hold. Tags cannot be combined with the last five.")
class CostScopeInput:
    """Fields are FOCUS columns, and `tags`."""

    provider: list[Provider] | None = strawberry.field(default=None, description=f"Provider: {_VALUES}")
    service_provider_name: list[str] | None = strawberry.field(default=None, description=f"Seller: {_VALUES}")
    billing_account_id: list[str] | None = strawberry.field(default=None, description=f"Billing account: {_VALUES}")
    sub_account_id: list[str] | None = strawberry.field(default=None, description=f"Sub account: {_VALUES}")
    service_category: list[str] | None = strawberry.field(default=None, description=f"Service category: {_VALUES}")
    service_name: list[str] | None = strawberry.field(default=None, description=f"Service: {_VALUES}")
    charge_category: list[str] | None = strawberry.field(default=None, description=f"Charge category: {_VALUES}")
    service_subcategory: list[str] | None = strawberry.field(default=None, description=f"Subcategory: {_VALUES}")
    region_id: list[str] | None = strawberry.field(default=None, description=f"Region: {_VALUES}")
    pricing_category: list[str] | None = strawberry.field(default=None, description=f"Pricing category: {_VALUES}")
    charge_class: list[str] | None = strawberry.field(default=None, description=f"Charge class: {_VALUES}")
    commitment_discount_id: list[str] | None = strawberry.field(default=None, description=f"Commitment: {_VALUES}")
    tags: list[TagValuesInput] | None = strawberry.field(default=None, description="Tags, at most 10; all must hold.")


def scope_of(where: CostScopeInput | None, path: tuple[str, ...]) -> budgets.CostScope:
    """The scope that was sent. Raises BadUserInputError."""
    sent = {} if where is None else {name: value for name, value in vars(where).items() if value is not None}
    tags = tuple((tag.key, tuple(tag.values)) for tag in sent.pop("tags", ()))
    dimensions = tuple((column, tuple(str(value) for value in values)) for column, values in sent.items())
    return checked_scope(budgets.CostScope(dimensions, tags), path)


@strawberry.type(description="Values of a column or a tag, one of which a charge has.")
class ScopeValues:
    """One condition of a scope."""

    name: str = strawberry.field(description="The field of `CostScopeInput`, or the key of the tag.")
    values: list[str] = strawberry.field(description="The values.")


@strawberry.type(description="Which charges; all conditions hold. Without conditions it is all charges.")
class CostScope:
    """See app.records.budgets.CostScope."""

    dimensions: list[ScopeValues] = strawberry.field(description="Conditions on columns of FOCUS.")
    tags: list[ScopeValues] = strawberry.field(description="Conditions on tags.")

    @classmethod
    def of(cls, scope: budgets.CostScope) -> CostScope:
        """Make it of a scope."""
        return cls(
            dimensions=[
                ScopeValues(name=to_camel_case(column), values=list(values)) for column, values in scope.dimensions
            ],
            tags=[ScopeValues(name=key, values=list(values)) for key, values in scope.tags],
        )
