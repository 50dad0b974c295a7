"""Invitations to an organization."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import strawberry

from app.context import Info
from app.records import Role
from app.schema.errors import Conflict, InvalidInput, NotFound, QuotaExceeded
from app.schema.node import Node, global_id
from app.schema.people import User, fellow


@strawberry.type(description="A place in an organization that is offered to an e-mail address.")
class Invitation(Node):
    """A row of `invitations`, never its token."""

    email: str = strawberry.field(description="The address that is invited.")
    role: Role = strawberry.field(description="The role that the person will have.")
    created_at: datetime = strawberry.field(description="When it was made.")
    expires_at: datetime = strawberry.field(description="Until when it can be accepted.")
    accepted_at: datetime | None = strawberry.field(description="When it was accepted; null for never.")
    revoked_at: datetime | None = strawberry.field(description="When it was revoked or replaced; null for never.")
    organization_id: strawberry.Private[UUID]
    inviter_id: strawberry.Private[UUID | None]

    @strawberry.field(description="Who invited; null for an API key, and for a person who has left.")
    async def invited_by(self, info: Info) -> User | None:
        """Loaded for the whole page at once."""
        return await fellow(info, self.organization_id, self.inviter_id)

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> Invitation:
        """Make it of a row."""
        return cls(
            id=global_id("Invitation", row["id"], row["organization_id"]),
            email=row["email"],
            role=Role(row["role"]),
            created_at=row["created_at"],
            expires_at=row["expires_at"],
            accepted_at=row["accepted_at"],
            revoked_at=row["revoked_at"],
            organization_id=row["organization_id"],
            inviter_id=row["invited_by"],
        )


@strawberry.input(description="Whom to invite.")
class InviteMemberInput:
    """See `inviteMember`."""

    organization_id: strawberry.ID = strawberry.field(description="The organization.")
    email: str = strawberry.field(description="The address; an open invitation of the same address is replaced.")
    role: Role = strawberry.field(description="The role that the person will have. Only owners invite owners.")


@strawberry.type(description="The person is invited.")
class InviteMemberPayload:
    """See `inviteMember`."""

    invitation: Invitation = strawberry.field(description="The invitation.")
    token: str = strawberry.field(
        description="Accepts the invitation, together with a sign-in under the invited address. Shown this once, and "
        "not sent by e-mail yet: pass it on yourself."
    )


InviteMemberResult = Annotated[
    InviteMemberPayload | InvalidInput | NotFound | Conflict | QuotaExceeded,
    strawberry.union("InviteMemberResult", description="What `inviteMember` answers."),
]


@strawberry.input(description="An invitation to take back.")
class RevokeInvitationInput:
    """See `revokeInvitation`."""

    id: strawberry.ID = strawberry.field(description="The invitation.")


@strawberry.type(description="The invitation can no longer be accepted.")
class RevokeInvitationPayload:
    """See `revokeInvitation`."""

    invitation: Invitation = strawberry.field(description="The invitation as it is now.")


RevokeInvitationResult = Annotated[
    RevokeInvitationPayload | InvalidInput | NotFound | Conflict,
    strawberry.union("RevokeInvitationResult", description="What `revokeInvitation` answers."),
]
