"""SQL of allocation rules, of the months that they were used on, and of the runs that use them again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Date, RowMapping, Table, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import CostImportPeriod, ProviderDaily
from app.models.allocation import AllocationMonth, AllocationRule, AllocationRun

RULES: Table = AllocationRule.__table__  # type: ignore[assignment]
MONTHS: Table = AllocationMonth.__table__  # type: ignore[assignment]
RUNS: Table = AllocationRun.__table__  # type: ignore[assignment]
_PROVIDER_DAILY: Table = ProviderDaily.__table__  # type: ignore[assignment]
_PERIODS: Table = CostImportPeriod.__table__  # type: ignore[assignment]
UNDER_WAY = ("QUEUED", "RUNNING")


async def all_rules(session: AsyncSession, organization_id: UUID) -> Sequence[RowMapping]:
    """The rules of an organization in the order in which they are tried; few, see MOST_RULES."""
    statement = select(RULES).where(RULES.c.organization_id == organization_id)
    return (await session.execute(statement.order_by(RULES.c.position, RULES.c.id))).mappings().all()


async def insert_rule(session: AsyncSession, organization_id: UUID, rule_id: UUID, **values: Any) -> RowMapping:
    """Add a rule; returns the row."""
    statement = insert(RULES).values(organization_id=organization_id, id=rule_id, **values).returning(RULES)
    row: RowMapping = (await session.execute(statement)).mappings().one()
    return row


async def update_rule(session: AsyncSession, organization_id: UUID, rule_id: UUID, **values: Any) -> RowMapping:
    """Write columns of a rule, which is another version then; returns the row."""
    statement = update(RULES).where(RULES.c.organization_id == organization_id, RULES.c.id == rule_id)
    statement = statement.values(**values, version=RULES.c.version + 1).returning(RULES)
    row: RowMapping = (await session.execute(statement)).mappings().one()
    return row


async def delete_rule(session: AsyncSession, organization_id: UUID, rule_id: UUID) -> None:
    """Delete a rule. What it has allocated stays until its months are allocated anew."""
    await session.execute(delete(RULES).where(RULES.c.organization_id == organization_id, RULES.c.id == rule_id))


async def place_rules(session: AsyncSession, organization_id: UUID, positions: Sequence[tuple[UUID, int]]) -> None:
    """Write the positions of rules."""
    if not positions:
        return
    statement = text("""
        UPDATE allocation_rules SET position = sent.position
        FROM unnest(CAST(:ids AS uuid[]), CAST(:positions AS integer[])) AS sent(id, position)
        WHERE allocation_rules.organization_id = :organization_id AND allocation_rules.id = sent.id
    """)
    values = {"ids": [id_ for id_, _ in positions], "positions": [position for _, position in positions]}
    await session.execute(statement, values | {"organization_id": organization_id})


async def month_row(session: AsyncSession, organization_id: UUID, month: date) -> RowMapping | None:
    """When and by which rules a month was allocated; None where it never was."""
    statement = select(MONTHS).where(MONTHS.c.organization_id == organization_id, MONTHS.c.month == month)
    return (await session.execute(statement)).mappings().one_or_none()


async def month_rows(session: AsyncSession, organization_id: UUID, first: date, end: date) -> Sequence[RowMapping]:
    """The months of which some day lies from `first` on and before `end`."""
    statement = select(MONTHS).where(
        MONTHS.c.organization_id == organization_id, MONTHS.c.month >= first.replace(day=1), MONTHS.c.month < end
    )
    return (await session.execute(statement.order_by(MONTHS.c.month))).mappings().all()


async def note_month(
    session: AsyncSession, organization_id: UUID, month: date, rules_id: int, notes: list[Any], moment: datetime
) -> None:
    """Say that a month has been allocated, by which rules, and what they could not do."""
    values = {"rules_id": rules_id, "notes": notes, "computed_at": moment}
    statement = insert(MONTHS).values(organization_id=organization_id, month=month, **values)
    key = [MONTHS.c.organization_id, MONTHS.c.month]
    await session.execute(statement.on_conflict_do_update(index_elements=key, set_=values))


async def forget_month(session: AsyncSession, organization_id: UUID, month: date) -> None:
    """Say that a month is not allocated."""
    statement = delete(MONTHS).where(MONTHS.c.organization_id == organization_id, MONTHS.c.month == month)
    await session.execute(statement)


async def months_of_costs(session: AsyncSession, organization_id: UUID) -> tuple[date, date] | None:
    """The first days of the first and the last month with charges; None without charges."""
    statement = select(func.min(_PERIODS.c.first_day), func.max(_PERIODS.c.last_day)).where(
        _PERIODS.c.organization_id == organization_id, _PERIODS.c.status == "ACTIVE"
    )
    first, last = (await session.execute(statement)).one()
    return None if first is None else (first.replace(day=1), last.replace(day=1))


async def last_month_before(session: AsyncSession, organization_id: UUID, day: date) -> date | None:
    """The first day of the last month with charges before a day."""
    statement = select(func.max(_PROVIDER_DAILY.c.day)).where(
        _PROVIDER_DAILY.c.organization_id == organization_id, _PROVIDER_DAILY.c.day < day
    )
    found: date | None = (await session.execute(statement)).scalar_one()
    return None if found is None else found.replace(day=1)


async def insert_run(session: AsyncSession, organization_id: UUID, run_id: UUID, **values: Any) -> RowMapping:
    """Add a run; returns the row."""
    statement = insert(RUNS).values(organization_id=organization_id, id=run_id, **values).returning(RUNS)
    row: RowMapping = (await session.execute(statement)).mappings().one()
    return row


async def get_run(
    session: AsyncSession, organization_id: UUID, run_id: UUID, *, lock: bool = False
) -> RowMapping | None:
    """One run, locked to be changed if asked."""
    statement = select(RUNS).where(RUNS.c.organization_id == organization_id, RUNS.c.id == run_id)
    if lock:
        statement = statement.with_for_update()
    return (await session.execute(statement)).mappings().one_or_none()


async def update_run(session: AsyncSession, organization_id: UUID, run_id: UUID, **values: Any) -> RowMapping:
    """Write columns of a run; returns the row."""
    statement = update(RUNS).where(RUNS.c.organization_id == organization_id, RUNS.c.id == run_id).values(**values)
    row: RowMapping = (await session.execute(statement.returning(RUNS))).mappings().one()
    return row


async def runs_under_way(session: AsyncSession, organization_id: UUID, kind: str) -> Sequence[RowMapping]:
    """Runs of a kind that have not ended, locked: at most one, for a later one takes its place."""
    statement = select(RUNS).where(
        RUNS.c.organization_id == organization_id, RUNS.c.kind == kind, RUNS.c.state.in_(UNDER_WAY)
    )
    return (await session.execute(statement.order_by(RUNS.c.id).with_for_update())).mappings().all()


async def newest_runs(session: AsyncSession, organization_id: UUID, limit: int) -> Sequence[RowMapping]:
    """The last runs, the newest first."""
    statement = select(RUNS).where(RUNS.c.organization_id == organization_id)
    return (await session.execute(statement.order_by(RUNS.c.id.desc()).limit(limit))).mappings().all()


async def months_with_costs(session: AsyncSession, organization_id: UUID, first: date, end: date) -> Sequence[date]:
    """The first days of the months that have charges from `first` on and before `end`."""
    month = func.date_trunc("month", _PROVIDER_DAILY.c.day).cast(Date)
    statement = select(month).where(
        _PROVIDER_DAILY.c.organization_id == organization_id,
        _PROVIDER_DAILY.c.day >= first,
        _PROVIDER_DAILY.c.day < end,
    )
    return (await session.scalars(statement.distinct())).all()
