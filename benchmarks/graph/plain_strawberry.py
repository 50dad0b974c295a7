"""Strawberry as its documentation shows it: resolvers on types, DataLoaders in a context, its own ASGI application."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import strawberry
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.dataloader import DataLoader
from strawberry.scalars import JSON
from strawberry.types import Info

from app.models import Organization as OrganizationRow
from app.models import Recommendation as RecommendationRow
from app.models import Resource as ResourceRow
from app.models import User as UserRow
from benchmarks.graph.plain import Door, Reader, cursor_of
from benchmarks.graph.serving import serve


class Context:
    """What one request knows: who asks, and loaders once an organization is entered."""

    def __init__(self, door: Door, authorization: str) -> None:
        self.door, self.authorization = door, authorization

    async def enter(self, slug: str) -> Reader:
        """Enter an organization."""
        self.reader = await self.door.enter(self.authorization, slug)
        self.recommendations: DataLoader[UUID, list[RecommendationRow]] = DataLoader(
            load_fn=self.reader.recommendations
        )
        self.costs: DataLoader[str, Decimal | None] = DataLoader(load_fn=self.reader.costs)
        return self.reader


PlainInfo = Info[Context, None]


@strawberry.type
class Money:
    """An amount."""

    amount: Decimal
    currency: str


def _money(amount: Decimal | None, info: PlainInfo) -> Money | None:
    return None if amount is None else Money(amount=amount, currency=info.context.reader.place.currency)


@strawberry.type
class Saving:
    """What can be saved."""

    converted: Money | None


@strawberry.type
class Cost:
    """What something cost."""

    cost: Money | None


@strawberry.type
class Recommendation:
    """A finding."""

    id: strawberry.ID
    check_id: str
    state: str
    severity: str
    row: strawberry.Private[RecommendationRow]

    @classmethod
    def of(cls, row: RecommendationRow) -> Recommendation:
        """Make it of its row."""
        return cls(
            id=strawberry.ID(str(row.id)), check_id=row.check_id, state=row.state, severity=row.severity, row=row
        )

    @strawberry.field
    def saving(self, info: PlainInfo) -> Saving:
        """In the organization's currency."""
        return Saving(converted=_money(self.row.converted_saving, info))


@strawberry.type
class Resource:
    """A resource."""

    id: strawberry.ID
    provider: str
    service: str
    resource_type: str
    native_id: str
    name: str
    region: str | None
    availability_zone: str | None
    status: str | None
    tags: JSON
    first_seen_at: datetime
    last_seen_at: datetime
    row: strawberry.Private[ResourceRow]

    @classmethod
    def of(cls, row: ResourceRow) -> Resource:
        """Make it of its row."""
        return cls(
            id=strawberry.ID(str(row.id)),
            provider=row.provider,
            service=row.service,
            resource_type=row.resource_type,
            native_id=row.native_id,
            name=row.name,
            region=row.region,
            availability_zone=row.availability_zone,
            status=row.status,
            tags=JSON(row.tags),
            first_seen_at=row.first_seen_at,
            last_seen_at=row.last_seen_at,
            row=row,
        )

    @strawberry.field
    async def recommendations(self, info: PlainInfo, first: int = 25) -> list[Recommendation]:
        """The dearest first."""
        rows = await info.context.recommendations.load(self.row.id)
        return [Recommendation.of(row) for row in rows[:first]]

    @strawberry.field
    async def month_to_date_cost(self, info: PlainInfo) -> Cost:
        """From the first of this month to today."""
        return Cost(cost=_money(await info.context.costs.load(self.row.native_id), info))


@strawberry.type
class PageInfo:
    """Where a page ends."""

    has_next_page: bool
    end_cursor: str | None


@strawberry.type
class ResourceConnection:
    """A page of resources."""

    nodes: list[Resource]
    page_info: PageInfo


@strawberry.type
class User:
    """A person."""

    id: strawberry.ID
    name: str
    email: str

    @classmethod
    def of(cls, row: UserRow) -> User:
        """Make it of its row."""
        return cls(id=strawberry.ID(str(row.id)), name=row.name, email=row.email)


@strawberry.type
class Viewer:
    """Who asks."""

    user: User | None


@strawberry.type
class Organization:
    """A tenant."""

    id: strawberry.ID
    slug: str
    name: str
    currency: str
    viewer_role: str

    @classmethod
    def of(cls, row: OrganizationRow, role: str) -> Organization:
        """Make it of its row."""
        id_ = strawberry.ID(str(row.id))
        return cls(id=id_, slug=row.slug, name=row.name, currency=row.currency, viewer_role=role)

    @strawberry.field
    async def resources(self, info: PlainInfo, first: int = 25) -> ResourceConnection:
        """By name."""
        rows = await info.context.reader.resources(first)
        nodes = [Resource.of(row) for row in rows[:first]]
        page = PageInfo(has_next_page=len(rows) > first, end_cursor=cursor_of(nodes[-1].row) if nodes else None)
        return ResourceConnection(nodes=nodes, page_info=page)


@strawberry.type
class Query:
    """What can be asked."""

    @strawberry.field
    async def viewer(self, info: PlainInfo) -> Viewer:
        """Who asks."""
        user = await info.context.door.user(info.context.authorization)
        return Viewer(user=None if user is None else User.of(user))

    @strawberry.field
    async def organization(self, info: PlainInfo, slug: str) -> Organization | None:
        """By its slug."""
        reader = await info.context.enter(slug)
        row = await reader.organization()
        return None if row is None else Organization.of(row, reader.place.role)


class PlainGraphQL(GraphQL[Context, None]):
    """The library's ASGI application, with a context."""

    door: Door

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:  # noqa: ARG002
        """One for each request."""
        return Context(self.door, request.headers.get("authorization", ""))


def main() -> None:
    """Serve."""
    app: Any = PlainGraphQL(strawberry.Schema(Query))
    app.door = Door()
    serve(app)


if __name__ == "__main__":
    main()
