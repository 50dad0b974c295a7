"""Webhooks: addresses that are sent what happens, each delivery, and each attempt at it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import strawberry

from app.context import Info
from app.errors import NotFoundError
from app.loaders.scans import Asked
from app.records import ActorKind, EventKind, Permission
from app.records.criteria import Direction
from app.records.webhooks import PING, DeliveryState, DisabledReason, WebhookOrderField, WebhookState
from app.schema.activity import ActivityEvent
from app.schema.enums import graph_enum
from app.schema.filters import EnumFilter, IDFilter
from app.schema.node import Node, global_id
from app.schema.organization_part import OrganizationPart
from app.schema.pages import rows_page
from app.schema.paging import After, Before, Connection, First, Last, PageArguments, within
from app.schema.people import User, fellow
from app.webhooks.signing import message_id

MOST_DELIVERIES = 100
MOST_ATTEMPTS = 100
graph_enum(
    WebhookState,
    "Whether a webhook is sent anything.",
    ENABLED="It is sent each event of its kinds.",
    DISABLED="It is sent nothing; what happens meanwhile is not sent later.",
)
graph_enum(
    DisabledReason,
    "Why a webhook is sent nothing.",
    ASKED="Somebody disabled it.",
    FAILING="Nothing had reached it for five days.",
    GONE="It answered 410 Gone.",
    SUBSCRIBER_LEFT="Its subscriber has left, their key has ended, or they lack the permission WEBHOOKS_MANAGE.",
)
graph_enum(
    DeliveryState,
    "How far a delivery is.",
    PENDING="It is to be sent, for the first time or again.",
    SUCCEEDED="It was taken with a status of 2xx.",
    FAILED="It was not taken, or could not be made; `replayWebhookDelivery` tries once more.",
    CANCELLED="The webhook was disabled before it was taken.",
)


@strawberry.type(description="One request to a webhook.")
class WebhookAttempt:
    """A row of `webhook_attempts`."""

    started_at: datetime = strawberry.field(description="When it began.")
    duration_milliseconds: int = strawberry.field(description="How long it took, in milliseconds.")
    status_code: int | None = strawberry.field(description="HTTP status of the answer; null where there was none.")
    response_body: str | None = strawberry.field(
        description="The first 2,048 bytes of the answer; null where there was none."
    )
    failure: str | None = strawberry.field(description="Why it did not succeed; null where it did.")

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> WebhookAttempt:
        """Make it of a row."""
        return cls(
            started_at=row["started_at"],
            duration_milliseconds=row["milliseconds"],
            status_code=row["status_code"],
            response_body=row["response_body"],
            failure=row["failure"],
        )


MostDeliveries = Annotated[int, strawberry.argument(description="How many at most, 1 to 100.")]
MostAttempts = Annotated[int, strawberry.argument(description="How many at most, 1 to 100.")]


@strawberry.type(description="One message to a webhook: an event, or a ping.")
class WebhookDelivery(Node):
    """A row of `webhook_deliveries`."""

    message_id: str = strawberry.field(description="Its `webhook-id`: the same in every attempt.")
    kind: EventKind | None = strawberry.field(description="Kind of the event; null for a ping.")
    state: DeliveryState = strawberry.field(description="How far it is.")
    body: str | None = strawberry.field(description="What is sent; null until it is made, before the first attempt.")
    attempt_count: int = strawberry.field(description="Attempts since it was made or replayed.")
    next_attempt_at: datetime | None = strawberry.field(description="When it is sent next; null when it is over.")
    failure: str | None = strawberry.field(description="Why the last attempt did not succeed, or none could be made.")
    created_at: datetime = strawberry.field(description="When it was made.")
    finished_at: datetime | None = strawberry.field(description="When it was over.")
    key: strawberry.Private[tuple[UUID, UUID]]
    webhook_key: strawberry.Private[tuple[UUID, UUID]]
    event_key: strawberry.Private[tuple[UUID, UUID] | None]

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> WebhookDelivery:
        """Make it of a row."""
        organization_id, sequence = row["organization_id"], row["sequence"]
        return cls(
            id=global_id("WebhookDelivery", row["id"], organization_id),
            message_id=message_id(row["id"]),
            kind=None if row["kind"] == PING else EventKind(row["kind"]),
            state=DeliveryState(row["state"]),
            body=row["body"],
            attempt_count=row["attempts"],
            next_attempt_at=row["next_attempt_at"],
            failure=row["failure"],
            created_at=row["created_at"],
            finished_at=row["finished_at"],
            key=(organization_id, row["id"]),
            webhook_key=(organization_id, row["webhook_id"]),
            event_key=None if sequence is None else (organization_id, UUID(int=sequence)),
        )

    @strawberry.field(description="The webhook.")
    async def webhook(self, info: Info) -> Webhook:
        """One statement for all deliveries of a page."""
        row = await info.context.loaders.webhook_by_id.load(self.webhook_key)
        if row is None:  # a foreign key forbids it; both went while this was read
            message = "The webhook was deleted in the meantime; ask again."
            raise NotFoundError(message)
        return Webhook.from_row(row)

    @strawberry.field(description="The event; null for a ping, and for an event that is no longer kept.")
    async def event(self, info: Info) -> ActivityEvent | None:
        """One statement for all deliveries of a page."""
        row = None if self.event_key is None else await info.context.loaders.event_by_id.load(self.event_key)
        return None if row is None else ActivityEvent.from_row(row)

    @strawberry.field(description="The newest attempts, the newest first.")
    async def attempts(self, info: Info, first: MostAttempts = 10) -> list[WebhookAttempt] | None:
        """One statement for all deliveries of a page."""
        asked = Asked(*self.key, (within(first, MOST_ATTEMPTS),))
        return [WebhookAttempt.from_row(row) for row in await info.context.loaders.webhook_attempts.load(asked)]


@strawberry.input(description="Which deliveries; all conditions must hold.")
class WebhookDeliveryFilter:
    """Fields are named like columns of `webhook_deliveries`."""

    webhook_id: IDFilter | None = strawberry.field(default=None, description="The webhook.")
    state: EnumFilter[DeliveryState] | None = strawberry.field(default=None, description="How far they are.")


@strawberry.type(description="An address that is sent what happens in an organization.")
class Webhook(Node):
    """A row of `webhooks`, never its secret."""

    name: str = strawberry.field(description="Name for people.")
    url: str = strawberry.field(description="Where messages are sent.")
    kinds: list[EventKind] | None = strawberry.field(description="Kinds of events that are sent; null for all.")
    document: str = strawberry.field(description="The query or subscription whose result is sent.")
    state: WebhookState = strawberry.field(description="Whether it is sent anything.")
    disabled_reason: DisabledReason | None = strawberry.field(description="Why it is not; null while it is.")
    failing_since: datetime | None = strawberry.field(
        description="When an attempt failed first since the last that succeeded; null while all is well."
    )
    previous_secret_until: datetime | None = strawberry.field(
        description="Until when messages are signed with the secret before as well; null where they are not."
    )
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime = strawberry.field(description="When it was last changed.")
    key: strawberry.Private[tuple[UUID, UUID]]
    user_id: strawberry.Private[UUID | None]

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> Webhook:
        """Make it of a row."""
        organization_id, reason = row["organization_id"], row["disabled_reason"]
        # By the enum's order; a kind that this version no longer knows is never sent and not shown.
        kinds = [kind for kind in EventKind if kind.value in row["kinds"]] if row["kinds"] else None
        return cls(
            id=global_id("Webhook", row["id"], organization_id),
            name=row["name"],
            url=row["url"],
            kinds=kinds,
            document=row["document"],
            state=WebhookState(row["state"]),
            disabled_reason=None if reason is None else DisabledReason(reason),
            failing_since=row["failing_since"],
            previous_secret_until=row["previous_until"],
            created_at=row["created_at"],
            updated_at=row["updated_at"],
            key=(organization_id, row["id"]),
            user_id=row["actor_id"] if row["actor_kind"] == ActorKind.USER else None,
        )

    @strawberry.field(
        description="With whose rights the document is executed; null for an API key, and for somebody who has left."
    )
    async def subscriber(self, info: Info) -> User | None:
        """Loaded for the whole page at once."""
        return await fellow(info, self.key[0], self.user_id)

    @strawberry.field(
        description="The newest of what it is sent, the newest first; `Organization.webhookDeliveries` has all of it."
    )
    async def deliveries(self, info: Info, first: MostDeliveries = 10) -> list[WebhookDelivery] | None:
        """One statement for all webhooks of a page."""
        asked = Asked(*self.key, (within(first, MOST_DELIVERIES),))
        rows = await info.context.loaders.newest_webhook_deliveries.load(asked)
        return [WebhookDelivery.from_row(row) for row in rows]


@strawberry.type
class OrganizationWebhooks(OrganizationPart):
    """The part of `Organization` that this room adds; `Organization` inherits it."""

    @strawberry.field(description="Its webhooks, the newest first. Needs the permission WEBHOOKS_MANAGE.")
    async def webhooks(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Webhook] | None:
        """One statement a page, one more for the count when it is asked."""
        key = self.require(Permission.WEBHOOKS_MANAGE)
        page = PageArguments(first, after, last, before)
        order = (WebhookOrderField.CREATED_AT, Direction.DESC)
        return await rows_page(info, info.context.loaders.webhooks, Webhook.from_row, key, None, order, page)

    @strawberry.field(
        description="What its webhooks are sent, the newest first, for as long as the operator keeps it. Needs the "
        "permission WEBHOOKS_MANAGE."
    )
    async def webhook_deliveries(
        self,
        info: Info,
        where: Annotated[WebhookDeliveryFilter | None, strawberry.argument(description="Which deliveries.")] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[WebhookDelivery] | None:
        """One statement a page, one more for the count when it is asked."""
        key = self.require(Permission.WEBHOOKS_MANAGE)
        page = PageArguments(first, after, last, before)
        order = (WebhookOrderField.CREATED_AT, Direction.DESC)
        return await rows_page(
            info, info.context.loaders.webhook_deliveries, WebhookDelivery.from_row, key, where, order, page
        )
