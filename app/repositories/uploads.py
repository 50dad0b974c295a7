"""SQL of uploads."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, Table, and_, delete, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Upload, new_id, now
from app.records.uploads import OPEN_STATES, UploadState

UPLOADS: Table = Upload.__table__  # type: ignore[assignment]
# One number for this use of PostgreSQL's locks, the other for the organization.
_LOCK = text("SELECT pg_advisory_xact_lock(1970302305, hashtext(:organization_id))")
_OPEN = UPLOADS.c.state.in_(OPEN_STATES)


class Held(NamedTuple):
    """What an organization has of uploads: rows of any state, those that are open, bytes announced or stored."""

    rows: int
    open: int
    bytes: int


async def lock_uploads(session: AsyncSession, organization_id: UUID) -> None:
    """Let one transaction at a time add uploads to an organization, so that counts hold."""
    await session.execute(_LOCK, {"organization_id": str(organization_id)})


async def held(session: AsyncSession, organization_id: UUID) -> Held:
    """What the organization has, without what the clock will take away."""
    alive = and_(UPLOADS.c.expires_at > func.now(), UPLOADS.c.state.in_((*OPEN_STATES, UploadState.COMPLETE)))
    statement = select(
        func.count(),
        func.count().filter(alive, _OPEN),
        func.coalesce(func.sum(UPLOADS.c.bytes_expected).filter(alive), 0),
    ).where(UPLOADS.c.organization_id == organization_id)
    rows, opened, size = (await session.execute(statement)).one()
    return Held(rows, opened, int(size))


async def insert_upload(session: AsyncSession, organization_id: UUID, **values: Any) -> RowMapping:
    """Add an upload and return its row."""
    moment = now()
    row = {
        "organization_id": organization_id,
        "id": new_id(),
        "state": UploadState.CREATED,
        "bytes_received": 0,
        "created_at": moment,
        "updated_at": moment,
        **values,
    }
    found: RowMapping = (await session.execute(insert(UPLOADS).values(row).returning(UPLOADS))).mappings().one()
    return found


async def find_upload(session: AsyncSession, organization_id: UUID, upload_id: UUID) -> RowMapping | None:
    """One upload, to be read."""
    statement = select(UPLOADS).where(*_one(organization_id, upload_id))
    return (await session.execute(statement)).mappings().one_or_none()


async def delete_upload(session: AsyncSession, organization_id: UUID, upload_id: UUID) -> RowMapping | None:
    """Delete an upload; returns the row that it had."""
    statement = delete(UPLOADS).where(*_one(organization_id, upload_id)).returning(UPLOADS)
    return (await session.execute(statement)).mappings().one_or_none()


async def note_received(session: AsyncSession, organization_id: UUID, upload_id: UUID, received: int) -> bool:
    """Note how many bytes are certainly stored; whether the upload still takes bytes."""
    return await _change(session, organization_id, upload_id, state=UploadState.RECEIVING, bytes_received=received)


async def note_multipart(session: AsyncSession, organization_id: UUID, upload_id: UUID, multipart_id: str) -> bool:
    """Note the unfinished object in the bucket; whether the upload still takes bytes."""
    return await _change(session, organization_id, upload_id, multipart_id=multipart_id)


async def note_complete(
    session: AsyncSession, organization_id: UUID, upload_id: UUID, *, size: int, sha256: bytes, expires_at: datetime
) -> bool:
    """Mark an open upload as complete; whether it was open."""
    return await _change(
        session,
        organization_id,
        upload_id,
        state=UploadState.COMPLETE,
        bytes_received=size,
        sha256=sha256,
        expires_at=expires_at,
    )


async def note_failed(
    session: AsyncSession, organization_id: UUID, upload_id: UUID, *, failure: str, sha256: bytes
) -> bool:
    """Mark an open upload as failed; whether it was open."""
    return await _change(
        session, organization_id, upload_id, state=UploadState.FAILED, failure=failure, sha256=sha256, bytes_received=0
    )


async def take_lease(
    session: AsyncSession, organization_id: UUID, upload_id: UUID, writer_id: UUID, seconds: float
) -> bool:
    """Make `writer_id` the one writer for some seconds, or for some more; False while there is another.

    The clock is PostgreSQL's, so that machines need not agree about the time.
    """
    free = or_(
        UPLOADS.c.writer_id.is_(None), UPLOADS.c.writer_id == writer_id, UPLOADS.c.writer_until < func.clock_timestamp()
    )
    statement = update(UPLOADS).where(*_one(organization_id, upload_id), free)
    until = func.clock_timestamp() + timedelta(seconds=seconds)
    changed = statement.values(writer_id=writer_id, writer_until=until).returning(UPLOADS.c.id)
    return (await session.execute(changed)).one_or_none() is not None


async def end_lease(session: AsyncSession, organization_id: UUID, upload_id: UUID, writer_id: UUID) -> None:
    """Let others write, if this writer still may."""
    statement = update(UPLOADS).where(*_one(organization_id, upload_id), UPLOADS.c.writer_id == writer_id)
    await session.execute(statement.values(writer_id=None, writer_until=None))


async def end_expired(session: AsyncSession, organization_id: UUID, most: int) -> Sequence[RowMapping]:
    """Mark up to `most` uploads whose time is over as expired; returns their rows, whose bytes can go."""
    overdue = (
        select(UPLOADS.c.id)
        .where(
            UPLOADS.c.organization_id == organization_id,
            UPLOADS.c.expires_at < func.now(),
            UPLOADS.c.state.in_((*OPEN_STATES, UploadState.COMPLETE)),
        )
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    statement = (
        update(UPLOADS)
        .where(UPLOADS.c.organization_id == organization_id, UPLOADS.c.id.in_(overdue))
        .values(state=UploadState.EXPIRED, updated_at=now())
        .returning(UPLOADS)
    )
    rows: Sequence[RowMapping] = (await session.execute(statement)).mappings().all()
    return rows


async def delete_ended(session: AsyncSession, organization_id: UUID, before: datetime, most: int) -> int:
    """Delete up to `most` rows of expired and failed uploads whose time was over before a moment."""
    chosen = (
        select(UPLOADS.c.id)
        .where(
            UPLOADS.c.organization_id == organization_id,
            UPLOADS.c.expires_at < before,
            UPLOADS.c.state.in_((UploadState.EXPIRED, UploadState.FAILED)),
        )
        .limit(most)
    )
    statement = delete(UPLOADS).where(UPLOADS.c.organization_id == organization_id, UPLOADS.c.id.in_(chosen))
    return len((await session.execute(statement.returning(UPLOADS.c.id))).all())


async def with_bytes(session: AsyncSession, organization_id: UUID, upload_ids: Collection[UUID]) -> set[UUID]:
    """Those of these uploads that have a right to bytes in the storage."""
    statement = select(UPLOADS.c.id).where(
        UPLOADS.c.organization_id == organization_id,
        UPLOADS.c.id.in_(upload_ids),
        UPLOADS.c.state.in_((*OPEN_STATES, UploadState.COMPLETE)),
    )
    return set((await session.execute(statement)).scalars())


async def _change(session: AsyncSession, organization_id: UUID, upload_id: UUID, **values: Any) -> bool:
    statement = update(UPLOADS).where(*_one(organization_id, upload_id), _OPEN).values(**values, updated_at=now())
    return (await session.execute(statement.returning(UPLOADS.c.id))).one_or_none() is not None


def _one(organization_id: UUID, upload_id: UUID) -> tuple[ColumnElement[bool], ...]:
    return UPLOADS.c.organization_id == organization_id, UPLOADS.c.id == upload_id
