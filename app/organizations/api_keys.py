"""Making and revoking API keys."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.activity.record import record
from app.auth.api_keys import new_api_key, read_api_key
from app.auth.names import checked_name
from app.auth.notices import reach_changed
from app.auth.permissions import GRANTABLE_TO_KEYS
from app.database import Database
from app.errors import BadUserInputError, ForbiddenError, NotFoundError
from app.models import ApiKey, new_id, now
from app.organizations.standing import Standing, standing
from app.quotas import check_count
from app.records import EventKind, NewEvent, Permission, Principal
from app.records.plans import QuotaMetric
from app.repositories import api_keys


async def create_api_key(
    database: Database,
    organization_id: UUID,
    principal: Principal,
    *,
    name: str,
    scopes: Collection[Permission],
    expires_at: datetime | None,
) -> tuple[RowMapping, str]:
    """Make a key of an organization; returns its row and its text, which is shown this once.

    It may do what its scopes say, and they are at most what the caller may do now. A key made by a key ends with it
    at the latest. Raises BadUserInputError, ForbiddenError, QuotaExceededError.
    """
    name = checked_name(name, ("input", "name"))
    wanted = checked_scopes(scopes)
    if expires_at is not None and expires_at <= now():
        message = "`expiresAt` must be in the future."
        raise BadUserInputError(message, path=("input", "expiresAt"))
    async with database.write(organization_id, user_id=principal.user_id) as session:
        caller = await standing(session, organization_id, principal)
        caller.require(Permission.API_KEYS_MANAGE)
        _require_all(caller, wanted)
        _require_no_longer_life(principal, expires_at)
        row, text, event = await add_key(session, organization_id, principal, name, wanted, expires_at)
        await record(session, organization_id, event)
        return row, text


async def add_key(
    session: AsyncSession,
    organization_id: UUID,
    principal: Principal,
    name: str,
    scopes: frozenset[Permission],
    expires_at: datetime | None,
) -> tuple[RowMapping, str, NewEvent]:
    """Add a key in the caller's transaction: its row, its text and its event, which is still to be recorded."""
    key_id = new_id()
    text = new_api_key(key_id)
    key = ApiKey(
        organization_id=organization_id,
        id=key_id,
        name=name,
        secret_hash=read_api_key(text).secret_hash,
        scopes=sorted(scopes),
        created_by=principal.user_id,
        expires_at=expires_at,
    )
    row = await api_keys.add_api_key(session, key)
    await check_count(session, organization_id, QuotaMetric.API_KEYS)
    event = NewEvent(
        EventKind.API_KEY_CREATED,
        principal.actor,
        subject_type="ApiKey",
        subject_id=key_id,
        data={"name": name, "scopes": sorted(scopes)},
    )
    return row, text, event


async def revoke_api_key(database: Database, organization_id: UUID, principal: Principal, key_id: UUID) -> RowMapping:
    """End a key within 5 s everywhere and return it; one that is revoked already stays as it is."""
    async with database.write(organization_id, user_id=principal.user_id) as session:
        caller = await standing(session, organization_id, principal)
        caller.require(Permission.API_KEYS_MANAGE)
        found = await api_keys.lock_api_key(session, organization_id, key_id)
        if found is None:
            message = "There is no such API key within your reach."
            raise NotFoundError(message)
        if found["revoked_at"] is not None:
            return found
        row = await api_keys.revoke_api_key(session, organization_id, key_id)
        event = NewEvent(
            EventKind.API_KEY_REVOKED,
            principal.actor,
            subject_type="ApiKey",
            subject_id=key_id,
            data={"name": row["name"]},
        )
        await record(session, organization_id, event)
        reach_changed(session, key_id)
        return row


def checked_scopes(scopes: Collection[Permission]) -> frozenset[Permission]:
    """The scopes, each once. Raises BadUserInputError for none, and for one that no key has."""
    wanted = frozenset(scopes)
    refused = sorted(wanted - GRANTABLE_TO_KEYS)
    if not wanted or refused:
        message = (
            f"An API key cannot have the scope {', '.join(refused)}: that is for an owner who is signed in."
            if refused
            else "`scopes` must name at least one permission."
        )
        raise BadUserInputError(message, path=("input", "scopes"))
    return wanted


def _require_all(caller: Standing, wanted: frozenset[Permission]) -> None:
    lacking = sorted(wanted - caller.permissions)
    if lacking:
        message = f"You cannot give a key what you do not have yourself: {', '.join(lacking)}."
        raise ForbiddenError(message)


def _require_no_longer_life(principal: Principal, expires_at: datetime | None) -> None:
    if principal.api_key_id is None or principal.expires_at is None:
        return
    if expires_at is None or expires_at > principal.expires_at:
        message = (
            f"A key made by a key ends with it: `expiresAt` must be {principal.expires_at.isoformat()} or earlier."
        )
        raise BadUserInputError(message, path=("input", "expiresAt"))
