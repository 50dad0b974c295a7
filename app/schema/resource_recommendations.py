"""What was found on a resource, as part of `Resource`."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import strawberry

from app.context import Info
from app.execution import batch, wanted_of
from app.loaders.scans import Asked
from app.schema.paging import within

if TYPE_CHECKING:
    from app.schema.recommendations import Recommendation

MOST = 100
Most = Annotated[int, strawberry.argument(description="How many at most, 1 to 100.")]


async def recommendations_of(info: Info, keys: Sequence[tuple[UUID, UUID]], first: int = 25) -> list[list[Any]]:
    """Recommendations of resources, or rows of the wanted columns; one statement."""
    from app.schema.recommendations import Recommendation  # noqa: PLC0415  (recommendations know resources)

    arguments = (within(first, MOST),)
    loaders, wanted = info.context.loaders, wanted_of(info)
    if wanted is not None:
        return await loaders.some_recommendations_of_resources.records(keys, arguments, wanted)
    asked = [Asked(*key, arguments) for key in keys]
    found = await loaders.recommendations_by_resource.load_many(asked)
    return [[Recommendation.from_row(row) for row in rows] for rows in found]


@strawberry.type
class ResourceRecommendations:
    """A base of `Resource`."""

    key: strawberry.Private[tuple[UUID, UUID]]

    @strawberry.field(
        description="What was found on it and is not resolved, the dearest first.",
        metadata=batch(recommendations_of, columns=("organization_id", "id"), key=attrgetter("key"), rows=True),
    )
    async def recommendations(
        self, info: Info, first: Most = 25
    ) -> list[Annotated[Recommendation, strawberry.lazy("app.schema.recommendations")]] | None:
        """One statement for all resources of a page."""
        found: list[list[Recommendation]] = await recommendations_of(info, [self.key], first)
        return found[0]
