"""Root fields of checks and recommendations."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Sequence
from contextlib import aclosing
from typing import Annotated
from uuid import UUID, uuid4

import strawberry

from app.activity.cursors import decode_place, encode_place
from app.context import Info
from app.errors import BadUserInputError
from app.recommendations import answer
from app.recommendations.store import TOLD_IDS
from app.records import EventKind, Permission
from app.resolvers.access import mutation, organization_of, shared
from app.schema.checks import MOST_KINDS, AreaArgument, Check, ProviderArgument, list_checks
from app.schema.node import parse_id
from app.schema.recommendation_acts import (
    IgnoreRecommendationsInput,
    IgnoreRecommendationsPayload,
    IgnoreRecommendationsResult,
    MarkForDeletionInput,
    MarkForDeletionPayload,
    MarkForDeletionResult,
    RecommendationMessage,
    ReopenRecommendationsInput,
    ReopenRecommendationsPayload,
    ReopenRecommendationsResult,
    ResolveRecommendationsInput,
    ResolveRecommendationsPayload,
    ResolveRecommendationsResult,
    outcomes,
)
from app.server.costs.directives import at_most
from app.server.hub import Event

_IDS = ("input", "ids")


@strawberry.type
class CheckQueries:
    """What Skyledger looks for."""

    @strawberry.field(
        description="The kinds of waste that Skyledger looks for, the same for all organizations.",
        directives=[at_most(MOST_KINDS)],
    )
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
        keys = _keys(input.ids, organization_of(input))
        answered = await answer.ignore(
            info.context.database,
            organization_of(input),
            info.context.signed_in().actor,
            list(keys.values()),
            reason=input.reason,
            note=input.note,
            until=input.until,
            scope=input.scope,
        )
        return IgnoreRecommendationsPayload(outcomes=outcomes(keys, answered))

    @mutation(
        Permission.RECOMMENDATIONS_MANAGE,
        "Say that the resources of recommendations are to be deleted by a day. Skyledger deletes nothing by itself.",
    )
    async def mark_for_deletion(self, info: Info, input: MarkForDeletionInput) -> MarkForDeletionResult:  # noqa: A002  (Relay's name)
        """See app.recommendations.answer.mark_for_deletion."""
        keys = _keys(input.ids, organization_of(input))
        answered = await answer.mark_for_deletion(
            info.context.database,
            organization_of(input),
            info.context.signed_in().actor,
            list(keys.values()),
            due_on=input.due_on,
            note=input.note,
            tag_in_cloud=input.tag_in_cloud,
        )
        return MarkForDeletionPayload(outcomes=outcomes(keys, answered))

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
        keys = _keys(input.ids, organization_of(input))
        answered = await answer.resolve(
            info.context.database,
            organization_of(input),
            info.context.signed_in().actor,
            list(keys.values()),
            note=input.note,
        )
        return ResolveRecommendationsPayload(outcomes=outcomes(keys, answered))

    @mutation(
        Permission.RECOMMENDATIONS_MANAGE, "Take back that recommendations are ignored, marked, or said to be done."
    )
    async def reopen_recommendations(
        self,
        info: Info,
        input: ReopenRecommendationsInput,  # noqa: A002  (Relay's name)
    ) -> ReopenRecommendationsResult:
        """See app.recommendations.answer.reopen."""
        keys = _keys(input.ids, organization_of(input))
        answered = await answer.reopen(
            info.context.database,
            organization_of(input),
            info.context.signed_in().actor,
            list(keys.values()),
        )
        return ReopenRecommendationsPayload(outcomes=outcomes(keys, answered))


_TELLING = frozenset(kind.value for kind in EventKind if kind.name.startswith("RECOMMENDATIONS_"))


@strawberry.type
class RecommendationSubscriptions:
    """Following recommendations."""

    @strawberry.subscription(
        description="What becomes of an organization's recommendations, in the order of its activity, each change "
        "once. `after` takes cursors of this stream and of `activity`, and replays what was missed. Needs the "
        "permission ORGANIZATION_READ; ends within 5 s of losing it. An error CURSOR_EXPIRED says that events after "
        "the cursor are no longer kept."
    )
    def recommendation_changed(
        self,
        info: Info,
        organization_id: Annotated[strawberry.ID, strawberry.argument(description="The organization.")],
        after: Annotated[
            str | None,
            strawberry.argument(
                description="Cursor of the last message that was handled; only what comes if left out."
            ),
        ] = None,
    ) -> AsyncIterable[RecommendationMessage]:
        """See app.activity.stream.ActivityFeed.follow."""
        context = info.context
        organization = parse_id(organization_id, "Organization", path=("organizationId",)).id
        context.grant(organization, Permission.ORGANIZATION_READ)
        place = None if after is None else decode_place(organization, after)
        feed = context.runtime.feed

        async def follow(after: int | None) -> AsyncGenerator[Event[RecommendationMessage]]:
            async with aclosing(feed.follow(organization, after)) as steps:
                async for step in steps:
                    if step.event is not None and step.event["kind"] not in _TELLING:
                        continue
                    told = () if step.event is None else step.event["data"].get(TOLD_IDS, ())
                    message = RecommendationMessage(
                        cursor=encode_place(organization, step.sequence),
                        told=[(organization, UUID(id_)) for id_ in told],
                    )
                    yield Event(step.sequence, message, opening=step.event is None)

        return shared(context, organization, follow, place)


def _keys(ids: Sequence[strawberry.ID], organization_id: UUID) -> dict[strawberry.ID, UUID]:
    """The recommendations that are meant; those of another organization are not there, as absent ones are not."""
    if len(ids) > answer.MOST_IDS:
        message = f"`ids` has {len(ids)} ids; give 1 to {answer.MOST_IDS}."
        raise BadUserInputError(message, path=_IDS)
    keys = {id_: parse_id(id_, "Recommendation", path=_IDS) for id_ in ids}
    return {id_: key.id if key.organization_id == organization_id else uuid4() for id_, key in keys.items()}
