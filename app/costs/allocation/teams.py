"""Making, changing and archiving teams."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.activity.record import record
from app.costs.allocation.match import folded
from app.costs.allocation.rules import rule_of
from app.costs.allocation.tag_keys import is_storable
from app.database import Database
from app.errors import BadUserInputError, ConflictError, NotFoundError
from app.models import now
from app.records import UNSET, Actor, EventKind, NewEvent, Unset
from app.repositories import allocation, teams
from app.repositories.cost_locks import lock_rules

MOST_TEAMS = 2_000
LONGEST_NAME = 256


async def create_team(
    database: Database, organization_id: UUID, actor: Actor, *, name: str, code: str | None
) -> RowMapping:
    """Add a team. Raises ConflictError for a name or code that another has, whatever the case, archived ones too."""
    values = {"name": checked(name, "name"), "code": None if code is None else checked(code, "code")}
    async with database.write(organization_id) as session:
        await lock_rules(session, organization_id)
        others = await teams.all_teams(session, organization_id)
        if len(others) >= MOST_TEAMS:
            message = f"An organization has at most {MOST_TEAMS:,} teams, archived ones included."
            raise ConflictError(message)
        _check_free(others, values)
        moment = now()
        team = await teams.insert_team(session, organization_id, **values, created_at=moment, updated_at=moment)
        await _record(session, team, actor, EventKind.TEAM_CREATED, values)
        return team


async def update_team(
    database: Database,
    organization_id: UUID,
    actor: Actor,
    team_id: UUID,
    *,
    name: str | Unset = UNSET,
    code: str | Unset | None = UNSET,
) -> RowMapping:
    """Change what is given; what is the same already is no change and no event.

    A tag that names the team by its old name or code no longer does when months are allocated anew. Raises
    NotFoundError, ConflictError for a taken name or code.
    """
    wanted: dict[str, Any] = {}
    if not isinstance(name, Unset):
        wanted["name"] = checked(name, "name")
    if not isinstance(code, Unset):
        wanted["code"] = None if code is None else checked(code, "code")
    async with database.write(organization_id) as session:
        await lock_rules(session, organization_id)
        team = await _get(session, organization_id, team_id)
        changed = {column: value for column, value in wanted.items() if value != team[column]}
        if not changed:
            return team
        others = [other for other in await teams.all_teams(session, organization_id) if other["id"] != team_id]
        _check_free(others, changed)
        row = await teams.update_team(session, organization_id, team_id, **changed, updated_at=now())
        data = {"from": {column: team[column] for column in changed}, "to": changed}
        await _record(session, row, actor, EventKind.TEAM_UPDATED, data)
        return row


async def archive_team(
    database: Database, organization_id: UUID, actor: Actor, team_id: UUID, *, archived: bool = True
) -> RowMapping:
    """Archive a team, or restore an archived one. It bears no costs of the months after that of the archiving.

    Raises NotFoundError; ConflictError where a rule names it that holds in later months.
    """
    async with database.write(organization_id) as session:
        await lock_rules(session, organization_id)
        team = await _get(session, organization_id, team_id)
        if (team["archived_at"] is not None) is archived:
            return team
        moment = now()
        if archived:
            for row in await allocation.all_rules(session, organization_id):
                rule = rule_of(row)
                if team_id in rule.team_ids() and not rule.may_name(moment):
                    message = (
                        f"The allocation rule {rule.name!r} names the team in months to come. Take the team out of it, "
                        "end it with `validTo`, or disable it first."
                    )
                    raise ConflictError(message)
        values = {"archived_at": moment if archived else None, "updated_at": moment}
        row = await teams.update_team(session, organization_id, team_id, **values)
        kind = EventKind.TEAM_ARCHIVED if archived else EventKind.TEAM_RESTORED
        await _record(session, row, actor, kind, {"name": row["name"], "code": row["code"]})
        return row


def checked(text: str, field: str) -> str:
    """Text of 1 to 256 characters without blanks around it. Raises BadUserInputError otherwise."""
    trimmed = text.strip()
    if not is_storable(trimmed, LONGEST_NAME):
        message = f"`{field}` must have 1 to {LONGEST_NAME} characters."
        raise BadUserInputError(message, path=("input", field))
    return trimmed


def _check_free(others: Sequence[RowMapping], wanted: dict[str, Any]) -> None:
    for column, value in wanted.items():
        for other in others:
            if value is not None and other[column] is not None and folded(other[column]) == folded(value):
                state = "an archived team" if other["archived_at"] is not None else "another team"
                message = f"The {column} {value!r} belongs to {state} already."
                raise ConflictError(message)


async def _get(session: AsyncSession, organization_id: UUID, team_id: UUID) -> RowMapping:
    team = await teams.get_team(session, organization_id, team_id)
    if team is None:
        message = "There is no such team within your reach."
        raise NotFoundError(message)
    return team


async def _record(session: AsyncSession, team: RowMapping, actor: Actor, kind: EventKind, data: dict[str, Any]) -> None:
    event = NewEvent(kind, actor, subject_type="Team", subject_id=team["id"], data=data)
    await record(session, team["organization_id"], event)
