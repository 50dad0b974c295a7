"""What was found on a resource, as part of `Resource`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from app.context import Info
from app.loaders.scans import Asked
from app.schema.paging import within

if TYPE_CHECKING:
    from app.schema.recommendations import Recommendation

MOST = 100
Most = Annotated[int, strawberry.argument(description="How many at most, 1 to 100.")]


@strawberry.type
class ResourceRecommendations:
    """A base of `Resource`."""

    key: strawberry.Private[tuple[UUID, UUID]]

    @strawberry.field(description="What was found on it and is not resolved, the dearest first.")
    async def recommendations(
        self, info: Info, first: Most = 25
    ) -> list[Annotated[Recommendation, strawberry.lazy("app.schema.recommendations")]] | None:
        """One statement for all resources of a page."""
        from app.schema.recommendations import Recommendation  # noqa: PLC0415  (recommendations know resources)

        found = await info.context.loaders.recommendations_by_resource.load(Asked(*self.key, (within(first, MOST),)))
        return [Recommendation.from_row(row) for row in found]
