"""Root fields of checks and recommendations."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID, uuid4

import strawberry

from app.context import Info
from app.errors import BadUserInputError
from app.recommendations import answer
from app.records import Permission
from app.resolvers.access import mutation, organization_of
from app.schema.checks import AreaArgument, Check, ProviderArgument, list_checks
from app.schema.node import parse_id
from app.schema.recommendation_acts import (
    IgnoreRecommendationsInput,
    IgnoreRecommendationsPayload,
    IgnoreRecommendationsResult,
    MarkForDeletionInput,
    MarkForDeletionPayload,
    MarkForDeletionResult,
    ReopenRecommendationsInput,
    ReopenRecommendationsPayload,
    ReopenRecommendationsResult,
    ResolveRecommendationsInput,
    ResolveRecommendationsPayload,
    ResolveRecommendationsResult,
    outcomes,
)

_IDS = ("input", "ids")


@strawberry.type
class CheckQueries:
    """What Skyledger looks for."""

    @strawberry.field(description="The kinds of waste that Skyledger looks for, the same for all organizations.")
    def checks(self, info: Info, provider: ProviderArgument = None, area: AreaArgument = None) -> list[Check]:
        """No statement."""
        info.context.signed_in()
        return list_checks(provider, area)


@strawberry.type
class RecommendationMutations:
    """What people say of recommendations."""

    @mutation(
        Permission.RECOMMENDATIONS_MANAGE,
        "Leave recommendations as they are, until a day or for ever: their money is no potential saving.",
    )
    async def ignore_recommendations(
        self,
        info: Info,
        input: IgnoreRecommendationsInput,  # noqa: A002  (Relay's name)
    ) -> IgnoreRecommendationsResult:
        """See app.recommendations.answer.ignore."""
        answered = await answer.ignore(
            info.context.database,
            organization_of(input),
            info.context.signed_in().actor,
            _keys(input.ids, organization_of(input)),
            reason=input.reason,
            note=input.note,
            until=input.until,
        )
        return IgnoreRecommendationsPayload(outcomes=outcomes(input.ids, answered))

    @mutation(
        Permission.RECOMMENDATIONS_MANAGE,
        "Say that the resources of recommendations are to be deleted by a day. Skyledger deletes nothing by itself.",
    )
    async def mark_for_deletion(self, info: Info, input: MarkForDeletionInput) -> MarkForDeletionResult:  # noqa: A002  (Relay's name)
        """See app.recommendations.answer.mark_for_deletion."""
        answered = await answer.mark_for_deletion(
            info.context.database,
            organization_of(input),
            info.context.signed_in().actor,
            _keys(input.ids, organization_of(input)),
            due_on=input.due_on,
            note=input.note,
        )
        return MarkForDeletionPayload(outcomes=outcomes(input.ids, answered))

    @mutation(
        Permission.RECOMMENDATIONS_MANAGE,
        "Say that something was done about recommendations; the next scan proves it or opens them again.",
    )
    async def resolve_recommendations(
        self,
        info: Info,
        input: ResolveRecommendationsInput,  # noqa: A002  (Relay's name)
    ) -> ResolveRecommendationsResult:
        """See app.recommendations.answer.resolve."""
        answered = await answer.resolve(
            info.context.database,
            organization_of(input),
            info.context.signed_in().actor,
            _keys(input.ids, organization_of(input)),
            note=input.note,
        )
        return ResolveRecommendationsPayload(outcomes=outcomes(input.ids, answered))

    @mutation(
        Permission.RECOMMENDATIONS_MANAGE, "Take back that recommendations are ignored, marked, or said to be done."
    )
    async def reopen_recommendations(
        self,
        info: Info,
        input: ReopenRecommendationsInput,  # noqa: A002  (Relay's name)
    ) -> ReopenRecommendationsResult:
        """See app.recommendations.answer.reopen."""
        answered = await answer.reopen(
            info.context.database,
            organization_of(input),
            info.context.signed_in().actor,
            _keys(input.ids, organization_of(input)),
        )
        return ReopenRecommendationsPayload(outcomes=outcomes(input.ids, answered))


def _keys(ids: Sequence[strawberry.ID], organization_id: UUID) -> list[UUID]:
    """The recommendations that are meant; those of another organization are not there, as absent ones are not."""
    if len(ids) > answer.MOST_IDS:
        message = f"`ids` has {len(ids)} ids; give 1 to {answer.MOST_IDS}."
        raise BadUserInputError(message, path=_IDS)
    keys = [parse_id(id_, "Recommendation", path=_IDS) for id_ in dict.fromkeys(ids)]
    return [key.id if key.organization_id == organization_id else uuid4() for key in keys]
