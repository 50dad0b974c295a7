"""Allocation rules: read from rows and written to them, checked before they are stored."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from app.costs.allocation.tag_keys import is_storable
from app.costs.outlook.series import exact_sum
from app.costs.scopes import field_of, said_nothing
from app.errors import BadUserInputError
from app.records.allocation import AllocationMethod, Rule, Target
from app.records.cost_analysis import TextCondition
from app.records.cost_rollups import LINK_OF, Link
from app.records.stored_conditions import conditions_to_json, texts_of_json

MOST_RULES = 200
MOST_CONDITIONS = 20
MOST_VALUES = 200
MOST_TARGETS = 100
MOST_MAPPED = 1_000
LONGEST_VALUE = 1_024
FULL = Decimal(100)


def rule_of(row: Mapping[Any, Any]) -> Rule:
    """The rule of a row of `allocation_rules`."""
    return Rule(
        id=row["id"],
        position=row["position"],
        name=row["name"],
        match=texts_of_json(row["match"]),
        method=AllocationMethod(row["method"]),
        tag_key=row["tag_key"],
        mapping={value: UUID(team) for value, team in row["mapping"].items()},
        targets=tuple(_target_of(target) for target in row["targets"]),
        valid_from=row["valid_from"],
        valid_to=row["valid_to"],
        enabled=row["enabled"],
    )


def columns_of(rule: Rule) -> dict[str, Any]:
    """The columns of a rule that say what it does, as the row and the events hold them."""
    return {
        "name": rule.name,
        "match": conditions_to_json(rule.match),
        "method": rule.method.value,
        "tag_key": rule.tag_key,
        "mapping": {value: str(team) for value, team in rule.mapping.items()},
        "targets": [_target_json(target) for target in rule.targets],
        "valid_from": rule.valid_from,
        "valid_to": rule.valid_to,
        "enabled": rule.enabled,
    }


def event_data(rule: Rule) -> dict[str, Any]:
    """The same as plain JSON with the keys of the graph, for the history in the activity."""
    columns = columns_of(rule)
    return {
        "name": rule.name,
        "position": rule.position,
        "match": columns["match"],
        "method": columns["method"],
        "tagKey": rule.tag_key,
        "mapping": columns["mapping"],
        "targets": columns["targets"],
        "validFrom": _iso(rule.valid_from),
        "validTo": _iso(rule.valid_to),
        "enabled": rule.enabled,
    }


def check_rule(rule: Rule, promoted: Collection[str], teams: Mapping[UUID, datetime | None]) -> None:
    """Raise BadUserInputError where a rule cannot be used, given the promoted keys and {team: when it was archived}."""
    _check_months(rule)
    _check_match(rule.match, promoted)
    _check_method(rule, promoted)
    absent = {team for team in rule.team_ids() if team not in teams or not rule.may_name(teams[team])}
    if absent:
        name = "mapping" if absent & set(rule.mapping.values()) else "targets"
        message = (
            "The rule names a team that does not exist, or that is archived and bears no costs of months in which the "
            "rule holds. Make the team with `createTeam`, or end the rule with `validTo`."
        )
        raise _wrong(message, name)


def _check_months(rule: Rule) -> None:
    for name, month in (("validFrom", rule.valid_from), ("validTo", rule.valid_to)):
        if month is not None and month.day != 1:
            message = f"`{name}` must be the first day of a month, such as 2026-11-01."
            raise _wrong(message, name)
    if rule.valid_from is not None and rule.valid_to is not None and rule.valid_from >= rule.valid_to:
        message = "`validTo` is the first month in which the rule no longer holds; it must come after `validFrom`."
        raise _wrong(message, "validTo")


def _check_match(match: Sequence[TextCondition], promoted: Collection[str]) -> None:
    if len(match) > MOST_CONDITIONS:
        message = f"A rule has at most {MOST_CONDITIONS} conditions."
        raise _wrong(message, "where")
    for one in match:
        field = field_of(one.of)
        if one.of.dimension is not None and LINK_OF[one.of.dimension] is not Link.SUMMARY:
            message = (
                f"Rules do not know `{field}`: they are about accounts, services and promoted tags. Choose by "
                "`provider`, `account`, `subAccountId`, `billingAccountId`, `serviceName`, `serviceCategory`, "
                "`chargeCategory`, `billingCurrency` or `tags`."
            )
            raise _wrong(message, "where", field)
        if one.of.tag is not None:
            _check_promoted(one.of.tag, promoted, "where", field)
        if said_nothing(one):
            name = one.of.tag or field
            message = f"The condition on `{name}` says nothing: give `in`, `notIn`, `contains` or `exists`."
            raise _wrong(message, "where", field)
        _check_values((one.in_, one.not_in, _one(one.contains)), field)


def _one(value: str | None) -> tuple[str, ...] | None:
    return None if value is None else (value,)


def _check_values(lists: Collection[tuple[str, ...] | None], field: str) -> None:
    for values in lists:
        if values is None:
            continue
        if not 1 <= len(values) <= MOST_VALUES:
            message = f"A condition has 1 to {MOST_VALUES} values; this one has {len(values)}."
            raise _wrong(message, "where", field)
        if not all(is_storable(value, LONGEST_VALUE) for value in values):
            message = f"A value has 1 to {LONGEST_VALUE:,} characters."
            raise _wrong(message, "where", field)


def keys_of(rule: Rule) -> set[str]:
    """The tag keys by which a rule chooses charges or teams."""
    return {one.of.tag for one in rule.match if one.of.tag is not None} | (
        {rule.tag_key} if rule.tag_key is not None else set()
    )


def _check_promoted(key: str, promoted: Collection[str], *path: str) -> None:
    if key not in promoted:
        message = f"The tag key `{key}` is not promoted: add it with `setPromotedTagKeys` first."
        raise _wrong(message, *path)


def _check_method(rule: Rule, promoted: Collection[str]) -> None:
    if rule.method is AllocationMethod.BY_TAG:
        _check_by_tag(rule, promoted)
        return
    if rule.tag_key is not None or rule.mapping:
        message = f"`tagKey` and `mapping` belong to the method BY_TAG, not to {rule.method}."
        raise _wrong(message, "tagKey")
    most = 1 if rule.method is AllocationMethod.DIRECT else MOST_TARGETS
    if not 1 <= len(rule.targets) <= most:
        message = f"The method {rule.method} needs {'exactly one target' if most == 1 else f'1 to {most} targets'}."
        raise _wrong(message, "targets")
    if len({target.team_id for target in rule.targets}) < len(rule.targets):
        message = "A team stands among the targets twice."
        raise _wrong(message, "targets")
    _check_percents(rule)


def _check_by_tag(rule: Rule, promoted: Collection[str]) -> None:
    if rule.tag_key is None:
        message = "The method BY_TAG needs `tagKey`: the promoted key whose value names the team."
        raise _wrong(message, "tagKey")
    _check_promoted(rule.tag_key, promoted, "tagKey")
    if rule.targets:
        message = "The method BY_TAG has no targets: the value of the tag is the code or name of the team."
        raise _wrong(message, "targets")
    if len(rule.mapping) > MOST_MAPPED or not all(is_storable(value, LONGEST_VALUE) for value in rule.mapping):
        message = f"`mapping` has at most {MOST_MAPPED:,} values, each of 1 to {LONGEST_VALUE:,} characters."
        raise _wrong(message, "mapping")


def _check_percents(rule: Rule) -> None:
    percents = [target.percent for target in rule.targets if target.percent is not None]
    if rule.method is not AllocationMethod.FIXED:
        if percents:
            message = f"`percent` belongs to the method FIXED, not to {rule.method}."
            raise _wrong(message, "targets")
        return
    if len(percents) < len(rule.targets) or any(percent <= 0 for percent in percents):
        message = "The method FIXED needs a `percent` above 0 for each target."
        raise _wrong(message, "targets")
    if exact_sum(percents) != FULL:
        message = f"The percents must sum to exactly 100; they sum to {exact_sum(percents):f}."
        raise _wrong(message, "targets")


def _wrong(message: str, *path: str) -> BadUserInputError:
    return BadUserInputError(message, path=("input", *path))


def _without_nulls(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _target_json(target: Target) -> dict[str, Any]:
    return _without_nulls(
        teamId=str(target.team_id), percent=None if target.percent is None else format(target.percent, "f")
    )


def _target_of(stored: Mapping[str, Any]) -> Target:
    percent = stored.get("percent")
    return Target(UUID(stored["teamId"]), None if percent is None else Decimal(percent))


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
