"""SQL of the parts of costs: what each service, account, region or resource cost on each day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Column, ColumnElement, Date, Select, Table, cast, func, or_, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Charge, CostDaily, CostDim, ResourceDim, ServiceDaily, SummaryDim
from app.records.costs import CostMetric
from app.repositories.cost_series import SUMMARY_COLUMNS
from app.repositories.planning import plan_for_sets

SUMMARIES: Table = SummaryDim.__table__  # type: ignore[assignment]
DIMENSIONS: Table = CostDim.__table__  # type: ignore[assignment]
RESOURCES: Table = ResourceDim.__table__  # type: ignore[assignment]
CHARGES: Table = Charge.__table__  # type: ignore[assignment]
BY_SUMMARY: Table = ServiceDaily.__table__  # type: ignore[assignment]
BY_COST: Table = CostDaily.__table__  # type: ignore[assignment]
LONGEST_SPREAD = timedelta(31)
_CATEGORY = "charge_category"
# As the partial index on `charges` has it, so that only such charges are read. Days are those in UTC.
_IS_LONG: ColumnElement[bool] = CHARGES.c.charge_period_end - CHARGES.c.charge_period_start > text("interval '1 day'")
_FIRST_DAY = cast(func.timezone("UTC", CHARGES.c.charge_period_start), Date)
_END_DAY = cast(func.timezone("UTC", CHARGES.c.charge_period_end) - text("interval '1 microsecond'"), Date) + 1


@dataclass(frozen=True)
class Cut:
    """Charges in one currency with these values by column, from `start` to before `end`.

    Those that have all values of an entry of `without` are left out.
    """

    metric: CostMetric
    currency: str
    start: date
    end: date
    values: tuple[tuple[str, str], ...] = ()
    without: tuple[tuple[tuple[str, str], ...], ...] = ()

    @property
    def columns(self) -> frozenset[str]:
        """The columns by whose values it is cut."""
        return frozenset(column for values in (self.values, *self.without) for column, _ in values)


@dataclass(frozen=True)
class PartCost:
    """What the charges of a day with these values in the columns by which they are parted cost."""

    key: tuple[str, ...]
    day: date
    amount: Decimal


@dataclass(frozen=True)
class LongPart:
    """What charges of these values and category cost that each last from `start` to before `end`, more than a day.

    A value is "" where they have none.
    """

    key: tuple[str, ...]
    start: date
    end: date
    category: str | None
    amount: Decimal

    def with_key(self, key: tuple[str, ...]) -> LongPart:
        """The same under another key."""
        return replace(self, key=key)


@dataclass(frozen=True)
class MonthCost:
    """What the charges of a calendar month in one currency cost, credits as much as costs, and how many they are."""

    currency: str
    month: date
    amount: Decimal
    charge_count: int


@dataclass(frozen=True)
class DailyResources:
    """What resources cost on each day on which a charge starts, those that last longer, and names by resource id."""

    parts: list[PartCost]
    long: list[LongPart]
    names: dict[str, str | None]


async def currency_months(
    session: AsyncSession, organization_id: UUID, metric: CostMetric, start: date, since: date, end: date
) -> list[MonthCost]:
    """For each currency and month from `start` to before `end` what its charges from `since` on cost. One statement."""
    days = BY_SUMMARY.c
    month = func.date_trunc("month", days.day).cast(Date).label("month")
    recent = days.day >= since
    sums = (
        select(
            days.summary_dim_id,
            month,
            func.coalesce(func.sum(func.abs(days[metric.value])).filter(recent), 0).label("amount"),
            func.coalesce(func.sum(days.charge_count).filter(recent), 0).label("charge_count"),
        )
        .where(days.organization_id == organization_id, days.day >= start, days.day < end)
        .group_by(days.summary_dim_id, month)
        .subquery("sums")
    )
    currency = SUMMARIES.c.billing_currency
    statement = (
        select(currency, sums.c.month, func.sum(sums.c.amount), func.sum(sums.c.charge_count))
        .join(SUMMARIES, SUMMARIES.c.id == sums.c.summary_dim_id)
        .where(SUMMARIES.c.organization_id == organization_id)
        .group_by(currency, sums.c.month)
        .order_by(currency, sums.c.month)
    )
    return [MonthCost(row[0], row[1], row[2], int(row[3])) for row in await session.execute(statement)]


async def daily_parts(
    session: AsyncSession, organization_id: UUID, cut: Cut, by: Sequence[str], most: int
) -> list[PartCost]:
    """Costs of a cut by day and by the values of columns, of the `most` parts that cost most in all.

    Charges without a value in one of the columns, or without the metric, are in no part. One statement.
    """
    # After a first import of 40,000 charges, of which there were no statistics, a loop over dimensions took 15 seconds.
    await plan_for_sets(session)
    sums = _sums(organization_id, cut, by).cte("sums")
    keys = [sums.c[column] for column in by]
    largest = (
        select(*keys)
        .group_by(*keys)
        .order_by(func.sum(func.abs(sums.c.amount)).desc(), *keys)
        .limit(most)
        .cte("largest")
    )
    statement = (
        select(*keys, sums.c.day, sums.c.amount)
        .join(largest, tuple_(*keys) == tuple_(*(largest.c[column] for column in by)))
        .order_by(*keys, sums.c.day)
    )
    if not by:
        statement = select(sums.c.day, sums.c.amount).order_by(sums.c.day)
    return [PartCost(tuple(row[:-2]), row[-2], row[-1]) for row in await session.execute(statement)]


def _sums(organization_id: UUID, cut: Cut, by: Sequence[str]) -> Select[*tuple[Any, ...]]:
    """Amounts by day and part: the roll-up is summed by its dimension's id first, then the dimension is looked up."""
    fine = not {*by, *cut.columns} <= SUMMARY_COLUMNS
    table, id_ = (BY_COST, BY_COST.c.cost_dim_id) if fine else (BY_SUMMARY, BY_SUMMARY.c.summary_dim_id)
    metric: Column[Decimal] = table.c[cut.metric.value]
    days = (
        select(table.c.day, id_.label("id"), func.sum(metric).label("amount"))
        .where(
            table.c.organization_id == organization_id,
            table.c.day >= cut.start,
            table.c.day < cut.end,
            metric.is_not(None),
        )
        .group_by(table.c.day, id_)
        .subquery("days")
    )
    dims = _dimensions(organization_id, cut, by, fine=fine).subquery("dims")
    keys = [dims.c[column] for column in by]
    return (
        select(days.c.day, *keys, func.sum(days.c.amount).label("amount"))
        .join(dims, dims.c.id == days.c.id)
        .where(*(key.is_not(None) for key in keys))
        .group_by(days.c.day, *keys)
    )


def _dimensions(organization_id: UUID, cut: Cut, by: Sequence[str], *, fine: bool) -> Select[*tuple[Any, ...]]:
    """The ids of the dimensions of a cut, with the columns by which it is parted."""
    id_ = DIMENSIONS.c.id if fine else SUMMARIES.c.id
    statement = select(id_, *(_column(column) for column in by)).where(
        SUMMARIES.c.organization_id == organization_id,
        SUMMARIES.c.billing_currency == cut.currency,
        *(_column(column) == value for column, value in cut.values),
        *(or_(*(_column(column).is_distinct_from(value) for column, value in values)) for values in cut.without),
    )
    if fine:
        same = (DIMENSIONS.c.organization_id == organization_id) & (DIMENSIONS.c.summary_dim_id == SUMMARIES.c.id)
        statement = statement.join(DIMENSIONS, same)
    return statement


def _column(name: str) -> Column[Any]:
    return SUMMARIES.c[name] if name in SUMMARY_COLUMNS else DIMENSIONS.c[name]


async def costliest_resources(session: AsyncSession, organization_id: UUID, cut: Cut, most: int) -> list[int]:
    """The resource dimensions that cost most in a cut, largest first. Reads raw charges: for stretches of days."""
    amount = func.sum(func.abs(CHARGES.c[cut.metric.value]))
    dims = _dimensions(organization_id, cut, (), fine=True).subquery("dims")
    statement = (
        select(CHARGES.c.resource_dim_id)
        .join(dims, dims.c.id == CHARGES.c.cost_dim_id)
        .where(*_charges_of(organization_id, cut), CHARGES.c.resource_dim_id != 0)
        .group_by(CHARGES.c.resource_dim_id)
        .having(amount > 0)
        .order_by(amount.desc(), CHARGES.c.resource_dim_id)
        .limit(most)
    )
    return list((await session.execute(statement)).scalars())


async def daily_resources(
    session: AsyncSession, organization_id: UUID, cut: Cut, resource_dim_ids: Sequence[int]
) -> DailyResources:
    """Costs of a cut by start day and resource, of these resources. Reads raw charges."""
    await plan_for_sets(session)
    amount = func.sum(CHARGES.c[cut.metric.value])
    dims = _dimensions(organization_id, cut, (_CATEGORY,), fine=True).subquery("dims")
    columns = (RESOURCES.c.resource_id, RESOURCES.c.resource_name, _FIRST_DAY, _END_DAY, dims.c[_CATEGORY])
    statement = (
        select(*columns, func.bool_or(_IS_LONG), amount)
        .select_from(CHARGES)
        .join(dims, dims.c.id == CHARGES.c.cost_dim_id)
        .join(
            RESOURCES,
            (RESOURCES.c.organization_id == organization_id) & (RESOURCES.c.id == CHARGES.c.resource_dim_id),
        )
        .where(
            *_charges_of(organization_id, cut),
            CHARGES.c.resource_dim_id.in_(resource_dim_ids),
            RESOURCES.c.id.in_(resource_dim_ids),  # so that these are sought, and not all of them hashed
            RESOURCES.c.resource_id.is_not(None),
        )
        .group_by(*columns, _IS_LONG)
        .order_by(RESOURCES.c.resource_id, _FIRST_DAY, _END_DAY)
    )
    rows = (await session.execute(statement)).all()
    return DailyResources(
        [PartCost((row[0],), row[2], row[6]) for row in rows],
        [LongPart((row[0],), row[2], row[3], row[4], row[6]) for row in rows if row[5]],
        {row[0]: row[1] for row in rows},
    )


async def long_parts(session: AsyncSession, organization_id: UUID, cut: Cut, by: Sequence[str]) -> list[LongPart]:
    """The charges of a cut that last more than a day, by their days and the values of columns.

    Those that began in the month before the cut are there too: they may reach into it. One statement, which reads
    them from an index of their own.
    """
    reaching = replace(cut, start=cut.start - LONGEST_SPREAD)
    dims = _dimensions(organization_id, cut, (*by, _CATEGORY), fine=True).subquery("dims")
    columns = (*(dims.c[column] for column in by), dims.c[_CATEGORY], _FIRST_DAY, _END_DAY)
    statement = (
        select(*columns, func.sum(CHARGES.c[cut.metric.value]))
        .join(dims, dims.c.id == CHARGES.c.cost_dim_id)
        .where(*_charges_of(organization_id, reaching), _IS_LONG)
        .group_by(*columns)
        .order_by(*columns)
    )
    rows = (await session.execute(statement)).all()
    return [
        LongPart(tuple(value or "" for value in row[: len(by)]), row[-3], row[-2], row[-4], row[-1]) for row in rows
    ]


def _charges_of(organization_id: UUID, cut: Cut) -> tuple[ColumnElement[bool], ...]:
    def midnight(day: date) -> datetime:
        return datetime.combine(day, time(), UTC)

    return (
        CHARGES.c.organization_id == organization_id,
        CHARGES.c.charge_period_start >= midnight(cut.start),
        CHARGES.c.charge_period_start < midnight(cut.end),
        CHARGES.c[cut.metric.value].is_not(None),
    )
