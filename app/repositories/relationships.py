"""SQL of relationships: written with the resource that says them, read from both ends, followed a few steps far.

A relationship names its other end by the provider's id. That is the resource of the same provider with this native
id: the one in the same account, else the one still there, else the oldest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, ColumnElement, Integer, Subquery, Table, Text, Uuid, and_, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import TypeEngine

from app.models import ResourceRelationship
from app.records import RelationshipKind
from app.repositories.planning import plan_for_average
from app.repositories.resources import RESOURCES

RELATIONSHIPS: Table = ResourceRelationship.__table__  # type: ignore[assignment]
GREATEST_DEPTH = 3
_NOBODY = UUID(int=0)

_CLEAR = text("""
    DELETE FROM resource_relationships
    WHERE organization_id = :organization_id AND resource_id = ANY(CAST(:ids AS uuid[]))
""")
_ADD = text("""
    INSERT INTO resource_relationships (organization_id, resource_id, kind, target_native_id)
    SELECT :organization_id, sent.resource_id, sent.kind, sent.target
    FROM unnest(CAST(:ids AS uuid[]), CAST(:kinds AS text[]), CAST(:targets AS text[]))
        AS sent(resource_id, kind, target)
    ON CONFLICT DO NOTHING
""")
# The resource that a relationship of `source` to `relation.target_native_id` is about.
_TARGET = """
    SELECT candidate.id, candidate.gone_at FROM resources AS candidate
    WHERE candidate.organization_id = :organization_id AND candidate.native_id = relation.target_native_id
        AND candidate.provider = source.provider
    ORDER BY candidate.account_id <> source.account_id, candidate.gone_at IS NOT NULL, candidate.id
    LIMIT 1
"""
# `asked` is the resource whose relationships are read. The orders are those of indexes, so that a limit ends the work.
_OUTGOING = f"""
    SELECT relation.kind, true AS outgoing, relation.target_native_id AS native_id, other.id AS other_id, other.gone_at
    FROM resources AS source
    JOIN resource_relationships AS relation
        ON relation.organization_id = :organization_id AND relation.resource_id = source.id
        AND (CAST(:kind AS text) IS NULL OR relation.kind = CAST(:kind AS text))
    LEFT JOIN LATERAL ({_TARGET}) AS other ON true
    WHERE source.organization_id = :organization_id AND source.id = asked.id
    ORDER BY relation.kind, relation.target_native_id
"""  # noqa: S608  (constants)
# What points to a resource whose native id another one bears too may mean the other: hence the look at what is meant.
_INCOMING = f"""
    SELECT relation.kind, false AS outgoing, source.native_id, source.id AS other_id, source.gone_at
    FROM resources AS self
    JOIN resource_relationships AS relation
        ON relation.organization_id = :organization_id AND relation.target_native_id = self.native_id
        AND (CAST(:kind AS text) IS NULL OR relation.kind = CAST(:kind AS text))
    JOIN resources AS source ON source.organization_id = :organization_id AND source.id = relation.resource_id
        AND source.provider = self.provider AND source.gone_at IS NULL
    JOIN LATERAL ({_TARGET}) AS meant ON meant.id = self.id
    WHERE self.organization_id = :organization_id AND self.id = asked.id
    ORDER BY relation.kind, relation.resource_id
"""  # noqa: S608  (constants)
_RELATED = f"""
    SELECT asked.id AS resource_id, related.kind, related.outgoing, related.native_id, related.other_id
    FROM unnest(CAST(:ids AS uuid[])) AS asked(id)
    CROSS JOIN LATERAL (
        SELECT * FROM (SELECT * FROM ({_OUTGOING}) AS found WHERE :outgoing LIMIT :limit) AS outgoing
        UNION ALL
        SELECT * FROM (SELECT * FROM ({_INCOMING}) AS found WHERE :incoming LIMIT :limit) AS incoming
        LIMIT :limit
    ) AS related
"""  # noqa: S608  (constants)
# One row for each asked resource and distance. `seen` keeps a circle from being walked twice. What one resource leads
# to is cut at what could still be needed (one neighbour can stand there once for each kind and direction), so that a
# network with all its members costs no more than the answer.
_REACHED = f"""
    WITH RECURSIVE reached(start, distance, frontier, seen) AS (
        SELECT id, 0, ARRAY[id], ARRAY[id] FROM unnest(CAST(:ids AS uuid[])) AS asked(id)
        UNION ALL
        SELECT reached.start, reached.distance + 1, next.found, reached.seen || next.found
        FROM reached CROSS JOIN LATERAL (
            SELECT coalesce(array_agg(fresh.id), '{{}}') AS found FROM (
                SELECT DISTINCT neighbor.other_id AS id
                FROM unnest(reached.frontier) AS asked(id)
                CROSS JOIN LATERAL (
                    SELECT other_id FROM (
                        SELECT * FROM ({_OUTGOING}) AS outgoing UNION ALL SELECT * FROM ({_INCOMING}) AS incoming
                    ) AS either
                    WHERE other_id <> ALL (reached.seen) AND gone_at IS NULL
                    LIMIT {2 * len(RelationshipKind)} * (:limit + 1 - cardinality(reached.seen))
                ) AS neighbor
                ORDER BY neighbor.other_id
                LIMIT :limit + 1 - cardinality(reached.seen)
            ) AS fresh
        ) AS next
        WHERE reached.distance < :depth AND cardinality(next.found) > 0
    )
    SELECT reached.start, reached.distance, found.id AS other_id
    FROM reached CROSS JOIN LATERAL unnest(reached.frontier) AS found(id)
    WHERE reached.distance > 0
"""  # noqa: S608  (constants)


@dataclass(frozen=True, slots=True)
class Related:
    """One relationship of `resource_id`. `outgoing`: it says so of the other end; else the other end says so of it.

    `native_id` is the other end's; `resource` is the other end's row by column names where it is in the inventory.
    """

    resource_id: UUID
    kind: str
    outgoing: bool
    native_id: str
    resource: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Neighbor:
    """A resource and the number of relationships that lead to it, in whichever direction."""

    distance: int
    resource: Mapping[str, Any]


async def replace_relationships(
    session: AsyncSession,
    organization_id: UUID,
    cleared: Sequence[UUID],
    relations: Sequence[tuple[UUID, str, str]],
) -> None:
    """Take all relationships that the `cleared` resources say away, then add (resource id, kind, target native id)."""
    if cleared:
        await session.execute(_CLEAR, {"organization_id": organization_id, "ids": list(cleared)})
    if relations:
        ids, kinds, targets = (list(column) for column in zip(*relations, strict=True))
        values = {"organization_id": organization_id, "ids": ids, "kinds": kinds, "targets": targets}
        await session.execute(_ADD, values)


async def relationships_of(
    session: AsyncSession,
    organization_id: UUID,
    resource_ids: Sequence[UUID],
    *,
    outgoing: bool = True,
    incoming: bool = True,
    kind: str | None = None,
    limit: int = 100,
) -> dict[UUID, list[Related]]:
    """At most `limit` relationships of each resource in one statement, outgoing ones first, then by kind.

    What a gone resource says of the asked one is left out; what the asked one says of a gone one is told.
    """
    await plan_for_average(session)
    related = _subquery(
        _RELATED, resource_id=Uuid(), kind=Text(), outgoing=Boolean(), native_id=Text(), other_id=Uuid()
    )
    found = related.c
    statement = (
        select(found.resource_id, found.kind, found.outgoing, found.native_id, *RESOURCES.c)
        .select_from(related.outerjoin(RESOURCES, _is_other(related, organization_id)))
        .order_by(found.resource_id, found.outgoing.desc(), found.kind, found.native_id, found.other_id)
    )
    values = {"organization_id": organization_id, "ids": list(resource_ids), "limit": limit}
    result: dict[UUID, list[Related]] = {id_: [] for id_ in resource_ids}
    rows = await session.execute(statement, values | {"outgoing": outgoing, "incoming": incoming, "kind": kind})
    for asked, said, is_outgoing, native_id, *other in rows:
        resource = _resource(other) if other[0] is not None else None
        result[asked].append(Related(asked, said, is_outgoing, native_id, resource))
    return result


async def ends_of(
    session: AsyncSession, organization_id: UUID, resource_ids: Sequence[UUID], *, kind: str, outgoing: bool, limit: int
) -> dict[UUID, list[tuple[str, UUID | None]]]:
    """The other ends of one kind of relationship in one direction: native id, and ours where there is a resource.

    At most `limit` for each, in the order of `relationships_of`; what says it of the asked one is not gone.
    """
    await plan_for_average(session)
    values = {"organization_id": organization_id, "ids": list(resource_ids), "limit": limit, "kind": kind}
    rows = await session.execute(text(_RELATED), values | {"outgoing": outgoing, "incoming": not outgoing})
    result: dict[UUID, list[tuple[str, UUID | None]]] = {id_: [] for id_ in resource_ids}
    for asked, _, _, native_id, other_id in rows:
        result[asked].append((native_id, other_id))
    for ends in result.values():
        ends.sort(key=lambda end: (end[0], end[1] is None, end[1] or _NOBODY))
    return result


async def neighbors_of(
    session: AsyncSession, organization_id: UUID, resource_ids: Sequence[UUID], *, depth: int, limit: int = 100
) -> dict[UUID, list[Neighbor]]:
    """The resources that 1 to `depth` relationships lead to from each, nearest first, in one statement.

    Relationships are followed in both directions, through resources that are there. At most `limit` for each; of the
    last distance that fits any. Raises ValueError for a depth that is not 1 to 3.
    """
    if not 1 <= depth <= GREATEST_DEPTH:
        message = f"A depth is 1 to {GREATEST_DEPTH}, not {depth}."
        raise ValueError(message)
    await plan_for_average(session)
    reached = _subquery(_REACHED, start=Uuid(), distance=Integer(), other_id=Uuid())
    statement = (
        select(reached.c.start, reached.c.distance, *RESOURCES.c)
        .select_from(reached.join(RESOURCES, _is_other(reached, organization_id)))
        .order_by(reached.c.start, reached.c.distance, reached.c.other_id)
    )
    values = {"organization_id": organization_id, "ids": list(resource_ids), "depth": depth, "limit": limit}
    result: dict[UUID, list[Neighbor]] = {id_: [] for id_ in resource_ids}
    for start, distance, *resource in await session.execute(statement, values | {"kind": None}):
        result[start].append(Neighbor(distance, _resource(resource)))
    return result


def _subquery(statement: str, **columns: TypeEngine[Any]) -> Subquery:
    return text(statement).columns(**columns).subquery("found")


def _is_other(found: Subquery, organization_id: UUID) -> ColumnElement[bool]:
    return and_(RESOURCES.c.organization_id == organization_id, RESOURCES.c.id == found.c.other_id)


def _resource(values: Sequence[Any]) -> Mapping[str, Any]:
    return dict(zip(RESOURCES.c.keys(), values, strict=True))
