"""Connections: Relay paging over keyset pages, with the total counted only when it is asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Generic, NamedTuple, TypeVar

import strawberry

from app.errors import BadUserInputError
from app.paging import Page, PageRequest, decode_cursor, encode_cursor, page_size
from app.server.costs.directives import weighs

NodeType = TypeVar("NodeType")
Row = TypeVar("Row")

First = Annotated[int | None, strawberry.argument(description="Rows from the start, 1 to 1,000 (25 when left out).")]
Last = Annotated[int | None, strawberry.argument(description="Rows from the end, 1 to 1,000; not with `first`.")]
After = Annotated[str | None, strawberry.argument(description="Only rows after this cursor.")]
Before = Annotated[str | None, strawberry.argument(description="Only rows before this cursor.")]


class PageArguments(NamedTuple):
    """Relay's four paging arguments, as they were sent."""

    first: int | None = None
    after: str | None = None
    last: int | None = None
    before: str | None = None


@strawberry.type(description="Where a page lies in its connection.")
class PageInfo:
    """Relay's PageInfo."""

    has_next_page: bool = strawberry.field(description="Whether rows follow this page.")
    has_previous_page: bool = strawberry.field(description="Whether rows precede this page.")
    start_cursor: str | None = strawberry.field(description="Cursor of the first row; null on an empty page.")
    end_cursor: str | None = strawberry.field(description="Cursor of the last row; null on an empty page.")


@strawberry.type(description="One row of a page with its cursor.")
class Edge(Generic[NodeType]):
    """Relay's Edge."""

    cursor: str = strawberry.field(description="Opaque place of this row, for `after` and `before`.")
    node: NodeType = strawberry.field(description="The row.")


@strawberry.type(description="A page of rows.")
class Connection(Generic[NodeType]):
    """Relay's Connection; `nodes` is a short cut past the edges."""

    nodes: list[NodeType] = strawberry.field(description="The rows of this page.")
    page: strawberry.Private[Page[Any]]
    cursor: strawberry.Private[Callable[[Any], str]]
    count: strawberry.Private[Callable[[], Awaitable[int]]]

    @strawberry.field(description="The rows of this page, each with its cursor.")
    def edges(self) -> list[Edge[NodeType]]:
        """Pair rows and cursors."""
        pairs = zip(self.page.rows, self.nodes, strict=True)
        return [Edge(cursor=self.cursor(row), node=node) for row, node in pairs]

    @strawberry.field(description="Where this page lies.")
    def page_info(self) -> PageInfo:
        """Of the cursors only those at both ends are made."""
        rows = self.page.rows
        return PageInfo(
            has_next_page=self.page.has_next,
            has_previous_page=self.page.has_previous,
            start_cursor=self.cursor(rows[0]) if rows else None,
            end_cursor=self.cursor(rows[-1]) if rows else None,
        )

    @strawberry.field(
        description="How many rows there are in all pages, under the same filter.", directives=[weighs(5)]
    )
    async def total_count(self) -> int:
        """Counted only when this field is selected."""
        return await self.count()


def connection(
    page: Page[Row],
    node: Callable[[Row], NodeType],
    cursor: Callable[[Row], str],
    count: Callable[[], Awaitable[int]],
) -> Connection[NodeType]:
    """Make a connection of a page of rows."""
    return Connection(nodes=[node(row) for row in page.rows], page=page, cursor=cursor, count=count)


def page_request(order: str, parse: Sequence[Callable[[str], Any]], page: PageArguments) -> PageRequest:
    """The page that Relay's four arguments ask for; `order` and `parse` describe the cursor's key."""
    size, backwards = page_size(page.first, page.last)
    return PageRequest(
        size=size,
        after=None if page.after is None else decode_cursor(page.after, order, parse, "after"),
        before=None if page.before is None else decode_cursor(page.before, order, parse, "before"),
        backwards=backwards,
    )


def cursor_text(order: str, key: Sequence[Any]) -> str:
    """The cursor of a row whose key has these values."""
    return encode_cursor(order, [value if isinstance(value, int) else _key_text(value) for value in key])


def _key_text(value: object) -> str:
    """In the form that PostgreSQL gives a number as text, which some rows hold instead: never with an exponent."""
    if isinstance(value, datetime):
        return value.isoformat()
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def within(first: int, most: int, name: str = "first") -> int:
    """A number from 1 to `most`. Raises BadUserInputError for any other."""
    if not 1 <= first <= most:
        message = f"`{name}` must be from 1 to {most}; it is {first}."
        raise BadUserInputError(message, path=(name,))
    return first
