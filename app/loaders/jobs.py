"""Reads of background jobs for operators."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sqlalchemy import RowMapping

from app.database import Database
from app.paging import Page, PageRequest
from app.records.criteria import Criteria
from app.repositories import job_pages


class PlatformJobs:
    """Jobs of all organizations; who may see them is the resolver's question."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def page(self, criteria: Criteria, request: PageRequest) -> Page[RowMapping]:
        """A page, the newest first; the key is (id,)."""
        async with self.database.system() as session:
            return await job_pages.job_page(session, criteria, request)

    def counter(self, criteria: Criteria) -> Callable[[], Awaitable[int]]:
        """A function that counts when it is called."""

        async def count() -> int:
            async with self.database.system() as session:
                return await job_pages.count_jobs(session, criteria)

        return count
