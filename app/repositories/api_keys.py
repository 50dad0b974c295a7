"""SQL of API keys."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ARRAY, RowMapping, Table, Uuid, any_, func, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import ApiKey, Organization, now
from app.paging import Page, PageRequest
from app.repositories.selection import page_by_id

API_KEYS: Table = ApiKey.__table__  # type: ignore[assignment]
_ORGANIZATIONS: Table = Organization.__table__  # type: ignore[assignment]
# Everything but the hash of the secret.
_SHOWN = tuple(column for column in API_KEYS.c if column.name != "secret_hash")


async def add_api_key(session: AsyncSession, row: ApiKey) -> RowMapping:
    """Add a key and return its row."""
    session.add(row)
    await session.flush()
    statement = select(*_SHOWN).where(API_KEYS.c.organization_id == row.organization_id, API_KEYS.c.id == row.id)
    return (await session.execute(statement)).mappings().one()


async def identity_rows(session: AsyncSession, key_ids: Collection[UUID]) -> Sequence[RowMapping]:
    """Keys with the hash of their secret and the slug of their organization, when that lives. System role."""
    statement = (
        select(API_KEYS, _ORGANIZATIONS.c.slug)
        .join(_ORGANIZATIONS, _ORGANIZATIONS.c.id == API_KEYS.c.organization_id)
        .where(API_KEYS.c.id == any_(literal(list(key_ids), ARRAY(Uuid))), _ORGANIZATIONS.c.deleted_at.is_(None))
    )
    return (await session.execute(statement)).mappings().all()


async def note_use(session: AsyncSession, organization_id: UUID, key_id: UUID, at_most_every: timedelta) -> None:
    """Note that a key was used, unless that was noted a short while ago. System role."""
    moment = now()
    stale = or_(API_KEYS.c.last_used_at.is_(None), API_KEYS.c.last_used_at < moment - at_most_every)
    statement = update(API_KEYS).where(API_KEYS.c.organization_id == organization_id, API_KEYS.c.id == key_id, stale)
    await session.execute(statement.values(last_used_at=moment))


async def lock_api_key(session: AsyncSession, organization_id: UUID, key_id: UUID) -> RowMapping | None:
    """One key of an organization, to be changed."""
    statement = select(*_SHOWN).where(API_KEYS.c.organization_id == organization_id, API_KEYS.c.id == key_id)
    return (await session.execute(statement.with_for_update())).mappings().one_or_none()


async def api_keys_by_id(
    session: AsyncSession, organization_id: UUID, key_ids: Collection[UUID]
) -> Sequence[RowMapping]:
    """The keys of an organization among these, revoked or not."""
    statement = select(*_SHOWN).where(API_KEYS.c.organization_id == organization_id, API_KEYS.c.id.in_(key_ids))
    return (await session.execute(statement)).mappings().all()


async def revoke_api_key(session: AsyncSession, organization_id: UUID, key_id: UUID) -> RowMapping:
    """End a key and return its row."""
    statement = update(API_KEYS).where(API_KEYS.c.organization_id == organization_id, API_KEYS.c.id == key_id)
    return (await session.execute(statement.values(revoked_at=now()).returning(*_SHOWN))).mappings().one()


async def api_key_page(
    session: AsyncSession, organization_id: UUID, request: PageRequest, *, revoked: bool
) -> Page[RowMapping]:
    """Keys in the order of their creation; those that are revoked only when asked."""
    statement = select(*_SHOWN)
    if not revoked:
        statement = statement.where(API_KEYS.c.revoked_at.is_(None))
    return await page_by_id(session, API_KEYS, statement, organization_id, request)


async def count_api_keys(session: AsyncSession, organization_id: UUID, *, revoked: bool) -> int:
    """How many keys `api_key_page` goes through."""
    statement = select(func.count()).select_from(API_KEYS).where(API_KEYS.c.organization_id == organization_id)
    if not revoked:
        statement = statement.where(API_KEYS.c.revoked_at.is_(None))
    return int((await session.execute(statement)).scalar_one())
