"""SQL of the demo's past: since when its resources are known, what was deleted since, and when what was found."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.repositories.resources import RESOURCES

_FIRST_SEEN = text("""
    UPDATE resources SET first_seen_at = greatest(:moment, coalesce(provider_created_at, :moment))
    WHERE organization_id = :organization_id AND first_seen_at > :moment
""")
_GONE = text("UPDATE resources SET gone_at = :moment WHERE organization_id = :organization_id AND id = :id")
_HISTORY = text("""
    UPDATE recommendation_history SET happened_at = :moment
    WHERE organization_id = :organization_id AND kind = :kind AND happened_at > :moment
""")


async def ids_by_native_id(session: AsyncSession, organization_id: UUID) -> dict[str, tuple[UUID, UUID]]:
    """Our ids of all resources and of their accounts, by native id: those of the demo are unlike each other."""
    columns = (RESOURCES.c.native_id, RESOURCES.c.id, RESOURCES.c.account_id)
    found = await session.execute(select(*columns).where(RESOURCES.c.organization_id == organization_id))
    return {native_id: (id_, account_id) for native_id, id_, account_id in found}


async def know_since(session: AsyncSession, organization_id: UUID, moment: datetime) -> None:
    """Have all resources been known since a moment, or since they were made."""
    await session.execute(_FIRST_SEEN, {"organization_id": organization_id, "moment": moment})


async def set_gone(session: AsyncSession, organization_id: UUID, resource_id: UUID, moment: datetime) -> None:
    """Note that a resource was deleted."""
    await session.execute(_GONE, {"organization_id": organization_id, "id": resource_id, "moment": moment})


async def set_happened(session: AsyncSession, organization_id: UUID, kind: str, moment: datetime) -> None:
    """Have what the history of recommendations tells of one kind happened at a moment."""
    values = {"organization_id": organization_id, "kind": kind, "moment": moment}
    await session.execute(_HISTORY, values)


async def gone_on(session: AsyncSession, organization_id: UUID, native_id: str) -> date | None:
    """The day on which a resource was deleted; None where it was not, or was never there."""
    statement = select(RESOURCES.c.gone_at).where(
        RESOURCES.c.organization_id == organization_id, RESOURCES.c.native_id == native_id
    )
    found: datetime | None = await session.scalar(statement)
    return None if found is None else found.date()
