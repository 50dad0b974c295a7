"""Root fields of the activity: following it, and writing a note into it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

import strawberry

from app.activity.cursors import decode_place, encode_place
from app.activity.notes import add_note
from app.context import Info
from app.records import Permission
from app.resolvers.access import membership_check, mutation, organization_of
from app.schema.activity import ActivityEvent, ActivityMessage, AddNoteInput, AddNotePayload, AddNoteResult
from app.schema.node import parse_id


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
    async def activity(
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
    ) -> AsyncGenerator[ActivityMessage, None]:
        """See app.activity.stream.ActivityFeed.follow."""
        context = info.context
        organization = parse_id(organization_id, "Organization", path=("organizationId",)).id
        context.grant(organization, Permission.ORGANIZATION_READ)
        place = None if after is None else decode_place(organization, after)
        stream = context.runtime.feed.follow(organization, place, membership_check(context, organization))
        async with aclosing(stream):
            async for step in stream:
                yield ActivityMessage(
                    cursor=encode_place(organization, step.sequence),
                    event=None if step.event is None else ActivityEvent.from_row(step.event),
                )
