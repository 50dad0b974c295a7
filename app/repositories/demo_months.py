"""SQL of what the demo still lacks."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, date, datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.repositories.cost_imports import PERIODS


async def delivered_months(
    session: AsyncSession, organization_id: UUID, dataset: str, billing_accounts: Collection[str]
) -> dict[date, date]:
    """The months in force of billing accounts, by their first days, and the day in UTC on which each came in.

    Of several billing accounts it is the earliest of their days.
    """
    statement = (
        select(PERIODS.c.billing_period_start, func.min(PERIODS.c.created_at))
        .where(
            PERIODS.c.organization_id == organization_id,
            PERIODS.c.dataset == dataset,
            PERIODS.c.status == "ACTIVE",
            PERIODS.c.billing_account_id.in_(billing_accounts),
        )
        .group_by(PERIODS.c.billing_period_start)
    )
    found: list[tuple[date, datetime]] = [(month, moment) for month, moment in await session.execute(statement)]
    return {month: moment.astimezone(UTC).date() for month, moment in found}
