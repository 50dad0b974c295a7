"""SQL that answers a question about costs in one statement: what the imports say, and the figures that a plan reads.

Both see one state. What the imports say decides on the plan, so whoever asks guesses it, and looks at what comes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from asyncpg import Record
from sqlalchemy import (
    CTE,
    BigInteger,
    Boolean,
    ColumnElement,
    Select,
    Text,
    cast,
    func,
    literal_column,
    null,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.types import TypeEngine

from app.database import Database
from app.records.cost_analysis import UNIT_OF, CostPlan, CostQuestion, CostRow, DateRange
from app.repositories.cost_coverage import ALL_PAYERS, OF_ORGANIZATION, coverage_values
from app.repositories.cost_reports import figures, seeks, shape_of, units_told, values_of

_DIALECT = asyncpg.dialect()  # type: ignore[no-untyped-call]
PLACE, PREVIOUS, STEP, APART, CHARGES, AMOUNTS = range(6)
"""Where a row of the database has what `CostRow` has, the step as text; after the amounts come units, and the key."""
_TYPES: tuple[TypeEngine[Any], ...] = (BigInteger(), Boolean(), Text(), Text(), BigInteger())
_TOLD, _ROWS, _TOTALS = range(3)
"""What a row is, by its last column: what the imports say, a figure, or one of the totals."""


@dataclass(frozen=True, slots=True)
class CostReading:
    """A statement with its values.

    `by_sets`: it reads many rows, see `planning.plan_for_sets`. `adds_up`: a sum is that of the rows, and is read too.
    """

    organization_id: UUID
    sql: str
    values: tuple[Any, ...]
    by_sets: bool
    adds_up: bool


@dataclass(frozen=True, slots=True)
class CostFound:
    """What a statement found: texts for `coverage_of` and `payers_told`, and rows for `cost_row`.

    `totals` are those of a plan by index. Where a sum is that of the rows, which is what `adds_up` says, they are that
    of any plan: one row, or none where there are no rows.
    """

    told: str
    payers: str | None
    rows: list[Record]
    totals: list[Record]
    adds_up: bool


def reading_of(
    organization_id: UUID, span: DateRange | None, plan: CostPlan, named: Collection[str] | None
) -> CostReading:
    """What reads a plan and the coverage of a span of days, with the payers of named accounts unless that is None."""
    adds_up = _adds_up(plan)
    sql, collect = _kept(shape_of(plan), named is not None, adds_up)
    values = {**values_of(organization_id, plan), **coverage_values(organization_id, span)}
    return CostReading(organization_id, sql, collect({**values, "named": list(named or ())}), not seeks(plan), adds_up)


async def read(database: Database, reading: CostReading) -> CostFound:
    """The answer of the database."""
    found = await database.fetch(
        reading.sql,
        reading.values,
        organization_id=reading.organization_id,
        for_average=False,
        by_sets=reading.by_sets,
    )
    told = next(row for row in found if row[-1] == _TOLD)  # mostly the first
    rows = [row for row in found if row[-1] == _ROWS]
    totals = [row for row in found if row[-1] == _TOTALS]
    return CostFound(told[APART], told[AMOUNTS], rows, totals, reading.adds_up)


def _adds_up(plan: CostPlan) -> bool:
    """Whether a sum is that of the rows: all in one currency, nothing compared, no units."""
    question = plan.question
    return not plan.converts and question.previous is None and UNIT_OF.keys().isdisjoint(question.measures)


def key_of(row: Record, question: CostQuestion) -> tuple[str | None, ...]:
    """The key of a row's group."""
    return row[-1 - len(question.groupings) : -1]  # type: ignore[no-any-return]


def cost_row(row: Record, question: CostQuestion) -> CostRow:
    """A row as the rest of the house knows it."""
    measures = question.measures
    end = AMOUNTS + len(measures)
    return CostRow(
        row[PLACE],
        () if row[PLACE] is None else key_of(row, question),
        row[PREVIOUS],
        None if row[STEP] is None else date.fromisoformat(row[STEP]),
        row[APART],
        tuple([None if amount is None else Decimal(amount) for amount in row[AMOUNTS:end]]),
        row[CHARGES],
        units_told(row[end:], measures) if any(one in UNIT_OF for one in measures) else (),
    )


@functools.lru_cache(maxsize=512)
def _kept(plan: CostPlan, names_payers: bool, adds_up: bool) -> tuple[str, Callable[[dict[str, Any]], tuple[Any, ...]]]:
    """The text of a shape's statement, and what brings named values into the order of its parameters."""
    segments = range(len(plan.segments))
    found = figures(plan, segments).cte("found")
    parts = [_told(plan.question, names_payers), _typed(found, plan.question, _ROWS)]
    if plan.totals:
        totals = range(len(plan.segments), len(plan.segments) + len(plan.totals))
        parts.append(_typed(figures(ungrouped(plan), totals, "_of_all").cte("found_of_all"), plan.question, _TOTALS))
    elif adds_up:
        parts.append(_added_up(found, plan.question))
    compiled = union_all(*parts).compile(dialect=_DIALECT)
    names, own = tuple(compiled.positiontup or ()), compiled.params

    def collect(values: dict[str, Any]) -> tuple[Any, ...]:
        return tuple([values[name] if name in values else own[name] for name in names])

    return compiled.string, collect


def ungrouped(plan: CostPlan) -> CostPlan:
    """The plan of the totals of one by index."""
    return replace(plan, question=replace(plan.question, groupings=(), previous=None), by_index=False)


def _told(question: CostQuestion, names_payers: bool) -> Select[Any]:
    """What the imports say as a row of the answer: where that holds the currency, and payers where the amount is."""
    columns: list[ColumnElement[Any]] = [cast(null(), type_) for type_ in _TYPES]
    columns[APART] = OF_ORGANIZATION.columns(told=Text).cte("coverage").c.told
    units = 2 * sum(one in UNIT_OF for one in question.measures)
    texts: list[ColumnElement[Any]] = [cast(null(), Text)] * (len(question.measures) + units + len(question.groupings))
    if names_payers:
        texts[0] = select(ALL_PAYERS.columns(payers=Text).cte("named_payers").c.payers).scalar_subquery()
    return select(*columns, *texts, literal_column(str(_TOLD)))


def _added_up(found: CTE, question: CostQuestion) -> Select[Any]:
    """The sum of all figures as a row of the answer: PostgreSQL adds numbers up before Python would have read them."""
    columns: list[ColumnElement[Any]] = [cast(null(), type_) for type_ in _TYPES]
    columns[CHARGES] = cast(func.sum(found.c.charges), _TYPES[CHARGES])
    amounts = [cast(func.sum(found.c[one.name]), Text) for one in question.measures]
    keys = [cast(null(), Text)] * len(question.groupings)
    return select(*columns, *amounts, *keys, literal_column(str(_TOTALS))).having(func.count() > literal_column("0"))


def _typed(found: CTE, question: CostQuestion, kind: int) -> Select[Any]:
    """Figures as rows of the answer, amounts as text: PostgreSQL writes them faster than Python would read them."""
    place, key, *columns = found.c
    own: list[ColumnElement[Any]] = [
        cast(column, type_) for column, type_ in zip((place, *columns), _TYPES, strict=False)
    ]
    texts = [cast(column, Text) for column in columns[AMOUNTS - 1 :]]
    keys = [key[literal_column(str(number + 1))] for number in range(len(question.groupings))]
    return select(*own, *texts, *keys, literal_column(str(kind)))
