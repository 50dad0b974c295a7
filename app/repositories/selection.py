"""Criteria and keyset pages as SQL, for every table alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, Select, Table, Uuid, func, literal, select, true, tuple_
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from app.paging import Page, PageRequest, page_of
from app.records.criteria import (
    AmountRange,
    Condition,
    Criteria,
    DayRange,
    Direction,
    Emptiness,
    IdMatch,
    MomentRange,
    TagMatch,
    TextMatch,
    Truth,
)


def conditions(table: Table, organization_id: UUID, criteria: Criteria) -> Iterator[ColumnElement[bool]]:
    """The WHERE clauses of an organization's rows that meet the criteria."""
    # Stated beside row security: it chooses the index (and on Citus the shard), the policy alone would not.
    yield table.c.organization_id == organization_id
    for name, condition in criteria.columns:
        yield from column_conditions(table.c[name], condition)
    for tag in criteria.tags:
        yield from tag_conditions(table.c.tags, tag)


def column_conditions(column: Any, condition: Condition) -> Iterator[ColumnElement[bool]]:
    """What a condition says of a column; a column that is null meets none but that of being empty."""
    if isinstance(condition, TextMatch):
        yield from _text(column, condition)
    elif isinstance(condition, IdMatch):
        yield column.in_(condition.in_)
    elif isinstance(condition, Emptiness):
        yield column.is_(None) if condition.empty else column.is_not(None)
    elif isinstance(condition, Truth):
        yield column.is_(condition.value)
    else:
        yield from _range(column, condition)


def _text(column: Any, condition: TextMatch) -> Iterator[ColumnElement[bool]]:
    if condition.eq is not None:
        yield column == condition.eq
    if condition.in_ is not None:
        yield column.in_(condition.in_)
    if condition.contains is not None:
        yield column.icontains(condition.contains, autoescape=True)


def _range(column: Any, condition: AmountRange | MomentRange | DayRange) -> Iterator[ColumnElement[bool]]:
    if condition.gte is not None:
        yield column >= condition.gte
    if isinstance(condition, AmountRange):
        if condition.lte is not None:
            yield column <= condition.lte
    elif condition.lt is not None:
        yield column < condition.lt


def tag_conditions(tags: Any, tag: TagMatch) -> Iterator[ColumnElement[bool]]:
    """What a condition says of a JSON object of tags; an object that is null has no tag."""
    present = func.coalesce(tags.has_key(tag.key), False)
    if tag.exists is not None:
        yield present if tag.exists else ~present
    if tag.in_ is not None:
        yield tags[tag.key].astext.in_(tag.in_)


async def fetch_page(
    session: AsyncSession,
    table: Table,
    organization_id: UUID,
    criteria: Criteria,
    keys: Sequence[str],
    direction: Direction,
    request: PageRequest,
) -> Page[RowMapping]:
    """One page of an organization's rows in the order of `keys` (columns that are unique within the organization).

    The page's bounds are row comparisons that begin with the organization: `organization_id = $1 AND id > $2` falls
    into a generic plan that costs three times as much.
    """
    columns = [table.c.organization_id, *(table.c[key] for key in keys)]
    statement = select(table).where(*conditions(table, organization_id, criteria))
    return await page_of_statement(session, statement, columns, (organization_id,), direction, request)


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
    return await page_of_statement(session, statement, columns, (organization_id,), Direction.ASC, request)


async def page_of_statement(
    session: AsyncSession,
    statement: Select[*tuple[Any, ...]],
    columns: Sequence[ColumnElement[Any]],
    prefix: tuple[Any, ...],
    direction: Direction,
    request: PageRequest,
) -> Page[RowMapping]:
    """One page of a statement in the order of `columns`; `prefix` holds the values of those that never differ."""
    statement = keyset(statement, columns, prefix, direction, request)
    return page_of((await session.execute(statement)).mappings().all(), request)


def keyset(
    statement: Select[*tuple[Any, ...]],
    columns: Sequence[ColumnElement[Any]],
    prefix: tuple[Any, ...],
    direction: Direction,
    request: PageRequest,
) -> Select[*tuple[Any, ...]]:
    """The statement with the bounds, the order and the length of a page, and one row more, for `page_of`."""
    for bound, after in ((request.after, True), (request.before, False)):
        if bound is not None:
            values = zip((*prefix, *bound), columns, strict=True)
            limit = tuple_(*(literal(value, column.type) for value, column in values))
            rising = after is (direction is Direction.ASC)
            statement = statement.where(tuple_(*columns) > limit if rising else tuple_(*columns) < limit)
    return statement.order_by(*ordered(columns, direction, request)).limit(request.size + 1)


def ordered(
    columns: Sequence[ColumnElement[Any]], direction: Direction, request: PageRequest
) -> list[ColumnElement[Any]]:
    """The order in which a page is read: the other way round for one from the end."""
    descending = (direction is Direction.DESC) is not request.backwards
    return [column.desc() if descending else column.asc() for column in columns]


async def count(session: AsyncSession, table: Table, organization_id: UUID, criteria: Criteria) -> int:
    """How many rows of an organization meet the criteria."""
    statement = select(func.count()).select_from(table).where(*conditions(table, organization_id, criteria))
    return int((await session.execute(statement)).scalar_one())


async def by_keys(
    session: AsyncSession, table: Table, organization_id: UUID, column: str, keys: Sequence[Any]
) -> Sequence[RowMapping]:
    """The rows of an organization whose column is one of the keys."""
    statement = select(table).where(table.c.organization_id == organization_id, table.c[column].in_(keys))
    return (await session.execute(statement)).mappings().all()


async def some_of_each(
    session: AsyncSession,
    table: Table,
    organization_id: UUID,
    column: str,
    keys: Sequence[UUID],
    order_by: Sequence[ColumnElement[Any]],
    limit: int,
    *conditions: ColumnElement[bool],
) -> dict[UUID, list[RowMapping]]:
    """The first `limit` rows of each key in an order, in one statement; every key is there, also without rows."""
    wanted = func.unnest(literal(list(keys), ARRAY(Uuid))).table_valued("key", name="wanted").render_derived()
    first = (
        select(table)
        .where(table.c.organization_id == organization_id, table.c[column] == wanted.c.key, *conditions)
        .order_by(*order_by)
        .limit(limit)
        .lateral("first")
    )
    found: dict[UUID, list[RowMapping]] = {key: [] for key in keys}
    statement = select(first).select_from(wanted.join(first, true()))
    for row in (await session.execute(statement)).mappings():
        found[row[column]].append(row)
    return found
