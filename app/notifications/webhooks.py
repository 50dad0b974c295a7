"""The job that tells an owner of an organization by mail that one of its webhooks was disabled by Skyledger itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy import RowMapping

from app.errors import BadUserInputError
from app.models import now
from app.notifications.letters import Code, Letter
from app.notifications.mailer import MailNotSentError, MailRefusedError
from app.notifications.tools import MailTools, next_try
from app.queue import HeldJob, enqueue
from app.records import Role
from app.records.webhooks import TELL_JOB, WebhookState
from app.repositories import activity, memberships, organizations, users, webhooks

SUBJECT: Final = "A webhook was disabled"
LIFE: Final = timedelta(hours=24)
"""So long it is tried to hand the mail over."""


async def tell_of_webhook(job: HeldJob, tools: MailTools) -> None:
    """Send the mail of the event that the job names to the owner that it names.

    Nothing is sent where the webhook is gone or enabled again, or the person is no owner any more. Run again, it sends
    the same mail. A server that is away is asked again for a day.
    """
    organization_id = job.organization_id
    if organization_id is None or "sequence" not in job.arguments or "userId" not in job.arguments:
        message = "tell_of_webhook needs an organization, an event and an owner"
        raise BadUserInputError(message)
    log = structlog.stdlib.get_logger(__name__).bind(organization_id=str(organization_id))
    sequence, user_id = int(job.arguments["sequence"]), UUID(job.arguments["userId"])
    found = await _read(job, organization_id, sequence, user_id)
    if found is None:
        return
    event, user, organization = found
    letter = letter_of(user["name"], organization["name"], event["data"])
    name = f"webhook-{organization_id}-{sequence}-{user_id}"
    try:
        await tools.mailer.send(tools.message(name, user["email"], letter))
    except MailRefusedError as error:
        log.warning("webhook_mail_refused", reason=str(error))
    except MailNotSentError as error:
        again = next_try(event["occurred_at"], event["occurred_at"] + LIFE, now())
        if again is not None:
            async with job.database.write(organization_id) as session:
                await job.hold(session)
                await enqueue(session, TELL_JOB, organization_id, job.arguments, wake_at=again)
        log.warning("webhook_mail_not_sent", reason=str(error), again_at=again and again.isoformat())


async def _read(
    job: HeldJob, organization_id: UUID, sequence: int, user_id: UUID
) -> tuple[RowMapping, RowMapping, RowMapping] | None:
    """The event, whom to tell of it, and their organization; None where there is nothing to tell any more."""
    async with job.database.read(organization_id) as session:
        event = await activity.get_event(session, organization_id, sequence)
        if event is None or event["subject_id"] is None:
            return None
        webhook = await webhooks.get_webhook(session, organization_id, event["subject_id"])
        role = await memberships.role_of_user(session, organization_id, user_id)
        user = await users.get_user(session, user_id)
        living = await organizations.organizations_by_id(session, [organization_id])
    if webhook is None or webhook["state"] != WebhookState.DISABLED.value or role is not Role.OWNER or not living:
        return None
    # Anybody may register with another's address: what others have typed is sent to none that is not proven.
    return (event, user, living[0]) if user is not None and user["email_verified_at"] is not None else None


def letter_of(name: str, organization: str, told: Mapping[str, Any]) -> Letter:
    """The letter about an event of the kind WEBHOOK_DISABLED."""
    what = f"The webhook {told['name']} of the organization {organization} at Skyledger was disabled. {told['message']}"
    mend = (
        "It is sent nothing any more, and what happens meanwhile is not sent later. Its log has what was answered; "
        "when all is well there, an owner or admin enables it:"
    )
    call = Code("updateWebhook(input: {id: …, enabled: true})")
    return Letter(SUBJECT, (f"Hello {name},", what, mend, call, "You are told as an owner of the organization."))
