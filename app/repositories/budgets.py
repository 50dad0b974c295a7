"""SQL of budgets, their alerts and the forecasts that are kept of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, Table, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Budget, BudgetAlert, BudgetForecast, new_id, now

BUDGETS: Table = Budget.__table__  # type: ignore[assignment]
ALERTS: Table = BudgetAlert.__table__  # type: ignore[assignment]
FORECASTS: Table = BudgetForecast.__table__  # type: ignore[assignment]

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")


async def insert_budget(session: AsyncSession, organization_id: UUID, **values: Any) -> RowMapping:
    """Add a budget, whose name must be free: see lock_budget_names."""
    moment = now()
    statement = insert(BUDGETS).values(
        organization_id=organization_id, id=new_id(), created_at=moment, updated_at=moment, **values
    )
    row: RowMapping = (await session.execute(statement.returning(BUDGETS))).mappings().one()
    return row


async def count_budgets(session: AsyncSession, organization_id: UUID) -> int:
    """How many there are."""
    statement = select(func.count()).select_from(BUDGETS).where(BUDGETS.c.organization_id == organization_id)
    return int((await session.execute(statement)).scalar_one())


async def get_budget(session: AsyncSession, organization_id: UUID, budget_id: UUID) -> RowMapping | None:
    """One budget, to be changed."""
    statement = select(BUDGETS).where(BUDGETS.c.organization_id == organization_id, BUDGETS.c.id == budget_id)
    return (await session.execute(statement.with_for_update())).mappings().one_or_none()


async def lock_budget_names(session: AsyncSession, organization_id: UUID) -> dict[UUID, str]:
    """The names of all budgets by their ids; nobody else gives a budget a name until the transaction ends."""
    await session.execute(_LOCK, {"name": f"budget-names:{organization_id}"})
    statement = select(BUDGETS.c.id, BUDGETS.c.name).where(BUDGETS.c.organization_id == organization_id)
    return {row.id: row.name for row in await session.execute(statement)}


async def update_budget(session: AsyncSession, organization_id: UUID, budget_id: UUID, **values: Any) -> RowMapping:
    """Write columns of a budget; returns the row."""
    statement = update(BUDGETS).where(BUDGETS.c.organization_id == organization_id, BUDGETS.c.id == budget_id)
    returned = statement.values(**values, updated_at=now()).returning(BUDGETS)
    row: RowMapping = (await session.execute(returned)).mappings().one()
    return row


async def delete_budget(session: AsyncSession, organization_id: UUID, budget_id: UUID) -> None:
    """Delete a budget with its alerts and forecasts."""
    await session.execute(
        delete(BUDGETS).where(BUDGETS.c.organization_id == organization_id, BUDGETS.c.id == budget_id)
    )


async def all_budgets(session: AsyncSession, organization_id: UUID) -> Sequence[RowMapping]:
    """All budgets, the watched first."""
    statement = (
        select(BUDGETS)
        .where(BUDGETS.c.organization_id == organization_id)
        .order_by(BUDGETS.c.enabled.desc(), BUDGETS.c.id)
    )
    return (await session.execute(statement)).mappings().all()


async def lock_budgets(
    session: AsyncSession, organization_id: UUID, budget_ids: Sequence[UUID]
) -> dict[UUID, RowMapping]:
    """Those of the budgets that are there; they stay as they are until the transaction ends."""
    statement = (
        select(BUDGETS)
        .where(BUDGETS.c.organization_id == organization_id, BUDGETS.c.id.in_(budget_ids))
        .order_by(BUDGETS.c.id)
    )
    rows = (await session.execute(statement.with_for_update(read=True))).mappings()
    return {row["id"]: row for row in rows}


async def forecasts_of(
    session: AsyncSession, organization_id: UUID, budget_ids: Collection[UUID]
) -> dict[tuple[UUID, date], RowMapping]:
    """The forecasts that are kept of budgets, by budget and first day of the period."""
    statement = select(FORECASTS).where(
        FORECASTS.c.organization_id == organization_id, FORECASTS.c.budget_id.in_(budget_ids)
    )
    rows = (await session.execute(statement)).mappings()
    return {(row["budget_id"], row["period_start"]): row for row in rows}


async def keep_forecasts(session: AsyncSession, organization_id: UUID, forecasts: Sequence[Mapping[str, Any]]) -> None:
    """Keep forecasts in place of earlier ones of the same budget and period. The budgets have to be locked."""
    if not forecasts:
        return
    moment = now()
    rows = [{"organization_id": organization_id, "made_at": moment, **each} for each in forecasts]
    statement = insert(FORECASTS).values(rows)
    key = [column.name for column in FORECASTS.primary_key]
    changed = {name: column for name, column in statement.excluded.items() if name not in key}
    await session.execute(statement.on_conflict_do_update(index_elements=key, set_=changed))


async def alerts_of(session: AsyncSession, organization_id: UUID, budget_ids: Sequence[UUID]) -> Sequence[RowMapping]:
    """All alerts of budgets."""
    statement = select(ALERTS).where(ALERTS.c.organization_id == organization_id, ALERTS.c.budget_id.in_(budget_ids))
    return (await session.execute(statement)).mappings().all()


async def raise_alert(
    session: AsyncSession,
    organization_id: UUID,
    budget: Mapping[Any, Any],
    period: tuple[date, date],
    basis: str,
    percent: Decimal,
    value: Decimal,
) -> UUID | None:
    """Note that a threshold is crossed; the alert's id, or None where that stands there already."""
    first, end = period
    moment = now()
    values = {
        "period_end": end,
        "value": value,
        "budget_amount": budget["amount"],
        "currency": budget["currency"],
        "crossed_at": moment,
    }
    key = {"organization_id": organization_id, "budget_id": budget["id"], "period_start": first}
    statement = insert(ALERTS).values(id=new_id(), basis=basis, percent=percent, recovered_at=None, **key, **values)
    statement = statement.on_conflict_do_update(
        index_elements=[ALERTS.c[name] for name in (*key, "basis", "percent")],
        set_={**values, "recovered_at": None},
        where=ALERTS.c.recovered_at.is_not(None),
    )
    found: UUID | None = (await session.execute(statement.returning(ALERTS.c.id))).scalar_one_or_none()
    return found


async def recover_alert(session: AsyncSession, organization_id: UUID, alert_id: UUID) -> bool:
    """Note that a threshold is no longer crossed; False where that stands there already."""
    statement = (
        update(ALERTS)
        .where(ALERTS.c.organization_id == organization_id, ALERTS.c.id == alert_id, ALERTS.c.recovered_at.is_(None))
        .values(recovered_at=now())
        .returning(ALERTS.c.id)
    )
    return (await session.execute(statement)).one_or_none() is not None
