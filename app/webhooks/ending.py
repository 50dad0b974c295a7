"""What becomes of a delivery, and of a webhook that nothing reaches."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.activity.record import record
from app.models import now
from app.queue import HeldJob, enqueue
from app.records import Actor, ActorKind, EventKind, NewEvent
from app.records.webhooks import TELL_JOB, DeliveryState, DisabledReason, WebhookState
from app.repositories import webhooks
from app.repositories.memberships import verified_owners
from app.webhooks.sending import Answer
from app.webhooks.tools import WebhookTools

SYSTEM: Final = Actor(ActorKind.SYSTEM)
WHY: Final = {
    DisabledReason.ASKED: "The webhook was disabled.",
    DisabledReason.FAILING: "The webhook was disabled, because nothing had reached it for days.",
    DisabledReason.GONE: "The webhook was disabled, because it answered 410 Gone.",
    DisabledReason.SUBSCRIBER_LEFT: "The webhook was disabled, because its subscriber left or lacks the permission.",
}


async def settle(job: HeldJob, tools: WebhookTools, delivery: RowMapping, answer: Answer) -> None:
    """Note an attempt, and when the next will be, if any; disable a webhook that is gone or has failed for days."""
    organization_id, attempts = delivery["organization_id"], delivery["attempts"] + 1
    async with job.database.write(organization_id) as session:
        await job.hold(session)
        webhook = await webhooks.lock_webhook(session, organization_id, delivery["webhook_id"])
        if webhook is None:  # deleted meanwhile, and its deliveries with it
            return
        values = after_attempt(answer, attempts, tools.pauses)
        if webhook["state"] != WebhookState.ENABLED.value and not answer.succeeded:
            values |= {"state": DeliveryState.CANCELLED.value, "next_attempt_at": None}
        await webhooks.change_delivery(session, organization_id, delivery["id"], values)
        attempt = {
            "delivery_id": delivery["id"],
            "started_at": answer.started_at,
            "milliseconds": answer.milliseconds,
            "status_code": answer.status_code,
            "response_body": answer.body,
            "failure": answer.failure,
        }
        await webhooks.add_attempt(session, organization_id, attempt)
        await _judge(session, webhook, answer, tools.patience)


def after_attempt(answer: Answer, attempts: int, pauses: tuple[timedelta, ...]) -> dict[str, Any]:
    """The columns of a delivery after so many attempts, of which the last had this answer."""
    moment = now()
    values: dict[str, Any] = {"attempts": attempts, "claimed_until": None, "failure": answer.failure}
    if answer.succeeded:
        return values | {"state": DeliveryState.SUCCEEDED.value, "next_attempt_at": None, "finished_at": moment}
    if answer.gone or attempts > len(pauses):
        return values | {"state": DeliveryState.FAILED.value, "next_attempt_at": None, "finished_at": moment}
    pause = pauses[attempts - 1] * random.uniform(0.8, 1.2)  # noqa: S311 - not a secret
    return values | {"next_attempt_at": moment + max(pause, answer.retry_after or timedelta(0))}


async def _judge(session: AsyncSession, webhook: RowMapping, answer: Answer, patience: timedelta) -> None:
    """Note since when nothing reaches the webhook, which is locked."""
    organization_id, webhook_id, since = webhook["organization_id"], webhook["id"], webhook["failing_since"]
    if webhook["state"] != WebhookState.ENABLED.value:
        return
    if answer.succeeded:
        if since is not None:
            await webhooks.change_webhook(session, organization_id, webhook_id, {"failing_since": None})
    elif answer.gone:
        await disable(session, organization_id, webhook_id, DisabledReason.GONE)
    elif since is None:
        await webhooks.change_webhook(session, organization_id, webhook_id, {"failing_since": answer.started_at})
    elif answer.started_at - since > patience:
        await disable(session, organization_id, webhook_id, DisabledReason.FAILING)


async def put_off(job: HeldJob, delivery: RowMapping, until: datetime) -> None:
    """Have a delivery tried at a later moment; that is no attempt."""
    await _change(job, delivery, {"next_attempt_at": until, "claimed_until": None})


async def fail(job: HeldJob, delivery: RowMapping, why: str) -> None:
    """End a delivery of which nothing can be sent, however often it is tried."""
    state = {"state": DeliveryState.FAILED.value, "next_attempt_at": None, "claimed_until": None}
    await _change(job, delivery, state | {"failure": why, "finished_at": now()})


async def _change(job: HeldJob, delivery: RowMapping, values: dict[str, Any]) -> None:
    async with job.database.write(delivery["organization_id"]) as session:
        await job.hold(session)
        await webhooks.change_delivery(session, delivery["organization_id"], delivery["id"], values, pending=True)


async def disable(
    session: AsyncSession, organization_id: UUID, webhook_id: UUID, reason: DisabledReason, actor: Actor = SYSTEM
) -> RowMapping | None:
    """Disable a webhook, with an event for its organization; what is under way is cancelled. None where it is gone.

    Where nobody has asked for it the organization's owners are told by mail.
    """
    webhook = await webhooks.lock_webhook(session, organization_id, webhook_id)
    if webhook is None or webhook["state"] == WebhookState.DISABLED.value:
        return webhook
    values = {"state": WebhookState.DISABLED.value, "disabled_reason": reason.value, "updated_at": now()}
    await webhooks.cancel_deliveries(session, organization_id, webhook_id, WHY[reason])
    changed = await webhooks.change_webhook(session, organization_id, webhook_id, values | {"failing_since": None})
    event = NewEvent(
        EventKind.WEBHOOK_DISABLED,
        actor,
        subject_type="Webhook",
        subject_id=webhook_id,
        data={"name": webhook["name"], "reason": reason.value, "message": WHY[reason]},
    )
    owners = [] if reason is DisabledReason.ASKED else await verified_owners(session, organization_id)
    sequence = await record(session, organization_id, event)
    for user_id in owners:
        await enqueue(session, TELL_JOB, organization_id, {"sequence": sequence, "userId": str(user_id)})
    return changed
