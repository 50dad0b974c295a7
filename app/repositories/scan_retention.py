"""SQL of forgetting what is older than it is kept: ended scans with their steps, the history of resources."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

# Steps go with their scan. The conditions on `queued_at` and `id` are for the indexes; ids are made in the order of
# time (UUIDv7, milliseconds in the first 48 bits), an hour is for clocks that differ.
_SCANS = text("""
    DELETE FROM scans WHERE organization_id = :organization_id AND id IN (
        SELECT old.id FROM scans AS old
        WHERE old.organization_id = :organization_id AND old.queued_at < :before AND old.finished_at < :before
            AND EXISTS (
                SELECT FROM scans AS newer
                WHERE newer.organization_id = :organization_id AND newer.account_id = old.account_id
                    AND newer.id > old.id AND newer.finished_at IS NOT NULL)
        LIMIT :most)
    RETURNING id
""")
_CHANGES = text("""
    DELETE FROM resource_changes WHERE organization_id = :organization_id AND id IN (
        SELECT id FROM resource_changes
        WHERE organization_id = :organization_id AND id < CAST(:below AS uuid) AND changed_at < :before
        LIMIT :most)
    RETURNING id
""")
_HOUR = 3_600_000  # milliseconds


async def delete_old_scans(session: AsyncSession, organization_id: UUID, before: datetime, most: int) -> int:
    """Delete up to `most` scans that ended before a moment; of each account its newest ended one stays."""
    values = {"organization_id": organization_id, "before": before, "most": most}
    return len((await session.execute(_SCANS, values)).all())


async def delete_old_changes(session: AsyncSession, organization_id: UUID, before: datetime, most: int) -> int:
    """Delete up to `most` rows of the history of resources that were written before a moment."""
    below = UUID(int=(int(before.timestamp() * 1000) + _HOUR) << 80)
    values = {"organization_id": organization_id, "before": before, "below": below, "most": most}
    return len((await session.execute(_CHANGES, values)).all())
