"""Keeps what was found before in step with what is found now: one row for each cause, the same for as long as it lasts.

A row follows its cause when that comes to be told in another series. Where causes that had rows of their own turn out
to be one, the others become MERGED, and what people said of them goes to the one that stays. Days that are settled, or
that a series does not have for now, stay as they were seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.activity.record import record
from app.costs.anomalies.merge import Cause, Seen
from app.costs.anomalies.series import SeriesName
from app.costs.outlook.anomalies import Anomaly, JudgedDay
from app.models import now
from app.records import Actor, ActorKind, EventKind, NewEvent
from app.records.budgets import AnomalySeries, AnomalyState
from app.records.costs import CostMetric
from app.repositories import cost_anomalies

SYSTEM = Actor(ActorKind.SYSTEM)
MOST_SEEN_IN = 20
_OVER = (AnomalyState.RESOLVED, AnomalyState.MERGED)
_ANSWERED = (AnomalyState.EXPECTED, AnomalyState.ACKNOWLEDGED)
"""What people say of an anomaly, the most telling first."""


@dataclass(frozen=True)
class Finding:
    """An anomaly with the row that it has already, and its causes where it is new or another than before."""

    cause: Cause
    anomaly: Anomaly
    row: RowMapping | None
    explanation: dict[str, Any] | None = None

    @property
    def differs(self) -> bool:
        """Whether there is no such row, or one that says something else."""
        if self.row is None or self.is_back:
            return True
        return not self.cause.is_held and any(self.row[name] != value for name, value in self.told().items())

    @property
    def is_back(self) -> bool:
        """Whether it was over and is there again."""
        return self.row is not None and self.row["state"] in _OVER

    def told(self) -> dict[str, Any]:
        """The columns that say what it is."""
        name, anomaly = self.cause.name, self.anomaly
        seen = [one for one in self.cause.also_seen_in if one.anomaly.end > self.anomaly.start][:MOST_SEEN_IN]
        return {
            "series": name.series.value,
            "series_key": name.key,
            "service_name": name.service_name,
            "sub_account_id": name.sub_account_id,
            **_figures(anomaly),
            "also_seen_in": [_seen(one) for one in seen],
        }


@dataclass(frozen=True)
class Matched:
    """What was found, the largest first, and what becomes of rows that are none of it.

    `merged`: rows whose cause is told as one of the findings, by its place. `shrunk`: the days that are left of rows.
    """

    findings: tuple[Finding, ...]
    merged: tuple[tuple[RowMapping, int], ...]
    shrunk: tuple[tuple[RowMapping, Anomaly], ...]
    resolved: tuple[RowMapping, ...]


def name_of(row: RowMapping) -> SeriesName:
    """The series that a row is told in."""
    return SeriesName(
        AnomalySeries(row["series"]),
        CostMetric(row["metric"]),
        row["billing_currency"],
        row["service_name"],
        row["sub_account_id"],
    )


def is_over(row: RowMapping) -> bool:
    """Whether it is resolved or merged."""
    return row["state"] in _OVER


def days_of(row: RowMapping, keep: Callable[[date], bool]) -> Anomaly | None:
    """The days of a row for which `keep` is true; None where there are none, or they were not kept."""
    read = [
        JudgedDay(date.fromisoformat(day), Decimal(expected), Decimal(actual)) for day, expected, actual in row["days"]
    ]
    days = [day for day in read if keep(day.day)]
    return Anomaly.of(days, row["score"]) if days else None


def match(
    causes: Sequence[Cause], rows: Sequence[RowMapping], since: date, is_gone: Callable[[RowMapping], bool]
) -> Matched:
    """Which row each cause has, and what becomes of the others.

    Days before `since` stay as a row has them. `is_gone`: whether an anomaly would have been found, were it there.
    """
    chosen = _choose(causes, rows)
    findings = tuple(
        Finding(cause, _with_settled(cause, chosen.get(place), since), chosen.get(place))
        for place, cause in enumerate(causes)
    )
    met = {row["id"] for row in chosen.values()}
    merged, shrunk, resolved = [], [], []
    for row in rows:
        if row["id"] in met or is_over(row):
            continue
        same = (place for place, cause in enumerate(causes) if _is_own(row, cause) or _is_part(row, cause))
        into = next(same, None)
        if into is not None:
            merged.append((row, into))
        elif is_gone(row):
            left = days_of(row, lambda day: day < since)
            if left is None:
                resolved.append(row)
            elif left.end != row["ends_on"]:
                shrunk.append((row, left))
    return Matched(findings, tuple(merged), tuple(shrunk), tuple(resolved))


def _choose(causes: Sequence[Cause], rows: Sequence[RowMapping]) -> dict[int, RowMapping]:
    """A row by the place of each cause that has one: of its own series, else of its parts or of wider ones.

    Rows that are over come last. Of several, one that people have answered comes first.
    """
    answered = sorted(rows, key=lambda row: _ANSWERED.index(row["state"]) if row["state"] in _ANSWERED else 2)
    current = [row for row in answered if not is_over(row)]
    resolved = [row for row in rows if row["state"] == AnomalyState.RESOLVED]
    chosen: dict[int, RowMapping] = {}
    taken = set()
    steps: list[tuple[list[RowMapping], Callable[[RowMapping, Cause], bool]]] = [
        (current, _is_own),
        (current, _is_part),
        ([row for row in rows if is_over(row)], _is_own),
        (resolved, _is_part),
    ]
    for pool, fits in steps:
        for place, cause in enumerate(causes):
            found = next((row for row in pool if row["id"] not in taken and fits(row, cause)), None)
            if place not in chosen and found is not None:
                chosen[place] = found
                taken.add(found["id"])
    return chosen


def _is_own(row: RowMapping, cause: Cause) -> bool:
    return _is_same(row, Seen(cause.name, cause.anomaly))


def _is_part(row: RowMapping, cause: Cause) -> bool:
    return any(_is_same(row, seen) for seen in (*cause.parts, *cause.seen_in))


def _is_same(row: RowMapping, seen: Seen) -> bool:
    """Whether a row is of this series and direction, on days that overlap or touch."""
    return (
        row["series_key"] == seen.name.key
        and row["starts_on"] <= seen.anomaly.end
        and row["ends_on"] >= seen.anomaly.start
        and (row["excess"] > 0) is (seen.anomaly.excess > 0)
    )


def _with_settled(cause: Cause, row: RowMapping | None, since: date) -> Anomaly:
    """The anomaly with the settled days of its row, where that is of the same series."""
    if row is None or is_over(row) or row["series_key"] != cause.name.key or not row["days"]:
        return cause.anomaly
    settled = days_of(row, lambda day: day < since)
    later = [day for day in cause.anomaly.days if day.day >= since]
    if settled is None or not later:
        return settled or cause.anomaly
    return Anomaly.of([*settled.days, *later], max(settled.score, cause.anomaly.score))


@dataclass(frozen=True)
class Stored:
    """The rows that are new or open again, changed, merged and resolved."""

    found: list[UUID] = field(default_factory=list)
    changed: list[UUID] = field(default_factory=list)
    merged: list[UUID] = field(default_factory=list)
    resolved: list[UUID] = field(default_factory=list)


async def store(session: AsyncSession, organization_id: UUID, matched: Matched, import_id: UUID) -> Stored:
    """Write what differs from before, and tell the activity what is new, merged and gone."""
    stored, events = Stored(), []
    kept: list[RowMapping] = []
    for finding in matched.findings:
        row = await _kept(session, organization_id, finding, import_id)
        kept.append(row)
        if finding.row is None or finding.is_back:
            stored.found.append(row["id"])
            events.append(_event(EventKind.ANOMALY_FOUND, row))
        elif finding.differs:
            stored.changed.append(row["id"])
    for row, place in matched.merged:
        kept[place] = await _answered_as(session, kept[place], row)
        await _end(session, row, state=AnomalyState.MERGED.value, merged_into_id=kept[place]["id"])
        stored.merged.append(row["id"])
        events.append(_event(EventKind.ANOMALY_MERGED, row, mergedInto=_place(kept[place])))
    for row, left in matched.shrunk:
        values = {**_figures(left), "last_import_id": import_id, "last_seen_at": now()}
        await cost_anomalies.update_anomaly(session, organization_id, row["id"], **values)
        stored.changed.append(row["id"])
    for row in matched.resolved:
        await _end(session, row, state=AnomalyState.RESOLVED.value, resolved_at=now())
        stored.resolved.append(row["id"])
        events.append(_event(EventKind.ANOMALY_RESOLVED, row))
    if events:
        await record(session, organization_id, *events)
    return stored


async def _kept(session: AsyncSession, organization_id: UUID, finding: Finding, import_id: UUID) -> RowMapping:
    """The row of a finding, written where it differs; one that was over is open again, another state stays as set."""
    if finding.row is not None and not finding.differs:
        return finding.row
    values = {**finding.told(), "last_import_id": import_id, "last_seen_at": now()}
    if finding.explanation is not None:
        values["explanation"] = finding.explanation
    if finding.row is None:
        first = {"state": AnomalyState.OPEN.value, "first_import_id": import_id, "found_at": now(), "explanation": {}}
        name = {"metric": finding.cause.name.metric.value, "billing_currency": finding.cause.name.currency}
        return await cost_anomalies.insert_anomaly(session, organization_id, **{**first, **name, **values})
    if finding.is_back:
        moment = now()
        values |= {"state": AnomalyState.OPEN.value, "state_reason": None, "state_changed_at": moment}
        values |= {"resolved_at": None, "merged_into_id": None}
    return await cost_anomalies.update_anomaly(session, organization_id, finding.row["id"], **values)


async def _answered_as(session: AsyncSession, row: RowMapping, merged: RowMapping) -> RowMapping:
    """Let an anomaly of which nobody has said anything have what was said of one that is merged into it."""
    if merged["state"] not in _ANSWERED or row["state"] != AnomalyState.OPEN or row["state_changed_at"] is not None:
        return row
    answer = {name: merged[name] for name in ("state", "state_reason", "state_changed_at")}
    return await cost_anomalies.update_anomaly(session, row["organization_id"], row["id"], **answer)


async def _end(session: AsyncSession, row: RowMapping, **values: Any) -> None:
    values["state_changed_at"] = now()
    await cost_anomalies.update_anomaly(session, row["organization_id"], row["id"], **values)


def _figures(anomaly: Anomaly) -> dict[str, Any]:
    return {
        "starts_on": anomaly.start,
        "ends_on": anomaly.end,
        "expected": anomaly.expected,
        "actual": anomaly.actual,
        "excess": anomaly.excess,
        "score": anomaly.score,
        "days": [[day.day.isoformat(), f"{day.expected:f}", f"{day.actual:f}"] for day in anomaly.days],
    }


def _seen(seen: Seen) -> dict[str, Any]:
    return {
        "series": seen.name.series.value,
        "serviceName": seen.name.service_name,
        "subAccountId": seen.name.sub_account_id,
        "startsOn": seen.anomaly.start.isoformat(),
        "endsOn": seen.anomaly.end.isoformat(),
        "excess": f"{seen.anomaly.excess:f}",
    }


def _place(row: RowMapping) -> dict[str, Any]:
    return {
        "anomalyId": str(row["id"]),
        "series": row["series"],
        "serviceName": row["service_name"],
        "subAccountId": row["sub_account_id"],
    }


def _event(kind: EventKind, row: RowMapping, **more: Any) -> NewEvent:
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
        **more,
    }
    return NewEvent(kind, SYSTEM, subject_type="CostAnomaly", subject_id=row["id"], data=data)
