"""What a check declares of all its findings, with the thresholds of a rule: as PostgreSQL sifts resources by it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from app.detection.check import Check
from app.detection.conditions import bound_of
from app.detection.facts import REQUIRE_COMPLETE
from app.detection.rule import Rule
from app.recommendations.lazy_usages import Windows, windows_of
from app.records.conditions import Below, Condition, Older
from app.repositories.declared_conditions import BelowBound, Bound, OlderThan

_ROUNDING = 1e-9
"""Relative. Thresholds are exact and compared with what is measured as it is written; PostgreSQL has floats."""
_LEAST = 5e-324
"""The smallest number above 0."""
_MOMENT = timedelta(seconds=1)
_MOST_DAYS = 100_000
"""Nothing is older."""

Bounds = tuple[Bound, ...]


def bounds_of(check: Check, rule: Rule, moment: datetime) -> Bounds:
    """The declared conditions under a rule, at a moment."""
    windows = windows_of(check, check.resource_types[0], rule)
    return tuple(_bound(condition, rule, windows, moment) for condition in check.only_where)


def _bound(condition: Condition, rule: Rule, windows: Windows, moment: datetime) -> Bound:
    if isinstance(condition, Older):
        days = min(float(rule.parameters[condition.parameter]), _MOST_DAYS)
        latest = moment - timedelta(days=days)
        return OlderThan(condition.since, surely=latest - _MOMENT, hardly=latest + _MOMENT)
    if isinstance(condition, Below):
        surely, hardly = _limits(condition, rule)
        metrics = tuple(windows[key] for key in condition.metrics)
        if surely > 0:
            surely = max(surely / len(metrics), _LEAST)
        return BelowBound(metrics, surely, hardly, is_complete=bool(rule.parameters.get(REQUIRE_COMPLETE, 1)))
    return condition


def _limits(condition: Below, rule: Rule) -> Sequence[float]:
    """Below the first a value surely is below the bound, from the second on it surely is not."""
    bound = float(bound_of(condition, rule.parameters))
    if not bound:
        least = _LEAST if condition.or_equal or condition.parameter is None else 0.0
        return least, least
    return bound - abs(bound) * _ROUNDING, bound + abs(bound) * _ROUNDING
