"""Root fields of members."""

from __future__ import annotations

import strawberry

from app.context import Info
from app.organizations import members
from app.records import Permission
from app.resolvers.access import mutation, organization_of
from app.schema.node import parse_id
from app.schema.people import (
    ChangeMemberRoleInput,
    ChangeMemberRolePayload,
    ChangeMemberRoleResult,
    Member,
    RemoveMemberInput,
    RemoveMemberPayload,
    RemoveMemberResult,
)


@strawberry.type
class MemberMutations:
    """Roles and the end of memberships."""

    @mutation(Permission.MEMBERS_MANAGE, "Give a member another role. There is always an owner left.")
    async def change_member_role(
        self,
        info: Info,
        input: ChangeMemberRoleInput,  # noqa: A002  (Relay's name)
    ) -> ChangeMemberRoleResult:
        """See app.organizations.members.change_member_role."""
        key = parse_id(input.id, "Member", path=("input", "id"))
        row = await members.change_member_role(
            info.context.database, organization_of(input), info.context.signed_in(), key.id, role=input.role
        )
        return ChangeMemberRolePayload(member=Member.from_row(row))

    # Reading is enough here, because everyone may leave; the act itself asks MEMBERS_MANAGE for others.
    @mutation(
        Permission.ORGANIZATION_READ,
        "Leave an organization, or (with the permission MEMBERS_MANAGE) remove another. There is always an owner left.",
    )
    async def remove_member(
        self,
        info: Info,
        input: RemoveMemberInput,  # noqa: A002  (Relay's name)
    ) -> RemoveMemberResult:
        """See app.organizations.members.remove_member."""
        key = parse_id(input.id, "Member", path=("input", "id"))
        await members.remove_member(info.context.database, organization_of(input), info.context.signed_in(), key.id)
        return RemoveMemberPayload(removed_member_id=input.id)
