"""Inviting people by e-mail address, and accepting and revoking invitations."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.activity.record import record
from app.auth.email_addresses import require_verified_email
from app.auth.names import normal_email
from app.auth.notices import reach_changed
from app.auth.tokens import INVITATION_PREFIX, is_opaque_token, new_opaque_token, token_hash
from app.database import Database
from app.errors import BadUserInputError, ConflictError, ForbiddenError, NotFoundError
from app.models import Invitation, now
from app.organizations.standing import standing
from app.quotas import check_count
from app.records import EventKind, NewEvent, Permission, Principal, Role
from app.records.plans import QuotaMetric
from app.repositories.invitations import (
    add_invitation,
    close_invitation,
    invitation_by_token,
    lock_invitation,
    revoke_open_invitations,
)
from app.repositories.memberships import add_membership, is_member_by_email
from app.repositories.organizations import lock_organization
from app.repositories.users import get_user


async def invite_member(
    database: Database, organization_id: UUID, principal: Principal, *, email: str, role: Role, days: int
) -> tuple[RowMapping, str]:
    """Offer a place; returns the invitation and its token, which is shown this once and lives `days`.

    An open invitation of the same address is revoked. Raises ConflictError for the address of a member, and
    ForbiddenError when somebody else than an owner invites an owner; QuotaExceededError.
    """
    email = normal_email(email)
    async with database.write(organization_id, user_id=principal.user_id) as session:
        caller = await standing(session, organization_id, principal)
        caller.require(Permission.MEMBERS_MANAGE)
        if role is Role.OWNER:
            caller.require_owner("invite an owner")
        if await is_member_by_email(session, organization_id, email):
            message = "This address belongs to a member already; change the role with changeMemberRole."
            raise ConflictError(message)
        await revoke_open_invitations(session, organization_id, email)
        row, token, event = await offer_place(session, organization_id, principal, email, role, days)
        await record(session, organization_id, event)
        return row, token


async def offer_place(
    session: AsyncSession, organization_id: UUID, principal: Principal, email: str, role: Role, days: int
) -> tuple[RowMapping, str, NewEvent]:
    """Add an invitation in the caller's transaction: its row, its token and its event, which is to be recorded."""
    token = new_opaque_token(INVITATION_PREFIX)
    invitation = Invitation(
        organization_id=organization_id,
        email=email,
        role=role.value,
        token_hash=token_hash(token),
        invited_by=principal.user_id,
        expires_at=now() + timedelta(days=days),
    )
    row = await add_invitation(session, invitation)
    await check_count(session, organization_id, QuotaMetric.MEMBERS)
    data = {"role": role.value}  # events are for every reader and stay: no address of somebody who may never join
    return row, token, _event(principal, EventKind.MEMBER_INVITED, row, data)


async def accept_invitation(database: Database, principal: Principal, *, token: str) -> tuple[RowMapping, RowMapping]:
    """Take the place that was offered to the signed-in user's address; returns the organization and the membership.

    Raises NotFoundError for an invitation that is absent, revoked or somebody else's, BadUserInputError for an expired
    one, ConflictError for a member, ForbiddenError for keys and for who has to verify their address first.
    """
    user_id = principal.user_id
    if user_id is None:
        message = "Only a person who is signed in can accept an invitation."
        raise ForbiddenError(message)
    require_verified_email(principal)
    place = None
    if is_opaque_token(token, INVITATION_PREFIX):
        async with database.system() as session:
            place = await invitation_by_token(session, token_hash(token))
    if place is None:
        raise _no_invitation()
    organization_id: UUID = place["organization_id"]
    async with database.write(organization_id, user_id=user_id) as session:
        organization = await lock_organization(session, organization_id)
        invitation = await _offered(session, organization_id, place["id"], user_id)
        if organization is None or invitation is None:
            raise _no_invitation()
        role = Role(invitation["role"])
        member = await add_membership(session, organization_id, user_id, role)
        if member is None:
            message = "You are a member of this organization already."
            raise ConflictError(message)
        await close_invitation(session, organization_id, invitation["id"], accepted=True)
        event = NewEvent(
            EventKind.MEMBER_JOINED,
            principal.actor,
            subject_type="Member",
            subject_id=member["id"],
            data={"userId": str(user_id), "role": role.value},
        )
        await record(session, organization_id, event)
        reach_changed(session, user_id)
        return organization, member


async def revoke_invitation(
    database: Database, organization_id: UUID, principal: Principal, invitation_id: UUID
) -> RowMapping:
    """Take an open invitation back and return it. Raises NotFoundError, or ConflictError for one that was accepted."""
    async with database.write(organization_id, user_id=principal.user_id) as session:
        caller = await standing(session, organization_id, principal)
        caller.require(Permission.MEMBERS_MANAGE)
        found = await lock_invitation(session, organization_id, invitation_id)
        if found is None:
            message = "There is no such invitation within your reach."
            raise NotFoundError(message)
        if found["accepted_at"] is not None:
            message = "This invitation was accepted; end the membership with removeMember."
            raise ConflictError(message)
        if found["revoked_at"] is not None:
            return found
        row = await close_invitation(session, organization_id, invitation_id, accepted=False)
        event = _event(principal, EventKind.INVITATION_REVOKED, row, {"role": row["role"]})
        await record(session, organization_id, event)
        return row


async def _offered(
    session: AsyncSession, organization_id: UUID, invitation_id: UUID, user_id: UUID
) -> RowMapping | None:
    """The invitation, locked, when it is open and this user's."""
    found = await lock_invitation(session, organization_id, invitation_id)
    user = await get_user(session, user_id)
    if found is None or user is None or user["email"] != found["email"] or found["revoked_at"] is not None:
        return None
    if found["accepted_at"] is not None:
        message = "This invitation was accepted already."
        raise ConflictError(message)
    if found["expires_at"] <= now():
        message = "This invitation has expired; ask for a new one."
        raise BadUserInputError(message, path=("input", "token"))
    return found


def _event(principal: Principal, kind: EventKind, row: RowMapping, data: dict[str, Any]) -> NewEvent:
    return NewEvent(kind, principal.actor, subject_type="Invitation", subject_id=row["id"], data=data)


def _no_invitation() -> NotFoundError:
    return NotFoundError(
        "There is no such invitation for your e-mail address. Sign in with the address that was invited, or ask for a "
        "new invitation."
    )
