"""What the month under way will cost: told when that is first forecast, and when the forecast moves."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.costs.anomalies.look import SYSTEM
from app.costs.budgets.kept import METHOD, ground_of
from app.costs.forecasts import CostOutlook, cost_outlook, read_ground
from app.costs.news.figures import Kept, News, Told, key_of, text_of, told_days
from app.costs.outlook.aside import ASIDE, BusyError, KilledError, OverdueError
from app.costs.outlook.forecast import INTERVAL, ForecastTotal
from app.costs.outlook.series import DailySeries, exact_difference, ratio
from app.records import EventKind, NewEvent
from app.records.budgets import WatchedFigure
from app.records.cost_analysis import DateRange
from app.records.cost_scopes import CostScope
from app.records.costs import CostMetric
from app.records.months import next_month
from app.repositories.told_figures import Key

MOVED_PART: Final = Decimal("0.10")
"""A forecast moves every day: told again is one that differs from the last that was told by this part of it."""
METRIC: Final = CostMetric.EFFECTIVE_COST
KEY: Final = key_of(WatchedFigure.FORECAST)


@dataclass(frozen=True)
class MonthAhead:
    """The days that a forecast of the month under way is made of, without the forecast."""

    organization_id: UUID
    month: DateRange
    currency: str
    history: DailySeries
    unconverted: Mapping[str, Decimal]

    @property
    def ground(self) -> bytes:
        """The SHA-256 of all that decides the forecast."""
        return hashlib.sha256(
            f"{METHOD} {self.month.start} {self.currency} ".encode() + ground_of(self.history)
        ).digest()

    def is_forecast(self, told: Told | None) -> bool:
        """Whether the forecast of these days was made before, or a later month was told of."""
        return told is not None and (told["ground"] == self.ground or told["period_start"] > self.month.start)


@dataclass(frozen=True)
class MonthForecast:
    """What the month under way will cost; see app.costs.news.figures.Seen."""

    ahead: MonthAhead
    total: ForecastTotal

    @property
    def key(self) -> Key:
        """An organization has one."""
        return KEY

    def news(self, told: Told | None) -> News | None:
        """The first of a month or a currency, and each that has moved since; others are kept in mind as made."""
        ahead, expected = self.ahead, self.total.expected
        if ahead.is_forecast(told):
            return None
        kept = Kept(ahead.month.start, expected, ahead.currency, ahead.ground)
        if told is None or (told["period_start"], told["currency"]) != (ahead.month.start, ahead.currency):
            return News(self._event(EventKind.COST_FORECAST_MADE), kept)
        previous: Decimal = told["value"]
        moved = exact_difference(expected, previous)
        if not moved or abs(moved) < abs(previous) * MOVED_PART:
            return News(None, Kept(kept.period_start, previous, kept.currency, kept.ground))
        change = ratio(moved, abs(previous))
        return News(
            self._event(EventKind.COST_FORECAST_MOVED, previous=text_of(previous), change=text_of(change)), kept
        )

    def _event(self, kind: EventKind, **more: Any) -> NewEvent:
        data = {
            **told_days(self.ahead.month),
            "metric": METRIC.value.upper(),
            "expected": text_of(self.total.expected),
            "lower": text_of(self.total.lower),
            "upper": text_of(self.total.upper),
            "interval": text_of(INTERVAL),
            "currency": self.ahead.currency,
            "unconverted": [
                {"amount": text_of(amount), "currency": currency} for currency, amount in self.ahead.unconverted.items()
            ],
            **more,
        }
        return NewEvent(kind, SYSTEM, "Organization", self.ahead.organization_id, data)


async def read_month_ahead(
    session: AsyncSession, organization_id: UUID, currency: str, today: date
) -> MonthAhead | None:
    """The days of a forecast of all costs; three statements. None where no charge of the month is there to its day.

    None too where the month of the last complete day is over: what it cost is arriving.
    """
    ground = await read_ground(session, organization_id, CostScope(), METRIC, currency, today)
    history = ground.history
    if history is None:
        return None
    last = history.end - timedelta(1)
    month = DateRange(last.replace(day=1), next_month(last))
    if month.end <= today or history.end >= month.end or history.start > month.start:
        return None
    return MonthAhead(organization_id, month, currency, history, ground.unconverted)


async def forecast_of(ahead: MonthAhead) -> MonthForecast | None:
    """The forecast, as `costForecast.monthEnd` tells it; a third of a second of computing in another process.

    None where there is none. What that process could not compute is logged, and tried again by the next check: what
    else is told does not wait for it.
    """
    left = (ahead.month.end - ahead.history.end).days
    try:
        outlook = await ASIDE.answer(cost_outlook, ahead.history, left, INTERVAL)
    except (BusyError, KilledError, OverdueError) as error:
        log = structlog.get_logger(__name__)
        log.warning("month_not_forecast", organization_id=str(ahead.organization_id), error=type(error).__name__)
        return None
    if not isinstance(outlook, CostOutlook) or outlook.month_total is None:
        return None
    return MonthForecast(ahead, outlook.month_total)
