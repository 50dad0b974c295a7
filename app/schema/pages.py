"""Pages of a tenant's rows as connections: one way for all whose id is a column."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar, cast
from uuid import UUID

from app.context import Info
from app.costs.values import EARLIEST_YEAR, LATEST_YEAR, TEXT_BYTES, checked_text, read_decimal
from app.execution import beside_of, wanted_of
from app.loaders.inventory import Rows
from app.records.criteria import Condition, Criteria, Direction
from app.schema.filters import to_criteria
from app.schema.paging import Connection, PageArguments, connection, cursor_text, page_request

NodeType = TypeVar("NodeType")


def read_moment(text: str) -> datetime:
    """A moment of a cursor. Raises ValueError for what no row can hold."""
    moment = datetime.fromisoformat(text).astimezone(UTC)
    if not EARLIEST_YEAR <= moment.year <= LATEST_YEAR:
        raise ValueError(text)
    return moment


def read_day(text: str) -> date:
    """A day of a cursor. Raises ValueError for what no row can hold."""
    return read_moment(f"{date.fromisoformat(text)}T00:00:00+00:00").date()


def read_amount(text: str) -> Decimal:
    """An amount of a cursor. Raises ValueError for what no row can hold."""
    return read_decimal(text)[0]


def read_name(text: str) -> str:
    """A name of a cursor. Raises ValueError for what no row can hold."""
    return checked_text(text, TEXT_BYTES)


_PARSERS: dict[str, Callable[[str], Any]] = {
    "first_seen_at": read_moment,
    "last_seen_at": read_moment,
    "created_at": read_moment,
    "queued_at": read_moment,
    "found_at": read_moment,
    "starts_on": read_day,
    "excess": read_amount,
    "saving_order": read_amount,
    "name": read_name,
    "pattern": read_name,
}


async def rows_page(
    info: Info,
    rows: Rows,
    node: Callable[[Mapping[Any, Any]], NodeType],
    organization_id: UUID,
    where: object | None,
    order: tuple[StrEnum, Direction],
    page: PageArguments,
    besides: tuple[tuple[str, Condition], ...] = (),
) -> Connection[NodeType]:
    """A page of rows in an order, with the id as the last key, so that no row is met twice or missed.

    `besides` holds conditions by column that are not the caller's. A plan that wants rows gets them as nodes.
    """
    field, direction = order
    name = f"{field.value}:{direction.value}"
    request = page_request(name, (_PARSERS[field.value], UUID), page)
    asked = to_criteria(where)
    criteria = Criteria((*asked.columns, *besides), asked.tags)
    count = rows.counter(organization_id, criteria)
    wanted = wanted_of(info)
    if wanted is not None:  # the records themselves, whose last values are those of the order
        asked_beside = beside_of(info)
        beside = None if asked_beside is None else await asked_beside(organization_id)
        records = await rows.page(organization_id, criteria, field.value, direction, request, wanted, beside)
        return Connection(
            nodes=cast("list[NodeType]", records.rows),
            page=records,
            cursor=lambda record: cursor_text(name, (record[-2], record[-1])),
            count=count,
        )
    found = await rows.page(organization_id, criteria, field.value, direction, request)
    return connection(found, node, lambda row: cursor_text(name, (row[field.value], row["id"])), count)
