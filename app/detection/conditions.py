"""Judges one resource by what its check declares of all findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from app.detection.facts import Facts, Subject, UnknownFactError
from app.detection.reckoning import busiest_day, exact
from app.records.conditions import Below, Condition, NoTag, NoText, Older, Since, StatusIn, TextIn, TextNotIn


def hold(conditions: Sequence[Condition], facts: Facts) -> bool:
    """Whether all hold, by the first that does not or is not known. Raises UnknownFactError, and NotReadError."""
    return all(_holds(condition, facts) for condition in conditions)


def _holds(condition: Condition, facts: Facts) -> bool:
    match condition:
        case Older(parameter, since, or_equal):
            age, least = facts.age_days(_moment(facts, since)), facts.threshold(parameter)
            return age > least or (or_equal and age == least)
        case Below():
            return _is_below(condition, facts)
        case _:
            return _holds_of(condition, facts.subject)


def _holds_of(condition: StatusIn | NoTag | TextIn | TextNotIn | NoText, subject: Subject) -> bool:
    match condition:
        case StatusIn(values):
            return subject.status in values
        case NoTag(key):
            return key not in subject.tags
        case TextIn(name, values, needed):
            return _text(subject, name, needed=needed) in values
        case TextNotIn(name, values):
            return subject.text(name) not in values
        case NoText(name):
            return subject.text(name) is None


def _text(subject: Subject, name: str, *, needed: bool) -> str | None:
    value = subject.text(name)
    if value is None and needed:
        message = f"`{name}` of {subject.native_id} is not known."
        raise UnknownFactError(message)
    return value


def _moment(facts: Facts, since: Since) -> datetime:
    subject = facts.subject
    match since:
        case Since.STATUS:
            return facts.status_since()
        case Since.CREATED:
            return subject.created_at or subject.first_seen_at
        case Since.FIRST_SEEN:
            return subject.first_seen_at


def bound_of(condition: Below, parameters: Mapping[str, Decimal]) -> Decimal:
    """What the metrics have to stay below, in their own unit."""
    return Decimal(0) if condition.parameter is None else parameters[condition.parameter] * condition.unit


def _is_below(condition: Below, facts: Facts) -> bool:
    bound = bound_of(condition, facts.parameters)
    may_reach = condition.or_equal or condition.parameter is None
    for key in condition.metrics:
        if not _is_less(exact(facts.usage(key).maximum), bound, may_reach=may_reach):
            return False
    return len(condition.metrics) == 1 or _is_less(busiest_day(facts, *condition.metrics), bound, may_reach=may_reach)


def _is_less(value: Decimal, bound: Decimal, *, may_reach: bool) -> bool:
    return value < bound or (may_reach and value == bound)
