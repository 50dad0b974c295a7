"""Users, and the members of an organization."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import strawberry

from app.context import Info
from app.records import Permission, Role
from app.schema.enums import graph_enum
from app.schema.errors import Conflict, InvalidInput, NotFound
from app.schema.node import Node, global_id

graph_enum(
    Role,
    "What a member may do in an organization; each role includes those after it.",
    OWNER="Everything, also deleting the organization and making owners.",
    ADMIN="Everything but deleting the organization, touching owners and setting single sign-on.",
    MEMBER="Reading, changing accounts, and sending resources and costs.",
    VIEWER="Reading.",
)
graph_enum(
    Permission,
    "One act that a role or an API key allows.",
    ORGANIZATION_READ="Read the organization and what it owns.",
    ORGANIZATION_UPDATE="Change its name and currency.",
    ORGANIZATION_DELETE="Delete it; for owners who are signed in, never for API keys.",
    MEMBERS_MANAGE="Invite and remove members, change their roles, see invitations.",
    API_KEYS_MANAGE="See, create and revoke API keys.",
    ACCOUNTS_MANAGE="Add, connect, change and disconnect accounts.",
    SCANS_RUN="Start, cancel and schedule scans.",
    RESOURCES_INGEST="Send resources.",
    COSTS_INGEST="Send costs.",
    COSTS_MANAGE="Manage cost sources, budgets, rates, teams and allocation.",
    RECOMMENDATIONS_MANAGE="Ignore recommendations, mark them for deletion, resolve and reopen them; tune checks.",
    ACTIVITY_WRITE="Write notes into the activity.",
    AUDIT_READ="Read the audit log.",
    SINGLE_SIGN_ON_MANAGE="Set and remove single sign-on; for owners who are signed in, never for API keys.",
    WEBHOOKS_MANAGE="Make, change and delete webhooks, and see what they are sent.",
)


@strawberry.type(description="A person who can sign in, as their fellow members see them.")
class User:
    """A row of `users`."""

    id: strawberry.ID = strawberry.field(description="Opaque id of the person.")
    email: str = strawberry.field(description="E-mail address, in lower case.")
    name: str = strawberry.field(description="Name for people.")
    created_at: datetime = strawberry.field(description="When they registered.")
    email_verified_at: datetime | None = strawberry.field(
        description="When the address was proved to be theirs; null when it was not."
    )

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> User:
        """Make it of a row."""
        return cls(
            id=global_id("User", row["id"]),
            email=row["email"],
            name=row["name"],
            created_at=row["created_at"],
            email_verified_at=row["email_verified_at"],
        )


async def fellow(info: Info, organization_id: UUID, user_id: UUID | None) -> User | None:
    """A user whom an organization may see; many at a time are one statement."""
    if user_id is None:
        return None
    row = await info.context.loaders.users.load((organization_id, user_id))
    return User.from_row(row) if row is not None else None


@strawberry.type(description="A person's place in an organization.")
class Member(Node):
    """A row of `memberships`."""

    role: Role = strawberry.field(description="What they may do.")
    joined_at: datetime = strawberry.field(description="When they became a member.")
    organization_id: strawberry.Private[UUID]
    user_id: strawberry.Private[UUID]

    @strawberry.field(description="Who it is; null when they have left just now.")
    async def user(self, info: Info) -> User | None:
        """Loaded for the whole page at once."""
        return await fellow(info, self.organization_id, self.user_id)

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> Member:
        """Make it of a row."""
        return cls(
            id=global_id("Member", row["id"], row["organization_id"]),
            role=Role(row["role"]),
            joined_at=row["created_at"],
            organization_id=row["organization_id"],
            user_id=row["user_id"],
        )


@strawberry.input(description="Another role for a member.")
class ChangeMemberRoleInput:
    """See `changeMemberRole`."""

    id: strawberry.ID = strawberry.field(description="The member.")
    role: Role = strawberry.field(description="The new role. Only owners make owners or change them.")


@strawberry.type(description="The member has the role.")
class ChangeMemberRolePayload:
    """See `changeMemberRole`."""

    member: Member = strawberry.field(description="The member as they are now.")


ChangeMemberRoleResult = Annotated[
    ChangeMemberRolePayload | InvalidInput | NotFound | Conflict,
    strawberry.union("ChangeMemberRoleResult", description="What `changeMemberRole` answers."),
]


@strawberry.input(description="A membership to end.")
class RemoveMemberInput:
    """See `removeMember`."""

    id: strawberry.ID = strawberry.field(description="The member; your own id to leave.")


@strawberry.type(description="The membership has ended; the person reaches nothing of the organization within 5 s.")
class RemoveMemberPayload:
    """See `removeMember`."""

    removed_member_id: strawberry.ID = strawberry.field(description="The id that the member had.")


RemoveMemberResult = Annotated[
    RemoveMemberPayload | InvalidInput | NotFound | Conflict,
    strawberry.union("RemoveMemberResult", description="What `removeMember` answers."),
]
