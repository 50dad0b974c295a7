"""Writes what checks found into the ledger: new rows, changed figures, states that follow, and the history of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.activity.record import record
from app.detection.catalogue import checks_of_charges
from app.detection.overlap import Claim, counted
from app.models import new_id
from app.recommendations.lifecycle import found_again, ignore_is_over, not_found, opened
from app.records import Actor, ActorKind, EventKind, NewEvent
from app.records.detection import CASH_UNKNOWN
from app.records.recommendations import (
    Found,
    HistoryKind,
    IgnoreScope,
    Looked,
    RecommendationState,
    Resolution,
    Step,
    Stored,
)
from app.repositories import recommendations
from app.repositories.planning import plan_afresh

SYSTEM = Actor(ActorKind.SYSTEM)
BATCH = 1_000
TOLD_IDS = "recommendationIds"
"""Where an event's data names the recommendations that it is about."""
MOST_TOLD = 500
_MANY = 100
"""Rows of history, each of which has its recommendation looked up: by plans from when the ledger was empty that took
half of what PostgreSQL did for a first look at 100,000 resources."""
_UNKNOWN_LAST = Decimal(-1)
_IGNORED = ("state", "ignored_until", "ignored_scope", "reason", "note", "decided_by")
_NO_DATA: Mapping[str, Any] = {}


@dataclass
class Changes:
    """What a run has changed, by what happened."""

    counts: dict[HistoryKind, int] = field(default_factory=dict)
    ids: set[UUID] = field(default_factory=set)
    """Of the recommendations that changed in a way that their followers want to know."""

    def add(self, id_: UUID, kind: HistoryKind) -> None:
        """Count one."""
        self.counts[kind] = self.counts.get(kind, 0) + 1
        self.ids.add(id_)

    def merge(self, other: Changes) -> None:
        """Add what another page has changed."""
        for kind, count in other.counts.items():
            self.counts[kind] = self.counts.get(kind, 0) + count
        self.ids |= other.ids


async def store(
    session: AsyncSession,
    organization_id: UUID,
    account_id: UUID,
    outcomes: Sequence[Found | Looked],
    moment: datetime,
) -> Changes:
    """Write what became of a page of subjects, in five statements however many they are.

    What a later look has told, or somebody has said to be done since the resource was read, stays as it is.
    """
    # Before any row: whoever answers takes the account first too, and two looks could each add a row that is missing.
    await recommendations.lock_account(session, organization_id, account_id)
    keys = {outcome.subject_key for outcome in outcomes}
    rows = await recommendations.of_subjects(session, organization_id, account_id, keys)
    known = {(row["check_id"], row["subject_key"]): dict(row) for row in rows}
    covering = _ignored_as_a_whole(rows, moment)
    written: list[Mapping[str, Any]] = []
    seen: list[UUID] = []
    history: list[tuple[UUID, HistoryKind, Mapping[str, Any]]] = []
    for outcome in outcomes:
        row = known.get((outcome.check_id, outcome.subject_key))
        if row is None:
            if isinstance(outcome, Found):
                cover = covering.get(outcome.subject_key)
                new = new_row(organization_id, outcome, moment) | _ignored_as(cover)
                written.append(new)
                history.append((new["id"], HistoryKind.FOUND, {}))
                history += _told_ignored(new["id"], cover)
            continue
        if _is_known_since(row, outcome, moment):
            continue
        step, changed = _changed(row, outcome, moment)
        cover = covering.get(outcome.subject_key) if step.kind is HistoryKind.CAME_BACK else None
        changed |= _ignored_as(cover)
        if isinstance(outcome, Found) and _is_same(row, changed):
            seen.append(row["id"])
        elif changed != row:
            written.append(changed)
        if step.kind is not None:
            history.append((row["id"], step.kind, step.data or {}))
            history += _told_ignored(row["id"], cover)
    if len(history) >= _MANY:
        await plan_afresh(session)
    await recommendations.write_rows(session, written)
    await recommendations.write_found_again(session, organization_id, seen, moment)
    await recommendations.write_history(session, organization_id, SYSTEM, history)
    changes = Changes()
    for id_, kind, _ in history:
        changes.add(id_, kind)
    await _tell(session, organization_id, account_id, changes)
    return changes


def _ignored_as_a_whole(rows: Iterable[Mapping[Any, Any]], moment: datetime) -> dict[str, Mapping[Any, Any]]:
    """By subject a recommendation that says that the whole resource is ignored, whatever is found on it."""
    return {
        row["subject_key"]: row
        for row in rows
        if row["state"] == RecommendationState.IGNORED
        and row["ignored_scope"] == IgnoreScope.RESOURCE
        and not ignore_is_over(stored_of(row), moment.date())
    }


def _ignored_as(cover: Mapping[Any, Any] | None) -> dict[str, Any]:
    """What is ignored as another one is; nothing for None."""
    return {} if cover is None else {name: cover[name] for name in _IGNORED}


def _told_ignored(id_: UUID, cover: Mapping[Any, Any] | None) -> list[tuple[UUID, HistoryKind, Mapping[str, Any]]]:
    if cover is None:
        return []
    until = None if cover["ignored_until"] is None else cover["ignored_until"].isoformat()
    data = {"reason": cover["reason"], "until": until, "scope": IgnoreScope.RESOURCE.value}
    return [(id_, HistoryKind.IGNORED, data)]


def _changed(row: Mapping[Any, Any], outcome: Found | Looked, moment: datetime) -> tuple[Step, dict[str, Any]]:
    stored = stored_of(row)
    if isinstance(outcome, Looked):
        step = not_found(stored, outcome, moment)
        return step, {**row, **step.values}
    step = found_again(stored, outcome, moment)
    return step, {**row, **figures(outcome), "last_found_at": moment, **step.values}


def _is_known_since(row: Mapping[Any, Any], outcome: Found | Looked, moment: datetime) -> bool:
    """Whether more is known than by facts of a moment, or by those that a finding rests on."""
    if any(at is not None and at > moment for at in (row["last_found_at"], row["resolved_at"], row["proved_at"])):
        return True
    is_said = row["resolution"] == Resolution.SAID_DONE and row["proved_at"] is None
    if not is_said or isinstance(outcome, Looked) or outcome.read_at is None:
        return False
    return bool(row["resolved_at"] > outcome.read_at)


def _is_same(row: Mapping[Any, Any], changed: Mapping[str, Any]) -> bool:
    """Whether nothing but the moment is new: so it is with most of what is found, look by look."""
    return all(value == row[name] for name, value in changed.items() if name != "last_found_at")


async def resolve_gone(session: AsyncSession, organization_id: UUID, account_id: UUID, moment: datetime) -> Changes:
    """Resolve what stands of resources that are gone; at most a batch, so call it until nothing changes."""
    await recommendations.lock_account(session, organization_id, account_id)
    rows = await recommendations.of_gone_resources(session, organization_id, account_id, BATCH)
    return await _resolve(session, organization_id, account_id, rows, Resolution.DELETED, moment)


async def resolve_disconnected(
    session: AsyncSession, organization_id: UUID, account_id: UUID, moment: datetime
) -> Changes:
    """Resolve what is open or marked on resources of an account that is disconnected; at most a batch, as above.

    What somebody ignores stays so, for when the account is connected again: its money is in no total. What was found
    in charges stays: those still arrive.
    """
    await recommendations.lock_account(session, organization_id, account_id)
    of_charges = [check.id for each in checks_of_charges().values() for check in each]
    rows = await recommendations.of_resources(session, organization_id, account_id, of_charges, BATCH)
    return await _resolve(session, organization_id, account_id, rows, Resolution.ACCOUNT_GONE, moment)


async def end_ignores(session: AsyncSession, organization_id: UUID, account_id: UUID, moment: datetime) -> Changes:
    """Open what was ignored until a day that has come; at most a batch, as above."""
    await recommendations.lock_account(session, organization_id, account_id)
    rows = await recommendations.ignored_until(session, organization_id, account_id, moment.date(), BATCH)
    changes = Changes()
    for row in rows:
        changes.add(row["id"], HistoryKind.IGNORE_ENDED)
    await recommendations.write_rows(session, [{**row, **opened(moment)} for row in rows])
    entries = [(row["id"], HistoryKind.IGNORE_ENDED, _NO_DATA) for row in rows]
    await recommendations.write_history(session, organization_id, SYSTEM, entries)
    if rows:
        await count_once(session, organization_id, account_id)
    await _tell(session, organization_id, account_id, changes)
    return changes


async def _resolve(
    session: AsyncSession,
    organization_id: UUID,
    account_id: UUID,
    rows: Sequence[RowMapping],
    resolution: Resolution,
    moment: datetime,
) -> Changes:
    written: list[Mapping[str, Any]] = []
    history: list[tuple[UUID, HistoryKind, Mapping[str, Any]]] = []
    changes = Changes()
    for row in rows:
        looked = Looked(row["check_id"], row["subject_key"], resolution)
        step, changed = _changed(row, looked, moment)
        written.append(changed)
        if step.kind is not None:
            history.append((row["id"], step.kind, step.data or {}))
            changes.add(row["id"], step.kind)
    await recommendations.write_rows(session, written)
    await recommendations.write_history(session, organization_id, SYSTEM, history)
    await _tell(session, organization_id, account_id, changes)
    return changes


async def _tell(session: AsyncSession, organization_id: UUID, account_id: UUID, changes: Changes) -> None:
    """Record what has changed, in the transaction that changes it and last of all in that."""
    ids = sorted(changes.ids)
    events = [
        NewEvent(
            EventKind.RECOMMENDATIONS_CHANGED,
            SYSTEM,
            subject_type="Account",
            subject_id=account_id,
            data={"accountId": str(account_id), TOLD_IDS: [str(id_) for id_ in ids[start : start + MOST_TOLD]]},
        )
        for start in range(0, len(ids), MOST_TOLD)
    ]
    if events:
        events[0].data.update({kind.value: count for kind, count in changes.counts.items()})
        await record(session, organization_id, *events)


async def count_once(session: AsyncSession, organization_id: UUID, account_id: UUID) -> None:
    """Tell anew which of an account's recommendations count; the caller holds the account's lock."""
    claims = [
        Claim(row["id"], row["node"], row["part_of"], row["covers_parts"], row["converted_saving"])
        for row in await recommendations.claims_of(session, organization_id, account_id)
    ]
    await recommendations.set_counted(session, organization_id, account_id, counted(claims))


def stored_of(row: Mapping[Any, Any]) -> Stored:
    """What the ledger decides by."""
    return Stored(
        id=row["id"],
        state=RecommendationState(row["state"]),
        ignored_until=row["ignored_until"],
        resolution=Resolution(row["resolution"]) if row["resolution"] else None,
        converted=row["converted_saving"],
        proved_at=row["proved_at"],
    )


def new_row(organization_id: UUID, found: Found, moment: datetime) -> dict[str, Any]:
    """A row of `recommendations` for what was never found before."""
    return {
        "organization_id": organization_id,
        "id": new_id(),
        "account_id": found.account_id,
        "check_id": found.check_id,
        "subject_key": found.subject_key,
        "resource_id": found.resource_id,
        "state": RecommendationState.OPEN.value,
        "state_changed_at": moment,
        "found_at": moment,
        "last_found_at": moment,
        "is_counted": False,
        **dict.fromkeys(("ignored_until", "ignored_scope", "reason", "note", "due_on", "decided_by")),
        **dict.fromkeys(("resolution", "resolved_at", "proved_at")),
        **figures(found),
    }


def figures(found: Found) -> dict[str, Any]:
    """The columns that each look writes anew."""
    saving = found.saving
    return {
        "node": found.node,
        "severity": found.severity.value,
        "confidence": found.confidence.value,
        "remedy": found.remedy.value,
        "price_basis": saving.basis.value,
        "monthly_saving": saving.amount,
        "currency": saving.currency,
        "converted_saving": found.converted,
        "saving_order": _UNKNOWN_LAST if found.converted is None else found.converted,
        "saving": {
            "formula": saving.formula,
            "inputs": dict(saving.inputs),
            "reason": saving.reason,
            "isHygiene": saving.is_hygiene,
            "cash": None if saving.cash is None else f"{saving.cash:f}",
            "cashReason": None if saving.cash is not None else saving.cash_unknown or CASH_UNKNOWN,
        },
        "evidence": [{"label": label, "value": value, "unit": unit} for label, value, unit in found.evidence],
        "target": found.target,
        "part_of": found.part_of,
        "covers_parts": found.covers_parts,
        "rule_version": found.rule_version,
    }
