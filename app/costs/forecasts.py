"""Forecasts of an organization's costs, from the days whose charges have arrived.

`read_ground` reads the days, `await outlook_of(...)` forecasts them. `cost_outlook` is the mathematics alone: called in
this process, even in a thread, it would load libraries for seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TypeVar
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.costs.budgets.standing import HISTORY_DAYS
from app.costs.known_days import known_days
from app.costs.money_series import MoneySeries, Rates
from app.costs.outlook.aside import ASIDE, SHARE, BusyError, KilledError, OverdueError
from app.costs.outlook.forecast import CostOutlook, ForecastUnavailable, cost_outlook
from app.costs.outlook.series import DailySeries
from app.costs.scopes import check_tags, why_spreading
from app.records.cost_analysis import DateRange
from app.records.cost_scopes import CostScope
from app.records.costs import CostMetric
from app.repositories.cost_series import AskedSeries, daily_costs, imported_days, rates_into

__all__ = ["CostOutlook", "ForecastGround", "computed", "cost_outlook", "outlook_of", "read_ground"]

Answer = TypeVar("Answer")

PATIENCE = timedelta(seconds=7)
"""Less than an operation may take, so that its other fields are answered."""


@dataclass(frozen=True)
class ForecastGround:
    """The days that a forecast is made of; `history` is None with the reason where there is none.

    `unconverted` is, by currency, what no rate converts and is in no figure.
    """

    history: DailySeries | None
    reason: str | None
    unconverted: Mapping[str, Decimal]


async def read_ground(
    session: AsyncSession, organization_id: UUID, scope: CostScope, metric: CostMetric, currency: str, today: date
) -> ForecastGround:
    """The last half year of complete days in one currency; six statements at most.

    Raises BadUserInputError for a tag that is not promoted.
    """
    await check_tags(session, organization_id, scope, ("where",))
    reason = await why_spreading(session, organization_id, scope)
    if reason is not None:
        return ForecastGround(None, reason, {})
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
        reason = "There are no such charges in the last half year."
        if unconverted:
            reason = (
                f"No rate converts charges in {', '.join(unconverted)} into {currency}: `setCurrencyRates` sets one."
            )
        return ForecastGround(None, reason, unconverted)
    return ForecastGround(money.daily(start, known.settled_until), None, unconverted)


async def outlook_of(
    organization_id: UUID, history: DailySeries, days: int, interval: Decimal
) -> CostOutlook | ForecastUnavailable:
    """`cost_outlook`, see `computed`."""
    return await computed(organization_id, cost_outlook, history, days, interval)


async def computed(
    organization_id: UUID, function: Callable[..., Answer], *arguments: object
) -> Answer | ForecastUnavailable:
    """What a function of the mathematics says, computed in a process beside this one; equal questions once.

    The first of a process takes no longer than others once the server has been up for some seconds. What is not there
    within `PATIENCE` says so; it is computed all the same, and there when it is asked for again. So does what cannot be
    computed since the organization or all of them ask for too many, since it takes too long, or since that process is
    killed over it: whoever asks has other fields that are known.
    """
    log = structlog.get_logger(__name__)
    try:
        answer = ASIDE.answer(function, *arguments, asker=organization_id)
        return await asyncio.wait_for(answer, PATIENCE.total_seconds())
    except TimeoutError:
        return ForecastUnavailable("The forecast is still being computed. Ask again in a few seconds.")
    except BusyError as busy:
        if busy.own:
            return ForecastUnavailable(
                f"{SHARE} forecasts of your organization are being computed already. Ask again in a few seconds."
            )
        return ForecastUnavailable("Too many forecasts are being computed. Ask again in half a minute.")
    except OverdueError as overdue:
        log.warning("forecast_overdue", function=function.__name__, seconds=overdue.seconds)
        return ForecastUnavailable(
            f"The forecast took longer than {overdue.seconds:g} seconds and was given up. Ask again in ten minutes."
        )
    except KilledError:
        log.warning("forecast_process_killed", function=function.__name__)
        return ForecastUnavailable(
            "The process that computes forecasts was ended twice, perhaps for want of memory. Ask again; if it stays "
            "so, the operator of Skyledger gives its host more memory."
        )
