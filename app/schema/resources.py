"""Resources: what runs or is kept at a provider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Annotated, Any
from uuid import UUID

import strawberry
from strawberry.scalars import JSON

from app.context import Info
from app.execution import batch, from_rows, is_selected, wanted_of
from app.records import Provider
from app.records.criteria import Condition, Direction, Emptiness, ResourceOrderField
from app.schema.accounts import Account, accounts_of
from app.schema.enums import graph_enum
from app.schema.errors import Conflict, InvalidInput, NotFound
from app.schema.filters import DateTimeFilter, IDFilter, StringFilter, TagFilter, to_criteria
from app.schema.ingestion import RowIssue
from app.schema.node import Node, global_id, node_id
from app.schema.node_costs import ResourceCosts
from app.schema.pages import rows_page
from app.schema.paging import Connection, PageArguments
from app.schema.repeatable import Repeatable
from app.schema.resource_graph import ResourceGraph
from app.schema.resource_recommendations import ResourceRecommendations
from app.schema.scalars import JSONObject

graph_enum(
    ResourceOrderField,
    "What resources can be ordered by.",
    NAME="Their name.",
    FIRST_SEEN_AT="When Skyledger first saw them.",
    LAST_SEEN_AT="When Skyledger last saw them change.",
)

THERE: tuple[tuple[str, Condition], ...] = (("gone_at", Emptiness(empty=True)),)


@from_rows(
    *("provider", "service", "resource_type", "native_id", "name", "region", "availability_zone", "status"),
    *("tags", "properties", "provider_created_at", "first_seen_at", "last_seen_at", "last_used_at", "gone_at"),
    id=node_id("Resource"),
)
@strawberry.type(description="One thing that runs or is kept at a provider.")
class Resource(ResourceGraph, ResourceCosts, ResourceRecommendations, Node):
    """A row of `resources`."""

    provider: Provider = strawberry.field(description="The provider.")
    service: str = strawberry.field(description="The provider's service, such as `AmazonEC2`.")
    resource_type: str = strawberry.field(description="The provider's type, such as `AWS::EC2::Instance`.")
    native_id: str = strawberry.field(description="The provider's own id; FOCUS calls it ResourceId.")
    name: str = strawberry.field(description="Name for people; the native id where it has none.")
    region: str | None = strawberry.field(description="The provider's region; null for what is global.")
    availability_zone: str | None = strawberry.field(description="The zone within the region, where there is one.")
    status: str | None = strawberry.field(description="The state as the provider tells it, such as `running`.")
    tags: JSONObject = strawberry.field(description="Tags or labels: keys and values of text.")
    properties: JSONObject = strawberry.field(description="What else the provider tells about this type.")
    provider_created_at: datetime | None = strawberry.field(description="When the provider created it, where known.")
    first_seen_at: datetime = strawberry.field(description="When Skyledger first saw it.")
    last_seen_at: datetime = strawberry.field(description="When Skyledger last saw it new or changed.")
    last_used_at: datetime | None = strawberry.field(description="When it was last used, where the provider tells.")
    gone_at: datetime | None = strawberry.field(
        description="When a scan no longer found it; null while it is there. It keeps its id should it return."
    )
    account_key: strawberry.Private[tuple[UUID, UUID]]

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> Resource:
        """Make it of a row."""
        return cls(
            id=global_id("Resource", row["id"], row["organization_id"]),
            provider=Provider(row["provider"]),
            service=row["service"],
            resource_type=row["resource_type"],
            native_id=row["native_id"],
            name=row["name"],
            region=row["region"],
            availability_zone=row["availability_zone"],
            status=row["status"],
            tags=JSONObject(row["tags"]),
            properties=JSONObject(row["properties"]),
            provider_created_at=row["provider_created_at"],
            first_seen_at=row["first_seen_at"],
            last_seen_at=row["last_seen_at"],
            last_used_at=row["last_used_at"],
            gone_at=row["gone_at"],
            key=(row["organization_id"], row["id"]),
            account_key=(row["organization_id"], row["account_id"]),
        )

    @strawberry.field(
        description="The account it belongs to.",
        metadata=batch(accounts_of, columns=("organization_id", "account_id"), key=attrgetter("account_key")),
    )
    async def account(self, info: Info) -> Account:
        """One statement for all resources of a page."""
        return (await accounts_of(info, [self.account_key]))[0]


async def resources_of(info: Info, keys: Sequence[tuple[UUID, UUID | None]]) -> list[Any]:
    """Resources by key, or rows of the wanted columns; None where there is none. One statement."""
    asked = [(organization_id, id_) for organization_id, id_ in keys if id_ is not None]
    loaders, wanted = info.context.loaders, wanted_of(info)
    rows: Sequence[Any]
    if wanted is not None:
        rows = await loaders.some_resources.load_one_each(asked, wanted)
    else:
        rows = [
            None if row is None else Resource.from_row(row) for row in await loaders.resource_by_id.load_many(asked)
        ]
    found = iter(rows)
    return [None if id_ is None else next(found) for _, id_ in keys]


@strawberry.input(description="Which resources; all conditions must hold.")
class ResourceFilter:
    """Fields are named like columns of `resources`."""

    account_id: IDFilter | None = strawberry.field(default=None, description="The account it belongs to.")
    provider: StringFilter | None = strawberry.field(default=None, description="Provider, by its enum name.")
    service: StringFilter | None = strawberry.field(default=None, description="The provider's service.")
    resource_type: StringFilter | None = strawberry.field(default=None, description="The provider's type.")
    native_id: StringFilter | None = strawberry.field(default=None, description="The provider's own id.")
    name: StringFilter | None = strawberry.field(default=None, description="Name.")
    region: StringFilter | None = strawberry.field(default=None, description="Region.")
    status: StringFilter | None = strawberry.field(default=None, description="State as the provider tells it.")
    tags: list[TagFilter] | None = strawberry.field(default=None, description="Conditions on tags; all must hold.")
    first_seen_at: DateTimeFilter | None = strawberry.field(default=None, description="When it was first seen.")
    last_seen_at: DateTimeFilter | None = strawberry.field(default=None, description="When it was last seen changed.")


@strawberry.input(description="Order of resources; equal ones are ordered by id.")
class ResourceOrder:
    """Field and direction."""

    field: ResourceOrderField = strawberry.field(description="What to order by.")
    direction: Direction = strawberry.field(default=Direction.ASC, description="Which end first.")


async def resource_page(
    info: Info,
    organization_id: UUID,
    where: ResourceFilter | None,
    order_by: ResourceOrder | None,
    page: PageArguments,
    *,
    include_gone: bool,
) -> Connection[Resource]:
    """A page of an organization's resources, by name when no order is given."""
    order = (order_by.field, order_by.direction) if order_by else (ResourceOrderField.NAME, Direction.ASC)
    return await rows_page(
        info,
        info.context.loaders.resources,
        Resource.from_row,
        organization_id,
        where,
        order,
        page,
        () if include_gone else THERE,
    )


@strawberry.type(description="How many resources have a value.")
class ResourceCount:
    """One entry of `InventorySummary`."""

    key: str | None = strawberry.field(description="The value; null for those that have none.")
    count: int = strawberry.field(description="How many resources have it.")


@strawberry.type(description="How many resources are there, by what they are. What is gone is not counted.")
class InventorySummary:
    """See app.repositories.inventory_summary."""

    total_count: int = strawberry.field(description="All of them.")
    by_provider: list[ResourceCount] = strawberry.field(description="By provider, most first.")
    by_service: list[ResourceCount] = strawberry.field(description="By service, most first.")
    by_type: list[ResourceCount] = strawberry.field(description="By resource type, most first.")
    by_region: list[ResourceCount] = strawberry.field(description="By region, most first.")
    by_state: list[ResourceCount] = strawberry.field(description="By state as the provider tells it, most first.")


_SIDES = {
    "by_provider": "provider",
    "by_service": "service",
    "by_type": "resource_type",
    "by_region": "region",
    "by_state": "status",
}


async def inventory_summary(info: Info, organization_id: UUID, where: ResourceFilter | None) -> InventorySummary:
    """Counts in one statement, from the sides that are selected."""
    sides = tuple(column for name, column in _SIDES.items() if is_selected(info, name))
    summary = await info.context.loaders.inventory_summary(organization_id, to_criteria(where), sides)
    counts = {
        name: [ResourceCount(key=key, count=count) for key, count in summary.by[column]]
        for name, column in _SIDES.items()
    }
    return InventorySummary(total_count=summary.total, **counts)


@strawberry.input(
    description="One resource as a row. All fields are lenient, so that a bad row is reported and the others land."
)
class ResourceRowInput:
    """See app/scanning/rows.py for the rules."""

    provider: str | None = strawberry.field(default=None, description="Required: a name of the enum Provider.")
    account_id: str | None = strawberry.field(default=None, description="Required: the provider's account id.")
    account_name: str | None = strawberry.field(default=None, description="Name of an account that is new.")
    service: str | None = strawberry.field(default=None, description="The provider's service; the type if left out.")
    resource_type: str | None = strawberry.field(default=None, description="Required: the provider's type.")
    resource_id: str | None = strawberry.field(default=None, description="Required: the provider's own id.")
    resource_name: str | None = strawberry.field(default=None, description="Name for people.")
    region: str | None = strawberry.field(default=None, description="The provider's region.")
    availability_zone: str | None = strawberry.field(default=None, description="The zone within the region.")
    status: str | None = strawberry.field(default=None, description="The state as the provider tells it.")
    tags: JSON | None = strawberry.field(default=None, description="A JSON object of texts, or its text.")
    properties: JSON | None = strawberry.field(default=None, description="A JSON object, or its text.")
    created_at: str | None = strawberry.field(default=None, description="When the provider created it, ISO 8601.")


@strawberry.input(description="At most 5,000 resources of one organization.")
class IngestResourcesInput(Repeatable):
    """See `ingestResources`."""

    organization_id: strawberry.ID = strawberry.field(description="The organization that they belong to.")
    rows: list[ResourceRowInput] = strawberry.field(description="The rows, at most 5,000; numbered from 1 in issues.")


@strawberry.type(description="What became of a batch of resources.")
class IngestResourcesPayload:
    """See `ingestResources`."""

    received: int = strawberry.field(description="Rows that were sent.")
    added: int = strawberry.field(description="Rows that are new resources.")
    changed: int = strawberry.field(description="Rows that changed a resource.")
    unchanged: int = strawberry.field(description="Rows that were known already, just so.")
    accounts_added: int = strawberry.field(description="Manual accounts that were added for these rows.")
    issues: list[RowIssue] = strawberry.field(description="What was wrong, row by row; such rows did not land.")


IngestResourcesResult = Annotated[
    IngestResourcesPayload | InvalidInput | NotFound | Conflict,
    strawberry.union("IngestResourcesResult", description="What `ingestResources` answers."),
]
