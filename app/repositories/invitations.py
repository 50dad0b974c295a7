"""SQL of invitations."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, Table, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Invitation, now
from app.paging import Page, PageRequest
from app.repositories.selection import page_by_id

INVITATIONS: Table = Invitation.__table__  # type: ignore[assignment]
# Everything but the hash of the token.
_SHOWN = tuple(column for column in INVITATIONS.c if column.name != "token_hash")


def _open() -> tuple[ColumnElement[bool], ...]:
    return INVITATIONS.c.accepted_at.is_(None), INVITATIONS.c.revoked_at.is_(None)


async def add_invitation(session: AsyncSession, row: Invitation) -> RowMapping:
    """Add an invitation and return its row."""
    session.add(row)
    await session.flush()
    return (await invitations_by_id(session, row.organization_id, [row.id]))[0]


async def revoke_open_invitations(session: AsyncSession, organization_id: UUID, email: str) -> list[UUID]:
    """End the open invitations of an address; returns their ids."""
    statement = update(INVITATIONS).where(
        INVITATIONS.c.organization_id == organization_id, INVITATIONS.c.email == email, *_open()
    )
    ended = await session.execute(statement.values(revoked_at=now()).returning(INVITATIONS.c.id))
    return list(ended.scalars())


async def invitation_by_token(session: AsyncSession, token_hash: bytes) -> RowMapping | None:
    """Where an invitation stands: organization and id, by its token. System role."""
    statement = select(INVITATIONS.c.organization_id, INVITATIONS.c.id).where(INVITATIONS.c.token_hash == token_hash)
    return (await session.execute(statement)).mappings().one_or_none()


async def lock_invitation(session: AsyncSession, organization_id: UUID, invitation_id: UUID) -> RowMapping | None:
    """One invitation of an organization, to be changed."""
    statement = select(*_SHOWN).where(
        INVITATIONS.c.organization_id == organization_id, INVITATIONS.c.id == invitation_id
    )
    return (await session.execute(statement.with_for_update())).mappings().one_or_none()


async def invitations_by_id(
    session: AsyncSession, organization_id: UUID, invitation_ids: Collection[UUID]
) -> Sequence[RowMapping]:
    """The invitations of an organization among these, open or not."""
    statement = select(*_SHOWN).where(
        INVITATIONS.c.organization_id == organization_id, INVITATIONS.c.id.in_(invitation_ids)
    )
    return (await session.execute(statement)).mappings().all()


async def close_invitation(
    session: AsyncSession, organization_id: UUID, invitation_id: UUID, *, accepted: bool
) -> RowMapping:
    """Mark an invitation as accepted or revoked and return its row."""
    column = "accepted_at" if accepted else "revoked_at"
    statement = (
        update(INVITATIONS)
        .where(INVITATIONS.c.organization_id == organization_id, INVITATIONS.c.id == invitation_id)
        .values({column: now()})
        .returning(*_SHOWN)
    )
    return (await session.execute(statement)).mappings().one()


async def open_invitation_page(session: AsyncSession, organization_id: UUID, request: PageRequest) -> Page[RowMapping]:
    """Invitations that are neither accepted nor revoked, in the order of their creation."""
    return await page_by_id(session, INVITATIONS, select(*_SHOWN).where(*_open()), organization_id, request)


async def count_open_invitations(session: AsyncSession, organization_id: UUID) -> int:
    """How many invitations `open_invitation_page` goes through."""
    statement = (
        select(func.count()).select_from(INVITATIONS).where(INVITATIONS.c.organization_id == organization_id, *_open())
    )
    return int((await session.execute(statement)).scalar_one())
