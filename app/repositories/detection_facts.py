"""SQL of what checks are told: pages of resources of one type with what is known of them and of their neighbours."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.records import RelationshipKind
from app.repositories.planning import driver_of, plan_for_average
from app.repositories.relationships import ends_of
from app.repositories.resources import RESOURCES

MOST_NEIGHBOURS = 200
_PLAIN = (
    "id",
    "account_id",
    "provider",
    "resource_type",
    "native_id",
    "name",
    "region",
    "status",
    "tags",
    "provider_created_at",
    "first_seen_at",
    "last_used_at",
)
# What returns was not there in between, so its status is as old as its return.
_CHANGED = text("""
    SELECT change.resource_id, found.name, max(change.changed_at) AS changed_at
    FROM resource_changes AS change CROSS JOIN LATERAL (
        SELECT NULL AS name WHERE change.changes ? 'status' OR change.kind = 'RETURNED'
        UNION ALL
        SELECT name FROM jsonb_object_keys(coalesce(change.changes -> 'properties', '{}')) AS name
        WHERE name = ANY(CAST(:watched AS text[]))
    ) AS found
    WHERE change.organization_id = :organization_id AND change.resource_id = ANY(CAST(:ids AS uuid[]))
    GROUP BY change.resource_id, found.name
""")
_PEERS = text("""
    SELECT own.id, peer.id AS other_id
    FROM unnest(CAST(:ids AS uuid[])) AS own(id)
    CROSS JOIN LATERAL (
        SELECT id FROM resources
        WHERE organization_id = :organization_id AND account_id = :account_id AND resource_type = :resource_type
            AND gone_at IS NULL AND id <> own.id
        LIMIT :limit
    ) AS peer
""")
# What says the same of the same third one, whether that is in the inventory or not.
_SIBLINGS = text("""
    SELECT own.resource_id, other.resource_id AS other_id
    FROM resource_relationships AS own
    JOIN resource_relationships AS other ON other.organization_id = :organization_id
        AND other.target_native_id = own.target_native_id AND other.kind = own.kind
        AND other.resource_id <> own.resource_id
    WHERE own.organization_id = :organization_id AND own.resource_id = ANY(CAST(:ids AS uuid[])) AND own.kind = :kind
""")
_TYPES_READ = text("""
    SELECT DISTINCT ON (step.service, step.region)
        step.service, step.region, step.state, step.collected, step.problems, step.started_at
    FROM scan_steps AS step
    JOIN scans AS scan ON scan.organization_id = :organization_id AND scan.id = step.scan_id
    WHERE step.organization_id = :organization_id AND scan.account_id = :account_id
        AND step.finished_at IS NOT NULL AND step.state <> 'CANCELLED'
    ORDER BY step.service, step.region, step.finished_at DESC
""")


async def types_there(session: AsyncSession, organization_id: UUID, account_id: UUID) -> list[str]:
    """The resource types that an account has resources of."""
    statement = (
        select(RESOURCES.c.resource_type)
        .where(
            RESOURCES.c.organization_id == organization_id,
            RESOURCES.c.account_id == account_id,
            RESOURCES.c.gone_at.is_(None),
        )
        .distinct()
    )
    return sorted((await session.execute(statement)).scalars())


async def subject_ids(
    session: AsyncSession, organization_id: UUID, account_id: UUID, resource_type: str
) -> Sequence[UUID]:
    """The resources of one type that are there; 16 bytes each, so that pages need no order of their own."""
    statement = select(RESOURCES.c.id).where(
        RESOURCES.c.organization_id == organization_id,
        RESOURCES.c.account_id == account_id,
        RESOURCES.c.resource_type == resource_type,
        RESOURCES.c.gone_at.is_(None),
    )
    return (await session.execute(statement)).scalars().all()


async def subjects(
    session: AsyncSession, organization_id: UUID, ids: Sequence[UUID], properties: Collection[str]
) -> Sequence[Mapping[str, Any]]:
    """Resources with some of their properties; what went since it was asked for is not among them.

    By the driver itself: what SQLAlchemy adds to a row takes as long as running a check on it.
    """
    statement = f"""SELECT {", ".join(_PLAIN)}, {picked(properties)} FROM resources
        WHERE organization_id = $1 AND id = ANY($2::uuid[]) AND gone_at IS NULL"""  # noqa: S608  (names of columns)
    driver = await driver_of(session)
    found: Sequence[Mapping[str, Any]] = await driver.fetch(statement, organization_id, list(ids))
    return found


def picked(properties: Collection[str]) -> str:
    """SQL for some of a resource's properties, and what is said of those that could not be read."""
    names = (quoted(name) for name in (*sorted(properties), "unreadable", "leftOut"))
    parts = ", ".join(f"{name}, properties -> {name}" for name in names)
    return f"jsonb_strip_nulls(jsonb_build_object({parts})) AS properties"


def quoted(name: str) -> str:
    """A text in SQL."""
    return "'" + name.replace("'", "''") + "'"


async def last_changes(
    session: AsyncSession, organization_id: UUID, ids: Sequence[UUID], watched: Sequence[str]
) -> dict[UUID, dict[str | None, datetime]]:
    """When the status of resources (by None) and some of their properties (by name) were last seen to change."""
    values = {"organization_id": organization_id, "ids": list(ids), "watched": list(watched)}
    found: dict[UUID, dict[str | None, datetime]] = defaultdict(dict)
    for row in await session.execute(_CHANGED, values):
        found[row.resource_id][row.name] = row.changed_at
    return found


async def targets_of(
    session: AsyncSession, organization_id: UUID, ids: Sequence[UUID], kind: RelationshipKind, *, outgoing: bool
) -> dict[UUID, list[tuple[str, UUID | None]]]:
    """The other ends of one kind of relationship: native id, and ours where it is in the inventory.

    One more than MOST_NEIGHBOURS stands for any number more.
    """
    return await ends_of(session, organization_id, ids, kind=kind.value, outgoing=outgoing, limit=MOST_NEIGHBOURS + 1)


async def siblings_of(
    session: AsyncSession, organization_id: UUID, ids: Sequence[UUID], kind: RelationshipKind
) -> dict[UUID, list[UUID]]:
    """The resources that stand in the same relationship to the same third one."""
    await plan_for_average(session)
    values = {"organization_id": organization_id, "ids": list(ids), "kind": kind.value}
    found: dict[UUID, list[UUID]] = defaultdict(list)
    for resource_id, other_id in await session.execute(_SIBLINGS, values):
        found[resource_id].append(other_id)
    return found


async def peers_of(
    session: AsyncSession, organization_id: UUID, account_id: UUID, ids: Sequence[UUID], resource_type: str
) -> dict[UUID, list[UUID]]:
    """The other resources of a type in an account, for each of some.

    One more than MOST_NEIGHBOURS stands for any number more.
    """
    values = {
        "organization_id": organization_id,
        "account_id": account_id,
        "ids": list(ids),
        "resource_type": resource_type,
        "limit": MOST_NEIGHBOURS + 1,
    }
    found: dict[UUID, list[UUID]] = defaultdict(list)
    for id_, other_id in await session.execute(_PEERS, values):
        found[id_].append(other_id)
    return found


async def last_steps(session: AsyncSession, organization_id: UUID, account_id: UUID) -> Sequence[RowMapping]:
    """How and when each service and region of an account was last read: state, what was collected, problems."""
    values = {"organization_id": organization_id, "account_id": account_id}
    return (await session.execute(_TYPES_READ, values)).mappings().all()
