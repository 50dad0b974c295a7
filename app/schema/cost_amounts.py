"""Amounts in reports of costs: by metric, in points of series, what no rate converts, and how they differ."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from itertools import zip_longest

import strawberry

from app.costs.analysis import step_forecasts
from app.costs.analysis.change import NOT_DELIVERED_THEN, NOTHING_COMPARED, change_of
from app.costs.analysis.nodes import NOT_DELIVERED, NOTHING_IMPORTED, reason_of
from app.costs.analysis.report_forecasts import PeriodForecast
from app.execution import from_rows
from app.records import cost_analysis
from app.records.cost_analysis import MONEY, NO_UNIT, CostAmount, CostMeasure, CostQuestion
from app.schema.cost_report_forecasts import ExpectedCost
from app.schema.scalars import BigInt

NOTHING_IN_STEP = "Nothing was imported for any day of this step."


@strawberry.type(description="One of the metrics that were asked for.")
class MetricAmount:
    """An entry of the amounts of a sum."""

    metric: CostMeasure = strawberry.field(description="Which metric.")
    amount: Decimal | None = strawberry.field(
        description="The exact sum, never rounded; null where it is unknown, such as when no charge has the metric, or "
        "where it is a quantity in several units."
    )
    unit: str | None = strawberry.field(
        default=None, description="The unit of a quantity, as the charges name it; null for costs and counts."
    )
    reason: str | None = strawberry.field(default=None, description="Why the amount is unknown.")


@strawberry.type(
    description="Money that no currency rate converts: it is in no other figure. Nothing is nothing in every "
    "currency: 0 needs no rate."
)
class UnconvertedCost:
    """An entry of `apart` of a sum."""

    currency: str = strawberry.field(description="The currency in which it was billed.")
    amount: Decimal | None = strawberry.field(description="How much, by the main metric; null where no charge has it.")
    amounts: list[MetricAmount] = strawberry.field(description="How much by each metric that is a cost.")


@strawberry.type(description="How a sum differs from that of the compared period.")
class CostChange:
    """See app.costs.analysis.change.Change."""

    previous: Decimal | None = strawberry.field(
        description="The sum of the compared period without `previousUnconverted`; null where unknown, as of a group "
        "of whose billing accounts nothing was imported then."
    )
    previous_unconverted: list[UnconvertedCost] = strawberry.field(
        description="By currency, what of the compared period no rate converts."
    )
    amount: Decimal | None = strawberry.field(
        description="How much more it is now, by what is known of both: `coverage` and `previousCoverage` say which "
        "billing accounts are missing. Null where either is unknown, has money that no rate converts, or has days of "
        "which nothing was imported, but for the last three of the period, whose charges are still arriving."
    )
    ratio: Decimal | None = strawberry.field(
        description="`amount` divided by the size of `previous`, to six digits; null where that is unknown or 0."
    )
    reason: str | None = strawberry.field(description="Why `amount` is unknown.")

    @classmethod
    def of(
        cls,
        now: CostAmount | None,
        before: CostAmount | None,
        question: CostQuestion,
        incomparable: str | None,
        *,
        of_group: bool = False,
    ) -> CostChange | None:
        """Make it of two sums, and why their periods cannot be compared; None where nothing is."""
        nothing = (NOT_DELIVERED, NOT_DELIVERED_THEN) if of_group else (NOTHING_IMPORTED, NOTHING_COMPARED)
        change = change_of(now, before, question, incomparable, nothing)
        if change is None:
            return None
        return cls(
            previous=change.previous,
            previous_unconverted=unconverted_of(before, question),
            amount=change.amount,
            ratio=change.ratio,
            reason=change.reason,
        )


@from_rows("start", "end", "amount", "missing_days")
@strawberry.type(description="One step of a series: a day, a week from Monday, a month or a quarter.")
class CostPoint:
    """See app.records.cost_analysis.CostStep."""

    start: date = strawberry.field(description="Its first day, not before that of the period.")
    end: date = strawberry.field(description="The day after its last one, not after that of the period.")
    amount: Decimal | None = strawberry.field(
        description="The main metric; 0 where it is known that there was no charge, null where nothing was imported "
        "for any day of it, or no charge has the metric."
    )
    missing_days: int = strawberry.field(
        description="Of how many of its days nothing was imported of one of the report's billing accounts, or of all: "
        "where it is not 0, `amount` is what is known so far. See `coverage`."
    )
    forecast: ExpectedCost | None = strawberry.field(
        description="What it will have cost; null where all its days are known, where earlier days of it are not, or "
        "where nothing is forecast: the report's `forecast` says why."
    )
    step: strawberry.Private[cost_analysis.CostStep]
    question: strawberry.Private[CostQuestion]

    @classmethod
    def of(
        cls, step: cost_analysis.CostStep, question: CostQuestion, expected: step_forecasts.ExpectedCost | None
    ) -> CostPoint:
        """Make it of a step of an answer and what is expected of it."""
        return cls(
            start=step.days.start,
            end=step.days.end,
            amount=step.sum.amounts[0] if step.sum is not None else None,
            missing_days=step.missing_days,
            forecast=ExpectedCost.of(expected),
            step=step,
            question=question,
        )

    @strawberry.field(description="Why the amount is unknown.")
    def reason(self) -> str | None:
        """From the sum."""
        return NOTHING_IN_STEP if self.step.sum is None else reason_of(self.step.sum)

    @strawberry.field(description="Every metric that was asked for.")
    def amounts(self) -> list[MetricAmount]:
        """In the order in which they were asked."""
        return amounts_of(self.step.sum, self.question.measures)

    @strawberry.field(description="How many charges start in it; null where nothing was imported.")
    def charge_count(self) -> BigInt | None:
        """From the sum."""
        return BigInt(self.step.sum.charges) if self.step.sum is not None else None

    @strawberry.field(description="By currency, what of it no rate converts: it is in no other figure.")
    def unconverted(self) -> list[UnconvertedCost]:
        """From the sum."""
        return unconverted_of(self.step.sum, self.question)


def points_of(
    steps: Sequence[cost_analysis.CostStep], question: CostQuestion, forecast: PeriodForecast | None
) -> list[CostPoint]:
    """A series, and what is forecast of it."""
    expected = forecast.steps if forecast is not None else ()
    return [CostPoint.of(step, question, of_step) for step, of_step in zip_longest(steps, expected)]


def amounts_of(found: CostAmount | None, measures: Sequence[CostMeasure]) -> list[MetricAmount]:
    """A sum by metric; unknown where there is none."""
    if found is None:
        return [MetricAmount(metric=one, amount=None, reason=NOTHING_IMPORTED) for one in measures]
    return [
        MetricAmount(metric=one, amount=found.amounts[place], unit=_unit(found, place), reason=reason_of(found, place))
        for place, one in enumerate(measures)
    ]


def _unit(found: CostAmount, place: int) -> str | None:
    """The unit of a quantity, None where there are several or none is told."""
    units = found.units_of(place)
    return units[0] if len(units) == 1 and units[0] != NO_UNIT else None


def unconverted_of(found: CostAmount | None, question: CostQuestion) -> list[UnconvertedCost]:
    """What of a sum no rate converts."""
    return [
        UnconvertedCost(
            currency=currency,
            amount=amounts[0],
            amounts=[
                MetricAmount(metric=one, amount=amount)
                for one, amount in zip(question.measures, amounts, strict=True)
                if one in MONEY
            ],
        )
        for currency, amounts in (found.apart if found is not None else ())
    ]
