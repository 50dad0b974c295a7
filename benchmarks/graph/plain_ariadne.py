"""Ariadne as its documentation shows it: the schema as text, resolvers bound to it, its own ASGI application."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from ariadne import ObjectType, QueryType, ScalarType, gql, make_executable_schema
from ariadne.asgi import GraphQL
from starlette.requests import Request
from strawberry.dataloader import DataLoader

from app.models import Organization, Recommendation, Resource, User
from benchmarks.graph.plain import Door, cursor_of
from benchmarks.graph.serving import serve

SCHEMA = gql("""
scalar DateTime
scalar Decimal
scalar JSON
type Query { viewer: Viewer! organization(slug: String!): Organization }
type Viewer { user: User }
type User { id: ID! name: String! email: String! }
type Organization {
  id: ID! slug: String! name: String! currency: String! viewerRole: String!
  resources(first: Int = 25): ResourceConnection!
}
type ResourceConnection { nodes: [Resource!]! pageInfo: PageInfo! }
type PageInfo { hasNextPage: Boolean! endCursor: String }
type Resource {
  id: ID! provider: String! service: String! resourceType: String! nativeId: String! name: String! region: String
  availabilityZone: String status: String tags: JSON! firstSeenAt: DateTime! lastSeenAt: DateTime!
  recommendations(first: Int = 25): [Recommendation!]!
  monthToDateCost: Cost!
}
type Recommendation { id: ID! checkId: String! state: String! severity: String! saving: Saving! }
type Saving { converted: Money }
type Cost { cost: Money }
type Money { amount: Decimal! currency: String! }
""")
query, organization, resource, recommendation = (
    QueryType(),
    ObjectType("Organization"),
    ObjectType("Resource"),
    ObjectType("Recommendation"),
)
scalars = (
    ScalarType("DateTime", serializer=datetime.isoformat),
    ScalarType("Decimal", serializer=str),
    ScalarType("JSON"),
)


@query.field("viewer")
async def _viewer(_: object, info: Any) -> dict[str, User | None]:
    return {"user": await info.context["door"].user(info.context["authorization"])}


@query.field("organization")
async def _organization(_: object, info: Any, slug: str) -> Organization | None:
    reader = await info.context["door"].enter(info.context["authorization"], slug)
    info.context["reader"] = reader
    info.context["recommendations"] = DataLoader(load_fn=reader.recommendations)
    info.context["costs"] = DataLoader(load_fn=reader.costs)
    found: Organization | None = await reader.organization()
    return found


@organization.field("viewerRole")
def _viewer_role(_: object, info: Any) -> str:
    role: str = info.context["reader"].place.role
    return role


@organization.field("resources")
async def _resources(_: object, info: Any, first: int) -> dict[str, Any]:
    rows = await info.context["reader"].resources(first)
    nodes = rows[:first]
    page = {"has_next_page": len(rows) > first, "end_cursor": cursor_of(nodes[-1]) if nodes else None}
    return {"nodes": nodes, "page_info": page}


@resource.field("recommendations")
async def _recommendations(row: Resource, info: Any, first: int) -> list[Recommendation]:
    rows: list[Recommendation] = await info.context["recommendations"].load(row.id)
    return rows[:first]


@resource.field("monthToDateCost")
async def _month_to_date_cost(row: Resource, info: Any) -> dict[str, Any]:
    return {"cost": _money(await info.context["costs"].load(row.native_id), info)}


@recommendation.field("saving")
def _saving(row: Recommendation, info: Any) -> dict[str, Any]:
    return {"converted": _money(row.converted_saving, info)}


def _money(amount: Decimal | None, info: Any) -> dict[str, Any] | None:
    return None if amount is None else {"amount": amount, "currency": info.context["reader"].place.currency}


def main() -> None:
    """Serve."""
    door = Door()

    def context(request: Request, _: Any) -> dict[str, Any]:
        return {"door": door, "authorization": request.headers.get("authorization", "")}

    schema = make_executable_schema(
        SCHEMA, query, organization, resource, recommendation, *scalars, convert_names_case=True
    )
    serve(GraphQL(schema, context_value=context))


if __name__ == "__main__":
    main()
