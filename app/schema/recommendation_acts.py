"""What people say of recommendations: inputs and results of the mutations, one result for each id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated
from uuid import UUID

import strawberry

from app.context import Info
from app.errors import ErrorCode
from app.recommendations.answer import Answered
from app.records.recommendations import IgnoreReason, IgnoreScope
from app.schema.errors import InvalidInput, NotFound
from app.schema.recommendations import Recommendation
from app.server.costs.directives import at_most

_ABSENT = "There is no such recommendation within your reach."
_IDS = "Their global ids, 1 to 500."
_ORGANIZATION = "The organization that they belong to."
_NOTE = "What there is to say of it, at most 2,000 characters."


@strawberry.type(description="What became of one recommendation of the input.")
class RecommendationOutcome:
    """Either the recommendation as it is now, or why it was left as it was."""

    id: strawberry.ID = strawberry.field(description="The id as it was sent.")
    recommendation: Recommendation | None = strawberry.field(description="As it is now; null where there is none.")
    code: ErrorCode | None = strawberry.field(description="Why it was left as it was; null where all is well.")
    message: str | None = strawberry.field(description="The same for people.")


def outcomes(keys: Mapping[strawberry.ID, UUID], answered: Sequence[Answered]) -> list[RecommendationOutcome]:
    """One outcome for each id as it was sent, in the order of the input; an id that was sent twice is told once.

    Two spellings of one, as with and without padding, are told each.
    """
    by_key = {each.id: each for each in answered}
    return [_outcome(id_, by_key[key]) for id_, key in keys.items()]


def _outcome(id_: strawberry.ID, answered: Answered) -> RecommendationOutcome:
    if answered.row is None:
        return RecommendationOutcome(id=id_, recommendation=None, code=ErrorCode.NOT_FOUND, message=_ABSENT)
    return RecommendationOutcome(
        id=id_,
        recommendation=Recommendation.from_row(answered.row),
        code=ErrorCode.CONFLICT if answered.problem else None,
        message=answered.problem,
    )


@strawberry.type(description="A message of the subscription `recommendationChanged`.")
class RecommendationMessage:
    """What one event of the activity says of recommendations."""

    cursor: str = strawberry.field(description="Where it stands in the activity: `after` goes on behind it.")
    told: strawberry.Private[list[tuple[UUID, UUID]]]

    @strawberry.field(
        description="Those that changed, as they are now, at most 500; none in the first message, which only tells "
        "where the stream begins.",
        directives=[at_most(500)],
    )
    async def recommendations(self, info: Info) -> list[Recommendation]:
        """One statement."""
        rows = await info.context.loaders.recommendation_by_id.load_many(self.told)
        return [Recommendation.from_row(row) for row in rows if row is not None]


@strawberry.input(description="Recommendations to leave as they are.")
class IgnoreRecommendationsInput:
    """See `ignoreRecommendations`."""

    organization_id: strawberry.ID = strawberry.field(description=_ORGANIZATION)
    ids: list[strawberry.ID] = strawberry.field(description=_IDS)
    reason: IgnoreReason = strawberry.field(description="Why.")
    note: str | None = strawberry.field(default=None, description=_NOTE)
    until: date | None = strawberry.field(
        default=None, description="The day on which they open again, after today; for ever when left out."
    )
    scope: IgnoreScope = strawberry.field(
        default=IgnoreScope.FINDING,
        description="Whether they alone are ignored, or all that is found on their resources, now and later.",
    )


@strawberry.type(description="What became of each.")
class IgnoreRecommendationsPayload:
    """See `ignoreRecommendations`."""

    outcomes: list[RecommendationOutcome] = strawberry.field(
        description="One for each id, in their order.", directives=[at_most(500)]
    )


IgnoreRecommendationsResult = Annotated[
    IgnoreRecommendationsPayload | InvalidInput | NotFound,
    strawberry.union("IgnoreRecommendationsResult", description="What `ignoreRecommendations` answers."),
]


@strawberry.input(description="Recommendations whose resources are to be deleted.")
class MarkForDeletionInput:
    """See `markForDeletion`."""

    organization_id: strawberry.ID = strawberry.field(description=_ORGANIZATION)
    ids: list[strawberry.ID] = strawberry.field(description=_IDS)
    due_on: date = strawberry.field(description="The day by which they are to be deleted, after today.")
    note: str | None = strawberry.field(default=None, description=_NOTE)
    tag_in_cloud: bool = strawberry.field(
        default=False,
        description="Also tag the resources in their cloud with `skyledger-delete-after=YYYY-MM-DD`, the day `dueOn`: "
        "only in accounts that allow it (`allowsTagging`), and where the type can be tagged; the others are left as "
        "they were, and told. The tag goes when the recommendation is opened again, ignored, resolved, or marked "
        "without this.",
    )


@strawberry.type(description="What became of each.")
class MarkForDeletionPayload:
    """See `markForDeletion`."""

    outcomes: list[RecommendationOutcome] = strawberry.field(
        description="One for each id, in their order.", directives=[at_most(500)]
    )


MarkForDeletionResult = Annotated[
    MarkForDeletionPayload | InvalidInput | NotFound,
    strawberry.union("MarkForDeletionResult", description="What `markForDeletion` answers."),
]


@strawberry.input(description="Recommendations that something was done about.")
class ResolveRecommendationsInput:
    """See `resolveRecommendations`."""

    organization_id: strawberry.ID = strawberry.field(description=_ORGANIZATION)
    ids: list[strawberry.ID] = strawberry.field(description=_IDS)
    note: str | None = strawberry.field(default=None, description=_NOTE)


@strawberry.type(description="What became of each.")
class ResolveRecommendationsPayload:
    """See `resolveRecommendations`."""

    outcomes: list[RecommendationOutcome] = strawberry.field(
        description="One for each id, in their order.", directives=[at_most(500)]
    )


ResolveRecommendationsResult = Annotated[
    ResolveRecommendationsPayload | InvalidInput | NotFound,
    strawberry.union("ResolveRecommendationsResult", description="What `resolveRecommendations` answers."),
]


@strawberry.input(description="Recommendations to open again.")
class ReopenRecommendationsInput:
    """See `reopenRecommendations`."""

    organization_id: strawberry.ID = strawberry.field(description=_ORGANIZATION)
    ids: list[strawberry.ID] = strawberry.field(description=_IDS)


@strawberry.type(description="What became of each.")
class ReopenRecommendationsPayload:
    """See `reopenRecommendations`."""

    outcomes: list[RecommendationOutcome] = strawberry.field(
        description="One for each id, in their order.", directives=[at_most(500)]
    )


ReopenRecommendationsResult = Annotated[
    ReopenRecommendationsPayload | InvalidInput | NotFound,
    strawberry.union("ReopenRecommendationsResult", description="What `reopenRecommendations` answers."),
]
