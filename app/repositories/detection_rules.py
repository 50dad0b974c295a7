"""SQL of detection rules: their versions, and what their exclusions and overrides may name."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, Table, Uuid, any_, cast, insert, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import DetectionRuleVersion, now
from app.records import AccountKind, Actor
from app.repositories.accounts import ACCOUNTS

VERSIONS: Table = DetectionRuleVersion.__table__  # type: ignore[assignment]

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
_NEWEST = text("""
    SELECT newest.* FROM unnest(CAST(:check_ids AS text[])) AS asked(check_id)
    CROSS JOIN LATERAL (
        SELECT * FROM detection_rule_versions AS one
        WHERE one.organization_id = :organization_id AND one.check_id = asked.check_id
        ORDER BY one.version DESC LIMIT :limit
    ) AS newest
    ORDER BY newest.check_id, newest.version DESC
""")
_REGIONS = text("""
    SELECT asked.region FROM unnest(CAST(:regions AS text[])) AS asked(region)
    WHERE EXISTS (
        SELECT 1 FROM resources
        WHERE organization_id = :organization_id AND region = asked.region
            AND (CAST(:provider AS text) IS NULL OR provider = :provider)
    ) OR EXISTS (
        SELECT 1 FROM accounts
        WHERE organization_id = :organization_id AND settings -> 'regions' ? asked.region
            AND (CAST(:provider AS text) IS NULL OR provider = :provider)
    )
""")
_HOLDERS = text("""
    SELECT accounts.id FROM accounts
    WHERE accounts.organization_id = :organization_id AND accounts.provider = :provider AND EXISTS (
        SELECT 1 FROM resources
        WHERE resources.organization_id = :organization_id AND resources.account_id = accounts.id
            AND resources.resource_type = ANY(CAST(:types AS text[])) AND resources.gone_at IS NULL
    )
    ORDER BY accounts.id
""")
_WAITING = text("""
    SELECT arguments ->> 'accountId' FROM jobs
    WHERE organization_id = :organization_id AND kind = :kind AND state = 'QUEUED'
""")


async def lock_rule(session: AsyncSession, organization_id: UUID, check_id: str) -> None:
    """Be the only one who changes an organization's rule of a check, until the transaction ends."""
    await session.execute(_LOCK, {"name": f"detection-rule:{organization_id}:{check_id}"})


async def newest_versions(
    session: AsyncSession, organization_id: UUID, check_ids: Collection[str], limit: int = 1
) -> Sequence[RowMapping]:
    """The last versions of some rules, by check, the newest first."""
    values = {"organization_id": organization_id, "check_ids": sorted(check_ids), "limit": limit}
    return (await session.execute(_NEWEST, values)).mappings().all()


async def add_version(
    session: AsyncSession, organization_id: UUID, check_id: str, version: int, settings: dict[str, Any], actor: Actor
) -> RowMapping:
    """Store what is in force from now on."""
    values = {
        "organization_id": organization_id,
        "check_id": check_id,
        "version": version,
        "settings": settings,
        "actor_kind": actor.kind.value,
        "actor_id": actor.id,
        "changed_at": now(),
    }
    statement = insert(VERSIONS).values(values).returning(*VERSIONS.c)
    return (await session.execute(statement)).mappings().one()


async def accounts_there(session: AsyncSession, organization_id: UUID, ids: Collection[UUID]) -> Sequence[RowMapping]:
    """Accounts by their ids; those of others are not there."""
    statement = select(ACCOUNTS.c.id, ACCOUNTS.c.provider, ACCOUNTS.c.name).where(
        ACCOUNTS.c.organization_id == organization_id, ACCOUNTS.c.id == any_(cast(sorted(ids), ARRAY(Uuid)))
    )
    return (await session.execute(statement)).mappings().all()


async def regions_there(
    session: AsyncSession, organization_id: UUID, provider: str | None, regions: Collection[str]
) -> set[str]:
    """Those of some regions of a provider (of any for None) that a resource was seen in, or an account is read in."""
    values = {"organization_id": organization_id, "provider": provider, "regions": sorted(regions)}
    return set((await session.execute(_REGIONS, values)).scalars())


async def accounts_with(
    session: AsyncSession, organization_id: UUID, provider: str, resource_types: Collection[str]
) -> list[UUID]:
    """The accounts that have resources of some types."""
    values = {"organization_id": organization_id, "provider": provider, "types": sorted(resource_types)}
    return list((await session.execute(_HOLDERS, values)).scalars())


async def accounts_connected(session: AsyncSession, organization_id: UUID, ids: Collection[UUID]) -> list[UUID]:
    """Those of some accounts whose provider can be asked."""
    statement = select(ACCOUNTS.c.id).where(
        ACCOUNTS.c.organization_id == organization_id,
        ACCOUNTS.c.id == any_(cast(sorted(ids), ARRAY(Uuid))),
        ACCOUNTS.c.kind == AccountKind.CONNECTED.value,
        ACCOUNTS.c.disconnected_at.is_(None),
    )
    return list((await session.execute(statement)).scalars())


async def accounts_waiting(session: AsyncSession, organization_id: UUID, kind: str) -> set[str]:
    """The accounts, as text, for which a job of a kind is queued that has not begun."""
    values = {"organization_id": organization_id, "kind": kind}
    return set((await session.execute(_WAITING, values)).scalars())
