"""Root fields of invitations."""

from __future__ import annotations

import strawberry

from app.auth.permissions import grant_of
from app.context import Info
from app.organizations import invitations
from app.records import Permission, Role
from app.resolvers.access import Access, Limit, mutation, organization_of
from app.schema.invitations import (
    Invitation,
    InviteMemberInput,
    InviteMemberPayload,
    InviteMemberResult,
    RevokeInvitationInput,
    RevokeInvitationPayload,
    RevokeInvitationResult,
)
from app.schema.node import parse_id
from app.schema.organizations import (
    AcceptInvitationInput,
    AcceptInvitationPayload,
    AcceptInvitationResult,
    Organization,
)
from app.schema.people import Member


@strawberry.type
class InvitationMutations:
    """Inviting, accepting, taking back."""

    @mutation(
        Permission.MEMBERS_MANAGE,
        "Invite a person by e-mail address. The answer holds the token; sending it by e-mail comes later.",
        limit=Limit(60, per=60),
    )
    async def invite_member(self, info: Info, input: InviteMemberInput) -> InviteMemberResult:  # noqa: A002  (Relay's name)
        """See app.organizations.invitations.invite_member."""
        row, token = await invitations.invite_member(
            info.context.database,
            organization_of(input),
            info.context.signed_in(),
            email=input.email,
            role=input.role,
            days=info.context.runtime.settings.invitation_days,
        )
        return InviteMemberPayload(invitation=Invitation.from_row(row), token=token)

    @mutation(Access.SIGNED_IN, "Become a member by an invitation to your e-mail address.", limit=Limit(20, per=60))
    async def accept_invitation(
        self,
        info: Info,
        input: AcceptInvitationInput,  # noqa: A002  (Relay's name)
    ) -> AcceptInvitationResult:
        """See app.organizations.invitations.accept_invitation."""
        organization, member = await invitations.accept_invitation(
            info.context.database, info.context.signed_in(), token=input.token
        )
        grant = grant_of(organization["id"], Role(member["role"]), organization["slug"])
        return AcceptInvitationPayload(
            organization=Organization.from_row(organization, grant), member=Member.from_row(member)
        )

    @mutation(Permission.MEMBERS_MANAGE, "Take an open invitation back.")
    async def revoke_invitation(
        self,
        info: Info,
        input: RevokeInvitationInput,  # noqa: A002  (Relay's name)
    ) -> RevokeInvitationResult:
        """See app.organizations.invitations.revoke_invitation."""
        key = parse_id(input.id, "Invitation", path=("input", "id"))
        row = await invitations.revoke_invitation(
            info.context.database, organization_of(input), info.context.signed_in(), key.id
        )
        return RevokeInvitationPayload(invitation=Invitation.from_row(row))
