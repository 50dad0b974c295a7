"""Forecasts in reports of costs: what the period will have cost when it is over."""

from __future__ import annotations

from dataclasses import fields
from datetime import date
from decimal import Decimal

import strawberry

from app.costs.analysis import step_forecasts
from app.costs.analysis.report_forecasts import MOST_GROUPS, Forecasts, ForecastWish, PeriodForecast
from app.costs.outlook.forecast import BackTest
from app.errors import BadUserInputError
from app.schema.cost_forecasts import NARROWEST, WIDEST, CostForecastError
from app.schema.cost_words import Money, money_of
from app.server.costs.directives import weighs

OF_FORECAST = 5_000
"""Points of one forecast, as many as five pages of 1,000 rows: 0.3 s of a process that all organizations share."""


@strawberry.input(description="What is forecast of the days of the period that are not known yet.")
class CostReportForecastInput:
    """See app.costs.analysis.report_forecasts.ForecastWish."""

    interval: Decimal = strawberry.field(
        default=Decimal("0.80"), description="Part of the cases that the bounds are to hold, 0.5 to 0.99."
    )
    top_groups: int = strawberry.field(
        default=0,
        description="How many of the first groups have a forecast of their own, at most 5; each counts as one more.",
        directives=[weighs(OF_FORECAST)],
    )

    def wish(self) -> ForecastWish:
        """The record. Raises BadUserInputError."""
        if not NARROWEST <= self.interval <= WIDEST:
            message = f"`interval` must be from {NARROWEST} to {WIDEST}; it is {self.interval}."
            raise BadUserInputError(message, path=("forecast", "interval"))
        if not 0 <= self.top_groups <= MOST_GROUPS:
            message = f"`topGroups` must be from 0 to {MOST_GROUPS}; it is {self.top_groups}."
            raise BadUserInputError(message, path=("forecast", "topGroups"))
        return ForecastWish(self.interval, self.top_groups)


@strawberry.type(
    description="What days will have cost when they are over. Estimates have six digits behind the point, and bounds "
    "are no sums of the bounds of shorter steps. The first week, month or quarter that is forecast has the bounds of a "
    "report of it alone, of `costForecast.monthEnd` and of budgets; those of later ones are drawn with the whole "
    "period, and differ a little where that ends elsewhere."
)
class ExpectedCost:
    """See app.costs.analysis.step_forecasts.ExpectedCost."""

    actual: Decimal = strawberry.field(
        description="The exact sum of the days before the first one that is forecast; 0 where there is none."
    )
    expected: Decimal = strawberry.field(description="`actual`, and what is expected of the other days.")
    lower: Decimal = strawberry.field(description="`actual`, and the lower bound of the other days.")
    upper: Decimal = strawberry.field(description="`actual`, and the upper bound of the other days.")

    @classmethod
    def of(cls, found: step_forecasts.ExpectedCost | None) -> ExpectedCost | None:
        """Make it of what is expected, if anything is."""
        if found is None:
            return None
        return cls(actual=found.actual, expected=found.expected, lower=found.lower, upper=found.upper)


@strawberry.type(
    description="What the period will have cost when it is over, by the main metric. A forecast begins on the first "
    "day of which not all charges have arrived, and replaces what there is of it."
)
class CostReportForecast:
    """See app.costs.analysis.report_forecasts.PeriodForecast."""

    reason: str | None = strawberry.field(
        description="Why there is no forecast, such as too short a history; the points then have none either."
    )
    start: date | None = strawberry.field(
        description="The first day that is forecast; null where there is no forecast, or no such day: then `total` is "
        "what the period cost."
    )
    total: ExpectedCost | None = strawberry.field(description="The whole period; null where it is unknown.")
    total_reason: str | None = strawberry.field(
        description="Why `total` is unknown: there is no forecast, or not all earlier days were imported."
    )
    interval: Decimal = strawberry.field(description="Part of the cases in which a cost lies within its bounds.")
    method: str | None = strawberry.field(description="The parts of the model.")
    history_days: int | None = strawberry.field(description="How many days it was fitted to, half a year at most.")
    error: CostForecastError | None = strawberry.field(description="The back-test; null for too short a history.")
    widened: Decimal | None = strawberry.field(
        description="Factor, at least 1, by which bounds were stretched for having been too narrow in the past."
    )
    unconverted: list[Money] = strawberry.field(
        description="Costs of the history for which the organization has no rate; they are in no estimate."
    )

    @classmethod
    def of(cls, found: PeriodForecast) -> CostReportForecast:
        """Make it of a forecast."""
        made = found.made
        return cls(
            reason=found.reason,
            start=found.start,
            total=ExpectedCost.of(found.total),
            total_reason=found.total_reason,
            interval=found.interval,
            method=made.method if made is not None else None,
            history_days=found.history_days,
            error=_error(made.error) if made is not None and made.error is not None else None,
            widened=made.widened if made is not None else None,
            unconverted=money_of(found.unconverted),
        )


def _error(found: BackTest) -> CostForecastError:
    return CostForecastError(**{one.name: getattr(found, one.name) for one in fields(found)})


def forecast_of_group(forecasts: Forecasts | None, place: int | None) -> PeriodForecast | None:
    """That of the group at a place, counted from 0, or why it has none; None where none is asked for."""
    if forecasts is None:
        return None
    if place is not None and place < len(forecasts.groups):
        return forecasts.groups[place]
    reason = f"Only the first groups are forecast, as many as `topGroups` says: at most {MOST_GROUPS}."
    return PeriodForecast(forecasts.total.interval, reason=reason, total_reason=reason)
