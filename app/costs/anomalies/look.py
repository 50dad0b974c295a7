"""Looks for anomalies after imports, and keeps what was found before in step with what is found now."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

import structlog
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.costs.anomalies.causes import explain_anomaly
from app.costs.anomalies.keep import SYSTEM, Matched, Stored, days_of, is_over, match, name_of, store
from app.costs.anomalies.merge import Cause, find_causes
from app.costs.anomalies.series import MOST_CURRENCIES, SeriesName, WatchedSeries, read_series
from app.costs.known_days import KnownDays, deliveries_of, known_days
from app.costs.outlook.anomalies import Anomaly
from app.costs.outlook.series import DailySeries, exact_sum
from app.database import Database
from app.records.budgets import AnomalySeries
from app.records.costs import CostMetric
from app.repositories import cost_anomalies
from app.repositories.cost_series import imported_days

__all__ = ["SYSTEM", "Hold", "Watched", "watch_anomalies"]

METRIC = CostMetric.EFFECTIVE_COST
HISTORY_DAYS = 154
"""A day is judged by 11 weeks and three month starts before it; the rest is judged."""
JUDGED_DAYS = 35
"""Older days are settled: an anomaly keeps those that it has, whatever is restated of them."""
MATERIAL_PART = Decimal("0.02")
"""An anomaly of less than this part of what the currency costs in a day is not worth anybody's time."""
MOST_EXPLAINED = 25

Hold = Callable[[AsyncSession], Awaitable[None]]


@dataclass(frozen=True)
class Judged:
    """What was found, in which series, and on which days it was looked for."""

    causes: tuple[Cause, ...]
    series: WatchedSeries
    known: KnownDays
    since: date


@dataclass(frozen=True)
class Watched(Stored):
    """The anomalies that are new, changed, merged and gone, and the currencies in which none were looked for."""

    unwatched: tuple[str, ...] = ()


async def watch_anomalies(database: Database, organization_id: UUID, today: date, hold: Hold) -> Watched:
    """Look for anomalies in the days whose charges have arrived, and store what differs from before.

    Idempotent. Where a delivery came in meanwhile nothing is stored: that one asks for a check of its own.
    """
    async with database.read(organization_id) as session:
        judged = await _judge(session, organization_id, today)
        if judged is None:
            return Watched()
        _tell_of_unwatched(organization_id, judged)
        matched = await _matched(session, organization_id, judged)
        explanations = {}
        for place, finding in enumerate(matched.findings[:MOST_EXPLAINED]):
            if finding.differs:
                start = max(judged.known.settled_until - timedelta(HISTORY_DAYS), judged.known.start)
                explanations[place] = await explain_anomaly(
                    session, organization_id, finding.cause.name, finding.anomaly, start, finding.cause.without
                )
    async with database.write(organization_id) as session:
        await hold(session)
        await cost_anomalies.lock_watch(session, organization_id)
        if deliveries_of(await imported_days(session, organization_id)) != judged.known.deliveries:
            return Watched()
        matched = await _matched(session, organization_id, judged)
        explained = tuple(
            replace(finding, explanation=explanations.get(place)) for place, finding in enumerate(matched.findings)
        )
        stored = await store(session, organization_id, replace(matched, findings=explained), judged.known.import_id)
    return Watched(stored.found, stored.changed, stored.merged, stored.resolved, judged.series.unwatched)


async def _judge(session: AsyncSession, organization_id: UUID, today: date) -> Judged | None:
    known = known_days(await imported_days(session, organization_id), today)
    if known is None:
        return None
    start = max(known.start, known.settled_until - timedelta(HISTORY_DAYS))
    watched = await read_series(session, organization_id, METRIC, start, known.settled_until)
    since = max(start, known.settled_until - timedelta(JUDGED_DAYS))
    rows = await cost_anomalies.anomalies_since(session, organization_id, since, METRIC.value)
    causes = await asyncio.to_thread(find_all, watched.series, since, _held(rows, watched.series))
    return Judged(tuple(causes), watched, known, since)


def _held(rows: Sequence[RowMapping], series: Mapping[SeriesName, DailySeries]) -> dict[SeriesName, list[Anomaly]]:
    """The days of anomalies found before on which charges are arriving anew, so that their series ends before them."""
    held: dict[SeriesName, list[Anomaly]] = {}
    for row in rows:
        daily = series.get(name_of(row))
        if daily is not None and not is_over(row) and row["ends_on"] > daily.end:
            days = days_of(row, lambda day, end=daily.end: day >= end)  # type: ignore[misc]  # bound at once
            if days is not None:
                held.setdefault(name_of(row), []).append(days)
    return held


async def _matched(session: AsyncSession, organization_id: UUID, judged: Judged) -> Matched:
    rows = await cost_anomalies.anomalies_since(session, organization_id, judged.since, METRIC.value)
    return match(judged.causes, rows, judged.since, lambda row: _is_gone(row, judged))


def _tell_of_unwatched(organization_id: UUID, judged: Judged) -> None:
    if judged.series.unwatched:
        structlog.get_logger(__name__).warning(
            "currencies_not_watched",
            organization_id=str(organization_id),
            currencies=judged.series.unwatched,
            watched=MOST_CURRENCIES,
        )


def find_all(
    series: Mapping[SeriesName, DailySeries], since: date, held: Mapping[SeriesName, Sequence[Anomaly]]
) -> list[Cause]:
    """The anomalies of all series that reach beyond `since`, each cause once, the largest first."""
    least = {
        name.currency: abs(exact_sum(daily.values)) / max(daily.days, 1) * MATERIAL_PART
        for name, daily in series.items()
        if name.series is AnomalySeries.TOTAL
    }
    causes = [cause for cause in find_causes(series, least, held) if cause.anomaly.end > since]
    return sorted(causes, key=lambda each: (-abs(each.anomaly.excess), each.name.key, each.anomaly.start))


def _is_gone(row: RowMapping, judged: Judged) -> bool:
    """Whether an anomaly that was not found again would have been, had it been there."""
    name = name_of(row)
    daily = judged.series.series.get(name)
    # A series may end before the others: where its charges of several days are still arriving.
    until = judged.known.settled_until if daily is None else daily.end
    if row["ends_on"] > until:
        return False
    return daily is not None or (name.series, name.currency) in judged.series.whole
