"""Connections: Relay paging over keyset pages, with the total counted only when it is asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Generic, NamedTuple, TypeVar

import strawberry

from app.errors import BadUserInputError
from app.paging import Page, PageRequest, decode_cursor, encode_cursor, page_size

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
    cursors: strawberry.Private[list[str]]
    count: strawberry.Private[Callable[[], Awaitable[int]]]
    page_info: PageInfo = strawberry.field(description="Where this page lies.")

    @strawberry.field(description="The rows of this page, each with its cursor.")
    def edges(self) -> list[Edge[NodeType]]:
        """Pair rows and cursors."""
        return [Edge(cursor=cursor, node=node) for cursor, node in zip(self.cursors, self.nodes, strict=True)]

    @strawberry.field(description="How many rows there are in all pages, under the same filter.")
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
    cursors = [cursor(row) for row in page.rows]
    return Connection(
        nodes=[node(row) for row in page.rows],
        cursors=cursors,
        count=count,
        page_info=PageInfo(
            has_next_page=page.has_next,
            has_previous_page=page.has_previous,
            start_cursor=cursors[0] if cursors else None,
            end_cursor=cursors[-1] if cursors else None,
        ),
    )


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
