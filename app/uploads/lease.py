"""The right to write to an upload in a bucket: a bucket has no locks, so the row holds a lease that is renewed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from app.database import Database
from app.models import new_id
from app.repositories import uploads
from app.tasks import end_tasks, to_the_end
from app.uploads.faults import busy
from app.uploads.storage import Place

LEASE_SECONDS = 20.0
"""So long a killed writer keeps others away."""
RENEW_SECONDS = 5.0


@asynccontextmanager
async def leased(database: Database, place: Place) -> AsyncIterator[None]:
    """Be the one writer. Raises UploadRefusedError(BUSY) while another is.

    A writer that could not renew in time, because its machine stood still, may have another beside it. Then the
    bucket refuses to put together parts of two: each names the parts by their content.
    """
    writer_id = new_id()

    async def take() -> bool:
        async with database.write(place.organization_id) as session:
            return await uploads.take_lease(session, place.organization_id, place.upload_id, writer_id, LEASE_SECONDS)

    async def renew_for_ever() -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                await take()
            except Exception as error:  # noqa: BLE001 - drivers raise many kinds while a server is away
                structlog.get_logger(__name__).warning("upload_lease_not_renewed", error=type(error).__name__)

    async def give_back() -> None:
        try:
            async with database.write(place.organization_id) as session:
                await uploads.end_lease(session, place.organization_id, place.upload_id, writer_id)
        except Exception as error:  # noqa: BLE001 - it ends by itself
            structlog.get_logger(__name__).warning("upload_lease_not_ended", error=type(error).__name__)

    if not await take():
        raise busy()
    renewing = asyncio.create_task(renew_for_ever(), name="upload-lease")
    try:
        yield
    finally:
        await end_tasks(renewing)
        await to_the_end(give_back())
