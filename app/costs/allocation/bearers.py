"""Who bears what a resource costs: the rules of allocation, asked before any charge of it is there. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.costs.allocation.match import TeamNames, folded
from app.costs.allocation.tag_keys import tag_value
from app.records.allocation import AllocationMethod, Bearer, Rule
from app.records.cost_analysis import CostDimension, TextCondition

USAGE = "Usage"
"""The charge category of what is saved: purchases, taxes and credits end with no resource."""


class _Holds(StrEnum):
    YES = "YES"
    NO = "NO"
    UNSURE = "UNSURE"


@dataclass(frozen=True)
class KnownCharge:
    """What is known of the charges of a resource: some columns, and its tags by promoted key; None where they are not.

    A column that is not among them may have any value.
    """

    columns: Mapping[CostDimension, str]
    tags: Mapping[str, object] | None


def charge_of_resource(provider: str, account: str, tags: Mapping[str, object] | None) -> KnownCharge:
    """What the inventory tells of the charges of a resource: whose they are, not which service they name."""
    columns = {
        CostDimension.PROVIDER: provider,
        CostDimension.ACCOUNT: account,
        CostDimension.SUB_ACCOUNT_ID: account,
    }
    return KnownCharge(columns if tags is None else {**columns, CostDimension.CHARGE_CATEGORY: USAGE}, tags)


def bearer_of(rules: Sequence[Rule], teams: TeamNames, known: KnownCharge) -> Bearer:
    """Who bears charges of which this is known, by the rules that hold in a month, in their order.

    UNKNOWN where what is not known decides.
    """
    for rule in rules:
        holds = _all_hold(rule.match, known)
        if holds is _Holds.NO:
            continue
        bearer = _bearer_by(rule, teams, known)
        if bearer is not None:
            return bearer if holds is _Holds.YES else Bearer.UNKNOWN
    return Bearer.UNALLOCATED


def _bearer_by(rule: Rule, teams: TeamNames, known: KnownCharge) -> Bearer | None:
    """Who bears what a rule matches; None where its tag names no team, so that the rules after it decide."""
    if rule.method is AllocationMethod.DIRECT:
        return Bearer.of(rule.targets[0].team_id)
    if rule.method is not AllocationMethod.BY_TAG:
        return Bearer.SHARED
    if known.tags is None:
        return Bearer.UNKNOWN
    value = tag_value(known.tags.get(rule.tag_key or ""))
    mapping = {folded(each): team for each, team in rule.mapping.items()}
    team = None if value is None else teams.find(value, mapping)
    return None if team is None else Bearer.of(team)


def _all_hold(match: Iterable[TextCondition], known: KnownCharge) -> _Holds:
    each = {_one_holds(one, known) for one in match}
    return next((holds for holds in (_Holds.NO, _Holds.UNSURE) if holds in each), _Holds.YES)


def _one_holds(condition: TextCondition, known: KnownCharge) -> _Holds:
    if condition.of.tag is not None:
        if known.tags is None:
            return _Holds.UNSURE
        value = tag_value(known.tags.get(condition.of.tag))
    elif condition.of.dimension is not None and condition.of.dimension in known.columns:
        value = known.columns[condition.of.dimension]
    else:
        return _Holds.UNSURE
    return _Holds.YES if condition.holds(value) else _Holds.NO
