"""Keyset pages in the order of ids, which is the order of creation: the keys are UUIDv7."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, Select, Table, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.paging import Page, PageRequest, page_of


async def page_by_id(
    session: AsyncSession,
    table: Table,
    statement: Select[*tuple[Any, ...]],
    organization_id: UUID,
    request: PageRequest,
) -> Page[RowMapping]:
    """One page of an organization's rows of a statement over `table`; the key of the request is (id,)."""
    key = tuple_(table.c.organization_id, table.c.id)
    statement = statement.where(table.c.organization_id == organization_id)
    if request.after is not None:
        statement = statement.where(key > tuple_(organization_id, *request.after))
    if request.before is not None:
        statement = statement.where(key < tuple_(organization_id, *request.before))
    order = (table.c.organization_id, table.c.id)
    ordered = statement.order_by(*(column.desc() if request.backwards else column.asc() for column in order))
    return page_of((await session.execute(ordered.limit(request.size + 1))).mappings().all(), request)
