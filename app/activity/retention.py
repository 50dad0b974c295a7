"""Forgets events that are older than an organization has to keep them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from uuid import UUID

from app.database import Database
from app.models import now
from app.repositories import activity

BATCH = 1_000  # events in one transaction: the head's lock is held for some milliseconds
_ORGANIZATIONS = 500  # ids in one page of the list


async def purge_expired(
    database: Database,
    days: int,
    *,
    organization_id: UUID | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    batch: int = BATCH,
) -> int:
    """Delete events older than `days` days of one organization, or of all; returns how many went.

    Each batch moves the first kept number in its own transaction: whoever follows from before it is told so
    (CursorExpiredError). Stops between batches when `should_stop()` says so; may run in several processes at once.
    """
    before = now() - timedelta(days=days)
    purged = 0
    async for organization in _organizations(database, organization_id):
        # Until nothing is left: a batch is also short where another process purges at the same time.
        gone = 1
        while gone and not should_stop():
            async with database.write(organization) as session:
                gone = await activity.delete_oldest(session, organization, before, batch)
            purged += gone
        if should_stop():
            break
    return purged


async def _organizations(database: Database, only: UUID | None) -> AsyncIterator[UUID]:
    if only is not None:
        yield only
        return
    after: UUID | None = None
    while True:
        async with database.system() as session:
            page = await activity.list_organizations(session, after, _ORGANIZATIONS)
        for organization in page:
            yield organization
        if len(page) < _ORGANIZATIONS:
            return
        after = page[-1]
