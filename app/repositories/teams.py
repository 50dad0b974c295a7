"""SQL of teams, and of what they bear."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Date, RowMapping, Table, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.allocation import Team, TeamDaily
from app.models.base import new_id

TEAMS: Table = Team.__table__  # type: ignore[assignment]
TEAM_DAILY: Table = TeamDaily.__table__  # type: ignore[assignment]
# The month that decides on the rate at which an amount is converted.
_MONTH = func.date_trunc("month", TEAM_DAILY.c.day).cast(Date).label("month")
_NEVER = """
    SELECT date_trunc('month', p.day)::date AS month, p.billing_currency AS currency, sum(p.{metric}) AS cost
    FROM provider_daily p
    WHERE p.organization_id = :organization_id AND p.day >= :first AND p.day < :end AND NOT EXISTS (
        SELECT FROM allocation_months m
        WHERE m.organization_id = :organization_id AND m.month = date_trunc('month', p.day)::date)
    GROUP BY 1, 2
"""


async def all_teams(session: AsyncSession, organization_id: UUID) -> Sequence[RowMapping]:
    """All teams of an organization, archived ones too; few, see MOST_TEAMS."""
    statement = select(TEAMS).where(TEAMS.c.organization_id == organization_id)
    return (await session.execute(statement.order_by(TEAMS.c.id))).mappings().all()


async def insert_team(session: AsyncSession, organization_id: UUID, **values: Any) -> RowMapping:
    """Add a team; returns the row."""
    statement = insert(TEAMS).values(organization_id=organization_id, id=new_id(), **values).returning(TEAMS)
    row: RowMapping = (await session.execute(statement)).mappings().one()
    return row


async def update_team(session: AsyncSession, organization_id: UUID, team_id: UUID, **values: Any) -> RowMapping:
    """Write columns of a team; returns the row."""
    statement = update(TEAMS).where(TEAMS.c.organization_id == organization_id, TEAMS.c.id == team_id)
    row: RowMapping = (await session.execute(statement.values(**values).returning(TEAMS))).mappings().one()
    return row


async def get_team(session: AsyncSession, organization_id: UUID, team_id: UUID) -> RowMapping | None:
    """One team, locked to be changed."""
    statement = select(TEAMS).where(TEAMS.c.organization_id == organization_id, TEAMS.c.id == team_id)
    return (await session.execute(statement.with_for_update())).mappings().one_or_none()


async def costs_of_teams(
    session: AsyncSession,
    organization_id: UUID,
    team_ids: Collection[UUID] | None,
    first: date,
    end: date,
    metric: str,
) -> Sequence[RowMapping]:
    """What teams bear from `first` on and before `end`: rows of (team_id, shared, month, currency, cost).

    Without `team_ids` those of all teams, and under the zero UUID what was left unallocated.
    """
    cost = func.sum(TEAM_DAILY.c[metric]).label("cost")
    keys = (TEAM_DAILY.c.team_id, TEAM_DAILY.c.shared, _MONTH, TEAM_DAILY.c.billing_currency.label("currency"))
    statement = (
        select(*keys, cost)
        .where(TEAM_DAILY.c.organization_id == organization_id, TEAM_DAILY.c.day >= first, TEAM_DAILY.c.day < end)
        .group_by(TEAM_DAILY.c.team_id, TEAM_DAILY.c.shared, _MONTH, TEAM_DAILY.c.billing_currency)
    )
    if team_ids is not None:
        statement = statement.where(TEAM_DAILY.c.team_id.in_(team_ids))
    return (await session.execute(statement)).mappings().all()


async def costs_never_allocated(
    session: AsyncSession, organization_id: UUID, first: date, end: date, metric: str
) -> Sequence[RowMapping]:
    """Costs of the months that are not in `allocation_months`: rows of (month, currency, cost)."""
    values = {"organization_id": organization_id, "first": first, "end": end}
    statement = text(_NEVER.format(metric=TEAM_DAILY.c[metric].name))
    return (await session.execute(statement, values)).mappings().all()
