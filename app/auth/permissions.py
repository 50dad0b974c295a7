"""What each role allows."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from app.records import Grant, Permission, Role

_READ = frozenset({Permission.ORGANIZATION_READ})
_WORK = _READ | {
    Permission.ACCOUNTS_MANAGE,
    Permission.SCANS_RUN,
    Permission.RESOURCES_INGEST,
    Permission.COSTS_INGEST,
    Permission.COSTS_MANAGE,
    Permission.RECOMMENDATIONS_MANAGE,
    Permission.ACTIVITY_WRITE,
}
_ALL = frozenset(Permission)

# An admin also cannot touch owners: that depends on whom the act concerns, so the acts on members check it. Who sets
# the provider of single sign-on can sign in as any owner of its domains: that is for owners.
PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.OWNER: _ALL,
    Role.ADMIN: _ALL - {Permission.ORGANIZATION_DELETE, Permission.SINGLE_SIGN_ON_MANAGE},
    Role.MEMBER: _WORK,
    Role.VIEWER: _READ,
}
# To delete an organization is for a person who is signed in: a key that leaks must not be able to.
GRANTABLE_TO_KEYS = PERMISSIONS[Role.ADMIN]


def grant_of(organization_id: UUID, role: Role, slug: str | None = None) -> Grant:
    """What a member with this role may do."""
    return Grant(organization_id, role, PERMISSIONS[role], slug)


def role_of_scopes(scopes: Collection[Permission]) -> Role:
    """The least role that allows all these scopes, at most ADMIN: an API key is never an owner."""
    wanted = frozenset(scopes)
    return next((role for role in (Role.VIEWER, Role.MEMBER) if wanted <= PERMISSIONS[role]), Role.ADMIN)
