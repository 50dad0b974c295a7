"""What people say of recommendations, many at a time: ignore, mark for deletion, done, open again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.activity.record import record
from app.costs.names import checked_reason
from app.database import Database
from app.errors import BadUserInputError
from app.models import now
from app.recommendations.grace import too_early
from app.recommendations.store import TOLD_IDS, count_once
from app.records import Actor, EventKind, NewEvent
from app.records.detection import Remedy
from app.records.recommendations import HistoryKind, IgnoreReason, IgnoreScope, RecommendationState, Resolution
from app.repositories import recommendations

MOST_IDS = 500
LONGEST_DELAY = timedelta(days=3650)
_NOTHING: dict[str, Any] = dict.fromkeys(("ignored_until", "ignored_scope", "reason", "note", "due_on"))
_UNRESOLVED: dict[str, Any] = dict.fromkeys(("resolution", "resolved_at", "proved_at"))


@dataclass(frozen=True)
class Answered:
    """What became of one id: the row as it is now, or why it was left as it was."""

    id: UUID
    row: RowMapping | None = None
    is_absent: bool = False
    problem: str | None = None


@dataclass(frozen=True)
class _Act:
    """One thing said of recommendations: what it writes, what it tells, and why it does not fit a row."""

    values: Mapping[str, Any]
    history: HistoryKind
    event: EventKind
    data: Mapping[str, Any]
    problem: Callable[[RowMapping], str | None]
    due_on: date | None = None
    is_whole: bool = False
    """Whether it is said of all that is found on the same resources."""


async def ignore(
    database: Database,
    organization_id: UUID,
    actor: Actor,
    ids: Sequence[UUID],
    *,
    reason: IgnoreReason,
    note: str | None,
    until: date | None,
    scope: IgnoreScope = IgnoreScope.FINDING,
) -> list[Answered]:
    """Leave recommendations out of what is to be saved, until a day or for ever. Raises BadUserInputError.

    With the scope RESOURCE all that is found on their resources, now and until then.
    """
    note = None if note is None else checked_reason(note, "note")
    _check_day(until, "until")
    values = {
        **_NOTHING,
        **_UNRESOLVED,
        "state": RecommendationState.IGNORED.value,
        "ignored_until": until,
        "ignored_scope": scope.value,
        "reason": reason.value,
        "note": note,
    }
    until_day = None if until is None else until.isoformat()
    data = {"reason": reason.value, "until": until_day, "note": note, "scope": scope.value}
    is_whole = scope is IgnoreScope.RESOURCE
    problem = _cannot_be_ignored_as_a_whole if is_whole else _is_resolved
    act = _Act(values, HistoryKind.IGNORED, EventKind.RECOMMENDATIONS_IGNORED, data, problem, is_whole=is_whole)
    return await _answer(database, organization_id, actor, ids, act)


async def mark_for_deletion(
    database: Database, organization_id: UUID, actor: Actor, ids: Sequence[UUID], *, due_on: date, note: str | None
) -> list[Answered]:
    """Say that resources are to be deleted by a day. Nothing is deleted by this. Raises BadUserInputError."""
    note = None if note is None else checked_reason(note, "note")
    _check_day(due_on, "dueOn")
    values = {
        **_NOTHING,
        **_UNRESOLVED,
        "state": RecommendationState.MARKED_FOR_DELETION.value,
        "due_on": due_on,
        "note": note,
    }
    data = {"dueOn": due_on.isoformat(), "note": note}
    event = EventKind.RECOMMENDATIONS_MARKED_FOR_DELETION
    act = _Act(values, HistoryKind.MARKED_FOR_DELETION, event, data, _cannot_be_deleted, due_on)
    return await _answer(database, organization_id, actor, ids, act)


async def resolve(
    database: Database, organization_id: UUID, actor: Actor, ids: Sequence[UUID], *, note: str | None
) -> list[Answered]:
    """Say that something was done about recommendations; the next look proves it or opens them again."""
    note = None if note is None else checked_reason(note, "note")
    values = {
        **_NOTHING,
        "state": RecommendationState.RESOLVED.value,
        "resolution": Resolution.SAID_DONE.value,
        "resolved_at": now(),
        "proved_at": None,
        "note": note,
    }
    act = _Act(values, HistoryKind.RESOLVED, EventKind.RECOMMENDATIONS_RESOLVED, {"note": note}, _is_resolved)
    return await _answer(database, organization_id, actor, ids, act)


async def reopen(database: Database, organization_id: UUID, actor: Actor, ids: Sequence[UUID]) -> list[Answered]:
    """Take back that recommendations are ignored, marked, or said to be done."""
    values = {**_NOTHING, **_UNRESOLVED, "state": RecommendationState.OPEN.value}
    act = _Act(values, HistoryKind.REOPENED, EventKind.RECOMMENDATIONS_REOPENED, {}, _cannot_be_reopened)
    return await _answer(database, organization_id, actor, ids, act)


def _is_resolved(row: RowMapping) -> str | None:
    if row["state"] == RecommendationState.RESOLVED:
        return "It is resolved; there is nothing left to say of it."
    return None


def _cannot_be_ignored_as_a_whole(row: RowMapping) -> str | None:
    if row["resource_id"] is None:
        return "It is about no resource; ignore the finding alone, with the scope FINDING."
    return _is_resolved(row)


def _cannot_be_deleted(row: RowMapping) -> str | None:
    if row["remedy"] != Remedy.DELETE:
        return f"Nothing is to be deleted here; the remedy is {row['remedy']}."
    if row["resource_id"] is None:
        return "It is about no resource that could be deleted."
    return _is_resolved(row)


def _cannot_be_reopened(row: RowMapping) -> str | None:
    said = row["resolution"] == Resolution.SAID_DONE and row["proved_at"] is None
    if row["state"] == RecommendationState.RESOLVED and not said:
        return "It is resolved, as a scan has proved; should it come back, a scan opens it again."
    return None


async def _answer(
    database: Database, organization_id: UUID, actor: Actor, ids: Sequence[UUID], act: _Act
) -> list[Answered]:
    if not 1 <= len(ids) <= MOST_IDS:
        message = f"`ids` has {len(ids)} ids; give 1 to {MOST_IDS}."
        raise BadUserInputError(message, path=("input", "ids"))
    async with database.write(organization_id) as session:
        accounts = await recommendations.accounts_of(session, organization_id, ids)
        for account_id in accounts:  # in order, as every other writer of what counts takes them
            await recommendations.lock_account(session, organization_id, account_id)
        rows = {row["id"]: row for row in await recommendations.by_ids(session, organization_id, set(ids))}
        problems = {id_: problem for id_, row in rows.items() if (problem := act.problem(row))}
        if act.due_on is not None:
            problems = await too_early(session, organization_id, rows.values(), act.due_on) | problems
        said = await _said_of(session, organization_id, rows, problems, act)
        fitting = [id_ for id_, row in said.items() if not _is_so(row, act.values)]
        changed = await _write(session, organization_id, actor, fitting, act)
        if changed:
            for account_id in accounts:
                await count_once(session, organization_id, account_id)
            rows |= {row["id"]: row for row in await recommendations.by_ids(session, organization_id, set(ids))}
            data = {"count": len(changed), TOLD_IDS: [str(row["id"]) for row in changed], **act.data}
            await record(session, organization_id, NewEvent(act.event, actor, data=data))
    return [
        Answered(id_, rows.get(id_), is_absent=id_ not in rows, problem=problems.get(id_)) for id_ in dict.fromkeys(ids)
    ]


async def _said_of(
    session: AsyncSession,
    organization_id: UUID,
    rows: Mapping[UUID, RowMapping],
    problems: Mapping[UUID, str],
    act: _Act,
) -> dict[UUID, RowMapping]:
    """What is answered for, without what it does not fit, and what else is found on the same resources."""
    fitting = {id_: row for id_, row in rows.items() if id_ not in problems}
    if not act.is_whole or not fitting:
        return fitting
    resources = {row["resource_id"] for row in fitting.values()}
    others = await recommendations.active_of_resources(session, organization_id, resources)
    return {row["id"]: row for row in others} | fitting


async def _write(
    session: AsyncSession, organization_id: UUID, actor: Actor, ids: Sequence[UUID], act: _Act
) -> Sequence[RowMapping]:
    if not ids:
        return []
    values = {**act.values, "state_changed_at": now(), "decided_by": actor.id}
    changed = await recommendations.update_rows(session, organization_id, ids, **values)
    entries = [(id_, act.history, act.data) for id_ in ids]
    await recommendations.write_history(session, organization_id, actor, entries)
    return changed


def _is_so(row: RowMapping, values: Mapping[str, Any]) -> bool:
    """Whether that has been said already: the same again changes nothing. When it was done is no difference."""
    return all(row[name] == value for name, value in values.items() if not isinstance(value, datetime))


def _check_day(day: date | None, field: str) -> None:
    today = now().date()
    if day is not None and not today < day <= today + LONGEST_DELAY:
        message = f"`{field}` must be a day after today and within ten years."
        raise BadUserInputError(message, path=("input", field))
