"""Reads of the activity: pages of an organization's events, newest first, and events by key."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import RowMapping

from app.database import Database
from app.paging import Page, PageRequest
from app.records.criteria import Criteria, Direction
from app.repositories import activity, selection

_LARGEST_SEQUENCE = 2**63 - 1


@dataclass(frozen=True)
class ActivityPages:
    """Pages and counts of an organization's events, the newest first."""

    database: Database

    async def page(self, organization_id: UUID, request: PageRequest) -> Page[RowMapping]:
        """One page; the key of the request is (sequence,)."""
        async with self.database.read(organization_id) as session:
            return await selection.fetch_page(
                session, activity.EVENTS, organization_id, Criteria(), ("sequence",), Direction.DESC, request
            )

    def counter(self, organization_id: UUID) -> Callable[[], Awaitable[int]]:
        """A function that counts when it is called: without a gap between the numbers that is a subtraction."""

        async def count() -> int:
            async with self.database.read(organization_id) as session:
                head = await activity.get_head(session, organization_id)
            return head.last_sequence - head.first_kept_sequence + 1

        return count


class EventByKey:
    """The event for (organization, number as a UUID) pairs; None where there is none."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def load_many(self, keys: Sequence[tuple[UUID, UUID]]) -> list[RowMapping | None]:
        """Rows in key order. One statement for each organization among the keys."""
        found: dict[tuple[UUID, int], RowMapping] = {}
        for organization_id in {organization for organization, _ in keys}:
            wanted = [key.int for organization, key in keys if organization == organization_id]
            async with self.database.read(organization_id) as session:
                rows = await selection.by_keys(
                    session,
                    activity.EVENTS,
                    organization_id,
                    "sequence",
                    [number for number in wanted if number <= _LARGEST_SEQUENCE],
                )
            found |= {(organization_id, row["sequence"]): row for row in rows}
        return [found.get((organization, key.int)) for organization, key in keys]
