"""Taking away what is no longer needed: uploads whose time is over, and bytes without an upload."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog

from app.database import Database
from app.models import now
from app.records.uploads import UploadRefusedError
from app.repositories import uploads
from app.repositories.organizations import each_organization
from app.uploads.storage import Place, UploadStores

BATCH = 200
KEPT = timedelta(days=7)
"""So long an upload that has expired or failed is still told of."""
GRACE = timedelta(hours=1)
"""Bytes younger than this may belong to an upload whose deletion or completion is under way."""


@dataclass
class PurgedUploads:
    """How many uploads expired, rows of ended ones went, and bytes without an upload were found."""

    expired: int = 0
    forgotten: int = 0
    stray: int = 0


async def purge_expired_uploads(
    database: Database, stores: UploadStores, *, kept: timedelta = KEPT, grace: timedelta = GRACE
) -> PurgedUploads:
    """Take away, in all organizations, what the time of uploads and a crash have left. May run in several processes.

    A storage that does not answer is left for the next time.
    """
    purged = PurgedUploads()
    async for organization_id in each_organization(database):
        purged.expired += await _expire(database, stores, organization_id)
        gone = 1
        while gone:
            async with database.write(organization_id) as session:
                gone = await uploads.delete_ended(session, organization_id, now() - kept, BATCH)
            purged.forgotten += gone

    async def known(organization_id: UUID, upload_ids: Collection[UUID]) -> set[UUID]:
        async with database.read(organization_id) as session:
            return await uploads.with_bytes(session, organization_id, upload_ids)

    for storage in stores.by_kind.values():
        try:
            purged.stray += await storage.sweep(known, now() - grace)
        except UploadRefusedError as error:
            structlog.get_logger(__name__).warning("uploads_not_swept", reason=error.reason.value)
    return purged


async def forget_organization(stores: UploadStores, organization_id: UUID) -> None:
    """Delete all bytes of an organization. Raises UploadRefusedError when a storage does not answer."""
    for storage in stores.by_kind.values():
        await storage.forget_organization(organization_id)


async def _expire(database: Database, stores: UploadStores, organization_id: UUID) -> int:
    expired, gone = 0, 1
    while gone:
        async with database.write(organization_id) as session:
            rows = await uploads.end_expired(session, organization_id, BATCH)
        for row in rows:
            try:
                await stores.of(row["storage"]).forget(Place.of(row))
            except UploadRefusedError as error:  # the sweep finds the bytes another time
                structlog.get_logger(__name__).warning("upload_bytes_left", reason=error.reason.value)
        gone = len(rows)
        expired += gone
    return expired
