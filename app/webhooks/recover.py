"""What a dead job leaves of a webhook: deliveries that nobody sends, until another job does."""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.dead_jobs import Recovery
from app.models import now
from app.records.webhooks import DELIVER_JOB, WebhookState
from app.repositories import webhooks
from app.webhooks.jobs import queue_job

PAUSE: Final = timedelta(minutes=10)
"""Before the successor: what has killed a job in all its attempts most likely is there for a while."""


async def _go_on(session: AsyncSession, job: RowMapping, webhook_id: UUID) -> bool:
    """Queue the successor, where anything is to be sent."""
    organization_id = job["organization_id"]
    webhook = await webhooks.lock_webhook(session, organization_id, webhook_id)
    if webhook is None or webhook["job_id"] != job["id"] or webhook["state"] != WebhookState.ENABLED.value:
        return False
    due = await webhooks.next_due(session, organization_id, webhook_id)
    if due is None:
        return False
    await queue_job(session, webhook, max(due, now() + PAUSE))
    return True


RECOVERIES: Final = (Recovery(DELIVER_JOB, "webhookId", _go_on),)
