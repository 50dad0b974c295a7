"""Listings of an organization's people and keys as connections."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar
from uuid import UUID

from app.loaders.people import Listing
from app.paging import Page, PageRequest
from app.schema.paging import Connection, PageArguments, connection, cursor_text, page_request

NodeType = TypeVar("NodeType")
_ORDER = "id"


async def listing_page(
    listing: Listing, node: Callable[[Mapping[Any, Any]], NodeType], organization_id: UUID, page: PageArguments
) -> Connection[NodeType]:
    """A page of an organization's rows in the order of their creation."""
    found = await listing.page(organization_id, by_id(page))
    return connection_by_id(found, node, listing.counter(organization_id))


def by_id(page: PageArguments) -> PageRequest:
    """The page that is asked for, of rows in the order of their ids."""
    return page_request(_ORDER, (UUID,), page)


def connection_by_id(
    page: Page[Any], node: Callable[[Mapping[Any, Any]], NodeType], count: Callable[[], Awaitable[int]]
) -> Connection[NodeType]:
    """A connection of a page of rows in the order of their ids."""
    return connection(page, node, lambda row: cursor_text(_ORDER, (row["id"],)), count)
