"""The one job of a webhook: queued for when its next delivery is due."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.queue import enqueue_instead
from app.records.webhooks import DELIVER_JOB
from app.repositories.jobs import is_open
from app.repositories.webhooks import change_webhook


async def have_sent(session: AsyncSession, webhook: Mapping[Any, Any], at: datetime) -> None:
    """Have what is due sent at a moment at the latest. The transaction holds the webhook's lock.

    A job that is there for later is obsolete from now on. One that runs looks once more before it ends.
    """
    if webhook["job_id"] is not None and webhook["job_at"] <= at and await is_open(session, webhook["job_id"]):
        return
    await queue_job(session, webhook, at)


async def queue_job(session: AsyncSession, webhook: Mapping[Any, Any], at: datetime) -> None:
    """Give the webhook another job in the place of the one that it has."""
    organization_id, webhook_id = webhook["organization_id"], webhook["id"]
    arguments = {"webhookId": str(webhook_id)}
    job_id = await enqueue_instead(session, webhook["job_id"], DELIVER_JOB, organization_id, arguments, at)
    await change_webhook(session, organization_id, webhook_id, {"job_id": job_id, "job_at": at})
