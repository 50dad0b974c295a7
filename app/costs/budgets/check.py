"""Raises an alert once for each threshold that a period of a budget crosses, and takes it back when that has gone.

On the way it makes the forecasts that are kept of budgets, of those too that raise no alerts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import islice
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.activity.record import record
from app.costs.anomalies.look import SYSTEM, Hold
from app.costs.budgets.kept import expected_total, made_forecast
from app.costs.budgets.periods import periods_until
from app.costs.budgets.standing import Standing, read_standings, state_of
from app.costs.known_days import deliveries_of
from app.costs.outlook.forecast import ForecastUnavailable
from app.database import Database
from app.records import EventKind, NewEvent
from app.records.budgets import Threshold, ThresholdBasis
from app.records.cost_analysis import DateRange
from app.repositories import budgets
from app.repositories.cost_anomalies import lock_watch
from app.repositories.cost_series import imported_days

BATCH = 20
"""Budgets that are forecast and told of together: seven seconds of computing."""
PAST_PERIODS = 2
"""Periods that are over and may still be restated."""
RECOVERED_PART = Decimal("0.95")
"""A forecast moves every day: an alert on one is taken back below this part of the threshold's amount."""


@dataclass(frozen=True)
class _Verdict:
    """A threshold in a period: what was held against it, and whether it is crossed or clearly is not."""

    budget: Mapping[Any, Any]
    period: DateRange
    threshold: Threshold
    value: Decimal
    crossed: bool
    recovered: bool


@dataclass
class Checked:
    """The alerts that were raised and taken back, and how many forecasts were made."""

    raised: list[UUID] = field(default_factory=list)
    recovered: list[UUID] = field(default_factory=list)
    forecasts: int = 0


async def check_budgets(database: Database, organization_id: UUID, today: date, hold: Hold) -> Checked:
    """Forecast the periods of all budgets, and hold the enabled ones against their thresholds.

    Told are the current period and those that may be restated. Idempotent. Where a delivery came in or a budget was
    changed meanwhile nothing is told of it: that asks for a check of its own.
    """
    checked = Checked()
    async with database.read(organization_id) as session:
        watched = await budgets.all_budgets(session, organization_id)
    # Some at a time: a forecast takes a third of a second, and what is found should not wait for hundreds of them.
    for first in range(0, len(watched), BATCH):
        some = watched[first : first + BATCH]
        if not await _check_some(database, organization_id, some, today, hold, checked):
            break
    return checked


async def _check_some(
    database: Database,
    organization_id: UUID,
    some: Sequence[RowMapping],
    today: date,
    hold: Hold,
    checked: Checked,
) -> bool:
    """Check budgets; False where a delivery came in meanwhile, which asks for a check of its own."""
    ids = [budget["id"] for budget in some]
    async with database.read(organization_id) as session:
        alerts = await budgets.alerts_of(session, organization_id, ids)
        asked = [(budget, period) for budget in some for period in _periods(budget, alerts, today)]
        if not asked:
            return True
        standings = await read_standings(session, organization_id, asked, today)
        kept: dict[tuple[UUID, date], Mapping[Any, Any]] = {**await budgets.forecasts_of(session, organization_id, ids)}
    made = [await made_forecast(standing, kept.get(_key(standing))) for standing in standings.found]
    new = [row for row in made if row is not None]
    kept |= {(row["budget_id"], row["period_start"]): row for row in new}
    verdicts = [*_verdicts(standings.found, kept, today)]
    async with database.write(organization_id) as session:
        await hold(session)
        await lock_watch(session, organization_id)
        if deliveries_of(await imported_days(session, organization_id)) != standings.deliveries:
            return False
        locked = await budgets.lock_budgets(session, organization_id, ids)
        unchanged = {budget["id"] for budget in some if _is_as_it_was(budget, locked.get(budget["id"]))}
        new = [row for row in new if row["budget_id"] in unchanged]
        await budgets.keep_forecasts(session, organization_id, new)
        checked.forecasts += len(new)
        await _tell(session, organization_id, [one for one in verdicts if one.budget["id"] in unchanged], checked)
    return True


def _is_as_it_was(before: RowMapping, row: RowMapping | None) -> bool:
    return row is not None and row["updated_at"] == before["updated_at"]


def _key(standing: Standing) -> tuple[UUID, date]:
    return standing.budget["id"], standing.period.start


def _periods(budget: RowMapping, alerts: Sequence[RowMapping], today: date) -> Iterator[DateRange]:
    """The current period, those before it that ended in the budget's life, and those with an alert that stands."""
    standing = {
        alert["period_start"]
        for alert in alerts
        if alert["budget_id"] == budget["id"] and alert["recovered_at"] is None
    }
    born = budget["created_at"].date()
    for number, period in enumerate(islice(periods_until(budget, today), 120)):
        is_recent = number <= PAST_PERIODS and period.end > born
        if is_recent or period.start in standing:
            yield period


def _verdicts(
    standings: Sequence[Standing], kept: Mapping[tuple[UUID, date], Mapping[Any, Any]], today: date
) -> Iterator[_Verdict]:
    """What can be said of each threshold of the enabled budgets."""
    for standing in standings:
        if not standing.budget["enabled"]:
            continue
        is_over = standing.period.end <= today
        expected = expected_total(standing, kept.get(_key(standing)), today)
        state = state_of(standing, expected)
        if state is None or standing.actual is None:
            continue
        for threshold, at in zip(standing.thresholds, state.thresholds, strict=True):
            value, crossed, recovers_below = standing.actual, at.crossed, at.amount
            if crossed is None:  # unknown: an alert that stands is not taken back either
                continue
            if threshold.basis is ThresholdBasis.FORECAST:
                if isinstance(expected, ForecastUnavailable):
                    continue
                value = expected.expected
                # What a period that is over cost is told by its thresholds on actual cost.
                crossed, recovers_below = crossed and not is_over, at.amount * (1 if is_over else RECOVERED_PART)
            yield _Verdict(standing.budget, standing.period, threshold, value, crossed, value < recovers_below)


async def _tell(session: AsyncSession, organization_id: UUID, verdicts: Sequence[_Verdict], checked: Checked) -> None:
    events = []
    alerts = await budgets.alerts_of(session, organization_id, [one.budget["id"] for one in verdicts])
    by_key = {(alert["budget_id"], alert["period_start"], alert["basis"], alert["percent"]): alert for alert in alerts}
    for one in verdicts:
        basis, percent = one.threshold.basis.value, one.threshold.percent
        alert = by_key.get((one.budget["id"], one.period.start, basis, percent))
        if one.crossed and (alert is None or alert["recovered_at"] is not None):
            period = (one.period.start, one.period.end)
            raised = await budgets.raise_alert(session, organization_id, one.budget, period, basis, percent, one.value)
            if raised is not None:
                checked.raised.append(raised)
                events.append(_event(EventKind.BUDGET_THRESHOLD_CROSSED, one))
        elif one.recovered and alert is not None and await budgets.recover_alert(session, organization_id, alert["id"]):
            checked.recovered.append(alert["id"])
            events.append(_event(EventKind.BUDGET_RECOVERED, one))
    if events:
        await record(session, organization_id, *events)


def _event(kind: EventKind, one: _Verdict) -> NewEvent:
    data: Mapping[str, Any] = {
        "name": one.budget["name"],
        "periodStart": one.period.start.isoformat(),
        "periodEnd": one.period.end.isoformat(),
        "basis": one.threshold.basis.value,
        "percent": f"{one.threshold.percent:f}",
        "value": f"{one.value:f}",
        "amount": f"{one.budget['amount']:f}",
        "currency": one.budget["currency"],
    }
    return NewEvent(kind, SYSTEM, subject_type="Budget", subject_id=one.budget["id"], data=dict(data))
