"""Periods of costs as arguments, and what something cost in a period."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated
from uuid import UUID

import orjson
import strawberry

from app.context import Info
from app.costs.analysis.nodes import NodeCost
from app.costs.analysis.periods import checked_period, named_period, today
from app.errors import BadUserInputError
from app.execution import Made, from_rows
from app.records import cost_analysis
from app.records.cost_analysis import CostPeriodName, DateRange
from app.records.costs import CostMetric
from app.schema.cost_coverage import CostCoverage
from app.schema.cost_words import Money, money_part
from app.schema.enums import graph_enum

graph_enum(
    CostPeriodName,
    "Periods by name. Days, months, quarters and years begin and end in UTC.",
    MONTH_TO_DATE="From the first of this month to today.",
    THIS_MONTH="This whole calendar month, its days to come included: for a `forecast`.",
    LAST_MONTH="The last whole calendar month.",
    QUARTER_TO_DATE="From the first of this calendar quarter to today.",
    THIS_QUARTER="This whole calendar quarter, its days to come included.",
    LAST_QUARTER="The last whole calendar quarter.",
    YEAR_TO_DATE="From the first of January to today.",
    THIS_YEAR="This whole calendar year, its days to come included.",
    LAST_YEAR="The last whole calendar year.",
    LAST_7_DAYS="The seven days before today.",
    LAST_30_DAYS="The 30 days before today.",
    LAST_90_DAYS="The 90 days before today.",
    LAST_12_MONTHS="The last twelve whole calendar months.",
    ALL_TIME="From the first to the last day of which there are charges.",
)


@strawberry.input(description="A period: a name, or the days from `start` to before `end`.")
class CostPeriodInput:
    """One of the two."""

    name: CostPeriodName | None = strawberry.field(default=None, description="A period by its name.")
    start: date | None = strawberry.field(default=None, description="The first day.")
    end: date | None = strawberry.field(default=None, description="The day after the last one.")

    def days(self, coverage: cost_analysis.CostCoverage | None = None, day: date | None = None) -> DateRange:
        """The days, as they are today unless another day is given. ALL_TIME needs the coverage.

        Raises BadUserInputError for neither a name nor two days.
        """
        if self.name is not None and self.start is None and self.end is None:
            return named_period(self.name, day or today(), coverage.held if coverage else ())
        if self.name is None and self.start is not None and self.end is not None:
            return checked_period(self.start, self.end)
        message = "`period` needs either a `name`, or a `start` and an `end`."
        raise BadUserInputError(message, path=("period",))


Period = Annotated[CostPeriodInput, strawberry.argument(description="Days, in UTC, on which the charges start.")]
Metric = Annotated[CostMetric, strawberry.argument(description="Which cost; EFFECTIVE_COST when left out.")]
MONTH_TO_DATE = CostPeriodInput(name=CostPeriodName.MONTH_TO_DATE)


async def days_of(info: Info, organization_id: UUID, period: CostPeriodInput) -> DateRange:
    """The days of a period; one statement for ALL_TIME."""
    if period.name is not CostPeriodName.ALL_TIME:
        return period.days()
    return period.days(await info.context.loaders.cost_coverage(organization_id, None))


def _unconverted(apart: str | None) -> list[Money]:
    """Amounts by currency, in the order of the currencies; a currency without a known amount is left out."""
    amounts = sorted(orjson.loads(apart or "{}").items())
    return [Money(amount=Decimal(amount), currency=currency) for currency, amount in amounts if amount is not None]


@from_rows(
    *("start", "end", "reason"),
    metric=Made(("metric",), CostMetric),
    cost=money_part("amount", "currency"),
    unconverted=Made(("apart",), _unconverted),
)
@strawberry.type(description="What something cost in a period, in the organization's currency.")
class PeriodCost:
    """See app.costs.analysis.nodes.NodeCost."""

    start: date = strawberry.field(description="The first day.")
    end: date = strawberry.field(description="The day after the last one.")
    metric: CostMetric = strawberry.field(description="Which cost.")
    cost: Money | None = strawberry.field(
        description="The exact sum of the charges, converted but never rounded: 0 where it is known that there is "
        "none, null where it is unknown. Of a period that is known in part, see `coverage`, the sum of that part.",
    )
    reason: str | None = strawberry.field(description="Why it is unknown.")
    unconverted: list[Money] = strawberry.field(description="By currency, what no rate converts: it is not in `cost`.")
    coverage: CostCoverage = strawberry.field(
        description="What is known of the period, of the billing accounts that its charges come with."
    )

    @classmethod
    def of(cls, found: NodeCost, days: DateRange, metric: CostMetric) -> PeriodCost:
        """Make it of a figure."""
        amount = found.sum.amounts[0] if found.sum is not None else None
        apart = found.sum.apart if found.sum is not None else ()
        return cls(
            start=days.start,
            end=days.end,
            metric=metric,
            cost=None if amount is None else Money(amount=amount, currency=found.currency),
            reason=found.reason,
            unconverted=[
                Money(amount=amounts[0], currency=currency) for currency, amounts in apart if amounts[0] is not None
            ],
            coverage=CostCoverage.of(found.coverage),
        )
