"""Root fields of webhooks."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from typing import Any

import strawberry

from app.config import Settings
from app.context import Info
from app.errors import ConflictError
from app.outgoing import OutgoingGuard
from app.records import UNSET, Permission
from app.records.webhooks import NewWebhook
from app.resolvers.access import Limit, mutation, organization_of
from app.resolvers.webhook_checks import DocumentChecker
from app.schema.node import parse_id
from app.schema.webhook_acts import (
    CreateWebhookInput,
    CreateWebhookPayload,
    CreateWebhookResult,
    DeleteWebhookInput,
    DeleteWebhookPayload,
    DeleteWebhookResult,
    ReplayWebhookDeliveryInput,
    ReplayWebhookDeliveryPayload,
    ReplayWebhookDeliveryResult,
    RotateWebhookSecretInput,
    RotateWebhookSecretPayload,
    RotateWebhookSecretResult,
    TestWebhookInput,
    TestWebhookPayload,
    TestWebhookResult,
    UpdateWebhookInput,
    UpdateWebhookPayload,
    UpdateWebhookResult,
)
from app.schema.webhooks import Webhook, WebhookDelivery
from app.sealing.vault import VaultError
from app.webhooks import again, change


@lru_cache(maxsize=4)  # a process has one; tests have some
def _checker(schema: strawberry.Schema, settings: Settings) -> DocumentChecker:
    return DocumentChecker(schema, settings)


async def _check_document(info: Info, text: str) -> None:
    await info.context.runtime.trusted_documents.check_text(info.context.principal, text, "document")
    _checker(info.schema, info.context.runtime.settings).check(text)


@strawberry.type
class WebhookMutations:
    """Making, changing, testing and deleting webhooks."""

    @mutation(
        Permission.WEBHOOKS_MANAGE,
        "Have events sent to an address of yours, signed by the Standard Webhooks specification. The secret is in this "
        "answer and nowhere else.",
        limit=Limit(30, per=60),
    )
    async def create_webhook(self, info: Info, input: CreateWebhookInput) -> CreateWebhookResult:  # noqa: A002  (Relay's name)
        """See app.webhooks.change.create_webhook."""
        runtime = info.context.runtime
        await _check_document(info, input.document)
        new = NewWebhook(input.name, input.url, tuple(kind.value for kind in input.kinds or ()), input.document)
        row, secret = await change.create_webhook(
            runtime.database,
            runtime.vault,
            OutgoingGuard.from_settings(runtime.settings),
            organization_of(input),
            info.context.signed_in(),
            new,
        )
        return CreateWebhookPayload(webhook=Webhook.from_row(row), secret=secret)

    @mutation(Permission.WEBHOOKS_MANAGE, "Change a webhook.", limit=Limit(60, per=60))
    async def update_webhook(self, info: Info, input: UpdateWebhookInput) -> UpdateWebhookResult:  # noqa: A002  (Relay's name)
        """See app.webhooks.change.update_webhook."""
        key = parse_id(input.id, "Webhook", path=("input", "id"))
        names = ("name", "url", "document", "enabled")
        changes: dict[str, Any] = {
            name: UNSET if (sent := getattr(input, name)) is None else sent.value for name in names
        }
        if input.kinds is not None:
            changes["kinds"] = [kind.value for kind in input.kinds.value or ()]
        if input.document is not None:
            await _check_document(info, input.document.value)
        row = await change.update_webhook(
            info.context.database,
            OutgoingGuard.from_settings(info.context.runtime.settings),
            organization_of(input),
            info.context.signed_in(),
            key.id,
            **changes,
        )
        return UpdateWebhookPayload(webhook=Webhook.from_row(row))

    @mutation(Permission.WEBHOOKS_MANAGE, "Delete a webhook with its deliveries.")
    async def delete_webhook(self, info: Info, input: DeleteWebhookInput) -> DeleteWebhookResult:  # noqa: A002  (Relay's name)
        """See app.webhooks.change.delete_webhook."""
        key = parse_id(input.id, "Webhook", path=("input", "id"))
        row = await change.delete_webhook(
            info.context.database, organization_of(input), info.context.signed_in(), key.id
        )
        return DeleteWebhookPayload(webhook=Webhook.from_row(row))

    @mutation(
        Permission.WEBHOOKS_MANAGE,
        "Give a webhook another secret, which is in this answer and nowhere else.",
        limit=Limit(10, per=60),
    )
    async def rotate_webhook_secret(self, info: Info, input: RotateWebhookSecretInput) -> RotateWebhookSecretResult:  # noqa: A002  (Relay's name)
        """See app.webhooks.change.rotate_secret."""
        runtime, key = info.context.runtime, parse_id(input.id, "Webhook", path=("input", "id"))
        try:
            row, secret = await change.rotate_secret(
                runtime.database,
                runtime.vault,
                organization_of(input),
                info.context.signed_in(),
                key.id,
                timedelta(hours=max(-1, min(input.overlap_hours, 1_000))),
            )
        except VaultError:
            message = "The secret before cannot be opened at the moment: rotate with `overlapHours: 0`."
            raise ConflictError(message) from None
        return RotateWebhookSecretPayload(webhook=Webhook.from_row(row), secret=secret)

    @mutation(
        Permission.WEBHOOKS_MANAGE, "Have a ping sent to a webhook, signed like any message.", limit=Limit(20, per=60)
    )
    async def test_webhook(self, info: Info, input: TestWebhookInput) -> TestWebhookResult:  # noqa: A002  (Relay's name)
        """See app.webhooks.again.ping_webhook."""
        key = parse_id(input.id, "Webhook", path=("input", "id"))
        row = await again.ping_webhook(info.context.database, organization_of(input), key.id)
        return TestWebhookPayload(delivery=WebhookDelivery.from_row(row))

    @mutation(Permission.WEBHOOKS_MANAGE, "Have a delivery that is over sent once more.", limit=Limit(60, per=60))
    async def replay_webhook_delivery(
        self,
        info: Info,
        input: ReplayWebhookDeliveryInput,  # noqa: A002  (Relay's name)
    ) -> ReplayWebhookDeliveryResult:
        """See app.webhooks.again.replay_delivery."""
        key = parse_id(input.id, "WebhookDelivery", path=("input", "id"))
        row = await again.replay_delivery(info.context.database, organization_of(input), key.id)
        return ReplayWebhookDeliveryPayload(delivery=WebhookDelivery.from_row(row))
