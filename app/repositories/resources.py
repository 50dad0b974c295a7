"""SQL of resources: the values that are stored of one, and their one way into the table."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, cast
from uuid import UUID

import orjson
from sqlalchemy import CursorResult, Table, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Resource, new_id, now
from app.repositories.copying import copied
from app.repositories.planning import driver_of

RESOURCES: Table = Resource.__table__  # type: ignore[assignment]
LARGEST_INTEGER = 2**63 - 1  # beyond it orjson writes no integer


@dataclass(frozen=True, slots=True)
class ResourceValues:
    """One resource as it is to be stored. `relations` are (kind, the other end's native id); moments are in UTC."""

    account_id: UUID
    provider: str
    service: str
    resource_type: str
    native_id: str
    name: str
    region: str | None
    availability_zone: str | None
    status: str | None
    tags: Mapping[str, Any]
    properties: Mapping[str, Any]
    provider_created_at: datetime | None
    last_used_at: datetime | None = None
    relations: tuple[tuple[str, str], ...] = ()


class Fate(StrEnum):
    """What became of a resource that was found."""

    ADDED = "ADDED"
    CHANGED = "CHANGED"
    UNCHANGED = "UNCHANGED"
    RETURNED = "RETURNED"


@dataclass(slots=True)
class FoundRow:
    """A resource that was found, with its JSON, its hash, the id that it has or is to have, and what becomes of it."""

    id: UUID
    values: ResourceValues
    tags: bytes
    properties: bytes
    content_hash: bytes
    fate: Fate = Fate.ADDED


def content_hash(values: ResourceValues) -> bytes:
    """16 bytes that change with any value except `account_id` and `last_used_at`; the order of keys is no difference.

    The last use is left out because it moves by itself: every scan would find every used resource changed.
    """
    return found_row(values).content_hash


def found_row(values: ResourceValues) -> FoundRow:
    """A resource ready to be stored, with an id for the case that it is new.

    What PostgreSQL or JSON could not hold becomes the nearest that they can: NUL characters go, halves of surrogate
    pairs become `?`, integers beyond 64 bits become text. One odd tag at a provider must not fail a scan.
    """
    try:
        parts = _json_parts(values)
        unfit = any(b"\\u0000" in part for part in parts)
    except TypeError:
        unfit = True
    if unfit:
        values = _cleaned(values)
        parts = _json_parts(values)
    # Each part is a whole JSON value, so no two contents run together to the same bytes.
    digest = hashlib.blake2b(b"".join(parts), digest_size=16).digest()
    return FoundRow(new_id(), values, parts[0], parts[1], digest)


def _json_parts(values: ResourceValues) -> tuple[bytes, bytes, bytes]:
    """Tags, properties and the rest of what the hash covers; a dictionary's JSON is the same in whatever order."""
    rest = (
        values.provider,
        values.service,
        values.resource_type,
        values.native_id,
        values.name,
        values.region,
        values.availability_zone,
        values.status,
        values.provider_created_at,
        sorted(set(values.relations)),
    )
    return _json(values.tags), _json(values.properties), _json(rest)


def _json(value: Any) -> bytes:
    return orjson.dumps(value, default=_plain, option=orjson.OPT_SORT_KEYS)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    message = f"{type(value).__name__} is no JSON value"
    raise TypeError(message)


def _cleaned(values: ResourceValues) -> ResourceValues:
    names = ("service", "resource_type", "native_id", "name", "region", "availability_zone", "status")
    cleaned = {name: _storable(getattr(values, name)) for name in (*names, "tags", "properties")}
    relations = tuple((kind, _storable(target)) for kind, target in values.relations)
    return replace(values, **cleaned, relations=relations)


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode().replace("\x00", "")
    if isinstance(value, Mapping):
        return {_storable(str(key)): _storable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(item) for item in value]
    if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        return str(value)
    return value


_STAGED_COLUMNS = (
    "id",
    "account_id",
    "provider",
    "service",
    "resource_type",
    "native_id",
    "name",
    "region",
    "availability_zone",
    "status",
    "tags",
    "properties",
    "provider_created_at",
    "last_used_at",
    "content_hash",
)
# A connection keeps the table until it closes, empty outside a transaction. COPY refuses tables with row security,
# so rows come this way. JSON stands as text, which asyncpg encodes in C where jsonb takes two calls of Python a row;
# EXTERNAL spares the compression of long texts that are read once.
_STAGED = """
    CREATE TEMPORARY TABLE IF NOT EXISTS staged_resources (
        id uuid, account_id uuid, provider text, service text, resource_type text, native_id text, name text,
        region text, availability_zone text, status text, tags text STORAGE EXTERNAL, properties text STORAGE EXTERNAL,
        provider_created_at timestamptz, last_used_at timestamptz, content_hash bytea
    ) ON COMMIT DELETE ROWS;
    DELETE FROM pg_temp.staged_resources
"""
_UPSERT = text("""
    INSERT INTO resources (
        organization_id, id, account_id, provider, service, resource_type, native_id, name, region,
        availability_zone, status, tags, properties, provider_created_at, last_used_at, content_hash,
        first_seen_at, last_seen_at, updated_at)
    SELECT :organization_id, id, account_id, provider, service, resource_type, native_id, name, region,
        availability_zone, status, CAST(tags AS jsonb), CAST(properties AS jsonb), provider_created_at, last_used_at,
        content_hash, :now, :now, :now
    FROM pg_temp.staged_resources
    ON CONFLICT (organization_id, account_id, native_id) DO UPDATE SET
        provider = excluded.provider, service = excluded.service, resource_type = excluded.resource_type,
        name = excluded.name, region = excluded.region, availability_zone = excluded.availability_zone,
        status = excluded.status, tags = excluded.tags, properties = excluded.properties,
        provider_created_at = excluded.provider_created_at, last_used_at = excluded.last_used_at,
        content_hash = excluded.content_hash, last_seen_at = excluded.last_seen_at,
        updated_at = excluded.updated_at, gone_at = NULL
    WHERE resources.id = excluded.id
""")
# LATERAL with LIMIT is a look-up for each resource, never a join with the whole inventory. The account is compared in a
# way that no index knows: a planner that underrates an account would read all of it for each resource, where native
# ids are all but unique.
_KNOWN = text("""
    SELECT sent.place, known.id, known.content_hash, known.gone_at, known.last_used_at
    FROM unnest(CAST(:account_ids AS uuid[]), CAST(:native_ids AS text[]))
        WITH ORDINALITY AS sent(account_id, native_id, place)
    CROSS JOIN LATERAL (
        SELECT * FROM resources
        WHERE organization_id = :organization_id AND resources.native_id = sent.native_id
            AND resources.account_id IS NOT DISTINCT FROM sent.account_id
        LIMIT 1
    ) AS known
""")
_USED = text("""
    UPDATE resources SET last_used_at = sent.last_used_at
    FROM unnest(CAST(:ids AS uuid[]), CAST(:moments AS timestamptz[])) AS sent(id, last_used_at)
    WHERE resources.organization_id = :organization_id AND resources.id = sent.id
""")


@dataclass(frozen=True, slots=True)
class KnownResource:
    """What decides whether a resource that was found again has to be written."""

    id: UUID
    content_hash: bytes
    is_gone: bool
    last_used_at: datetime | None


async def known_resources(
    session: AsyncSession, organization_id: UUID, resources: Sequence[ResourceValues]
) -> list[KnownResource | None]:
    """What is stored of each, in their order; None for what is new."""
    values = {
        "organization_id": organization_id,
        "account_ids": [resource.account_id for resource in resources],
        "native_ids": [resource.native_id for resource in resources],
    }
    found: list[KnownResource | None] = [None] * len(resources)
    for place, id_, hash_, gone_at, last_used_at in await session.execute(_KNOWN, values):
        found[place - 1] = KnownResource(id_, hash_, gone_at is not None, last_used_at)
    return found


async def write_resources(session: AsyncSession, organization_id: UUID, rows: Sequence[FoundRow]) -> list[UUID]:
    """Insert or replace resources, at most one per (account, native id), in three statements however many they are.

    Those that another transaction inserted since they were looked up get its ids, which are returned.
    """
    driver = await driver_of(session)
    await driver.execute(_STAGED)
    copying = driver.copy_records_to_table(
        "staged_resources", schema_name="pg_temp", columns=_STAGED_COLUMNS, records=map(_record, rows)
    )
    await copied(driver, copying)
    upsert = await session.execute(_UPSERT, {"organization_id": organization_id, "now": now()})
    if cast("CursorResult[Any]", upsert).rowcount == len(rows):
        return []
    known = await known_resources(session, organization_id, [row.values for row in rows])
    overtaken = [(row, stored) for row, stored in zip(rows, known, strict=True) if stored and stored.id != row.id]
    for row, stored in overtaken:
        row.id = stored.id
    await write_resources(session, organization_id, [row for row, _ in overtaken])
    return [row.id for row, _ in overtaken]


async def write_last_used(
    session: AsyncSession, organization_id: UUID, moments: Sequence[tuple[UUID, datetime | None]]
) -> None:
    """Set when resources were last used, by id; nothing else of them changes, not even `updated_at`."""
    ids, used = [id_ for id_, _ in moments], [moment for _, moment in moments]
    await session.execute(_USED, {"organization_id": organization_id, "ids": ids, "moments": used})


def _record(row: FoundRow) -> tuple[Any, ...]:
    values = row.values
    return (
        row.id,
        values.account_id,
        values.provider,
        values.service,
        values.resource_type,
        values.native_id,
        values.name,
        values.region,
        values.availability_zone,
        values.status,
        row.tags.decode(),
        row.properties.decode(),
        values.provider_created_at,
        values.last_used_at,
        row.content_hash,
    )
