"""SQL of commitments: what was bought ahead, what of it was used, and how much usage it covered."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Label, RowMapping, Table, case, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Charge, CostDaily, CostDim, SummaryDim

CHARGES: Table = Charge.__table__  # type: ignore[assignment]
DAYS: Table = CostDaily.__table__  # type: ignore[assignment]
DIMENSIONS: Table = CostDim.__table__  # type: ignore[assignment]
SUMMARIES: Table = SummaryDim.__table__  # type: ignore[assignment]

_PURCHASE = SUMMARIES.c.charge_category == "Purchase"
_USAGE = SUMMARIES.c.charge_category == "Usage"
_USED = _USAGE & (DIMENSIONS.c.commitment_discount_status == "Used")
_UNUSED = _USAGE & (DIMENSIONS.c.commitment_discount_status == "Unused")
_UNTOLD = _USAGE & DIMENSIONS.c.commitment_discount_status.is_(None)
_COVERED = _USAGE & (DIMENSIONS.c.pricing_category == "Committed") & ~func.coalesce(_UNUSED, False)
_STANDARD = _USAGE & (DIMENSIONS.c.pricing_category == "Standard")


async def commitments_between(
    session: AsyncSession, organization_id: UUID, start: date, end: date, most: int
) -> Sequence[RowMapping]:
    """At most `most` commitments with charges from `start` to before `end`, the costliest first; one row a currency.

    Each amount is the sum over the charges of its kind, None where there are none, and stands beside `<name>_missing`:
    how many roll-up rows of its kind lack it. `untold` counts usage without a CommitmentDiscountStatus.
    """
    days = DAYS.c
    amounts = [
        *_amount("purchased", days.billed_cost, _PURCHASE),
        *_amount("used", days.effective_cost, _USED),
        *_amount("unused", days.effective_cost, _UNUSED),
        *_amount("used_list", days.list_cost, _USED),
        *_amount("used_contracted", days.contracted_cost, _USED),
    ]
    described = [
        func.max(DIMENSIONS.c[name]).label(name)
        for name in (
            "commitment_discount_name",
            "commitment_discount_type",
            "commitment_discount_category",
            "commitment_discount_unit",
        )
    ]
    key = (DIMENSIONS.c.commitment_discount_id, SUMMARIES.c.provider, SUMMARIES.c.billing_currency)
    weight = func.coalesce(func.sum(days.billed_cost), 0) + func.coalesce(func.sum(days.effective_cost), 0)
    untold = func.count().filter(_UNTOLD).label("untold")
    statement = (
        _joined(select(*key, *described, *amounts, untold), organization_id, start, end)
        .where(DIMENSIONS.c.commitment_discount_id.is_not(None))
        .group_by(*key)
        .order_by(weight.desc(), *key)
        .limit(most)
    )
    return (await session.execute(statement)).mappings().all()


async def has_commitments(session: AsyncSession, organization_id: UUID) -> bool:
    """Whether any charge of a commitment was ever imported."""
    named = select(DIMENSIONS.c.id).where(
        DIMENSIONS.c.organization_id == organization_id, DIMENSIONS.c.commitment_discount_id.is_not(None)
    )
    return bool((await session.execute(select(named.exists()))).scalar_one())


async def count_commitments(session: AsyncSession, organization_id: UUID, start: date, end: date) -> int:
    """How many rows commitments_between has where nothing bounds them."""
    key = (DIMENSIONS.c.commitment_discount_id, SUMMARIES.c.provider, SUMMARIES.c.billing_currency)
    found = (
        _joined(select(*key), organization_id, start, end)
        .where(DIMENSIONS.c.commitment_discount_id.is_not(None))
        .distinct()
        .subquery("found")
    )
    return int((await session.execute(select(func.count()).select_from(found))).scalar_one())


async def coverage_between(
    session: AsyncSession, organization_id: UUID, start: date, end: date
) -> Sequence[RowMapping]:
    """For each currency what usage cost that commitments covered, and usage at standard prices.

    Both are told as effective cost, at list prices (`<name>_list`) and at contracted prices (`<name>_contracted`).

    `usage_rows` counts roll-up rows of usage, `untold` those without a PricingCategory.
    """
    statement = _joined(
        select(
            SUMMARIES.c.billing_currency,
            *_amount("covered", DAYS.c.effective_cost, _COVERED),
            *_amount("standard", DAYS.c.effective_cost, _STANDARD),
            *_amount("covered_list", DAYS.c.list_cost, _COVERED),
            *_amount("standard_list", DAYS.c.list_cost, _STANDARD),
            *_amount("covered_contracted", DAYS.c.contracted_cost, _COVERED),
            *_amount("standard_contracted", DAYS.c.contracted_cost, _STANDARD),
            *_amount("used", DAYS.c.effective_cost, _USED),
            *_amount("unused", DAYS.c.effective_cost, _UNUSED),
            *_amount("used_list", DAYS.c.list_cost, _USED),
            *_amount("used_contracted", DAYS.c.contracted_cost, _USED),
            func.count().filter(_USAGE).label("usage_rows"),
            func.count().filter(_USAGE & DIMENSIONS.c.pricing_category.is_(None)).label("untold"),
        ),
        organization_id,
        start,
        end,
    )
    statement = statement.group_by(SUMMARIES.c.billing_currency).order_by(SUMMARIES.c.billing_currency)
    return (await session.execute(statement)).mappings().all()


async def commitment_quantities(
    session: AsyncSession, organization_id: UUID, commitment_ids: Sequence[str], start: date, end: date
) -> Sequence[RowMapping]:
    """For each commitment, provider and currency what was bought, used and left unused, in the commitment's unit.

    Quantities are in no roll-up, so this reads the charges of the commitments.
    """
    quantity = CHARGES.c.commitment_discount_quantity
    key = (DIMENSIONS.c.commitment_discount_id, SUMMARIES.c.provider, SUMMARIES.c.billing_currency)
    statement = (
        select(
            *key,
            *_amount("purchased", quantity, _PURCHASE),
            *_amount("used", quantity, _USED),
            *_amount("unused", quantity, _UNUSED),
            func.count(case((DIMENSIONS.c.commitment_discount_unit.is_not(None), 1))).label("with_unit"),
        )
        .select_from(CHARGES)
        .join(DIMENSIONS, DIMENSIONS.c.id == CHARGES.c.cost_dim_id)
        .join(SUMMARIES, SUMMARIES.c.id == DIMENSIONS.c.summary_dim_id)
        .where(
            CHARGES.c.organization_id == organization_id,
            DIMENSIONS.c.organization_id == organization_id,
            SUMMARIES.c.organization_id == organization_id,
            CHARGES.c.charge_period_start >= datetime.combine(start, time(), UTC),
            CHARGES.c.charge_period_start < datetime.combine(end, time(), UTC),
            DIMENSIONS.c.commitment_discount_id.in_(commitment_ids),
        )
        .group_by(*key)
    )
    return (await session.execute(statement)).mappings().all()


def _amount(name: str, column: ColumnElement[Any], of: ColumnElement[bool]) -> tuple[Label[Any], Label[Any]]:
    missing = func.count().filter(of & column.is_(None))
    return func.sum(column).filter(of).label(name), missing.label(f"{name}_missing")


def _joined(statement: Any, organization_id: UUID, start: date, end: date) -> Any:
    """A statement over the days of an organization with their dimensions."""
    return (
        statement.select_from(DAYS)
        .join(DIMENSIONS, DIMENSIONS.c.id == DAYS.c.cost_dim_id)
        .join(SUMMARIES, SUMMARIES.c.id == DIMENSIONS.c.summary_dim_id)
        .where(
            DAYS.c.organization_id == organization_id,
            DIMENSIONS.c.organization_id == organization_id,
            SUMMARIES.c.organization_id == organization_id,
            DAYS.c.day >= start,
            DAYS.c.day < end,
        )
    )
