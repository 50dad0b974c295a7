"""The inventory as a graph: how resources stand to each other, what stands around one, and what changed about it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import strawberry

from app.context import Info
from app.loaders.scans import Asked
from app.records import ChangeKind, RelationshipKind
from app.records.criteria import RelationshipDirection
from app.schema.enums import graph_enum
from app.schema.node import global_id
from app.schema.paging import within
from app.schema.scalars import JSONObject
from app.server.costs.directives import weighs

if TYPE_CHECKING:
    from app.schema.resources import Resource

LONGEST_LIST = 500
DEEPEST = 3
graph_enum(
    RelationshipKind,
    "How one resource stands to another, read from the one that says so to its target.",
    ATTACHED_TO="Is attached to it: a volume to an instance, an address to an interface.",
    MEMBER_OF="Is a member of it: an instance of a scaling group, a node pool of a cluster.",
    BEHIND="Is behind it: a target behind a load balancer.",
    CREATED_FROM="Was made from it: a snapshot from a volume, an instance from an image.",
    IN_NETWORK="Is in it: in a network or subnet.",
)
graph_enum(
    ChangeKind,
    "What a scan found different about a resource.",
    CHANGED="Some of its fields.",
    REMOVED="It was no longer there.",
    RETURNED="It was there again.",
)


graph_enum(
    RelationshipDirection,
    "Which relationships of a resource.",
    OUTGOING="What it says of others: the volume of its instance.",
    INCOMING="What others say of it: the instance's volumes.",
    BOTH="Both.",
)


@strawberry.type(description="How a resource stands to another.")
class ResourceRelationship:
    """See app.repositories.relationships.Related."""

    kind: RelationshipKind = strawberry.field(description="How they stand, read from the one that says so.")
    direction: RelationshipDirection = strawberry.field(
        description="OUTGOING if this resource says so of the other, INCOMING if the other does."
    )
    native_id: str = strawberry.field(description="The provider's id of the other end.")
    resource: Annotated[Resource, strawberry.lazy("app.schema.resources")] | None = strawberry.field(
        description="The other end; null where no scan has found it. It may be gone: see its `goneAt`."
    )


@strawberry.type(description="A resource that stands around another.")
class ResourceNeighbor:
    """See app.repositories.relationships.Neighbor."""

    distance: int = strawberry.field(description="How many relationships lie between them, in either direction.")
    resource: Annotated[Resource, strawberry.lazy("app.schema.resources")] = strawberry.field(
        description="The resource."
    )


@strawberry.type(description="What a scan found different about a resource.")
class ResourceChange:
    """A row of `resource_changes`."""

    kind: ChangeKind = strawberry.field(description="What happened.")
    changed_at: datetime = strawberry.field(description="When the scan found it.")
    changes: JSONObject = strawberry.field(
        description="By field, `from` and `to`; tags and properties by key, relationships as `added` and `removed`."
    )
    scan_id: strawberry.ID | None = strawberry.field(
        description="Global id of the scan; null for rows that were sent by a caller."
    )

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> ResourceChange:
        """Make it of a row."""
        scan_id = row["scan_id"]
        return cls(
            kind=ChangeKind(row["kind"]),
            changed_at=row["changed_at"],
            changes=JSONObject(row["changes"]),
            scan_id=None if scan_id is None else global_id("Scan", scan_id, row["organization_id"]),
        )


Most = Annotated[int, strawberry.argument(description="How many at most, 1 to 500.")]


@strawberry.type
class ResourceGraph:
    """The part of `Resource` that this room adds; `Resource` inherits it."""

    key: strawberry.Private[tuple[UUID, UUID]]

    @strawberry.field(description="How it stands to others, and they to it.")
    async def relationships(
        self,
        info: Info,
        direction: Annotated[
            RelationshipDirection, strawberry.argument(description="Which of them.")
        ] = RelationshipDirection.BOTH,
        kind: Annotated[
            RelationshipKind | None, strawberry.argument(description="Only this kind; all when left out.")
        ] = None,
        first: Most = 100,
    ) -> list[ResourceRelationship]:
        """One statement for all resources of a page."""
        outgoing = direction is not RelationshipDirection.INCOMING
        incoming = direction is not RelationshipDirection.OUTGOING
        arguments = (outgoing, incoming, kind.value if kind else None, within(first, LONGEST_LIST))
        found = await info.context.loaders.relationships.load(Asked(*self.key, arguments))
        return [
            ResourceRelationship(
                kind=RelationshipKind(related.kind),
                direction=RelationshipDirection.OUTGOING if related.outgoing else RelationshipDirection.INCOMING,
                native_id=related.native_id,
                resource=None if related.resource is None else _resource(related.resource),
            )
            for related in found
        ]

    @strawberry.field(
        description="What stands around it, the nearest first; what is gone is left out.", directives=[weighs(5)]
    )
    async def neighbors(
        self,
        info: Info,
        depth: Annotated[int, strawberry.argument(description="How many relationships away at most, 1 to 3.")] = 1,
        first: Most = 100,
    ) -> list[ResourceNeighbor]:
        """One statement for all resources of a page."""
        arguments = (within(depth, DEEPEST, "depth"), within(first, LONGEST_LIST))
        found = await info.context.loaders.neighbors.load(Asked(*self.key, arguments))
        return [ResourceNeighbor(distance=each.distance, resource=_resource(each.resource)) for each in found]

    @strawberry.field(description="What scans found different about it, the newest first.")
    async def history(self, info: Info, first: Most = 25) -> list[ResourceChange]:
        """One statement for all resources of a page."""
        rows = await info.context.loaders.resource_changes.load(Asked(*self.key, (within(first, LONGEST_LIST),)))
        return [ResourceChange.from_row(row) for row in rows]


def _resource(row: Mapping[str, Any]) -> Resource:
    from app.schema.resources import Resource  # noqa: PLC0415  (that module needs this one)

    return Resource.from_row(row)
