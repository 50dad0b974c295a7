"""Shares a month's costs out to teams by the organization's rules, stored or only told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.costs.allocation.match import make_plan, team_names
from app.costs.allocation.rules import event_data, rule_of
from app.costs.content import content_id
from app.costs.outlook.series import exact_sum
from app.models import now
from app.records.allocation import AllocationMethod, AllocationNoteCode, Rule
from app.repositories import allocated, allocation, teams
from app.repositories.allocated import Matching, Parts

ONE = Decimal(1)


@dataclass(frozen=True)
class Sharing:
    """How a month is shared out: for the statements of `app.repositories.allocated`, and what a rule could not do."""

    matching: Matching
    parts: Parts
    notes: list[dict[str, Any]] = field(default_factory=list)


async def allocate_month(session: AsyncSession, organization_id: UUID, month: date) -> None:
    """Bring `allocated_daily`, `team_daily` and `allocation_months` of a month up to its `tag_daily`.

    The caller holds `lock_costs`. Without a rule that holds in the month nothing is computed, and what an earlier rule
    has left is removed. `month` is any day of it. Doing it again changes nothing.
    """
    month = month.replace(day=1)
    rules = [rule for rule in await _rules(session, organization_id) if rule.holds_in(month)]
    known = await allocation.month_row(session, organization_id, month)
    if known is not None:
        await allocated.clear(session, organization_id, month)
    if not rules:
        if known is not None:
            await allocation.forget_month(session, organization_id, month)
        return
    bearing = await teams.all_teams(session, organization_id)
    sharing = await share_out(session, organization_id, month, rules, bearing)
    await allocated.store(session, organization_id, month, sharing.matching, sharing.parts)
    await allocation.note_month(session, organization_id, month, rules_id(rules, bearing), sharing.notes, now())


async def share_out(
    session: AsyncSession, organization_id: UUID, month: date, rules: Sequence[Rule], bearing: Sequence[RowMapping]
) -> Sharing:
    """How rules that hold in a month, in their order, share its costs out among these teams. Reads only."""
    tag_sets = await allocated.tag_sets_of(session, organization_id, month)
    dims = await allocated.dims_of(session, organization_id, month)
    plan = make_plan(rules, team_names(bearing, month), tag_sets, dims)
    outcomes = [(each.tag_class, each.dim_class, each.rule_id, each.team_id) for each in plan.outcomes]
    matching = Matching(plan.tag_classes, plan.dim_classes, outcomes)
    parts, notes = Parts(), []
    # What is shared but has no part would be lost, so each rule has its parts in every currency that it matches.
    if any(team_id is None for _, _, _, team_id in outcomes):
        bases = await allocated.bases(session, organization_id, month, matching, _proportional(rules))
        direct = {key: exact_sum(costs) for key, costs in bases.direct.items()}
        by_id = {rule.id: rule for rule in rules}
        for rule_id, currency in sorted(bases.shared):
            weights, note = _weights(by_id[rule_id], currency, direct)
            heavy = [(team_id, weight) for team_id, weight in weights if weight > 0]
            parts.add(rule_id, currency, heavy, exact_sum(weight for _, weight in heavy))
            notes += [note] if note else []
    return Sharing(matching, parts, notes)


def rules_id(rules: Sequence[Rule], bearing: Sequence[RowMapping]) -> int:
    """The content hash of all that decides on a month's allocation beside its charges."""
    said = [{"id": str(rule.id)} | event_data(rule) | {"name": None, "position": None} for rule in rules]
    known = sorted([str(team["id"]), team["name"], team["code"], team["archived_at"]] for team in bearing)
    return content_id([orjson.dumps([said, known], option=orjson.OPT_SORT_KEYS).decode()])


async def _rules(session: AsyncSession, organization_id: UUID) -> list[Rule]:
    return [rule_of(row) for row in await allocation.all_rules(session, organization_id)]


def _proportional(rules: Sequence[Rule]) -> list[UUID]:
    """The targets of proportional rules."""
    proportional = [rule for rule in rules if rule.method is AllocationMethod.PROPORTIONAL]
    return sorted({target.team_id for rule in proportional for target in rule.targets})


def _weights(
    rule: Rule, currency: str, costs: dict[tuple[UUID, str], Decimal]
) -> tuple[list[tuple[UUID, Decimal]], dict[str, Any] | None]:
    """What each target weighs, and a note where a proportional rule splits evenly for want of a base.

    A target whose direct cost is negative bears nothing: it has had more credits than costs.
    """
    if rule.method is AllocationMethod.FIXED:
        return [(target.team_id, target.percent or Decimal(0)) for target in rule.targets], None
    even = [(target.team_id, ONE) for target in rule.targets]
    if rule.method is AllocationMethod.EVEN:
        return even, None
    direct = [(target.team_id, costs.get((target.team_id, currency), Decimal(0))) for target in rule.targets]
    if exact_sum(cost for _, cost in direct) > 0:
        return direct, None
    note = {"code": AllocationNoteCode.NO_DIRECT_COST.value, "ruleId": str(rule.id), "currency": currency}
    return even, note
