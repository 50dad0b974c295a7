"""Criteria and keyset pages as SQL, for every table alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    RowMapping,
    Select,
    Table,
    Text,
    Uuid,
    any_,
    false,
    func,
    literal,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import TypeEngine

from app.paging import Page, PageRequest, page_of
from app.records.criteria import Condition, Criteria, Direction, Operator

KEY_PLACE = "key_place"
"""Under which of the keys a row stands, counted from 1, in answers to `first_of_each`."""
_Types = Callable[[Any], tuple[TypeEngine[Any], ...]]


def _present(tags: Any, key: ColumnElement[str]) -> ColumnElement[bool]:
    return func.coalesce(tags.has_key(key), false())


# What each operator says of a column, and the types of the values that it compares with.
_OWN: _Types = lambda column: (column.type,)  # noqa: E731
_LIST: _Types = lambda column: (ARRAY(column.type),)  # noqa: E731
_NO: _Types = lambda _column: ()  # noqa: E731
_MEANINGS: dict[Operator, tuple[_Types, Callable[..., ColumnElement[bool]]]] = {
    "equals": (_OWN, lambda column, value: column == value),
    # One array, so that the text does not depend on how many there are.
    "among": (_LIST, lambda column, values: column == any_(values)),
    "contains": (_OWN, lambda column, pattern: column.ilike(pattern, escape="/")),
    "from": (_OWN, lambda column, value: column >= value),
    "after": (_OWN, lambda column, value: column > value),
    "up to": (_OWN, lambda column, value: column <= value),
    "before": (_OWN, lambda column, value: column < value),
    "empty": (_NO, lambda column: column.is_(None)),
    "filled": (_NO, lambda column: column.is_not(None)),
    "true": (_NO, lambda column: column.is_(True)),
    "false": (_NO, lambda column: column.is_(False)),
    # A JSON object of tags; one that is null has no tag.
    "has": (lambda _tags: (Text(),), _present),
    "lacks": (lambda _tags: (Text(),), lambda tags, key: ~_present(tags, key)),
    "holds": (lambda _tags: (Text(), ARRAY(Text)), lambda tags, key, values: tags[key].astext == any_(values)),
}


def meaning(column: Any, operator: Operator, bind: Callable[[TypeEngine[Any]], Any]) -> ColumnElement[bool]:
    """What an operator says of a column; `bind` gives, value by value, what stands for the next one in the SQL.

    A column that is null meets no condition but that of being empty.
    """
    types, clause = _MEANINGS[operator]
    return clause(column, *(bind(type_) for type_ in types(column)))


def conditions(table: Table, organization_id: UUID, criteria: Criteria) -> Iterator[ColumnElement[bool]]:
    """The WHERE clauses of an organization's rows that meet the criteria."""
    # Stated beside row security: it chooses the index (and on Citus the shard), the policy alone would not.
    yield table.c.organization_id == organization_id
    for name, operator, values in criteria.terms():
        yield meaning(table.c[name], operator, literals(values))


def column_conditions(column: Any, condition: Condition) -> Iterator[ColumnElement[bool]]:
    """What a condition says of a column."""
    for operator, values in condition.terms():
        yield meaning(column, operator, literals(values))


def literals(values: Sequence[Any]) -> Callable[[TypeEngine[Any]], ColumnElement[Any]]:
    """What `meaning` binds where the values stand in the statement."""
    own = iter(values)
    return lambda type_: literal(next(own), type_)


async def fetch_page(
    session: AsyncSession,
    table: Table,
    organization_id: UUID,
    criteria: Criteria,
    keys: Sequence[str],
    direction: Direction,
    request: PageRequest,
) -> Page[RowMapping]:
    """One page of an organization's rows in the order of `keys` (columns that are unique within the organization)."""
    columns = [table.c.organization_id, *(table.c[key] for key in keys)]
    statement = select(table).where(*conditions(table, organization_id, criteria))
    return await page_of_statement(session, statement, columns, 1, direction, request)


async def page_by_id(
    session: AsyncSession,
    table: Table,
    statement: Select[*tuple[Any, ...]],
    organization_id: UUID,
    request: PageRequest,
) -> Page[RowMapping]:
    """One page of an organization's rows of a statement over `table`, in the order of their creation.

    Ids are UUIDv7, so their order is that of creation; the key of the request is (id,).
    """
    statement = statement.where(table.c.organization_id == organization_id)
    columns = [table.c.organization_id, table.c.id]
    return await page_of_statement(session, statement, columns, 1, Direction.ASC, request)


async def page_of_statement(
    session: AsyncSession,
    statement: Select[*tuple[Any, ...]],
    columns: Sequence[ColumnElement[Any]],
    prefix: int,
    direction: Direction,
    request: PageRequest,
) -> Page[RowMapping]:
    """One page of a statement in the order of `columns`; `prefix` is how many of the first never differ."""
    statement = keyset(statement, columns, prefix, direction, request)
    return page_of((await session.execute(statement)).mappings().all(), request)


def keyset(
    statement: Select[*tuple[Any, ...]],
    columns: Sequence[ColumnElement[Any]],
    prefix: int,
    direction: Direction,
    request: PageRequest,
) -> Select[*tuple[Any, ...]]:
    """The statement with the bounds, the order and the length of a page, and one row more, for `page_of`.

    `prefix` is how many of the first columns never differ.
    """
    differing = columns[prefix:]
    after, before = (
        bound and [literal(value, column.type) for value, column in zip(bound, differing, strict=True)]
        for bound in (request.after, request.before)
    )
    statement = bounded(statement, differing, direction, after, before)
    return statement.order_by(*ordered(columns, direction, request)).limit(request.size + 1)


def bounded(
    statement: Select[*tuple[Any, ...]],
    columns: Sequence[ColumnElement[Any]],
    direction: Direction,
    after: Sequence[ColumnElement[Any]] | None,
    before: Sequence[ColumnElement[Any]] | None,
) -> Select[*tuple[Any, ...]]:
    """The statement with the bounds of a page: values of the columns, or None for an open end.

    One comparison of rows, in which PostgreSQL enters the index. It must not begin with the organization, which is
    equal to something besides: the index is then read from the organization's first row on (375 blocks instead of 87
    for a page at 19,000 rows).
    """
    for bound, rising in ((after, direction is Direction.ASC), (before, direction is Direction.DESC)):
        if bound is not None:
            row, limit = tuple_(*columns), tuple_(*bound)
            statement = statement.where(row > limit if rising else row < limit)
    return statement


def ordered(
    columns: Sequence[ColumnElement[Any]], direction: Direction, request: PageRequest
) -> list[ColumnElement[Any]]:
    """The order in which a page is read: the other way round for one from the end."""
    descending = (direction is Direction.DESC) is not request.backwards
    return [column.desc() if descending else column.asc() for column in columns]


async def by_keys(
    session: AsyncSession, table: Table, organization_id: UUID, column: str, keys: Sequence[Any]
) -> Sequence[RowMapping]:
    """The rows of an organization whose column is one of the keys."""
    statement = select(table).where(table.c.organization_id == organization_id, table.c[column].in_(keys))
    return (await session.execute(statement)).mappings().all()


@dataclass(frozen=True)
class RowsUnder:
    """Rows of a table under the keys in one of its columns, in an order of columns."""

    table: Table
    column: str
    order: tuple[tuple[str, Direction], ...]


async def some_of_each(
    session: AsyncSession,
    rows: RowsUnder,
    organization_id: UUID,
    keys: Sequence[UUID],
    limit: int,
    criteria: Criteria = Criteria(),  # noqa: B008  (frozen)
) -> dict[UUID, list[RowMapping]]:
    """The first `limit` rows of each key that meet the criteria, in one statement; a key without rows has none."""
    own = conditions(rows.table, organization_id, criteria)
    statement = first_of_each(rows, rows.table.c, literal(list(keys), ARRAY(Uuid)), own, literal(limit))
    found: list[list[RowMapping]] = [[] for _ in keys]
    for row in (await session.execute(statement)).mappings():
        found[row[KEY_PLACE] - 1].append(row)
    return dict(zip(keys, found, strict=True))


def first_of_each(
    rows: RowsUnder,
    shown: Iterable[ColumnElement[Any]],
    keys: ColumnElement[Any],
    own: Iterable[ColumnElement[bool]],
    limit: ColumnElement[int],
) -> Select[*tuple[Any, ...]]:
    """The statement of `some_of_each`: what is shown of each row, and last KEY_PLACE. `own` are the WHERE clauses."""
    wanted = func.unnest(keys).table_valued("key", with_ordinality="place", name="wanted").render_derived()
    columns = rows.table.c
    order = [columns[name].asc() if way is Direction.ASC else columns[name].desc() for name, way in rows.order]
    first = select(*shown).where(*own, columns[rows.column] == wanted.c.key).order_by(*order).limit(limit)
    lateral = first.lateral("first")
    return select(*lateral.c, wanted.c.place.label(KEY_PLACE)).select_from(wanted.join(lateral, true()))
