"""The job that sends a mail about somebody's sign-in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.identity_mails import LIVES, SEND_JOB, MailKind
from app.models import now
from app.notifications.identity_letters import letter_of
from app.notifications.mailer import MailNotSentError, MailRefusedError, Message
from app.notifications.tools import MailTools, next_try
from app.queue import HeldJob, enqueue
from app.repositories import identity_mails, users


async def send_identity_mail(job: HeldJob, tools: MailTools) -> None:
    """Send the mail that the job names, unless it was sent, is too old, or the address has no account that needs it.

    Run again, it sends the same mail with the same token. A server that is away is asked again until the token ends.
    """
    mail_id = UUID(job.arguments["mailId"])
    log = structlog.stdlib.get_logger(__name__).bind(mail_id=str(mail_id))
    async with job.database.system() as session:
        await job.hold(session)
        mail = await identity_mails.get_mail(session, mail_id)
        if mail is None or mail["sent_at"] is not None or mail["used_at"] is not None or mail["expires_at"] <= now():
            return
        user = await _recipient(session, mail)
        if user is None:
            await identity_mails.delete_mail(session, mail_id)
            return
        if user["id"] is not None:
            await identity_mails.belongs_to(session, mail_id, user["id"])
    try:
        await tools.mailer.send(_message(tools, mail, user))
    except MailRefusedError as error:
        log.warning("identity_mail_refused", kind=mail["kind"], reason=str(error))
        return
    except MailNotSentError as error:
        again = await _try_again(job, mail)
        log.warning("identity_mail_not_sent", kind=mail["kind"], reason=str(error), again_at=again)
        return
    async with job.database.system() as session:
        await job.hold(session)
        if mail["kind"] == MailKind.ACCOUNT_ERASED:
            await identity_mails.delete_mail(session, mail_id)  # the address is the last thing that is known
        else:
            await identity_mails.mark_sent(session, mail_id)


async def _recipient(session: AsyncSession, mail: RowMapping) -> Mapping[Any, Any] | None:
    """Whom a mail is for; None where it has become, or always was, nobody's."""
    if mail["kind"] == MailKind.ACCOUNT_ERASED:
        return {"id": None, "name": "", "email_verified_at": None}  # the last mail to somebody who is gone
    if mail["kind"] not in {MailKind.VERIFY_EMAIL, MailKind.RESET_PASSWORD}:
        return await users.get_user(session, mail["user_id"])
    user = await users.sign_in_row(session, mail["email"])
    verified = user is not None and user["email_verified_at"] is not None
    return None if verified and mail["kind"] == MailKind.VERIFY_EMAIL else user


def _message(tools: MailTools, mail: RowMapping, user: Mapping[Any, Any]) -> Message:
    kind = MailKind(mail["kind"])
    token = tools.tokens.make(kind, mail["id"]) if kind in LIVES else None
    name = user["name"] if user["email_verified_at"] is not None and kind is not MailKind.CHANGE_EMAIL else None
    letter = letter_of(kind, name, token, tools.public_url)
    return tools.message(str(mail["id"]), mail["email"], letter)


async def _try_again(job: HeldJob, mail: RowMapping) -> str | None:
    """Queue the mail for later; returns when, None where its token will have ended."""
    later = next_try(mail["created_at"], mail["expires_at"], now())
    if later is None:
        return None
    async with job.database.system() as session:
        await job.hold(session)
        await enqueue(session, SEND_JOB, None, job.arguments, wake_at=later)
    return later.isoformat()
