"""Forecasts of costs with their bounds, and how well such forecasts held in the past."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated
from uuid import UUID

import strawberry

from app.context import Info
from app.costs.analysis.periods import today
from app.costs.forecasts import CostOutlook, ForecastGround, outlook_of, read_ground
from app.costs.outlook import forecast as outlook
from app.errors import BadUserInputError
from app.records.cost_scopes import CostScope
from app.records.costs import CostMetric
from app.schema.cost_words import Money, money_of
from app.schema.paging import within

MOST_DAYS = 365
NARROWEST, WIDEST = Decimal("0.5"), Decimal("0.99")


@strawberry.type(description="What a day is expected to cost.")
class CostForecastPoint:
    """See app.costs.outlook.forecast.ForecastPoint."""

    day: date = strawberry.field(description="The day.")
    expected: Decimal = strawberry.field(description="What it is expected to cost.")
    lower: Decimal = strawberry.field(description="Lower bound.")
    upper: Decimal = strawberry.field(description="Upper bound.")


@strawberry.type(description="What days together are expected to cost. Its bounds are no sums of the days' bounds.")
class CostForecastTotal:
    """See app.costs.outlook.forecast.ForecastTotal."""

    start: date = strawberry.field(description="The first day.")
    end: date = strawberry.field(description="The day after the last one.")
    expected: Decimal = strawberry.field(description="What they are expected to cost.")
    lower: Decimal = strawberry.field(description="Lower bound.")
    upper: Decimal = strawberry.field(description="Upper bound.")

    @classmethod
    def of(cls, total: outlook.ForecastTotal) -> CostForecastTotal:
        """Make it of a total."""
        return cls(start=total.start, end=total.end, expected=total.expected, lower=total.lower, upper=total.upper)


@strawberry.type(description="How forecasts made earlier in the same series turned out.")
class CostForecastError:
    """See app.costs.outlook.forecast.BackTest."""

    horizon: int = strawberry.field(description="Days that each of them looked ahead.")
    origins: int = strawberry.field(description="How many were made.")
    mape: Decimal | None = strawberry.field(
        description="Mean of the days' errors as parts of what they cost; null where a day cost nothing."
    )
    wape: Decimal | None = strawberry.field(
        description="Sum of the days' errors as a part of the sum of their costs; null where nothing was charged."
    )
    total_wape: Decimal | None = strawberry.field(description="The same for the totals of all days.")
    coverage: Decimal = strawberry.field(description="Part of the days that were within their bounds.")
    total_coverage: Decimal = strawberry.field(description="Part of the totals that were within their bounds.")


@strawberry.type(description="What costs will be. Without a forecast `reason` says why, and the rest is null or empty.")
class CostForecast:
    """See app.costs.forecasts.CostOutlook."""

    reason: str | None = strawberry.field(description="Why there is no forecast.")
    currency: str = strawberry.field(description="Currency of the amounts: the organization's.")
    points: list[CostForecastPoint] = strawberry.field(
        description="Day by day, from the first day on whose charges have not all arrived."
    )
    total: CostForecastTotal | None = strawberry.field(description="All these days.")
    month_end: CostForecastTotal | None = strawberry.field(
        description="The whole month of the last complete day, its known days included; the same whatever `days`."
    )
    month_end_reason: str | None = strawberry.field(description="Why `monthEnd` is null.")
    interval: Decimal = strawberry.field(description="Part of the cases in which a cost lies within its bounds.")
    method: str | None = strawberry.field(description="The parts of the model.")
    history_days: int | None = strawberry.field(description="How many days it was fitted to.")
    error: CostForecastError | None = strawberry.field(description="The back-test; null for too short a history.")
    widened: Decimal | None = strawberry.field(
        description="Factor, at least 1, by which bounds were stretched for having been too narrow in the past."
    )
    unconverted: list[Money] = strawberry.field(
        description="Costs of the history for which the organization has no rate; in no other figure."
    )


MostDays = Annotated[int, strawberry.argument(description="How many days ahead, 1 to 365.")]
IntervalPart = Annotated[
    Decimal, strawberry.argument(description="Part of the cases that the bounds are to hold, 0.5 to 0.99.")
]


async def cost_forecast(
    info: Info,
    organization_id: UUID,
    currency: str,
    scope: CostScope,
    metric: CostMetric,
    days: int,
    interval: Decimal,
) -> CostForecast:
    """Read in four statements, then computed in another process; the same question is not computed twice."""
    days = within(days, MOST_DAYS, "days")
    if not NARROWEST <= interval <= WIDEST:
        message = f"`interval` must be from {NARROWEST} to {WIDEST}; it is {interval}."
        raise BadUserInputError(message, path=("interval",))
    info.context.count_forecasts(1)
    async with info.context.database.read(organization_id) as session:
        ground = await read_ground(session, organization_id, scope, metric, currency, today())
    if ground.history is None:
        return _none(ground, currency, interval, ground.reason)
    found = await outlook_of(organization_id, ground.history, days, interval)
    if isinstance(found, outlook.ForecastUnavailable):
        return _none(ground, currency, interval, found.reason)
    return _some(ground, currency, found)


def _none(ground: ForecastGround, currency: str, interval: Decimal, reason: str | None) -> CostForecast:
    return CostForecast(
        reason=reason,
        currency=currency,
        points=[],
        total=None,
        month_end=None,
        month_end_reason=reason,
        interval=interval,
        method=None,
        history_days=None if ground.history is None else ground.history.days,
        error=None,
        widened=None,
        unconverted=money_of(ground.unconverted),
    )


def _some(ground: ForecastGround, currency: str, found: CostOutlook) -> CostForecast:
    error, names = found.made.error, ("horizon", "origins", "mape", "wape", "total_wape", "coverage", "total_coverage")
    return CostForecast(
        reason=None,
        currency=currency,
        points=[
            CostForecastPoint(day=point.day, expected=point.expected, lower=point.lower, upper=point.upper)
            for point in found.points
        ],
        total=CostForecastTotal.of(found.total),
        month_end=None if found.month_total is None else CostForecastTotal.of(found.month_total),
        month_end_reason=found.month_reason,
        interval=found.made.interval,
        method=found.made.method,
        history_days=found.made.history_days,
        error=None if error is None else CostForecastError(**{name: getattr(error, name) for name in names}),
        widened=found.made.widened,
        unconverted=money_of(ground.unconverted),
    )
