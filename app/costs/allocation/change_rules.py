"""Making, changing, moving and deleting allocation rules; past months follow when they are allocated anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.activity.record import record
from app.costs.allocation.rules import MOST_RULES, check_rule, columns_of, event_data, rule_of
from app.costs.allocation.teams import checked
from app.database import Database
from app.errors import BadUserInputError, ConflictError, NotFoundError, argument
from app.models import new_id, now
from app.records import Actor, EventKind, NewEvent
from app.records.allocation import Rule
from app.repositories import allocation, tag_keys, teams
from app.repositories.cost_locks import lock_rules


async def create_rule(
    database: Database, organization_id: UUID, actor: Actor, rule: Rule, position: int | None
) -> RowMapping:
    """Add a rule at a position, counted from 1, or behind all others; its id and own position do not matter.

    Raises BadUserInputError, ConflictError where there are too many.
    """
    async with database.write(organization_id) as session:
        await lock_rules(session, organization_id)
        rows = await allocation.all_rules(session, organization_id)
        if len(rows) >= MOST_RULES:
            message = f"An organization has at most {MOST_RULES} allocation rules."
            raise ConflictError(message)
        place = len(rows) + 1 if position is None else position
        check_position(place, len(rows) + 1)
        with argument("input", "rule"):
            rule = await checked_rule(session, organization_id, replace(rule, position=place))
        moment = now()
        values = columns_of(rule) | {"version": 1, "created_at": moment, "updated_at": moment}
        made = await allocation.insert_rule(session, organization_id, new_id(), position=place, **values)
        ids = [row["id"] for row in rows]
        await _place(session, organization_id, rows, [*ids[: place - 1], made["id"], *ids[place - 1 :]])
        await _record(session, made, actor, EventKind.ALLOCATION_RULE_CREATED, event_data(rule_of(made)))
        return made


async def update_rule(
    database: Database, organization_id: UUID, actor: Actor, rule_id: UUID, change: Callable[[Rule], Rule]
) -> RowMapping:
    """Change a rule by a function of the rule as it is; one that changes nothing is no other version and no event.

    Raises NotFoundError, BadUserInputError.
    """
    async with database.write(organization_id) as session:
        await lock_rules(session, organization_id)
        rows = await allocation.all_rules(session, organization_id)
        row = _find(rows, rule_id)
        before = rule_of(row)
        rule = await checked_rule(session, organization_id, change(before))
        if columns_of(rule) == columns_of(before):
            return row
        changed = await allocation.update_rule(session, organization_id, rule_id, **columns_of(rule), updated_at=now())
        data = {"from": event_data(before), "to": event_data(rule_of(changed)), "version": changed["version"]}
        await _record(session, changed, actor, EventKind.ALLOCATION_RULE_UPDATED, data)
        return changed


async def move_rule(
    database: Database, organization_id: UUID, actor: Actor, rule_id: UUID, position: int
) -> Sequence[RowMapping]:
    """Try a rule at another position, counted from 1; returns all rules in their order.

    Raises NotFoundError, BadUserInputError.
    """
    async with database.write(organization_id) as session:
        await lock_rules(session, organization_id)
        rows = await allocation.all_rules(session, organization_id)
        rule = _find(rows, rule_id)
        check_position(position, len(rows))
        if rule["position"] == position:
            return rows
        ids = [row["id"] for row in rows if row["id"] != rule_id]
        ids.insert(position - 1, rule_id)
        await _place(session, organization_id, rows, ids)
        data = {"name": rule["name"], "from": rule["position"], "to": position}
        await _record(session, rule, actor, EventKind.ALLOCATION_RULE_MOVED, data)
        return await allocation.all_rules(session, organization_id)


async def delete_rule(database: Database, organization_id: UUID, actor: Actor, rule_id: UUID) -> RowMapping:
    """Delete a rule; returns the row as it was. What it has allocated stays until its months are allocated anew.

    Raises NotFoundError.
    """
    async with database.write(organization_id) as session:
        await lock_rules(session, organization_id)
        rows = await allocation.all_rules(session, organization_id)
        row = _find(rows, rule_id)
        await allocation.delete_rule(session, organization_id, rule_id)
        left = [other for other in rows if other["id"] != rule_id]
        await _place(session, organization_id, left, [other["id"] for other in left])
        await _record(session, row, actor, EventKind.ALLOCATION_RULE_DELETED, event_data(rule_of(row)))
        return row


async def checked_rule(session: AsyncSession, organization_id: UUID, rule: Rule) -> Rule:
    """A rule that can be used, its name without blanks around it. Raises BadUserInputError for any other."""
    rule = replace(rule, name=checked(rule.name, "name"))
    promoted = await tag_keys.promoted_keys(session, organization_id)
    known = {team["id"]: team["archived_at"] for team in await teams.all_teams(session, organization_id)}
    check_rule(rule, promoted, known)
    return rule


def check_position(position: int, most: int) -> None:
    """Raise BadUserInputError for a position that no rule can have."""
    if not 1 <= position <= most:
        message = f"`position` must be from 1 to {most}; it is {position}."
        raise BadUserInputError(message, path=("input", "position"))


def _find(rows: Sequence[RowMapping], rule_id: UUID) -> RowMapping:
    for row in rows:
        if row["id"] == rule_id:
            return row
    message = "There is no such allocation rule within your reach."
    raise NotFoundError(message)


async def _place(session: AsyncSession, organization_id: UUID, rows: Sequence[RowMapping], ids: Sequence[UUID]) -> None:
    """Number the rules in this order, from 1; writes those whose position changes."""
    before = {row["id"]: row["position"] for row in rows}
    moved = [(id_, place) for place, id_ in enumerate(ids, start=1) if id_ in before and before[id_] != place]
    await allocation.place_rules(session, organization_id, moved)


async def _record(session: AsyncSession, row: RowMapping, actor: Actor, kind: EventKind, data: dict[str, Any]) -> None:
    event = NewEvent(kind, actor, subject_type="AllocationRule", subject_id=row["id"], data=data)
    await record(session, row["organization_id"], event)
