"""With whose rights a webhook's document is executed: its subscriber's, as they are now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.permissions import GRANTABLE_TO_KEYS, PERMISSIONS, role_of_scopes
from app.errors import ForbiddenError
from app.models import now
from app.records import ActorKind, Grant, Permission, Principal
from app.repositories.api_keys import api_keys_by_id
from app.repositories.memberships import role_of_user
from app.repositories.organizations import deletion_of
from app.repositories.users import is_verified


async def grant_now(session: AsyncSession, webhook: Mapping[Any, Any], *, require_verified_email: bool) -> Grant | None:
    """What the subscriber may do in the organization now, in which the transaction is.

    None for somebody who has left, whose key has ended, or who may no longer have webhooks: they are told nothing.
    """
    organization_id: UUID = webhook["organization_id"]
    deletion = await deletion_of(session, organization_id)
    if deletion is None or deletion["deleted_at"] is not None:
        return None
    if webhook["actor_kind"] == ActorKind.USER.value:
        grant = await _of_user(session, organization_id, webhook["actor_id"])
        if require_verified_email and not await is_verified(session, webhook["actor_id"]):
            return None
    else:
        grant = await _of_key(session, organization_id, webhook["actor_id"])
    if grant is None or not {Permission.WEBHOOKS_MANAGE, Permission.ORGANIZATION_READ} <= grant.permissions:
        return None
    return grant


def actor_of(principal: Principal) -> dict[str, Any]:
    """The columns that make a caller the subscriber. Raises ForbiddenError for the root key, which is nobody."""
    actor = principal.actor
    if actor.kind is ActorKind.SYSTEM or actor.id is None:
        message = "A webhook belongs to a person or an API key, with whose rights its document is executed."
        raise ForbiddenError(message)
    return {"actor_kind": actor.kind.value, "actor_id": actor.id}


async def _of_user(session: AsyncSession, organization_id: UUID, user_id: UUID) -> Grant | None:
    role = await role_of_user(session, organization_id, user_id)
    return None if role is None else Grant(organization_id, role, PERMISSIONS[role])


async def _of_key(session: AsyncSession, organization_id: UUID, key_id: UUID) -> Grant | None:
    rows = await api_keys_by_id(session, organization_id, [key_id])
    key = rows[0] if rows else None
    if key is None or key["revoked_at"] is not None or (key["expires_at"] is not None and key["expires_at"] <= now()):
        return None
    scopes = frozenset(scope for scope in GRANTABLE_TO_KEYS if scope.value in key["scopes"])
    return Grant(organization_id, role_of_scopes(scopes), scopes)
