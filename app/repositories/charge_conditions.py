"""Conditions on charges as SQL: each is put to the dimension that holds its column, the charges only compare ids."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import TIMESTAMP, ColumnElement, Date, FromClause, Select, Table, cast, func, literal, select

from app.models import Charge, CostDim, CostImportPeriod, DetailDim, ResourceDim, SkuDim, SummaryDim, TagSet
from app.records.criteria import Criteria, MomentRange, TagMatch
from app.repositories.selection import column_conditions, tag_conditions

CHARGES: Table = Charge.__table__  # type: ignore[assignment]
COST_DIMS: Table = CostDim.__table__  # type: ignore[assignment]
PERIODS: Table = CostImportPeriod.__table__  # type: ignore[assignment]
SUMMARY_DIMS: Table = SummaryDim.__table__  # type: ignore[assignment]
RESOURCE_DIMS: Table = ResourceDim.__table__  # type: ignore[assignment]
SKU_DIMS: Table = SkuDim.__table__  # type: ignore[assignment]
DETAIL_DIMS: Table = DetailDim.__table__  # type: ignore[assignment]
TAG_SETS: Table = TagSet.__table__  # type: ignore[assignment]
COST_DIM = "cost_dim_id"
PERIOD = "import_period_id"
RESOURCE_DIM = "resource_dim_id"
TAG_SET = "tag_set_id"
# What the columns of `charges` point to.
DIMENSIONS: dict[str, Table] = {
    PERIOD: PERIODS,
    COST_DIM: COST_DIMS,
    RESOURCE_DIM: RESOURCE_DIMS,
    "sku_dim_id": SKU_DIMS,
    TAG_SET: TAG_SETS,
    "detail_dim_id": DETAIL_DIMS,
}
DAY = timedelta(days=1)


@dataclass(frozen=True)
class ChargeConditions:
    """What charges have to meet, all of it.

    `own` are conditions on `charges` alone; `ids` select what a column of `charges` may hold, by that column, the
    dimensions that are asked for; `moments` bound the start of the charge period. `charges` is the table, or a view
    with its columns.
    """

    charges: FromClause
    organization_id: UUID
    own: tuple[ColumnElement[bool], ...]
    ids: Mapping[str, Select[tuple[int]]]
    moments: MomentRange

    @classmethod
    def of(cls, organization_id: UUID, criteria: Criteria, charges: FromClause = CHARGES) -> ChargeConditions:
        """Sort the criteria by the table that holds their column."""
        own: list[ColumnElement[bool]] = list(_without_tags(charges, organization_id, criteria.tags))
        found: dict[str, list[ColumnElement[bool]]] = {}
        moments = MomentRange()
        for name, condition in criteria.columns:
            if name == "charge_period_start" and isinstance(condition, MomentRange):
                moments = _both(moments, condition)
            elif name in CHARGES.c:
                own += column_conditions(charges.c[name], condition)
            else:
                key, column = _held(name)
                found.setdefault(key, []).extend(column_conditions(column, condition))
        if wanted := list(_with_tags(criteria.tags)):
            found[TAG_SET] = wanted
        ids = {key: _ids(key, organization_id).where(*clauses) for key, clauses in found.items()}
        return cls(charges, organization_id, tuple(own), ids, moments)

    def clauses(self, resolved: Collection[str] = ()) -> Iterator[ColumnElement[bool]]:
        """The WHERE clauses on `charges`, but for the dimensions that the caller has resolved."""
        yield self.charges.c.organization_id == self.organization_id
        yield from column_conditions(self.charges.c.charge_period_start, self.moments)
        yield from self.own
        for key, ids in self.ids.items():
            if key == RESOURCE_DIM:
                # An array, not a set: it is looked up in the index by resource.
                yield self.charges.c[key] == func.any(func.array(ids.scalar_subquery()))
            elif key not in resolved:
                yield among(self.charges.c[key], ids)

    def whole_days(self) -> tuple[date | None, date | None] | None:
        """The first day and the day after the last, None for an open end; None where a day would be cut."""
        days: list[date | None] = []
        for moment in (self.moments.gte, self.moments.lt):
            if moment is not None and (moment.timestamp() % DAY.total_seconds()) != 0:
                return None
            days.append(None if moment is None else utc_day(moment.timestamp()))
        return days[0], days[1]


def _both(one: MomentRange, other: MomentRange) -> MomentRange:
    """What lies in both."""
    begins = [moment for moment in (one.gte, other.gte) if moment is not None]
    ends = [moment for moment in (one.lt, other.lt) if moment is not None]
    return MomentRange(max(begins, default=None), min(ends, default=None))


def utc_day(timestamp: float) -> date:
    """The day in UTC in which a moment lies, of its seconds since 1970."""
    return date(1970, 1, 1) + timedelta(days=int(timestamp // DAY.total_seconds()))


def among(column: ColumnElement[Any], ids: Select[tuple[int]]) -> ColumnElement[bool]:
    """Whether a charge's id is one of those selected.

    IS TRUE keeps PostgreSQL from making a join of it: the ids are hashed once and the charges stay in the order of
    their index, so that a page ends as soon as it is full (2.5 ms, where the join takes 17).
    """
    return column.in_(ids).is_(True)


def _held(name: str) -> tuple[str, ColumnElement[Any]]:
    """The column of `charges` that points to the table with a column of FOCUS, and that column."""
    if name in COST_DIMS.c:
        return COST_DIM, COST_DIMS.c[name]
    if name in SUMMARY_DIMS.c:
        return COST_DIM, SUMMARY_DIMS.c[name]
    if name in {"billing_period_start", "billing_period_end"}:
        return PERIOD, utc_midnight(PERIODS.c[name])
    key, table = next((key, table) for key, table in DIMENSIONS.items() if name in table.c)
    return key, table.c[name]


def _ids(key: str, organization_id: UUID) -> Select[tuple[int]]:
    table = DIMENSIONS[key]
    if key == COST_DIM:
        same = (SUMMARY_DIMS.c.organization_id == table.c.organization_id) & (
            SUMMARY_DIMS.c.id == table.c.summary_dim_id
        )
        return (
            select(table.c.id)
            .select_from(table.join(SUMMARY_DIMS, same))
            .where(table.c.organization_id == organization_id)
        )
    return select(table.c.id).where(table.c.organization_id == organization_id)


def _with_tags(tags: tuple[TagMatch, ...]) -> Iterator[ColumnElement[bool]]:
    for tag in tags:
        if tag.exists or tag.in_ is not None:
            yield from tag_conditions(TAG_SETS.c.tags, tag)


def _without_tags(
    charges: FromClause, organization_id: UUID, tags: tuple[TagMatch, ...]
) -> Iterator[ColumnElement[bool]]:
    """A charge without tags has no row in `tag_sets`, so what must be absent is asked the other way round."""
    for tag in tags:
        if tag.exists is False and tag.in_ is None:
            having = _ids(TAG_SET, organization_id).where(*tag_conditions(TAG_SETS.c.tags, replace(tag, exists=True)))
            yield charges.c[TAG_SET].in_(having).is_not(True)


def utc_midnight(day: ColumnElement[Any] | date) -> ColumnElement[Any]:
    """The moment at which a day begins in UTC."""
    value = literal(day, Date) if isinstance(day, date) else day
    return func.timezone("UTC", cast(value, TIMESTAMP))
