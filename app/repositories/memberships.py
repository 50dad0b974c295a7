"""SQL of memberships."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import RowMapping, Table, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Membership, Organization, User, new_id, now
from app.paging import Page, PageRequest
from app.records import Role
from app.repositories.selection import page_by_id

MEMBERSHIPS: Table = Membership.__table__  # type: ignore[assignment]
_ORGANIZATIONS: Table = Organization.__table__  # type: ignore[assignment]
_USERS: Table = User.__table__  # type: ignore[assignment]


async def add_membership(session: AsyncSession, organization_id: UUID, user_id: UUID, role: Role) -> RowMapping | None:
    """Make a user a member and return the row; None when they are one already."""
    values = {
        "organization_id": organization_id,
        "id": new_id(),
        "user_id": user_id,
        "role": role.value,
        "created_at": now(),
    }
    statement = insert(MEMBERSHIPS).values(values).on_conflict_do_nothing().returning(*MEMBERSHIPS.c)
    return (await session.execute(statement)).mappings().one_or_none()


async def get_membership(session: AsyncSession, organization_id: UUID, membership_id: UUID) -> RowMapping | None:
    """One membership by its id."""
    statement = select(MEMBERSHIPS).where(
        MEMBERSHIPS.c.organization_id == organization_id, MEMBERSHIPS.c.id == membership_id
    )
    return (await session.execute(statement)).mappings().one_or_none()


async def memberships_by_id(
    session: AsyncSession, organization_id: UUID, membership_ids: Collection[UUID]
) -> Sequence[RowMapping]:
    """The memberships of an organization among these."""
    statement = select(MEMBERSHIPS).where(
        MEMBERSHIPS.c.organization_id == organization_id, MEMBERSHIPS.c.id.in_(membership_ids)
    )
    return (await session.execute(statement)).mappings().all()


async def organizations_of(session: AsyncSession, user_id: UUID) -> Sequence[UUID]:
    """The living organizations that a user belongs to. System role."""
    statement = (
        select(MEMBERSHIPS.c.organization_id)
        .join(_ORGANIZATIONS, _ORGANIZATIONS.c.id == MEMBERSHIPS.c.organization_id)
        .where(MEMBERSHIPS.c.user_id == user_id, _ORGANIZATIONS.c.deleted_at.is_(None))
    )
    return (await session.execute(statement)).scalars().all()


async def role_of_user(session: AsyncSession, organization_id: UUID, user_id: UUID) -> Role | None:
    """The role that a user has now; None for no member."""
    statement = select(MEMBERSHIPS.c.role).where(
        MEMBERSHIPS.c.organization_id == organization_id, MEMBERSHIPS.c.user_id == user_id
    )
    role = (await session.execute(statement)).scalar_one_or_none()
    return None if role is None else Role(role)


async def is_member_by_email(session: AsyncSession, organization_id: UUID, email: str) -> bool:
    """Whether a member has this e-mail address."""
    statement = (
        select(MEMBERSHIPS.c.id)
        .join(_USERS, _USERS.c.id == MEMBERSHIPS.c.user_id)
        .where(MEMBERSHIPS.c.organization_id == organization_id, _USERS.c.email == email)
    )
    return (await session.execute(statement)).first() is not None


async def count_owners(session: AsyncSession, organization_id: UUID) -> int:
    """How many owners there are."""
    statement = (
        select(func.count())
        .select_from(MEMBERSHIPS)
        .where(MEMBERSHIPS.c.organization_id == organization_id, MEMBERSHIPS.c.role == Role.OWNER.value)
    )
    return int((await session.execute(statement)).scalar_one())


async def verified_owners(session: AsyncSession, organization_id: UUID) -> Sequence[UUID]:
    """The users who are owners and whose address is known to be theirs."""
    statement = (
        select(MEMBERSHIPS.c.user_id)
        .join(_USERS, _USERS.c.id == MEMBERSHIPS.c.user_id)
        .where(
            MEMBERSHIPS.c.organization_id == organization_id,
            MEMBERSHIPS.c.role == Role.OWNER.value,
            _USERS.c.email_verified_at.is_not(None),
        )
        .order_by(MEMBERSHIPS.c.id)
    )
    return (await session.execute(statement)).scalars().all()


async def set_role(session: AsyncSession, organization_id: UUID, membership_id: UUID, role: Role) -> RowMapping:
    """Give a member another role and return the row."""
    statement = (
        update(MEMBERSHIPS)
        .where(MEMBERSHIPS.c.organization_id == organization_id, MEMBERSHIPS.c.id == membership_id)
        .values(role=role.value)
        .returning(*MEMBERSHIPS.c)
    )
    return (await session.execute(statement)).mappings().one()


async def delete_membership(session: AsyncSession, organization_id: UUID, membership_id: UUID) -> None:
    """End a membership."""
    statement = delete(MEMBERSHIPS).where(
        MEMBERSHIPS.c.organization_id == organization_id, MEMBERSHIPS.c.id == membership_id
    )
    await session.execute(statement)


async def member_page(session: AsyncSession, organization_id: UUID, request: PageRequest) -> Page[RowMapping]:
    """Members in the order in which they joined."""
    return await page_by_id(session, MEMBERSHIPS, select(MEMBERSHIPS), organization_id, request)


async def count_members(session: AsyncSession, organization_id: UUID) -> int:
    """How many members there are."""
    statement = select(func.count()).select_from(MEMBERSHIPS).where(MEMBERSHIPS.c.organization_id == organization_id)
    return int((await session.execute(statement)).scalar_one())
