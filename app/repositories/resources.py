"""SQL of resources."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Table, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Resource, new_id, now

RESOURCES: Table = Resource.__table__  # type: ignore[assignment]


@dataclass(frozen=True)
class ResourceValues:
    """One resource as it is to be stored; `content_hash` covers all of it."""

    account_id: UUID
    provider: str
    service: str
    resource_type: str
    native_id: str
    name: str
    region: str | None
    availability_zone: str | None
    status: str | None
    tags: dict[str, Any]
    properties: dict[str, Any]
    provider_created_at: datetime | None
    content_hash: bytes


# The WHERE leaves an unchanged row untouched: no dead tuple, no new `updated_at`.
_UPSERT = text("""
    INSERT INTO resources (
        organization_id, id, account_id, provider, service, resource_type, native_id, name, region,
        availability_zone, status, tags, properties, provider_created_at, content_hash,
        first_seen_at, last_seen_at, updated_at)
    SELECT :organization_id, sent.id, sent.account_id, sent.provider, sent.service, sent.resource_type,
        sent.native_id, sent.name, sent.region, sent.availability_zone, sent.status, sent.tags, sent.properties,
        sent.provider_created_at, decode(sent.content_hash, 'hex'), :now, :now, :now
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS sent(
        id uuid, account_id uuid, provider text, service text, resource_type text, native_id text, name text,
        region text, availability_zone text, status text, tags jsonb, properties jsonb,
        provider_created_at timestamptz, content_hash text)
    ON CONFLICT (organization_id, account_id, native_id) DO UPDATE SET
        provider = excluded.provider, service = excluded.service, resource_type = excluded.resource_type,
        name = excluded.name, region = excluded.region, availability_zone = excluded.availability_zone,
        status = excluded.status, tags = excluded.tags, properties = excluded.properties,
        provider_created_at = excluded.provider_created_at, content_hash = excluded.content_hash,
        last_seen_at = excluded.last_seen_at, updated_at = excluded.updated_at
    WHERE resources.content_hash <> excluded.content_hash
    RETURNING (xmax = 0) AS added
""")


async def upsert_resources(
    session: AsyncSession, organization_id: UUID, resources: list[ResourceValues]
) -> tuple[int, int]:
    """Store resources, at most one per (account, native id); returns how many were (added, changed)."""
    rows = [
        {**vars(resource), "id": new_id(), "content_hash": resource.content_hash.hex()}
        for resource in sorted(resources, key=lambda resource: (resource.account_id, resource.native_id))
    ]
    values = {"organization_id": organization_id, "rows": orjson.dumps(rows, default=str).decode(), "now": now()}
    added = [row.added for row in await session.execute(_UPSERT, values)]
    return sum(added), len(added) - sum(added)
