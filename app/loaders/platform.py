"""Reads of figures over the whole platform; who may see them is the resolver's question."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.paging import Page, PageRequest
from app.records.criteria import Criteria
from app.repositories import platform

Figures = TypeVar("Figures")


class PlatformFigures:
    """Each of these is a transaction of the system role, with one statement unless it says more."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def counts(self) -> platform.PlatformCounts:
        """Organizations, users and sessions, in three statements."""
        return await self._read(platform.platform_counts)

    async def organizations(self, criteria: Criteria, request: PageRequest) -> Page[RowMapping]:
        """A page of organizations with their subscriptions; the key is (id,)."""
        async with self.database.system() as session:
            return await platform.platform_organization_page(session, criteria, request)

    def organization_counter(self, criteria: Criteria) -> Callable[[], Awaitable[int]]:
        """A function that counts them when it is called."""

        async def count() -> int:
            async with self.database.system() as session:
                return await platform.count_platform_organizations(session, criteria)

        return count

    async def subscriptions(self) -> Sequence[RowMapping]:
        """Organizations by plan and status."""
        return await self._read(platform.count_subscriptions)

    async def scans(self) -> RowMapping:
        """Scans of 24 hours and 30 days."""
        return await self._read(platform.count_scans)

    async def imports(self) -> RowMapping:
        """Imports of 24 hours and 30 days."""
        return await self._read(platform.count_imports)

    async def jobs(self) -> Sequence[RowMapping]:
        """Jobs by state."""
        return await self._read(platform.count_jobs)

    async def storage(self) -> RowMapping:
        """Bytes that are taken."""
        return await self._read(platform.storage)

    async def _read(self, read: Callable[[AsyncSession], Awaitable[Figures]]) -> Figures:
        async with self.database.system() as session:
            return await read(session)
