"""What the parts of `Organization` share: its key, and the caller's grant in it."""

from __future__ import annotations

from uuid import UUID

import strawberry

from app.errors import ForbiddenError
from app.records import Grant, Permission


@strawberry.type
class OrganizationPart:
    """A base of `Organization`; every field of it asks `require` for its permission."""

    key: strawberry.Private[UUID]
    grant: strawberry.Private[Grant]

    def require(self, permission: Permission) -> UUID:
        """The organization's key, when the caller has the permission in it; ForbiddenError otherwise."""
        if permission not in self.grant.permissions:
            message = f"This needs the permission {permission.name}; ask an owner or admin of the organization for it."
            raise ForbiddenError(message)
        return self.key
