"""Reads of charges: pages in two orders, and counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    FromClause,
    RowMapping,
    Select,
    Subquery,
    Table,
    cast,
    func,
    literal,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import CostDaily, ProviderDaily
from app.paging import Page, PageRequest, page_of
from app.records.charge_ids import EPOCH
from app.records.cost_analysis import Condition
from app.records.criteria import ChargeOrderField, Direction
from app.repositories.charge_conditions import (
    CHARGES,
    COST_DIM,
    PERIOD,
    PERIODS,
    RESOURCE_DIM,
    ChargeConditions,
    among,
    utc_day,
    utc_midnight,
)
from app.repositories.selection import keyset, ordered
from app.repositories.whole_charges import charges_at, plan_reads

COST_DAILY: Table = CostDaily.__table__  # type: ignore[assignment]
PROVIDER_DAILY: Table = ProviderDaily.__table__  # type: ignore[assignment]
Order = tuple[ChargeOrderField, Direction]
KEY = ("charge_period_start", "import_period_id", "line_no")
FEW_DIMENSIONS = 500
"""With so many cost dimensions at most, the days on which they have charges are looked up before the charges are."""


async def charge_page(
    session: AsyncSession, organization_id: UUID, wanted: Sequence[Condition], order: Order, request: PageRequest
) -> Page[RowMapping]:
    """A page of an organization's charges; the key of the request has the values of the order's key.

    First keys alone are found, in the lean table; then the rows of the page meet their dimensions. Two statements,
    and one before them when dimensions are asked for.
    """
    conditions = ChargeConditions.of(organization_id, wanted)
    await plan_reads(session, for_average=order[0] is ChargeOrderField.CHARGE_PERIOD_START)
    resolved = await _resolved(session, conditions)
    if not all(resolved.values()):
        return page_of([], request)
    keys = (await session.execute(_page_keys(conditions, resolved, order, request))).mappings().all()
    found = await charges_at(session, organization_id, keys)
    return page_of([found[key["import_period_id"], key["line_no"]] for key in keys], request)


async def _resolved(session: AsyncSession, conditions: ChargeConditions) -> dict[str, list[int]]:
    """Up to 501 ids of each dimension that is asked for, by the column of `charges`: none, few or many."""
    found: dict[str, list[int]] = {key: [] for key in conditions.ids}
    if found:
        parts = (ids.limit(FEW_DIMENSIONS + 1).subquery() for ids in conditions.ids.values())
        named = [select(literal(key).label("key"), part.c.id) for key, part in zip(found, parts, strict=True)]
        for key, id_ in (await session.execute(union_all(*named))).all():
            found[key].append(id_)
    return found


def _page_keys(
    conditions: ChargeConditions, resolved: Mapping[str, Sequence[int]], order: Order, request: PageRequest
) -> Select[*tuple[Any, ...]]:
    """The keys of a page, and one more, in the way that suits the conditions."""
    if RESOURCE_DIM in resolved:
        return _keys_by_resource(conditions, order, request)
    cost_dims = resolved.get(COST_DIM, ())
    if 0 < len(cost_dims) <= FEW_DIMENSIONS and order[0] is ChargeOrderField.CHARGE_PERIOD_START:
        return _keys_by_day(conditions, cost_dims, order, request)
    return _keys(CHARGES, order, request, conditions.clauses())


def _keys(
    charges: FromClause, order: Order, request: PageRequest, clauses: Iterable[ColumnElement[bool]]
) -> Select[*tuple[Any, ...]]:
    """The keys of a page of `charges`, a table or a selection of it, of an organization."""
    field, direction = order
    statement = select(*_key_columns(charges, field)).where(*clauses)
    if field is ChargeOrderField.CHARGE_PERIOD_START:
        # A comparison of rows says nothing to PostgreSQL about partitions.
        after, before = _moments(request, direction)
        statement = statement.where(*(charges.c.charge_period_start >= moment for moment in after))
        statement = statement.where(*(charges.c.charge_period_start <= moment for moment in before))
    columns = [charges.c.organization_id, *(charges.c[name] for name in field.key)]
    return keyset(statement, columns, 1, direction, request)


def _key_columns(charges: FromClause, field: ChargeOrderField) -> list[ColumnElement[Any]]:
    return [charges.c[name] for name in dict.fromkeys((*KEY, *field.key))]


def _keys_by_resource(conditions: ChargeConditions, order: Order, request: PageRequest) -> Select[*tuple[Any, ...]]:
    """The same from the charges of resources, all of which the index by resource finds.

    OFFSET 0 keeps the bounds of the page apart from them: taken together, PostgreSQL expects next to no row of the
    bounds and walks through the month (240 ms in a million charges, where this takes 1).
    """
    columns = [CHARGES.c.organization_id, *_key_columns(CHARGES, order[0])]
    charges = select(*columns).where(*conditions.clauses()).offset(0).subquery("of_resources")
    return _keys(charges, order, request, ())


def _moments(request: PageRequest, direction: Direction) -> tuple[list[datetime], list[datetime]]:
    """What the bounds of a page say of the start of charge periods: at these moments or later, or earlier."""
    rising, falling = (request.after, request.before)[:: 1 if direction is Direction.ASC else -1]
    return [rising[0]] if rising else [], [falling[0]] if falling else []


def _keys_by_day(
    conditions: ChargeConditions, cost_dims: Sequence[int], order: Order, request: PageRequest
) -> Select[*tuple[Any, ...]]:
    """The same from the days alone on which one of the cost dimensions has charges, day by day until it is full.

    In a month of a million charges a rare service costs 1 ms so, where all the charges would take 440.
    """
    wanted = literal(list(cost_dims), ARRAY(BigInteger))
    days = _days(conditions, wanted, order[1], request)
    of_day = (
        CHARGES.c.charge_period_start >= utc_midnight(days.c.day),
        CHARGES.c.charge_period_start < utc_midnight(days.c.day + 1),
        CHARGES.c.cost_dim_id == func.any(wanted),
    )
    clauses = (*conditions.clauses(resolved={COST_DIM}), *of_day)
    found = _keys(CHARGES, order, request, clauses).correlate(days).lateral("of_day")
    # By days first: what is sorted is one day, and no day is read after the page is full.
    columns = [days.c.number, *(found.c[name] for name in order[0].key)]
    statement = select(*found.c).select_from(days.join(found, true()))
    return statement.order_by(*ordered(columns, order[1], request)).limit(request.size + 1)


def _days(
    conditions: ChargeConditions, wanted: ColumnElement[Any], direction: Direction, request: PageRequest
) -> Subquery:
    """The days with charges of the cost dimensions, in the order of the page."""
    after, before = _moments(request, direction)
    lows = [moment for moment in (conditions.moments.gte, *after) if moment is not None]
    highs = [moment for moment in (conditions.moments.lt, *before) if moment is not None]
    own = PERIODS.c.organization_id == conditions.organization_id
    low = _bound(select(func.min(PERIODS.c.first_day)).where(own), lows, func.greatest)
    high = _bound(select(func.max(PERIODS.c.last_day)).where(own), highs, func.least)
    numbers = func.generate_series(low, high).table_valued("number", name="numbers").render_derived()
    day = literal(EPOCH, Date) + numbers.c.number
    met = (
        select(literal(1).label("one"))
        .where(
            COST_DAILY.c.organization_id == conditions.organization_id,
            COST_DAILY.c.day == day,
            COST_DAILY.c.cost_dim_id == func.any(wanted),
        )
        .limit(1)
        .correlate(numbers)
        .lateral("met")
    )
    statement = select(numbers.c.number, day.label("day")).select_from(numbers.join(met, true()))
    return statement.order_by(*ordered([numbers.c.number], direction, request)).subquery("days")


def _bound(edge: Select[tuple[Any]], moments: Sequence[datetime], pick: Any) -> ColumnElement[Any]:
    """The number of a day since 1970: that of the stored charges, or a nearer one that is asked for."""
    asked = [literal(utc_day(moment.timestamp()), Date) for moment in moments]
    return cast(pick(edge.scalar_subquery(), *asked), Date) - literal(EPOCH, Date)


async def count_charges(session: AsyncSession, organization_id: UUID, wanted: Sequence[Condition]) -> int:
    """How many charges meet the conditions: of a roll-up where one can tell, otherwise counted one by one."""
    await plan_reads(session, for_average=False)
    conditions = ChargeConditions.of(organization_id, wanted)
    days = conditions.whole_days()
    if conditions.own or days is None or not conditions.ids.keys() <= {COST_DIM, PERIOD}:
        statement = select(func.count()).select_from(CHARGES).where(*conditions.clauses())
        return int((await session.execute(statement)).scalar_one())
    table = COST_DAILY if conditions.ids else PROVIDER_DAILY
    statement = select(func.coalesce(func.sum(table.c.charge_count), 0)).where(
        table.c.organization_id == organization_id,
        *(among(table.c[key], ids) for key, ids in conditions.ids.items()),
        *(table.c.day >= day for day in days[:1] if day is not None),
        *(table.c.day < day for day in days[1:] if day is not None),
    )
    return int((await session.execute(statement)).scalar_one())
