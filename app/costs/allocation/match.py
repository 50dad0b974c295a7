"""Which rule decides on which charges: worked out for classes of tags and dimensions, not charge by charge. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from app.costs.allocation.tag_keys import tag_value
from app.records.allocation import NOBODY, AllocationMethod, Rule
from app.records.cost_analysis import CostDimension


@dataclass(frozen=True)
class Outcome:
    """What becomes of the charges of a class of tags and a class of dimensions; no team where several bear them."""

    tag_class: int
    dim_class: int
    rule_id: UUID
    team_id: UUID | None


@dataclass
class Plan:
    """Classes by id of allocation set and of summary dimension, and what becomes of each pair of classes."""

    tag_classes: dict[int, int] = field(default_factory=dict)
    dim_classes: dict[int, int] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)


@dataclass(frozen=True)
class TeamNames:
    """Teams by what a tag may call them, whatever the case and the blanks around it; a code goes before a name."""

    codes: Mapping[str, UUID]
    names: Mapping[str, UUID]
    living: frozenset[UUID]

    def find(self, value: str, mapping: Mapping[str, UUID]) -> UUID | None:
        """The team that a tag's value means, the rule's own mapping first; None for none that bears costs."""
        said = folded(value)
        for found in (mapping.get(said), self.codes.get(said), self.names.get(said)):
            if found is not None and found in self.living:
                return found
        return None


def folded(value: str) -> str:
    """A tag's value as it is compared: without blanks around it, whatever the case."""
    return value.strip().casefold()


def team_names(teams: Iterable[Mapping[Any, Any]], month: date) -> TeamNames:
    """The teams that may bear costs of a month: an archived one up to the month in which it was archived."""
    begin = datetime(month.year, month.month, 1, tzinfo=UTC)
    living = [team for team in teams if team["archived_at"] is None or team["archived_at"] >= begin]
    return TeamNames(
        codes={folded(team["code"]): team["id"] for team in living if team["code"] is not None},
        names={folded(team["name"]): team["id"] for team in living},
        living=frozenset(team["id"] for team in living),
    )


def make_plan(
    rules: Sequence[Rule],
    teams: TeamNames,
    tag_sets: Mapping[int, Mapping[str, object]],
    dims: Mapping[int, Mapping[Any, Any]],
) -> Plan:
    """What the rules, in their order, make of every pair of an allocation set (id: tags) and a dimension (id: row).

    Both sides are cut into classes that all rules treat alike: bit i of a class says that rule i may match. The rule
    that decides is the lowest bit that both sides have, so a pair costs one operation however many rules there are.
    """
    plan = Plan()
    on_tags: dict[tuple[int, tuple[UUID, ...]], int] = {}
    on_dims: dict[int, int] = {}
    of_tags = [_TagTest(rule, teams) for rule in rules]
    for id_, tags in tag_sets.items():
        signature = _tag_signature(of_tags, tags)
        plan.tag_classes[id_] = on_tags.setdefault(signature, len(on_tags))
    of_dims = [[one for one in rule.match if one.of.tag is None] for rule in rules]
    for id_, row in dims.items():
        bits = sum(
            1 << index
            for index, tests in enumerate(of_dims)
            if all(test.holds(_value(row, test.of.dimension)) for test in tests)
        )
        plan.dim_classes[id_] = on_dims.setdefault(bits, len(on_dims))
    for (tag_bits, named), tag_class in on_tags.items():
        for dim_bits, dim_class in on_dims.items():
            rule_id, team_id = _decide(rules, tag_bits & dim_bits, tag_bits, named)
            plan.outcomes.append(Outcome(tag_class, dim_class, rule_id, team_id))
    return plan


def _decide(rules: Sequence[Rule], both: int, tag_bits: int, named: tuple[UUID, ...]) -> tuple[UUID, UUID | None]:
    if both == 0:
        return NOBODY, NOBODY
    index = (both & -both).bit_length() - 1
    rule = rules[index]
    if rule.method is AllocationMethod.DIRECT:
        return rule.id, rule.targets[0].team_id
    if rule.method is AllocationMethod.BY_TAG:
        before = sum(1 for i in range(index) if tag_bits >> i & 1 and rules[i].method is AllocationMethod.BY_TAG)
        return rule.id, named[before]
    return rule.id, None


class _TagTest:
    """The tag side of one rule: its conditions, and the team that BY_TAG finds."""

    def __init__(self, rule: Rule, teams: TeamNames) -> None:
        self.by_tag = rule.tag_key if rule.method is AllocationMethod.BY_TAG else None
        self.mapping = {folded(value): team for value, team in rule.mapping.items()}
        self.tests = [(one.of.tag, one) for one in rule.match if one.of.tag is not None]
        self.teams = teams

    def holds(self, tags: Mapping[str, object]) -> bool:
        return all(test.holds(tag_value(tags.get(key))) for key, test in self.tests)

    def team(self, tags: Mapping[str, object]) -> UUID | None:
        value = tag_value(tags.get(self.by_tag or ""))
        return None if value is None else self.teams.find(value, self.mapping)


def _tag_signature(tests: Sequence[_TagTest], tags: Mapping[str, object]) -> tuple[int, tuple[UUID, ...]]:
    """The rules that may match, as bits, and the teams of those that take them from the tags, in order."""
    bits, named = 0, []
    for index, test in enumerate(tests):
        if not test.holds(tags):
            continue
        if test.by_tag is not None:
            team = test.team(tags)
            if team is None:
                continue
            named.append(team)
        bits |= 1 << index
    return bits, tuple(named)


def _value(row: Mapping[Any, Any], dimension: CostDimension | None) -> str | None:
    """What a row of `summary_dims` says of a column; our account is the sub account, or the one that is invoiced."""
    value: str | None = None
    if dimension is CostDimension.ACCOUNT:
        value = row["sub_account_id"] if row["sub_account_id"] is not None else row["billing_account_id"]
    elif dimension is not None:
        value = row[dimension.value]
    return value
