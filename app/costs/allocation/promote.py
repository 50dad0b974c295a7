"""Chooses the tag keys that charges are grouped and allocated by."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.activity.record import record
from app.costs.allocation.rules import keys_of, rule_of
from app.costs.allocation.runs import start_run
from app.costs.allocation.tag_keys import LONGEST_KEY, MOST_PROMOTED_KEYS, is_storable, normal_key
from app.database import Database
from app.errors import BadUserInputError, ConflictError
from app.records import Actor, EventKind, NewEvent
from app.records.allocation import AllocationRunKind
from app.records.cost_scopes import CostScope
from app.repositories import allocation, budgets, tag_keys
from app.repositories.cost_locks import lock_rules


async def set_promoted_tag_keys(
    database: Database, organization_id: UUID, actor: Actor, keys: Sequence[str]
) -> tuple[tuple[str, ...], RowMapping | None]:
    """Promote these keys, in this order, and no others; returns their normal forms and the run that spreads them.

    Charges that come in from now on are grouped by them; a job does the past months, the newest first. No run where
    only the order differs. Raises BadUserInputError; ConflictError where a rule or a budget uses a key that would go.
    """
    wanted = _checked(keys)
    async with database.write(organization_id) as session:
        await lock_rules(session, organization_id)
        before = await tag_keys.promoted_keys(session, organization_id)
        if wanted == before:
            return wanted, None
        await _check_unused(session, organization_id, set(before) - set(wanted))
        await tag_keys.replace_promoted_keys(session, organization_id, wanted)
        run = None
        if set(wanted) != set(before):
            run = await start_run(session, organization_id, actor, AllocationRunKind.TAG_KEYS)
        data = {"from": list(before), "to": list(wanted)}
        event = NewEvent(EventKind.TAG_KEYS_PROMOTED, actor, "Organization", organization_id, data)
        await record(session, organization_id, event)
        return wanted, run


async def _check_unused(session: AsyncSession, organization_id: UUID, gone: set[str]) -> None:
    """Raise ConflictError where an allocation rule or a budget uses one of the keys."""
    for row in await allocation.all_rules(session, organization_id):
        rule = rule_of(row)
        used = sorted(gone & keys_of(rule))
        if used:
            message = (
                f"The allocation rule {rule.name!r} uses the tag key `{used[0]}`. Change or delete the rule first."
            )
            raise ConflictError(message)
    # Without its key a budget finds no charge, takes that for 0 and raises no alert. Nobody may add one meanwhile.
    await budgets.lock_budget_names(session, organization_id)
    for budget in await budgets.all_budgets(session, organization_id):
        used = sorted(gone & set(CostScope.from_json(budget["scope"]).tags))
        if used:
            message = f"The budget {budget['name']!r} uses the tag key `{used[0]}`. Change or delete the budget first."
            raise ConflictError(message)


def _checked(keys: Sequence[str]) -> tuple[str, ...]:
    wanted = tuple(normal_key(key) for key in keys)
    if len(wanted) > MOST_PROMOTED_KEYS:
        message = f"At most {MOST_PROMOTED_KEYS} tag keys can be promoted; these are {len(wanted)}."
        raise BadUserInputError(message, path=("input", "keys"))
    for key in wanted:
        if not is_storable(key, LONGEST_KEY):
            message = f"A tag key has 1 to {LONGEST_KEY} characters."
            raise BadUserInputError(message, path=("input", "keys"))
        if wanted.count(key) > 1:
            message = f"The tag key `{key}` stands there twice: blanks around a key and its case do not matter."
            raise BadUserInputError(message, path=("input", "keys"))
    return wanted
