"""Forecasts of an organization's costs, from the days whose charges have arrived."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.costs.budgets.standing import HISTORY_DAYS
from app.costs.known_days import known_days
from app.costs.money_series import MoneySeries, Rates
from app.costs.outlook.forecast import (
    Forecast,
    ForecastPoint,
    ForecastTotal,
    ForecastUnavailable,
    forecast,
)
from app.costs.outlook.series import DailySeries, exact_sum, month_after
from app.costs.scopes import check_tags
from app.records.budgets import CostScope
from app.records.cost_analysis import DateRange
from app.records.costs import CostMetric
from app.repositories.cost_series import AskedSeries, daily_costs, imported_days, rates_into

_REMEMBERED = 200


@dataclass(frozen=True)
class ForecastGround:
    """The days that a forecast is made of; `history` is None with the reason where there is none.

    `unconverted` is, by currency, what no rate converts and is in no figure.
    """

    history: DailySeries | None
    reason: str | None
    unconverted: Mapping[str, Decimal]


@dataclass(frozen=True)
class CostOutlook:
    """A forecast: the days after the history, their total, and that of the month in which the last complete day lies.

    `month_total` is None with the reason where it cannot be told. The rest is said in outlook.forecast.Forecast.
    """

    points: tuple[ForecastPoint, ...]
    total: ForecastTotal
    month_total: ForecastTotal | None
    month_reason: str | None
    made: Forecast


async def read_ground(
    session: AsyncSession, organization_id: UUID, scope: CostScope, metric: CostMetric, currency: str, today: date
) -> ForecastGround:
    """The last half year of complete days in one currency; five statements at most.

    Raises BadUserInputError for a tag that is not promoted.
    """
    await check_tags(session, organization_id, scope, ("where",))
    known = known_days(await imported_days(session, organization_id), today)
    if known is None:
        return ForecastGround(None, "Nothing was imported yet.", {})
    start = max(known.start, known.settled_until - timedelta(HISTORY_DAYS))
    if start >= known.settled_until:
        return ForecastGround(None, "The charges of the imported days are still arriving.", {})
    asked = AskedSeries(scope, metric, start, known.settled_until)
    (costs,) = await daily_costs(session, organization_id, [asked])
    rates = Rates(await rates_into(session, organization_id, [currency]))
    money = MoneySeries.of(costs, currency, rates.into(currency))
    days = DateRange(start, known.settled_until)
    unconverted = money.unconverted(days)
    if not money.has_any(days):
        return ForecastGround(None, "There are no such charges in the last half year.", unconverted)
    return ForecastGround(money.daily(start, known.settled_until), None, unconverted)


@functools.lru_cache(maxsize=_REMEMBERED)
def cost_outlook(history: DailySeries, days: int, interval: Decimal) -> CostOutlook | ForecastUnavailable:
    """Forecast the days after the history, and its month; up to 0.3 s of computing: call it in a thread."""
    last = history.end - timedelta(1)
    month = DateRange(last.replace(day=1), month_after(last))
    left = (month.end - history.end).days
    periods = [(history.end, history.end + timedelta(days))]
    periods += [(history.end, month.end)] if left else []
    made = forecast(history, max(days, left), interval=interval, periods=periods)
    if isinstance(made, ForecastUnavailable):
        return made
    points, total = made.points[:days], made.period_totals[0]
    if history.start > month.start:
        return CostOutlook(points, total, None, f"Costs before {history.start} are not imported.", made)
    actual, rest = history.between(month.start, month.end).total, made.period_totals[-1]
    parts = (rest.expected, rest.lower, rest.upper) if left else (Decimal(0),) * 3
    month_total = ForecastTotal(month.start, month.end, *(exact_sum((actual, part)) for part in parts))
    return CostOutlook(points, total, month_total, None, made)
