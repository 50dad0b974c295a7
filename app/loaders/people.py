"""Reads of users, members, invitations and API keys."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from asyncpg import Record
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.paging import Page, PageRequest
from app.repositories.users import fellows_by_id


class RowById:
    """The row for (organization, id) pairs; None where there is none."""

    def __init__(
        self,
        database: Database,
        rows_of: Callable[[AsyncSession, UUID, Collection[UUID]], Awaitable[Sequence[RowMapping]]],
    ) -> None:
        self.database = database
        self.rows_of = rows_of

    async def load_many(self, keys: Sequence[tuple[UUID, UUID]]) -> list[RowMapping | None]:
        """Rows in key order. One statement for each organization among the keys."""
        found: dict[tuple[UUID, UUID], RowMapping] = {}
        for organization_id in {organization for organization, _ in keys}:
            wanted = {id_ for organization, id_ in keys if organization == organization_id}
            async with self.database.read(organization_id) as session:
                rows = await self.rows_of(session, organization_id, wanted)
            found |= {(organization_id, row["id"]): row for row in rows}
        return [found.get(key) for key in keys]


class FellowById:
    """The user for (organization, id) pairs, where the organization may see them; else None."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def load_many(self, keys: Sequence[tuple[UUID, UUID]]) -> list[Record | None]:
        """Users in key order. One statement for each organization among the keys."""
        found: dict[tuple[UUID, UUID], Record] = {}
        for organization_id in {organization for organization, _ in keys}:
            wanted = {id_ for organization, id_ in keys if organization == organization_id}
            rows = await fellows_by_id(self.database, organization_id, wanted)
            found |= {(organization_id, row["id"]): row for row in rows}
        return [found.get(key) for key in keys]


@dataclass(frozen=True)
class Listing:
    """Pages and counts of one noun of an organization, in the order of creation."""

    database: Database
    page_of: Callable[[AsyncSession, UUID, PageRequest], Awaitable[Page[RowMapping]]]
    count_of: Callable[[AsyncSession, UUID], Awaitable[int]]

    async def page(self, organization_id: UUID, request: PageRequest) -> Page[RowMapping]:
        """One page; the key of the request is (id,)."""
        async with self.database.read(organization_id) as session:
            return await self.page_of(session, organization_id, request)

    def counter(self, organization_id: UUID) -> Callable[[], Awaitable[int]]:
        """A function that counts when it is called."""

        async def count() -> int:
            async with self.database.read(organization_id) as session:
                return await self.count_of(session, organization_id)

        return count
