"""Root fields of the activity: following it, and writing a note into it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing
from typing import Annotated

import strawberry

from app.activity.cursors import decode_place, encode_place
from app.activity.notes import add_note
from app.context import Info
from app.records import Permission
from app.resolvers.access import mutation, organization_of, shared
from app.schema.activity import ActivityEvent, ActivityMessage, AddNoteInput, AddNotePayload, AddNoteResult
from app.schema.node import parse_id
from app.server.hub import Event


@strawberry.type
class ActivityMutations:
    """Writing notes."""

    @mutation(Permission.ACTIVITY_WRITE, "Write a note into the activity, for members and programs to see.")
    async def add_note(self, info: Info, input: AddNoteInput) -> AddNoteResult:  # noqa: A002  (Relay's name)
        """See app.activity.notes.add_note."""
        row = await add_note(info.context.database, info.context.signed_in().actor, organization_of(input), input.text)
        return AddNotePayload(event=ActivityEvent.from_row(row))


@strawberry.type
class ActivitySubscriptions:
    """Following the activity."""

    @strawberry.subscription(
        description="What happens in an organization, in order, each event once. `after` replays what was missed, then "
        "the stream goes on live. The first message only tells where the stream begins. Needs the permission "
        "ORGANIZATION_READ; ends within 5 s of losing it. An error CURSOR_EXPIRED says that events after the cursor "
        "are no longer kept."
    )
    def activity(
        self,
        info: Info,
        organization_id: Annotated[strawberry.ID, strawberry.argument(description="The organization.")],
        after: Annotated[
            str | None,
            strawberry.argument(
                description="Cursor of the last message or event that was handled; only what comes from now on when "
                "left out."
            ),
        ] = None,
    ) -> AsyncIterable[ActivityMessage]:
        """See app.activity.stream.ActivityFeed.follow."""
        context = info.context
        organization = parse_id(organization_id, "Organization", path=("organizationId",)).id
        context.grant(organization, Permission.ORGANIZATION_READ)
        place = None if after is None else decode_place(organization, after)
        feed = context.runtime.feed

        async def follow(after: int | None) -> AsyncGenerator[Event[ActivityMessage]]:
            async with aclosing(feed.follow(organization, after)) as steps:
                async for step in steps:
                    event = None if step.event is None else ActivityEvent.from_row(step.event)
                    message = ActivityMessage(cursor=encode_place(organization, step.sequence), event=event)
                    yield Event(step.sequence, message, opening=event is None)

        return shared(context, organization, follow, place)
