"""Where the caller of a change stands at this moment: read under the organization's lock, not from the cache."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.permissions import PERMISSIONS
from app.errors import ForbiddenError, NotFoundError
from app.records import Permission, Principal, Role
from app.repositories.memberships import role_of_user
from app.repositories.organizations import lock_organization


@dataclass(frozen=True)
class Standing:
    """The locked organization, and the caller's role and permissions in it."""

    organization: RowMapping
    role: Role
    permissions: frozenset[Permission]

    def require(self, permission: Permission) -> None:
        """Raise ForbiddenError without the permission."""
        if permission not in self.permissions:
            message = f"This needs the permission {permission.name}; ask an owner or admin of the organization for it."
            raise ForbiddenError(message)

    def require_owner(self, what: str) -> None:
        """Raise ForbiddenError unless the caller is an owner; `what` is the act."""
        if self.role is not Role.OWNER:
            message = f"Only an owner of the organization can {what}."
            raise ForbiddenError(message)


async def standing(session: AsyncSession, organization_id: UUID, principal: Principal) -> Standing:
    """Lock the organization and see where the caller stands.

    All changes of members, roles, invitations and keys of an organization wait for each other here. Raises
    NotFoundError when it is gone or the caller belongs to it no more.
    """
    organization = await lock_organization(session, organization_id)
    granted = principal.grants.get(organization_id)
    if organization is not None and principal.user_id is not None:
        role = await role_of_user(session, organization_id, principal.user_id)
        if role is not None:
            return Standing(organization, role, PERMISSIONS[role])
    elif organization is not None and granted is not None:
        return Standing(organization, granted.role, granted.permissions)
    message = "There is no such organization within your reach."
    raise NotFoundError(message)
