"""Inputs and answers of the mutations on webhooks."""

from __future__ import annotations

from typing import Annotated

import strawberry

from app.records import EventKind
from app.schema.errors import Conflict, InvalidInput, NotFound
from app.schema.repeatable import Repeatable
from app.schema.webhooks import Webhook, WebhookDelivery


@strawberry.input(description="A webhook to make.")
class CreateWebhookInput(Repeatable):
    """See `createWebhook`."""

    organization_id: strawberry.ID = strawberry.field(description="The organization whose events are sent.")
    name: str = strawberry.field(description="Name for people; 1 to 100 characters.")
    url: str = strawberry.field(description="Where to send messages: https, to an address on the public internet.")
    document: str = strawberry.field(
        description="What to send: a subscription to `activity`, or a query. It may declare the variables "
        "`$organizationId: ID!`, `$eventId: ID!` and `$subjectId: ID` (what the event concerns, for `node`), which are "
        "given for each event, and is executed with the rights that you have at that moment."
    )
    kinds: list[EventKind] | None = strawberry.field(default=None, description="Kinds of events; all when left out.")


@strawberry.type(description="The webhook was made; it is sent what happens from now on.")
class CreateWebhookPayload:
    """See `createWebhook`."""

    webhook: Webhook = strawberry.field(description="The new webhook.")
    secret: str = strawberry.field(
        description="With which its messages are signed (Standard Webhooks). Shown this once: keep it safe."
    )


CreateWebhookResult = Annotated[
    CreateWebhookPayload | InvalidInput | NotFound | Conflict,
    strawberry.union("CreateWebhookResult", description="What `createWebhook` answers."),
]


@strawberry.input(
    description="What to change about a webhook; what is left out stays. Who changes its URL, kinds or document, or "
    "enables it, is its subscriber from then on."
)
class UpdateWebhookInput:
    """See `updateWebhook`."""

    id: strawberry.ID = strawberry.field(description="The webhook.")
    name: strawberry.Maybe[str] = strawberry.field(description="New name.")
    url: strawberry.Maybe[str] = strawberry.field(description="New address.")
    document: strawberry.Maybe[str] = strawberry.field(description="New document.")
    kinds: strawberry.Maybe[list[EventKind] | None] = strawberry.field(description="New kinds of events; null for all.")
    enabled: strawberry.Maybe[bool] = strawberry.field(
        description="Whether it is sent anything; one that is enabled again is sent what happens from then on."
    )


@strawberry.type(description="The webhook is as you want it.")
class UpdateWebhookPayload:
    """See `updateWebhook`."""

    webhook: Webhook = strawberry.field(description="The webhook as it is now.")


UpdateWebhookResult = Annotated[
    UpdateWebhookPayload | InvalidInput | NotFound,
    strawberry.union("UpdateWebhookResult", description="What `updateWebhook` answers."),
]


@strawberry.input(description="A webhook to delete, with its deliveries.")
class DeleteWebhookInput:
    """See `deleteWebhook`."""

    id: strawberry.ID = strawberry.field(description="The webhook.")


@strawberry.type(description="The webhook is gone; a request that is under way is not called back.")
class DeleteWebhookPayload:
    """See `deleteWebhook`."""

    webhook: Webhook = strawberry.field(description="The webhook as it was.")


DeleteWebhookResult = Annotated[
    DeleteWebhookPayload | InvalidInput | NotFound,
    strawberry.union("DeleteWebhookResult", description="What `deleteWebhook` answers."),
]


@strawberry.input(description="A webhook that is to have another secret.")
class RotateWebhookSecretInput(Repeatable):
    """See `rotateWebhookSecret`."""

    id: strawberry.ID = strawberry.field(description="The webhook.")
    overlap_hours: int = strawberry.field(
        default=24,
        description="Hours, 0 to 168, for which messages are signed with the secret before as well, so that the "
        "receiver can change in between. 0 for a secret that has leaked.",
    )


@strawberry.type(description="Messages are signed with the new secret from now on.")
class RotateWebhookSecretPayload:
    """See `rotateWebhookSecret`."""

    webhook: Webhook = strawberry.field(description="The webhook.")
    secret: str = strawberry.field(description="The new secret. Shown this once: keep it safe.")


RotateWebhookSecretResult = Annotated[
    RotateWebhookSecretPayload | InvalidInput | NotFound | Conflict,
    strawberry.union("RotateWebhookSecretResult", description="What `rotateWebhookSecret` answers."),
]


@strawberry.input(description="A webhook to test.")
class TestWebhookInput(Repeatable):
    """See `testWebhook`."""

    id: strawberry.ID = strawberry.field(description="The webhook.")


@strawberry.type(description="A ping is queued; ask for the delivery by `node(id)` until it is over.")
class TestWebhookPayload:
    """See `testWebhook`."""

    delivery: WebhookDelivery = strawberry.field(description="The delivery of the ping.")


TestWebhookResult = Annotated[
    TestWebhookPayload | InvalidInput | NotFound | Conflict,
    strawberry.union("TestWebhookResult", description="What `testWebhook` answers."),
]


@strawberry.input(description="A delivery to send once more.")
class ReplayWebhookDeliveryInput(Repeatable):
    """See `replayWebhookDelivery`."""

    id: strawberry.ID = strawberry.field(description="The delivery.")


@strawberry.type(description="The delivery is queued, with the same `webhook-id` and body as before.")
class ReplayWebhookDeliveryPayload:
    """See `replayWebhookDelivery`."""

    delivery: WebhookDelivery = strawberry.field(description="The delivery.")


ReplayWebhookDeliveryResult = Annotated[
    ReplayWebhookDeliveryPayload | InvalidInput | NotFound | Conflict,
    strawberry.union("ReplayWebhookDeliveryResult", description="What `replayWebhookDelivery` answers."),
]
