"""Removing what a deleted organization owned."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import UUID

import structlog
from sqlalchemy import Table

from app.database import Database
from app.models import ApiKey, Invitation, Membership
from app.organizations.change import PURGE_JOB
from app.organizations.slugs import slug_of_deleted
from app.repositories.organizations import change_organization, delete_rows, deletion_of, tenant_tables

BATCH = 5_000
ForgetFiles = Callable[[UUID], Awaitable[None]]
# What says who belonged goes last: until then an operator can still tell whose data this was.
_LAST = frozenset({Membership.__tablename__, Invitation.__tablename__, ApiKey.__tablename__})


async def purge(
    database: Database,
    organization_id: UUID,
    *,
    should_stop: Callable[[], bool],
    batch: int = BATCH,
    forget_files: ForgetFiles | None = None,
) -> None:
    """Delete every row that a deleted organization owns, at most `batch` rows a transaction, and free its slug.

    The row of the organization stays as a tombstone, and so do its purge jobs, of which one is running this. Ends
    early when `should_stop()`; the next call goes on. An organization that is not marked as deleted is left alone.
    `forget_files` deletes what it owns outside the database, once no row is left that could bring more of that.
    """
    async with database.read(organization_id) as session:
        found = await deletion_of(session, organization_id)
    if found is None or found["deleted_at"] is None:
        structlog.get_logger(__name__).warning("purge_of_living_organization", organization_id=str(organization_id))
        return
    tables = sorted(tenant_tables(), key=lambda table: table.name in _LAST)
    # Round after round until one finds nothing: a write that was under way may land in a table already emptied.
    while not should_stop():
        removed = [await _empty(database, table, organization_id, should_stop, batch) for table in tables]
        if not any(removed):
            break
    if should_stop():
        return
    if forget_files is not None:
        await forget_files(organization_id)
    if found["slug"] != slug_of_deleted(organization_id):
        async with database.write(organization_id) as session:
            await change_organization(session, organization_id, {"slug": slug_of_deleted(organization_id)})


async def _empty(
    database: Database, table: Table, organization_id: UUID, should_stop: Callable[[], bool], batch: int
) -> int:
    total = 0
    while not should_stop():
        async with database.write(organization_id) as session:
            removed = await delete_rows(session, table, organization_id, batch, spared_job_kind=PURGE_JOB)
        total += removed
        if removed < batch:
            break
    return total
