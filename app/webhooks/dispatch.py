"""Makes deliveries of events: each webhook has a place in its organization's activity, and looks on from there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.models import now
from app.records.webhooks import WebhookState
from app.repositories import activity, webhooks
from app.webhooks.jobs import have_sent

_PAGE: Final = 500
_MOST_WEBHOOKS: Final = 200


async def dispatch_all(database: Database) -> int:
    """Look at what has happened since each webhook last looked; how many deliveries that makes.

    May run in several processes at once: each webhook is looked after by one of them at a time.
    """
    async with database.system() as session:
        behind = await webhooks.webhooks_behind(session, _MOST_WEBHOOKS)
    return sum([await dispatch(database, *key) for key in behind])


async def dispatch(database: Database, organization_id: UUID, webhook_id: UUID) -> int:
    """The same for one webhook, with a page of events; its place and its deliveries move in one transaction."""
    async with database.write(organization_id) as session:
        webhook = await webhooks.lock_webhook(session, organization_id, webhook_id, or_none=True)
        if webhook is None or webhook["state"] != WebhookState.ENABLED.value:
            return 0
        events = await activity.next_events(session, organization_id, webhook["place"], _PAGE)
        if not events:
            return 0
        rows = [
            webhooks.new_delivery(webhook, event["kind"], event["sequence"])
            for event in events
            if not webhook["kinds"] or event["kind"] in webhook["kinds"]
        ]
        await webhooks.add_deliveries(session, rows)
        await webhooks.change_webhook(session, organization_id, webhook_id, {"place": events[-1]["sequence"]})
        if rows:
            await have_sent(session, webhook, now())
        return len(rows)


async def add_ping(session: AsyncSession, webhook: Mapping[Any, Any], kind: str) -> UUID:
    """Add a delivery that no event has caused; the transaction holds the webhook's lock."""
    row = webhooks.new_delivery(webhook, kind, None)
    await webhooks.add_deliveries(session, [row])
    await have_sent(session, webhook, row["next_attempt_at"])
    return UUID(str(row["id"]))
