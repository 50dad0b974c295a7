"""How a recommendation goes from state to state. Pure: what is stored and what happened in, what to write out."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from app.records.recommendations import (
    ACTIVE,
    Found,
    HistoryKind,
    Looked,
    RecommendationState,
    Resolution,
    Step,
    Stored,
)

_NOTICED = Decimal("0.1")
"""A monthly saving that changes by more than a tenth is told in the history."""


def found_again(stored: Stored, found: Found, moment: datetime) -> Step:
    """The waste is still there, or there again. The figures are written by the caller in any case.

    What is ignored or marked stays so until its day. What was resolved opens again: said to be done and not done,
    or come back.
    """
    if stored.state is RecommendationState.RESOLVED:
        kind = HistoryKind.CAME_BACK
        return Step(
            opened(moment) | {"found_at": moment},
            kind,
            {"wasResolvedAs": stored.resolution.value if stored.resolution else None},
        )
    if ignore_is_over(stored, moment.date()):
        return Step(opened(moment), HistoryKind.IGNORE_ENDED, {})
    if _differs(stored.converted, found.converted):
        data = {"from": _text(stored.converted), "to": _text(found.converted)}
        return Step({}, HistoryKind.AMOUNT_CHANGED, data)
    return Step({})


def not_found(stored: Stored, looked: Looked, moment: datetime) -> Step:
    """A check looked and found nothing, or could not tell; then nothing changes but what a day changes.

    What a rule leaves out proves nothing: it may be as it was.
    """
    if looked.resolution is None:
        is_over = ignore_is_over(stored, moment.date())
        return Step(opened(moment), HistoryKind.IGNORE_ENDED, {}) if is_over else Step({})
    is_ignored = stored.state is RecommendationState.IGNORED
    if is_ignored and looked.resolution is Resolution.LEFT_OUT:
        return Step({})  # it is found again where the rule is as before, and somebody has decided on it
    if stored.state in ACTIVE:
        values = {
            "state": RecommendationState.RESOLVED.value,
            "state_changed_at": moment,
            "resolution": looked.resolution.value,
            "resolved_at": moment,
            "proved_at": moment,
            "is_counted": False,
            "ignored_until": None,
            "ignored_scope": None,
            "due_on": None,
        }
        return Step(values, HistoryKind.RESOLVED, {"resolution": looked.resolution.value, "why": looked.why})
    is_proof = looked.resolution is not Resolution.LEFT_OUT
    if is_proof and stored.resolution is Resolution.SAID_DONE and stored.proved_at is None:
        return Step({"proved_at": moment}, HistoryKind.PROVED, {"by": looked.resolution.value})
    return Step({})


def ignore_is_over(stored: Stored, today: date) -> bool:
    """Whether the day has come on which an ignored recommendation opens again."""
    is_ignored = stored.state is RecommendationState.IGNORED
    return is_ignored and stored.ignored_until is not None and stored.ignored_until <= today


def opened(moment: datetime) -> dict[str, object]:
    """What an open recommendation has, whatever it was before."""
    return {
        "state": RecommendationState.OPEN.value,
        "state_changed_at": moment,
        "ignored_until": None,
        "ignored_scope": None,
        "reason": None,
        "note": None,
        "due_on": None,
        "resolution": None,
        "resolved_at": None,
        "proved_at": None,
    }


def _differs(before: Decimal | None, now: Decimal | None) -> bool:
    if before is None or now is None:
        return before is not now
    return abs(now - before) > max(before, now) * _NOTICED


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount)
