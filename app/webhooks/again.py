"""What a subscriber has sent by hand: a ping, or a delivery once more."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.errors import ConflictError, NotFoundError
from app.models import now
from app.records.webhooks import PING, DeliveryState, WebhookState
from app.repositories import webhooks
from app.webhooks.change import no_such_webhook
from app.webhooks.dispatch import add_ping
from app.webhooks.jobs import have_sent


async def ping_webhook(database: Database, organization_id: UUID, webhook_id: UUID) -> RowMapping:
    """Have a ping sent; returns its delivery. Raises NotFoundError, ConflictError for a webhook that is disabled."""
    async with database.write(organization_id) as session:
        webhook = await _enabled(session, organization_id, webhook_id)
        delivery_id = await add_ping(session, webhook, PING)
        return await _delivery(session, organization_id, delivery_id)


async def replay_delivery(database: Database, organization_id: UUID, delivery_id: UUID) -> RowMapping:
    """Have a delivery sent once more, with the same id and body, and all its attempts.

    Raises NotFoundError, ConflictError for one that is under way, or whose webhook is disabled.
    """
    async with database.write(organization_id) as session:
        found = await webhooks.get_delivery(session, organization_id, delivery_id)
        if found is None:
            raise _no_such_delivery()
        webhook = await _enabled(session, organization_id, found["webhook_id"])
        delivery = await webhooks.get_delivery(session, organization_id, delivery_id, lock=True)
        if delivery is None:
            raise _no_such_delivery()
        if delivery["state"] == DeliveryState.PENDING.value:
            message = "The delivery is under way: it is tried again by itself."
            raise ConflictError(message)
        moment = now()
        values = {
            "state": DeliveryState.PENDING.value,
            "attempts": 0,
            "next_attempt_at": moment,
            "claimed_until": None,
            "failure": None,
            "finished_at": None,
        }
        await webhooks.change_delivery(session, organization_id, delivery_id, values)
        await have_sent(session, webhook, moment)
        return await _delivery(session, organization_id, delivery_id)


async def _enabled(session: AsyncSession, organization_id: UUID, webhook_id: UUID) -> RowMapping:
    webhook = await webhooks.lock_webhook(session, organization_id, webhook_id)
    if webhook is None:
        raise no_such_webhook()
    if webhook["state"] != WebhookState.ENABLED.value:
        message = "The webhook is disabled: enable it with `updateWebhook` first."
        raise ConflictError(message)
    return webhook


async def _delivery(session: AsyncSession, organization_id: UUID, delivery_id: UUID) -> RowMapping:
    delivery = await webhooks.get_delivery(session, organization_id, delivery_id)
    if delivery is None:
        raise _no_such_delivery()
    return delivery


def _no_such_delivery() -> NotFoundError:
    return NotFoundError("There is no such delivery within your reach.")
