"""Conditions on charges as SQL: each is put to the dimension that holds its column, the charges only compare ids."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Self
from uuid import UUID

from sqlalchemy import TIMESTAMP, ColumnElement, Date, FromClause, Select, Table, cast, func, literal

from app.models import Charge, CostImportPeriod
from app.records.cost_analysis import Condition, CostRollup, MomentCondition
from app.records.cost_rollups import Link
from app.records.criteria import MomentRange
from app.repositories.cost_dimensions import ORGANIZATION, Reading, condition_values, linked_tables
from app.repositories.selection import column_conditions

CHARGES: Table = Charge.__table__  # type: ignore[assignment]
PERIODS: Table = CostImportPeriod.__table__  # type: ignore[assignment]
COST_DIM = Link.COST.value
PERIOD = Link.PERIOD.value
RESOURCE_DIM = Link.RESOURCE.value
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
    def of(cls, organization_id: UUID, conditions: Sequence[Condition], charges: FromClause = CHARGES) -> Self:
        """Sort the conditions by the table that holds what they concern.

        They are the SQL of cost reports, read from the charges themselves: see `Reading`. Teams are none of theirs.
        """
        own: list[ColumnElement[bool]] = []
        ids: dict[str, Select[tuple[int]]] = {}
        moments = MomentRange()
        others: list[Condition] = []
        for condition in conditions:
            if isinstance(condition, MomentCondition) and condition.column == "charge_period_start":
                moments = _both(moments, _range(condition))
            else:
                others.append(condition)
        values: dict[str, Any] = {ORGANIZATION.key: organization_id}
        for number, condition in enumerate(others):
            values |= condition_values(condition, number)
        reading = Reading(CostRollup.CHARGES, frozenset(), charges, linked_tables(), values)
        for link, clauses, none in reading.parted(others):
            if link is None:
                own += clauses
            elif none:
                # IS TRUE as in `among`.
                own.append(reading.met(link, clauses, none=True).is_(True))
            else:
                column, met = reading.ids(link, clauses)
                ids[column.value] = _also(ids.get(column.value), met)
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


def _range(condition: MomentCondition) -> MomentRange:
    """The same with an exclusive end: PostgreSQL tells moments apart by the microsecond."""
    until = None if condition.lte is None else condition.lte + timedelta(microseconds=1)
    return _both(MomentRange(condition.gte, condition.lt), MomentRange(None, until))


def _also(ids: Select[tuple[int]] | None, others: Select[tuple[int]]) -> Select[tuple[int]]:
    """What both select."""
    return others if ids is None else ids.where(ids.selected_columns.id.in_(others.correlate(None)))


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


def utc_midnight(day: ColumnElement[Any] | date) -> ColumnElement[Any]:
    """The moment at which a day begins in UTC."""
    value = literal(day, Date) if isinstance(day, date) else day
    return func.timezone("UTC", cast(value, TIMESTAMP))
