"""Sends what is due to one webhook, in a job that makes room for others after a while and comes back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import structlog
from sqlalchemy import RowMapping

from app import error_reports
from app.errors import BadUserInputError, UnavailableError
from app.models import now
from app.queue import HeldJob
from app.records import Grant
from app.records.webhooks import PING, Asked, DisabledReason, Put, WebhookKey, WebhookState
from app.repositories import activity, webhooks
from app.sealing.vault import VaultError
from app.webhooks import signing
from app.webhooks.body import body_of_event, body_of_ping
from app.webhooks.ending import disable, fail, put_off, settle
from app.webhooks.jobs import queue_job
from app.webhooks.sending import Answer, send
from app.webhooks.subscriber import grant_now
from app.webhooks.tools import WebhookTools

_log = structlog.stdlib.get_logger(__name__)
CLAIM_MARGIN = 15.0
"""Seconds that executing a document and writing what came of it may take beside the request."""


async def deliver_webhook(job: HeldJob, tools: WebhookTools) -> None:
    """Send what is due to the webhook that the job names, some at a time, and queue the job's successor.

    A worker that dies between a request and the note of it leaves a delivery that is sent again, under the same id.
    """
    if job.organization_id is None or "webhookId" not in job.arguments:
        message = "deliver_webhook needs an organization and a webhook"
        raise BadUserInputError(message)
    key = WebhookKey(job.organization_id, UUID(job.arguments["webhookId"]))
    until = time.monotonic() + tools.turn
    while not job.should_stop() and time.monotonic() < until:
        due = await _claim(job, tools, key)
        if due is None:
            return
        if not due:
            break
        ended = await asyncio.gather(*(_Delivery(job, tools, key, each).run() for each in due), return_exceptions=True)
        for each in ended:
            if isinstance(each, BaseException):  # only now, when nothing goes on that this job has begun
                raise each
    await _hand_over(job, key)


async def _claim(job: HeldJob, tools: WebhookTools, key: WebhookKey) -> Sequence[RowMapping] | None:
    """The next deliveries, for this worker alone; None where this is no longer the webhook's job."""
    async with job.database.write(key.organization_id) as session:
        await job.hold(session)
        webhook = await webhooks.get_webhook(session, key.organization_id, key.id)
        if webhook is None or webhook["job_id"] != job.id or webhook["state"] != WebhookState.ENABLED.value:
            return None
        seconds = tools.seconds + CLAIM_MARGIN
        return await webhooks.claim_deliveries(session, key.organization_id, key.id, tools.at_a_time, seconds)


async def _hand_over(job: HeldJob, key: WebhookKey) -> None:
    """Queue the successor for when something is due, or note that there is none."""
    async with job.database.write(key.organization_id) as session:
        await job.hold(session)
        webhook = await webhooks.lock_webhook(session, key.organization_id, key.id)
        if webhook is None or webhook["job_id"] != job.id:
            return
        due = await webhooks.next_due(session, key.organization_id, key.id)
        if due is not None and webhook["state"] == WebhookState.ENABLED.value:
            await queue_job(session, webhook, max(due, now()))
        else:
            values = {"job_id": None, "job_at": None}
            await webhooks.change_webhook(session, key.organization_id, key.id, values)


class _Delivery:
    """One delivery that this worker has claimed."""

    def __init__(self, job: HeldJob, tools: WebhookTools, key: WebhookKey, row: RowMapping) -> None:
        self._job, self._tools, self._key, self._row = job, tools, key, row
        self._log = _log.bind(organization_id=str(key.organization_id), delivery_id=str(row["id"]))

    async def run(self) -> None:
        """Send it, and write what came of it; what nobody has foreseen is an attempt that failed."""
        started_at, begun = datetime.now(UTC), time.monotonic()
        try:
            await self._send()
        except UnavailableError:  # PostgreSQL is away, which says nothing of the endpoint: the job comes back
            raise
        except Exception as error:  # noqa: BLE001 - nothing of one delivery may be left without a note
            why = f"Something unforeseen went wrong in Skyledger ({type(error).__name__})."
            answer = Answer(started_at, round((time.monotonic() - begun) * 1000), failure=why)
            # Raises in its turn where the job is another worker's: then it is no attempt.
            await settle(self._job, self._tools, self._row, answer)
            self._log.error("webhook_delivery_failed", exc_info=error)
            error_reports.report(error, delivery_id=str(self._row["id"]))

    async def _send(self) -> None:
        """Make the body, send it, and write what came of it."""
        asked = await self._ask()
        if asked is None:
            return
        webhook, event, grant = asked
        if grant is None:
            await self._disable(DisabledReason.SUBSCRIBER_LEFT)
            return
        try:
            body = self._row["body"] or await self._make_body(webhook, event, grant)
            secrets = signing.open_secrets(self._tools.vault, webhook, now())
        except Put as later:
            await put_off(self._job, self._row, later.until)
            return
        except (BadUserInputError, VaultError) as error:
            message = (
                error.message if isinstance(error, BadUserInputError) else "Its secret cannot be opened: rotate it."
            )
            self._log.warning("webhook_not_sent", reason=str(error))
            await fail(self._job, self._row, message)
            return
        sent = body.encode()
        headers = signing.headers(secrets, signing.message_id(self._row["id"]), now(), sent)
        answer = await send(self._tools, webhook["url"], headers, sent)
        self._log.info("webhook_sent", status=answer.status_code, milliseconds=answer.milliseconds)
        await settle(self._job, self._tools, self._row, answer)

    async def _ask(self) -> tuple[RowMapping, RowMapping | None, Grant | None] | None:
        """The webhook, the event, and what the subscriber may do now; None where nothing is to be sent any more."""
        organization_id, sequence = self._key.organization_id, self._row["sequence"]
        async with self._job.database.read(organization_id) as session:
            webhook = await webhooks.get_webhook(session, organization_id, self._key.id)
            if webhook is None or webhook["state"] != WebhookState.ENABLED.value:
                return None
            grant = await grant_now(session, webhook, require_verified_email=self._tools.require_verified_email)
            event = None
            if sequence is not None and self._row["body"] is None:
                event = await activity.get_event(session, organization_id, sequence)
        return webhook, event, grant

    async def _make_body(self, webhook: RowMapping, event: RowMapping | None, grant: Grant) -> str:
        """The body, kept before it is sent: what is sent again is the same."""
        if self._row["kind"] == PING:
            body = body_of_ping(self._row["created_at"])
        elif event is None:
            message = "The event is no longer kept, so its document cannot be executed."
            raise BadUserInputError(message)
        else:
            told = await self._tools.execute(Asked(webhook["document"], event, grant))
            body = body_of_event(event, told)
        async with self._job.database.write(self._key.organization_id) as session:
            await self._job.hold(session)
            await webhooks.change_delivery(session, self._key.organization_id, self._row["id"], {"body": body})
        return body

    async def _disable(self, reason: DisabledReason) -> None:
        async with self._job.database.write(self._key.organization_id) as session:
            await self._job.hold(session)
            await disable(session, self._key.organization_id, self._key.id, reason)
