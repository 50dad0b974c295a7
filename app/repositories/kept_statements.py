"""Rows as asyncpg gives them, of chosen columns alone, by statements whose text is kept.

SQLAlchemy takes longer to build a statement than PostgreSQL to run it. So a statement is built once for each shape: the
table, the columns, the terms of the criteria, the order, the bounds. Its text is kept, and a request only brings its
values into the order of the parameters.

Only where criteria have values does the plan depend on these: which index is best for a rare value is not for another.

Numbers with digits after the point, JSON and moments come as text: PostgreSQL writes them faster than Python would read
them. Of a page of 101 rows with two moments each, asyncpg took 201 µs to read these as moments and 102 as text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import UUID

from asyncpg import Record
from sqlalchemy import (
    JSON,
    BigInteger,
    BindParameter,
    ClauseElement,
    ColumnElement,
    DateTime,
    LargeBinary,
    Numeric,
    Select,
    Table,
    Text,
    Uuid,
    any_,
    bindparam,
    cast,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, asyncpg
from sqlalchemy.types import TypeEngine

from app.database import Database
from app.paging import Page, PageRequest, page_of
from app.records.criteria import Criteria, Direction, Shape
from app.repositories.organizations import ORGANIZATIONS
from app.repositories.selection import RowsUnder, bounded, first_of_each, meaning, ordered

MOST_KEPT = 1024
"""Statements of each kind whose text is kept, at some 3 kB: more than a graph's operations have shapes."""
_DIALECT = asyncpg.dialect()  # type: ignore[no-untyped-call]
Wanted = tuple[str, ...]
"""Names of columns."""


@dataclass(frozen=True, slots=True)
class KeptStatement:
    """The text of a statement with $1, $2 .., and what brings given values into the order of these."""

    sql: str
    arrange: Callable[[Sequence[Any]], tuple[Any, ...]]


class PageForm(NamedTuple):
    """What the statement of a page depends on, beside the columns that are wanted."""

    table: Table
    shape: Shape
    keys: tuple[str, ...]
    direction: Direction
    backwards: bool
    has_after: bool
    has_before: bool

    @classmethod
    def of(
        cls, table: Table, shape: Shape, keys: tuple[str, ...], direction: Direction, request: PageRequest
    ) -> PageForm:
        """That of a request."""
        has_after, has_before = request.after is not None, request.before is not None
        return cls(table, shape, keys, direction, request.backwards, has_after, has_before)

    def statement(self, shown: Iterable[ColumnElement[Any]]) -> Select[*tuple[Any, ...]]:
        """A page of what is shown of each row; its parameters are of `Binds`, as `page_values` gives them."""
        binds = Binds()
        own = conditions(self.table, self.shape, binds)
        columns = [self.table.c[key] for key in self.keys]
        after, before = (
            [binds(column.type) for column in columns] if asked else None for asked in (self.has_after, self.has_before)
        )
        statement = bounded(select(*shown).where(*own), columns, self.direction, after, before)
        order = [self.table.c.organization_id, *columns]
        statement = statement.order_by(*ordered(order, self.direction, PageRequest(backwards=self.backwards)))
        return statement.limit(binds(BigInteger()))


def page_values(organization_id: UUID, values: Sequence[Any], request: PageRequest) -> tuple[Any, ...]:
    """The parameters of a page, in the order in which `Binds` hands them out."""
    return (organization_id, *values, *(request.after or ()), *(request.before or ()), request.size + 1)


class Binds:
    """Hands out the parameters of a statement: the first that is asked for stands for the first given value, etc."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, type_: TypeEngine[Any]) -> BindParameter[Any]:
        """The next parameter, of a type."""
        self.count += 1
        return bindparam(str(self.count - 1), type_=type_)


def text_of(statement: ClauseElement) -> tuple[str, tuple[str, ...]]:
    """The text of a statement with $1, $2 .., and the names of these parameters."""
    compiled = statement.compile(dialect=_DIALECT)
    return compiled.string, tuple(getattr(compiled, "positiontup", None) or ())


def kept(statement: Select[*tuple[Any, ...]]) -> KeptStatement:
    """The text of a statement all of whose parameters are of `Binds`."""
    sql, names = text_of(statement)
    places = [int(name) for name in names]
    in_order = places == list(range(len(places)))
    return KeptStatement(sql, tuple if in_order else itemgetter(*places))


async def page_of_rows(
    database: Database,
    table: Table,
    organization_id: UUID,
    criteria: Criteria,
    keys: tuple[str, ...],
    direction: Direction,
    request: PageRequest,
    wanted: Wanted,
) -> Page[Record]:
    """A page as of `selection.fetch_page`, of the wanted columns, after which come those of the order.

    They come only once where the wanted columns end with them.
    """
    shape, values = criteria.parted()
    statement = _page(PageForm.of(table, shape, keys, direction, request), wanted)
    given = statement.arrange(page_values(organization_id, values, request))
    rows = await database.fetch(statement.sql, given, organization_id=organization_id, for_average=not values)
    return page_of(rows, request)


async def count_rows(database: Database, table: Table, organization_id: UUID, criteria: Criteria) -> int:
    """How many rows of an organization meet the criteria."""
    shape, values = criteria.parted()
    statement = _count(table, shape)
    given = (organization_id, *values)
    rows = await database.fetch(
        statement.sql, statement.arrange(given), organization_id=organization_id, for_average=not values
    )
    return int(rows[0][0])


async def rows_by_keys(
    database: Database, table: Table, organization_id: UUID, column: str, keys: Sequence[Any], wanted: Wanted
) -> list[Record]:
    """The rows of an organization whose column is one of the keys: the wanted columns, then this one.

    In the order of their ids, where the table has them.
    """
    statement = _by_keys(table, wanted, column)
    given = statement.arrange((organization_id, uuid_list(keys) if _is_id(table.c[column]) else keys))
    return await database.fetch(statement.sql, given, organization_id=organization_id)


async def some_rows_of_each(
    database: Database,
    rows: RowsUnder,
    organization_id: UUID,
    keys: Sequence[UUID],
    limit: int,
    criteria: Criteria,
    wanted: Wanted,
) -> list[list[Record]]:
    """As `selection.some_of_each` in the order of the keys, of the wanted columns, after which comes KEY_PLACE."""
    shape, values = criteria.parted()
    statement = _some_of_each(rows, wanted, shape)
    given = statement.arrange((organization_id, *values, uuid_list(keys), limit))
    found: list[list[Record]] = [[] for _ in keys]
    for row in await database.fetch(statement.sql, given, organization_id=organization_id):
        found[row[-1] - 1].append(row)
    return found


@lru_cache(MOST_KEPT)
def _page(form: PageForm, wanted: Wanted) -> KeptStatement:
    table, keys = form.table, form.keys
    both = [*shown(table, wanted), *shown(table, keys, moments_as_text=False)]
    if wanted[-len(keys) :] == keys and not any(isinstance(table.c[key].type, DateTime) for key in keys):
        del both[-len(keys) :]
    return kept(form.statement(both))


@lru_cache(MOST_KEPT)
def _count(table: Table, shape: Shape) -> KeptStatement:
    own = conditions(table, shape, Binds())
    return kept(select(func.count()).select_from(table).where(*own))


@lru_cache(MOST_KEPT)
def _by_keys(table: Table, wanted: Wanted, column: str) -> KeptStatement:
    binds = Binds()
    own = conditions(table, (), binds)
    among = table.c[column] == any_(uuids(binds(Text()))) if _is_id(table.c[column]) else None
    key = meaning(table.c[column], "among", binds) if among is None else among
    statement = select(*shown(table, (*wanted, column))).where(*own, key)
    return kept(statement.order_by(table.c.id) if "id" in table.c and column != "id" else statement)


@lru_cache(MOST_KEPT)
def _some_of_each(rows: RowsUnder, wanted: Wanted, shape: Shape) -> KeptStatement:
    binds = Binds()
    own = conditions(rows.table, shape, binds)
    keys, limit = uuids(binds(Text())), binds(BigInteger())
    return kept(first_of_each(rows, shown(rows.table, wanted), keys, own, limit))


def uuid_list(ids: Iterable[UUID]) -> str:
    """Ids as PostgreSQL writes arrays: asyncpg looks at each value of a list, which takes four times as long."""
    return f"{{{','.join(map(str, ids))}}}"


def uuids(text_of_ids: ColumnElement[Any]) -> ColumnElement[Any]:
    """The array of what `uuid_list` wrote."""
    return cast(text_of_ids, ARRAY(Uuid))


def _is_id(column: ColumnElement[Any]) -> bool:
    return isinstance(column.type, Uuid)


def conditions(table: Table, shape: Shape, binds: Binds) -> list[ColumnElement[bool]]:
    """The WHERE clauses, as of `selection.conditions`; the first parameter is the organization."""
    own = table.c.organization_id == binds(table.c.organization_id.type)
    return [own, *(meaning(table.c[name], operator, binds) for name, operator in shape)]


def shown(table: Table, names: Sequence[str], *, moments_as_text: bool = True) -> list[ColumnElement[Any]]:
    """Columns in the form in which they leave. ORDER BY names the tables' columns, never these texts."""
    as_text = (Numeric, JSON, DateTime) if moments_as_text else (Numeric, JSON)

    def leaving(name: str) -> ColumnElement[Any]:
        if name in _SHOWN_BESIDES:
            return _SHOWN_BESIDES[name](table)
        column = table.c[name]
        return cast(column, Text).label(name) if isinstance(column.type, as_text) else column

    return [leaving(name) for name in names]


def _node_key(table: Table) -> ColumnElement[Any]:
    parts = (func.uuid_send(table.c[name], type_=LargeBinary()) for name in ("organization_id", "id"))
    first, second = parts
    return first.op("||", return_type=LargeBinary())(second).label("node_key")


def _currency(table: Table) -> ColumnElement[Any]:
    own = ORGANIZATIONS.c.id == table.c.organization_id
    return select(ORGANIZATIONS.c.currency).where(own).scalar_subquery().label("organization_currency")


_SHOWN_BESIDES: Mapping[str, Callable[[Table], ColumnElement[Any]]] = {
    # The bytes of the organization's id and of the row's own, of which a global id is made: one value, not two.
    "node_key": _node_key,
    # In the same statement, in the place of one more.
    "organization_currency": _currency,
}
SHOWN_BESIDES = frozenset(_SHOWN_BESIDES)
"""What may be wanted beside the columns of a tenant's table."""
