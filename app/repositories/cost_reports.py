"""SQL of cost reports: what a plan reads, summed by group, step and currency, converted, ranked and cut off.

Every roll-up is summed by the ids of its dimensions first and joined to them afterwards; organization, dates, keys
and values are parameters. One statement answers a plan, whatever the number of its groups and steps.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    BigInteger,
    Boolean,
    ColumnElement,
    Date,
    DateTime,
    Select,
    Text,
    bindparam,
    case,
    cast,
    exists,
    func,
    literal,
    literal_column,
    not_,
    null,
    select,
    true,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import AllocationMonth, CostImportPeriod, ProviderDaily
from app.records.budgets import CostGranularity
from app.records.cost_analysis import (
    NO_UNIT,
    UNIT_OF,
    CostDimension,
    CostMeasure,
    CostPlan,
    CostRollup,
    CostRow,
    CostSegment,
    DateRange,
    Grouping,
    TextCondition,
)
from app.records.cost_rollups import LINK_OF, ROLLUPS, Grain, Link
from app.repositories.cost_conversion import KEY, UNIT, converted, no_key, units_of
from app.repositories.cost_dimensions import (
    ORGANIZATION,
    TABLES,
    Reading,
    condition_shape,
    condition_values,
    linked_tables,
)
from app.repositories.planning import plan_for_sets

_ALLOCATED: Any = AllocationMonth.__table__
_DELIVERED: Any = CostImportPeriod.__table__
_PROVIDERS: Any = ProviderDaily.__table__
_CURRENCY = Grouping(CostDimension.BILLING_CURRENCY)
_LONGEST_MONTH = 31
_SOME_MONTH = DateRange(date(2000, 1, 1), date(2000, 2, 1))
_SOME_DAYS = DateRange(date.min, date.max)
_TOP = bindparam("top", type_=BigInteger())
_COLUMNS = 6  # of an answer before its amounts: place, key, whether it is compared, step, currency apart, charges
_NO_DAY: ColumnElement[Any] = cast(null(), Date)
_FIELDS = {
    CostGranularity.WEEK: "week",
    CostGranularity.MONTH: "month",
    CostGranularity.QUARTER: "quarter",
}


async def read_costs(session: AsyncSession, organization_id: UUID, plan: CostPlan) -> list[CostRow]:
    """What a plan finds: one row for each group, step and currency that stays apart, and for the groups beyond.

    `step` is the first day of the calendar step, also where the period begins inside of it.
    """
    if not seeks(plan):
        await plan_for_sets(session)
    found = await session.execute(_statement(shape_of(replace(plan, totals=()))), values_of(organization_id, plan))
    measures = plan.question.measures
    end = _COLUMNS + len(measures)
    quantities = [measure for measure in measures if measure in UNIT_OF]
    return [
        CostRow(
            row[0],
            tuple(row[1] or ()),
            row[2],
            row[3],
            row[4],
            tuple(row[_COLUMNS:end]),
            int(row[5]),
            units_told(row[end:], measures) if quantities else (),
        )
        for row in found
    ]


def units_told(found: Sequence[str | None], measures: Sequence[CostMeasure]) -> tuple[tuple[str, ...], ...]:
    """For each measure its units; of each that is a quantity the first and the last one were found."""
    pairs = iter(zip(found[::2], found[1::2], strict=True))
    own = (next(pairs) if measure in UNIT_OF else () for measure in measures)
    return tuple(tuple(sorted({unit for unit in pair if unit is not None})) for pair in own)


async def count_charges(session: AsyncSession, organization_id: UUID, days: DateRange) -> int:
    """How many charges the deliveries in force have that speak of any of these days."""
    statement = select(func.coalesce(func.sum(_DELIVERED.c.charge_count), 0)).where(
        _DELIVERED.c.organization_id == organization_id,
        _DELIVERED.c.status == "ACTIVE",
        _DELIVERED.c.first_day < days.end,
        _DELIVERED.c.last_day >= days.start,
    )
    return int((await session.execute(statement)).scalar_one())


def seeks(plan: CostPlan) -> bool:
    """Whether few rows are sought by an index among many: the first resources, or charges of some resources."""
    resources = (
        isinstance(one, TextCondition)
        and one.in_ is not None
        and one.of.dimension is not None
        and LINK_OF[one.of.dimension] is Link.RESOURCE
        for one in plan.question.conditions
    )
    return plan.by_index or any(resources)


def shape_of(plan: CostPlan) -> CostPlan:
    """The plan with its values left out: equal shapes are one statement. Tag keys stay, for they are parameters too.

    So does how many are wanted by an index: where PostgreSQL does not know that, it plans the statement each time.
    """
    question = replace(
        plan.question,
        period=_SOME_DAYS,
        previous=None,
        currency="",
        top=plan.question.top if plan.by_index else 0,
        conditions=tuple(map(condition_shape, plan.question.conditions)),
    )
    segments, totals = (
        tuple(replace(one, days=_SOME_MONTH if one.days.days <= _LONGEST_MONTH else _SOME_DAYS) for one in some)
        for some in (plan.segments, plan.totals)
    )
    return replace(plan, question=question, segments=segments, totals=totals)


def values_of(organization_id: UUID, plan: CostPlan) -> dict[str, Any]:
    """The parameters of a plan's statement, by name."""
    question = plan.question
    values: dict[str, Any] = {"organization": organization_id}
    if plan.converts:
        values["currency"] = question.currency
    if question.groupings and not plan.by_index:
        values["top"] = question.top
    for number, condition in enumerate(question.conditions):
        values |= condition_values(condition, number)
    for number, segment in enumerate((*plan.segments, *plan.totals)):
        is_moment = ROLLUPS[segment.rollup].grain is Grain.MOMENT
        for name, day in (("start", segment.days.start), ("end", segment.days.end)):
            values[f"{name}_{number}"] = datetime(day.year, day.month, day.day, tzinfo=UTC) if is_moment else day
    return values


@functools.lru_cache(maxsize=512)
def _statement(plan: CostPlan) -> Select[Any]:
    """The statement of a plan's shape: to make one takes longer than what most of them ask of the database."""
    return figures(plan, range(len(plan.segments)))


def figures(plan: CostPlan, segments: range, of: str = "") -> Select[Any]:
    """What is read from some of a plan's segments; `of` ends the names of its parts."""
    facts = union_all(*(_segment(plan, number) for number in segments)).cte(f"facts{of}")
    amounts = converted(plan, facts).cte(f"amounts{of}")
    measures = plan.question.measures
    sums = [
        *(func.sum(amounts.c[measure.name]).label(measure.name) for measure in measures),
        *units_of(amounts, measures),
    ]
    charges = func.sum(amounts.c.charges).label("charges")
    if not plan.question.groupings:
        keys: tuple[ColumnElement[Any], ...] = (literal(1).label("place"), no_key().label("key"))
        apart = (amounts.c.previous, amounts.c.step, amounts.c.apart)
        return select(*keys, *apart, charges, *sums).group_by(*apart)
    is_one_each = len(segments) == 1 and plan.question.granularity is CostGranularity.TOTAL and not plan.converts
    ranked = (_first if is_one_each else _ranked)(amounts, measures[0]).limit(_most(plan)).cte(f"ranked{of}")
    grouped = (ranked.c.place, ranked.c.key, amounts.c.previous, amounts.c.step, amounts.c.apart)
    joined = amounts.join(ranked, ranked.c.key == amounts.c.key, isouter=True)
    return select(*grouped, charges, *sums).select_from(joined).group_by(*grouped)


def _ranked(amounts: CTE, main: CostMeasure) -> Select[Any]:
    """The first groups: by the main measure in the asked period, then by what no rate converts, then by key."""
    measure, current = amounts.c[main.name], not_(amounts.c.previous)
    order = (
        func.sum(measure).filter(current, amounts.c.apart.is_(None)).desc().nulls_last(),
        func.sum(measure).filter(current).desc().nulls_last(),
        amounts.c.key,
    )
    place = func.row_number().over(order_by=order).label("place")
    return select(amounts.c.key, place).group_by(amounts.c.key).order_by(*order)


def _first(amounts: CTE, main: CostMeasure) -> Select[Any]:
    """The same where each group has one row of amounts."""
    order = (amounts.c[main.name].desc().nulls_last(), amounts.c.key)
    return select(amounts.c.key, func.row_number().over(order_by=order).label("place")).order_by(*order)


def _most(plan: CostPlan) -> ColumnElement[int]:
    """How many groups are read: of an index one more, which tells what the groups beyond are like."""
    return literal_column(str(plan.question.top + 1)) if plan.by_index else _TOP


def _segment(plan: CostPlan, number: int) -> Select[Any]:
    """The rows of a segment with their keys: summed by ids, then joined to what the ids stand for."""
    segment, linked = (*plan.segments, *plan.totals)[number], linked_tables()
    table = TABLES[segment.rollup].alias("source")
    question = plan.question
    reading = Reading(segment.rollup, plan.promoted, table, linked)
    units = {one: Grouping(UNIT_OF[one]) for one in question.measures if one in UNIT_OF}
    groupings = (*question.groupings, *units.values(), *((_CURRENCY,) if plan.converts else ()))
    links = {link for link in map(reading.link_of, groupings) if link is not None}
    day = _day(table, segment.rollup)
    step = _step(day, CostGranularity.TOTAL if segment.previous else question.granularity)
    month = cast(func.date_trunc("month", day), Date) if plan.converts else _NO_DAY
    own = [column for column in _own_columns(reading, groupings, links) if column in table.c]
    if plan.by_index:
        base = _first_resources(plan, number, table).subquery("base")
    else:
        where = (*reading.conditions(question.conditions), *_of_teams(segment, day))
        base = _base(plan, number, table, own, (step, month)).where(*where).subquery("base")
    outer = Reading(segment.rollup, plan.promoted, base, linked)
    currency = outer.column(_CURRENCY) if plan.converts else cast(null(), Text)
    statement = select(
        literal(segment.previous, Boolean).label("previous"),
        base.c.step,
        *(cast(outer.shown(one), Text).label(f"{KEY}{place}") for place, one in enumerate(question.groupings)),
        currency.label("currency"),
        base.c.month,
        base.c.charges,
        *(base.c[measure.name] for measure in question.measures),
        *(_unit(base, measure, outer.column(unit)) for measure, unit in units.items()),
    ).select_from(base)
    through = {Link.COST} if Link.SUMMARY in links and Link.SUMMARY.value not in table.c else set()
    return outer.joined(statement, links | through)


def _unit(base: Any, measure: CostMeasure, unit: ColumnElement[Any]) -> ColumnElement[Any]:
    """The unit of a row's quantity, null where it has none."""
    return case((base.c[measure.name].is_not(None), func.coalesce(unit, NO_UNIT))).label(f"{UNIT}{measure.name}")


def _base(
    plan: CostPlan, number: int, table: Any, own: Sequence[str], times: tuple[ColumnElement[Any], ColumnElement[Any]]
) -> Select[Any]:
    """The rows of a roll-up in the days of a segment, summed by ids where that makes fewer of them."""
    segment, measures = (*plan.segments, *plan.totals)[number], plan.question.measures
    columns = [table.c[name] for name in own]
    shown = [*columns, times[0].label("step"), times[1].label("month")]
    days = _of_days(table, segment, number)
    if _is_fine(plan, segment) and _keys(table) <= {*own}:
        each = [table.c[measure.value].label(measure.name) for measure in measures]
        rows = select(*shown, table.c.charge_count.label("charges"), *each)
        return rows.where(table.c.organization_id == ORGANIZATION, *days)
    sums = [_sum(table, measure).label(measure.name) for measure in measures]
    counted = func.count() if segment.rollup is CostRollup.CHARGES else func.sum(table.c.charge_count)
    grouped = select(*shown, cast(counted, BigInteger).label("charges"), *sums)
    by = (*columns, *(one for one in times if one is not _NO_DAY))
    # Where nothing is grouped, a sum over no rows would be a row all the same.
    grouped = grouped.group_by(*by).having(func.count() > 0)
    return grouped.where(table.c.organization_id == ORGANIZATION, *days)


def _is_fine(plan: CostPlan, segment: CostSegment) -> bool:
    """Whether each step is as long as what one row of the roll-up sums up."""
    grain = ROLLUPS[segment.rollup].grain
    if grain is Grain.DAY:
        return plan.question.granularity is CostGranularity.DAY and not segment.previous
    return grain is Grain.MONTH and segment.days == _SOME_MONTH


def _keys(table: Any) -> set[str]:
    """What tells rows of a day or month apart, but for imports and currencies, of which there are few."""
    names = {column.name for column in table.element.primary_key.columns}
    return names - {"organization_id", "day", "month", "import_period_id", "billing_currency"}


def _own_columns(reading: Reading, groupings: Sequence[Grouping], links: set[Link]) -> list[str]:
    """The columns of the roll-up by which it is summed: ids of dimensions, and values that stand in it."""
    names = {link.value for link in links}
    if Link.SUMMARY in links and Link.SUMMARY.value not in reading.base.c:
        names.add(Link.COST.value)
    for grouping in groupings:
        if reading.link_of(grouping) is None and grouping.dimension is not None:
            is_team = grouping.dimension is CostDimension.TEAM
            names.add(Link.TEAM.value if is_team else grouping.dimension.value)
    return sorted(names)


def _day(table: Any, rollup: CostRollup) -> ColumnElement[date]:
    grain = ROLLUPS[rollup].grain
    if grain is Grain.MOMENT:
        return cast(func.timezone("UTC", table.c.charge_period_start), Date)
    return table.c[grain.value]  # type: ignore[no-any-return]


def _of_days(table: Any, segment: CostSegment, number: int) -> list[ColumnElement[bool]]:
    grain = ROLLUPS[segment.rollup].grain  # moments as they are, so that partitions are left out and indexes serve
    type_: Any = DateTime(timezone=True) if grain is Grain.MOMENT else Date()
    column = table.c[grain.value]
    return [column >= bindparam(f"start_{number}", type_=type_), column < bindparam(f"end_{number}", type_=type_)]


def _of_teams(segment: CostSegment, day: ColumnElement[date]) -> list[ColumnElement[bool]]:
    if segment.allocated is None:
        return []
    month = cast(func.date_trunc("month", day), Date)
    shared = exists().where(_ALLOCATED.c.organization_id == ORGANIZATION, _ALLOCATED.c.month == month)
    return [shared if segment.allocated else not_(shared)]


def _step(day: ColumnElement[date], granularity: CostGranularity) -> ColumnElement[Any]:
    if granularity is CostGranularity.TOTAL:
        return _NO_DAY
    if granularity is CostGranularity.DAY:
        return day
    return cast(func.date_trunc(_FIELDS[granularity], day), Date)


def _sum(table: Any, measure: CostMeasure) -> ColumnElement[Any]:
    if measure is not CostMeasure.CHARGE_COUNT:
        return func.sum(table.c[measure.value])
    return func.count() if "charge_count" not in table.c else func.sum(table.c.charge_count)


def _first_resources(plan: CostPlan, number: int, table: Any) -> Select[Any]:
    """The first resources of a month in each currency, as the index has them, with all that tie with the last."""
    month, following = bindparam(f"start_{number}", type_=Date()), bindparam(f"end_{number}", type_=Date())
    currencies = (
        select(_PROVIDERS.c.billing_currency)
        .where(_PROVIDERS.c.organization_id == ORGANIZATION, _PROVIDERS.c.day >= month, _PROVIDERS.c.day < following)
        .distinct()
        .subquery("currencies")
    )
    question = plan.question
    first = (
        select(
            table.c.resource_dim_id,
            table.c.charge_count,
            *(table.c[measure.value].label(measure.name) for measure in question.measures),
        )
        .where(
            table.c.organization_id == ORGANIZATION,
            table.c.month == month,
            table.c.billing_currency == currencies.c.billing_currency,
        )
        .order_by(table.c.effective_cost.desc().nulls_last())
        .fetch(_most(plan), with_ties=True)
        .lateral("first")
    )
    return select(
        first.c.resource_dim_id,
        currencies.c.billing_currency,
        _step(month, question.granularity).label("step"),
        month.label("month"),
        first.c.charge_count.label("charges"),
        *(first.c[measure.name] for measure in question.measures),
    ).select_from(currencies.join(first, true()))
