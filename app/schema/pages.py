"""Pages of a tenant's rows as connections: one way for accounts, resources and charges."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

from app.loaders.inventory import Rows
from app.records.criteria import Direction
from app.schema.filters import to_criteria
from app.schema.paging import Connection, PageArguments, connection, cursor_text, page_request

NodeType = TypeVar("NodeType")

_PARSERS: dict[str, Callable[[str], Any]] = {
    "first_seen_at": datetime.fromisoformat,
    "last_seen_at": datetime.fromisoformat,
    "created_at": datetime.fromisoformat,
    "charge_period_start": datetime.fromisoformat,
    "billed_cost": Decimal,
    "name": str,
}


async def rows_page(
    rows: Rows,
    node: Callable[[Mapping[Any, Any]], NodeType],
    organization_id: UUID,
    where: object | None,
    order: tuple[StrEnum, Direction],
    page: PageArguments,
) -> Connection[NodeType]:
    """A page of rows in an order, with the id as the last key, so that no row is met twice or missed."""
    field, direction = order
    name = f"{field.value}:{direction.value}"
    request = page_request(name, (_PARSERS[field.value], UUID), page)
    criteria = to_criteria(where)
    found = await rows.page(organization_id, criteria, field.value, direction, request)
    return connection(
        found,
        node,
        lambda row: cursor_text(name, (row[field.value], row["id"])),
        rows.counter(organization_id, criteria),
    )
