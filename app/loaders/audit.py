"""Reads of the audit: pages of an organization's rows with their details."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from app.database import Database
from app.paging import Page, PageRequest
from app.records.criteria import Criteria, Direction
from app.repositories import audit, kept_statements, selection


@dataclass(frozen=True)
class AuditPages:
    """Pages and counts of an organization's audit, in the order of the numbers."""

    database: Database

    async def page(
        self, organization_id: UUID, criteria: Criteria, direction: Direction, request: PageRequest
    ) -> Page[Mapping[Any, Any]]:
        """One page; the key of the request is (number,). A row has `details`, None where they were erased."""
        async with self.database.read(organization_id, one_state=True) as session:
            found = await selection.fetch_page(
                session, audit.EVENTS, organization_id, criteria, ("number",), direction, request
            )
            details = await audit.details_of(session, organization_id, [row["number"] for row in found.rows])
        rows: list[Mapping[Any, Any]] = [{**row, "details": details.get(row["number"])} for row in found.rows]
        return Page(rows, found.has_next, found.has_previous)

    def counter(self, organization_id: UUID, criteria: Criteria) -> Callable[[], Awaitable[int]]:
        """A function that counts when it is called."""
        return partial(kept_statements.count_rows, self.database, audit.EVENTS, organization_id, criteria)
