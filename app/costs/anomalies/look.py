"""Looks for anomalies after imports, and keeps what was found before in step with what is found now."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.activity.record import record
from app.costs.anomalies.causes import explain_anomaly
from app.costs.anomalies.series import MOST_CURRENCIES, SeriesName, WatchedSeries, read_series
from app.costs.known_days import KnownDays, deliveries_of, known_days
from app.costs.outlook.anomalies import Anomaly, JudgementUnavailable, find_anomalies
from app.costs.outlook.series import DailySeries, exact_sum
from app.database import Database
from app.models import now
from app.records import Actor, ActorKind, EventKind, NewEvent
from app.records.budgets import AnomalySeries, AnomalyState
from app.records.costs import CostMetric
from app.repositories import cost_anomalies
from app.repositories.cost_series import imported_days

METRIC = CostMetric.EFFECTIVE_COST
HISTORY_DAYS = 154
"""A day is judged by 11 weeks and three month starts before it; the rest is judged."""
JUDGED_DAYS = 35
"""Later restatements of older days leave their anomalies as they are."""
MATERIAL_PART = Decimal("0.02")
"""An anomaly of less than this part of what the currency costs in a day is not worth anybody's time."""
MOST_EXPLAINED = 25

SYSTEM = Actor(ActorKind.SYSTEM)
Hold = Callable[[AsyncSession], Awaitable[None]]


@dataclass(frozen=True)
class Finding:
    """An anomaly in a series, with its causes where it is new or another than before."""

    name: SeriesName
    anomaly: Anomaly
    explanation: dict[str, Any] | None = None


@dataclass(frozen=True)
class Judged:
    """What was found, in which series, and on which days it was looked for."""

    findings: tuple[Finding, ...]
    series: WatchedSeries
    known: KnownDays
    since: date


@dataclass
class Watched:
    """The anomalies that are new, changed and gone, and the currencies in which none were looked for."""

    found: list[UUID] = field(default_factory=list)
    changed: list[UUID] = field(default_factory=list)
    resolved: list[UUID] = field(default_factory=list)
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
        before = await _before(session, organization_id, judged)
        findings = []
        for number, finding in enumerate(judged.findings):
            row = _same(before, finding)
            explanation = None
            if number < MOST_EXPLAINED and (row is None or _differs(row, finding.anomaly)):
                start = judged.known.settled_until - timedelta(HISTORY_DAYS)
                explanation = await explain_anomaly(
                    session, organization_id, finding.name, finding.anomaly, max(start, judged.known.start)
                )
            findings.append(Finding(finding.name, finding.anomaly, explanation))
    async with database.write(organization_id) as session:
        await hold(session)
        await cost_anomalies.lock_watch(session, organization_id)
        if deliveries_of(await imported_days(session, organization_id)) != judged.known.deliveries:
            return Watched()
        before = await _before(session, organization_id, judged)
        return await _store(session, organization_id, judged, findings, before)


async def _judge(session: AsyncSession, organization_id: UUID, today: date) -> Judged | None:
    known = known_days(await imported_days(session, organization_id), today)
    if known is None:
        return None
    start = max(known.start, known.settled_until - timedelta(HISTORY_DAYS))
    watched = await read_series(session, organization_id, METRIC, start, known.settled_until)
    since = max(start, known.settled_until - timedelta(JUDGED_DAYS))
    findings = await asyncio.to_thread(find_all, watched.series, since)
    return Judged(tuple(findings), watched, known, since)


def _tell_of_unwatched(organization_id: UUID, judged: Judged) -> None:
    if judged.series.unwatched:
        structlog.get_logger(__name__).warning(
            "currencies_not_watched",
            organization_id=str(organization_id),
            currencies=judged.series.unwatched,
            watched=MOST_CURRENCIES,
        )


def find_all(series: Mapping[SeriesName, DailySeries], since: date) -> list[Finding]:
    """The anomalies of all series that reach beyond `since`, the largest first."""
    usual = {
        name.currency: abs(exact_sum(daily.values)) / max(daily.days, 1)
        for name, daily in series.items()
        if name.series is AnomalySeries.TOTAL
    }
    findings = []
    for name, daily in series.items():
        least = usual.get(name.currency, Decimal(0)) * MATERIAL_PART
        found = find_anomalies(daily, minimum_amount=least)
        if not isinstance(found, JudgementUnavailable):
            findings += [Finding(name, anomaly) for anomaly in found if anomaly.end > since]
    return sorted(findings, key=lambda each: (-abs(each.anomaly.excess), each.name.key, each.anomaly.start))


async def _before(session: AsyncSession, organization_id: UUID, judged: Judged) -> Sequence[RowMapping]:
    return await cost_anomalies.anomalies_since(session, organization_id, judged.since, METRIC.value)


def _same(rows: Sequence[RowMapping], finding: Finding) -> RowMapping | None:
    """The anomaly that this one is: in the same series and direction, on days that overlap or touch."""
    anomaly = finding.anomaly
    return next(
        (
            row
            for row in rows
            if row["series_key"] == finding.name.key
            and row["starts_on"] <= anomaly.end
            and row["ends_on"] >= anomaly.start
            and (row["excess"] > 0) is (anomaly.excess > 0)
        ),
        None,
    )


def _differs(row: RowMapping, anomaly: Anomaly) -> bool:
    now_there = (anomaly.start, anomaly.end, anomaly.expected, anomaly.actual, AnomalyState.RESOLVED)
    return (row["starts_on"], row["ends_on"], row["expected"], row["actual"]) != now_there[:4] or (
        row["state"] == AnomalyState.RESOLVED
    )


async def _store(
    session: AsyncSession,
    organization_id: UUID,
    judged: Judged,
    findings: Sequence[Finding],
    before: Sequence[RowMapping],
) -> Watched:
    watched, events, met = Watched(unwatched=judged.series.unwatched), [], set()
    for finding in findings:
        row = _same([row for row in before if row["id"] not in met], finding)
        if row is None:
            row = await _insert(session, organization_id, judged, finding)
            watched.found.append(row["id"])
            events.append(_event(EventKind.ANOMALY_FOUND, row))
        elif _differs(row, finding.anomaly):
            again = row["state"] == AnomalyState.RESOLVED
            row = await _update(session, row, judged, finding)
            (watched.found if again else watched.changed).append(row["id"])
            if again:
                events.append(_event(EventKind.ANOMALY_FOUND, row))
        met.add(row["id"])
    for row in before:
        if row["id"] not in met and _is_gone(row, judged):
            moment = now()
            values = {"state": AnomalyState.RESOLVED.value, "state_changed_at": moment, "resolved_at": moment}
            row = await cost_anomalies.update_anomaly(session, organization_id, row["id"], **values)  # noqa: PLW2901
            watched.resolved.append(row["id"])
            events.append(_event(EventKind.ANOMALY_RESOLVED, row))
    if events:
        await record(session, organization_id, *events)
    return watched


def _is_gone(row: RowMapping, judged: Judged) -> bool:
    """Whether an anomaly that was not found again would have been, had it been there."""
    name = SeriesName(
        AnomalySeries(row["series"]),
        CostMetric(row["metric"]),
        row["billing_currency"],
        row["service_name"],
        row["sub_account_id"],
    )
    daily = judged.series.series.get(name)
    # A series may end before the others: where its charges of several days are still arriving.
    until = judged.known.settled_until if daily is None else daily.end
    if row["state"] == AnomalyState.RESOLVED or row["ends_on"] > until:
        return False
    return daily is not None or (name.series, name.currency) in judged.series.whole


async def _insert(session: AsyncSession, organization_id: UUID, judged: Judged, finding: Finding) -> RowMapping:
    name = finding.name
    return await cost_anomalies.insert_anomaly(
        session,
        organization_id,
        series=name.series.value,
        series_key=name.key,
        metric=name.metric.value,
        billing_currency=name.currency,
        service_name=name.service_name,
        sub_account_id=name.sub_account_id,
        state=AnomalyState.OPEN.value,
        first_import_id=judged.known.import_id,
        found_at=now(),
        **_figures(judged, finding),
        explanation=finding.explanation or {},
    )


async def _update(session: AsyncSession, row: RowMapping, judged: Judged, finding: Finding) -> RowMapping:
    """Write what was found; one that was resolved is open again, another state stays as somebody set it."""
    values = _figures(judged, finding)
    if row["state"] == AnomalyState.RESOLVED:
        values |= {
            "state": AnomalyState.OPEN.value,
            "state_reason": None,
            "state_changed_at": now(),
            "resolved_at": None,
        }
    if finding.explanation is not None:
        values["explanation"] = finding.explanation
    return await cost_anomalies.update_anomaly(session, row["organization_id"], row["id"], **values)


def _figures(judged: Judged, finding: Finding) -> dict[str, Any]:
    anomaly = finding.anomaly
    return {
        "starts_on": anomaly.start,
        "ends_on": anomaly.end,
        "expected": anomaly.expected,
        "actual": anomaly.actual,
        "excess": anomaly.excess,
        "score": anomaly.score,
        "last_import_id": judged.known.import_id,
        "last_seen_at": now(),
    }


def _event(kind: EventKind, row: RowMapping) -> NewEvent:
    data = {
        "series": row["series"],
        "serviceName": row["service_name"],
        "subAccountId": row["sub_account_id"],
        "startsOn": row["starts_on"].isoformat(),
        "endsOn": row["ends_on"].isoformat(),
        "expected": f"{row['expected']:f}",
        "actual": f"{row['actual']:f}",
        "excess": f"{row['excess']:f}",
        "currency": row["billing_currency"],
    }
    return NewEvent(kind, SYSTEM, subject_type="CostAnomaly", subject_id=row["id"], data=data)
