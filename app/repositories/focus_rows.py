"""Charges as rows of FOCUS, straight out of PostgreSQL: what there is of them, and their text as CSV."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Case, ColumnElement, Select, Text, case, cast, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.views import FOCUS_CHARGES
from app.records.cost_analysis import Condition
from app.records.focus_rows import NumberForm, RowColumn, RowKind, RowSurvey
from app.repositories.charge_conditions import ChargeConditions
from app.repositories.planning import driver_of

STATEMENT_SECONDS = 3_600
MOST_EXTRA_COLUMNS = 1_000
"""Of a file: what is imported has at most as many. PostgreSQL gives 1,664 columns at a time."""
Sink = Callable[[bytes], Awaitable[None]]


async def begin_long_read(session: AsyncSession) -> None:
    """Give the session's transaction hours, and have dimensions joined in bulk whatever the statistics say.

    In an organization that they have not met PostgreSQL would look through all dimensions for each charge.
    """
    driver = await driver_of(session)
    await driver.execute(
        f"SET LOCAL statement_timeout = '{STATEMENT_SECONDS}s'; "
        "SET LOCAL idle_in_transaction_session_timeout = '10min';"
        "SET LOCAL work_mem = '64MB'; SET LOCAL enable_nestloop = off"
    )


async def survey(
    session: AsyncSession,
    organization_id: UUID,
    wanted: Sequence[Condition],
    written: Sequence[RowColumn],
    lacking: Sequence[RowColumn],
) -> RowSurvey:
    """What the charges that meet the conditions hold: one pass over them, and one over what FOCUS does not know."""
    numbers = [column.column for column in written if column.kind is RowKind.DECIMAL]
    statement = select(
        func.count().label("rows"),
        *(func.max(func.abs(FOCUS_CHARGES.c[name])).label(f"largest_{name}") for name in numbers),
        *(func.max(func.min_scale(FOCUS_CHARGES.c[name])).label(f"scale_{name}") for name in numbers),
        *(func.bool_or(_lost(column)).label(f"lost_{column.column}") for column in lacking),
    ).where(*_clauses(organization_id, wanted))
    (row,) = await _fetch(session, statement)
    return RowSurvey(
        row["rows"],
        {name: _form(row[f"largest_{name}"], row[f"scale_{name}"]) for name in numbers},
        frozenset(column.column for column in lacking if row[f"lost_{column.column}"]),
        await _extra_keys(session, organization_id, wanted),
    )


async def copy_rows(
    session: AsyncSession, organization_id: UUID, wanted: Sequence[Condition], columns: Sequence[RowColumn], sink: Sink
) -> int:
    """Write the charges that meet the conditions as CSV without a heading, block by block; returns how many there are.

    Null is nothing at all; amounts have all their digits; times are `2026-10-31T00:00:00Z`.
    """
    statement = select(*(_expression(column) for column in columns)).where(*_clauses(organization_id, wanted))
    sql, values = _compiled(session, statement)
    driver = await driver_of(session)
    told = await driver.copy_from_query(sql, *values, output=sink, format="csv", timeout=STATEMENT_SECONDS)
    return int(told.split()[-1])


async def _extra_keys(session: AsyncSession, organization_id: UUID, wanted: Sequence[Condition]) -> tuple[str, ...]:
    """The names of columns that FOCUS does not know, at most one more than a file may have."""
    details = (
        select(FOCUS_CHARGES.c.extra)
        .where(*_clauses(organization_id, wanted), FOCUS_CHARGES.c.detail_dim_id != 0)
        .distinct()
        .subquery("details")
    )
    keys = func.jsonb_object_keys(details.c.extra).column_valued("key")
    rows = await _fetch(session, select(keys).select_from(details).distinct().limit(MOST_EXTRA_COLUMNS + 1))
    return tuple(row[0] for row in rows)


def _clauses(organization_id: UUID, wanted: Sequence[Condition]) -> list[ColumnElement[bool]]:
    return list(ChargeConditions.of(organization_id, wanted, FOCUS_CHARGES).clauses())


def _lost(column: RowColumn) -> ColumnElement[bool]:
    value: ColumnElement[Any] = FOCUS_CHARGES.c[column.column]
    filled: ColumnElement[bool] = value.is_not(None)
    return filled if column.instead is None else filled & (value != FOCUS_CHARGES.c[column.instead])


def _form(largest: Any, scale: int | None) -> NumberForm:
    return NumberForm(0 if largest is None else len(str(int(largest))), scale or 0)


def _expression(column: RowColumn) -> ColumnElement[Any]:
    if column.kind is RowKind.EXTRA:
        extra: ColumnElement[Any] = FOCUS_CHARGES.c.extra[column.column].astext
        return extra
    value: ColumnElement[Any] = FOCUS_CHARGES.c[column.column]
    if column.instead is not None:
        value = func.coalesce(value, FOCUS_CHARGES.c[column.instead])
    if column.kind is RowKind.MOMENT:
        return func.replace(cast(func.timezone("UTC", value), Text), " ", "T").concat(literal_column("'Z'"))
    if column.kind is RowKind.JSON:
        return _json(value)
    return value


def _json(value: ColumnElement[Any]) -> Case[Any]:
    """JSON as text; JSON's own null is nothing too."""
    return case((func.jsonb_typeof(value) != "null", cast(value, Text)))


async def _fetch(session: AsyncSession, statement: Select[*tuple[Any, ...]]) -> Sequence[Any]:
    """Rows of a statement that may take longer than those of a session."""
    sql, values = _compiled(session, statement)
    rows: Sequence[Any] = await (await driver_of(session)).fetch(sql, *values, timeout=STATEMENT_SECONDS)
    return rows


def _compiled(session: AsyncSession, statement: Select[*tuple[Any, ...]]) -> tuple[str, list[Any]]:
    """The statement as the driver takes it."""
    compiled = statement.compile(dialect=session.get_bind().dialect, compile_kwargs={"render_postcompile": True})
    values = compiled.construct_params()
    return str(compiled), [values[name] for name in compiled.positiontup or ()]
