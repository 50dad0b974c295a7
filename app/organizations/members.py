"""Changing the roles of members, and ending memberships."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.activity.record import record
from app.auth.notices import reach_changed
from app.database import Database
from app.errors import ConflictError, NotFoundError
from app.organizations.single_sign_on import end_unspoken_sessions
from app.organizations.standing import standing
from app.records import EventKind, NewEvent, Permission, Principal, Role
from app.repositories.memberships import count_owners, delete_membership, get_membership, set_role


async def change_member_role(
    database: Database, organization_id: UUID, principal: Principal, membership_id: UUID, *, role: Role
) -> RowMapping:
    """Give a member another role and return the membership; the same role is no change and no event.

    Only owners make owners or touch them. Raises ConflictError for the last owner, ForbiddenError, NotFoundError.
    """
    async with database.write(organization_id, user_id=principal.user_id) as session:
        caller = await standing(session, organization_id, principal)
        caller.require(Permission.MEMBERS_MANAGE)
        member = await _member(session, organization_id, membership_id)
        if Role.OWNER in {role, Role(member["role"])}:
            caller.require_owner("make or change an owner")
        if member["role"] == role:
            return member
        await _keep_an_owner(session, organization_id, member)
        changed = await set_role(session, organization_id, membership_id, role)
        data = {"from": member["role"], "to": role.value}
        await _record(session, organization_id, principal, EventKind.MEMBER_ROLE_CHANGED, member, data)
        return changed


async def remove_member(
    database: Database, organization_id: UUID, principal: Principal, membership_id: UUID
) -> RowMapping:
    """End a membership, one's own or (with the permission) another's; returns it as it was.

    Only owners remove owners. Raises ConflictError for the last owner, ForbiddenError, NotFoundError.
    """
    async with database.write(organization_id, user_id=principal.user_id) as session:
        caller = await standing(session, organization_id, principal)
        member = await _member(session, organization_id, membership_id)
        left = member["user_id"] == principal.user_id
        if not left:
            caller.require(Permission.MEMBERS_MANAGE)
            if member["role"] == Role.OWNER:
                caller.require_owner("remove an owner")
        await _keep_an_owner(session, organization_id, member)
        await delete_membership(session, organization_id, membership_id)
        await end_unspoken_sessions(session, organization_id)
        data = {"role": member["role"], "left": left}
        await _record(session, organization_id, principal, EventKind.MEMBER_REMOVED, member, data)
        return member


async def _member(session: AsyncSession, organization_id: UUID, membership_id: UUID) -> RowMapping:
    found = await get_membership(session, organization_id, membership_id)
    if found is None:
        message = "There is no such member within your reach."
        raise NotFoundError(message)
    return found


async def _keep_an_owner(session: AsyncSession, organization_id: UUID, member: RowMapping) -> None:
    """Two owners who demote each other at once come here one after the other: `standing` holds the lock."""
    if member["role"] == Role.OWNER and await count_owners(session, organization_id) == 1:
        message = "This is the last owner; make another member an owner first."
        raise ConflictError(message)


async def _record(
    session: AsyncSession,
    organization_id: UUID,
    principal: Principal,
    kind: EventKind,
    member: RowMapping,
    data: dict[str, Any],
) -> None:
    event = NewEvent(
        kind,
        principal.actor,
        subject_type="Member",
        subject_id=member["id"],
        data={"userId": str(member["user_id"]), **data},
    )
    await record(session, organization_id, event)
    reach_changed(session, member["user_id"])
