"""Forgets scans and the history of resources that are older than they are kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.models import now
from app.repositories.organizations import each_organization
from app.repositories.scan_retention import delete_old_changes, delete_old_scans

BATCH = 1_000  # rows in one transaction; a scan takes some hundred steps with it
SCANS_AT_ONCE = 100

Delete = Callable[[AsyncSession, UUID, datetime, int], Awaitable[int]]


@dataclass
class Purged:
    """How many rows went."""

    scans: int = 0
    changes: int = 0


async def purge_expired_scans(
    database: Database, scan_days: int, change_days: int, *, scans_at_once: int = SCANS_AT_ONCE, batch: int = BATCH
) -> Purged:
    """Delete scans that ended more than `scan_days` ago, and history older than `change_days`, of all organizations.

    The newest ended scan of each account stays. May run in several processes at once.
    """
    purged, moment = Purged(), now()
    async for organization_id in each_organization(database):
        scans_before, changes_before = moment - timedelta(days=scan_days), moment - timedelta(days=change_days)
        purged.scans += await _purge(database, organization_id, delete_old_scans, scans_before, scans_at_once)
        purged.changes += await _purge(database, organization_id, delete_old_changes, changes_before, batch)
    return purged


async def _purge(database: Database, organization_id: UUID, delete: Delete, before: datetime, batch: int) -> int:
    """Until nothing is left: a batch is also short where another process purges at the same time."""
    total, gone = 0, 1
    while gone:
        async with database.write(organization_id) as session:
            gone = await delete(session, organization_id, before, batch)
        total += gone
    return total
