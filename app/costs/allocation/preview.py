"""What would move between teams if an allocation rule were another: worked out, never stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.costs.allocation.allocate import share_out
from app.costs.allocation.change_rules import check_position, checked_rule
from app.costs.allocation.rules import keys_of, rule_of
from app.errors import BadUserInputError, ConflictError, NotFoundError, argument
from app.models import new_id
from app.records.allocation import Rule
from app.records.costs import CostMetric
from app.repositories import allocated, allocation, tag_keys, teams


@dataclass(frozen=True)
class Draft:
    """A rule that is tried: in the place of `replaces`, or at `position`, or behind all others."""

    rule: Rule
    replaces: UUID | None = None
    position: int | None = None


@dataclass(frozen=True)
class Moved:
    """A team's amount of a month in a currency, under the rules of now and with the draft; None where it has none.

    The team is NOBODY for what is unallocated.
    """

    team_id: UUID
    currency: str
    before: Decimal | None
    after: Decimal | None


@dataclass(frozen=True)
class Preview:
    """What would move in a month, by currency and team, and what the rules could not do as they say."""

    month: date
    moved: list[Moved]
    notes: list[dict[str, Any]] = field(default_factory=list)


async def preview_rule(
    session: AsyncSession, organization_id: UUID, month: date, draft: Draft, metric: CostMetric
) -> Preview:
    """What would move between teams in a month if a rule were added or changed.

    Both sides are worked out by the rules as they are now, so nothing shows of what earlier ones have stored. Raises
    BadUserInputError, NotFoundError; ConflictError where a rule needs a tag key that past months do not know yet.
    """
    if month.day != 1:
        message = "`month` must be the first day of a month, such as 2026-11-01."
        raise BadUserInputError(message, path=("input", "month"))
    rules = [rule_of(row) for row in await allocation.all_rules(session, organization_id)]
    with argument("input", "rule"):
        rule = await checked_rule(session, organization_id, replace(draft.rule, id=draft.replaces or new_id()))
    others = _with_draft(rules, rule, draft)
    await _check_spread(session, organization_id, [*rules, rule])
    everyone = await teams.all_teams(session, organization_id)
    before, _ = await _told(session, organization_id, month, rules, everyone, metric)
    after, notes = await _told(session, organization_id, month, others, everyone, metric)
    pairs = sorted(before.keys() | after.keys(), key=lambda pair: (pair[1], pair[0]))
    moved = [Moved(*pair, before.get(pair), after.get(pair)) for pair in pairs]
    notes = [{"month": month} | note for note in notes]
    return Preview(month, [each for each in moved if each.before != each.after], notes)


async def _check_spread(session: AsyncSession, organization_id: UUID, rules: Sequence[Rule]) -> None:
    """Raise ConflictError for a tag key of a rule that was promoted so short ago that its rule would find nothing."""
    keys = await tag_keys.spreading_keys(session, organization_id)
    used = sorted(key for rule in rules for key in keys & keys_of(rule))
    if used:
        message = (
            f"The tag key `{used[0]}` was promoted a short time ago, and past months do not know it yet. Ask again "
            "when the last of `allocationRuns` has SUCCEEDED."
        )
        raise ConflictError(message)


def _with_draft(rules: Sequence[Rule], rule: Rule, draft: Draft) -> list[Rule]:
    if draft.replaces is not None:
        if all(each.id != draft.replaces for each in rules):
            message = "There is no such allocation rule within your reach."
            raise NotFoundError(message)
        return [rule if each.id == draft.replaces else each for each in rules]
    place = len(rules) + 1 if draft.position is None else draft.position
    check_position(place, len(rules) + 1)
    return [*rules[: place - 1], rule, *rules[place - 1 :]]


async def _told(
    session: AsyncSession,
    organization_id: UUID,
    month: date,
    rules: Sequence[Rule],
    everyone: Sequence[RowMapping],
    metric: CostMetric,
) -> tuple[dict[tuple[UUID, str], Decimal | None], list[dict[str, Any]]]:
    holding = [rule for rule in rules if rule.holds_in(month)]
    sharing = await share_out(session, organization_id, month, holding, everyone)
    rows = await allocated.tell(session, organization_id, month, sharing.matching, sharing.parts)
    return {(row["team_id"], row["currency"]): row[metric.value] for row in rows}, sharing.notes
