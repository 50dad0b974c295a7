"""SQL of the history of resources: what was there before, how the new differs, the rows that say so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Table, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import ResourceChange, new_id, now
from app.records import ChangeKind
from app.records.volatile import lasting, unread
from app.repositories.resources import FoundRow

RESOURCE_CHANGES: Table = ResourceChange.__table__  # type: ignore[assignment]
# The names that history has for columns: those of the graph.
_FIELDS = {
    "service": "service",
    "resource_type": "resourceType",
    "name": "name",
    "region": "region",
    "availability_zone": "availabilityZone",
    "status": "status",
    "provider_created_at": "providerCreatedAt",
    "last_used_at": "lastUsedAt",
}
_BEFORE = text("""
    SELECT id, service, resource_type, name, region, availability_zone, status, tags, properties,
        provider_created_at, last_used_at,
        (SELECT jsonb_agg(jsonb_build_array(kind, target_native_id)) FROM resource_relationships AS relation
         WHERE relation.organization_id = :organization_id AND relation.resource_id = resources.id) AS relations
    FROM resources
    WHERE organization_id = :organization_id AND id = ANY(CAST(:ids AS uuid[]))
""")
_ADD = text("""
    INSERT INTO resource_changes (organization_id, id, resource_id, scan_id, kind, changes, changed_at)
    SELECT :organization_id, sent.id, sent.resource_id, CAST(:scan_id AS uuid), sent.kind,
        CAST(sent.changes AS jsonb), :now
    FROM unnest(CAST(:ids AS uuid[]), CAST(:resource_ids AS uuid[]), CAST(:kinds AS text[]), CAST(:changes AS text[]))
        AS sent(id, resource_id, kind, changes)
    ON CONFLICT DO NOTHING
""")


@dataclass(frozen=True, slots=True)
class Change:
    """What a scan found different about one resource: `changes` holds `from` and `to` for each field."""

    resource_id: UUID
    kind: ChangeKind
    changes: Mapping[str, Any]


async def rows_before(
    session: AsyncSession, organization_id: UUID, ids: Sequence[UUID]
) -> dict[UUID, Mapping[str, Any]]:
    """Resources by id as they are stored, with `relations` as a list of [kind, target native id] or None."""
    found = await session.execute(_BEFORE, {"organization_id": organization_id, "ids": list(ids)})
    return {row.id: row._asdict() for row in found}


async def add_changes(
    session: AsyncSession, organization_id: UUID, scan_id: UUID | None, changes: Sequence[Change]
) -> None:
    """Write history, in one statement."""
    values = {
        "organization_id": organization_id,
        "scan_id": scan_id,
        "ids": [new_id() for _ in changes],
        "resource_ids": [change.resource_id for change in changes],
        "kinds": [change.kind for change in changes],
        "changes": [orjson.dumps(change.changes).decode() for change in changes],
        "now": now(),
    }
    await session.execute(_ADD, values)


def keep_unread(before: Mapping[str, Any], row: FoundRow) -> None:
    """Give a row the tags, the status and the properties that are stored, where they could not be read this time.

    `unreadable` still names them: they are what was last known. Its hash stays that of what was read: the same answer
    again is no news.
    """
    missing = unread(row.values.properties)
    if "tags" in missing:
        row.tags = _bytes(before["tags"])
    if "status" in missing:
        row.values = replace(row.values, status=before["status"])
    known = {name: before["properties"][name] for name in missing if before["properties"].get(name) is not None}
    if known:
        row.properties = _bytes({**orjson.loads(row.properties), **known})


def differences(before: Mapping[str, Any], row: FoundRow) -> dict[str, Any]:
    """What of a resource differs from before, by the graph's names; empty when nothing does.

    A different `last_used_at` is told beside other differences, never alone: it moves with every use, and a history
    of uses would bury the changes. What else moves by itself (`app.records.volatile`) is never told, nor is what
    could not be read now, or could not before and was not known. Tags and properties are told by key, a nested value
    as a whole; null is the same as absent.
    """
    values = row.values
    found: dict[str, Any] = {
        name: {"from": _json(before[column]), "to": _json(getattr(values, column))}
        for column, name in _FIELDS.items()
        if before[column] != getattr(values, column)
    }
    tags = _by_key(before["tags"], orjson.loads(row.tags))
    properties = _differing_properties(values.resource_type, before["properties"], orjson.loads(row.properties))
    found |= {name: by_key for name, by_key in (("tags", tags), ("properties", properties)) if by_key}
    earlier, later = {(kind, target) for kind, target in before["relations"] or ()}, set(values.relations)
    if earlier != later:
        found["relationships"] = {"added": sorted(later - earlier), "removed": sorted(earlier - later)}
    return {} if found.keys() == {"lastUsedAt"} else found


def _differing_properties(resource_type: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    unknown = {name for name in unread(before) if before.get(name) is None} | unread(after)
    by_key = _by_key(lasting(resource_type, before), lasting(resource_type, after))
    return {key: change for key, change in by_key.items() if key not in unknown}


def _by_key(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    # Compared as bytes: to Python True equals 1.
    return {
        key: {"from": before.get(key), "to": after.get(key)}
        for key in sorted({*before, *after})
        if _bytes(before.get(key)) != _bytes(after.get(key))
    }


def _bytes(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
